//! Content that is sealed: what lies on the disk says nothing, and what a key that is taken away sealed cannot be read until it is back.

use crate::support::safe::{self, Safe};
use crate::support::sim::{Fate, SimDisk};
use crate::support::*;
use greenroom_model::{BlobName, BlobPath, ContainerPath};
use greenroom_store::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Whoever finds this has found content.
const MARK: &[u8] = b"nobody may find this on the disk, whatever else they look at";

fn denied() -> KeyFault {
    KeyFault::Denied("disabled".to_owned())
}

fn away() -> KeyFault {
    KeyFault::Away("no route".to_owned())
}

fn marked(length: usize) -> Vec<u8> {
    MARK.iter().copied().cycle().take(length).collect()
}

/// A bed whose tenant has a key.
async fn sealed_bed(config: Config) -> (Bed, Arc<Safe>) {
    let bed = bed_with(config).await;
    let safe = safe::attach(&bed.store);
    seal(&bed.store, "gold", 1).await;
    (bed, safe)
}

async fn seal(store: &Store, name: &str, byte: u8) -> u32 {
    store.add_data_key(tenant(name), DataKeyId([byte; 16]), Safe::wrapped(name, byte)).await.expect("a key")
}

async fn reopened(bed: Bed) -> (Bed, Arc<Safe>) {
    let bed = bed.checked().await;
    let safe = safe::attach(&bed.store);
    (bed, safe)
}

/// Files in which something of the marked content is to be read.
fn clear_files(dir: &Path) -> Vec<String> {
    let files = std::fs::read_dir(dir.join("extents")).expect("extents").flatten();
    let holds = |file: &std::fs::DirEntry| {
        let bytes = std::fs::read(file.path()).expect("a file");
        bytes.windows(16).any(|part| part == &MARK[..16])
    };
    files.filter(holds).map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn nothing_of_it_is_on_the_disk_and_all_of_it_comes_back() {
    let (bed, _) = sealed_bed(Config::default()).await;
    let lengths = [1, 15, 4 * KIB, 128 * KIB, 128 * KIB + 1, 300_000, 2 * MIB + 7];
    for length in lengths {
        bed.put(&format!("{length}"), &marked(length)).await;
    }
    bed.stage("blocks", "x", &marked(200_000)).await.expect("staged");
    bed.stage("blocks", "y", &marked(70_000)).await.expect("staged");
    bed.commit("blocks", &[("y", BlockSource::Latest), ("x", BlockSource::Latest)]).await.expect("committed");
    assert_eq!(clear_files(bed.dir.path()), Vec::<String>::new());
    let (bed, _) = reopened(bed).await;
    for length in lengths {
        let name = format!("{length}");
        assert_eq!(bed.get(&name).await, marked(length), "{length}");
        let end = length as u64;
        for range in [0..1, end / 2..end, end.saturating_sub(3)..end, 100_000..140_000, 131_072..131_073] {
            if range.start < end {
                let whole = &marked(length)[range.start as usize..range.end.min(end) as usize];
                assert_eq!(bed.get_range(&name, range.clone()).await.expect("read"), whole, "{length} {range:?}");
            }
        }
    }
    assert_eq!(bed.get("blocks").await, [marked(70_000), marked(200_000)].concat());
    // Without a key it would be there to read: the test can fail.
    bed.store.stop_sealing(&tenant("gold")).await.expect("stopped");
    bed.put("plain", &marked(4 * KIB)).await;
    assert_eq!(clear_files(bed.dir.path()).len(), 1);
    assert_eq!(bed.get("300000").await, marked(300_000), "what was sealed stays so");
}

#[tokio::test]
async fn a_check_reads_what_is_sealed_without_a_key_and_says_how_much_it_is() {
    let (bed, _) = sealed_bed(Config::default()).await;
    bed.put("a", &marked(300_000)).await;
    let Bed { dir, store, .. } = bed;
    store.close().await.expect("closed");
    drop(store);
    let disk: Arc<dyn Disk> = Arc::new(FileSystem);
    let report = check::verify(&disk, dir.path(), &mut |_| {}).expect("verify");
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.counts.bytes, report.counts.sealed_bytes), (300_000, 300_000));
    // A bit that flips is found without the key.
    let file = std::fs::read_dir(dir.path().join("extents")).expect("extents").flatten().next().expect("one").path();
    let mut bytes = std::fs::read(&file).expect("a file");
    let at = bytes.len() - 5;
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let report = check::verify(&disk, dir.path(), &mut |_| {}).expect("verify");
    assert_eq!(report.damaged.len(), 1, "{report:?}");
}

