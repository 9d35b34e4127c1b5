//! Who may write a volume, from a seed: folders that are rebuilt elsewhere, put back from a backup, copied while they work, started again
//! after they were fenced, with clocks that differ, in turns and at once. A version that was offloaded goes only when a client somewhere has
//! overwritten or deleted it, whoever holds the volume; and who holds it reads everything that it has promised.
//!
//! `GREENROOM_SIM_RUNS=1000` runs more; `GREENROOM_SIM_SEED=17` runs that one alone.

mod support;

use bytes::Bytes;
use futures::TryStreamExt;
use greenroom_offload::FlashError;
use greenroom_offload::adopt::{adopt, follow};
use greenroom_offload::format::footer::{Key, Named, Place};
use greenroom_offload::gc::{Costs, Grace, Limits, mark, victims};
use greenroom_offload::log::{Known, Since, State};
use greenroom_offload::offload::{Offload, Then};
use greenroom_offload::pack::Leaving;
use greenroom_offload::rebuild::{Restore, rebuild};
use greenroom_offload::recall::{InOrder, Recall, Settings, View};
use greenroom_offload::{Cloud, Error, Identity, Result, log};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::cloud::Faulty;
use support::flash::SimFlash;
use support::lies::Lying;
use support::{Disk, GRACE, Life, ROOT, Row, World, lock, retry};

const RUNS: u64 = 100;
const STEPS: u64 = 60;
const FOLDERS_MAX: usize = 4;

#[test]
fn nothing_goes_but_what_a_client_has_had_go_whoever_takes_the_volume() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("GREENROOM_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("GREENROOM_SIM_RUNS").unwrap_or(RUNS),
    };
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in seeds.clone() {
        let world = run(seed);
        for (what, count) in lock(&world.counts).iter() {
            *totals.entry(what).or_default() += count;
        }
        let broken = lock(&world.broken).clone();
        assert!(broken.is_empty(), "seed {seed} (GREENROOM_SIM_SEED={seed}): {broken:#?}");
    }
    println!("seeds {seeds:?}: {totals:#?}");
    if seeds.end - seeds.start >= RUNS {
        for what in [
            "behind",
            "read while behind",
            "read while fenced",
            "fenced",
            "adopted",
            "rebuilt",
            "put back",
            "copied",
            "crashes",
            "segments removed",
        ] {
            assert!(totals.get(what).is_some_and(|count| *count > 0), "no run has met: {what}");
        }
    }
}

/// A version of a blob: no two have one ETag.
type Version = (Key, String);

/// A version that became a snapshot is the same one.
fn version(key: &Key, etag: &str) -> Version {
    (Key { snapshot: None, ..key.clone() }, etag.to_owned())
}

type Engine = Offload<SimFlash>;

/// A data folder, and the process that serves it, if one does.
struct Folder {
    disk: Arc<Mutex<Disk>>,
    /// The machine's, in microseconds off.
    clock: i64,
    serving: Option<(Arc<Life>, Engine)>,
}

struct Bed {
    world: Arc<World>,
    folders: Vec<Folder>,
    backups: Vec<(Disk, i64)>,
    /// What clients have overwritten or deleted, wherever.
    gone: BTreeSet<Version>,
    /// Everything that was ever written.
    written: BTreeMap<Version, Bytes>,
    /// What the log has held.
    offloaded: BTreeSet<Version>,
    etags: u64,
}

fn run(seed: u64) -> Arc<World> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let world = World::new(seed, Lying::No);
    runtime.block_on(async {
        let mut bed = Bed {
            world: world.clone(),
            folders: Vec::new(),
            backups: Vec::new(),
            gone: BTreeSet::new(),
            written: BTreeMap::new(),
            offloaded: BTreeSet::new(),
            etags: 0,
        };
        let clock = bed.clock();
        bed.add(Disk::default(), clock);
        for _ in 0..STEPS {
            bed.step().await;
            if let Err(error) = bed.check().await {
                world.broken(format!("a check failed: {error}"));
            }
            if !lock(&world.broken).is_empty() {
                return;
            }
        }
    });
    drop(runtime);
    world
}

impl Bed {
    fn clock(&self) -> i64 {
        (self.world.below(7_200) as i64 - 3_600) * 1_000_000
    }

    fn add(&mut self, disk: Disk, clock: i64) {
        self.folders.push(Folder { disk: Arc::new(Mutex::new(disk)), clock, serving: None });
    }

