//! A world to offload in: a cloud that fails, a flash that crashes, and what a client was promised.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod cloud;
pub mod flash;
pub mod keys;
pub mod lies;
pub mod volume;

use bytes::Bytes;
use futures::future::{Either, select};
use greenroom_offload::format::footer::{About, Footer, Key, Place};
use greenroom_offload::log::Known;
use greenroom_offload::seal::Keys;
use greenroom_offload::{Hash, Retry};
use lies::{Before, Lying};
use object_store::memory::InMemory;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;

pub const GRACE: Duration = Duration::from_secs(3_600);
pub const ROOT: &str = "v1/main";

/// Numbers from a seed, the same on every machine.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A row of the catalog.
#[derive(Debug, Clone)]
pub struct Row {
    pub about: About,
    /// While it is on flash.
    pub content: Option<Bytes>,
    pub place: Option<Place>,
}

/// What outlives a crash, and what a client remembers.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub rows: BTreeMap<Key, Row>,
    pub releases: BTreeSet<Place>,
    pub known: Known,
    /// What the client was promised.
    pub promised: BTreeMap<Key, Bytes>,
    pub last_etag: u64,
}

#[derive(Debug)]
pub struct World {
    pub inner: InMemory,
    pub disk: Arc<Mutex<Disk>>,
    pub keys: Arc<keys::SimKeys>,
    pub random: Mutex<Random>,
    /// In percent of operations.
    pub fault_percent: AtomicU64,
    pub lying: Lying,
    pub before: Mutex<Before>,
    pub away_until: Mutex<Option<tokio::time::Instant>>,
    /// Microseconds since some epoch.
    pub now: AtomicU64,
    pub counts: Mutex<BTreeMap<&'static str, u64>>,
    pub broken: Mutex<Vec<String>>,
    /// Of every segment that was ever written.
    pub footers: Mutex<BTreeMap<Hash, Footer>>,
    /// Segments that were rightly removed.
    pub removed: Mutex<BTreeSet<Hash>>,
    /// Segments whose removal was asked for while they were condemned.
    pub asked: Mutex<BTreeSet<Hash>>,
    /// Since when segments are condemned, by the true time, where clocks are wrong.
    pub condemned: Mutex<BTreeMap<Hash, i64>>,
    /// A hash over all that happened.
    pub trace: Mutex<blake3::Hasher>,
}

/// One process: from its start to its crash.
#[derive(Debug)]
pub struct Life {
    pub world: Arc<World>,
    /// The folder that it serves.
    pub disk: Arc<Mutex<Disk>>,
    pub steps: AtomicU64,
    pub crash_at: u64,
    pub crashed: Notify,
    pub dead: AtomicBool,
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds this")
}

impl World {
    pub fn new(seed: u64, lying: Lying) -> Arc<Self> {
        Self::with(seed, lying, InMemory::new())
    }

    /// Over a cloud that holds something.
    pub fn with(seed: u64, lying: Lying, inner: InMemory) -> Arc<Self> {
        Arc::new(Self {
            inner,
            disk: Arc::default(),
            keys: Arc::default(),
            random: Mutex::new(Random::new(seed)),
            fault_percent: AtomicU64::new(0),
            lying,
            before: Mutex::default(),
            away_until: Mutex::default(),
            now: AtomicU64::new(1_000_000),
            counts: Mutex::default(),
            broken: Mutex::default(),
            footers: Mutex::default(),
            removed: Mutex::default(),
            asked: Mutex::default(),
            condemned: Mutex::default(),
            trace: Mutex::new(blake3::Hasher::new()),
        })
    }

    /// Whoever unwraps keys here.
    pub fn asked(&self) -> Arc<dyn Keys> {
        Arc::new(keys::Asked(self.keys.clone()))
    }

    pub fn now(&self) -> i64 {
        self.now.load(SeqCst) as i64
    }

    pub fn count(&self, what: &'static str) {
        *lock(&self.counts).entry(what).or_default() += 1;
    }

    pub fn note(&self, what: &str) {
        lock(&self.trace).update(what.as_bytes()).update(b"\n");
    }

    pub fn broken(&self, what: String) {
        lock(&self.broken).push(what);
    }

    pub fn below(&self, end: u64) -> u64 {
        lock(&self.random).below(end)
    }
}

impl Life {
    pub fn new(world: &Arc<World>, crash_at: u64) -> Arc<Self> {
        Self::of(world, &world.disk, crash_at)
    }

    /// Of a folder among others.
    pub fn of(world: &Arc<World>, disk: &Arc<Mutex<Disk>>, crash_at: u64) -> Arc<Self> {
        Arc::new(Self {
            world: world.clone(),
            disk: disk.clone(),
            steps: AtomicU64::new(0),
            crash_at,
            crashed: Notify::new(),
            dead: AtomicBool::new(false),
        })
    }

    /// A moment at which the process may end. Does not return from it.
    pub async fn step(&self, at: &'static str) {
        if !self.dead.load(SeqCst) && self.steps.fetch_add(1, SeqCst) >= self.crash_at {
            self.world.count("crashes");
            self.world.note(at);
            self.dead.store(true, SeqCst);
            self.crashed.notify_one();
        }
        if self.dead.load(SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    /// `None` where the process crashed meanwhile: what it was doing is dropped where it stands.
    pub async fn live<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), pin!(self.crashed.notified())).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }
}

pub fn retry() -> Retry {
    Retry {
        attempts: 4,
        pause: Duration::from_millis(100),
        pause_max: Duration::from_secs(1),
        timeout: Duration::from_secs(30),
    }
}
