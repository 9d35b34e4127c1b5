//! What is mirrored, as the store keeps it: rows, what counts for whom, what a cache holds, and what is told.

use crate::support;
use crate::support::*;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use greenroom_model::feed::{EventKind, Sink};
use greenroom_model::{BlobName, BlobPath, ContainerPath};
use greenroom_store::*;
use std::ops::Range;
use std::sync::Arc;

const MIRROR: &str = "lake";

/// Everything there is its own name.
#[derive(Debug)]
struct Echo;

impl Origins for Echo {
    fn read(
        &self,
        blob: &BlobPath,
        etag: String,
        range: Range<u64>,
        _again: bool,
    ) -> BoxFuture<'static, Result<BoxStream<'static, Result<Bytes>>>> {
        let content = Bytes::from(blob.name.to_string());
        async move {
            if etag != "0x8D1" {
                return Err(StoreError::OriginChanged);
            }
            let part = content.slice(range.start as usize..range.end as usize);
            Ok(futures::stream::iter([Ok(part)]).boxed())
        }
        .boxed()
    }

    fn look(&self, _: &BlobPath) -> BoxFuture<'static, Result<()>> {
        async { Ok(()) }.boxed()
    }
}

fn seen(name: &str, etag: &str) -> Seen {
    let name = BlobName::new(name).expect("a good name");
    let props = BlobProps {
        length: name.as_str().len() as u64,
        etag: origin_etag(etag),
        created: Timestamp(1),
        modified: Timestamp(2),
        headers: HttpHeaders::default(),
        metadata: Metadata::from([("of".to_owned(), "theirs".to_owned())]),
        tags: Tags::new(),
        tier: None,
        tier_changed: None,
        crc64: 0,
        lease: Lease::Free,
        copy: None,
        kind: BlobKind::Block,
        encryption: None,
    };
    Seen::There(Box::new(SeenBlob { name, etag: etag.to_owned(), props }))
}

fn gone(name: &str) -> Seen {
    Seen::Gone(BlobName::new(name).expect("a good name"))
}

async fn bed() -> (Bed, ContainerPath) {
    let bed = support::bed().await;
    bed.store.attach_origins(Arc::new(Echo));
    let path = container("shown");
    let account = path.account.clone();
    bed.store.put_mirror(&account, MIRROR, "{}".to_owned(), Some("key".to_owned())).await.expect("written");
    bed.store.make_mirrored(&path, MIRROR, "raw").await.expect("made");
    (bed, path)
}

async fn content_of(store: &Store, path: &ContainerPath, name: &str) -> Result<Vec<u8>> {
    let blob = store.blob(&path.clone().blob(BlobName::new(name).expect("a good name"))).await?;
    let length = blob.props.length;
    let parts: Vec<Bytes> = blob.read(0..length)?.try_collect().await?;
    Ok(parts.concat())
}

