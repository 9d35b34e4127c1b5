//! The request headers that several operations share: conditions, ranges, metadata, tags, checksums, content headers.

use crate::error::{Code, Error};
use crate::head::Head;
use crate::spelling::METADATA;
use crate::{tag_query, time, xml};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_store::{
    Access, BlobProps, ContainerProps, ETag, ETags, HttpHeaders, LeaseId, Metadata, Precondition, StoreError, Tier,
    Timestamp,
};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, Method};
use std::ops::Range;

/// Echoed where the client names no version: the newest one that the gateway was written against.
pub const VERSION: &str = "2025-07-05";
/// Azure's limit on the names and values of one object's metadata together.
const METADATA_BYTES_MAX: usize = 8 * 1024;
/// The conditional headers.
pub fn precondition(head: &Head) -> Result<Precondition, Error> {
    let names = Conditions {
        if_match: "if-match",
        if_none_match: "if-none-match",
        if_modified_since: "if-modified-since",
        if_unmodified_since: "if-unmodified-since",
        if_tags: "x-ms-if-tags",
        lease: "x-ms-lease-id",
    };
    names.read(head)
}

/// The conditional headers of operations on a blob's tags, whose own are of other things.
pub fn tag_precondition(head: &Head) -> Result<Precondition, Error> {
    let names = Conditions {
        if_match: "x-ms-blob-if-match",
        if_none_match: "x-ms-blob-if-none-match",
        if_modified_since: "x-ms-blob-if-modified-since",
        if_unmodified_since: "x-ms-blob-if-unmodified-since",
        if_tags: "x-ms-if-tags",
        lease: "x-ms-lease-id",
    };
    names.read(head)
}

/// The conditional headers of a deletion, which may look at the tier too.
pub fn deletion_precondition(head: &Head) -> Result<Precondition, Error> {
    Ok(Precondition {
        if_tier_modified_since: date(head, "x-ms-access-tier-if-modified-since")?,
        if_tier_unmodified_since: date(head, "x-ms-access-tier-if-unmodified-since")?,
        ..precondition(head)?
    })
}

/// The conditions on a copy source.
pub fn source_precondition(head: &Head) -> Result<Precondition, Error> {
    let names = Conditions {
        if_match: "x-ms-source-if-match",
        if_none_match: "x-ms-source-if-none-match",
        if_modified_since: "x-ms-source-if-modified-since",
        if_unmodified_since: "x-ms-source-if-unmodified-since",
        if_tags: "x-ms-source-if-tags",
        lease: "x-ms-source-lease-id",
    };
    names.read(head)
}

/// The headers that hold the conditions on one thing.
struct Conditions {
    if_match: &'static str,
    if_none_match: &'static str,
    if_modified_since: &'static str,
    if_unmodified_since: &'static str,
    if_tags: &'static str,
    lease: &'static str,
}

impl Conditions {
    fn read(self, head: &Head) -> Result<Precondition, Error> {
        Ok(Precondition {
            if_match: head.filled(self.if_match).map(ETags::parse),
            if_none_match: head.filled(self.if_none_match).map(ETags::parse_weak),
            if_modified_since: date(head, self.if_modified_since)?,
            if_unmodified_since: date(head, self.if_unmodified_since)?,
            lease: lease_id(head, self.lease)?,
            tags: head.filled(self.if_tags).map(tag_query::condition).transpose()?,
            ..Precondition::default()
        })
    }
}

/// A date of a condition. One that is none guards nothing: a read ignores it, as HTTP asks, and a write is refused.
fn date(head: &Head, name: &str) -> Result<Option<Timestamp>, Error> {
    let Some(text) = head.filled(name) else { return Ok(None) };
    let date = time::parse_http(text);
    if date.is_none() && head.method != Method::GET && head.method != Method::HEAD {
        return Err(Error::new(Code::InvalidHeaderValue, format!("{name} is no date.")));
    }
    Ok(date)
}

/// A header that names a lease.
pub fn lease_id(head: &Head, name: &str) -> Result<Option<LeaseId>, Error> {
    let Some(text) = head.filled(name) else { return Ok(None) };
    Ok(Some(LeaseId::parse(text).ok_or_else(|| Error::new(Code::InvalidHeaderValue, name))?))
}

