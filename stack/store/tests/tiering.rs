//! Content in the cloud as the store sees it: read from there, brought back where it is needed, and never let go of without a word.

use crate::support::*;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use greenroom_model::TenantName;
use greenroom_store::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

const VOLUME: [u8; 16] = [7; 16];
const SEGMENT: [u8; 32] = [1; 32];

/// A cloud in memory. What was moved is at its new place only.
#[derive(Debug, Default)]
struct Memory(Mutex<BTreeMap<CloudPlace, Bytes>>);

impl Cold for Memory {
    fn read(
        &self,
        _: &TenantName,
        place: CloudPlace,
        range: Range<u64>,
    ) -> BoxFuture<'static, Result<BoxStream<'static, Result<Bytes>>>> {
        let found = self.0.lock().expect("no panic").get(&place).cloned();
        Box::pin(async move {
            let content = found.ok_or(StoreError::Moved)?;
            let part = content.slice(range.start as usize..range.end as usize);
            let parts: Vec<_> = part.chunks(50_000).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
            Ok(stream::iter(parts).boxed())
        })
    }
}

impl Memory {
    fn put(&self, place: CloudPlace, content: &[u8]) {
        self.0.lock().expect("no panic").insert(place, Bytes::copy_from_slice(content));
    }
}

fn at(recipe: u32) -> CloudPlace {
    CloudPlace { segment: SEGMENT, recipe }
}

fn placed(name: &str, etag: ETag, place: CloudPlace) -> Placement {
    let of = Some(Described::Blob(blob(name), None));
    Placement { of, etag: Some(etag), place, was: None, told: Some(0) }
}

fn applied(number: u64, placements: Vec<Placement>) -> Applied {
    Applied { number, hash: [number as u8; 32], placements, released: Vec::new() }
}

struct Tiered {
    bed: Bed,
    cloud: Arc<Memory>,
    number: u64,
}

impl Tiered {
    async fn new() -> Tiered {
        let (bed, cloud) = (bed().await, Arc::new(Memory::default()));
        bed.store.attach(cloud.clone());
        bed.store.bind_cloud(VOLUME, 0, None).await.expect("bound");
        Tiered { bed, cloud, number: 0 }
    }

    async fn apply(&mut self, placements: Vec<Placement>) {
        self.number += 1;
        self.bed.store.apply(applied(self.number, placements)).await.expect("applied");
    }

    /// A blob whose content is in the cloud only.
    async fn cold(&mut self, name: &str, content: &[u8], place: CloudPlace) -> ETag {
        let etag = self.bed.put(name, content).await.etag;
        self.cloud.put(place, content);
        self.apply(vec![placed(name, etag, place)]).await;
        let freed = self.bed.store.free(vec![(blob(name), None, place)]).await.expect("freed");
        assert_eq!(freed, content.len() as u64);
        etag
    }

    async fn whereabouts(&self, name: &str) -> Whereabouts {
        let name = blob(name);
        let found = self.bed.store.survey(move |survey| {
            let mut found = None;
            survey.blobs(|_, fact| {
                if fact.path == name && fact.snapshot.is_none() {
                    found = Some(fact.at);
                }
            })?;
            Ok(found)
        });
        found.await.expect("a survey").expect("it is there")
    }

    async fn releases(&self) -> Vec<CloudPlace> {
        self.bed.store.releases(100).await.expect("releases")
    }
}

