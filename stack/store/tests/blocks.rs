//! Blocks are staged, chosen and made into blobs.

use crate::support::*;
use greenroom_store::BlockSource::{Committed, Latest, Uncommitted};
use greenroom_store::*;

/// Lists as `id:length`, which reads better than structs.
fn named(blocks: &[Block]) -> Vec<String> {
    let id = |block: &Block| String::from_utf8(block.id.as_bytes().to_vec()).expect("test ids are text");
    blocks.iter().map(|block| format!("{}:{}", id(block), block.length)).collect()
}

#[tokio::test]
async fn a_blob_is_made_of_its_blocks_in_the_order_of_the_list() {
    let mut bed = bed().await;
    let parts = [content(1, 300 * KIB), content(2, 100), content(3, 128 * KIB), content(4, 20 * KIB)];
    for (id, part) in ["a1", "b2", "c3", "d4"].into_iter().zip(&parts) {
        bed.stage("blob", id, part).await.expect("stage");
    }
    bed = bed.reopen().await;
    let staged = bed.store.block_list(&blob("blob")).await.expect("block list");
    assert_eq!((staged.blob, staged.committed.len()), (None, 0));
    assert_eq!(named(&staged.uncommitted), ["a1:307200", "b2:100", "c3:131072", "d4:20480"]);
    assert!(bed.list(ListQuery::default()).await.entries.is_empty(), "staged blocks are no blob yet");

    let list = [("c3", Latest), ("a1", Uncommitted), ("b2", Latest)];
    let props = bed.commit("blob", &list).await.expect("commit");
    let whole = [parts[2].as_slice(), &parts[0], &parts[1]].concat();
    assert_eq!(props.length, whole.len() as u64);
    assert_eq!(props.crc64, crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &whole));
    bed = bed.reopen().await;
    assert_eq!(bed.get("blob").await, whole);
    let committed = bed.store.block_list(&blob("blob")).await.expect("block list");
    assert_eq!(named(&committed.committed), ["c3:131072", "a1:307200", "b2:100"]);
    assert!(committed.uncommitted.is_empty(), "a commit discards what it did not use");
    assert_eq!(committed.blob, Some(props));
}

#[tokio::test]
async fn a_new_list_may_take_blocks_of_the_old_one() {
    let bed = bed().await;
    let (old, new, tiny) = (content(1, 200 * KIB), content(2, 128 * KIB), content(3, 10));
    bed.stage("blob", "a", &new).await.expect("stage");
    bed.stage("blob", "b", &old).await.expect("stage");
    bed.stage("blob", "c", &tiny).await.expect("stage");
    bed.commit("blob", &[("a", Latest), ("b", Latest), ("c", Latest)]).await.expect("commit");

    let changed = content(4, 3_000);
    bed.stage("blob", "b", &changed).await.expect("stage");
    let list = [("c", Committed), ("b", Committed), ("b", Uncommitted), ("a", Latest), ("c", Latest), ("b", Latest)];
    bed.commit("blob", &list).await.expect("commit");
    let whole = [tiny.as_slice(), &old, &changed, &new, &tiny, &changed].concat();
    assert_eq!(bed.get("blob").await, whole);

    // What the first blob alone referred to is gone, and nothing of this one went with it.
    bed.put("other", b"one more transaction").await;
    let bed = bed.reopen().await;
    assert_eq!(bed.get("blob").await, whole);
    bed.commit("blob", &[("c", Committed)]).await.expect("commit");
    let bed = bed.reopen().await;
    assert_eq!(bed.get("blob").await, tiny);
}