#[tokio::test]
async fn it_shows_what_was_seen_and_counts_for_nobody_until_it_is_cached() {
    let (bed, path) = bed().await;
    let (store, tenant) = (&bed.store, bed.store.account(&path.account).expect("there").tenant.clone());
    let bytes = || store.usage().tenants.get(&tenant).map_or(0, |used| used.counted_bytes());
    let before = bytes();
    let done = store.reflect(&path, MIRROR, vec![seen("a", "0x8D1"), seen("b", "0x8D1")]).await.expect("written");
    assert_eq!(done, Reflected { put: 2, ..Reflected::default() });
    let again = store.reflect(&path, MIRROR, vec![seen("a", "0x8D1"), gone("c")]).await.expect("written");
    assert_eq!(again, Reflected { same: 1, ..Reflected::default() });
    assert_eq!((bytes(), content_of(store, &path, "a").await.expect("content")), (before, b"a".to_vec()));
    let blob = path.clone().blob(BlobName::new("a").expect("a good name"));
    let etag = store.blob(&blob).await.expect("there").props.etag;
    assert_eq!((etag, etag.to_string().as_str()), (origin_etag("0x8D1"), "0x8D1"));
    assert_eq!(store.bring_back(&blob, None, etag).await.expect("it fits"), 1);
    assert_eq!(bytes(), before + 1);
    let cached = store.cached(&path).await.expect("read");
    assert_eq!(cached.iter().map(|cached| cached.path.name.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(store.forget_cached(cached).await.expect("written"), 1);
    assert_eq!(bytes(), before);
    // Another version lets go of what was cached; the old one is never served for it.
    store.bring_back(&blob, None, etag).await.expect("it fits");
    store.reflect(&path, MIRROR, vec![seen("a", "0x8D2")]).await.expect("written");
    assert_eq!(bytes(), before);
    assert!(matches!(content_of(store, &path, "a").await, Err(StoreError::OriginChanged)));
    let left = store.reflect(&path, MIRROR, vec![gone("a"), gone("b")]).await.expect("written");
    assert_eq!((left.gone, store.usage().flash_live_bytes > 0), (2, true));
    bed.checked().await;
}

#[tokio::test]
async fn it_is_told_as_any_change_is_and_a_cache_is_no_news() {
    let (bed, path) = bed().await;
    let (store, account) = (&bed.store, path.account.clone());
    store.set_sink(&account, "all".to_owned(), Some(Sink::Pull)).await.expect("written");
    store.reflect(&path, MIRROR, vec![seen("a", "0x8D1"), seen("b", "0x8D1")]).await.expect("written");
    let blob = path.clone().blob(BlobName::new("a").expect("a good name"));
    let etag = store.blob(&blob).await.expect("there").props.etag;
    store.bring_back(&blob, None, etag).await.expect("it fits");
    store.forget_cached(store.cached(&path).await.expect("read")).await.expect("written");
    store.reflect(&path, MIRROR, vec![seen("a", "0x8D2"), gone("b")]).await.expect("written");
    let events = store.events(&account, 0, 100).await.expect("read");
    let told: Vec<_> =
        events.iter().map(|event| (event.kind, event.blob.as_ref().map_or("", BlobName::as_str))).collect();
    let (created, deleted) = (EventKind::Created, EventKind::Deleted);
    assert_eq!(told, [(created, "a"), (created, "b"), (created, "a"), (deleted, "b")]);
}

#[tokio::test]
async fn a_container_is_one_mirrors_alone() {
    let (bed, path) = bed().await;
    let store = &bed.store;
    let taken = store.make_mirrored(&photos(), MIRROR, "raw").await;
    assert!(matches!(taken, Err(StoreError::NotMirrored(_))), "{taken:?}");
    store.make_mirrored(&path, MIRROR, "raw").await.expect("it is its own already");
    let other = store.make_mirrored(&path, "other", "raw").await;
    assert!(matches!(other, Err(StoreError::MirrorMissing(_))), "{other:?}");
    let foreign = store.reflect(&photos(), MIRROR, vec![seen("a", "0x8D1")]).await;
    assert!(matches!(foreign, Err(StoreError::NotMirrored(_))), "{foreign:?}");
    assert!(store.mirrored(&photos()).is_none());
    assert_eq!(store.mirrored(&path).expect("it is").there, "raw");
}

#[tokio::test]
async fn it_is_there_after_a_start_and_goes_or_stays_when_it_is_detached() {
    let (mut bed, path) = bed().await;
    bed.store.reflect(&path, MIRROR, vec![seen("a", "0x8D1")]).await.expect("written");
    let place = MirrorPlace { cursor: b"{}".to_vec(), complete_us: 7, listed_us: 5 };
    bed.store.place_mirror(&path.account, MIRROR, place.clone()).await.expect("written");
    bed = bed.reopen().await;
    bed.store.attach_origins(Arc::new(Echo));
    let record = bed.store.mirrors().expect("read").remove(0);
    assert_eq!((record.place, record.secret.as_ref().map(|secret| secret.as_str())), (place, Some("key")));
    assert_eq!(bed.store.mirrored(&path).expect("it is").as_of(), Timestamp(7));
    assert_eq!(content_of(&bed.store, &path, "a").await.expect("content"), b"a");
    bed.store.leave_mirrored(&path, MIRROR).await.expect("written");
    assert!(bed.store.mirrored(&path).is_none());
    assert_eq!(bed.store.list_blobs(&path, &ListQuery::default()).await.expect("listed").entries.len(), 1);
    bed.store.remove_mirror(&path.account, MIRROR).await.expect("written");
    assert!(bed.store.mirrors().expect("read").is_empty());
}
