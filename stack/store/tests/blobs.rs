//! Blobs go in, come out as they went in, and stay.

use crate::support::*;
use greenroom_store::*;

/// Around the bounds of frames and buffers.
const LENGTHS: [usize; 10] =
    [0, 1, 4 * KIB, 128 * KIB - 1, 128 * KIB, 128 * KIB + 1, 256 * KIB, 256 * KIB + 1, 700_000, 3 * MIB + 17];

#[tokio::test]
async fn content_of_any_length_comes_back_also_after_a_restart() {
    let mut bed = bed().await;
    for (seed, length) in (0..).zip(LENGTHS) {
        let content = content(seed, length);
        let props = bed.put(&format!("blob-{length}"), &content).await;
        assert_eq!(props.length, length as u64);
        assert_eq!(props.crc64, crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &content));
    }
    for _ in 0..2 {
        for (seed, length) in (0..).zip(LENGTHS) {
            assert_eq!(bed.get(&format!("blob-{length}")).await, content(seed, length), "{length}");
        }
        bed = bed.reopen().await;
    }
}

#[tokio::test]
async fn any_range_comes_back_exactly() {
    let bed = bed().await;
    for length in [5_000, 700_000] {
        let content = content(1, length);
        bed.put("blob", &content).await;
        let edges = [0, 1, 4_096, 131_071, 131_072, 131_073, 262_144, 300_000, length - 1, length];
        for from in edges.into_iter().filter(|at| *at < length) {
            for to in edges.into_iter().filter(|at| (from..=length).contains(at)) {
                let read = bed.get_range("blob", from as u64..to as u64).await.expect("read range");
                assert!(read == content[from..to], "{from}..{to} of {length}");
            }
        }
        assert_eq!(bed.get_range("blob", 10..u64::MAX).await.expect("cut to its length"), content[10..]);
        let past = bed.get_range("blob", length as u64..length as u64 + 1).await;
        assert!(matches!(past, Err(StoreError::RangeInvalid)));
    }
}

#[tokio::test]
async fn an_overwrite_is_a_new_version_of_the_same_blob() {
    let bed = bed().await;
    let first = bed.put("blob", b"first").await;
    bed.clock.advance_seconds(60);
    let second = bed.put("blob", &content(2, 300 * KIB)).await;
    assert_ne!(first.etag, second.etag);
    assert_eq!(first.created, second.created);
    assert!(second.modified > first.modified);
    assert_eq!(bed.get("blob").await, content(2, 300 * KIB));
    assert_eq!(bed.list(ListQuery::default()).await.entries.len(), 1);
}

#[tokio::test]
async fn a_reader_keeps_what_it_began_to_read() {
    let config = Config { extent_bytes: 100_000, ..Config::default() };
    let bed = bed_with(config).await;
    for length in [100, 2 * MIB] {
        bed.put("blob", &content(1, length)).await;
        let before_overwrite = bed.store.blob(&blob("blob")).await.expect("look up");
        bed.put("blob", &content(2, length)).await;
        let before_delete = bed.store.blob(&blob("blob")).await.expect("look up");
        bed.delete("blob").await.expect("delete");
        // Further writes reap what nobody holds.
        bed.put("other", &content(3, 2 * MIB)).await;
        bed.put("other", b"").await;
        assert_eq!(collect(before_overwrite, 0..u64::MAX).await.expect("still there"), content(1, length));
        assert_eq!(collect(before_delete, 0..u64::MAX).await.expect("still there"), content(2, length));
        assert!(matches!(bed.store.blob(&blob("blob")).await, Err(StoreError::BlobMissing)));
    }
}

#[tokio::test]
async fn extents_that_nothing_refers_to_are_removed() {
    let config = Config { extent_bytes: 100_000, ..Config::default() };
    let mut bed = bed_with(config).await;
    for number in 0..20 {
        bed.put(&format!("blob-{number}"), &content(number, 300 * KIB)).await;
    }
    let full = bed.store.usage().flash_used_bytes;
    assert!(bed.extent_files() >= 20);
    for number in 0..20 {
        bed.delete(&format!("blob-{number}")).await.expect("delete");
    }
    // One more transaction after the last reader is gone. The lanes may still hold an open file each.
    bed.put("empty", b"").await;
    assert!(bed.extent_files() <= 4, "{} files", bed.extent_files());
    assert!(bed.store.usage().flash_used_bytes < full - 4 * MIB as u64);
    bed = bed.reopen().await;
    bed.store.bury().await.expect("bury");
    assert_eq!(bed.extent_files(), 0);
    assert_eq!(bed.get("empty").await, b"");
}

