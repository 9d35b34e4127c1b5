//! The power goes, or the disk fails, at every single write and sync of a fixed workload. What was acknowledged is there afterwards, and
//! the step under way has happened or not.
//!
//! The normal run takes some of the points; `GREENROOM_CRASH_POINTS=all` takes all of them, and `GREENROOM_CRASH_SEED` draws anew what of
//! the un-synced writes arrives.

use crate::support::safe::{self, Safe};
use crate::support::sim::{Fate, SimDisk};
use crate::support::*;
use greenroom_model::BlobName;
use greenroom_model::feed::{BlobEvent, ChangeFeed};
use greenroom_store::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Points of the normal run, for each kind of fate.
const POINTS: u64 = 60;
const DIR: &str = "/data";

#[derive(Debug, Clone)]
enum Step {
    Tenant,
    Account,
    Container,
    Put(&'static str, u64, usize),
    Stage(&'static str, &'static str, u64, usize),
    /// Stages a range of a blob by reference.
    StageFrom(&'static str, &'static str, &'static str, std::ops::Range<usize>),
    Commit(&'static str, &'static [&'static str]),
    /// Stages and commits more blocks than a row holds.
    Long(&'static str, u64),
    Copy(&'static str, &'static str),
    Snapshot(&'static str),
    Delete(&'static str),
    /// The account's changes are told from now on.
    Feed,
    /// What is written is sealed from now on, by a new key.
    Seal(u8),
    /// All that is in the outbox goes into the feed.
    Publish,
    Upkeep,
    Reopen,
}

fn steps() -> Vec<Step> {
    use Step::*;
    vec![
        Tenant,
        Account,
        Container,
        Feed,
        Put("a", 1, 10),
        Put("b", 2, 300 * KIB),
        Put("c", 3, 40 * KIB),
        Seal(1),
        Copy("b", "d"),
        Put("b", 4, 150 * KIB),
        Snapshot("b"),
        Publish,
        Stage("e", "x", 5, 60 * KIB),
        Stage("e", "y", 6, 9),
        StageFrom("e", "z", "d", 1_000..200_000),
        Delete("c"),
        Seal(2),
        Commit("e", &["z", "y", "x", "y"]),
        Long("f", 7),
        Put("b", 8, 20),
        Copy("f", "a"),
        Upkeep,
        Reopen,
        Delete("f"),
        Publish,
        Stage("g", "x", 9, 100 * KIB),
        Stage("g", "y", 10, 100 * KIB),
        Commit("g", &["y"]),
        Delete("d"),
        Upkeep,
        Delete("b"),
        Snapshot("e"),
        Put("e", 11, 70 * KIB),
        Publish,
        Upkeep,
        Upkeep,
        Put("a", 12, 30 * KIB),
    ]
}

/// What the store holds, or should.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    blobs: BTreeMap<String, Vec<u8>>,
    snapshots: BTreeMap<String, Vec<Vec<u8>>>,
    staged: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

const LONG: usize = 20;

fn long_parts(seed: u64) -> Vec<Vec<u8>> {
    (0..LONG as u64).map(|part| content(seed * 1_000 + part, 3_000)).collect()
}

impl Model {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Tenant
            | Step::Account
            | Step::Container
            | Step::Feed
            | Step::Seal(_)
            | Step::Publish
            | Step::Upkeep
            | Step::Reopen => {}
            Step::Put(name, seed, length) => self.put(name, content(*seed, *length)),
            Step::Stage(name, id, seed, length) => self.stage(name, id, content(*seed, *length)),
            Step::StageFrom(name, id, from, range) => self.stage(name, id, self.blobs[*from][range.clone()].to_vec()),
            Step::Commit(name, ids) => {
                let staged = &self.staged[*name];
                self.put(name, ids.iter().flat_map(|id| staged[*id].clone()).collect());
            }
            Step::Long(name, seed) => self.put(name, long_parts(*seed).concat()),
            Step::Copy(from, to) => self.put(to, self.blobs[*from].clone()),
            Step::Snapshot(name) => {
                let now = self.blobs[*name].clone();
                self.snapshots.entry((*name).to_owned()).or_default().push(now);
            }
            Step::Delete(name) => {
                self.blobs.remove(*name);
                self.snapshots.remove(*name);
                self.staged.remove(*name);
            }
        }
    }

    fn put(&mut self, name: &str, content: Vec<u8>) {
        self.staged.remove(name);
        self.blobs.insert(name.to_owned(), content);
    }

    fn stage(&mut self, name: &str, id: &str, content: Vec<u8>) {
        self.staged.entry(name.to_owned()).or_default().insert(id.to_owned(), content);
    }

    /// The names and lengths of what is staged: that cannot be read before it is committed.
    fn staged_lengths(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let lengths = |blocks: &BTreeMap<String, Vec<u8>>| {
            blocks.iter().map(|(id, content)| (id.clone(), content.len() as u64)).collect()
        };
        self.staged.iter().map(|(name, blocks)| (name.clone(), lengths(blocks))).collect()
    }
}

async fn open(disk: &SimDisk) -> Result<Store> {
    open_with(disk, Durability::Disk).await
}

async fn open_with(disk: &SimDisk, durability: Durability) -> Result<Store> {
    let config = Config { durability, extent_bytes: 200_000, catalog_cache_bytes: 1 << 20, ..Config::default() };
    let store = Store::open_on(Arc::new(disk.clone()), Path::new(DIR), config, manual_clock()).await?;
    safe::attach(&store);
    Ok(store)
}

async fn write_body(store: &Store, content: &[u8]) -> Result<Body> {
    let mut writer = store.begin_body_of(&photos().account, Some(content.len() as u64)).await?;
    writer.write(bytes::Bytes::copy_from_slice(content)).await?;
    writer.finish().await
}

async fn perform(store: &Store, step: &Step) -> Result<()> {
    let none = Precondition::default();
    let stage = async |name: &str, id: &str, content: &[u8]| {
        store.stage_block(&blob(name), block_id(id), write_body(store, content).await?, None).await
    };
    match step {
        Step::Tenant => store.put_tenant(tenant("gold")).await,
        Step::Account => store.put_account(account("goldaccount", "gold")).await,
        Step::Seal(byte) => {
            let (id, wrapped) = (DataKeyId([*byte; 16]), Safe::wrapped("node", *byte));
            store.add_data_key(tenant("gold"), id, wrapped).await.map(drop)
        }
        Step::Container => store.create_container(&photos(), Metadata::new()).await.map(drop),
        Step::Put(name, seed, length) => {
            let body = write_body(store, &content(*seed, *length)).await?;
            store.put_blob(&blob(name), BlobDraft::default(), body, &none).await.map(drop)
        }
        Step::Stage(name, id, seed, length) => stage(name, id, &content(*seed, *length)).await,
        Step::StageFrom(name, id, from, range) => {
            let source = store.blob(&blob(from)).await?;
            let range = range.start as u64..range.end as u64;
            store.stage_block_from(&blob(name), (block_id(id), &Seal::Tenants), source, range, None).await
        }
        Step::Commit(name, ids) => {
            let list: Vec<_> = ids.iter().map(|id| (block_id(id), BlockSource::Latest)).collect();
            store.commit_blocks(&blob(name), BlobDraft::default(), list, &none).await.map(drop)
        }
        Step::Long(name, seed) => {
            let mut list = Vec::new();
            for (number, part) in long_parts(*seed).iter().enumerate() {
                let id = format!("{number:02}");
                stage(name, &id, part).await?;
                list.push((block_id(&id), BlockSource::Latest));
            }
            store.commit_blocks(&blob(name), BlobDraft::default(), list, &none).await.map(drop)
        }
        Step::Copy(from, to) => {
            let source = store.blob(&blob(from)).await?.source();
            let draft = BlobDraft::default();
            store.copy_blob(&source, &blob(to), draft, CopyBlocks::Keep, &none).await.map(drop)
        }
        Step::Snapshot(name) => store.snapshot_blob(&blob(name), None, &none).await.map(drop),
        Step::Delete(name) => store.delete_blob(&blob(name), Snapshots::Delete, &none).await,
        Step::Feed => store.set_feed(&account_name("goldaccount"), Some(ChangeFeed::default())).await,
        Step::Publish => publish(store).await,
        Step::Upkeep => {
            store.bury().await?;
            store.compact().await.map(drop)
        }
        Step::Reopen => unreachable!("done by `run`"),
    }?;
    // Two looks that change nothing: what was left to the sweep is swept when they end, so that the order of acts is always the same.
    store.discard_stale_blocks().await.map(drop)
}

/// A line an event in place of Avro, which is none of the store's business.
async fn publish(store: &Store) -> Result<()> {
    let account = account_name("goldaccount");
    let subscribed = store.told()?.pop().and_then(|told| told.feed).expect("there is a feed");
    let events = store.events(&account, subscribed.published, 1_000).await?;
    let Some(last) = events.last().map(|event| event.sequence) else { return Ok(()) };
    let lines: String = events.iter().map(|event| line(event)).collect();
    let name = BlobName::new(format!("log/{last:020}")).expect("a good name");
    let files = vec![(name, "text/plain", write_body(store, lines.as_bytes()).await?)];
    store.publish(&account, Part { last: Some(last), ends: None, files }).await.map(drop)
}

fn line(event: &BlobEvent) -> String {
    let name = event.blob.as_ref().map_or("", |name| name.as_str());
    format!("{} {:?} {name} {:X}\n", event.sequence, event.kind, event.etag)
}

/// What there is, with its ETags, for somebody who has heard all that was told: each thing once, and in order.
async fn told(store: &Store) -> Result<BTreeMap<String, String>> {
    let account = account_name("goldaccount");
    let mut heard = String::new();
    let page = match store.list_blobs(&feed_of(&account), &ListQuery::default()).await {
        Err(StoreError::ContainerMissing) => return Ok(BTreeMap::new()),
        page => page?,
    };
    for entry in page.entries {
        let Entry::Blob(name, _) = entry else { continue };
        heard += &String::from_utf8(read(store, &feed_of(&account).blob(name)).await?).expect("text");
    }
    for event in store.events(&account, 0, 1_000).await? {
        heard += &line(&event);
    }
    let (mut there, mut last) = (BTreeMap::new(), 0);
    for line in heard.lines() {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("four words");
        let (sequence, kind, name, etag) = (word(), word(), word(), word());
        let sequence: u64 = sequence.parse().expect("a number");
        assert!(sequence > last, "{sequence} is told after {last}");
        last = sequence;
        match kind {
            "Created" => drop(there.insert(name.to_owned(), etag.to_owned())),
            "Deleted" => drop(there.remove(name).expect("only what is there is deleted")),
            _ => {}
        }
    }
    Ok(there)
}

async fn etags(store: &Store) -> Result<BTreeMap<String, String>> {
    let page = match store.list_blobs(&photos(), &ListQuery::default()).await {
        Err(StoreError::ContainerMissing) => return Ok(BTreeMap::new()),
        page => page?,
    };
    let etag = |entry| match entry {
        Entry::Blob(name, props) => Some((name.to_string(), format!("{:X}", props.etag.0))),
        Entry::Snapshot(..) | Entry::Uncommitted(_) | Entry::Prefix(_) => None,
    };
    Ok(page.entries.into_iter().filter_map(etag).collect())
}

struct Outcome {
    model: Model,
    /// What the step that failed was about to do.
    under_way: Option<Step>,
}

/// Goes through the steps until one fails, and closes the store.
async fn run(disk: &SimDisk, durability: Durability) -> Outcome {
    let (outcome, store) = go(disk, durability).await;
    if let Some(store) = store {
        let _ = store.close().await;
    }
    outcome
}

/// Goes through the steps until one fails. Leaves the store open, unless it is opening that failed.
async fn go(disk: &SimDisk, durability: Durability) -> (Outcome, Option<Store>) {
    let mut outcome = Outcome { model: Model::default(), under_way: None };
    let Ok(mut store) = open_with(disk, durability).await else { return (outcome, None) };
    for step in steps() {
        let done = match &step {
            Step::Reopen => {
                let _ = store.close().await;
                drop(store);
                match open_with(disk, durability).await {
                    Ok(open) => {
                        store = open;
                        Ok(())
                    }
                    Err(_) => return (outcome, None),
                }
            }
            step => perform(&store, step).await,
        };
        if done.is_err() {
            outcome.under_way = Some(step);
            break;
        }
        outcome.model.apply(&step);
    }
    (outcome, Some(store))
}

/// Everything that the store shows.
async fn observe(store: &Store) -> Result<Model> {
    let mut model = Model::default();
    let query = ListQuery { snapshots: ListSnapshots::List, ..ListQuery::default() };
    let page = match store.list_blobs(&photos(), &query).await {
        Err(StoreError::ContainerMissing) => return Ok(model),
        page => page?,
    };
    for entry in page.entries {
        match entry {
            Entry::Blob(name, _) => {
                let content = read(store, &photos().blob(name.clone())).await?;
                model.blobs.insert(name.to_string(), content);
            }
            Entry::Snapshot(name, time, _) => {
                let snapshot = store.blob_snapshot(&photos().blob(name.clone()), time).await?;
                let content = collect(snapshot, 0..u64::MAX).await?;
                model.snapshots.entry(name.to_string()).or_default().push(content);
            }
            Entry::Uncommitted(_) | Entry::Prefix(_) => {}
        }
    }
    Ok(model)
}

async fn staged(store: &Store) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut all = BTreeMap::new();
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        let blocks = store.block_list(&blob(name)).await.map(|list| list.uncommitted).unwrap_or_default();
        let blocks: BTreeMap<_, _> = blocks
            .into_iter()
            .map(|block| (String::from_utf8(block.id.as_bytes().to_vec()).expect("text"), block.length))
            .collect();
        if !blocks.is_empty() {
            all.insert(name.to_owned(), blocks);
        }
    }
    all
}

/// After whatever has happened: the folder is whole, holds what it should, and can be worked with.
async fn examine(disk: &SimDisk, outcome: Outcome, what: &str) {
    let store = open(disk).await.unwrap_or_else(|error| panic!("{what}: cannot open: {error}"));
    examine_open(disk, store, outcome, what).await;
}

async fn examine_open(disk: &SimDisk, store: Store, outcome: Outcome, what: &str) {
    let Outcome { model: old, under_way } = outcome;
    let mut new = old.clone();
    if let Some(step) = &under_way {
        new.apply(step);
    }
    let found = observe(&store).await.unwrap_or_else(|error| panic!("{what}: cannot read: {error}"));
    let same = |model: &Model| found.blobs == model.blobs && found.snapshots == model.snapshots;
    assert!(same(&old) || same(&new), "{what}: in {under_way:?} something was lost");
    let (heard, etags) = (told(&store).await.expect("read"), etags(&store).await.expect("read"));
    assert_eq!(heard, etags, "{what}: in {under_way:?} what is told is not what is there");
    let staged = staged(&store).await;
    let long = matches!(under_way, Some(Step::Long(..)));
    assert!(
        long || staged == old.staged_lengths() || staged == new.staged_lengths(),
        "{what}: in {under_way:?} staged blocks were lost: {staged:?}"
    );
    // Life goes on: room is taken, dead space goes, and nothing else does.
    for step in [Step::Tenant, Step::Account] {
        perform(&store, &step).await.unwrap_or_else(|error| panic!("{what}: {step:?}: {error}"));
    }
    if let Err(error) = perform(&store, &Step::Container).await {
        assert!(matches!(error, StoreError::ContainerExists), "{what}: {error}");
    }
    for step in [Step::Upkeep, Step::Put("after", 99, 50 * KIB), Step::Upkeep] {
        perform(&store, &step).await.unwrap_or_else(|error| panic!("{what}: {step:?}: {error}"));
    }
    let mut expected = found;
    expected.blobs.insert("after".to_owned(), content(99, 50 * KIB));
    assert_eq!(observe(&store).await.expect("read"), expected, "{what}: afterwards");
    store.close().await.expect("close");
    drop(store);
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let report = check::verify(&disk, Path::new(DIR), &mut |_| {}).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(report.is_whole(), "{what}: {report:?}");
}

/// All acts of the workload, or a part of them that the seed shifts.
fn points(acts: u64, seed: u64) -> BTreeSet<u64> {
    if std::env::var("GREENROOM_CRASH_POINTS").is_ok_and(|points| points == "all") {
        return (1..=acts).collect();
    }
    let stride = acts.div_ceil(POINTS).max(1);
    (1..=acts).filter(|point| point % stride == seed % stride).collect()
}

fn seed() -> u64 {
    std::env::var("GREENROOM_CRASH_SEED").map_or(1, |seed| seed.parse().expect("a number"))
}

async fn acts() -> u64 {
    let disk = SimDisk::new(Fate::Sound);
    let outcome = run(&disk, Durability::Disk).await;
    assert!(outcome.under_way.is_none(), "{:?} fails on a sound disk", outcome.under_way);
    let acts = disk.acts();
    examine(&disk, outcome, "on a sound disk").await;
    acts
}

#[tokio::test]
async fn the_same_workload_acts_in_the_same_order() {
    assert_eq!(acts().await, acts().await);
}

#[tokio::test]
async fn the_power_may_go_at_any_write_and_sync() {
    let (acts, seed) = (acts().await, seed());
    let points = points(acts, seed);
    for point in &points {
        let disk = SimDisk::new(Fate::CrashAt(*point));
        let outcome = run(&disk, Durability::Disk).await;
        let what = format!("power gone at act {point} of {acts}, seed {seed}");
        examine(&disk.after_crash(seed.wrapping_mul(1_000_003) + point), outcome, &what).await;
    }
    println!("power gone at {} of {acts} writes and syncs, seed {seed}: nothing acknowledged was lost", points.len());
}

#[tokio::test]
async fn any_write_and_sync_may_fail() {
    let (acts, seed) = (acts().await, seed());
    let points = points(acts, seed);
    for point in &points {
        let disk = SimDisk::new(Fate::FailAt(*point));
        let outcome = run(&disk, Durability::Disk).await;
        disk.set_fate(Fate::Sound);
        examine(&disk, outcome, &format!("failure of act {point} of {acts}, seed {seed}")).await;
    }
    println!("{} of {acts} writes and syncs failed, seed {seed}: nothing acknowledged was lost", points.len());
}

/// A disk that fails once is no reason to stop: the engine is opened anew beneath the same store.
#[tokio::test]
async fn a_store_outlives_a_write_or_sync_that_fails() {
    let (acts, seed) = (acts().await, seed());
    let mut outlived = 0;
    for point in points(acts, seed) {
        let disk = SimDisk::new(Fate::FailAt(point));
        let (outcome, store) = go(&disk, Durability::Disk).await;
        let Some(store) = store else { continue };
        disk.set_fate(Fate::Sound);
        examine_open(&disk, store, outcome, &format!("alive after failure of act {point} of {acts}, seed {seed}"))
            .await;
        outlived += 1;
    }
    println!("{outlived} failed writes and syncs of {acts} outlived, seed {seed}: nothing acknowledged was lost");
    assert!(outlived > 0);
}

#[tokio::test]
async fn the_disk_may_be_full_from_any_write_on() {
    let (acts, seed) = (acts().await, seed());
    let points = points(acts, seed);
    for point in &points {
        let disk = SimDisk::new(Fate::FullAt(*point));
        let outcome = run(&disk, Durability::Disk).await;
        disk.set_fate(Fate::Sound);
        examine(&disk, outcome, &format!("full from act {point} of {acts} on, seed {seed}")).await;
    }
    println!("full from {} of {acts} writes and syncs on, seed {seed}: nothing acknowledged was lost", points.len());
}

/// The harness itself: a store that leaves syncing to the system must be caught.
#[tokio::test]
async fn writes_that_are_never_synced_are_missed() {
    let disk = SimDisk::new(Fate::Sound);
    run(&disk, Durability::Os).await;
    let acts = disk.acts();
    let mut lost = 0;
    for point in (1..=acts).step_by(acts as usize / 20) {
        let disk = SimDisk::new(Fate::CrashAt(point));
        let outcome = run(&disk, Durability::Os).await;
        let found = match open(&disk.after_crash(point)).await {
            Ok(store) => observe(&store).await.ok(),
            Err(_) => None,
        };
        lost += u64::from(found.is_none_or(|found| found.blobs != outcome.model.blobs));
    }
    assert!(lost > 5, "the power went 20 times, and only {lost} times something was missing");
}
