//! Every change is told, once, in order, with who asked for it; and what is told stays until everybody has it.

use crate::support::*;
use greenroom_model::feed::{BlobEvent, Cause, ChangeFeed, EventKind, Shape, Sink};
use greenroom_store::*;
use std::sync::Arc;

const FEED: ChangeFeed = ChangeFeed { segment_seconds: 1, retention_days: None, shards: 1 };

fn ours() -> greenroom_model::AccountName {
    account_name("goldaccount")
}

fn webhook() -> Sink {
    Sink::Webhook { url: "https://example.com/hook".to_owned(), shape: Shape::CloudEvents }
}

async fn events(store: &Store, after: u64) -> Vec<Arc<BlobEvent>> {
    store.events(&ours(), after, 1_000).await.expect("read")
}

fn kinds(events: &[Arc<BlobEvent>]) -> Vec<(EventKind, &str)> {
    events.iter().map(|event| (event.kind, event.blob.as_ref().map_or("", |name| name.as_str()))).collect()
}

#[tokio::test]
async fn each_operation_is_told_and_what_moves_content_is_not() {
    let bed = bed().await;
    bed.put("before", b"nobody listens").await;
    assert!(events(&bed.store, 0).await.is_empty());
    bed.store.set_feed(&ours(), Some(FEED)).await.expect("set");
    let none = Precondition::default();
    let cause = Cause { api: "PutBlob".into(), request_id: "r1".into(), client_request_id: "c1".into() };
    let theirs = bed.store.caused_by(cause.clone());
    let new = body(&bed.store, b"new").await;
    let props = theirs.put_blob(&blob("a"), BlobDraft::default(), new, &none).await.expect("put");
    bed.stage("b", "x", b"one").await.expect("staged");
    bed.commit("b", &[("x", BlockSource::Latest)]).await.expect("committed");
    let source = bed.store.blob(&blob("a")).await.expect("there").source();
    let draft = BlobDraft::default();
    bed.store.copy_blob(&source, &blob("c"), draft, CopyBlocks::Keep, &none).await.expect("copied");
    for change in [
        BlobChange::Metadata(Metadata::from([("k".to_owned(), "v".to_owned())])),
        BlobChange::Tags(Tags::from([("k".to_owned(), "v".to_owned())])),
        BlobChange::Headers(HttpHeaders::default()),
        BlobChange::Tier(Tier::Cool),
    ] {
        bed.store.update_blob(&blob("c"), change, &none).await.expect("updated");
    }
    let (time, _) = bed.store.snapshot_blob(&blob("c"), None, &none).await.expect("taken");
    bed.store.delete_snapshot(&blob("c"), time, &none).await.expect("deleted");
    let action = LeaseAction::Acquire { proposed: LeaseId(7), term: LeaseTerm::Infinite };
    bed.store.lease_blob(&blob("a"), action, &none).await.expect("leased");
    let page = (512, 0);
    bed.store.create_page_blob(&blob("p"), BlobDraft::default(), page, &none).await.expect("made");
    let pages = body(&bed.store, &content(1, 512)).await;
    bed.store.write_pages(&blob("p"), 0, pages, PageSequence::default(), &none).await.expect("written");
    bed.delete("b").await.expect("deleted");
    bed.store.bury().await.expect("bury");
    bed.store.compact().await.expect("compact");

    let told = events(&bed.store, 0).await;
    use EventKind::*;
    let expected = [
        (Control, ""),
        (Created, "a"),
        (Created, "b"),
        (Created, "c"),
        (PropertiesUpdated, "c"),
        (PropertiesUpdated, "c"),
        (PropertiesUpdated, "c"),
        (TierChanged, "c"),
        (SnapshotCreated, "c"),
        (Created, "p"),
        (PropertiesUpdated, "p"),
        (Deleted, "b"),
    ];
    assert_eq!(kinds(&told), expected);
    assert!(told.is_sorted_by(|a, b| a.sequence < b.sequence && a.at_us <= b.at_us));
    assert_eq!((&told[1].cause, told[1].etag, told[1].content_length), (&cause, props.etag.0, 3));
    assert_eq!(told[2].cause, Cause::default(), "the store's own handle has none");
}

