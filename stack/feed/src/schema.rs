//! What an event is in Avro, as it is written: the schema, and the rows that have its form.
//! Source: "Change feed support in Azure Blob Storage". Microsoft's reader for Java takes a record only under the name `BlobChangeEvent`,
//! its data only under `BlobChangeEventData`, both without a namespace.

use crate::{time, words};
use apache_avro::Schema;
use greenroom_model::feed::{BlobEvent, BlobType, EventKind};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The version whose fields we have; later ones promise blob versions and tiers.
pub(crate) const SCHEMA_VERSION: i32 = 1;
/// Longest text of what clients send along, in bytes: a header that was taken can always be told of, if not to its end.
pub(crate) const TOLD_BYTES_MAX: usize = 8 * 1024;

pub(crate) static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::parse_str(SCHEMA_TEXT).expect("the schema below is a schema"));

const SCHEMA_TEXT: &str = r#"{
  "type": "record",
  "name": "BlobChangeEvent",
  "fields": [
    {"name": "schemaVersion", "type": "int"},
    {"name": "topic", "type": "string"},
    {"name": "subject", "type": "string"},
    {"name": "eventType", "type": {"type": "enum", "name": "EventType", "symbols": [
      "UnspecifiedEventType", "BlobCreated", "BlobDeleted", "BlobPropertiesUpdated", "BlobSnapshotCreated", "Control",
      "BlobTierChanged", "BlobAsyncOperationInitiated"
    ]}},
    {"name": "eventTime", "type": "string"},
    {"name": "id", "type": "string"},
    {"name": "data", "type": {"type": "record", "name": "BlobChangeEventData", "fields": [
      {"name": "api", "type": "string"},
      {"name": "clientRequestId", "type": "string"},
      {"name": "requestId", "type": "string"},
      {"name": "etag", "type": "string"},
      {"name": "contentType", "type": "string"},
      {"name": "contentLength", "type": "long"},
      {"name": "blobType", "type": {"type": "enum", "name": "BlobType", "symbols": [
        "UnspecifiedBlobType", "BlockBlob", "PageBlob", "AppendBlob"
      ]}},
      {"name": "url", "type": "string"},
      {"name": "sequencer", "type": "string"},
      {"name": "previousInfo", "type": ["null", {"type": "map", "values": "string"}]}
    ]}}
  ]
}"#;

/// An event in the order and under the names of the schema.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row<'a> {
    schema_version: i32,
    topic: String,
    subject: String,
    event_type: WrittenKind,
    event_time: String,
    id: String,
    data: RowData<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RowData<'a> {
    api: &'a str,
    client_request_id: &'a str,
    request_id: &'a str,
    etag: String,
    content_type: &'a str,
    content_length: i64,
    blob_type: WrittenType,
    url: &'a str,
    sequencer: String,
    previous_info: Option<BTreeMap<String, String>>,
}

/// The symbols of `eventType`, in its order: Avro writes their numbers. They are the names in `words`.
#[derive(Debug, Serialize)]
enum WrittenKind {
    #[expect(dead_code, reason = "holds its number")]
    UnspecifiedEventType,
    BlobCreated,
    BlobDeleted,
    BlobPropertiesUpdated,
    BlobSnapshotCreated,
    Control,
    BlobTierChanged,
}

/// The symbols of `blobType`, in its order.
#[derive(Debug, Serialize)]
enum WrittenType {
    #[expect(dead_code, reason = "holds its number")]
    UnspecifiedBlobType,
    BlockBlob,
    PageBlob,
}

impl<'a> Row<'a> {
    pub(crate) fn of(event: &'a BlobEvent) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            topic: words::topic(&event.account),
            subject: event.blob.as_ref().map_or_else(String::new, |blob| words::subject(&event.container, blob)),
            event_type: WrittenKind::of(event.kind),
            event_time: time::of_event(event.at_us),
            id: id_of(event.sequence),
            data: RowData::of(event),
        }
    }
}

impl<'a> RowData<'a> {
    fn of(event: &'a BlobEvent) -> Self {
        Self {
            api: clipped(&event.cause.api),
            client_request_id: clipped(&event.cause.client_request_id),
            request_id: clipped(&event.cause.request_id),
            etag: words::etag(event),
            content_type: clipped(&event.content_type),
            // Avro's integers have a sign; no blob is of 8 EiB.
            content_length: i64::try_from(event.content_length).unwrap_or(i64::MAX),
            blob_type: WrittenType::of(event.blob_type),
            // As Azure leaves it: the blob's name is in the subject.
            url: "",
            sequencer: words::sequencer(event),
            previous_info: None,
        }
    }
}

impl WrittenKind {
    fn of(kind: EventKind) -> Self {
        match kind {
            EventKind::Created => Self::BlobCreated,
            EventKind::Deleted => Self::BlobDeleted,
            EventKind::PropertiesUpdated => Self::BlobPropertiesUpdated,
            EventKind::SnapshotCreated => Self::BlobSnapshotCreated,
            EventKind::TierChanged => Self::BlobTierChanged,
            EventKind::Control => Self::Control,
        }
    }
}

impl WrittenType {
    fn of(blob_type: BlobType) -> Self {
        match blob_type {
            BlobType::Block => Self::BlockBlob,
            BlobType::Page => Self::PageBlob,
        }
    }
}

/// A number in the form of a UUID, the same for the same number.
pub(crate) fn id_of(number: u64) -> String {
    let digits = format!("{number:032x}");
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}

fn clipped(text: &str) -> &str {
    &text[..text.floor_char_boundary(TOLD_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_has_its_id() {
        assert_eq!(id_of(0x0123_4567_89AB_CDEF), "00000000-0000-0000-0123-456789abcdef");
    }

    #[test]
    fn symbols_are_the_names_of_kinds_and_types() {
        for name in
            ["BlobCreated", "BlobDeleted", "BlobPropertiesUpdated", "BlobSnapshotCreated", "Control", "BlobTierChanged"]
        {
            let kind = words::kind_of(name).expect("a kind of ours");
            assert_eq!(serde_json::to_value(WrittenKind::of(kind)).unwrap(), words::kind(kind));
        }
        for blob_type in [BlobType::Block, BlobType::Page] {
            assert_eq!(serde_json::to_value(WrittenType::of(blob_type)).unwrap(), words::blob_type(blob_type));
        }
    }

    #[test]
    fn a_text_is_cut_between_two_characters() {
        assert_eq!(clipped(&"é".repeat(TOLD_BYTES_MAX)).len(), TOLD_BYTES_MAX);
        let odd = format!("x{}", "é".repeat(TOLD_BYTES_MAX));
        assert_eq!(clipped(&odd).len(), TOLD_BYTES_MAX - 1);
        assert_eq!(clipped("short"), "short");
    }
}
