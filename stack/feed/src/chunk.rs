//! Writes a chunk: an Avro container of a segment's events.

use crate::avro::MAGIC;
use crate::schema::{Row, SCHEMA};
use crate::{FeedError, shard};
use apache_avro::{Codec, Schema, Writer, to_avro_datum};
use greenroom_model::feed::BlobEvent;

/// Events in a block at most: a reader's cursor begins at a block and counts events from there.
pub const EVENTS_A_BLOCK: usize = 100;
/// A block that has come to so many bytes ends, however few its events are.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// An Avro object container with the codec null. The same events give the same bytes, so a part that is written again is what it was.
/// Texts of the cause and the content type are cut off after 8 KiB.
pub fn write_chunk(events: &[BlobEvent]) -> Result<Vec<u8>, FeedError> {
    let wrong = |error| FeedError::Write(Box::new(error));
    let marker = marker(events);
    let mut writer = Writer::builder()
        .schema(&SCHEMA)
        .writer(header(&marker).map_err(wrong)?)
        .has_header(true)
        .codec(Codec::Null)
        .block_size(BLOCK_BYTES)
        .marker(marker)
        .build();
    for block in events.chunks(EVENTS_A_BLOCK) {
        for event in block {
            writer.append_ser(Row::of(event)).map_err(wrong)?;
        }
        writer.flush().map_err(wrong)?;
    }
    writer.into_inner().map_err(wrong)
}

/// The library's own header has its two entries in an order that is another each time.
fn header(marker: &[u8; 16]) -> Result<Vec<u8>, apache_avro::Error> {
    let bytes = |bytes: &[u8]| to_avro_datum(&Schema::Bytes, bytes.to_vec());
    // A map's block of two, whose count is doubled as numbers with a sign are, and the block of none that ends it.
    let (two, none) = ([4], [0]);
    let entries =
        [bytes(b"avro.schema")?, bytes(SCHEMA.canonical_form().as_bytes())?, bytes(b"avro.codec")?, bytes(b"null")?]
            .concat();
    Ok([MAGIC, &two, &entries, &none, marker].concat())
}

