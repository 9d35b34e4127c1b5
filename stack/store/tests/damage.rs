//! What a crash, a disk or a hand has done to the folder: cut off, found, named, and never served.

use crate::support::*;
use futures::StreamExt;
use greenroom_store::*;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn extents(dir: &Path) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(dir.join("extents")).expect("extents folder");
    folder.map(|entry| entry.expect("entry").path()).collect()
}

fn append(file: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(file).and_then(|mut file| file.write_all(bytes)).expect("append");
}

fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).expect("read file");
    bytes[at] ^= 0x10;
    std::fs::write(file, bytes).expect("write file");
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_written_over() {
    let mut bed = bed().await;
    bed.put("before", &content(1, 300 * KIB)).await;
    let lengths = |dir: &Path| extents(dir).iter().map(|file| file.metadata().expect("metadata").len()).sum::<u64>();
    let whole = lengths(bed.dir.path());
    bed = bed
        .reopen_after(|dir| {
            for file in extents(dir) {
                // The beginning of a good frame, without its end.
                let torn = std::fs::read(&file).expect("read file")[24..5_000].to_vec();
                append(&file, &torn);
            }
        })
        .await;
    assert_eq!(lengths(bed.dir.path()), whole);
    bed.put("after", &content(2, 300 * KIB)).await;
    bed = bed.reopen().await;
    assert_eq!(bed.get("before").await, content(1, 300 * KIB));
    assert_eq!(bed.get("after").await, content(2, 300 * KIB));
}

#[tokio::test]
async fn bodies_that_never_became_blobs_leave_nothing_behind() {
    let mut bed = bed().await;
    drop(bed.body(&content(1, MIB)).await);
    let mut unfinished = bed.store.begin_body(None).expect("begin");
    unfinished.write(content(2, MIB).into()).await.expect("write");
    drop(unfinished);
    bed.put("blob", &content(3, 300 * KIB)).await;
    bed = bed.reopen().await;
    assert_eq!(bed.get("blob").await, content(3, 300 * KIB));
    assert_eq!(extents(bed.dir.path()).len(), 3, "start-up deletes nothing");
    assert_eq!(bed.store.bury().await.expect("bury"), 2);
    let left: u64 = extents(bed.dir.path()).iter().map(|file| file.metadata().expect("metadata").len()).sum();
    assert!(left < 400 * KIB as u64, "{left} bytes are left");
}

#[tokio::test]
async fn a_flipped_byte_is_found_named_and_never_served() {
    let bed = bed().await;
    let good = content(1, 500 * KIB);
    bed.put("blob", &good).await;
    let [file] = &extents(bed.dir.path())[..] else { panic!("one extent") };
    let length = file.metadata().expect("metadata").len() as usize;
    // Headers of file and frames, the first and last bytes of frames, and places between.
    let places = [24, 28, 32, 39, 40, 41, 70_000, 131_111, 131_112, 131_128, 200_000, length - 1];
    for (number, at) in (0..).zip(places) {
        assert_eq!(bed.store.usage().read_faults, number, "each is counted");
        flip(file, at);
        let mut stream =
            Box::pin(bed.store.blob(&blob("blob")).await.expect("look up").read(0..u64::MAX).expect("read"));
        let (mut served, mut error) = (Vec::new(), None);
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(bytes) => served.extend(bytes),
                Err(found) => error = Some(found),
            }
        }
        assert!(good.starts_with(&served), "bad bytes were served, flipped at {at}");
        let Some(StoreError::Corrupt { file: named, offset, .. }) = error else { panic!("{at}: {error:?}") };
        assert_eq!(&named, file);
        assert!((offset..offset + 131_088).contains(&(at as u64)), "flipped at {at}, named {offset}");
        flip(file, at);
    }
    assert_eq!(bed.get("blob").await, good);
}

