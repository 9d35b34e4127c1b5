//! Copies and snapshots: content is shared, nothing is lost while somebody refers to it, and all is freed when nobody does.

use crate::support::*;
use greenroom_store::*;

const NONE: BlobDraft = BlobDraft {
    headers: HttpHeaders {
        content_type: None,
        content_encoding: None,
        content_language: None,
        content_disposition: None,
        cache_control: None,
        content_md5: None,
    },
    metadata: Metadata::new(),
    tags: Tags::new(),
    tier: None,
    copy: None,
    seal: Seal::Tenants,
};

async fn source(bed: &Bed, name: &str) -> Source {
    bed.store.blob(&blob(name)).await.expect("look up").source()
}

async fn copy(bed: &Bed, from: &str, to: &str) -> Result<BlobProps> {
    let source = source(bed, from).await;
    bed.store.copy_blob(&source, &blob(to), NONE, CopyBlocks::Keep, &Precondition::default()).await
}

async fn stage_from(bed: &Bed, to: &str, id: &str, from: &str, range: std::ops::Range<u64>) -> Result<()> {
    let source = bed.store.blob(&blob(from)).await.expect("look up");
    bed.store.stage_block_from(&blob(to), (block_id(id), &Seal::Tenants), source, range, None).await
}

fn extent_bytes(bed: &Bed) -> u64 {
    let files = std::fs::read_dir(bed.dir.path().join("extents")).expect("extents folder");
    files.map(|file| file.and_then(|file| file.metadata()).expect("metadata").len()).sum()
}

#[tokio::test]
async fn a_copy_moves_no_bytes_and_outlives_its_source() {
    let mut bed = bed().await;
    let long = content(1, 3 * MIB + 5);
    let props = bed.put("long", &long).await;
    let before = extent_bytes(&bed);
    let copied = copy(&bed, "long", "copy").await.expect("copy");
    assert_eq!((copied.length, copied.crc64), (props.length, props.crc64));
    assert_ne!(copied.etag, props.etag);
    assert_eq!(extent_bytes(&bed), before);
    bed.delete("long").await.expect("delete the source");
    bed = bed.reopen().await;
    assert_eq!(bed.get("copy").await, long);
    let usage = bed.store.usage().tenants[&tenant("gold")];
    assert_eq!((usage.blobs, usage.bytes), (1, long.len() as u64));
    bed.delete("copy").await.expect("delete the copy");
    bed.reopen_until_swept().await;
}

#[tokio::test]
async fn a_copy_onto_itself_and_onto_another_frees_what_was_there() {
    let mut bed = bed().await;
    for (seed, name) in [(1, "a"), (2, "b")] {
        bed.put(name, &content(seed, 300 * KIB)).await;
    }
    for (from, to) in [("a", "a"), ("a", "b"), ("b", "b")] {
        copy(&bed, from, to).await.expect("copy");
        assert_eq!(bed.get("a").await, content(1, 300 * KIB));
    }
    assert_eq!(bed.get("b").await, content(1, 300 * KIB));
    bed = bed.reopen().await;
    bed.store.bury().await.expect("bury");
    assert!(extent_bytes(&bed) < 350 * KIB as u64, "the old content of b is gone");
    for name in ["a", "b"] {
        bed.delete(name).await.expect("delete");
    }
    bed.reopen_until_swept().await;
}

#[tokio::test]
async fn a_copy_keeps_or_forgets_the_blocks_of_a_long_list() {
    let bed = bed().await;
    let ids: Vec<String> = (0..40).map(|number| format!("{number:03}")).collect();
    for (seed, id) in (0..).zip(&ids) {
        bed.stage("blob", id, &content(seed, 5_000)).await.expect("stage");
    }
    let list: Vec<_> = ids.iter().map(|id| (id.as_str(), BlockSource::Latest)).collect();
    bed.commit("blob", &list).await.expect("commit");
    copy(&bed, "blob", "kept").await.expect("copy");
    let from = source(&bed, "blob").await;
    let none = Precondition::default();
    bed.store.copy_blob(&from, &blob("forgot"), NONE, CopyBlocks::Forget, &none).await.expect("copy");
    let whole = bed.get("blob").await;
    bed.delete("blob").await.expect("delete");
    let bed = bed.reopen().await;
    for (name, blocks) in [("kept", 40), ("forgot", 0)] {
        assert_eq!(bed.get(name).await, whole, "{name}");
        let list = bed.store.block_list(&blob(name)).await.expect("block list");
        assert_eq!(list.committed.len(), blocks, "{name}");
    }
    // The copy's blocks can be put together anew.
    bed.commit("kept", &[("007", BlockSource::Committed), ("003", BlockSource::Committed)]).await.expect("commit");
    assert_eq!(bed.get("kept").await, [content(7, 5_000), content(3, 5_000)].concat());
}

