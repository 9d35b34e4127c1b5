//! What the store knows of a blob, as headers and as XML: the two ways in which the protocol tells it.

use crate::error::{Code, Error};
use crate::listing::Asked;
use crate::reply::Reply;
use crate::spelling::METADATA;
use crate::{headers, page, sealing, time, xml};
use greenroom_store::{
    BlobKind, BlobProps, Encryption, HttpHeaders, Lease, LeaseState, LeaseTerm, Metadata, Tags, Tier, Timestamp,
};

/// What Azure stores where a writer names no type.
pub const CONTENT_TYPE_DEFAULT: &str = "application/octet-stream";
/// What is kept of a type that was cleared, which is told no more: that is another thing than none having been named.
/// Source: "Set Blob Properties".
pub const NO_CONTENT_TYPE: &str = "";
/// What Azure says of a blob for which no tier was set.
const TIER_DEFAULT: Tier = Tier::Hot;

/// Whether a reply carries the whole content or a part, which decides under which name the MD5 of the whole goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Whole,
    Part,
}

/// Err: `BlobArchived`. As on Azure, content in the archive is read once another tier has been set; here that takes no time.
pub fn check_readable(props: &BlobProps) -> Result<(), Error> {
    if props.tier == Some(Tier::Archive) { Err(Code::BlobArchived.into()) } else { Ok(()) }
}

/// The headers of Get Blob and Get Blob Properties. `overrides` are those that a SAS prescribes.
pub fn blob_headers(
    reply: Reply,
    props: &BlobProps,
    now: Timestamp,
    extent: Extent,
    overrides: &[(&'static str, String)],
) -> Reply {
    let http = &props.headers;
    let md5 = http.content_md5.map(|md5| headers::base64(&md5));
    let md5_name = match extent {
        Extent::Whole => "content-md5",
        Extent::Part => "x-ms-blob-content-md5",
    };
    let reply = metadata_headers(reply.version(&props.etag, props.modified), &props.metadata)
        .header_if("content-type", Some(content_type(http)).filter(|kind| *kind != NO_CONTENT_TYPE))
        .header_if("content-encoding", http.content_encoding.as_deref())
        .header_if("content-language", http.content_language.as_deref())
        .header_if("content-disposition", http.content_disposition.as_deref())
        .header_if("cache-control", http.cache_control.as_deref())
        .header_if(md5_name, md5.as_deref())
        .header("accept-ranges", "bytes")
        .header("x-ms-blob-type", kind_name(props))
        .header("x-ms-creation-time", &time::http(props.created));
    let reply = sealing::kept(reply, props.encryption.as_ref());
    let reply = page::sequence_header(copy_headers(reply, props), props);
    let tags = Some(props.tags.len()).filter(|&count| count > 0).map(|count| count.to_string());
    let reply = lease_headers(reply, &props.lease, now).header_if("x-ms-tag-count", tags.as_deref());
    overrides.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
}

/// The tier, which Get Blob Properties tells and Get Blob does not.
pub fn tier_headers(reply: Reply, props: &BlobProps) -> Reply {
    let name = tier_name(props);
    let inferred = name.filter(|_| props.tier.is_none()).map(|_| "true");
    reply.header_if("x-ms-access-tier", name).header_if("x-ms-access-tier-inferred", inferred)
}

pub fn metadata_headers(reply: Reply, metadata: &Metadata) -> Reply {
    metadata.iter().fold(reply, |reply, (name, value)| reply.spelt(format!("{METADATA}{name}"), value))
}

/// The `Properties` of one blob in a listing.
pub fn blob_xml(doc: &mut xml::Document, props: &BlobProps, include_copy: Asked, now: Timestamp) {
    let http = &props.headers;
    doc.open("Properties");
    doc.text("Creation-Time", &time::http(props.created));
    doc.text("Last-Modified", &time::http(props.modified));
    doc.text("Etag", &props.etag.to_string());
    doc.text("Content-Length", &props.length.to_string());
    doc.text("Content-Type", content_type(http));
    doc.text("Content-Encoding", http.content_encoding.as_deref().unwrap_or(""));
    doc.text("Content-Language", http.content_language.as_deref().unwrap_or(""));
    doc.text("Content-CRC64", "");
    doc.text("Content-MD5", &http.content_md5.map(|md5| headers::base64(&md5)).unwrap_or_default());
    doc.text("Cache-Control", http.cache_control.as_deref().unwrap_or(""));
    doc.text("Content-Disposition", http.content_disposition.as_deref().unwrap_or(""));
    if let BlobKind::Page { sequence, .. } = props.kind {
        doc.text("x-ms-blob-sequence-number", &sequence.to_string());
    }
    doc.text("BlobType", kind_name(props));
    doc.text_if("AccessTier", tier_name(props));
    doc.text_if("AccessTierInferred", tier_name(props).filter(|_| props.tier.is_none()).map(|_| "true"));
    lease_xml(doc, &props.lease, now);
    sealing::kept_xml(doc, props.encryption.as_ref());
    if include_copy == Asked::Yes {
        copy_xml(doc, props);
    }
    if !props.tags.is_empty() {
        doc.text("TagCount", &props.tags.len().to_string());
    }
    doc.close("Properties");
}

fn content_type(http: &HttpHeaders) -> &str {
    http.content_type.as_deref().unwrap_or(CONTENT_TYPE_DEFAULT)
}

fn kind_name(props: &BlobProps) -> &'static str {
    match props.kind {
        BlobKind::Block => "BlockBlob",
        BlobKind::Page { .. } => "PageBlob",
    }
}

/// The tier of a block blob; page blobs have none.
fn tier_name(props: &BlobProps) -> Option<&'static str> {
    match props.kind {
        BlobKind::Block => Some(headers::tier_name(props.tier.unwrap_or(TIER_DEFAULT))),
        BlobKind::Page { .. } => None,
    }
}