#[tokio::test]
async fn a_range_that_needs_no_bad_frame_is_served() {
    let bed = bed().await;
    let good = content(1, 500 * KIB);
    bed.put("blob", &good).await;
    let [file] = &extents(bed.dir.path())[..] else { panic!("one extent") };
    flip(file, 300_000);
    assert_eq!(bed.get_range("blob", 0..200_000).await.expect("good"), good[..200_000]);
    assert_eq!(bed.get_range("blob", 400_000..500_000).await.expect("good"), good[400_000..500_000]);
    assert!(bed.get_range("blob", 290_000..290_001).await.is_err(), "a frame is good or bad as a whole");
}

#[tokio::test]
async fn a_flipped_byte_of_the_catalog_is_found() {
    let mut bed = bed().await;
    let marker = "what-a-client-has-said".to_owned();
    let draft = BlobDraft { metadata: Metadata::from([("note".to_owned(), marker.clone())]), ..BlobDraft::default() };
    let body = bed.body(b"content").await;
    bed.store.put_blob(&blob("blob"), draft, body, &Precondition::default()).await.expect("put");
    bed = bed
        .reopen_after(|dir| {
            let catalog = dir.join("catalog/catalog.redb");
            let mut bytes = std::fs::read(&catalog).expect("read catalog");
            let found = |bytes: &[u8]| bytes.windows(marker.len()).position(|part| part == marker.as_bytes());
            assert!(found(&bytes).is_some(), "what is said of a blob lies in the catalog");
            while let Some(at) = found(&bytes) {
                bytes[at] ^= 1;
            }
            std::fs::write(&catalog, bytes).expect("write catalog");
        })
        .await;
    let found = bed.store.blob(&blob("blob")).await;
    assert!(matches!(found, Err(StoreError::Corrupt { .. })), "{found:?}");
    let listed = bed.store.list_blobs(&photos(), &ListQuery::default()).await;
    assert!(matches!(listed, Err(StoreError::Corrupt { .. })), "{listed:?}");
}

