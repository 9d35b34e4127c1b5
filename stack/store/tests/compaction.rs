//! Dead space goes while the store serves, and what lives stays as it was.

use crate::support::*;
use futures::StreamExt;
use greenroom_store::*;

fn small_extents() -> Config {
    Config { extent_bytes: 500_000, ..Config::default() }
}

fn extent_bytes(bed: &Bed) -> u64 {
    let files = std::fs::read_dir(bed.dir.path().join("extents")).expect("extents folder");
    files.map(|file| file.and_then(|file| file.metadata()).expect("metadata").len()).sum()
}

/// Rounds until one finds nothing to do.
async fn compact(bed: &Bed) -> Compaction {
    let mut all = Compaction::default();
    for _ in 0..20 {
        let round = bed.store.compact().await.expect("compact");
        all.closed += round.closed;
        all.extents += round.extents;
        all.moved_bytes += round.moved_bytes;
        all.damaged += round.damaged;
        if round.extents + round.closed == 0 {
            break;
        }
    }
    all
}

async fn fill(bed: &Bed, blobs: u64) {
    for number in 0..blobs {
        bed.put(&format!("blob-{number:03}"), &content(number, 30_000 + number as usize * 1_000)).await;
    }
}

async fn expect(bed: &Bed, numbers: impl Iterator<Item = u64>) {
    for number in numbers {
        assert_eq!(bed.get(&format!("blob-{number:03}")).await, content(number, 30_000 + number as usize * 1_000));
    }
}

#[tokio::test]
async fn what_lives_moves_and_the_rest_goes() {
    let mut bed = bed_with(small_extents()).await;
    fill(&bed, 100).await;
    let full = extent_bytes(&bed);
    for number in (0..100).filter(|number| number % 5 != 0) {
        bed.delete(&format!("blob-{number:03}")).await.expect("delete");
    }
    let done = compact(&bed).await;
    assert!(done.extents > 5 && done.moved_bytes > 0 && done.damaged == 0, "{done:?}");
    let left = extent_bytes(&bed);
    assert!(left < full / 2, "{left} of {full} bytes are left");
    expect(&bed, (0..100).step_by(5)).await;
    bed = bed.reopen().await;
    expect(&bed, (0..100).step_by(5)).await;
    assert_eq!(compact(&bed).await.damaged, 0);
    for number in (0..100).step_by(5) {
        bed.delete(&format!("blob-{number:03}")).await.expect("delete");
    }
    bed.reopen_until_swept().await;
}

/// A write that finds flash full of what is dead does not have to wait for the server's rounds.
#[tokio::test]
async fn who_finds_no_room_has_what_is_dead_compacted() {
    let bed = bed_with(Config { capacity_bytes: Some(8_000_000), ..small_extents() }).await;
    let mut blobs = 0;
    while bed.store.begin_body(Some(1_000_000)).is_ok() {
        bed.put(&format!("blob-{blobs:03}"), &content(blobs, 90_000)).await;
        blobs += 1;
    }
    assert!(matches!(
        bed.store.begin_body_when_room(&photos().account, &Seal::Tenants, Some(1_000_000)).await,
        Err(StoreError::Full { .. })
    ));
    for number in (0..blobs).filter(|number| number % 4 != 0) {
        bed.delete(&format!("blob-{number:03}")).await.expect("delete");
    }
    bed.store.begin_body_when_room(&photos().account, &Seal::Tenants, Some(1_000_000)).await.expect("room");
}

#[tokio::test]
async fn shared_and_staged_content_moves_for_all_who_refer_to_it() {
    let mut bed = bed_with(small_extents()).await;
    let none = Precondition::default();
    let kept = content(1, 450_000);
    let rubbish = async |from: u64| {
        for number in from..from + 4 {
            bed.put("rubbish", &content(number, 480_000)).await;
        }
    };
    // Each extent begins with something that stays.
    bed.put("kept", &kept[..100_000]).await;
    rubbish(10).await;
    for part in 0..40 {
        bed.stage("long", &format!("{part:02}"), &content(100 + part, 7_000)).await.expect("stage");
    }
    rubbish(20).await;
    let ids: Vec<String> = (0..40).map(|part| format!("{part:02}")).collect();
    let list: Vec<_> = ids.iter().map(|id| (id.as_str(), BlockSource::Latest)).collect();
    bed.commit("long", &list).await.expect("commit");
    let source = bed.store.blob(&blob("kept")).await.expect("look up");
    let copied =
        bed.store.stage_block_from(&blob("part"), (block_id("a"), &Seal::Tenants), source, 10_000..60_000, None).await;
    copied.expect("stage from");
    let (time, _) = bed.store.snapshot_blob(&blob("long"), None, &none).await.expect("snapshot");
    let source = bed.store.blob(&blob("long")).await.expect("look up").source();
    let copied = bed.store.copy_blob(&source, &blob("copy"), BlobDraft::default(), CopyBlocks::Keep, &none).await;
    copied.expect("copy");
    rubbish(30).await;
    bed.delete("rubbish").await.expect("delete");
    let done = compact(&bed).await;
    assert!(done.extents > 0, "{done:?}");
    assert!(extent_bytes(&bed) < 1_000_000, "{} bytes are left", extent_bytes(&bed));
    bed.commit("part", &[("a", BlockSource::Latest)]).await.expect("commit");

    let long: Vec<u8> = (0..40).flat_map(|part| content(100 + part, 7_000)).collect();
    for _ in 0..2 {
        assert_eq!(bed.get("kept").await, kept[..100_000]);
        assert_eq!(bed.get("part").await, kept[10_000..60_000]);
        for name in ["long", "copy"] {
            assert_eq!(bed.get(name).await, long, "{name}");
            assert_eq!(bed.get_range(name, 13_999..14_001).await.expect("range"), long[13_999..14_001]);
        }
        let snapshot = bed.store.blob_snapshot(&blob("long"), time).await.expect("look up");
        assert_eq!(collect(snapshot, 0..u64::MAX).await.expect("read"), long);
        bed = bed.reopen().await;
    }
    bed.store.delete_blob(&blob("long"), Snapshots::Delete, &none).await.expect("delete");
    for name in ["kept", "part", "copy"] {
        bed.delete(name).await.expect("delete");
    }
    bed.reopen_until_swept().await;
}

