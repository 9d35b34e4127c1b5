//! Page blobs in many runs: what goes through all of them does so in parts, between which everybody else goes on, and is seen as a whole or
//! not at all. The normal run takes some of the crash points; `GREENROOM_CRASH_POINTS=all` takes all of them.

use crate::support::sim::{Fate, SimDisk};
use crate::support::*;
use greenroom_store::*;
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const PAGE: u64 = PAGE_BYTES;
const ANY: PageSequence = PageSequence { at_most: None, below: None, equals: None };
/// Runs of the pattern that disks are made of: every other page of it is written.
const PATTERN_RUNS: u64 = 500;
const PATTERN_BYTES: u64 = 2 * PATTERN_RUNS * PAGE;
/// What one transaction may touch: 2,000 rows that are copied, 1,000 that are swept, and what small writes do beside them.
const ROWS_MAX: usize = 3_064;
/// More than one transaction lets go of at once.
const MANY_RUNS: u64 = 9_000;
const DIR: &str = "/data";
/// Points of the normal run, for each kind of fate.
const POINTS: u64 = 15;

fn none() -> Precondition {
    Precondition::default()
}

async fn source(store: &Store, name: &str) -> Source {
    store.blob(&blob(name)).await.expect("look up").source()
}

/// A page blob of so many runs, made of a pattern by reference; and what is in it.
async fn strew(store: &Store, name: &str, runs: u64) -> Vec<u8> {
    assert!(runs.is_multiple_of(PATTERN_RUNS));
    if store.blob(&blob("pattern")).await.is_err() {
        let all = body(store, &content(7, (PATTERN_RUNS * PAGE) as usize)).await;
        store.put_blob(&blob("pages"), BlobDraft::default(), all, &none()).await.expect("put");
        create(store, "pattern", PATTERN_BYTES).await;
        let from = &source(store, "pages").await;
        let writes = (0..PATTERN_RUNS).map(|run| async move {
            let range = run * PAGE..(run + 1) * PAGE;
            store
                .write_pages_from(&blob("pattern"), (2 * run * PAGE, &Seal::Tenants), (from, range), ANY, &none())
                .await
        });
        futures::future::try_join_all(writes).await.expect("write");
    }
    let times = runs / PATTERN_RUNS;
    create(store, name, times * PATTERN_BYTES).await;
    let from = &source(store, "pattern").await;
    let writes = (0..times).map(|time| async move {
        store
            .write_pages_from(
                &blob(name),
                (time * PATTERN_BYTES, &Seal::Tenants),
                (from, 0..PATTERN_BYTES),
                ANY,
                &none(),
            )
            .await
    });
    futures::future::try_join_all(writes).await.expect("write");
    read(store, &blob("pattern")).await.expect("read").repeat(times as usize)
}

async fn create(store: &Store, name: &str, length: u64) {
    store.create_page_blob(&blob(name), BlobDraft::default(), (length, 0), &none()).await.expect("create");
}

async fn snapshot(store: &Store, name: &str) -> Result<Timestamp> {
    Ok(store.snapshot_blob(&blob(name), None, &none()).await?.0)
}

async fn copy(store: &Store, from: &str, to: &str) -> Result<BlobProps> {
    let source = source(store, from).await;
    store.copy_blob(&source, &blob(to), BlobDraft::default(), CopyBlocks::Keep, &none()).await
}

async fn resize(store: &Store, name: &str, length: u64) -> Result<BlobProps> {
    let update = PageUpdate { length: Some(length), ..PageUpdate::default() };
    store.update_page_blob(&blob(name), update, &none()).await
}

async fn write(store: &Store, name: &str, page: u64, bytes: &[u8]) -> Result<BlobProps> {
    let body = try_body(store, bytes).await?;
    store.write_pages(&blob(name), page * PAGE, body, ANY, &none()).await
}

/// Looks into the blob, or its snapshot, here and there.
async fn holds(store: &Store, name: &str, at: Option<Timestamp>, model: &[u8]) {
    let length = store.blob_at(&blob(name), at).await.expect("look up").props.length;
    assert_eq!(length, model.len() as u64, "{name}");
    for start in (0..model.len()).step_by(997 * PAGE as usize) {
        let end = model.len().min(start + 60 * PAGE as usize);
        let found = store.blob_at(&blob(name), at).await.expect("look up");
        let found = collect(found, start as u64..end as u64).await.expect("read");
        assert!(found == model[start..end], "{name} from {start} on");
    }
}

fn runs(props: &BlobProps) -> u64 {
    match props.kind {
        BlobKind::Page { runs, .. } => u64::from(runs),
        BlobKind::Block => 0,
    }
}

