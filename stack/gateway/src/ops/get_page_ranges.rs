//! Get Page Ranges: where pages of a page blob or of a snapshot of it have been written, or how they differ from an earlier snapshot.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::reply::Reply;
use crate::source::Url;
use crate::target::Target;
use crate::{headers, query, time, xml};
use greenroom_store::{Blob, BlobKind, Change, PageChange, StoreError, Timestamp};
use std::ops::Range;

/// Azure's largest page of ranges.
const RANGES_MAX: usize = 10_000;
/// Written without a pause: less than a millisecond's work.
const RANGES_A_TURN: usize = 1_000;
const PREVIOUS_URL: &str = "x-ms-previous-snapshot-url";

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let query = &call.head.query;
    let max = match query.filled("maxresults") {
        None => RANGES_MAX,
        Some(text) => match text.parse::<usize>() {
            Ok(max) if max > 0 => max.min(RANGES_MAX),
            _ => return Err(Error::new(Code::OutOfRangeQueryParameterValue, "maxresults")),
        },
    };
    let marker = query.filled("marker").map(|text| text.parse::<u64>().map_err(|_| Code::InvalidMarker)).transpose()?;
    let previous = previous(call)?;
    let precondition = headers::precondition(&call.head)?;
    let blob = call.find_blob().await?;
    headers::check_read(&precondition, &blob.props, call.now)?;
    if blob.props.kind == BlobKind::Block {
        return Err(Code::InvalidBlobType.into());
    }
    let props = blob.props.clone();
    let range = headers::range(&call.head, props.length)?.unwrap_or(0..props.length);
    let range = marker.map_or(range.start, |at| at.max(range.start))..range.end;
    let document = match previous {
        None => written(call, blob, range, max).await?,
        Some(previous) => changed(call, blob, previous, range, max).await?,
    };
    Ok(Reply::xml(document)
        .version(&props.etag, props.modified)
        .header("x-ms-blob-content-length", &props.length.to_string()))
}

/// The snapshot that pages are to be compared with: by its moment, or by its URL. It is one of this blob, and not younger than what
/// is asked about.
fn previous(call: &Call) -> Result<Option<Timestamp>, Error> {
    let bad_url = || Error::new(Code::InvalidHeaderValue, format!("{PREVIOUS_URL} names no snapshot of this blob."));
    let by_time = call.head.query.filled("prevsnapshot");
    let bad_time = || Error::new(Code::InvalidQueryParameterValue, "prevsnapshot");
    let by_time = by_time.map(|text| time::parse_iso(text).ok_or_else(bad_time));
    let by_url = call.head.filled(PREVIOUS_URL).map(|text| {
        let url = Url::parse(text).ok_or_else(bad_url)?;
        let target = Target::parse(url.authority(), url.uri().path()).map_err(|_| bad_url())?;
        let snapshot = query::Query::parse(url.uri().query().unwrap_or_default())?;
        let at = snapshot.filled("snapshot").and_then(time::parse_iso);
        at.filter(|_| target.place == call.head.target.place).ok_or_else(bad_url)
    });
    let previous = match (by_time.transpose()?, by_url.transpose()?) {
        (Some(_), Some(_)) => {
            let why = format!("{PREVIOUS_URL} and prevsnapshot name one snapshot each.");
            return Err(Error::new(Code::InvalidHeaderValue, why));
        }
        (previous, None) | (None, previous) => previous,
    };
    match (previous, call.snapshot()?) {
        (Some(previous), Some(own)) if previous > own => Err(Code::PreviousSnapshotCannotBeNewer.into()),
        (previous, _) => Ok(previous),
    }
}

async fn written(call: &mut Call, blob: Blob, range: Range<u64>, max: usize) -> Result<String, Error> {
    let found = blob.page_ranges(range, max).await?;
    let ranges = found.ranges.into_iter().map(|range| ("PageRange", range));
    Ok(document(call, ranges.collect(), found.next).await)
}

async fn changed(
    call: &mut Call,
    blob: Blob,
    previous: Timestamp,
    range: Range<u64>,
    max: usize,
) -> Result<String, Error> {
    let found = blob.page_changes(previous, range, max).await.map_err(|error| match error {
        StoreError::BlobMissing => Code::PreviousSnapshotNotFound.into(),
        StoreError::BlobKind => Code::PreviousSnapshotOperationNotSupported.into(),
        other => Error::from(other),
    })?;
    let named = |PageChange { change, range }| match change {
        Change::Written => ("PageRange", range),
        Change::Cleared => ("ClearRange", range),
    };
    Ok(document(call, found.found.into_iter().map(named).collect(), found.next).await)
}

async fn document(call: &mut Call, ranges: Vec<(&'static str, Range<u64>)>, next: Option<u64>) -> String {
    let mut doc = xml::Document::new();
    doc.open("PageList");
    for part in ranges.chunks(RANGES_A_TURN) {
        call.body.turn().await;
        for (tag, range) in part {
            doc.open(tag);
            doc.text("Start", &range.start.to_string());
            doc.text("End", &(range.end - 1).to_string());
            doc.close(tag);
        }
    }
    doc.text("NextMarker", &next.map(|next| next.to_string()).unwrap_or_default());
    doc.close("PageList");
    doc.finish()
}
