//! Content that is sealed by a customer's own key, or in an encryption scope of an account.

use crate::support::safe::{self, Safe};
use crate::support::sim::{Fate, SimDisk};
use crate::support::*;
use greenroom_model::{BlobName, BlobPath, ContainerPath};
use greenroom_store::*;
use std::path::Path;
use std::sync::Arc;

/// Whoever finds this has found content.
const MARK: &[u8] = b"nobody may find this on the disk, whatever else they look at";
/// Every byte of the customer's key is this one, for who looks for the key.
const KEY: u8 = 0xA7;

fn marked(length: usize) -> Vec<u8> {
    MARK.iter().copied().cycle().take(length).collect()
}

fn customer(byte: u8) -> Seal {
    Seal::Customer(CustomerKey::new(&[byte; DATA_KEY_BYTES].into()))
}

fn scope(name: &str) -> Seal {
    Seal::Scope(name.to_owned())
}

fn draft(seal: &Seal) -> BlobDraft {
    BlobDraft { seal: seal.clone(), ..BlobDraft::default() }
}

/// Conditions of whoever shows what opens the blob.
fn showing(seal: &Seal) -> Precondition {
    Precondition { encryption: Shown::Asked(seal.encryption()), ..Precondition::default() }
}

async fn try_sealed(store: &Store, seal: &Seal, content: &[u8]) -> Result<Body> {
    let mut writer = store.begin_body_when_room(&photos().account, seal, Some(content.len() as u64)).await?;
    writer.write(bytes::Bytes::copy_from_slice(content)).await?;
    writer.finish().await
}

async fn sealed(store: &Store, seal: &Seal, content: &[u8]) -> Body {
    try_sealed(store, seal, content).await.expect("written")
}

async fn put(store: &Store, path: &BlobPath, seal: &Seal, content: &[u8]) -> BlobProps {
    let body = sealed(store, seal, content).await;
    store.put_blob(path, draft(seal), body, &Precondition::default()).await.expect("put")
}

async fn get(store: &Store, path: &BlobPath, seal: &Seal) -> Result<Vec<u8>> {
    let blob = store.blob(path).await?.opened_by(seal)?;
    let length = blob.props.length;
    collect(blob, 0..length).await
}

fn unmet<T: std::fmt::Debug>(result: Result<T>, expected: EncryptionUnmet) {
    assert!(matches!(&result, Err(StoreError::EncryptionUnmet(why)) if *why == expected), "{result:?}");
}

/// Files in which something of the marked content, or the customer's key, is to be read.
fn telling_files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(telling_files(&path));
            continue;
        }
        let bytes = std::fs::read(&path).expect("a file");
        if bytes.windows(16).any(|part| part == &MARK[..16] || part == [KEY; 16]) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn what_a_customers_key_seals_is_on_the_disk_for_nobody_and_comes_back_to_who_has_the_key() {
    let bed = bed().await;
    let ours = customer(KEY);
    for length in [1, 4 * KIB, 128 * KIB + 1, 2 * MIB + 7] {
        let props = put(&bed.store, &blob(&length.to_string()), &ours, &marked(length)).await;
        assert_eq!(props.encryption, ours.encryption());
    }
    for (id, length) in [("x", 200_000), ("y", 70_000)] {
        let body = sealed(&bed.store, &ours, &marked(length)).await;
        bed.store.stage_block(&blob("blocks"), block_id(id), body, None).await.expect("staged");
    }
    let list = vec![(block_id("y"), BlockSource::Latest), (block_id("x"), BlockSource::Latest)];
    bed.store.commit_blocks(&blob("blocks"), draft(&ours), list, &Precondition::default()).await.expect("committed");
    assert_eq!(telling_files(bed.dir.path()), Vec::<String>::new());
    let bed = bed.checked().await;
    assert_eq!(
        get(&bed.store, &blob("blocks"), &ours).await.expect("read"),
        [marked(70_000), marked(200_000)].concat()
    );
    for length in [1, 4 * KIB, 128 * KIB + 1, 2 * MIB + 7] {
        let path = blob(&length.to_string());
        assert_eq!(get(&bed.store, &path, &ours).await.expect("read"), marked(length));
        unmet(get(&bed.store, &path, &Seal::Tenants).await, EncryptionUnmet::NotShown);
        unmet(get(&bed.store, &path, &customer(2)).await, EncryptionUnmet::Other);
        // Nor by a way that shows nothing.
        unmet(read(&bed.store, &path).await, EncryptionUnmet::NotShown);
    }
    bed.put("plain", &marked(4 * KIB)).await;
    unmet(get(&bed.store, &blob("plain"), &ours).await, EncryptionUnmet::NotUsed);
    assert_eq!(telling_files(bed.dir.path()).len(), 1, "without a key it would be there to read: the test can fail");
}