/// Weighs the lease under which a container is read.
pub fn check_container_read(head: &Head, props: &ContainerProps, now: Timestamp) -> Result<(), Error> {
    let precondition = Precondition { lease: lease_id(head, "x-ms-lease-id")?, ..Precondition::default() };
    precondition.check(Some(props.into()), Access::Read, now).map_err(|unmet| StoreError::from(unmet).into())
}

/// Weighs the conditions of a read.
pub fn check_read(precondition: &Precondition, props: &BlobProps, now: Timestamp) -> Result<(), Error> {
    check_read_of(precondition, Some(props), now)
}

/// As `check_read`, where under the name nothing may be but staged blocks.
pub fn check_read_of(precondition: &Precondition, props: Option<&BlobProps>, now: Timestamp) -> Result<(), Error> {
    precondition.check(props.map(Into::into), Access::Read, now).map_err(|unmet| StoreError::from(unmet).into())
}

/// `x-ms-meta-*`. Names are C# identifiers, spelt as they were sent.
pub fn metadata(head: &Head) -> Result<Metadata, Error> {
    metadata_of(&head.headers, &head.spelt)
}

/// As `metadata`, of a source's reply too.
pub fn metadata_of(headers: &HeaderMap, spelt: &[String]) -> Result<Metadata, Error> {
    let mut metadata = Metadata::default();
    let (mut bytes, mut before): (usize, Option<&HeaderName>) = (0, None);
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix(METADATA) else { continue };
        let identifier = name.bytes().enumerate().all(|(at, byte)| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
            b'0'..=b'9' => at > 0,
            _ => false,
        });
        if name.is_empty() || !identifier {
            return Err(Error::new(Code::InvalidMetadata, format!("{name:?} is not an identifier.")));
        }
        if before.is_some_and(|before| before == header) {
            return Err(Error::new(Code::InvalidMetadata, format!("{name:?} is sent twice, if in different cases.")));
        }
        before = Some(header);
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| Code::InvalidMetadata)?.trim();
        if !xml::holds(value) {
            return Err(Error::new(Code::InvalidMetadata, format!("{name:?} holds a character that XML cannot.")));
        }
        bytes += name.len() + value.len();
        if bytes > METADATA_BYTES_MAX {
            return Err(Code::MetadataTooLarge.into());
        }
        let spelt = spelt.iter().find(|spelt| spelt.eq_ignore_ascii_case(header.as_str()));
        let name = spelt.map_or(name, |spelt| &spelt[METADATA.len()..]);
        metadata.insert(name.to_owned(), value.to_owned());
    }
    Ok(metadata)
}

/// The properties that a write stores: `x-ms-blob-*` first, then, where `plain` says so, the header of the request itself.
pub fn content_headers(head: &Head, plain: Plain) -> Result<HttpHeaders, Error> {
    let of = |own: &str, name: &str| {
        let fallback = || head.filled(name).filter(|_| plain == Plain::Counts);
        match head.filled(own).or_else(fallback) {
            // It could not be listed.
            Some(text) if !xml::holds(text) => Err(Error::new(Code::InvalidHeaderValue, own)),
            text => Ok(text.map(str::to_owned)),
        }
    };
    Ok(HttpHeaders {
        content_type: of("x-ms-blob-content-type", "content-type")?,
        content_encoding: of("x-ms-blob-content-encoding", "content-encoding")?,
        content_language: of("x-ms-blob-content-language", "content-language")?,
        content_disposition: of("x-ms-blob-content-disposition", "x-ms-blob-content-disposition")?,
        cache_control: of("x-ms-blob-cache-control", "cache-control")?,
        content_md5: md5(head, "x-ms-blob-content-md5")?,
    })
}

/// Whether `Content-Type` and its kin describe the blob, or only this request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plain {
    Counts,
    Ignored,
}

