//! `verify` finds every damage and names it, `repair` drops what is lost and nothing else.

use crate::support::*;
use greenroom_store::check::{self, Apply, Item, Proof, Repair, Report};
use greenroom_store::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn disk() -> Arc<dyn Disk> {
    Arc::new(FileSystem)
}

fn verify(dir: &Path) -> Report {
    check::verify(&disk(), dir, &mut |_| {}).expect("verify")
}

fn repair(dir: &Path, apply: Apply) -> Repair {
    let mut announced = None;
    let repair = check::repair(&disk(), dir, apply, &mut |_| {}, &mut |repair| {
        announced = Some(repair.clone());
        Ok(())
    });
    let repair = repair.expect("repair");
    assert_eq!(announced.as_ref(), Some(&repair), "what is done was announced before");
    repair
}

/// Flips a bit of the one place in the extents that holds these bytes.
fn damage(dir: &Path, marker: &[u8]) -> PathBuf {
    let files = std::fs::read_dir(dir.join("extents")).expect("extents folder");
    for file in files.map(|file| file.expect("entry").path()) {
        let mut bytes = std::fs::read(&file).expect("read file");
        if let Some(at) = bytes.windows(marker.len()).position(|part| part == marker) {
            bytes[at] ^= 1;
            std::fs::write(&file, bytes).expect("write file");
            return file;
        }
    }
    panic!("no extent holds it");
}

fn names(damaged: &[check::Damage]) -> Vec<String> {
    let mut names: Vec<_> = damaged.iter().map(|damage| damage.what.to_string()).collect();
    names.sort();
    names
}

/// A bit of everything; each blob has content of its own but `copy`, which shares that of `shared`.
async fn furnish(bed: &Bed) -> Timestamp {
    let none = Precondition::default();
    for (seed, name) in (0..).zip(["a", "b", "shared", "d"]) {
        bed.put(name, &content(seed, 300 * KIB)).await;
    }
    let source = bed.store.blob(&blob("shared")).await.expect("look up").source();
    let copied = bed.store.copy_blob(&source, &blob("copy"), BlobDraft::default(), CopyBlocks::Keep, &none).await;
    copied.expect("copy");
    for part in 0..40 {
        bed.stage("long", &format!("{part:02}"), &content(100 + part, 5_000)).await.expect("stage");
    }
    let ids: Vec<String> = (0..40).map(|part| format!("{part:02}")).collect();
    let list: Vec<_> = ids.iter().map(|id| (id.as_str(), BlockSource::Latest)).collect();
    bed.commit("long", &list).await.expect("commit");
    bed.stage("staged", "aa", &content(200, 5_000)).await.expect("stage");
    bed.stage("staged", "bb", &content(201, 5_000)).await.expect("stage");
    let (time, _) = bed.store.snapshot_blob(&blob("d"), None, &none).await.expect("snapshot");
    bed.put("d", &content(300, 1_000)).await;
    bed.put("empty", b"").await;
    time
}

async fn close(bed: &Bed) {
    bed.store.close().await.expect("close");
}

#[tokio::test]
async fn a_sound_folder_is_whole_whatever_was_done_to_it() {
    let bed = bed().await;
    furnish(&bed).await;
    let locked = check::verify(&disk(), bed.dir.path(), &mut |_| {});
    assert!(matches!(locked, Err(StoreError::Locked { .. })), "{locked:?}");
    close(&bed).await;
    let Bed { dir, store, .. } = bed;
    drop(store);
    let mut told = 0;
    let report = check::verify(&disk(), dir.path(), &mut |_| told += 1).expect("verify");
    assert!(report.is_whole(), "{report:?}");
    let counts = report.counts;
    assert_eq!((counts.containers, counts.blobs, counts.snapshots, counts.staged_blocks), (1, 7, 1, 2));
    assert_eq!(counts.bytes, 5 * 300 * KIB as u64 + 200_000 + 10_000 + 1_000);
    assert!(counts.live_bytes < counts.bytes && counts.live_bytes > 4 * 300 * KIB as u64, "{counts:?}");
    assert_eq!(told, 7 + 1 + 2);
    assert_eq!(repair(dir.path(), Apply::Yes), Repair { report, ..Repair::default() });
}

#[tokio::test]
async fn a_folder_that_is_no_store_is_not_made_one() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let found = check::verify(&disk(), dir.path(), &mut |_| {});
    assert!(matches!(found, Err(StoreError::Io { .. })), "{found:?}");
    assert_eq!(std::fs::read_dir(dir.path()).expect("folder").count(), 0);
}