#[tokio::test]
async fn what_is_said_of_it_takes_the_key_and_what_takes_its_place_does_not() {
    let bed = bed().await;
    let (ours, theirs) = (customer(1), customer(2));
    put(&bed.store, &blob("a"), &ours, b"first").await;
    let change = || BlobChange::Metadata(Metadata::new());
    let update = async |seal: &Seal| bed.store.update_blob(&blob("a"), change(), &showing(seal)).await;
    unmet(update(&Seal::Tenants).await, EncryptionUnmet::NotShown);
    unmet(update(&theirs).await, EncryptionUnmet::Other);
    let props = update(&ours).await.expect("changed");
    assert_eq!(props.encryption, ours.encryption());
    let snapshot = async |seal: &Seal| bed.store.snapshot_blob(&blob("a"), None, &showing(seal)).await;
    unmet(snapshot(&theirs).await, EncryptionUnmet::Other);
    let (at, props) = snapshot(&ours).await.expect("taken");
    assert_eq!(props.encryption, ours.encryption());
    // Turned over to another key, and to none: the snapshot keeps its own.
    put(&bed.store, &blob("a"), &theirs, b"second").await;
    assert_eq!(get(&bed.store, &blob("a"), &theirs).await.expect("read"), b"second");
    unmet(get(&bed.store, &blob("a"), &ours).await, EncryptionUnmet::Other);
    bed.put("a", b"third").await;
    assert_eq!(bed.get("a").await, b"third");
    let kept = bed.store.blob_snapshot(&blob("a"), at).await.expect("there");
    assert_eq!(collect(kept.opened_by(&ours).expect("its key"), 0..5).await.expect("read"), b"first");
    let kept = bed.store.blob_snapshot(&blob("a"), at).await.expect("there");
    unmet(kept.opened_by(&theirs), EncryptionUnmet::Other);
    // A body is what its draft says.
    let body = sealed(&bed.store, &ours, b"x").await;
    let other = bed.store.put_blob(&blob("b"), draft(&theirs), body, &Precondition::default()).await;
    unmet(other, EncryptionUnmet::Other);
    bed.checked().await;
}

#[tokio::test]
async fn a_list_takes_blocks_that_are_sealed_as_it_says() {
    let bed = bed().await;
    let (ours, theirs) = (customer(1), customer(2));
    for (id, seal) in [("a", &ours), ("b", &theirs), ("c", &Seal::Tenants)] {
        let body = sealed(&bed.store, seal, id.as_bytes()).await;
        bed.store.stage_block(&blob("x"), block_id(id), body, None).await.expect("staged");
    }
    let commit = async |ids: &[&str], source: BlockSource, seal: &Seal| {
        let list: Vec<_> = ids.iter().map(|id| (block_id(id), source)).collect();
        bed.store.commit_blocks(&blob("x"), draft(seal), list, &Precondition::default()).await
    };
    use BlockSource::{Committed, Latest};
    unmet(commit(&["a", "b"], Latest, &ours).await, EncryptionUnmet::Other);
    unmet(commit(&["a"], Latest, &Seal::Tenants).await, EncryptionUnmet::NotShown);
    unmet(commit(&["a", "c"], Latest, &ours).await, EncryptionUnmet::NotUsed);
    commit(&["a"], Latest, &ours).await.expect("committed");
    // What is committed already counts as well.
    unmet(commit(&["a"], Committed, &theirs).await, EncryptionUnmet::Other);
    unmet(commit(&["a"], Committed, &Seal::Tenants).await, EncryptionUnmet::NotShown);
    commit(&["a", "a"], Committed, &ours).await.expect("committed");
    assert_eq!(get(&bed.store, &blob("x"), &ours).await.expect("read"), b"aa");
    // None of them: an empty blob may be sealed by another.
    commit(&[], Committed, &theirs).await.expect("committed");
    assert_eq!(get(&bed.store, &blob("x"), &theirs).await.expect("read"), b"");
    bed.checked().await;
}