    async fn step(&mut self) {
        let seconds = self.world.below(1_500);
        self.world.now.fetch_add(seconds * 1_000_000, SeqCst);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let at = self.world.below(self.folders.len() as u64) as usize;
        match self.world.below(16) {
            0..=3 => self.client(at),
            4..=8 => self.work(at).await,
            9 => self.folders[at].serving = None,
            10 => {
                self.world.count("backed up");
                let backup = lock(&self.folders[at].disk).clone();
                self.backups.push((backup, self.folders[at].clock));
            }
            11 if !self.backups.is_empty() => {
                self.world.count("put back");
                let backup = self.world.below(self.backups.len() as u64) as usize;
                let (backup, clock) = self.backups[backup].clone();
                self.replace(at, backup, clock);
            }
            12 if self.folders.len() < FOLDERS_MAX => {
                self.world.count("copied");
                let copy = lock(&self.folders[at].disk).clone();
                self.add(copy, self.folders[at].clock);
            }
            13 => self.rebuild(at).await,
            _ => self.take_over(at).await,
        }
    }

    fn replace(&mut self, at: usize, disk: Disk, clock: i64) {
        (self.folders[at].serving, self.folders[at].clock) = (None, clock);
        *lock(&self.folders[at].disk) = disk;
    }

    fn client(&mut self, at: usize) {
        for _ in 0..=self.world.below(6) {
            let name = format!("blob {}", self.world.below(12));
            let key =
                Key { tenant: "gold".into(), account: "gold".into(), container: "in".into(), name, snapshot: None };
            let mut disk = lock(&self.folders[at].disk);
            let old = disk.rows.get(&key).map(|row| (key.clone(), row.about.etag.clone()));
            self.gone.extend(old);
            if self.world.below(4) == 0 {
                disk.delete(&key);
            } else {
                self.etags += 1;
                disk.last_etag = self.etags;
                let content =
                    Bytes::from(format!("version {} ", self.etags).repeat(self.world.below(300) as usize + 1));
                disk.put(key.clone(), content.clone());
                let etag = disk.rows[&key].about.etag.clone();
                self.written.insert((key, etag), content);
            }
        }
    }

    /// What a server does by itself. One that is not there yet starts.
    async fn work(&mut self, at: usize) {
        if self.folders[at].serving.is_none() {
            self.start(at).await;
            return;
        }
        let now = self.world.now() + self.folders[at].clock;
        let (life, engine) = self.folders[at].serving.take().expect("it serves");
        let done = life.live(step(&self.world, &life, &engine, now)).await;
        match done {
            Some(Err(Error::Fenced { .. })) => {
                self.world.count("fenced");
                self.fenced_reads(at, &engine).await;
            }
            Some(Err(Error::InDoubt)) | None => {}
            Some(Ok(()) | Err(Error::Stale(_) | Error::Flash(_))) => self.folders[at].serving = Some((life, engine)),
            // Another folder may remove what this one, fenced and not knowing it, looks into.
            Some(Err(Error::Missing(_))) => self.world.count("missing"),
            Some(Err(error)) => self.world.broken(format!("a step ended with: {error}")),
        }
    }

    /// Without an operator: a folder that does not know the log to its end leaves it as it is.
    async fn start(&mut self, at: usize) {
        let before = self.log().await;
        let life = Life::of(&self.world, &self.folders[at].disk, self.world.below(400));
        let opened = life.live(open(&life, self.world.now() + self.folders[at].clock)).await;
        match opened {
            Some(Ok(engine)) => self.folders[at].serving = Some((life, engine)),
            Some(Err(Error::Behind { .. })) => {
                self.world.count("behind");
                self.behind_reads(at, &life).await;
                if self.log().await != before {
                    self.world.broken("a folder that is behind has written to the volume".into());
                }
            }
            Some(Err(Error::Flash(_) | Error::Stale(_))) | None => {}
            // A backup of a folder that was rebuilt may be ahead of nothing, never of the log.
            Some(Err(error)) => self.world.broken(format!("opening ended with: {error}")),
        }
    }

    async fn take_over(&mut self, at: usize) {
        let (disk, before) = (self.folders[at].disk.clone(), lock(&self.folders[at].disk).clone());
        let life = Life::of(&self.world, &disk, if self.world.below(4) == 0 { self.world.below(30) } else { u64::MAX });
        self.folders[at].serving = None;
        let (flash, now) = (SimFlash(life.clone()), self.world.now() + self.folders[at].clock);
        let done = life.live(adopt(&flash, &Faulty::cloud(&life), &*life.world.asked(), now)).await;
        let end = self.log().await.last;
        match done {
            Some(Ok(_)) => self.world.count("adopted"),
            Some(Err(Error::Flash(_))) => return,
            // It may have ended its last transaction, and with it the work.
            None if lock(&disk).known.last == end => {}
            None => return,
            Some(Err(error)) => return self.world.broken(format!("adopting ended with: {error}")),
        }
        self.adopted(at, &before).await;
        self.start(at).await;
    }