/// A header that holds an MD5 in Base64.
pub fn md5(head: &Head, name: &str) -> Result<Option<[u8; 16]>, Error> {
    let Some(text) = head.filled(name) else { return Ok(None) };
    Ok(Some(md5_of(text).ok_or_else(|| Error::new(Code::InvalidMd5, name))?))
}

pub fn md5_of(text: &str) -> Option<[u8; 16]> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A header that holds a CRC-64/NVME, little-endian, in Base64.
pub fn crc64(head: &Head, name: &str) -> Result<Option<u64>, Error> {
    let Some(text) = head.filled(name) else { return Ok(None) };
    let bytes = BASE64_STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    Ok(Some(u64::from_le_bytes(bytes.ok_or_else(|| Error::new(Code::InvalidHeaderValue, name))?)))
}

pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

pub fn base64_crc64(crc: u64) -> String {
    BASE64_STANDARD.encode(crc.to_le_bytes())
}

/// `x-ms-access-tier`. With what priority a blob leaves the archive is all the same, for it can be read at once; but it is one of two.
pub fn tier(head: &Head) -> Result<Option<Tier>, Error> {
    let priority = "x-ms-rehydrate-priority";
    let known = |text: &str| ["standard", "high"].contains(&text.to_ascii_lowercase().as_str());
    if !head.filled(priority).is_none_or(known) {
        return Err(Error::new(Code::InvalidHeaderValue, priority));
    }
    let Some(text) = head.filled("x-ms-access-tier") else { return Ok(None) };
    match text.to_ascii_lowercase().as_str() {
        "hot" => Ok(Some(Tier::Hot)),
        "cool" => Ok(Some(Tier::Cool)),
        "cold" => Ok(Some(Tier::Cold)),
        "archive" => Ok(Some(Tier::Archive)),
        _ => Err(Error::new(Code::InvalidBlobTier, format!("{text:?}"))),
    }
}

pub fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Hot => "Hot",
        Tier::Cool => "Cool",
        Tier::Cold => "Cold",
        Tier::Archive => "Archive",
    }
}

/// What `x-ms-range`, or else `Range`, asks of content of `length` bytes; `None` for all of it.
/// Source: "Specifying the range header for Blob Storage operations". A `Range` that is not one is ignored, as HTTP asks.
pub fn range(head: &Head, length: u64) -> Result<Option<Range<u64>>, Error> {
    let parsed = match (head.filled("x-ms-range"), head.filled("range")) {
        (Some(text), _) => Some(parse_range(text).ok_or_else(|| Error::new(Code::InvalidHeaderValue, "x-ms-range"))?),
        (None, Some(text)) => parse_range(text),
        (None, None) => None,
    };
    let Some((first, last)) = parsed else { return Ok(None) };
    if first >= length {
        return Err(Error::past_the_end(length));
    }
    Ok(Some(first..last.map_or(length, |last| last.saturating_add(1).min(length))))
}

/// Whether a range may be answered: not where `If-Range` names another version, to whose parts this one's would not fit.
pub fn range_stands(head: &Head, props: &BlobProps) -> bool {
    let Some(text) = head.filled("if-range") else { return true };
    match ETag::parse(text) {
        Some(etag) => etag == props.etag,
        None => time::parse_http(text).is_some_and(|at| at.seconds() == props.modified.seconds()),
    }
}

/// `bytes=first-[last]`, last included. Azure knows no suffix ranges.
pub fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let first: u64 = number(first.trim())?;
    let last: Option<u64> = match last.trim() {
        "" => None,
        last => Some(number(last)?),
    };
    last.is_none_or(|last| last >= first).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_azures() {
        for (text, range) in [
            ("bytes=0-9", Some((0, Some(9)))),
            ("bytes=5-", Some((5, None))),
            ("bytes=0-18446744073709551615", Some((0, Some(u64::MAX)))),
            ("bytes=-5", None),
            ("bytes=9-5", None),
            ("bytes=0-1,4-5", None),
            ("bytes=+1-5", None),
            ("bytes=99999999999999999999-", None),
            ("lines=0-1", None),
            ("bytes=", None),
        ] {
            assert_eq!(parse_range(text), range, "{text}");
        }
    }
}
