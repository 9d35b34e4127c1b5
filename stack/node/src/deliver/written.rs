//! An event as it is delivered: in the JSON of CloudEvents, or as Azure Event Grid posts it. Pure.
//! Sources: "Azure Blob Storage as an Event Grid source", "CloudEvents v1.0 schema with Azure Event Grid", and CloudEvents' own JSON format.

use greenroom_feed::words;
use greenroom_gateway::time;
use greenroom_model::feed::{BlobEvent, Shape};
use greenroom_model::{AccountName, BlobName};
use greenroom_store::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::json;

const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// `blobs` is where blobs are: a URL without a slash at its end.
pub fn written(event: &BlobEvent, blob: &BlobName, shape: Shape, blobs: &str) -> Vec<u8> {
    let id = event.sequence.to_string();
    let (source, subject) = (words::topic(&event.account), words::subject(&event.container, blob));
    let time = time::iso(Timestamp(event.at_us));
    let (kind, data) = (format!("Microsoft.Storage.{}", words::kind(event.kind)), data(event, blob, blobs));
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

/// What an endpoint of Event Grid's kind is asked before anything else, with a code that it must give back.
pub fn validation(account: &AccountName, code: &str, now: Timestamp) -> Vec<u8> {
    let event = json!([{
        "topic": words::topic(account),
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

#[derive(Serialize)]
struct CloudEvent<'e> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
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
    event_type: String,
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

fn data<'e>(event: &'e BlobEvent, blob: &BlobName, blobs: &str) -> Data<'e> {
    let path = utf8_percent_encode(blob.as_str(), KEPT);
    Data {
        api: &event.cause.api,
        client_request_id: &event.cause.client_request_id,
        request_id: &event.cause.request_id,
        e_tag: words::etag(event),
        content_type: &event.content_type,
        content_length: event.content_length,
        blob_type: words::blob_type(event.blob_type),
        url: format!("{blobs}/{}/{}/{path}", event.account, event.container),
        sequencer: words::sequencer(event),
        storage_diagnostics: Nothing {},
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use greenroom_model::ContainerName;
    use greenroom_model::feed::{BlobType, Cause, EventKind};
    use serde_json::Value;
    use std::sync::Arc;

    pub const BLOBS: &str = "http://127.0.0.1:10000";

    pub fn event(sequence: u64, kind: EventKind, blob: Option<&str>) -> Arc<BlobEvent> {
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
            let event = event(255, kind, Some("a/é #.txt"));
            let told = |shape| {
                let json = written(&event, event.blob.as_ref().expect("a blob"), shape, BLOBS);
                serde_json::from_slice::<Value>(&json).expect("JSON")
            };
            let cloud = json!({
                "specversion": "1.0", "id": "255", "source": topic, "type": name, "subject": subject, "time": time,
                "datacontenttype": "application/json", "data": data,
            });
            assert_eq!(told(Shape::CloudEvents), cloud);
            let grid = json!({
                "topic": topic, "subject": subject, "eventType": name, "id": "255", "data": data, "dataVersion": "",
                "metadataVersion": "1", "eventTime": time,
            });
            assert_eq!(told(Shape::EventGrid), grid);
        }
    }

    #[test]
    fn a_validation_carries_its_code() {
        let account = AccountName::new("acct").expect("a good name");
        let asked: Value = serde_json::from_slice(&validation(&account, "code", Timestamp(0))).expect("JSON");
        assert_eq!(asked[0]["topic"], "/greenroom/storageAccounts/acct");
        assert_eq!(asked[0]["eventType"], "Microsoft.EventGrid.SubscriptionValidationEvent");
        assert_eq!(asked[0]["data"]["validationCode"], "code");
        assert_eq!(asked[0]["eventTime"], "1970-01-01T00:00:00.0000000Z");
    }
}