#[tokio::test]
async fn pages_are_sealed_as_their_blob_is() {
    let bed = bed().await;
    let (ours, any) = (customer(1), PageSequence::default());
    let none = Precondition::default();
    bed.store.create_page_blob(&blob("p"), draft(&ours), (4_096, 0), &none).await.expect("made");
    let write = async |seal: &Seal, begin: u64| {
        let body = sealed(&bed.store, seal, &marked(512)).await;
        bed.store.write_pages(&blob("p"), begin, body, any, &none).await
    };
    unmet(write(&customer(2), 0).await, EncryptionUnmet::Other);
    unmet(write(&Seal::Tenants, 0).await, EncryptionUnmet::NotShown);
    write(&ours, 512).await.expect("written");
    let (zeros, mark) = (vec![0; 512], marked(512));
    let whole = get(&bed.store, &blob("p"), &ours).await.expect("read");
    assert_eq!(whole[..1_536], [zeros.clone(), mark.clone(), zeros].concat());
    // From blobs that are sealed so, and otherwise: the latter is sealed anew.
    put(&bed.store, &blob("same"), &ours, &marked(1_024)).await;
    bed.put("plain", &marked(1_024)).await;
    put(&bed.store, &blob("other"), &customer(2), &marked(1_024)).await;
    for (name, seal, begin) in
        [("same", &ours, 1_024), ("plain", &Seal::Tenants, 2_048), ("other", &customer(2), 3_072)]
    {
        let source = bed.store.blob(&blob(name)).await.expect("there").opened_by(seal).expect("its key").source();
        let from = (&source, 0..512);
        bed.store.write_pages_from(&blob("p"), (begin, &ours), from, any, &none).await.expect(name);
    }
    let whole = get(&bed.store, &blob("p"), &ours).await.expect("read");
    for begin in [512, 1_024, 2_048, 3_072] {
        assert_eq!(whole[begin..begin + 512], mark, "{begin}");
    }
    let unopened = bed.store.blob(&blob("other")).await.expect("there").source();
    let stolen = bed.store.write_pages_from(&blob("p"), (0, &ours), (&unopened, 0..512), any, &none).await;
    unmet(stolen, EncryptionUnmet::NotShown);
    bed.checked().await;
}