#[tokio::test]
async fn properties_are_kept_and_changed() {
    let bed = bed().await;
    let headers = HttpHeaders {
        content_type: Some("text/plain".into()),
        content_encoding: Some("identity".into()),
        content_language: Some("de".into()),
        content_disposition: Some("inline".into()),
        cache_control: Some("no-store".into()),
        content_md5: Some([9; 16]),
    };
    let metadata = Metadata::from([("name".to_owned(), "value".to_owned())]);
    let tags = Tags::from([("project".to_owned(), "x".to_owned())]);
    let draft = BlobDraft {
        headers: headers.clone(),
        metadata: metadata.clone(),
        tags: tags.clone(),
        tier: Some(Tier::Cool),
        copy: None,
        seal: Seal::Tenants,
    };
    let body = bed.body(b"content").await;
    let put = bed.store.put_blob(&blob("blob"), draft, body, &Precondition::default()).await.expect("put");
    let bed = bed.reopen().await;
    let got = bed.store.blob(&blob("blob")).await.expect("look up").props;
    assert_eq!(got, put);
    assert_eq!((&got.headers, &got.metadata, &got.tags, got.tier), (&headers, &metadata, &tags, Some(Tier::Cool)));

    let update = async |change| {
        bed.clock.advance_seconds(1);
        bed.store.update_blob(&blob("blob"), change, &Precondition::default()).await.expect("update")
    };
    let tiered = update(BlobChange::Tier(Tier::Hot)).await;
    assert_eq!((tiered.tier, tiered.etag, tiered.modified), (Some(Tier::Hot), put.etag, put.modified));
    assert!(tiered.tier_changed > put.tier_changed);
    let tagged = update(BlobChange::Tags(Tags::new())).await;
    assert_eq!((tagged.tags.len(), tagged.etag), (0, put.etag));
    let renamed = update(BlobChange::Metadata(Metadata::new())).await;
    assert!(renamed.metadata.is_empty() && renamed.etag != put.etag && renamed.modified > put.modified);
    let headed = update(BlobChange::Headers(HttpHeaders::default())).await;
    assert!(headed.headers == HttpHeaders::default() && headed.etag != renamed.etag);
    assert_eq!(bed.get("blob").await, b"content");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let bed = bed().await;
    let (none, any) = (Precondition::default(), BlobDraft::default);
    let nowhere = container("nowhere").blob(blob("blob").name);
    for path in [&nowhere, &blob("blob")] {
        let missing = |error: StoreError| match error {
            StoreError::ContainerMissing => *path == nowhere,
            StoreError::BlobMissing => *path != nowhere,
            _ => false,
        };
        assert!(missing(bed.store.blob(path).await.expect_err("missing")));
        assert!(missing(bed.store.delete_blob(path, Snapshots::Keep, &none).await.expect_err("missing")));
        assert!(missing(bed.store.block_list(path).await.expect_err("missing")));
        let change = BlobChange::Metadata(Metadata::new());
        assert!(missing(bed.store.update_blob(path, change, &none).await.expect_err("missing")));
    }
    let put = bed.store.put_blob(&nowhere, any(), bed.body(b"").await, &none).await;
    assert!(matches!(put, Err(StoreError::ContainerMissing)));
    let staged = bed.store.stage_block(&nowhere, block_id("a"), bed.body(b"").await, None).await;
    assert!(matches!(staged, Err(StoreError::ContainerMissing)));
    let listed = bed.store.list_blobs(&container("nowhere"), &ListQuery::default()).await;
    assert!(matches!(listed, Err(StoreError::ContainerMissing)));
}