#[tokio::test]
async fn blobs_of_a_deleted_container_go_unless_a_new_one_has_them_again() {
    let bed = bed().await;
    bed.store.set_feed(&ours(), Some(FEED)).await.expect("set");
    bed.put("gone", b"1").await;
    bed.put("again", b"2").await;
    // Held back, so that the new container is there before the old one is swept.
    let none = Precondition::default();
    let container = photos();
    let deleted = bed.store.delete_container(&container, &none);
    let (metadata, new) = (Metadata::new(), body(&bed.store, b"3").await);
    let made = async {
        bed.store.create_container(&photos(), metadata).await.expect("made");
        bed.store.put_blob(&blob("again"), BlobDraft::default(), new, &none).await.expect("put")
    };
    let (deleted, props) = tokio::join!(deleted, made);
    deleted.expect("deleted");
    while !bed.store.is_swept().expect("read") {
        bed.store.pulse().await.expect("it beats");
    }
    let told = events(&bed.store, 0).await;
    let last = |name: &str| told.iter().rfind(|event| event.blob.as_ref().is_some_and(|blob| blob.as_str() == name));
    assert_eq!(last("gone").map(|event| event.kind), Some(EventKind::Deleted));
    let again = last("again").expect("told");
    assert_eq!((again.kind, again.etag), (EventKind::Created, props.etag.0));
}

#[tokio::test]
async fn a_part_is_in_the_feed_or_in_the_outbox_and_counts_for_nobody() {
    let bed = bed().await;
    bed.store.set_feed(&ours(), Some(FEED)).await.expect("set");
    bed.put("a", b"1").await;
    let (used, told) = (bed.store.usage().tenants, events(&bed.store, 0).await);
    let last = told.last().expect("told").sequence;
    let file = async |name: &str, content: &[u8]| {
        let name = greenroom_model::BlobName::new(name).expect("a good name");
        (name, "text/plain", body(&bed.store, content).await)
    };
    // Something happens before the segment's end that the part does not have.
    let ends = Some(Timestamp(told[0].at_us + 1));
    let early = Part { last: Some(told[0].sequence), ends, files: vec![file("log/x", b"first").await] };
    assert_eq!(bed.store.publish(&ours(), early).await.expect("asked"), Published::MoreCame);
    assert_eq!(events(&bed.store, 0).await, told);
    let none = bed.store.list_blobs(&feed_of(&ours()), &ListQuery::default()).await.expect("listed");
    assert!(none.entries.is_empty());

    let part = Part { last: Some(last), ends, files: vec![file("log/y", b"all").await] };
    assert_eq!(bed.store.publish(&ours(), part).await.expect("asked"), Published::Yes);
    assert!(events(&bed.store, 0).await.is_empty());
    let path = feed_of(&ours()).blob(greenroom_model::BlobName::new("log/y").expect("a good name"));
    assert_eq!(read(&bed.store, &path).await.expect("read"), b"all");
    assert_eq!(bed.store.usage().tenants, used);
    let held = bed.store.held();
    assert!(held.iter().any(|(owner, held)| !owner.is_clients() && held.bytes == 3), "{held:?}");

    // The clock stands before the end that was published: what happens now is told after it.
    bed.put("b", b"2").await;
    let bed = bed.checked().await;
    bed.put("c", b"3").await;
    let later = events(&bed.store, 0).await;
    assert_eq!(kinds(&later), [(EventKind::Created, "b"), (EventKind::Created, "c")]);
    assert!(later.iter().all(|event| event.at_us > told[0].at_us), "{later:?}");
    assert!(events(&bed.store, later[0].sequence).await.len() == 1);
}

#[tokio::test]
async fn what_a_sink_does_not_have_yet_stays_and_a_feed_that_ends_leaves_it() {
    let bed = bed().await;
    bed.store.set_feed(&ours(), Some(FEED)).await.expect("set");
    bed.store.set_sink(&ours(), "hook".into(), Some(webhook())).await.expect("set");
    bed.put("a", b"1").await;
    let told = events(&bed.store, 0).await;
    let last = told.last().expect("told").sequence;
    let part = Part { last: Some(last), ends: None, files: vec![] };
    bed.store.publish(&ours(), part).await.expect("published");
    // Of the control event the sink is not told: it was there before.
    assert_eq!(kinds(&events(&bed.store, 0).await), [(EventKind::Created, "a")]);
    assert_eq!(bed.store.usage().outboxes[&ours()], OutboxUsage { events: 2, waiting: 1 });
    let bed = bed.reopen().await;
    assert_eq!(bed.store.usage().outboxes[&ours()], OutboxUsage { events: 0, waiting: 1 });
    bed.store.set_feed(&ours(), None).await.expect("set");
    bed.put("b", b"2").await;
    let left = events(&bed.store, 0).await;
    assert_eq!(kinds(&left), [(EventKind::Created, "a"), (EventKind::Created, "b")]);
    bed.store.delivered(&ours(), "hook", left[0].sequence).await.expect("noted");
    assert_eq!(kinds(&events(&bed.store, 0).await), [(EventKind::Created, "b")]);
    bed.store.set_sink(&ours(), "hook".into(), None).await.expect("gone");
    assert_eq!((events(&bed.store, 0).await, bed.store.told().expect("read")), (vec![], vec![]));
    bed.put("c", b"3").await;
    assert!(events(&bed.store, 0).await.is_empty(), "nobody is told any more");
    assert!(bed.store.usage().outboxes.is_empty());
}
