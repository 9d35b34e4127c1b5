//! A mirror in a world that changes while it is looked at, fails, crashes, and tells of changes twice, late, in another order, or not at all,
//! from a seed that decides everything. Once nothing changes any more, what is here is what is there.
//!
//! `GREENROOM_SIM_RUNS=3000` runs more; `GREENROOM_SIM_SEED=17` runs that one alone.

mod support;

use greenroom_mirror::{Follower, Pace, Scope, Standing, TheirKind, Turn, Wants};
use greenroom_model::{AccountName, ContainerPath, TenantName};
use greenroom_store::{
    AccountKey, AccountRecord, AccountState, Config, Durability, Entry, ListQuery, MirrorRecord, PublicContainers,
    Store,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use support::{Dice, Elsewhere, Faults, Time, World};

const RUNS: u64 = 300;
const THREADS: usize = 4;
const LIVES: u64 = 5;
const STEPS_A_LIFE: u64 = 12;
/// Turns until nothing is left to do: far more than it takes.
const TURNS_MAX: usize = 2_000;
const BEGIN_US: i64 = 1_800_000_000_000_000;
const SECOND_US: i64 = 1_000_000;
/// Never, in a run: what is lost in silence is found by a list that is asked for.
const RELIST_US: i64 = 1_000_000 * SECOND_US;

#[test]
fn once_nothing_changes_what_is_here_is_what_is_there() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("GREENROOM_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("GREENROOM_SIM_RUNS").unwrap_or(RUNS),
    };
    let is_whole = seeds.end - seeds.start >= RUNS;
    let seeds: Vec<u64> = seeds.collect();
    let met: BTreeSet<_> = std::thread::scope(|scope| {
        let parts = seeds.chunks(seeds.len().div_ceil(THREADS));
        let parts: Vec<_> = parts.map(|seeds| scope.spawn(|| run_all(seeds))).collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    if is_whole {
        let all = [
            "events untold",
            "events twice",
            "events shuffled",
            "events late",
            "segments forgotten",
            "chunks damaged",
            "crashes",
            "errors",
            "gaps",
            "accounts",
            "prefixes",
            "no feed",
            "feed began",
            "containers gone",
        ];
        let unmet: Vec<_> = all.into_iter().filter(|name| !met.contains(name)).collect();
        assert!(unmet.is_empty(), "never met: {unmet:?}");
    }
}

fn run_all(seeds: &[u64]) -> BTreeSet<&'static str> {
    let one = |seed: &u64| {
        // A runtime of its own: no run sees what another has left.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(run(*seed))
    };
    seeds.iter().flat_map(one).collect()
}

struct Bed {
    store: Store,
    elsewhere: Elsewhere,
    time: Arc<Time>,
    scope: Scope,
    standing: Arc<Standing>,
}

impl Bed {
    fn follower(&self) -> Follower {
        let record: MirrorRecord = self.store.mirrors().expect("read").remove(0);
        let pace = Pace { relist_us: RELIST_US, retention_us: SECOND_US, canary_us: None };
        let origin = Arc::new(self.elsewhere.clone());
        let how = (self.scope.clone(), pace, Wants::nothing());
        Follower::new(&self.store, origin, self.time.clone(), &record, how, self.standing.clone())
    }

    /// What is there, as far as it is shown.
    fn there(&self) -> BTreeMap<String, String> {
        let world = self.elsewhere.world();
        let mut all = BTreeMap::new();
        for (container, blobs) in &world.containers {
            for (name, blob) in blobs {
                if self.scope.place(container, name).is_some() && blob.there.kind == TheirKind::Block {
                    let there = &blob.there;
                    let said = format!("{} {:?} {:?} {:?}", there.etag, there.metadata, there.tags, there.tier);
                    all.insert(format!("{container}/{name}"), said);
                }
            }
        }
        all
    }

    async fn here(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (container, there) in self.store.containers_of_mirror(&self.scope.account, "lake") {
            let path = ContainerPath { account: self.scope.account.clone(), container };
            let page = self.store.list_blobs(&path, &ListQuery::default()).await.expect("listed");
            for entry in page.entries {
                let Entry::Blob(name, props) = entry else { continue };
                let said = format!("{} {:?} {:?} {:?}", props.etag, props.metadata, props.tags, props.tier);
                all.insert(format!("{there}/{name}"), said);
            }
        }
        all
    }
}

async fn run(seed: u64) -> BTreeSet<&'static str> {
    let mut dice = Dice::new(seed ^ 0x5EED);
    let mut percent = |most: u64| if dice.percent(40) { dice.below(most) } else { 0 };
    let faults = Faults {
        away: percent(15),
        crash: percent(10),
        moving: percent(60),
        twice: percent(50),
        shuffled: percent(80),
        untold: percent(15),
        late: percent(40),
    };
    let time = Arc::new(Time(AtomicI64::new(BEGIN_US)));
    let elsewhere = Elsewhere(Arc::new(Mutex::new(World::new(seed, time.clone(), faults))), Arc::default());
    let dir = tempfile::tempdir().expect("a folder");
    // What a power cut leaves is tried elsewhere.
    let config = Config { durability: Durability::Os, ..Config::default() };
    let store = Store::open(dir.path(), config, time.clone()).await.expect("it opens");
    let (account, tenant) = (AccountName::new("photos").expect("good"), TenantName::new("gold").expect("good"));
    store.put_tenant(tenant.clone()).await.expect("written");
    let record = AccountRecord {
        name: account.clone(),
        tenant,
        key: AccountKey::new([1; 32]),
        second_key: None,
        state: AccountState::Enabled,
        public_containers: PublicContainers::Forbidden,
        generation: 0,
    };
    store.put_account(record).await.expect("written");
    store.put_mirror(&account, "lake", String::new(), None).await.expect("written");
    let mut met = BTreeSet::new();
    let (of_account, prefix) = (dice.percent(40), if dice.percent(30) { "a/" } else { "" });
    met.extend(of_account.then_some("accounts").into_iter().chain((!prefix.is_empty()).then_some("prefixes")));
    let there = (!of_account).then(|| "raw".to_owned());
    let scope = Scope { account, there, prefix: prefix.to_owned(), into: None };
    let bed = Bed { store, elsewhere, time, scope, standing: Arc::default() };
    {
        let mut world = bed.elsewhere.world();
        world.tells = !dice.percent(30);
        if !world.tells {
            met.insert("no feed");
        }
        if of_account {
            world.containers.insert("other".to_owned(), BTreeMap::new());
        }
        (0..dice.below(60)).for_each(|_| world.change());
    }
    for _ in 0..LIVES {
        live(&bed, &mut dice, &mut met).await;
    }
    settle(&bed, seed, &mut met).await;
    bed.store.close().await.expect("it closes");
    met.extend(bed.elsewhere.world().met.iter());
    met
}