#[tokio::test]
async fn what_an_extent_has_lost_is_missed_and_the_rest_is_served() {
    let mut bed = bed().await;
    for (seed, name) in (0..).zip(["a", "b", "c", "d"]) {
        bed.put(name, &content(seed, 400 * KIB)).await;
    }
    let files = extents(bed.dir.path());
    assert_eq!(files.len(), 4, "each on a lane of its own");
    bed = bed
        .reopen_after(|_| {
            OpenOptions::new().write(true).open(&files[0]).and_then(|file| file.set_len(200_000)).expect("cut");
            std::fs::remove_file(&files[1]).expect("remove");
        })
        .await;
    let mut lost = 0;
    for (seed, name) in (0..).zip(["a", "b", "c", "d"]) {
        match bed.get_range(name, 0..u64::MAX).await {
            Ok(read) => assert_eq!(read, content(seed, 400 * KIB)),
            Err(StoreError::Corrupt { .. }) => lost += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(lost, 2);
    bed.put("e", &content(9, 400 * KIB)).await;
    bed = bed.reopen().await;
    assert_eq!(bed.get("e").await, content(9, 400 * KIB));
}

#[tokio::test]
async fn extents_of_another_store_are_refused_and_left_alone() {
    let (ours, theirs) = (bed().await, bed_with(Config::default()).await);
    ours.put("blob", &content(1, 300 * KIB)).await;
    theirs.clock.advance_seconds(1);
    let (ours_dir, clock) = (ours.dir, theirs.clock.clone());
    ours.store.close().await.expect("close");
    drop(ours.store);
    // As when somebody deletes a catalog to start afresh.
    std::fs::remove_dir_all(ours_dir.path().join("catalog")).expect("remove");
    let opened = Store::open(ours_dir.path(), Config::default(), clock).await;
    assert!(matches!(opened, Err(StoreError::Corrupt { .. })), "{opened:?}");
    assert_eq!(extents(ours_dir.path()).len(), 1);
}

#[tokio::test]
async fn a_catalog_that_is_none_is_refused() {
    let bed = bed().await;
    bed.put("blob", b"content").await;
    let (dir, clock) = (bed.dir, bed.clock);
    bed.store.close().await.expect("close");
    drop(bed.store);
    let catalog = dir.path().join("catalog/catalog.redb");
    let good = std::fs::read(&catalog).expect("read catalog");
    let zeros = vec![0; good.len()];
    let cut = good[..good.len() / 2].to_vec();
    for bad in [b"not a catalog".to_vec(), zeros, cut] {
        std::fs::write(&catalog, &bad).expect("write catalog");
        let opened = Store::open(dir.path(), Config::default(), clock.clone()).await;
        assert!(opened.is_err(), "opened {} bytes", bad.len());
    }
    std::fs::write(&catalog, good).expect("write catalog");
    let store = Store::open(dir.path(), Config::default(), clock).await.expect("open the good one");
    assert_eq!(read(&store, &blob("blob")).await.expect("read"), b"content");
}

#[tokio::test]
async fn a_folder_is_open_once() {
    let bed = bed().await;
    let again = Store::open(bed.dir.path(), Config::default(), bed.clock.clone()).await;
    let Err(StoreError::Locked { pid, .. }) = again else { panic!("{again:?}") };
    assert_eq!(pid, Some(std::process::id()));
    bed.reopen().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused() {
    let dir = tempfile::tempdir().expect("temporary folder");
    File::create(dir.path().join("file")).expect("create file");
    let opened = Store::open(&dir.path().join("file/data"), Config::default(), Arc::new(SystemClock)).await;
    assert!(matches!(opened, Err(StoreError::NotWritable { .. })), "{opened:?}");
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let bed = bed().await;
    bed.put("blob", &content(1, MIB)).await;
    let body = bed.body(b"body").await;
    let mut writer = bed.store.begin_body(None).expect("begin");
    bed.store.close().await.expect("close");
    let put = bed.store.put_blob(&blob("late"), BlobDraft::default(), body, &Precondition::default()).await;
    assert!(matches!(put, Err(StoreError::Closed)), "{put:?}");
    let written = writer.write(content(1, MIB).into()).await;
    assert!(matches!(written, Err(StoreError::Closed)), "{written:?}");
    assert_eq!(bed.get("blob").await, content(1, MIB), "reads end as they began");
}

#[tokio::test]
async fn a_full_flash_says_so_at_once_and_leaves_reads_and_deletes_working() {
    let config = Config { capacity_bytes: Some(8 * MIB as u64), extent_bytes: 500_000, ..Config::default() };
    let bed = bed_with(config).await;
    assert_eq!(bed.store.usage().flash_capacity_bytes, 8 * MIB as u64);
    assert!(matches!(bed.store.begin_body(Some(9 * MIB as u64)), Err(StoreError::Full { .. })));
    let mut stored = 0;
    let take_in = async |seed| {
        let mut writer = bed.store.begin_body(Some(MIB as u64))?;
        writer.write(content(seed, MIB).into()).await?;
        writer.finish().await
    };
    let full = loop {
        match take_in(stored).await {
            Ok(body) => {
                let name = blob(&format!("blob-{stored}"));
                bed.store.put_blob(&name, BlobDraft::default(), body, &Precondition::default()).await.expect("put");
                stored += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    assert!((3..8).contains(&stored), "{stored} blobs of 1 MiB");
    assert!(bed.store.usage().flash_used_bytes <= 8 * MIB as u64);
    let mut unknown = bed.store.begin_body(None).expect("begins with nothing");
    let written = unknown.write(content(1, 2 * MIB).into()).await;
    assert!(matches!(written, Err(StoreError::Full { .. })), "{written:?}");
    drop(unknown);

    for number in 0..stored {
        assert_eq!(bed.get(&format!("blob-{number}")).await, content(number, MIB));
        bed.delete(&format!("blob-{number}")).await.expect("delete");
    }
    bed.put("small", b"one more transaction").await;
    bed.put("again", &content(7, MIB)).await;
    assert_eq!(bed.get("again").await, content(7, MIB));
}