/// What stands between blocks: of the events, where others roll dice. Readers follow lengths and only check it.
fn marker(events: &[BlobEvent]) -> [u8; 16] {
    let ends = [events.first(), events.last()].map(|event| event.map_or(0, |event| event.sequence).to_le_bytes());
    let account = events.first().map_or("", |event| event.account.as_str());
    let half = |salt: &[u8]| shard::fnv1a([salt, account.as_bytes(), &ends[0], &ends[1]]).to_le_bytes();
    let mut marker = [0; 16];
    marker[..8].copy_from_slice(&half(b"greenroom"));
    marker[8..].copy_from_slice(&half(b"feed"));
    marker
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Told, read_chunk};
    use greenroom_model::feed::{BlobType, Cause, EventKind};
    use greenroom_model::{AccountName, BlobName, ContainerName};
    use proptest::prelude::*;

    pub(crate) fn event(sequence: u64, blob: &str) -> BlobEvent {
        BlobEvent {
            sequence,
            at_us: 1_645_102_781_400_310 + i64::try_from(sequence).unwrap(),
            kind: EventKind::Created,
            account: AccountName::new("devstoreaccount1").unwrap(),
            container: ContainerName::new("photos").unwrap(),
            blob: Some(BlobName::new(blob).unwrap()),
            cause: Cause {
                api: "PutBlob".to_owned(),
                request_id: "322343e3-8020-0000-00fe-233467000000".to_owned(),
                client_request_id: String::new(),
            },
            etag: 0x8D9_F215_5CBF_7928,
            content_type: "text/plain".to_owned(),
            content_length: 128,
            blob_type: BlobType::Block,
        }
    }

    fn told(event: &BlobEvent) -> Told {
        Told {
            sequencer: format!("{:032x}", event.sequence),
            at_us: event.at_us,
            kind: Some(event.kind),
            container: event.blob.as_ref().map_or(String::new(), |_| event.container.to_string()),
            blob: event.blob.as_ref().map_or(String::new(), ToString::to_string),
            etag: format!("0x{:X}", event.etag),
            content_type: event.content_type.clone(),
            content_length: event.content_length,
            api: event.cause.api.clone(),
            request_id: event.cause.request_id.clone(),
            client_request_id: event.cause.client_request_id.clone(),
        }
    }

    fn read(bytes: &[u8]) -> Vec<Told> {
        read_chunk(bytes).unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// What the library itself reads, an independent reader: the records of a chunk.
    fn records(bytes: &[u8]) -> Vec<apache_avro::types::Value> {
        apache_avro::Reader::new(bytes).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn an_event_is_written_as_azure_writes_it() {
        let bytes = write_chunk(&[event(29, "a/b é.txt")]).unwrap();
        let json = serde_json::Value::try_from(records(&bytes).remove(0)).unwrap();
        let expected = serde_json::json!({
            "schemaVersion": 1,
            "topic": "/greenroom/storageAccounts/devstoreaccount1",
            "subject": "/blobServices/default/containers/photos/blobs/a/b é.txt",
            "eventType": "BlobCreated",
            "eventTime": "2022-02-17T12:59:41.4003390Z",
            "id": "00000000-0000-0000-0000-00000000001d",
            "data": {
                "api": "PutBlob",
                "clientRequestId": "",
                "requestId": "322343e3-8020-0000-00fe-233467000000",
                "etag": "0x8D9F2155CBF7928",
                "contentType": "text/plain",
                "contentLength": 128,
                "blobType": "BlockBlob",
                "url": "",
                "sequencer": "0000000000000000000000000000001d",
                "previousInfo": null
            }
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        use EventKind::{Control, Created, Deleted, PropertiesUpdated, SnapshotCreated, TierChanged};
        let kinds = [Created, Deleted, PropertiesUpdated, SnapshotCreated, TierChanged, Control];
        let events: Vec<BlobEvent> = kinds.into_iter().map(|kind| BlobEvent { kind, ..event(1, "a") }).collect();
        assert_eq!(read(&write_chunk(&events).unwrap()), events.iter().map(told).collect::<Vec<_>>());
    }

    #[test]
    fn blocks_are_bounded_by_events_and_by_bytes() {
        let blocks = |events: &[BlobEvent]| {
            let bytes = write_chunk(events).unwrap();
            let marker = marker(events);
            let markers = bytes.windows(16).filter(|window| **window == marker).count();
            assert_eq!(read(&bytes).len(), events.len());
            markers - 1
        };
        let small: Vec<BlobEvent> = (0..250).map(|sequence| event(sequence, "a")).collect();
        assert_eq!(blocks(&[]), 0);
        assert_eq!(blocks(&small[..100]), 1);
        assert_eq!(blocks(&small), 3);
        let long = "é".repeat(1024);
        let large: Vec<BlobEvent> = (0..100).map(|sequence| event(sequence, &long)).collect();
        assert_eq!(blocks(&large), 4);
    }

    #[test]
    fn the_same_events_give_the_same_bytes() {
        let events: Vec<BlobEvent> = (0..150).map(|sequence| event(sequence, "a")).collect();
        assert_eq!(write_chunk(&events).unwrap(), write_chunk(&events).unwrap());
    }

    #[test]
    fn what_is_too_long_is_cut_off_and_read_back() {
        let huge = BlobEvent { content_type: "x".repeat(100_000), content_length: u64::MAX, ..event(1, "a") };
        let read = read(&write_chunk(&[huge]).unwrap());
        assert_eq!(read[0].content_type.len(), 8 * 1024);
        assert_eq!(read[0].content_length, i64::MAX.cast_unsigned());
    }

    fn any_event() -> impl Strategy<Value = BlobEvent> {
        let kinds = prop::sample::select(vec![
            EventKind::Created,
            EventKind::Deleted,
            EventKind::PropertiesUpdated,
            EventKind::SnapshotCreated,
            EventKind::TierChanged,
        ]);
        let name = prop_oneof![
            prop::collection::vec(any::<char>(), 1..40).prop_map(String::from_iter),
            "(/blobs/|%2F|\\.\\./|/){1,9}"
        ];
        let place = ("[a-z0-9]{3,63}", name, any::<u64>(), 0..253_000_000_000_000_000_i64);
        let cause = (".{0,40}", ".{0,40}", ".{0,40}", ".{0,40}");
        (place, kinds, cause, any::<u64>(), 0..i64::MAX.cast_unsigned()).prop_map(
            |(place, kind, cause, etag, length)| BlobEvent {
                sequence: place.2,
                at_us: place.3,
                kind,
                account: AccountName::new("account1").unwrap(),
                container: ContainerName::new(place.0).unwrap(),
                blob: Some(BlobName::new(place.1).unwrap()),
                cause: Cause { api: cause.0, request_id: cause.1, client_request_id: cause.2 },
                etag,
                content_type: cause.3,
                content_length: length,
                blob_type: BlobType::Page,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_events_are_read_as_they_were_written(events in prop::collection::vec(any_event(), 0..230)) {
            prop_assert_eq!(read(&write_chunk(&events).unwrap()), events.iter().map(told).collect::<Vec<_>>());
        }

        #[test]
        fn sequencers_are_in_the_order_of_their_numbers(one: u64, other: u64) {
            let text = |sequence| read(&write_chunk(&[BlobEvent { sequence, ..event(1, "a") }]).unwrap()).remove(0).sequencer;
            prop_assert_eq!(text(one).cmp(&text(other)), one.cmp(&other));
        }
    }
}
