//! Bits that flip in the catalog, and pages that are zeroed: `verify` calls nothing well of which any read differs, and never panics.
//!
//! `GREENROOM_FLIPS=3000` tries more of them.

use crate::support::*;
use greenroom_store::check::{self, Apply, Item};
use greenroom_store::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CATALOG: &str = "catalog/catalog.redb";
const PAGE: usize = 4_096;
/// Of the whole file, and again of its first page, which says where all others are.
const FLIPS: usize = 150;

fn flips() -> usize {
    std::env::var("GREENROOM_FLIPS").map_or(FLIPS, |text| text.parse().expect("a number"))
}

/// Enough names that keys are most of what is in the catalog.
async fn furnished() -> (tempfile::TempDir, Arc<ManualClock>) {
    let bed = bed().await;
    let other = container("other");
    bed.store.create_container(&other, Metadata::from([("kept".to_owned(), "yes".to_owned())])).await.expect("create");
    for number in 0..60_u64 {
        bed.put(&format!("folder {}/a name of some length {number:03}", number % 4), &content(number, 700)).await;
    }
    for number in 0..6 {
        let name = format!("folder {number}/staged");
        bed.stage(&name, "aa", &content(100 + number, 500)).await.expect("stage");
    }
    let parts: Vec<String> = (0..40).map(|part| format!("{part:02}")).collect();
    for (number, id) in (0..).zip(&parts) {
        bed.stage("long", id, &content(200 + number, 300)).await.expect("stage");
    }
    let list: Vec<_> = parts.iter().map(|id| (id.as_str(), BlockSource::Latest)).collect();
    bed.commit("long", &list).await.expect("commit");
    for number in 0..8 {
        let path = blob(&format!("folder {}/a name of some length {number:03}", number % 4));
        bed.store.snapshot_blob(&path, None, &Precondition::default()).await.expect("snapshot");
    }
    for number in 50..60 {
        bed.delete(&format!("folder {}/a name of some length {number:03}", number % 4)).await.expect("delete");
    }
    bed.store.close().await.expect("close");
    let Bed { dir, clock, .. } = bed;
    (dir, clock)
}

/// All that a client can see, in words.
async fn seen(dir: &Path, clock: Arc<ManualClock>) -> Result<Vec<String>> {
    let store = Store::open(dir, Config::default(), clock).await?;
    let mut seen = Vec::new();
    let account = account_name("goldaccount");
    let record = store.account(&account);
    seen.push(format!("{:?}", record.map(|record| format!("{} {:?}", record.tenant, record.key.as_bytes()))));
    for (name, props) in store.list_containers(&account, &ListQuery::default()).await?.entries {
        seen.push(format!("{name} {props:?}"));
    }
    let query = ListQuery {
        snapshots: ListSnapshots::List,
        uncommitted: ListUncommitted::List,
        max: 5_000,
        ..ListQuery::default()
    };
    for path in [photos(), container("other")] {
        for entry in store.list_blobs(&path, &query).await?.entries {
            seen.push(format!("{entry:?}"));
            let found = match &entry {
                Entry::Blob(name, _) => store.blob(&path.blob(name.clone())).await?,
                Entry::Snapshot(name, time, _) => store.blob_snapshot(&path.blob(name.clone()), *time).await?,
                Entry::Prefix(_) | Entry::Uncommitted(_) => continue,
            };
            seen.push(format!("{:?}", collect(found, 0..u64::MAX).await?));
        }
    }
    store.close().await?;
    Ok(seen)
}

/// A folder of its own for each try: what is tried may change it.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("a folder");
    private::narrow(to.path()).expect("closed to others");
    for folder in ["catalog", "extents"] {
        std::fs::create_dir(to.path().join(folder)).expect("a folder");
        for file in std::fs::read_dir(from.join(folder)).expect("a folder") {
            let file: PathBuf = file.expect("an entry").path();
            std::fs::copy(&file, to.path().join(folder).join(file.file_name().expect("a name"))).expect("copied");
        }
    }
    to
}

fn verify(dir: &Path) -> Result<check::Report> {
    check::verify(&(Arc::new(FileSystem) as Arc<dyn Disk>), dir, &mut |_| {})
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        let bytes = content(self.0, 8);
        self.0 += 1;
        (u64::from_le_bytes(bytes.try_into().expect("eight")) % end as u64) as usize
    }
}