#[tokio::test]
async fn what_has_left_is_read_from_where_it_is_and_survives_a_restart() {
    let mut tiered = Tiered::new().await;
    let content = content(1, 3 * MIB);
    tiered.cold("a", &content, at(0)).await;
    assert_eq!(tiered.whereabouts("a").await, Whereabouts::Cloud(at(0)));
    assert_eq!(tiered.bed.get("a").await, content);
    assert_eq!(tiered.bed.get_range("a", 1_000_000..1_000_007).await.expect("a range"), content[1_000_000..1_000_007]);
    let past = tiered.bed.get_range("a", 4_000_000..4_000_001).await;
    assert!(matches!(past, Err(StoreError::RangeInvalid)), "{past:?}");
    let usage = tiered.bed.store.usage();
    assert_eq!((usage.placed_blobs, usage.placed_bytes), (1, 3 * MIB as u64));
    assert!(usage.flash_live_bytes < MIB as u64, "{usage:?}");

    let bed = tiered.bed.reopen().await;
    let away = bed.get_range("a", 0..1).await;
    assert!(matches!(away, Err(StoreError::Away(_))), "nobody has attached a cloud: {away:?}");
    bed.store.attach(tiered.cloud.clone());
    assert_eq!(bed.get("a").await, content);
    assert_eq!(bed.store.cloud_volume().expect("a volume"), Some(VOLUME));
    let known = bed.store.cloud_log().expect("a log");
    assert_eq!((known.number, known.last, known.meant), (1, Some([1; 32]), Vec::new()));
    assert!(matches!(bed.store.bind_cloud([8; 16], 0, None).await, Err(StoreError::VolumeTaken)));
}

#[tokio::test]
async fn what_moved_within_the_cloud_is_found_by_a_reader_that_looked_before() {
    let mut tiered = Tiered::new().await;
    let content = content(2, 100_000);
    let etag = tiered.cold("a", &content, at(0)).await;
    let reader = tiered.bed.store.blob(&blob("a")).await.expect("look up");
    tiered.cloud.0.lock().expect("no panic").clear();
    tiered.cloud.put(at(9), &content);
    let moved = Placement { was: Some(at(0)), told: None, ..placed("a", etag, at(9)) };
    tiered.apply(vec![moved]).await;
    assert_eq!(collect(reader, 0..u64::MAX).await.expect("it is found"), content);
    assert_eq!(tiered.releases().await, [at(0)]);

    // Back on flash, a reader from before is served from there.
    let reader = tiered.bed.store.blob(&blob("a")).await.expect("look up");
    assert_eq!(tiered.bed.store.bring_back(&blob("a"), None, etag).await.expect("back"), 100_000);
    tiered.cloud.0.lock().expect("no panic").clear();
    assert_eq!(collect(reader, 0..u64::MAX).await.expect("it is found"), content);
    assert_eq!(tiered.whereabouts("a").await, Whereabouts::Both(at(9)));
}

#[tokio::test]
async fn copies_snapshots_and_block_lists_bring_content_back() {
    let mut tiered = Tiered::new().await;
    let content = content(3, 300_000);
    for (recipe, name) in ["copied", "snapped", "cut"].into_iter().enumerate() {
        tiered.cold(name, &content, at(recipe as u32)).await;
    }
    let bed = &tiered.bed;
    let source = bed.store.blob(&blob("copied")).await.expect("look up").source();
    let none = Precondition::default;
    let copied = bed.store.copy_blob(&source, &blob("copy"), BlobDraft::default(), CopyBlocks::Keep, &none()).await;
    copied.expect("copied");
    assert_eq!(bed.get("copy").await, content);
    assert_eq!(tiered.whereabouts("copied").await, Whereabouts::Both(at(0)));
    assert_eq!(tiered.whereabouts("copy").await, Whereabouts::Flash);

    let cold = bed.store.snapshot_blob(&blob("snapped"), None, &none()).await;
    assert!(matches!(cold, Err(StoreError::InCloud)), "it says so, and waits for nothing: {cold:?}");
    bed.store.bring_here(&blob("snapped")).await.expect("brought");
    let (moment, _) = bed.store.snapshot_blob(&blob("snapped"), None, &none()).await.expect("a snapshot");
    let snapshot = bed.store.blob_at(&blob("snapped"), Some(moment)).await.expect("look up");
    assert_eq!(collect(snapshot, 0..u64::MAX).await.expect("content"), content);

    // A range of it is a block's own: the rest stays where it is.
    let source = bed.store.blob(&blob("cut")).await.expect("look up");
    bed.store
        .stage_block_from(&blob("cuttings"), (block_id("a"), &Seal::Tenants), source, 10..20, None)
        .await
        .expect("staged");
    bed.commit("cuttings", &[("a", BlockSource::Latest)]).await.expect("committed");
    assert_eq!(bed.get("cuttings").await, content[10..20]);
    assert_eq!(tiered.whereabouts("cut").await, Whereabouts::Cloud(at(2)));

    // New blocks alone need nothing of the old content; an old block does.
    bed.stage("list", "a", b"first").await.expect("staged");
    let etag = bed.commit("list", &[("a", BlockSource::Latest)]).await.expect("committed").etag;
    let place = at(7);
    tiered.cloud.put(place, b"first");
    tiered.apply(vec![placed("list", etag, place)]).await;
    tiered.bed.store.free(vec![(blob("list"), None, place)]).await.expect("freed");
    let bed = &tiered.bed;
    bed.stage("list", "b", b" second").await.expect("staged");
    let both = [("a", BlockSource::Committed), ("b", BlockSource::Latest)];
    assert!(matches!(bed.commit("list", &both).await, Err(StoreError::InCloud)));
    bed.store.bring_here(&blob("list")).await.expect("brought");
    bed.commit("list", &both).await.expect("committed");
    assert_eq!(bed.get("list").await, b"first second");
    assert!(tiered.releases().await.contains(&place), "its place is needed no more");
}