#[tokio::test]
async fn a_source_that_has_changed_is_refused() {
    let bed = bed().await;
    bed.put("a", b"first").await;
    let old = source(&bed, "a").await;
    bed.put("a", b"second").await;
    let none = Precondition::default();
    let copied = bed.store.copy_blob(&old, &blob("b"), NONE, CopyBlocks::Keep, &none).await;
    assert!(matches!(copied, Err(StoreError::SourceChanged)), "{copied:?}");
    let gone = bed.store.blob(&blob("a")).await.expect("look up");
    bed.delete("a").await.expect("delete");
    let staged = bed.store.stage_block_from(&blob("b"), (block_id("x"), &Seal::Tenants), gone, 0..3, None).await;
    assert!(matches!(staged, Err(StoreError::SourceChanged)), "{staged:?}");
    bed.put("a", b"third").await;
    let absent = Precondition::if_absent();
    let from = source(&bed, "a").await;
    let onto = bed.store.copy_blob(&from, &blob("a"), NONE, CopyBlocks::Keep, &absent).await;
    assert!(matches!(onto, Err(StoreError::BlobExists)), "{onto:?}");
}

#[tokio::test]
async fn blocks_from_any_range_make_up_the_blob_and_its_checksum() {
    let mut bed = bed().await;
    let whole = content(1, 900 * KIB + 77);
    let props = bed.put("source", &whole).await;
    let length = whole.len() as u64;
    // Within a frame, over frames, whole frames, single bytes, up to the end.
    let cuts = [0, 1, 77_000, 131_072, 131_073, 262_144, 524_288, 600_001, length - 1, length];
    let before = extent_bytes(&bed);
    let ids: Vec<String> = (0..cuts.len() - 1).map(|number| format!("{number:02}")).collect();
    for (id, cut) in ids.iter().zip(cuts.windows(2)) {
        stage_from(&bed, "blob", id, "source", cut[0]..cut[1]).await.expect("stage");
    }
    let list: Vec<_> = ids.iter().map(|id| (id.as_str(), BlockSource::Uncommitted)).collect();
    let made = bed.commit("blob", &list).await.expect("commit");
    assert_eq!((made.length, made.crc64), (props.length, props.crc64));
    assert_eq!(extent_bytes(&bed), before);

    // Ranges of ranges, turned round, with a block of its own between.
    stage_from(&bed, "turned", "aa", "blob", 100_000..length).await.expect("stage");
    bed.stage("turned", "bb", b"between").await.expect("stage");
    stage_from(&bed, "turned", "cc", "blob", 0..100_000).await.expect("stage");
    let list = ["aa", "bb", "cc"].map(|id| (id, BlockSource::Latest));
    bed.commit("turned", &list).await.expect("commit");
    let turned = [&whole[100_000..], b"between", &whole[..100_000]].concat();
    for name in ["source", "blob"] {
        bed.delete(name).await.expect("delete");
    }
    bed = bed.reopen().await;
    assert_eq!(bed.get("turned").await, turned);
    for range in [0..1, 131_000..131_200, 899_990..900_100, 500_000..u64::MAX] {
        let end = (range.end as usize).min(turned.len());
        assert_eq!(bed.get_range("turned", range.clone()).await.expect("range"), turned[range.start as usize..end]);
    }
    bed.delete("turned").await.expect("delete");
    bed.reopen_until_swept().await;
}

#[tokio::test]
async fn ranges_outside_the_source_are_refused() {
    let bed = bed().await;
    bed.put("source", b"0123456789").await;
    for range in [5..11, 11..12, 0..u64::MAX] {
        let staged = stage_from(&bed, "blob", "aa", "source", range.clone()).await;
        assert!(matches!(staged, Err(StoreError::RangeInvalid)), "{range:?}: {staged:?}");
    }
    stage_from(&bed, "blob", "aa", "source", 10..10).await.expect("nothing is a range too");
    bed.commit("blob", &[("aa", BlockSource::Latest)]).await.expect("commit");
    assert_eq!(bed.get("blob").await, b"");
}