    /// What the folder had and what the log holds is there, but for what clients have had go.
    async fn adopted(&mut self, at: usize, before: &Disk) {
        let after = lock(&self.folders[at].disk).clone();
        let has = |version: &Version| {
            let named = after.rows.get(&version.0).is_some_and(|row| row.about.etag == version.1);
            let snapshot = Key { snapshot: Some(version.1.clone()), ..version.0.clone() };
            named || after.rows.contains_key(&snapshot)
        };
        for (key, row) in &before.rows {
            let version = version(key, &row.about.etag);
            if !self.gone.contains(&version) && !has(&version) {
                self.world.broken(format!("adopting has dropped {} {}", key.name, row.about.etag));
            }
        }
        for version in self.live().await.into_keys() {
            if !self.gone.contains(&version) && !has(&version) {
                self.world.broken(format!("adopting has left out {} {}", version.0.name, version.1));
            }
        }
        // From here on this is what its clients were promised.
        let promised =
            after.rows.iter().map(|(key, row)| (key.clone(), self.written[&version(key, &row.about.etag)].clone()));
        lock(&self.folders[at].disk).promised = promised.collect();
    }

    async fn rebuild(&mut self, at: usize) {
        if self.log().await.number == 0 {
            return;
        }
        self.world.count("rebuilt");
        let cloud = self.plain();
        let mut found = Restored::default();
        let report =
            rebuild(&cloud, Settings::default(), self.world.asked(), &mut found).await.expect("a volume that is whole");
        assert!(report.losses.is_empty(), "{report:?}");
        let clock = self.clock();
        let adopted = Some(Since { number: report.number, at: self.world.now() + clock });
        let known = Known { number: report.number, last: report.last, meant: Vec::new(), adopted };
        let mut disk = Disk { known, ..Disk::default() };
        for (key, (named, place, content)) in found.0 {
            disk.promised.insert(key.clone(), content);
            disk.rows.insert(key, Row { about: named.about, content: None, place: Some(place) });
        }
        if self.folders.len() < FOLDERS_MAX { self.add(disk, clock) } else { self.replace(at, disk, clock) }
    }

    fn plain(&self) -> Cloud {
        Cloud::new(Arc::new(self.world.inner.clone()), object_store::path::Path::from(ROOT), retry())
    }

    async fn log(&self) -> State {
        match log::load_format(&self.plain()).await {
            Ok(_) => log::load(&self.plain()).await.expect("a log that is whole"),
            Err(_) => State::default(),
        }
    }

    /// Versions that the log counts, and where.
    async fn live(&self) -> BTreeMap<Version, Place> {
        let (state, footers) = (self.log().await, lock(&self.world.footers).clone());
        let mut live = BTreeMap::new();
        for (hash, segment) in &state.segments {
            for number in segment.live() {
                let footer = &footers[hash];
                let named = footer.named(&footer.recipes[number as usize], &*self.world.asked(), "a segment").await;
                let named = named.expect("a key that is there");
                let place = Place { segment: *hash, recipe: number };
                live.insert(version(&named.key, &named.about.etag), place);
            }
        }
        live
    }

    async fn check(&mut self) -> Result<()> {
        let state = self.log().await;
        if state.number == 0 {
            return Ok(());
        }
        for hash in state.condemned.keys() {
            lock(&self.world.condemned).entry(*hash).or_insert(self.world.now());
        }
        let live = self.live().await;
        self.offloaded.extend(live.keys().cloned());
        let recall = self.recall(View::Loaded(Arc::new(state.clone()))).await?;
        for version in self.offloaded.difference(&self.gone) {
            let Some(place) = live.get(version) else {
                self.world.broken(format!("{} {} was dropped from the log", version.0.name, version.1));
                continue;
            };
            let content = &self.written[version];
            if read(&recall, *place, content.len() as u64).await? != content {
                self.world.broken(format!("{} {} is not what was written", version.0.name, version.1));
            }
        }
        for folder in &self.folders {
            let disk = lock(&folder.disk).clone();
            // Who holds the volume: its entries are all known to it.
            if folder.serving.is_some() && disk.known.number == state.number && disk.known.last == state.last {
                self.promises(&disk, &recall).await?;
            }
        }
        Ok(())
    }

    async fn promises(&self, disk: &Disk, recall: &Recall) -> Result<()> {
        for (key, promised) in &disk.promised {
            let Some(row) = disk.rows.get(key) else {
                self.world.broken(format!("{} was promised and is not there", key.name));
                continue;
            };
            let content = match (&row.content, row.place) {
                (Some(content), _) => content.clone(),
                (None, Some(place)) => read(recall, place, row.about.length).await?,
                (None, None) => Bytes::from_static(b"nowhere"),
            };
            if content != promised {
                self.world.broken(format!("{} is not what was promised", key.name));
            }
        }
        Ok(())
    }