#[tokio::test]
async fn a_reader_ends_as_it_began() {
    let bed = bed_with(small_extents()).await;
    let long = content(7, 3_000_000);
    bed.put("long", &long).await;
    let open = bed.store.blob(&blob("long")).await.expect("look up");
    let mut stream = Box::pin(open.read(0..u64::MAX).expect("read"));
    let mut read = stream.next().await.expect("a first chunk").expect("good").to_vec();
    bed.put("long", b"short").await;
    compact(&bed).await;
    while let Some(chunk) = stream.next().await {
        read.extend_from_slice(&chunk.expect("good"));
    }
    assert!(read == long);
    drop(stream);
    compact(&bed).await;
    assert!(extent_bytes(&bed) < 100_000, "{} bytes are left", extent_bytes(&bed));
}

#[tokio::test]
async fn writes_and_deletes_go_on_during_compaction() {
    let bed = bed_with(small_extents()).await;
    fill(&bed, 60).await;
    for number in (0..60).filter(|number| number % 3 != 0) {
        bed.delete(&format!("blob-{number:03}")).await.expect("delete");
    }
    let busy = async {
        for number in (0..60).step_by(6) {
            bed.delete(&format!("blob-{number:03}")).await.expect("delete");
            bed.put(&format!("new-{number:03}"), &content(1_000 + number, 50_000)).await;
        }
    };
    let (done, ()) = futures::join!(compact(&bed), busy);
    assert!(done.extents > 0 && done.damaged == 0, "{done:?}");
    compact(&bed).await;
    let bed = bed.reopen().await;
    expect(&bed, (3..60).step_by(6)).await;
    for number in (0..60).step_by(6) {
        assert_eq!(bed.get(&format!("new-{number:03}")).await, content(1_000 + number, 50_000));
    }
    assert_eq!(bed.list(ListQuery::default()).await.entries.len(), 10 + 10);
}

#[tokio::test]
async fn a_damaged_extent_stays_as_it_is() {
    let bed = bed_with(small_extents()).await;
    fill(&bed, 40).await;
    for number in (0..40).filter(|number| number % 5 != 0) {
        bed.delete(&format!("blob-{number:03}")).await.expect("delete");
    }
    // The last byte of a live blob, wherever it lies.
    let marker = content(20, 50_000)[49_990..].to_vec();
    let files = std::fs::read_dir(bed.dir.path().join("extents")).expect("extents folder");
    let mut hit = None;
    for file in files.map(|file| file.expect("entry").path()) {
        let mut bytes = std::fs::read(&file).expect("read file");
        if let Some(at) = bytes.windows(marker.len()).position(|part| part == marker) {
            bytes[at] ^= 1;
            std::fs::write(&file, bytes).expect("write file");
            hit = Some(file);
        }
    }
    let hit = hit.expect("the blob lies in an extent");
    let done = compact(&bed).await;
    assert!(done.extents > 0 && done.damaged == 1, "{done:?}");
    assert!(hit.exists());
    let read = bed.get_range("blob-020", 0..u64::MAX).await;
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
    expect(&bed, (0..40).step_by(5).filter(|number| *number != 20)).await;
    assert_eq!(compact(&bed).await.damaged, 0, "it is not tried again and again");
}

#[tokio::test]
async fn a_flash_smaller_than_an_extent_gets_its_room_back() {
    let config = Config { capacity_bytes: Some(16 * MIB as u64), ..Config::default() };
    let bed = bed_with(config).await;
    for round in 0..4 {
        for number in 0..8 {
            bed.put(&format!("blob-{number}"), &content(round * 8 + number, MIB)).await;
        }
        for number in 0..8 {
            bed.delete(&format!("blob-{number}")).await.expect("delete");
        }
        compact(&bed).await;
    }
    assert!(extent_bytes(&bed) < MIB as u64, "{} bytes are left", extent_bytes(&bed));
}