#[tokio::test]
async fn a_key_that_is_taken_away_takes_its_tenants_data_and_nobody_elses() {
    let (bed, safe) = sealed_bed(Config::default()).await;
    bed.store.put_tenant(tenant("silver")).await.expect("a tenant");
    bed.store.put_account(account("silveraccount", "silver")).await.expect("an account");
    seal(&bed.store, "silver", 2).await;
    let other = ContainerPath { account: account_name("silveraccount"), ..photos() };
    bed.store.create_container(&other, Metadata::new()).await.expect("a container");
    let theirs = other.blob(BlobName::new("theirs").expect("good"));
    put_at(&bed.store, &theirs, &marked(9_000)).await;
    bed.put("ours", &marked(9_000)).await;
    let mut long = Box::pin(bed.store.blob(&blob("ours")).await.expect("there").read(0..9_000).expect("a range"));
    safe.says("gold", denied());
    bed.clock.advance_seconds(59);
    assert_eq!(bed.get("ours").await, marked(9_000), "it is asked for again after a minute");
    bed.clock.advance_seconds(2);
    let refused = |result: Result<Vec<u8>>| assert!(matches!(result, Err(StoreError::KeyDenied(_))), "{result:?}");
    // What was asked for last is asked of the vault again; then the no is known.
    refused(async { bed.store.sealing_key(&photos().account).await.map(|_| Vec::new()) }.await);
    refused(read(&bed.store, &blob("ours")).await);
    refused(try_body(&bed.store, b"more").await.map(|_| Vec::new()));
    refused(futures::TryStreamExt::try_next(&mut long).await.map(|_| Vec::new()));
    assert_eq!(read(&bed.store, &theirs).await.expect("theirs"), marked(9_000));
    assert_eq!(bed.store.usage().read_faults, 0, "it is no damage");
    safe.says_yes();
    bed.clock.advance_seconds(1);
    assert_eq!(bed.get("ours").await, marked(9_000), "the key is back, and the data with it");
}

async fn put_at(store: &Store, path: &BlobPath, content: &[u8]) {
    let mut writer = store.begin_body_of(&path.container.account, None).await.expect("begun");
    writer.write(bytes::Bytes::copy_from_slice(content)).await.expect("written");
    let body = writer.finish().await.expect("durable");
    store.put_blob(path, BlobDraft::default(), body, &Precondition::default()).await.expect("put");
}

#[tokio::test]
async fn a_vault_that_is_away_is_no_refusal() {
    let (bed, safe) = sealed_bed(Config::default()).await;
    bed.put("a", &marked(9_000)).await;
    safe.says("gold", away());
    bed.clock.advance_seconds(299);
    assert_eq!(bed.get("a").await, marked(9_000));
    bed.clock.advance_seconds(2);
    assert!(matches!(read(&bed.store, &blob("a")).await, Err(StoreError::KeyAway(_))));
    safe.says_yes();
    bed.clock.advance_seconds(1);
    assert_eq!(bed.get("a").await, marked(9_000));
}