    /// A process that has lost the volume goes on reading what it was promised, but for what the other's clients have had go.
    async fn fenced_reads(&self, at: usize, engine: &Engine) {
        let disk = lock(&self.folders[at].disk).clone();
        let live: BTreeSet<Place> = self.live().await.into_values().collect();
        let recall = self.recall(View::Volume(engine.volume().clone())).await.expect("a volume");
        for (key, row) in &disk.rows {
            let Some(place) = row.place.filter(|place| row.content.is_none() && live.contains(place)) else { continue };
            match read(&recall, place, row.about.length).await {
                Ok(content) if content == disk.promised[key] => self.world.count("read while fenced"),
                Ok(_) => self.world.broken(format!("{} is read wrongly while fenced", key.name)),
                Err(error) => self.world.broken(format!("{} is not read while fenced: {error}", key.name)),
            }
        }
    }

    /// A folder that is behind reads whatever no client has had go, although others have moved it.
    async fn behind_reads(&self, at: usize, life: &Arc<Life>) {
        let flash = SimFlash(life.clone());
        let state = match life.live(follow(&flash, &Faulty::cloud(life), &*life.world.asked())).await {
            Some(Ok(state)) => state,
            None => return,
            Some(Err(error)) => return self.world.broken(format!("following ended with: {error}")),
        };
        let disk = lock(&self.folders[at].disk).clone();
        let recall = self.recall(View::Loaded(state)).await.expect("a volume");
        for (key, row) in &disk.rows {
            let version = version(key, &row.about.etag);
            let (None, Some(place), false) = (&row.content, row.place, self.gone.contains(&version)) else { continue };
            match read(&recall, place, row.about.length).await {
                Ok(content) if content == self.written[&version] => self.world.count("read while behind"),
                Ok(_) => self.world.broken(format!("{} is read wrongly while behind", key.name)),
                Err(error) => self.world.broken(format!("{} is not read while behind: {error}", key.name)),
            }
        }
    }

    async fn recall(&self, view: View) -> Result<Recall> {
        Ok(Recall::new(
            self.plain(),
            log::load_format(&self.plain()).await?,
            view,
            Settings::default(),
            self.world.asked(),
            InOrder::new(32),
        ))
    }
}

async fn read(recall: &Recall, place: Place, length: u64) -> Result<Bytes> {
    Ok(recall.read("gold", place, 0..length).await?.try_collect::<Vec<Bytes>>().await?.concat().into())
}

async fn open(life: &Arc<Life>, now: i64) -> Result<Engine> {
    let mut writer = [0; 16];
    writer[..8].copy_from_slice(&life.world.below(u64::MAX).to_le_bytes());
    let identity = Identity { writer, volume: writer, id_key: [7; 32] };
    Offload::open(Arc::new(SimFlash(life.clone())), Faulty::cloud(life), life.world.asked(), &identity, now).await
}

async fn step(world: &Arc<World>, life: &Arc<Life>, engine: &Engine, now: i64) -> Result<()> {
    match world.below(8) {
        0..=3 => {
            let rows = lock(&life.disk).rows.clone();
            let on_flash = rows.into_iter().filter(|(_, row)| row.content.is_some() && row.place.is_none());
            let leaving = on_flash.map(|(key, row)| Leaving { key, etag: row.about.etag }).collect();
            engine.offload(leaving, Then::Free, now).await.map(drop)
        }
        4 => engine.release(now).await,
        5 => {
            let usage = mark(engine.volume().cloud(), &engine.volume().state()).await?;
            let costs = Costs { get: 0.0, put: 0.0, ..Costs::default() };
            let victims =
                victims(&usage, &BTreeSet::new(), &costs, &Limits { live_percent_max: 95, ..Limits::default() });
            engine.compact(&victims, now).await.map(drop)
        }
        _ => engine.collect(Grace(GRACE), now).await.map(drop),
    }
}

#[derive(Default)]
struct Restored(BTreeMap<Key, (Named, Place, Bytes)>);

impl Restore for Restored {
    async fn restore(
        &mut self,
        named: Named,
        place: Place,
        content: futures::stream::BoxStream<'static, Result<Bytes>>,
    ) -> std::result::Result<(), FlashError> {
        let content = content.try_collect::<Vec<_>>().await?.concat();
        self.0.insert(named.key.clone(), (named, place, content.into()));
        Ok(())
    }
}
