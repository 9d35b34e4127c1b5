//! A store in a folder of its own, and words for what tests do with it.

pub mod safe;
pub mod sim;

use bytes::Bytes;
use futures::TryStreamExt;
use greenroom_model::{AccountName, BlobName, BlobPath, ContainerName, ContainerPath, TenantName};
use greenroom_store::*;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

pub struct Bed {
    pub dir: TempDir,
    pub clock: Arc<ManualClock>,
    pub config: Config,
    pub store: Store,
}

/// Stands still until a test moves it.
pub struct ManualClock(AtomicI64);

pub fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock(AtomicI64::new(1_800_000_000_000_000)))
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

impl ManualClock {
    pub fn advance_seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }
}

pub async fn bed() -> Bed {
    bed_with(Config::default()).await
}

pub async fn bed_with(config: Config) -> Bed {
    let dir = tempfile::tempdir().expect("temporary folder");
    let clock = Arc::new(ManualClock(AtomicI64::new(1_800_000_000_000_000)));
    let store = Store::open(dir.path(), config.clone(), clock.clone()).await.expect("open a new store");
    prepare(&store).await;
    Bed { dir, clock, config, store }
}

pub async fn prepare(store: &Store) {
    store.put_tenant(tenant("gold")).await.expect("put tenant");
    store.put_account(account("goldaccount", "gold")).await.expect("put account");
    store.create_container(&photos(), Metadata::new()).await.expect("create container");
}

impl Bed {
    /// Closes the store and opens it again, with whatever the test has done to the folder meanwhile.
    pub async fn reopen(self) -> Bed {
        self.reopen_after(|_| {}).await
    }

    pub async fn reopen_after(self, meanwhile: impl FnOnce(&Path)) -> Bed {
        let Bed { dir, clock, config, store } = self;
        store.close().await.expect("close");
        drop(store);
        meanwhile(dir.path());
        let store = Store::open(dir.path(), config.clone(), clock.clone()).await.expect("open again");
        Bed { dir, clock, config, store }
    }

    /// Closes the store, checks all of it, and opens it again.
    pub async fn checked(self) -> Bed {
        self.reopen_after(|dir| {
            let disk: Arc<dyn Disk> = Arc::new(FileSystem);
            let report = check::verify(&disk, dir, &mut |_| {}).expect("verify");
            assert!(report.is_whole(), "{report:?}");
        })
        .await
    }

    /// Opens the store again until what was deleted has been swept away: each run of a store does a part of it at least.
    pub async fn reopen_until_swept(mut self) -> Bed {
        const RUNS_MAX: usize = 100;
        for _ in 0..RUNS_MAX {
            self = self.reopen().await;
            self.store.bury().await.expect("bury");
            if self.extent_files() == 0 {
                return self;
            }
        }
        panic!("{} extents are left after {RUNS_MAX} runs", self.extent_files());
    }

    pub async fn body(&self, content: &[u8]) -> Body {
        body(&self.store, content).await
    }

    pub async fn put(&self, name: &str, content: &[u8]) -> BlobProps {
        let body = self.body(content).await;
        self.store.put_blob(&blob(name), BlobDraft::default(), body, &Precondition::default()).await.expect("put blob")
    }

    pub async fn get(&self, name: &str) -> Vec<u8> {
        read(&self.store, &blob(name)).await.expect("read blob")
    }

    pub async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>> {
        collect(self.store.blob(&blob(name)).await?, range).await
    }

    pub async fn stage(&self, name: &str, id: &str, content: &[u8]) -> Result<()> {
        let body = self.body(content).await;
        self.store.stage_block(&blob(name), block_id(id), body, None).await
    }

    pub async fn commit(&self, name: &str, list: &[(&str, BlockSource)]) -> Result<BlobProps> {
        let list = list.iter().map(|(id, source)| (block_id(id), *source)).collect::<Vec<_>>();
        self.store.commit_blocks(&blob(name), BlobDraft::default(), list, &Precondition::default()).await
    }

    pub async fn delete(&self, name: &str) -> Result<()> {
        self.store.delete_blob(&blob(name), Snapshots::Keep, &Precondition::default()).await
    }

    pub async fn list(&self, query: ListQuery) -> BlobPage {
        self.store.list_blobs(&photos(), &query).await.expect("list blobs")
    }

    pub fn extent_files(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("extents")).expect("extents folder").count()
    }
}

pub async fn body(store: &Store, content: &[u8]) -> Body {
    try_body(store, content).await.expect("write body")
}

pub async fn try_body(store: &Store, content: &[u8]) -> Result<Body> {
    let mut writer = store.begin_body_of(&photos().account, Some(content.len() as u64)).await?;
    // Chunks of an odd length, as a network brings them.
    for chunk in content.chunks(70_001) {
        writer.write(Bytes::copy_from_slice(chunk)).await?;
    }
    writer.finish().await
}

pub async fn read(store: &Store, path: &BlobPath) -> Result<Vec<u8>> {
    collect(store.blob(path).await?, 0..u64::MAX).await
}

pub async fn collect(blob: Blob, range: Range<u64>) -> Result<Vec<u8>> {
    let chunks: Vec<Bytes> = blob.read(range)?.try_collect().await?;
    Ok(chunks.concat())
}

/// Content that differs at each place and between seeds.
pub fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::from_fn(|| Some(next())).take(length.div_ceil(8)).flatten().collect();
    bytes.truncate(length);
    bytes
}

pub fn tenant(name: &str) -> TenantName {
    TenantName::new(name).expect("a good name")
}

pub fn account(name: &str, of: &str) -> AccountRecord {
    AccountRecord::new(account_name(name), tenant(of), AccountKey::new([7; 64]))
}

pub fn account_name(name: &str) -> AccountName {
    AccountName::new(name).expect("a good name")
}

pub fn photos() -> ContainerPath {
    container("photos")
}

pub fn container(name: &str) -> ContainerPath {
    let container = ContainerName::new(name).expect("a good name");
    ContainerPath { account: account_name("goldaccount"), container }
}

pub fn blob(name: &str) -> BlobPath {
    photos().blob(BlobName::new(name).expect("a good name"))
}

pub fn block_id(id: &str) -> BlockId {
    BlockId::new(id.as_bytes()).expect("a good id")
}

pub const KIB: usize = 1 << 10;
pub const MIB: usize = 1 << 20;