fn copy_headers(reply: Reply, props: &BlobProps) -> Reply {
    let Some(copy) = &props.copy else { return reply };
    reply
        .header("x-ms-copy-id", &copy.id)
        .header("x-ms-copy-source", &copy.source)
        .header("x-ms-copy-status", "success")
        .header("x-ms-copy-progress", &format!("{0}/{0}", props.length))
        .header("x-ms-copy-completion-time", &time::http(copy.completed))
}

fn copy_xml(doc: &mut xml::Document, props: &BlobProps) {
    let Some(copy) = &props.copy else { return };
    doc.text("CopyId", &copy.id);
    doc.text("CopyStatus", "success");
    doc.text("CopySource", &copy.source);
    doc.text("CopyProgress", &format!("{0}/{0}", props.length));
    doc.text("CopyCompletionTime", &time::http(copy.completed));
}

/// Status, state and, while it is held, the kind of lease.
fn lease_words(lease: &Lease, now: Timestamp) -> (&'static str, &'static str, Option<&'static str>) {
    match lease.state(now) {
        LeaseState::Available => ("unlocked", "available", None),
        LeaseState::Leased(LeaseTerm::Infinite) => ("locked", "leased", Some("infinite")),
        LeaseState::Leased(LeaseTerm::Seconds(_)) => ("locked", "leased", Some("fixed")),
        LeaseState::Expired => ("unlocked", "expired", None),
        LeaseState::Breaking => ("locked", "breaking", None),
        LeaseState::Broken => ("unlocked", "broken", None),
    }
}

pub fn lease_headers(reply: Reply, lease: &Lease, now: Timestamp) -> Reply {
    let (status, state, duration) = lease_words(lease, now);
    let reply = reply.header("x-ms-lease-status", status).header("x-ms-lease-state", state);
    reply.header_if("x-ms-lease-duration", duration)
}

pub fn lease_xml(doc: &mut xml::Document, lease: &Lease, now: Timestamp) {
    let (status, state, duration) = lease_words(lease, now);
    doc.text("LeaseStatus", status);
    doc.text("LeaseState", state);
    doc.text_if("LeaseDuration", duration);
}

/// As `metadata_xml`, of a blob. Of one that is encrypted with a customer's key it is told to whoever has the key.
pub fn blob_metadata_xml(doc: &mut xml::Document, props: &BlobProps) {
    match &props.encryption {
        Some(Encryption::Customer(_)) => {
            doc.open_with("Metadata", &[("Encrypted", "true")]);
            doc.close("Metadata");
        }
        Some(Encryption::Scope(_)) | None => metadata_xml(doc, &props.metadata),
    }
}

pub fn metadata_xml(doc: &mut xml::Document, metadata: &Metadata) {
    if metadata.is_empty() {
        return doc.text("Metadata", "");
    }
    doc.open("Metadata");
    for (name, value) in metadata {
        doc.entry(name, value);
    }
    doc.close("Metadata");
}

pub fn tags_xml(doc: &mut xml::Document, tags: &Tags) {
    doc.open("Tags");
    doc.open("TagSet");
    for (name, value) in tags {
        doc.open("Tag");
        doc.text("Key", name);
        doc.text("Value", value);
        doc.close("Tag");
    }
    doc.close("TagSet");
    doc.close("Tags");
}