#[tokio::test]
async fn whatever_lets_go_of_a_place_says_so_and_nothing_else_does() {
    let mut tiered = Tiered::new().await;
    for (recipe, name) in ["kept", "deleted", "overwritten", "described"].into_iter().enumerate() {
        tiered.cold(name, &content(recipe as u64, 1_000), at(recipe as u32)).await;
    }
    let bed = &tiered.bed;
    bed.delete("deleted").await.expect("deleted");
    bed.put("overwritten", b"new").await;
    let said = BlobChange::Metadata([("k".to_owned(), "v".to_owned())].into());
    bed.store.update_blob(&blob("described"), said, &Precondition::default()).await.expect("described");
    assert_eq!(tiered.releases().await, [at(1), at(2)]);
    assert_eq!(tiered.bed.get("described").await, content(3, 1_000));
    assert_eq!(tiered.bed.store.usage().placed_blobs, 2);

    // A placement of what is no longer so, or of nothing, is released at once; heard of twice, it changes nothing.
    let old = placed("kept", ETag(1), at(50));
    let none = Placement { of: None, etag: None, place: at(51), was: None, told: None };
    tiered.apply(vec![old.clone(), none]).await;
    tiered.bed.store.apply(applied(tiered.number, vec![placed("kept", ETag(1), at(60))])).await.expect("heard of");
    assert_eq!(tiered.releases().await, [at(1), at(2), at(50), at(51)]);
    let skipped = tiered.bed.store.apply(applied(tiered.number + 2, Vec::new())).await;
    assert!(matches!(skipped, Err(StoreError::ManifestLeftOut { .. })), "{skipped:?}");

    // What the cloud has heard of leaves the queue.
    tiered.number += 1;
    let released = vec![(SEGMENT, Box::new(|recipe: u32| recipe < 51) as Recipes)];
    let heard = Applied { number: tiered.number, hash: [0; 32], placements: Vec::new(), released };
    tiered.bed.store.apply(heard).await.expect("applied");
    assert_eq!(tiered.releases().await, [at(51)]);

    // A container takes all of its places along.
    tiered.bed.store.delete_container(&photos(), &Precondition::default()).await.expect("deleted");
    let bed = tiered.bed.reopen_until_swept().await;
    assert_eq!(bed.store.releases(100).await.expect("releases"), [at(0), at(3), at(51)]);
    assert_eq!(bed.store.usage().placed_blobs, 0);
}

#[tokio::test]
async fn content_that_comes_back_bent_is_not_kept() {
    let mut tiered = Tiered::new().await;
    let good = content(5, 10_000);
    let etag = tiered.cold("a", &good, at(0)).await;
    tiered.cloud.put(at(0), &content(6, 10_000));
    let bent = tiered.bed.store.bring_back(&blob("a"), None, etag).await;
    assert!(matches!(bent, Err(StoreError::CloudDamaged(_))), "{bent:?}");
    assert_eq!(tiered.whereabouts("a").await, Whereabouts::Cloud(at(0)));
}