#[tokio::test]
async fn what_is_damaged_is_named_and_only_that_is_dropped() {
    let mut bed = bed().await;
    let time = furnish(&bed).await;
    close(&bed).await;
    bed = bed
        .reopen_after(|dir| {
            for marker in [
                &content(1, 300 * KIB)[200_000..200_020],
                &content(2, 300 * KIB)[100..120],
                &content(117, 5_000)[4_980..],
                &content(3, 300 * KIB)[..20],
                &content(201, 5_000)[..20],
            ] {
                damage(dir, marker);
            }
            let report = verify(dir);
            let path = |name: &str| format!("goldaccount/photos/{name}");
            let expected = [
                format!("blob {}", path("b")),
                format!("blob {}", path("copy")),
                format!("blob {}", path("long")),
                format!("blob {}", path("shared")),
                format!("snapshot {} of blob {}", time.0, path("d")),
                format!("uncommitted block bb of blob {}", path("staged")),
            ];
            assert_eq!(names(&report.damaged), expected);
            assert!(report.damaged.iter().all(|damage| damage.proof == Proof::Lost), "{report:?}");
            assert_eq!(report.miscounts, []);
            assert_eq!(names(&repair(dir, Apply::No).dropped), expected);
            assert_eq!(verify(dir), report, "without being told to it changes nothing");
            let done = repair(dir, Apply::Yes);
            assert_eq!((names(&done.dropped), done.kept), (expected.to_vec(), Vec::new()));
            assert!(verify(dir).is_whole(), "{:?}", verify(dir));
        })
        .await;
    assert_eq!(bed.get("a").await, content(0, 300 * KIB));
    assert_eq!(bed.get("d").await, content(300, 1_000));
    bed.delete("d").await.expect("no snapshot keeps it");
    for name in ["b", "copy", "long", "shared"] {
        assert!(matches!(bed.store.blob(&blob(name)).await, Err(StoreError::BlobMissing)), "{name}");
        bed.put(name, b"again").await;
    }
    bed.commit("staged", &[("aa", BlockSource::Latest)]).await.expect("commit");
    assert_eq!(bed.get("staged").await, content(200, 5_000));
    for name in ["a", "b", "copy", "long", "shared", "empty", "staged"] {
        bed.delete(name).await.expect("delete");
    }
    bed.reopen_until_swept().await;
}

#[tokio::test]
async fn every_bad_part_of_a_blob_is_named() {
    const FRAME: u64 = 128 << 10;
    let good = content(1, 10 * 128 * KIB + 77);
    let bed = bed().await;
    bed.put("blob", &good).await;
    bed.put("other", &content(2, 300 * KIB)).await;
    close(&bed).await;
    let Bed { dir, store, .. } = bed;
    drop(store);
    // The second frame, the fifth and the sixth, and the short one at the end.
    for frame in [1, 4, 5, 10] {
        let at = (frame * FRAME) as usize + 30;
        damage(dir.path(), &good[at..at + 20]);
    }
    let report = verify(dir.path());
    let [found] = &report.damaged[..] else { panic!("{report:?}") };
    let end = good.len() as u64;
    assert_eq!(found.ranges, [FRAME..2 * FRAME, 4 * FRAME..6 * FRAME, 10 * FRAME..end]);
    assert_eq!((found.length, found.proof), (Some(end), Proof::Lost));
}

#[tokio::test]
async fn a_blob_whose_snapshots_are_sound_is_kept_with_them() {
    let bed = bed().await;
    bed.put("blob", &content(1, 1_000)).await;
    bed.store.snapshot_blob(&blob("blob"), None, &Precondition::default()).await.expect("snapshot");
    bed.put("blob", &content(2, 1_000)).await;
    close(&bed).await;
    bed.reopen_after(|dir| {
        damage(dir, &content(2, 1_000)[..20]);
        let done = repair(dir, Apply::Yes);
        assert!(done.dropped.is_empty() && done.kept.len() == 1, "{done:?}");
        assert_eq!(verify(dir).damaged.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_missing_extent_is_a_proven_loss_of_what_lay_in_it() {
    let mut bed = bed().await;
    for (seed, name) in (0..).zip(["a", "b", "c"]) {
        bed.put(name, &content(seed, 300 * KIB)).await;
    }
    close(&bed).await;
    bed = bed
        .reopen_after(|dir| {
            std::fs::remove_file(damage(dir, &content(1, 300 * KIB)[..20])).expect("remove");
            let done = repair(dir, Apply::Yes);
            assert_eq!(names(&done.dropped), ["blob goldaccount/photos/b"]);
            assert!(verify(dir).is_whole(), "{:?}", verify(dir));
        })
        .await;
    assert_eq!(bed.get("c").await, content(2, 300 * KIB));
    assert_eq!(bed.list(ListQuery::default()).await.entries.len(), 2);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_dropped_by_name() {
    let mut bed = bed().await;
    bed.put("good", b"content").await;
    let metadata = Metadata::from([("note".to_owned(), "what-a-client-has-said".to_owned())]);
    let draft = BlobDraft { metadata, ..BlobDraft::default() };
    let body = bed.body(b"other").await;
    bed.store.put_blob(&blob("bad"), draft, body, &Precondition::default()).await.expect("put");
    close(&bed).await;
    bed = bed
        .reopen_after(|dir| {
            let catalog = dir.join("catalog/catalog.redb");
            let mut bytes = std::fs::read(&catalog).expect("read catalog");
            let marker = b"what-a-client-has-said";
            while let Some(at) = bytes.windows(marker.len()).position(|part| part == marker) {
                bytes[at] ^= 1;
            }
            std::fs::write(&catalog, bytes).expect("write catalog");
            let report = verify(dir);
            let path = "goldaccount/photos/bad".to_owned();
            let damaged: Vec<_> = report.damaged.iter().map(|damage| &damage.what).collect();
            assert_eq!(damaged, [&Item::Blob { path }, &Item::Catalog], "the row, and the page that it is in");
            assert!(!report.miscounts.is_empty(), "what the row referred to is counted and not found");
            let done = repair(dir, Apply::Yes);
            let kept: Vec<_> = done.kept.iter().map(|kept| &kept.damage.what).collect();
            assert_eq!(kept, [&Item::Catalog], "whether the names beside it are right nobody can tell");
            assert!(verify(dir).is_whole(), "{:?}", verify(dir));
        })
        .await;
    assert_eq!(bed.get("good").await, b"content");
    assert_eq!(bed.list(ListQuery::default()).await.entries.len(), 1);
}