#[tokio::test]
async fn a_snapshot_stays_as_its_blob_was() {
    let mut bed = bed().await;
    let none = Precondition::default();
    let missing = bed.store.snapshot_blob(&blob("blob"), None, &none).await;
    assert!(matches!(missing, Err(StoreError::BlobMissing)), "{missing:?}");
    let first = bed.put("blob", &content(1, 300 * KIB)).await;
    let (one, props) = bed.store.snapshot_blob(&blob("blob"), None, &none).await.expect("snapshot");
    assert_eq!(props, first);
    let note = Metadata::from([("note".to_owned(), "kept".to_owned())]);
    let (two, noted) = bed.store.snapshot_blob(&blob("blob"), Some(note.clone()), &none).await.expect("snapshot");
    assert!(two > one && noted.metadata == note && noted.etag != first.etag, "the clock stands still, moments do not");
    bed.put("blob", &content(2, 300 * KIB)).await;
    bed = bed.reopen().await;
    for time in [one, two] {
        let snapshot = bed.store.blob_snapshot(&blob("blob"), time).await.expect("look up");
        assert_eq!(collect(snapshot, 0..u64::MAX).await.expect("read"), content(1, 300 * KIB));
    }
    assert_eq!(bed.get("blob").await, content(2, 300 * KIB));
    // Promote: a copy of the snapshot over its blob.
    let from = bed.store.blob_snapshot(&blob("blob"), one).await.expect("look up").source();
    bed.store.copy_blob(&from, &blob("blob"), NONE, CopyBlocks::Keep, &none).await.expect("copy");
    assert_eq!(bed.get("blob").await, content(1, 300 * KIB));

    let kept = bed.delete("blob").await;
    assert!(matches!(kept, Err(StoreError::SnapshotsPresent)), "{kept:?}");
    bed.store.delete_snapshot(&blob("blob"), one, &none).await.expect("delete one");
    for time in [one, Timestamp(1)] {
        let gone = bed.store.delete_snapshot(&blob("blob"), time, &none).await;
        assert!(matches!(gone, Err(StoreError::BlobMissing)), "{gone:?}");
        let gone = bed.store.blob_snapshot(&blob("blob"), time).await;
        assert!(matches!(gone, Err(StoreError::BlobMissing)), "{gone:?}");
    }
    bed.store.delete_snapshot(&blob("blob"), two, &none).await.expect("delete the other");
    bed.delete("blob").await.expect("nothing keeps it");
    bed.reopen_until_swept().await;
}

#[tokio::test]
async fn snapshots_go_with_their_blob_or_container_or_alone() {
    let none = Precondition::default();
    for how in ["alone", "blob", "container"] {
        let bed = bed().await;
        bed.put("blob", &content(1, 100 * KIB)).await;
        for _ in 0..3 {
            bed.store.snapshot_blob(&blob("blob"), None, &none).await.expect("snapshot");
        }
        let bytes = 100 * KIB as u64;
        let usage = bed.store.usage().tenants[&tenant("gold")];
        assert_eq!((usage.blobs, usage.bytes), (4, 4 * bytes));
        match how {
            "alone" => {
                bed.store.delete_snapshots(&blob("blob"), &none).await.expect("delete");
                bed.delete("blob").await.expect("delete");
            }
            "blob" => bed.store.delete_blob(&blob("blob"), Snapshots::Delete, &none).await.expect("delete"),
            _ => bed.store.delete_container(&photos(), &none).await.expect("delete"),
        }
        let bed = bed.reopen_until_swept().await;
        let usage = bed.store.usage().tenants[&tenant("gold")];
        assert_eq!((usage.blobs, usage.bytes), (0, 0), "{how}");
    }
}

#[tokio::test]
async fn snapshots_are_listed_before_their_blob_in_pages_of_any_size() {
    let bed = bed().await;
    let none = Precondition::default();
    let mut expected = Vec::new();
    for name in ["a", "a/b", "b"] {
        bed.put(name, name.as_bytes()).await;
        for _ in 0..if name == "b" { 0 } else { 3 } {
            let (time, _) = bed.store.snapshot_blob(&blob(name), None, &none).await.expect("snapshot");
            expected.push(format!("{name}@{}", time.0));
        }
        expected.push(name.to_owned());
    }
    for max in 1..=expected.len() + 1 {
        let mut query = ListQuery { snapshots: ListSnapshots::List, max, ..ListQuery::default() };
        let mut listed = Vec::new();
        loop {
            let page = bed.list(query.clone()).await;
            assert!(page.entries.len() <= max);
            listed.extend(page.entries.iter().map(|entry| match entry {
                Entry::Blob(name, _) => name.to_string(),
                Entry::Snapshot(name, time, _) => format!("{name}@{}", time.0),
                Entry::Uncommitted(name) => panic!("{name}"),
                Entry::Prefix(prefix) => prefix.clone(),
            }));
            (query.after, query.after_snapshot) = (page.next, page.next_snapshot);
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(listed, expected, "in pages of {max}");
    }
    assert_eq!(bed.list(ListQuery::default()).await.entries.len(), 3, "unasked there are none");
}