/// Of all blobs and snapshots.
async fn all_runs(store: &Store) -> u64 {
    let query = ListQuery { snapshots: ListSnapshots::List, ..ListQuery::default() };
    let page = store.list_blobs(&photos(), &query).await.expect("a list");
    let entries = page.entries.iter().map(|entry| match entry {
        Entry::Blob(_, props) | Entry::Snapshot(_, _, props) => runs(props),
        Entry::Uncommitted(_) | Entry::Prefix(_) => 0,
    });
    entries.sum()
}

/// Each look waits for a transaction, in which the sweep has its part.
async fn sweep(store: &Store) {
    for _ in 0..60 {
        store.discard_stale_blocks().await.expect("a look");
    }
}

/// Rows of page lists in a catalog, whoever's they are, and entries of what is to be swept.
fn rows(catalog: &Path) -> (u64, u64) {
    const PIECES: TableDefinition<(u64, u64), &[u8]> = TableDefinition::new("pieces");
    const GARBAGE: TableDefinition<u64, &[u8]> = TableDefinition::new("garbage");
    let database = Database::open(catalog).expect("it opens");
    let txn = database.begin_read().expect("it can be read");
    let pieces = txn.open_table(PIECES).expect("there is one").len().expect("a count");
    (pieces, txn.open_table(GARBAGE).expect("there is one").len().expect("a count"))
}

/// Puts small blobs until it is told to stop, and says how many.
fn puts(store: &Store, stop: &Arc<AtomicBool>) -> tokio::task::JoinHandle<u64> {
    let (store, stop) = (store.clone(), stop.clone());
    tokio::spawn(async move {
        let mut count = 0;
        while !stop.load(Relaxed) {
            let small = body(&store, b"small").await;
            store.put_blob(&blob("small"), BlobDraft::default(), small, &none()).await.expect("put");
            count += 1;
        }
        count
    })
}