/// A follower's life, which ends in the middle of something or with an error.
async fn live(bed: &Bed, dice: &mut Dice, met: &mut BTreeSet<&'static str>) {
    let mut follower = bed.follower();
    for _ in 0..STEPS_A_LIFE {
        match dice.below(12) {
            0..=2 => (0..dice.below(8)).for_each(|_| bed.elsewhere.world().change()),
            3 | 4 => {
                bed.time.pass(dice.below(3_000_000) as i64);
                bed.elsewhere.world().publish();
            }
            5 if dice.percent(20) => {
                let before_s = bed.time.0.load(std::sync::atomic::Ordering::SeqCst) / SECOND_US - 2;
                bed.elsewhere.world().forget(before_s);
            }
            5 if dice.percent(20) => bed.elsewhere.world().damage(),
            5 if dice.percent(20) => follower.relist(),
            5 if dice.percent(30) => {
                let mut world = bed.elsewhere.world();
                if !world.tells {
                    met.insert("feed began");
                }
                world.tells = true;
            }
            5 if dice.percent(20) && bed.scope.there.is_none() => {
                if bed.elsewhere.world().containers.remove("other").is_some() {
                    met.insert("containers gone");
                } else {
                    bed.elsewhere.world().containers.insert("other".to_owned(), BTreeMap::new());
                }
            }
            _ => {
                // A request that never answers: the process has ended there.
                let crashed = bed.elsewhere.1.clone();
                let turned = tokio::select! {
                    () = crashed.notified() => None,
                    turned = follower.turn() => Some(turned),
                };
                match turned {
                    None => {
                        met.insert("crashes");
                        return;
                    }
                    Some(Err(_)) => _ = met.insert("errors"),
                    Some(Ok(_)) => {}
                }
            }
        }
    }
}

/// Nothing fails and nothing changes any more.
async fn settle(bed: &Bed, seed: u64, met: &mut BTreeSet<&'static str>) {
    let is_told = {
        let mut world = bed.elsewhere.world();
        let faults = std::mem::take(&mut world.faults);
        // What has been told to nobody is found by a list.
        let is_told = faults.untold == 0 && world.tells && !met.contains("feed began") && !met.contains("no feed");
        is_told && !met.contains("containers gone")
    };
    for _ in 0..2 {
        bed.time.pass(2 * SECOND_US);
        bed.elsewhere.world().publish();
    }
    let mut follower = bed.follower();
    if !is_told {
        follower.relist();
    }
    let mut turns = 0;
    while follower.turn().await.unwrap_or_else(|error| panic!("seed {seed}: {error}")) == Turn::More {
        turns += 1;
        assert!(turns < TURNS_MAX, "seed {seed}: it never rests: {:?}", bed.standing.known().counts);
    }
    if bed.standing.known().counts.gaps > 0 {
        met.insert("gaps");
    }
    let (there, here) = (bed.there(), bed.here().await);
    assert_eq!(here, there, "seed {seed}, told {is_told}: {:?}", bed.standing.known().counts);
}