#[tokio::test]
async fn a_list_that_names_a_missing_block_changes_nothing() {
    let bed = bed().await;
    bed.stage("blob", "a", b"staged").await.expect("stage");
    let lists: [&[(&str, BlockSource)]; 3] =
        [&[("b", Latest)], &[("a", Committed)], &[("a", Latest), ("b", Uncommitted)]];
    for list in lists {
        assert!(matches!(bed.commit("blob", list).await, Err(StoreError::InvalidBlockList)), "{list:?}");
    }
    bed.commit("blob", &[("a", Uncommitted)]).await.expect("the block is still staged");
    assert!(matches!(bed.commit("blob", &[("a", Uncommitted)]).await, Err(StoreError::InvalidBlockList)));
    assert_eq!(bed.get("blob").await, b"staged");
}

#[tokio::test]
async fn an_empty_list_makes_an_empty_blob() {
    let bed = bed().await;
    bed.stage("blob", "a", b"staged").await.expect("stage");
    assert_eq!(bed.commit("blob", &[]).await.expect("commit").length, 0);
    assert_eq!(bed.get("blob").await, b"");
    assert!(bed.store.block_list(&blob("blob")).await.expect("block list").uncommitted.is_empty());
}

#[tokio::test]
async fn a_block_staged_again_replaces_the_first() {
    let bed = bed().await;
    bed.stage("blob", "a", &content(1, 50 * KIB)).await.expect("stage");
    bed.stage("blob", "a", b"second").await.expect("stage");
    let list = bed.store.block_list(&blob("blob")).await.expect("block list");
    assert_eq!(named(&list.uncommitted), ["a:6"]);
    bed.commit("blob", &[("a", Latest)]).await.expect("commit");
    assert_eq!(bed.get("blob").await, b"second");
}

#[tokio::test]
async fn put_and_delete_discard_staged_blocks() {
    let bed = bed().await;
    bed.stage("blob", "a", b"staged").await.expect("stage");
    bed.put("blob", b"put").await;
    let list = bed.store.block_list(&blob("blob")).await.expect("block list");
    assert!(list.uncommitted.is_empty() && list.committed.is_empty());
    bed.stage("blob", "a", b"staged").await.expect("stage");
    bed.delete("blob").await.expect("delete");
    assert!(matches!(bed.store.block_list(&blob("blob")).await, Err(StoreError::BlobMissing)));
}

#[tokio::test]
async fn ids_of_a_blob_are_of_one_length() {
    let bed = bed().await;
    bed.stage("blob", "aa", b"").await.expect("stage");
    assert!(matches!(bed.stage("blob", "a", b"").await, Err(StoreError::BlockIdLength)));
    bed.stage("other", "a", b"").await.expect("another blob may have others");
    assert!(BlockId::new([]).is_none() && BlockId::new([0; 65]).is_none() && BlockId::new([0; 64]).is_some());
}

#[tokio::test]
async fn a_list_has_no_more_blocks_than_azure_takes() {
    let bed = bed_with(Config { durability: Durability::Os, ..Config::default() }).await;
    bed.stage("blob", "a", b"x").await.expect("stage");
    let most = vec![("a", Latest); COMMITTED_BLOCKS_MAX + 1];
    assert!(matches!(bed.commit("blob", &most).await, Err(StoreError::TooManyBlocks { .. })));
    let props = bed.commit("blob", &most[1..]).await.expect("commit");
    assert_eq!(props.length, COMMITTED_BLOCKS_MAX as u64);
    let bed = bed.reopen().await;
    let list = bed.store.block_list(&blob("blob")).await.expect("block list");
    assert_eq!(list.committed.len(), COMMITTED_BLOCKS_MAX);
    let middle = bed.get_range("blob", 20_000..20_100).await.expect("read range");
    assert_eq!(middle, b"x".repeat(100));
}

