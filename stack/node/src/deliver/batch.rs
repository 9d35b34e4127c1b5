//! What is posted to a webhook: events in the JSON of CloudEvents, or as Azure Event Grid posts them. Pure.
//! Sources: "Azure Blob Storage as an Event Grid source", "CloudEvents v1.0 schema with Azure Event Grid", and CloudEvents' own JSON format.

use greenroom_gateway::time;
use greenroom_model::BlobName;
use greenroom_model::feed::{BlobEvent, BlobType, EVENTS_A_PAGE_MAX, EventKind, Shape};
use greenroom_store::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// Azure's own posts are no longer. One event that is longer goes alone.
const BODY_BYTES_MAX: usize = 1 << 20;
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Events that are posted together.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// `None` where none of them is of a blob: there is nothing to post.
    pub body: Option<Vec<u8>>,
    /// The sink has all up to this event once the body is taken.
    pub last: u64,
}

/// As many of the events, from the first on, as one post takes; `None` where there are none. `blobs` is where blobs are: a URL without a slash
/// at its end.
pub fn batch(events: &[Arc<BlobEvent>], shape: Shape, blobs: &str) -> Option<Batch> {
    let (mut body, mut last) = (vec![b'['], None);
    for event in events.iter().take(EVENTS_A_PAGE_MAX) {
        if let Some(blob) = &event.blob {
            let written = written(event, blob, shape, blobs);
            let is_first = body.len() == 1;
            if !is_first && body.len() + written.len() + 2 > BODY_BYTES_MAX {
                break;
            }
            if !is_first {
                body.push(b',');
            }
            body.extend_from_slice(&written);
        }
        last = Some(event.sequence);
    }
    let is_empty = body.len() == 1;
    body.push(b']');
    last.map(|last| Batch { body: (!is_empty).then_some(body), last })
}

/// What an endpoint of Event Grid's kind is asked before anything else, with a code that it must give back.
pub fn validation(topic: &str, code: &str, now: Timestamp) -> Vec<u8> {
    let event = json!([{
        "topic": topic,
        "subject": "",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "id": code,
        "data": { "validationCode": code },
        "dataVersion": "1",
        "metadataVersion": "1",
        "eventTime": time::iso(now),
    }]);
    event.to_string().into_bytes()
}

pub fn topic(account: &str) -> String {
    format!("/greenroom/storageAccounts/{account}")
}

#[derive(Serialize)]
struct CloudEvent<'e> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: String,
    time: String,
    datacontenttype: &'static str,
    data: Data<'e>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GridEvent<'e> {
    topic: String,
    subject: String,
    event_type: &'static str,
    id: String,
    data: Data<'e>,
    data_version: &'static str,
    metadata_version: &'static str,
    event_time: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'e> {
    api: &'e str,
    client_request_id: &'e str,
    request_id: &'e str,
    e_tag: String,
    content_type: &'e str,
    content_length: u64,
    blob_type: &'static str,
    url: String,
    sequencer: String,
    /// For Azure's own use; readers expect that it is there.
    storage_diagnostics: Nothing,
}

#[derive(Serialize)]
struct Nothing {}

fn written(event: &BlobEvent, blob: &BlobName, shape: Shape, blobs: &str) -> Vec<u8> {
    let id = event.sequence.to_string();
    let source = topic(event.account.as_str());
    let subject = format!("/blobServices/default/containers/{}/blobs/{blob}", event.container);
    let time = time::iso(Timestamp(event.at_us));
    let (kind, data) = (type_of(event.kind), data(event, blob, blobs));
    let written = match shape {
        Shape::CloudEvents => serde_json::to_vec(&CloudEvent {
            specversion: "1.0",
            id,
            source,
            kind,
            subject,
            time,
            datacontenttype: "application/json",
            data,
        }),
        Shape::EventGrid => serde_json::to_vec(&GridEvent {
            topic: source,
            subject,
            event_type: kind,
            id,
            data,
            data_version: "",
            metadata_version: "1",
            event_time: time,
        }),
    };
    written.expect("texts and numbers serialise")
}

fn data<'e>(event: &'e BlobEvent, blob: &BlobName, blobs: &str) -> Data<'e> {
    let path = utf8_percent_encode(blob.as_str(), KEPT);
    Data {
        api: &event.cause.api,
        client_request_id: &event.cause.client_request_id,
        request_id: &event.cause.request_id,
        e_tag: format!("0x{:X}", event.etag),
        content_type: &event.content_type,
        content_length: event.content_length,
        blob_type: match event.blob_type {
            BlobType::Block => "BlockBlob",
            BlobType::Page => "PageBlob",
        },
        url: format!("{blobs}/{}/{}/{path}", event.account, event.container),
        // Of one width, so that texts are in the order of their numbers: readers compare texts.
        sequencer: format!("{:032x}", event.sequence),
        storage_diagnostics: Nothing {},
    }
}

