//! Get Page Ranges: where pages of a page blob or of a snapshot of it have been written.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::reply::Reply;
use crate::{headers, xml};
use greenroom_store::BlobKind;

/// Azure's largest page of ranges.
const RANGES_MAX: usize = 10_000;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let query = &call.head.query;
    if query.filled("prevsnapshot").is_some() || call.head.filled("x-ms-previous-snapshot-url").is_some() {
        return Err(Error::new(Code::OperationNotSupported, "(page ranges that differ between snapshots)"));
    }
    let max = match query.filled("maxresults") {
        None => RANGES_MAX,
        Some(text) => match text.parse::<usize>() {
            Ok(max) if max > 0 => max.min(RANGES_MAX),
            _ => return Err(Error::new(Code::OutOfRangeQueryParameterValue, "maxresults")),
        },
    };
    let marker = query.filled("marker").map(|text| text.parse::<u64>().map_err(|_| Code::InvalidMarker)).transpose()?;
    let precondition = headers::precondition(&call.head)?;
    let blob = call.find_blob().await?;
    headers::check_read(&precondition, &blob.props, call.now)?;
    if blob.props.kind == BlobKind::Block {
        return Err(Code::InvalidBlobType.into());
    }
    let props = blob.props.clone();
    let range = headers::range(&call.head, props.length)?.unwrap_or(0..props.length);
    let found = blob.page_ranges(marker.map_or(range.start, |at| at.max(range.start))..range.end, max).await?;
    let mut doc = xml::Document::new();
    doc.open("PageList");
    for range in found.ranges {
        doc.open("PageRange");
        doc.text("Start", &range.start.to_string());
        doc.text("End", &(range.end - 1).to_string());
        doc.close("PageRange");
    }
    doc.text("NextMarker", &found.next.map(|next| next.to_string()).unwrap_or_default());
    doc.close("PageList");
    Ok(Reply::xml(doc.finish())
        .version(&props.etag, props.modified)
        .header("x-ms-blob-content-length", &props.length.to_string()))
}