/// Else a few requests would make a list that nobody could hold.
#[tokio::test]
async fn what_is_made_of_many_pieces_is_not_taken_many_times() {
    let bed = bed_with(Config { durability: Durability::Os, ..Config::default() }).await;
    bed.stage("blob", "a", b"x").await.expect("stage");
    let many = vec![("a", Latest); COMMITTED_BLOCKS_MAX / 2];
    bed.commit("blob", &many).await.expect("commit");
    for id in ["a", "b"] {
        let source = bed.store.blob(&blob("blob")).await.expect("it is there");
        let (id, all) = (BlockId::new(*id.as_bytes().first_chunk::<1>().expect("a letter")), 0..source.props.length);
        bed.store
            .stage_block_from(&blob("copies"), (id.expect("an id"), &Seal::Tenants), source, all, None)
            .await
            .expect("stage");
    }
    for list in [&vec![("a", Latest); COMMITTED_BLOCKS_MAX][..], &[("a", Latest), ("b", Latest), ("a", Latest)]] {
        assert!(matches!(bed.commit("copies", list).await, Err(StoreError::TooManyPieces { .. })));
    }
    let props = bed.commit("copies", &[("a", Latest), ("b", Latest)]).await.expect("commit");
    assert_eq!(props.length, COMMITTED_BLOCKS_MAX as u64);
}

#[tokio::test]
async fn a_blob_of_many_blocks_reads_from_any_of_them() {
    let bed = bed_with(Config { durability: Durability::Os, ..Config::default() }).await;
    // Interleaved with another blob's, so that no two pieces lie side by side.
    let (mut whole, mut list) = (Vec::new(), Vec::new());
    for number in 0..3_000u32 {
        let part = content(u64::from(number), 9_000);
        bed.stage("blob", &format!("{number:05}"), &part).await.expect("stage");
        whole.extend(part);
        list.push(format!("{number:05}"));
    }
    let list: Vec<_> = list.iter().map(|id| (id.as_str(), Latest)).collect();
    bed.commit("blob", &list).await.expect("commit");
    assert!(bed.get("blob").await == whole);
    for from in [0, 8_999, 9_000, 2_048 * 9_000 - 1, 2_048 * 9_000, whole.len() - 1] {
        let to = (from + 20_000).min(whole.len());
        assert!(bed.get_range("blob", from as u64..to as u64).await.expect("read range") == whole[from..to], "{from}");
    }
    bed.delete("blob").await.expect("delete");
    let container = TenantUsage { record_bytes: 60, ..TenantUsage::default() };
    assert_eq!(bed.store.usage().tenants[&tenant("gold")], container);
    // The long lists are swept in the background.
    bed.reopen_until_swept().await;
}

#[tokio::test]
async fn blocks_that_nobody_commits_go_after_seven_days() {
    const DAY: i64 = 24 * 3_600;
    let mut bed = bed().await;
    bed.put("blob", b"committed").await;
    for name in ["blob", "alone", "tended"] {
        bed.stage(name, "aa", &content(1, 100 * KIB)).await.expect("stage");
    }
    bed.clock.advance_seconds(6 * DAY);
    bed.stage("tended", "bb", b"one more").await.expect("stage");
    assert_eq!(bed.store.discard_stale_blocks().await.expect("discard"), 0);
    bed.clock.advance_seconds(DAY + 1);
    assert_eq!(bed.store.usage().tenants[&tenant("gold")].staged_blocks, 4);
    assert_eq!(bed.store.discard_stale_blocks().await.expect("discard"), 2);
    let usage = bed.store.usage().tenants[&tenant("gold")];
    assert_eq!((usage.staged_blocks, usage.staged_bytes), (2, 100 * KIB as u64 + 8));
    assert!(matches!(bed.store.block_list(&blob("alone")).await, Err(StoreError::BlobMissing)));
    assert!(bed.store.block_list(&blob("blob")).await.expect("block list").uncommitted.is_empty());
    assert_eq!(bed.get("blob").await, b"committed");
    bed = bed.reopen().await;
    bed.commit("tended", &[("aa", BlockSource::Latest), ("bb", BlockSource::Latest)]).await.expect("commit");
    assert_eq!(bed.get("tended").await.len(), 100 * KIB + 8);
}
