//! A disk that will not read: said, counted, never served, and nobody else's trouble.

use crate::support::sim::{Fate, SimDisk};
use crate::support::*;
use greenroom_store::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DIR: &str = "/data";

async fn open(disk: &SimDisk, config: Config) -> Result<Store> {
    Store::open_on(Arc::new(disk.clone()), Path::new(DIR), config, manual_clock()).await
}

async fn put(store: &Store, name: &str, content: &[u8]) -> Result<BlobProps> {
    let body = try_body(store, content).await?;
    store.put_blob(&blob(name), BlobDraft::default(), body, &Precondition::default()).await
}

/// The only file that holds these bytes, and where in it they begin.
fn find(disk: &SimDisk, marker: &[u8]) -> (PathBuf, u64) {
    let mut found = Vec::new();
    disk.damage(|path, bytes| {
        if let Some(at) = bytes.windows(marker.len()).position(|part| part == marker) {
            found.push((path.to_owned(), at as u64));
        }
    });
    found.pop().filter(|_| found.is_empty()).expect("the content lies in one place")
}

#[tokio::test]
async fn content_that_the_disk_will_not_read_is_refused_counted_and_nobody_elses_trouble() {
    let disk = SimDisk::new(Fate::Sound);
    let store = open(&disk, Config::default()).await.expect("open");
    prepare(&store).await;
    let (bad, good) = (content(1, 500 * KIB), content(2, 500 * KIB));
    // One lane after the other takes a body: the last of these lies behind the first, in the same extent.
    put(&store, "bad", &bad).await.expect("put");
    for name in ["x", "y", "z", "good"] {
        put(&store, name, &good).await.expect("put");
    }
    let (file, at) = find(&disk, &bad[300_000..300_100]);
    disk.set_unreadable(Some((file.clone(), at..at + 100)));

    for (number, range) in (0..).zip([0..u64::MAX, 299_990..300_010]) {
        assert_eq!(store.usage().read_faults, number);
        let error = collect(store.blob(&blob("bad")).await.expect("look up"), range).await.expect_err("unreadable");
        let StoreError::Io { file: named, source, .. } = &error else { panic!("{error:?}") };
        assert_eq!((named, source.raw_os_error()), (&file, Some(5)), "{error}");
    }
    assert_eq!(store.usage().read_faults, 2, "each is counted");
    assert_eq!(read(&store, &blob("good")).await.expect("another blob"), good);
    let before = collect(store.blob(&blob("bad")).await.expect("look up"), 0..100_000).await;
    assert_eq!(before.expect("another part"), bad[..100_000]);
    put(&store, "more", &good).await.expect("writes go on");
    assert_eq!(store.usage().read_faults, 2);

    disk.set_unreadable(None);
    assert_eq!(read(&store, &blob("bad")).await.expect("the disk has come to its senses"), bad);
}

#[tokio::test]
async fn a_catalog_that_the_disk_would_not_read_is_opened_anew_once_it_will() {
    let disk = SimDisk::new(Fate::Sound);
    let store = open(&disk, Config::default()).await.expect("open");
    prepare(&store).await;
    for number in 0..3_000 {
        put(&store, &format!("blob-{number:04}"), b"").await.expect("put");
    }
    store.close().await.expect("close");
    drop(store);
    // Nothing is cached.
    let store = open(&disk, Config { catalog_cache_bytes: 0, ..Config::default() }).await.expect("open again");
    let catalog = Path::new(DIR).join("catalog/catalog.redb");
    disk.set_unreadable(Some((catalog, 0..u64::MAX)));
    let list = async || store.list_blobs(&photos(), &ListQuery { max: 5_000, ..ListQuery::default() }).await;
    for _ in 0..3 {
        assert!(list().await.is_err(), "what cannot be read is not made up");
        let put = put(&store, "late", b"").await;
        assert!(put.is_err(), "{put:?}");
    }
    disk.set_unreadable(None);
    assert_eq!(list().await.expect("list").entries.len(), 3_000);
    put(&store, "after", b"content").await.expect("put");
    assert_eq!(read(&store, &blob("after")).await.expect("read"), b"content");
    assert_eq!(store.usage().tenants[&tenant("gold")].blobs, 3_001);
    store.close().await.expect("close");
    drop(store);
    let disk: Arc<dyn Disk> = Arc::new(disk);
    assert!(check::verify(&disk, Path::new(DIR), &mut |_| {}).expect("verify").is_whole());
}

#[tokio::test]
async fn a_large_body_whose_disk_fails_on_the_way_is_refused_or_whole() {
    // Its lane syncs several times before anybody asks it to.
    let large = content(3, 9 * 1024 * KIB);
    let disk = SimDisk::new(Fate::Sound);
    let store = open(&disk, Config::default()).await.expect("open");
    prepare(&store).await;
    let before = disk.acts();
    put(&store, "large", &large).await.expect("put");
    let acts = before..disk.acts();
    assert!(acts.clone().count() > 12, "ten writes and three syncs at least: {acts:?}");
    let mut refused = 0;
    for act in acts {
        let disk = SimDisk::new(Fate::Sound);
        let store = open(&disk, Config::default()).await.expect("open");
        prepare(&store).await;
        disk.set_fate(Fate::FailAt(act));
        let done = put(&store, "large", &large).await;
        disk.set_fate(Fate::Sound);
        refused += usize::from(done.is_err());
        // Of a commit that failed nobody can say whether it took place.
        match read(&store, &blob("large")).await {
            Ok(kept) => assert_eq!(kept, large, "act {act}"),
            Err(error) => assert!(done.is_err(), "act {act}: {error}"),
        }
        if done.is_ok() {
            let store = open(&disk.after_crash(act), Config::default()).await.expect("open after the power has gone");
            assert_eq!(read(&store, &blob("large")).await.expect("read"), large, "act {act}");
        }
        put(&store, "large", &large).await.expect("the disk has come to its senses");
        assert_eq!(read(&store, &blob("large")).await.expect("read"), large, "act {act}");
    }
    assert!(refused > 12, "{refused}");
}
