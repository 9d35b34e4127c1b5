//! A flash that was full of names and metadata is there for content once they are deleted; whatever happens while the file shrinks.

use crate::support::sim::{Fate, SimDisk};
use crate::support::*;
use greenroom_store::*;
use std::path::Path;
use std::sync::Arc;

const DIR: &str = "/data";
const CAPACITY: u64 = 16 << 20;
const KEPT: usize = 5;
/// Acts between two at which the power goes, in the normal run; `GREENROOM_CRASH_POINTS=all` tries each.
const STRIDE: usize = 23;

async fn open(disk: &SimDisk) -> Store {
    let config = Config { capacity_bytes: Some(CAPACITY), catalog_cache_bytes: 1 << 20, ..Config::default() };
    Store::open_on(Arc::new(disk.clone()), Path::new(DIR), config, manual_clock()).await.expect("it opens")
}

async fn put(store: &Store, name: &str, said: usize, content: &[u8]) -> Result<()> {
    let metadata = Metadata::from([("about".to_owned(), "x".repeat(said))]);
    let draft = BlobDraft { metadata, ..BlobDraft::default() };
    let body = try_body(store, content).await?;
    store.put_blob(&blob(name), draft, body, &Precondition::default()).await.map(drop)
}

/// Full of empty blobs with much said of each, and then not.
async fn hollow() -> SimDisk {
    let disk = SimDisk::new(Fate::Sound);
    let store = open(&disk).await;
    prepare(&store).await;
    let mut number = 0;
    while store.usage().flash_used_bytes < CAPACITY {
        let puts = (0..50).map(|more| {
            let (store, name) = (store.clone(), format!("n{}", number + more));
            async move { put(&store, &name, 8_000, b"").await }
        });
        futures::future::join_all(puts).await;
        number += 50;
    }
    assert!(
        matches!(put(&store, "content", 0, &content(1, 1 << 20)).await, Err(StoreError::Full { .. })),
        "it is full"
    );
    for number in KEPT..number {
        store.delete_blob(&blob(&format!("n{number}")), Snapshots::Keep, &Precondition::default()).await.expect("gone");
    }
    store.close().await.expect("it closes");
    disk
}

async fn holds_what_it_held(store: &Store, at: u64) {
    let page = store.list_blobs(&photos(), &ListQuery { max: LIST_MAX, ..ListQuery::default() }).await;
    let names = page.expect("a list").entries.len();
    assert!(names == KEPT || names == KEPT + 1, "act {at}: {names}");
}

#[tokio::test]
async fn what_names_took_is_there_for_content_again() {
    let sound = hollow().await;
    let disk = sound.after_crash(0);
    let store = open(&disk).await;
    let full = store.usage().flash_used_bytes;
    assert!(full > CAPACITY / 4, "a file does not shrink by itself: {full}");
    assert!(store.shrink_catalog().await.expect("it can"));
    assert!(!store.shrink_catalog().await.expect("it can"), "once is enough");
    let left = store.usage().flash_used_bytes;
    assert!(left < full / 2, "{left} of {full}");
    put(&store, "content", 0, &content(1, 8 << 20)).await.expect("there is room");
    holds_what_it_held(&store, 0).await;
    store.close().await.expect("it closes");
    drop(store);
    let acts = disk.acts();
    let stride = if std::env::var("GREENROOM_CRASH_POINTS").is_ok_and(|points| points == "all") { 1 } else { STRIDE };
    for at in (1..acts).step_by(stride) {
        let disk = sound.after_crash(0);
        disk.set_fate(Fate::CrashAt(at));
        let config = Config { capacity_bytes: Some(CAPACITY), ..Config::default() };
        if let Ok(store) = Store::open_on(Arc::new(disk.clone()), Path::new(DIR), config, manual_clock()).await {
            let _ = store.shrink_catalog().await;
            let _ = put(&store, "content", 0, &content(1, 8 << 20)).await;
            let _ = store.close().await;
        }
        let next = disk.after_crash(at);
        let store = open(&next).await;
        holds_what_it_held(&store, at).await;
        store.close().await.expect("it closes");
        drop(store);
        let next: Arc<dyn Disk> = Arc::new(next);
        let report = check::verify(&next, Path::new(DIR), &mut |_| {}).expect("it can be read");
        assert!(report.is_whole(), "act {at}: {report:?}");
    }
}

/// Whoever uploads to a full flash does not have to wait for the next round.
#[tokio::test]
async fn an_upload_that_finds_no_room_makes_some() {
    let disk = hollow().await;
    let store = open(&disk).await;
    let mut writer =
        store.begin_body_when_room(&photos().account, &Seal::Tenants, Some(4 << 20)).await.expect("room is made");
    writer.write(content(2, 4 << 20).into()).await.expect("there is room");
    writer.finish().await.expect("written");
    store.close().await.expect("it closes");
}