/// Waits until so many more transactions have changed something, or gives up: what was to change them may have ended.
async fn changes(store: &Store, more: u64) {
    let begun = store.usage().changes;
    for _ in 0..10_000 {
        if store.usage().changes >= begun + more {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_transaction_goes_through_all_runs() {
    let bed = bed().await;
    let store = &bed.store;
    let model = strew(store, "disk", 20_000).await;
    let (stop, before) = (Arc::new(AtomicBool::new(false)), store.usage());
    let puts = puts(store, &stop);
    let at = snapshot(store, "disk").await.expect("snapshot");
    copy(store, "disk", "copy").await.expect("copy");
    let kept = model.len() as u64 / 2;
    resize(store, "disk", kept).await.expect("resize");
    let range = PAGE..1 + 2 * MANY_RUNS * PAGE + PAGE - 1;
    store.clear_pages(&blob("copy"), range.clone(), ANY, &none()).await.expect("clear");
    stop.store(true, Relaxed);
    assert!(puts.await.expect("they end") > 10, "others go on");
    let after = store.usage();
    assert!(after.rows_a_change_max <= ROWS_MAX, "{after:?}");
    assert!(after.changes - before.changes >= 10 + 10 + 5 + 5, "2,000 rows each at most");

    let mut cleared = model.clone();
    cleared[range.start as usize..range.end as usize].fill(0);
    let bytes = model.len() as u64 * 2 + kept + PATTERN_BYTES + PATTERN_BYTES / 2 + 5;
    assert_eq!(after.tenants[&tenant("gold")].bytes, bytes);
    let bed = bed.checked().await;
    holds(&bed.store, "disk", Some(at), &model).await;
    holds(&bed.store, "disk", None, &model[..kept as usize]).await;
    holds(&bed.store, "copy", None, &cleared).await;
}

/// What one operation may let go of at once is more than a transaction copies: no two do so in one.
#[tokio::test(flavor = "multi_thread")]
async fn those_that_let_go_of_much_take_turns() {
    let bed = bed().await;
    let (names, store) = (["a", "b", "c", "d", "e"], &bed.store);
    let mut models = Vec::new();
    for name in names {
        models.push(strew(store, name, 4_000).await);
    }
    let over = content(3, 3_000 * PAGE as usize);
    let writes = names.map(|name| write(store, name, 1_000, &over));
    futures::future::try_join_all(writes).await.expect("write");
    let max = store.usage().rows_a_change_max;
    assert!((1_500..1_500 + ROWS_MAX).contains(&max), "{max}");
    let bed = bed.checked().await;
    for (name, mut model) in names.into_iter().zip(models) {
        model[1_000 * PAGE as usize..4_000 * PAGE as usize].copy_from_slice(&over);
        holds(&bed.store, name, None, &model).await;
    }
}

/// The snapshot is of the blob as it was when it was taken, all of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_between_has_it_begun_anew() {
    let bed = bed().await;
    let store = &bed.store;
    let mut model = strew(store, "disk", 60_000).await;
    let mut anew = 0;
    for page in (0..20).map(|round| 2 * round + 1) {
        let (there, before) = (store.clone(), store.usage().changes);
        let taking = tokio::spawn(async move { snapshot(&there, "disk").await });
        changes(store, 3).await;
        let new = content(page, PAGE as usize);
        write(store, "disk", page, &new).await.expect("write");
        let was = model.clone();
        let at = page as usize * PAGE as usize;
        model[at..at + PAGE as usize].copy_from_slice(&new);
        let taken = taking.await.expect("it ends").expect("snapshot");
        let found = store.blob_snapshot(&blob("disk"), taken).await.expect("look up");
        let found = collect(found, at as u64..at as u64 + PAGE).await.expect("read");
        if found == new {
            anew += 1;
            assert!(store.usage().changes - before > 30, "all of it was copied after that");
        } else {
            assert!(found == was[at..at + PAGE as usize]);
        }
        if anew == 2 {
            holds(store, "disk", Some(taken), &model).await;
            bed.checked().await;
            return;
        }
    }
    panic!("in 20 times the write came in between {anew} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_is_written_to_all_the_while_is_given_up() {
    let bed = bed().await;
    let store = &bed.store;
    let model = strew(store, "disk", 30_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (there, until) = (store.clone(), stop.clone());
    let writes = tokio::spawn(async move {
        let page = content(1, PAGE as usize);
        while !until.load(Relaxed) {
            write(&there, "disk", 0, &page).await.expect("write");
        }
    });
    let before = store.usage().tenants[&tenant("gold")];
    for _ in 0..3 {
        let taken = snapshot(store, "disk").await;
        assert!(matches!(taken, Err(StoreError::KeepsChanging)), "{taken:?}");
        let cut = resize(store, "disk", model.len() as u64 / 2).await;
        assert!(matches!(cut, Err(StoreError::KeepsChanging)), "{cut:?}");
        let copied = copy(store, "disk", "copy").await;
        assert!(matches!(copied, Err(StoreError::SourceChanged)), "{copied:?}");
    }
    stop.store(true, Relaxed);
    writes.await.expect("they end");
    assert_eq!(store.usage().tenants[&tenant("gold")], before);
    sweep(store).await;
    let runs = all_runs(store).await;
    snapshot(store, "disk").await.expect("nobody writes");
    let bed = bed.checked().await;
    assert_eq!(all_runs(&bed.store).await, 2 * runs - PATTERN_RUNS);
    bed.reopen_after(|dir| assert_eq!(rows(&dir.join("catalog/catalog.redb")), (2 * runs - PATTERN_RUNS, 0))).await;
}

/// Nobody has to wait for a restart to be rid of what a caller has given up.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_any_more_is_swept() {
    let bed = bed().await;
    let store = &bed.store;
    strew(store, "disk", 30_000).await;
    let before = all_runs(store).await;
    for _ in 0..5 {
        let taking = snapshot(store, "disk");
        tokio::select! {
            taken = taking => panic!("{taken:?} without its 15 transactions"),
            () = changes(store, 3) => {}
        }
    }
    sweep(store).await;
    assert_eq!(all_runs(store).await, before);
    bed.reopen_after(|dir| assert_eq!(rows(&dir.join("catalog/catalog.redb")), (before, 0))).await;
}

/// A snapshot, a copy and a cut of a disk; each is seen as a whole or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Snapshot,
    Copy,
    Cut,
}

const STEPS: [Step; 3] = [Step::Snapshot, Step::Copy, Step::Cut];
const DISK_RUNS: u64 = 12_000;
const CUT_BYTES: u64 = DISK_RUNS / 4 / PATTERN_RUNS * PATTERN_BYTES;

async fn open(disk: &SimDisk) -> Result<Store> {
    let config = Config { catalog_cache_bytes: 8 << 20, ..Config::default() };
    Store::open_on(Arc::new(disk.clone()), Path::new(DIR), config, manual_clock()).await
}

/// Returns the steps that were done: as all of them, where nothing fails.
async fn perform(store: &Store) -> Vec<Step> {
    let mut done = Vec::new();
    for step in STEPS {
        let result = match step {
            Step::Snapshot => snapshot(store, "disk").await.map(drop),
            Step::Copy => match store.blob(&blob("disk")).await {
                Ok(_) => copy(store, "disk", "copy").await.map(drop),
                Err(error) => Err(error),
            },
            Step::Cut => resize(store, "disk", CUT_BYTES).await.map(drop),
        };
        if result.is_err() {
            return done;
        }
        done.push(step);
    }
    done
}

/// What was done is there, what was under way is or is not, and no row of a list is left over.
async fn examine(store: Store, disk: &SimDisk, model: &[u8], done: &[Step], what: &str) {
    let query = ListQuery { snapshots: ListSnapshots::List, ..ListQuery::default() };
    let (mut at, mut found) = (None, Vec::new());
    for entry in store.list_blobs(&photos(), &query).await.expect("a list").entries {
        match entry {
            Entry::Snapshot(_, time, _) => (at, found) = (Some(time), [found, vec![Step::Snapshot]].concat()),
            Entry::Blob(name, _) if name.as_str() == "copy" => found.push(Step::Copy),
            Entry::Blob(name, props) if name.as_str() == "disk" && props.length == CUT_BYTES => found.push(Step::Cut),
            Entry::Blob(..) | Entry::Uncommitted(_) | Entry::Prefix(_) => {}
        }
    }
    found.sort_by_key(|step| *step as u8);
    assert!(found == done || found == STEPS[..done.len() + 1], "{what}: {found:?} after {done:?}");
    if at.is_some() {
        holds(&store, "disk", at, model).await;
    }
    if found.contains(&Step::Copy) {
        holds(&store, "copy", None, model).await;
    }
    let length = if found.contains(&Step::Cut) { CUT_BYTES as usize } else { model.len() };
    holds(&store, "disk", None, &model[..length]).await;
    sweep(&store).await;
    let runs = all_runs(&store).await;
    store.close().await.expect("it closes");
    drop(store);
    is_whole(disk, what);
    let left = tempfile::NamedTempFile::new().expect("a file");
    disk.damage(|file, bytes| {
        if file.ends_with("catalog.redb") {
            std::fs::write(left.path(), bytes).expect("written");
        }
    });
    assert_eq!(rows(left.path()), (runs, 0), "{what}: with {found:?}");
}

fn is_whole(disk: &SimDisk, what: &str) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let report = check::verify(&disk, Path::new(DIR), &mut |_| {}).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(report.is_whole(), "{what}: {report:?}");
}

/// A disk with a store that holds a strewn blob, what is in that, and the acts of all steps.
async fn prepared() -> (SimDisk, Vec<u8>, u64) {
    let sound = SimDisk::new(Fate::Sound);
    let store = open(&sound).await.expect("it opens");
    prepare(&store).await;
    let model = strew(&store, "disk", DISK_RUNS).await;
    sweep(&store).await;
    store.close().await.expect("it closes");
    drop(store);
    let disk = sound.after_crash(0);
    let store = open(&disk).await.expect("it opens");
    assert_eq!(perform(&store).await, STEPS);
    let acts = disk.acts();
    examine(store, &disk, &model, &STEPS, "on a sound disk").await;
    (sound, model, acts)
}

fn points(acts: u64) -> impl Iterator<Item = u64> {
    let all = std::env::var("GREENROOM_CRASH_POINTS").is_ok_and(|points| points == "all");
    (1..=acts).step_by(if all { 1 } else { acts.div_ceil(POINTS) as usize })
}

#[tokio::test]
async fn the_power_may_go_at_any_part() {
    let (sound, model, acts) = prepared().await;
    println!("{acts} writes and syncs");
    for point in points(acts) {
        let disk = sound.after_crash(0);
        disk.set_fate(Fate::CrashAt(point));
        let mut done = Vec::new();
        if let Ok(store) = open(&disk).await {
            done = perform(&store).await;
            let _ = store.close().await;
        }
        let (what, disk) = (format!("power gone at act {point} of {acts}"), disk.after_crash(point));
        is_whole(&disk, &what);
        let store = open(&disk).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        examine(store, &disk, &model, &done, &what).await;
    }
}

#[tokio::test]
async fn any_part_may_fail_and_the_store_goes_on() {
    let (sound, model, acts) = prepared().await;
    for point in points(acts) {
        let disk = sound.after_crash(0);
        disk.set_fate(Fate::FailAt(point));
        let Ok(store) = open(&disk).await else { continue };
        let done = perform(&store).await;
        disk.set_fate(Fate::Sound);
        examine(store, &disk, &model, &done, &format!("failure of act {point} of {acts}")).await;
    }
}