#[tokio::test]
async fn each_generation_is_read_by_its_own_key_also_within_one_blob() {
    let (bed, safe) = sealed_bed(Config::default()).await;
    bed.put("first", &marked(200_000)).await;
    bed.stage("both", "x", &marked(200_000)).await.expect("staged");
    let second = seal(&bed.store, "gold", 2).await;
    bed.stage("both", "y", &marked(200_000)).await.expect("staged");
    bed.commit("both", &[("x", BlockSource::Latest), ("y", BlockSource::Latest)]).await.expect("committed");
    bed.put("second", &marked(10)).await;
    let keys = bed.store.data_keys().expect("keys");
    let said: Vec<_> = keys.iter().map(|key| (key.number, key.generation, key.state)).collect();
    assert_eq!(said, [(1, 1, DataKeyState::Old), (second, 2, DataKeyState::Active)]);
    // Wrapped by another key: nothing that was written is written again.
    let before = bed.store.usage().flash_used_bytes;
    bed.store.rewrap_data_key(1, Safe::wrapped("vault", 1)).await.expect("wrapped anew");
    safe.says("gold", denied());
    let (bed, safe) = reopened(bed).await;
    assert!(bed.store.usage().flash_used_bytes < before + MIB as u64);
    assert_eq!(bed.get("both").await, marked(400_000)[..200_000].repeat(2));
    assert_eq!(bed.get("first").await, marked(200_000));
    safe.says("vault", denied());
    bed.clock.advance_seconds(400);
    assert_eq!(bed.get("second").await, marked(10));
    assert!(matches!(read(&bed.store, &blob("both")).await, Err(StoreError::KeyDenied(_))));
    assert!(matches!(bed.store.rewrap_data_key(9, Safe::wrapped("x", 1)).await, Err(StoreError::KeyMissing(9))));
}

#[tokio::test]
async fn what_is_sealed_is_moved_without_its_key() {
    let (bed, safe) = sealed_bed(Config { extent_bytes: 500_000, ..Config::default() }).await;
    for number in 0..60 {
        bed.put(&format!("{number}"), &content(number, 30_000 + 9_000 * number as usize % 7)).await;
    }
    bed.store.stop_sealing(&tenant("gold")).await.expect("stopped");
    for number in 60..80 {
        bed.put(&format!("{number}"), &content(number, 30_000)).await;
    }
    safe.says("gold", denied());
    bed.clock.advance_seconds(400);
    for number in (0..80).filter(|number| number % 5 != 0) {
        bed.delete(&format!("{number}")).await.expect("deleted");
    }
    let mut moved = 0;
    for _ in 0..30 {
        let round = bed.store.compact().await.expect("compacted");
        assert_eq!(round.damaged, 0);
        moved += round.moved_bytes;
    }
    assert!(moved > 0);
    assert!(matches!(read(&bed.store, &blob("5")).await, Err(StoreError::KeyDenied(_))));
    assert_eq!(bed.get("65").await, content(65, 30_000));
    let (bed, _) = reopened(bed).await;
    for number in (0..60).step_by(5) {
        assert_eq!(bed.get(&format!("{number}")).await, content(number, 30_000 + 9_000 * number as usize % 7));
    }
}