fn type_of(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Created => "Microsoft.Storage.BlobCreated",
        EventKind::Deleted => "Microsoft.Storage.BlobDeleted",
        EventKind::PropertiesUpdated => "Microsoft.Storage.BlobPropertiesUpdated",
        EventKind::SnapshotCreated => "Microsoft.Storage.BlobSnapshotCreated",
        EventKind::TierChanged => "Microsoft.Storage.BlobTierChanged",
        EventKind::Control => "Microsoft.Storage.Control",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_model::feed::Cause;
    use greenroom_model::{AccountName, ContainerName};
    use serde_json::Value;

    const BLOBS: &str = "http://127.0.0.1:10000";

    fn event(sequence: u64, kind: EventKind, blob: Option<&str>) -> Arc<BlobEvent> {
        Arc::new(BlobEvent {
            sequence,
            at_us: 1_645_102_781_400_310,
            kind,
            account: AccountName::new("acct").expect("a good name"),
            container: ContainerName::new("photos").expect("a good name"),
            blob: blob.map(|blob| BlobName::new(blob).expect("a good name")),
            cause: Cause { api: "PutBlob".into(), request_id: "r-1".into(), client_request_id: "c-1".into() },
            etag: 0x8D4_BCC2_E483_5CD0,
            content_type: "text/plain".into(),
            content_length: 7,
            blob_type: BlobType::Block,
        })
    }

    fn posted(events: &[Arc<BlobEvent>], shape: Shape) -> Value {
        let body = batch(events, shape, BLOBS).expect("there are some").body.expect("some are of blobs");
        serde_json::from_slice(&body).expect("JSON")
    }

    #[test]
    fn an_event_is_written_in_both_shapes() {
        let data = json!({
            "api": "PutBlob", "clientRequestId": "c-1", "requestId": "r-1", "eTag": "0x8D4BCC2E4835CD0",
            "contentType": "text/plain", "contentLength": 7, "blobType": "BlockBlob",
            "url": "http://127.0.0.1:10000/acct/photos/a/%C3%A9%20%23.txt",
            "sequencer": "000000000000000000000000000000ff", "storageDiagnostics": {},
        });
        let (topic, time) = ("/greenroom/storageAccounts/acct", "2022-02-17T12:59:41.4003100Z");
        let subject = "/blobServices/default/containers/photos/blobs/a/é #.txt";
        for (kind, name) in [
            (EventKind::Created, "Microsoft.Storage.BlobCreated"),
            (EventKind::Deleted, "Microsoft.Storage.BlobDeleted"),
            (EventKind::PropertiesUpdated, "Microsoft.Storage.BlobPropertiesUpdated"),
            (EventKind::SnapshotCreated, "Microsoft.Storage.BlobSnapshotCreated"),
            (EventKind::TierChanged, "Microsoft.Storage.BlobTierChanged"),
        ] {
            let events = [event(255, kind, Some("a/é #.txt"))];
            let cloud = json!([{
                "specversion": "1.0", "id": "255", "source": topic, "type": name, "subject": subject, "time": time,
                "datacontenttype": "application/json", "data": data,
            }]);
            assert_eq!(posted(&events, Shape::CloudEvents), cloud);
            let grid = json!([{
                "topic": topic, "subject": subject, "eventType": name, "id": "255", "data": data, "dataVersion": "",
                "metadataVersion": "1", "eventTime": time,
            }]);
            assert_eq!(posted(&events, Shape::EventGrid), grid);
        }
    }

    #[test]
    fn what_is_of_no_blob_is_passed_over_and_counts_as_taken() {
        let control = |sequence| event(sequence, EventKind::Control, None);
        assert_eq!(batch(&[], Shape::CloudEvents, BLOBS), None);
        assert_eq!(batch(&[control(4)], Shape::CloudEvents, BLOBS), Some(Batch { body: None, last: 4 }));
        let events = [control(4), event(5, EventKind::Created, Some("a")), control(6)];
        assert_eq!(posted(&events, Shape::EventGrid).as_array().map(Vec::len), Some(1));
        assert_eq!(batch(&events, Shape::EventGrid, BLOBS).map(|batch| batch.last), Some(6));
    }

    #[test]
    fn a_post_is_bounded_in_events_and_in_bytes() {
        let many: Vec<_> = (1..=600).map(|sequence| event(sequence, EventKind::Created, Some("a"))).collect();
        assert_eq!(posted(&many, Shape::CloudEvents).as_array().map(Vec::len), Some(EVENTS_A_PAGE_MAX));
        let long = |sequence| {
            let mut long = (*event(sequence, EventKind::Created, Some("a"))).clone();
            long.content_type = "x".repeat(300 * 1024);
            Arc::new(long)
        };
        let batch_of = |events: &[_]| batch(events, Shape::CloudEvents, BLOBS).expect("there are some");
        let first = batch_of(&[long(1), long(2), long(3), long(4), long(5)]);
        assert_eq!(first.last, 3);
        assert!(first.body.expect("a body").len() <= BODY_BYTES_MAX);
        let mut huge = (*long(7)).clone();
        huge.content_type = "x".repeat(2 << 20);
        assert_eq!(batch_of(&[Arc::new(huge), long(8)]).last, 7, "it goes alone, and is not stuck");
    }

    #[test]
    fn a_validation_carries_its_code() {
        let asked: Value = serde_json::from_slice(&validation("/t", "code", Timestamp(0))).expect("JSON");
        assert_eq!(asked[0]["eventType"], "Microsoft.EventGrid.SubscriptionValidationEvent");
        assert_eq!(asked[0]["data"]["validationCode"], "code");
        assert_eq!(asked[0]["eventTime"], "1970-01-01T00:00:00.0000000Z");
    }
}