#[tokio::test]
async fn a_copy_is_by_reference_under_one_key_and_anew_under_another() {
    let bed = bed().await;
    bed.store.put_account(account("goldother", "gold")).await.expect("an account");
    let other = ContainerPath { account: account_name("goldother"), ..photos() };
    bed.store.create_container(&other, Metadata::new()).await.expect("a container");
    let (ours, theirs, none) = (customer(KEY), customer(2), Precondition::default());
    put(&bed.store, &blob("a"), &ours, &marked(300_000)).await;
    let opened = async || bed.store.blob(&blob("a")).await.expect("there").opened_by(&ours).expect("its key");
    let extents = || -> u64 {
        let files = std::fs::read_dir(bed.dir.path().join("extents")).expect("extents").flatten();
        files.map(|file| file.metadata().expect("metadata").len()).sum()
    };
    let before = extents();
    let far = other.blob(BlobName::new("far").expect("good"));
    for to in [blob("same"), far] {
        let source = opened().await.source();
        bed.store.copy_blob(&source, &to, draft(&ours), CopyBlocks::Keep, &none).await.expect("copied");
        assert_eq!(get(&bed.store, &to, &ours).await.expect("read"), marked(300_000));
    }
    assert_eq!(extents(), before, "no byte of it moved");
    for (name, seal) in [("other", &theirs), ("plain", &Seal::Tenants)] {
        let source = opened().await.source();
        bed.store.copy_blob(&source, &blob(name), draft(seal), CopyBlocks::Keep, &none).await.expect("copied");
        assert_eq!(get(&bed.store, &blob(name), seal).await.expect("read"), marked(300_000));
        bed.store
            .stage_block_from(&blob("part"), (block_id("x"), seal), opened().await, 5..250_000, None)
            .await
            .expect("staged");
        let list = vec![(block_id("x"), BlockSource::Latest)];
        bed.store.commit_blocks(&blob("part"), draft(seal), list, &none).await.expect("committed");
        assert_eq!(get(&bed.store, &blob("part"), seal).await.expect("read"), marked(300_000)[5..250_000]);
    }
    // Nobody has it copied who could not read it.
    let closed = async || bed.store.blob(&blob("a")).await.expect("there");
    for seal in [&theirs, &Seal::Tenants] {
        let source = closed().await.source();
        let copied = bed.store.copy_blob(&source, &blob("stolen"), draft(seal), CopyBlocks::Keep, &none).await;
        unmet(copied, EncryptionUnmet::NotShown);
        let to = (block_id("x"), seal);
        let staged = bed.store.stage_block_from(&blob("stolen"), to, closed().await, 0..9, None).await;
        unmet(staged, EncryptionUnmet::NotShown);
    }
    bed.checked().await;
}