#[tokio::test]
async fn a_copy_is_by_reference_within_a_tenant_and_anew_between_two() {
    let (bed, _) = sealed_bed(Config::default()).await;
    bed.store.put_tenant(tenant("silver")).await.expect("a tenant");
    bed.store.put_account(account("silveraccount", "silver")).await.expect("an account");
    seal(&bed.store, "silver", 2).await;
    let other = ContainerPath { account: account_name("silveraccount"), ..photos() };
    bed.store.create_container(&other, Metadata::new()).await.expect("a container");
    bed.stage("a", "x", &marked(300_000)).await.expect("staged");
    bed.commit("a", &[("x", BlockSource::Latest)]).await.expect("committed");
    let source = bed.store.blob(&blob("a")).await.expect("there").source();
    let (none, draft) = (Precondition::default(), BlobDraft::default());
    let extents = || -> u64 {
        let files = std::fs::read_dir(bed.dir.path().join("extents")).expect("extents").flatten();
        files.map(|file| file.metadata().expect("metadata").len()).sum()
    };
    let before = extents();
    bed.store.copy_blob(&source, &blob("b"), draft.clone(), CopyBlocks::Keep, &none).await.expect("copied");
    assert_eq!(extents(), before, "no byte of it moved");
    let theirs = |name: &str| other.blob(BlobName::new(name).expect("good"));
    bed.store.copy_blob(&source, &theirs("c"), draft.clone(), CopyBlocks::Keep, &none).await.expect("copied");
    let blocks = bed.store.block_list(&theirs("c")).await.expect("a list");
    assert_eq!(blocks.committed.len(), 1);
    let found = bed.store.blob(&blob("a")).await.expect("there");
    bed.store
        .stage_block_from(&theirs("d"), (block_id("x"), &Seal::Tenants), found, 5..250_000, None)
        .await
        .expect("staged");
    let list = vec![(block_id("x"), BlockSource::Latest)];
    bed.store.commit_blocks(&theirs("d"), draft, list, &none).await.expect("committed");
    // Whoever gave it away may go; what was given stays.
    assert_eq!(bed.store.erase_data_keys(&tenant("gold")).await.expect("erased"), [1]);
    let refused = try_body(&bed.store, b"in clear").await;
    assert!(matches!(refused, Err(StoreError::KeyDenied(_))), "nothing is taken until there is a key: {refused:?}");
    assert_eq!(read(&bed.store, &theirs("c")).await.expect("read"), marked(300_000));
    assert_eq!(read(&bed.store, &theirs("d")).await.expect("read"), marked(300_000)[5..250_000]);
    let (bed, _) = reopened(bed).await;
    for name in ["a", "b"] {
        assert!(matches!(read(&bed.store, &blob(name)).await, Err(StoreError::KeyDenied(_))), "{name}");
    }
    assert!(bed.store.data_keys().expect("keys")[0].wrapped.bytes.is_empty());
    assert_eq!(read(&bed.store, &theirs("c")).await.expect("read"), marked(300_000));
}

#[tokio::test]
async fn no_two_frames_have_one_salt_however_often_the_power_goes() {
    const CRASHES: u64 = 200;
    let mut disk = SimDisk::new(Fate::Sound);
    let (mut salts, mut frames) = (BTreeSet::new(), 0);
    for crash in 0..CRASHES {
        let config = Config { catalog_cache_bytes: 1 << 20, ..Config::default() };
        let store =
            Store::open_on(Arc::new(disk.clone()), Path::new("/data"), config, manual_clock()).await.expect("open");
        safe::attach(&store);
        if crash == 0 {
            prepare(&store).await;
            seal(&store, "gold", 1).await;
        }
        let one = body(&store, &content(1, 9_000)).await;
        store.put_blob(&blob("a"), BlobDraft::default(), one, &Precondition::default()).await.expect("put");
        // Never named by anything: it is cut off, and its place written again.
        drop(body(&store, &content(1, 150_000)).await);
        disk.damage(|path, bytes| {
            if path.extension().is_some_and(|extension| extension == "ext") {
                for at in 0..bytes.len().saturating_sub(64) {
                    if bytes[at..].starts_with(b"GRF2") && bytes[at + 16..at + 20] == [1, 0, 0, 0] {
                        frames += usize::from(
                            salts.insert((bytes[at + 24..at + 48].to_vec(), bytes[at + 48..at + 64].to_vec())),
                        );
                    }
                }
            }
        });
        let next = disk.after_crash(crash);
        drop(store);
        disk = next;
    }
    let alone: BTreeSet<_> = salts.iter().map(|(salt, _)| salt).collect();
    assert_eq!(alone.len(), salts.len(), "one salt, and two tags: it was used for two frames");
    assert!(frames as u64 >= 2 * CRASHES, "{frames}");
}