#[tokio::test]
async fn a_body_of_another_length_than_declared_is_refused() {
    let bed = bed().await;
    let mut long = bed.store.begin_body(Some(3)).expect("begin");
    let refused = long.write("four".into()).await;
    assert!(matches!(refused, Err(StoreError::BodyLength { declared: 3, received: 4 })));
    let mut short = bed.store.begin_body(Some(3)).expect("begin");
    short.write("so".into()).await.expect("write");
    assert!(matches!(short.finish().await, Err(StoreError::BodyLength { declared: 3, received: 2 })));
    let mut unknown = bed.store.begin_body(None).expect("begin");
    unknown.write(content(1, MIB).into()).await.expect("write");
    assert_eq!(unknown.finish().await.expect("finish").length(), MIB as u64);
}

#[tokio::test]
async fn properties_without_bound_are_refused() {
    let bed = bed().await;
    let metadata = Metadata::from([("name".to_owned(), "x".repeat(100 * KIB))]);
    let none = Precondition::default();
    let draft = BlobDraft { metadata: metadata.clone(), ..BlobDraft::default() };
    let put = bed.store.put_blob(&blob("blob"), draft, bed.body(b"").await, &none).await;
    assert!(matches!(put, Err(StoreError::PropsTooLarge { .. })));
    bed.put("blob", b"content").await;
    let update = bed.store.update_blob(&blob("blob"), BlobChange::Metadata(metadata), &none).await;
    assert!(matches!(update, Err(StoreError::PropsTooLarge { .. })));
    assert_eq!(bed.get("blob").await, b"content");
}

#[tokio::test]
async fn a_condition_is_weighed_against_the_blob_as_it_stands() {
    let bed = bed().await;
    let absent = Precondition::if_absent();
    let put = async |precondition: Precondition| {
        bed.store.put_blob(&blob("blob"), BlobDraft::default(), bed.body(b"x").await, &precondition).await
    };
    let first = put(absent.clone()).await.expect("there was none").etag;
    assert!(matches!(put(absent.clone()).await, Err(StoreError::BlobExists)));
    let second = put(Precondition::if_match(first)).await.expect("it was the first").etag;
    assert!(matches!(put(Precondition::if_match(first)).await, Err(StoreError::ConditionNotMet)));
    let stale = Precondition::if_match(first);
    assert!(matches!(
        bed.store.delete_blob(&blob("blob"), Snapshots::Keep, &stale).await,
        Err(StoreError::ConditionNotMet)
    ));
    bed.store
        .delete_blob(&blob("blob"), Snapshots::Keep, &Precondition::if_match(second))
        .await
        .expect("it was the second");
    assert!(matches!(put(Precondition::if_match(second)).await, Err(StoreError::ConditionNotMet)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_create_at_once_one_succeeds() {
    let bed = std::sync::Arc::new(bed().await);
    let tasks = (0..32).map(|number: u64| {
        let bed = bed.clone();
        tokio::spawn(async move {
            let body = bed.body(&number.to_le_bytes()).await;
            let (path, absent) = (blob("blob"), Precondition::if_absent());
            bed.store.put_blob(&path, BlobDraft::default(), body, &absent).await.is_ok().then_some(number)
        })
    });
    let created = futures::future::join_all(tasks).await;
    let winners: Vec<u64> = created.into_iter().filter_map(|task| task.expect("no panic")).collect();
    let [winner] = winners[..] else { panic!("{winners:?} have all created it") };
    assert_eq!(bed.get("blob").await, winner.to_le_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_do_not_mix_their_content_up() {
    let config = Config { extent_bytes: MIB as u64, ..Config::default() };
    let mut bed = bed_with(config).await;
    let length = |number: u64| [100, 9 * KIB, 200 * KIB, 900 * KIB][number as usize % 4];
    let store = bed.store.clone();
    let tasks = (0..100).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let body = body(&store, &content(number, length(number))).await;
            let name = blob(&format!("blob-{number}"));
            store.put_blob(&name, BlobDraft::default(), body, &Precondition::default()).await.expect("put")
        })
    });
    let props = futures::future::join_all(tasks).await;
    let etags: std::collections::BTreeSet<_> = props.into_iter().map(|props| props.expect("no panic").etag).collect();
    assert_eq!(etags.len(), 100, "each write has an ETag of its own");
    drop(store);
    for _ in 0..2 {
        for number in 0..100 {
            assert_eq!(bed.get(&format!("blob-{number}")).await, content(number, length(number)), "{number}");
        }
        bed = bed.reopen().await;
    }
}