#[tokio::test]
async fn it_is_moved_and_checked_without_its_key_and_found_damaged_without_it() {
    let bed = bed_with(Config { extent_bytes: 500_000, ..Config::default() }).await;
    let ours = customer(1);
    for number in 0..40 {
        put(&bed.store, &blob(&number.to_string()), &ours, &content(number, 40_000)).await;
    }
    for number in (0..40).filter(|number| number % 5 != 0) {
        bed.delete(&number.to_string()).await.expect("deleted");
    }
    let mut moved = 0;
    for _ in 0..30 {
        let round = bed.store.compact().await.expect("compacted");
        assert_eq!(round.damaged, 0);
        moved += round.moved_bytes;
    }
    assert!(moved > 0);
    let bed = bed.checked().await;
    for number in (0..40).step_by(5) {
        let found = get(&bed.store, &blob(&number.to_string()), &ours).await.expect("read");
        assert_eq!(found, content(number, 40_000), "{number}");
    }
    let Bed { dir, store, .. } = bed;
    store.close().await.expect("closed");
    drop(store);
    let file = std::fs::read_dir(dir.path().join("extents")).expect("extents").flatten();
    let file = file.max_by_key(|file| file.metadata().expect("metadata").len()).expect("one").path();
    let mut bytes = std::fs::read(&file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let disk: Arc<dyn Disk> = Arc::new(FileSystem);
    let report = check::verify(&disk, dir.path(), &mut |_| {}).expect("verify");
    assert_eq!(report.damaged.len(), 1, "{report:?}");
}

#[tokio::test]
async fn it_stays_on_flash() {
    let bed = bed().await;
    bed.put("plain", b"plain").await;
    put(&bed.store, &blob("sealed"), &customer(1), b"sealed").await;
    assert!(bed.store.leaving(&blob("plain"), None).await.is_ok());
    assert!(matches!(bed.store.leaving(&blob("sealed"), None).await, Err(StoreError::StaysSealed)));
    let names = bed.store.survey(|survey| {
        let mut names = Vec::new();
        survey.blobs(|_, fact| names.push(fact.path.name.to_string()))?;
        Ok(names)
    });
    assert_eq!(names.await.expect("a survey"), ["plain"]);
}

#[tokio::test]
async fn whatever_the_power_leaves_is_read_by_its_key_or_is_not_there() {
    const CRASHES: u64 = 40;
    let ours = customer(1);
    let mut disk = SimDisk::new(Fate::Sound);
    for crash in 0..CRASHES {
        let config = Config { catalog_cache_bytes: 1 << 20, ..Config::default() };
        let open = Store::open_on(Arc::new(disk.clone()), Path::new("/data"), config, manual_clock());
        let store = open.await.expect("open");
        if crash == 0 {
            prepare(&store).await;
        } else {
            let last = get(&store, &blob("a"), &ours).await.expect("what was acknowledged is there");
            assert_eq!(last, content(crash - 1, 150_000), "{crash}");
        }
        put(&store, &blob("a"), &ours, &content(crash, 150_000)).await;
        // Never named by anything.
        drop(sealed(&store, &ours, &content(1, 150_000)).await);
        let next = disk.after_crash(crash);
        drop(store);
        disk = next;
    }
}

/// A bed whose account has a scope, `finance`.
async fn scoped_bed() -> (Bed, Arc<Safe>) {
    let bed = bed().await;
    let safe = safe::attach(&bed.store);
    let added =
        bed.store.add_scope_key(&photos().account, "finance", DataKeyId([7; 16]), Safe::wrapped("finance", 7)).await;
    assert_eq!(added.expect("a key"), 1);
    (bed, safe)
}

#[tokio::test]
async fn a_scope_seals_by_keys_of_its_own_and_takes_nothing_else_with_it() {
    let (bed, safe) = scoped_bed().await;
    let (finance, name) = (scope("finance"), photos().account);
    put(&bed.store, &blob("a"), &finance, &marked(300_000)).await;
    assert_eq!(telling_files(bed.dir.path()), Vec::<String>::new());
    // Nobody needs to name it who reads.
    assert_eq!(bed.get("a").await, marked(300_000));
    assert_eq!(get(&bed.store, &blob("a"), &finance).await.expect("read"), marked(300_000));
    unmet(get(&bed.store, &blob("a"), &customer(1)).await, EncryptionUnmet::Other);
    bed.put("plain", b"plain").await;
    assert!(matches!(try_sealed(&bed.store, &scope("law"), b"x").await, Err(StoreError::ScopeMissing(_))));
    // Another key of it, and one of another scope.
    bed.store.add_scope_key(&name, "finance", DataKeyId([8; 16]), Safe::wrapped("finance", 8)).await.expect("a key");
    bed.store.add_scope_key(&name, "law", DataKeyId([9; 16]), Safe::wrapped("law", 9)).await.expect("a key");
    put(&bed.store, &blob("b"), &finance, &marked(9_000)).await;
    put(&bed.store, &blob("c"), &scope("law"), &marked(9_000)).await;
    let keys = bed.store.data_keys().expect("keys");
    let said: Vec<_> = keys.iter().map(|key| (key.number, key.generation, key.state)).collect();
    assert_eq!(said, [(1, 1, DataKeyState::Old), (2, 2, DataKeyState::Active), (3, 1, DataKeyState::Active)]);
    assert!(!bed.store.has_keys(&tenant("gold")), "what is in no scope may leave as before");
    safe.says("finance", KeyFault::Denied("disabled".to_owned()));
    bed.clock.advance_seconds(400);
    for refused in ["a", "b"] {
        assert!(matches!(read(&bed.store, &blob(refused)).await, Err(StoreError::KeyDenied(_))), "{refused}");
    }
    assert!(matches!(try_sealed(&bed.store, &finance, b"x").await, Err(StoreError::KeyDenied(_))));
    assert_eq!(bed.get("c").await, marked(9_000));
    assert_eq!(bed.get("plain").await, b"plain");
    let (bed, safe) = {
        let bed = bed.checked().await;
        let safe = safe::attach(&bed.store);
        (bed, safe)
    };
    assert_eq!(bed.get("b").await, marked(9_000));
    drop(safe);
}

#[tokio::test]
async fn a_scope_that_is_disabled_is_neither_read_nor_written_also_in_the_middle_of_a_read() {
    let (bed, _safe) = scoped_bed().await;
    let (finance, name) = (scope("finance"), photos().account);
    put(&bed.store, &blob("a"), &finance, &marked(2 * MIB)).await;
    let mut long = Box::pin(bed.store.blob(&blob("a")).await.expect("there").read(0..2 * MIB as u64).expect("a range"));
    let first = futures::TryStreamExt::try_next(&mut long).await.expect("its beginning").expect("some");
    assert!(!first.is_empty());
    bed.store.set_scope(&name, "finance", ScopeState::Disabled).await.expect("disabled");
    let rest: Result<Vec<_>> = futures::TryStreamExt::try_collect(long).await;
    assert!(matches!(rest, Err(StoreError::ScopeDisabled(_))), "{:?}", rest.map(|rest| rest.len()));
    assert!(matches!(read(&bed.store, &blob("a")).await, Err(StoreError::ScopeDisabled(_))));
    assert!(matches!(try_sealed(&bed.store, &finance, b"x").await, Err(StoreError::ScopeDisabled(_))));
    let bed = bed.checked().await;
    safe::attach(&bed.store);
    assert!(matches!(read(&bed.store, &blob("a")).await, Err(StoreError::ScopeDisabled(_))));
    // A new key does not enable it.
    bed.store.add_scope_key(&name, "finance", DataKeyId([8; 16]), Safe::wrapped("finance", 8)).await.expect("a key");
    assert!(matches!(bed.store.scope_key(&name, "finance").await, Err(StoreError::ScopeDisabled(_))));
    bed.store.set_scope(&name, "finance", ScopeState::Enabled).await.expect("enabled");
    assert_eq!(bed.get("a").await, marked(2 * MIB));
    let missing = bed.store.set_scope(&name, "law", ScopeState::Disabled).await;
    assert!(matches!(missing, Err(StoreError::ScopeMissing(_))), "{missing:?}");
}

#[tokio::test]
async fn scopes_are_an_accounts_and_end_with_their_tenants_keys() {
    let (bed, _safe) = scoped_bed().await;
    let (finance, none) = (scope("finance"), Precondition::default());
    bed.store.put_account(account("goldother", "gold")).await.expect("an account");
    let other = ContainerPath { account: account_name("goldother"), ..photos() };
    bed.store.create_container(&other, Metadata::new()).await.expect("a container");
    assert!(matches!(bed.store.scope_key(&other.account, "finance").await, Err(StoreError::ScopeMissing(_))));
    put(&bed.store, &blob("a"), &finance, &marked(9_000)).await;
    // Into the other account's scope of the same name it is sealed anew.
    bed.store
        .add_scope_key(&other.account, "finance", DataKeyId([8; 16]), Safe::wrapped("theirs", 8))
        .await
        .expect("a key");
    let to = other.blob(BlobName::new("b").expect("good"));
    let source = bed.store.blob(&blob("a")).await.expect("there").source();
    bed.store.copy_blob(&source, &to, draft(&finance), CopyBlocks::Keep, &none).await.expect("copied");
    bed.store.set_scope(&photos().account, "finance", ScopeState::Disabled).await.expect("disabled");
    assert_eq!(read(&bed.store, &to).await.expect("read"), marked(9_000));
    bed.store.set_scope(&photos().account, "finance", ScopeState::Enabled).await.expect("enabled");
    // Pages cannot be copied as a whole to where they would be sealed otherwise.
    bed.store.create_page_blob(&blob("p"), draft(&finance), (512, 0), &none).await.expect("made");
    let source = bed.store.blob(&blob("p")).await.expect("there").source();
    let copied = bed.store.copy_blob(&source, &blob("q"), draft(&Seal::Tenants), CopyBlocks::Keep, &none).await;
    assert!(matches!(copied, Err(StoreError::PagesSealedOtherwise)), "{copied:?}");
    assert_eq!(bed.store.erase_data_keys(&tenant("gold")).await.expect("erased"), [1, 2]);
    assert!(matches!(read(&bed.store, &blob("a")).await, Err(StoreError::KeyDenied(_))));
    assert!(matches!(try_sealed(&bed.store, &finance, b"x").await, Err(StoreError::KeyDenied(_))));
}
