//! What the operations on page blobs share: ranges of whole pages, conditions on the sequence number, and the reply to a write.

use crate::error::{Code, Error};
use crate::head::Head;
use crate::headers;
use crate::reply::Reply;
use greenroom_store::{BlobKind, BlobProps, PAGE_BLOB_BYTES_MAX, PAGE_BYTES, PageSequence};
use http::StatusCode;
use std::ops::Range;

/// Azure's limit on one Put Page.
pub const WRITE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Azure's largest sequence number.
const SEQUENCE_MAX: u64 = i64::MAX as u64;

/// The pages that a write names by `x-ms-range`, or else by `Range`.
pub fn range(head: &Head) -> Result<Range<u64>, Error> {
    let text = head.filled("x-ms-range").or_else(|| head.filled("range"));
    let text = text.ok_or_else(|| Error::new(Code::MissingRequiredHeader, "x-ms-range"))?;
    let (first, last) = headers::parse_range(text).ok_or_else(|| Error::new(Code::InvalidHeaderValue, "x-ms-range"))?;
    let last = last.ok_or_else(|| Error::new(Code::InvalidHeaderValue, "x-ms-range has no end."))?;
    let end = last.checked_add(1).filter(|end| end.is_multiple_of(PAGE_BYTES) && first.is_multiple_of(PAGE_BYTES));
    Ok(first..end.ok_or(Code::InvalidPageRange)?)
}

/// `x-ms-if-sequence-number-*`.
pub fn sequence(head: &Head) -> Result<PageSequence, Error> {
    Ok(PageSequence {
        at_most: number(head, "x-ms-if-sequence-number-le")?,
        below: number(head, "x-ms-if-sequence-number-lt")?,
        equals: number(head, "x-ms-if-sequence-number-eq")?,
    })
}

/// A header that holds a sequence number.
pub fn number(head: &Head, name: &str) -> Result<Option<u64>, Error> {
    let Some(text) = head.filled(name) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| *number <= SEQUENCE_MAX);
    Ok(Some(number.ok_or_else(|| Error::new(Code::InvalidHeaderValue, name))?))
}

/// `x-ms-blob-content-length`: of whole pages.
pub fn length(head: &Head) -> Result<Option<u64>, Error> {
    let name = "x-ms-blob-content-length";
    let Some(text) = head.filled(name) else { return Ok(None) };
    let length: Option<u64> = text.parse().ok();
    let length = length.filter(|length| length.is_multiple_of(PAGE_BYTES) && *length <= PAGE_BLOB_BYTES_MAX);
    let bad = || Error::new(Code::InvalidHeaderValue, format!("{name} is a multiple of {PAGE_BYTES}, up to 8 TiB."));
    Ok(Some(length.ok_or_else(bad)?))
}

pub fn written(status: StatusCode, props: &BlobProps) -> Reply {
    sequence_header(Reply::new(status).version(&props.etag, props.modified), props)
}

pub fn sequence_header(reply: Reply, props: &BlobProps) -> Reply {
    match props.kind {
        BlobKind::Page { sequence, .. } => reply.header("x-ms-blob-sequence-number", &sequence.to_string()),
        BlobKind::Block => reply,
    }
}