/// Whether the damage was told. Nothing is called well of which a read differs, and looking changes nothing.
async fn try_one(good: &Path, golden: &[String], what: &str, damage: impl FnOnce(&mut Vec<u8>)) -> bool {
    let dir = copy(good);
    let file = dir.path().join(CATALOG);
    let mut bytes = std::fs::read(&file).expect("the catalog");
    damage(&mut bytes);
    std::fs::write(&file, &bytes).expect("written");
    let report = verify(dir.path());
    assert!(std::fs::read(&file).expect("the catalog") == bytes, "{what}: verify has changed it");
    let disk: Arc<dyn Disk> = Arc::new(FileSystem);
    let dry = check::repair(&disk, dir.path(), Apply::No, &mut |_| {}, &mut |_| Ok(()));
    match report {
        Ok(report) if report.is_whole() => {
            let now = seen(dir.path(), manual_clock()).await;
            assert!(now.as_deref().ok() == Some(golden), "{what}: called well, and reads differ: {now:?}");
            assert!(dry.is_ok_and(|dry| dry.report.is_whole()), "{what}");
            false
        }
        Ok(report) => {
            let is_told = report.damaged.iter().any(|damage| damage.what == Item::Catalog);
            assert!(is_told, "{what}: a page is bad, and only this is told: {:?}", report.damaged);
            let dry = dry.expect("what can be looked at can be repaired, or kept");
            assert!(dry.kept.iter().any(|kept| kept.damage.what == Item::Catalog), "{what}: {:?}", dry.kept);
            true
        }
        Err(StoreError::Corrupt { .. } | StoreError::FormatUnknown { .. }) => true,
        Err(error) => panic!("{what}: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_flips_in_the_catalog_is_told_or_changes_nothing() {
    let (good, clock) = furnished().await;
    let golden = seen(copy(good.path()).path(), clock).await.expect("reads");
    assert!(golden.len() > 100);
    let length = std::fs::metadata(good.path().join(CATALOG)).expect("the catalog").len() as usize;
    let bytes = std::fs::read(good.path().join(CATALOG)).expect("the catalog");
    let used: Vec<usize> =
        (0..length / PAGE).filter(|page| bytes[page * PAGE..][..PAGE].iter().any(|byte| *byte != 0)).collect();
    let (mut random, mut told) = (Random(7), 0);
    for number in 0..flips() {
        // Pages that were never written have nothing to tell.
        let page = used[random.below(used.len())];
        let (at, bit) = (page * PAGE + random.below(PAGE), random.below(8));
        told += usize::from(
            try_one(good.path(), &golden, &format!("flip {number}, bit {bit} at {at}"), |bytes| {
                bytes[at] ^= 1 << bit;
            })
            .await,
        );
    }
    println!("{told} of {} flips were told", flips());
    assert!(told > flips() / 10, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_flips_in_the_head_of_the_catalog_is_told_or_changes_nothing() {
    let (good, clock) = furnished().await;
    let golden = seen(copy(good.path()).path(), clock).await.expect("reads");
    let mut random = Random(1_000_000);
    for number in 0..flips() {
        // What the engine keeps there is 320 bytes.
        let (at, bit) = (random.below(320), random.below(8));
        try_one(good.path(), &golden, &format!("flip {number}, bit {bit} at {at}"), |bytes| bytes[at] ^= 1 << bit)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_zeros_is_told_and_never_a_panic() {
    let (good, clock) = furnished().await;
    let golden = seen(copy(good.path()).path(), clock).await.expect("reads");
    let length = std::fs::metadata(good.path().join(CATALOG)).expect("the catalog").len() as usize;
    let bytes = std::fs::read(good.path().join(CATALOG)).expect("the catalog");
    let mut told = 0;
    for page in 0..length / PAGE {
        if bytes[page * PAGE..][..PAGE].iter().all(|byte| *byte == 0) {
            continue;
        }
        told += usize::from(
            try_one(good.path(), &golden, &format!("page {page} of zeros"), |bytes| {
                bytes[page * PAGE..][..PAGE].fill(0);
            })
            .await,
        );
    }
    assert!(told > 5, "{told}");
}

/// A name has no checksum but that of its page.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_bent_is_told() {
    let (good, clock) = furnished().await;
    let golden = seen(copy(good.path()).path(), clock).await.expect("reads");
    let marker = b"folder 1/a name of some length 021";
    let told = try_one(good.path(), &golden, "a bent name", |bytes| {
        let mut at = 0;
        while let Some(next) = bytes[at..].windows(marker.len()).position(|part| part == marker) {
            bytes[at + next + marker.len() - 1] ^= 2;
            at += next + marker.len();
        }
    })
    .await;
    assert!(told);
}
