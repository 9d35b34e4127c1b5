//! Offload, wired: the store as flash, a target behind its way, the policy, and the loop that keeps to it.

pub mod answer;
pub mod background;
mod cold;
mod facts;
mod farewell;
mod flash;
pub mod homes;
mod link;
mod open;
mod pass;
pub mod record;
pub mod sealing;
mod status;
pub mod target;
pub mod wire;

use crate::fault::Fault;
use crate::tenancy::Tenancy;
use crate::tenancy::door::ToCloud;
use background::Background;
use cold::{Recaller, Slot, Writer};
use flash::StoreFlash;
use greenroom_model::offload::{CloudFault, PassReport, Rules, Water};
use greenroom_offload::log::AuditHead;
use greenroom_offload::offload::Offload;
use greenroom_offload::policy::Sample;
use greenroom_offload::recall::Turns;
use greenroom_offload::{Cloud, Error, Retry};
use greenroom_store::{Clock, Store, StoreError, private};
use greenroom_tenancy::audit::Audit;
use link::{Link, Shape};
use object_store::ObjectStoreExt as _;
use object_store::path::Path as ObjectPath;
pub use open::volume_id;
pub use pass::run as run_for;
use sealing::CloudKeys;
pub use status::off;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use target::Target;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug_span};

/// The rules, in the data folder.
pub const RULES_FILE: &str = "offload.json";
/// Between looks at how full flash is.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A survey goes through the whole catalog: it may take a tenth of the time at most, but where flash is above high water.
const SURVEY_SHARE: u32 = 10;
const SURVEY_EVERY_MIN: Duration = Duration::from_secs(1);
/// Blobs grow idle without anything happening.
const SURVEY_EVERY_MAX: Duration = Duration::from_secs(60);
/// Whether the target is there is asked so often while it does not seem to be, and so often while nothing else is asked of it.
const PROBE_AWAY_EVERY: Duration = Duration::from_secs(1);
const PROBE_IDLE_EVERY: Duration = Duration::from_secs(10);
const PROBE_MAX: Duration = Duration::from_secs(5);
const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// Nothing has been able to leave for so long: nobody should wait for it any more.
const STUCK_MAX: Duration = Duration::from_secs(5);
const COLLECT_EVERY: Duration = Duration::from_secs(600);
const SETTLE_EVERY: Duration = Duration::from_secs(60);
/// Of flash use, for the forecast: an hour of them.
const SAMPLES_MAX: usize = 360;
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// One attempt may have to wait for the bandwidth that is allowed; a connection that hangs is ended by the client before that.
const ATTEMPT_MAX: Duration = Duration::from_secs(900);
/// A reader waits while its content is fetched: it had better be told soon.
const RECALL_RETRY: Retry = Retry {
    attempts: 4,
    pause: Duration::from_millis(100),
    pause_max: Duration::from_secs(1),
    timeout: Duration::from_secs(60),
};

/// Why a pass did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error(transparent)]
    Offload(#[from] Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the target holds a volume of another data folder: rebuild from it first (`greenroom-stack rebuild`), or give another name with --offload-volume"
    )]
    Foreign,
    #[error("this data folder offloads to a volume that is not in the target, or older than what was written to it")]
    Lost,
    #[error(
        "the volume is read-only here: {0}. Blobs in it are read, and what is written stays on flash. If this folder is to go on with the volume, end whoever else writes to it, then say `greenroom-stack take-over --data DIR`: it adopts what the volume holds first"
    )]
    ReadOnly(Error),
    #[error("it cannot be written down: {0}")]
    Kept(String),
    #[error("offload has stopped: {0}")]
    Ended(String),
}

/// What an operator decides at the start.
#[derive(Debug)]
pub struct Plan {
    pub target: Target,
    pub volume: String,
    /// Instead of what was kept.
    pub high_percent: Option<u64>,
    pub low_percent: Option<u64>,
}

/// What is open of a volume that this folder writes.
#[derive(Debug)]
pub struct Opened {
    pub offload: Offload<StoreFlash>,
    flash: Arc<StoreFlash>,
}

/// Offload as the control API and the figures see it.
pub struct Service {
    store: Store,
    clock: Arc<dyn Clock>,
    link: Link,
    cloud: Cloud,
    root: ObjectPath,
    shown: String,
    volume: String,
    shape: Arc<Shape>,
    /// What the volume is read by; it stays when the volume can no longer be written.
    slot: Slot,
    open: RwLock<Option<Arc<Opened>>>,
    recaller: Arc<Recaller>,
    turns: Arc<dyn Turns>,
    background: Background,
    cloud_keys: Arc<CloudKeys>,
    tenancy: Arc<Tenancy>,
    audit: Arc<Audit>,
    rules: RwLock<Rules>,
    rules_file: PathBuf,
    notes: Mutex<Notes>,
    wake: Notify,
    /// One pass at a time.
    turn: tokio::sync::Mutex<()>,
    stop: CancellationToken,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("target", &self.shown).finish_non_exhaustive()
    }
}

/// What the loop remembers, and others look at.
#[derive(Debug, Default)]
struct Notes {
    pending_blobs: u64,
    pending_bytes: u64,
    /// Of content that left flash, since the start.
    freed_bytes: u64,
    last_error: Option<String>,
    /// Offload has ended for good, and why.
    ended: Option<String>,
    away: Option<bool>,
    since_us: i64,
    samples: VecDeque<Sample>,
    sampled: Option<Instant>,
    /// What the volume's log said of the audit log when it was opened, until somebody asks.
    found_audit: Option<FoundAudit>,
    /// When it was last looked up where the volume's content lies.
    followed: Option<Instant>,
    settled: Option<Instant>,
    /// Since when flash is above high water and nothing on it can leave.
    stuck: Option<Instant>,
    /// As of a manifest: its number, bytes and objects in the target.
    stored: (u64, u64, u64),
}

/// How far the audit log had come beside whoever wrote to the volume last.
#[derive(Debug, Clone)]
pub struct FoundAudit {
    pub head: AuditHead,
    pub from: From,
}

/// How a volume came to be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// This folder knows its log to the end.
    Ours,
    /// An operator has said that this folder goes on with it.
    TakenOver,
}

/// The loop. Stopping it waits for the step under way.
#[derive(Debug)]
pub struct Running {
    pub service: Arc<Service>,
    task: JoinHandle<()>,
}

impl Running {
    /// Attaches the target to the store, and starts. The target need not be there yet.
    pub fn start(
        store: Store,
        clock: Arc<dyn Clock>,
        data: &Path,
        plan: Plan,
        tenancy: &Arc<Tenancy>,
        audit: &Arc<Audit>,
    ) -> Result<Self, Fault> {
        let Plan { target, volume, high_percent, low_percent } = plan;
        let rules_file = data.join(RULES_FILE);
        let mut rules = kept_rules(&rules_file)?;
        rules.water = Water {
            high_percent: high_percent.unwrap_or(rules.water.high_percent),
            low_percent: low_percent.unwrap_or(rules.water.low_percent),
        };
        check_rules(&rules).map_err(|why| Fault::OffloadRules { file: rules_file.clone(), why })?;
        let shape = Arc::new(Shape::default());
        shape.set_bandwidth(rules.bandwidth_bytes_per_s);
        let link = Link::new(target.store, shape.clone());
        let root: ObjectPath = target.prefix.parts().chain(["v1".into(), volume.as_str().into()]).collect();
        let retry = Retry { timeout: ATTEMPT_MAX, ..Retry::default() };
        let cloud = Cloud::new(Arc::new(link.clone()), root.clone(), retry);
        let slot = Slot::default();
        let recaller = Arc::new(Recaller::new(slot.clone(), shape.clone()));
        store.attach(recaller.clone());
        let cloud_keys = Arc::new(CloudKeys::new(store.clone()));
        let notes = Mutex::new(Notes { since_us: clock.now().0, ..Notes::default() });
        let service = Service {
            store,
            clock,
            link,
            cloud,
            root,
            shown: target.shown,
            volume,
            shape,
            slot,
            open: RwLock::default(),
            recaller,
            turns: Arc::new(ToCloud(tenancy.clone())),
            background: Background::new(tenancy.admission()),
            cloud_keys,
            tenancy: tenancy.clone(),
            audit: audit.clone(),
            rules: RwLock::new(rules),
            rules_file,
            notes,
            wake: Notify::new(),
            turn: tokio::sync::Mutex::default(),
            stop: CancellationToken::new(),
        };
        let service = Arc::new(service);
        Ok(Self { task: tokio::spawn(service.clone().run()), service })
    }

    pub async fn stop(self) {
        self.service.stop.cancel();
        if self.task.await.is_err() {
            tracing::error!("offload has panicked");
        }
    }
}

impl Service {
    pub fn rules(&self) -> Rules {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Err: why they are none.
    pub fn set_rules(&self, rules: Rules) -> Result<(), String> {
        check_rules(&rules)?;
        let text = serde_json::to_vec_pretty(&rules).expect("plain values serialise");
        private::replace(&self.rules_file, &text).map_err(|error| format!("cannot keep them: {error}"))?;
        self.shape.set_bandwidth(rules.bandwidth_bytes_per_s);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        self.wake.notify_one();
        Ok(())
    }

    /// What the volume's log said of the audit log before this process wrote to it; asked for once.
    pub fn take_found_audit(&self) -> Option<FoundAudit> {
        self.notes().found_audit.take()
    }

    pub async fn set_fault(&self, fault: Option<CloudFault>) {
        tracing::warn!(?fault, "what happens between here and the target was set by hand");
        self.shape.set_fault(fault);
        // So that the state tells at once.
        self.probe().await;
        self.wake.notify_one();
    }

    /// A pass now. It ends where it is, should this be dropped.
    pub async fn run_now(&self, collect_grace: Option<Duration>) -> Result<PassReport, Failed> {
        self.probe().await;
        let outcome = self.pass(collect_grace).instrument(debug_span!("offload")).await;
        self.note_outcome(outcome.as_ref().err());
        outcome
    }

    async fn run(self: Arc<Self>) {
        let mut due = Due::new();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = self.wake.notified() => due.now(),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            self.sample();
            self.watch().await;
            if self.notes().stuck.is_some_and(|since| since.elapsed() >= STUCK_MAX) {
                self.store.set_making_room(false);
            }
            let usage = self.store.usage();
            let high = usage.flash_live_bytes > self.high_bytes(usage.flash_capacity_bytes);
            let water = if high { WaterIs::High } else { WaterIs::Low };
            if self.notes().ended.is_some() {
                self.follow_in_time().await;
                continue;
            }
            if !due.is_due(usage.changes, water) {
                continue;
            }
            let began = Instant::now();
            let outcome = tokio::select! {
                () = self.stop.cancelled() => break,
                outcome = self.pass(due.collect()).instrument(debug_span!("offload")) => outcome,
            };
            self.note_outcome(outcome.as_ref().err());
            due.done(usage.changes, began, if outcome.is_ok() { Outcome::Good } else { Outcome::Failed });
        }
        self.store.set_making_room(false);
    }

    /// A folder that only reads the volume looks for what its writer has moved: before that removes what was there, which it does after a
    /// day, and as soon as something is missed.
    async fn follow_in_time(&self) {
        let followed = self.notes().followed;
        let pause = if self.recaller.takes_missed() { LOOK_EVERY } else { COLLECT_EVERY };
        if self.shape.is_away() || followed.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        self.notes().followed = Some(Instant::now());
        if let Err(error) = self.follow().await {
            tracing::warn!(%error, "what the volume's writer has moved could not be looked up");
        }
    }

    fn note_outcome(&self, error: Option<&Failed>) {
        let Some(error) = error else { return };
        self.store.set_making_room(false);
        let mut notes = self.notes();
        let text = match error {
            Failed::Offload(fenced @ Error::Fenced { .. }) => Failed::ReadOnly(fenced.clone()).to_string(),
            error => error.to_string(),
        };
        match error {
            Failed::Offload(Error::Stale(_)) => return,
            Failed::Offload(Error::Away(_)) if self.shape.is_away() => tracing::debug!(%error, "offload waits"),
            _ => tracing::warn!(%error, "a pass of offload has failed"),
        }
        if matches!(error, Failed::ReadOnly(_) | Failed::Offload(Error::Fenced { .. })) {
            if let Some(reader) = &mut *self.slot.write().unwrap_or_else(PoisonError::into_inner) {
                reader.writer = Writer::Another;
            }
            notes.ended = Some(text.clone());
        }
        notes.last_error = Some(text);
        drop(notes);
        if matches!(error, Failed::Offload(Error::InDoubt | Error::Fenced { .. } | Error::Log(_))) {
            *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Asks whether the target is there, if nothing else does.
    async fn watch(&self) {
        let every = if self.shape.is_away() { PROBE_AWAY_EVERY } else { PROBE_IDLE_EVERY };
        if self.shape.silent_for().is_none_or(|silent| silent >= every) {
            self.probe().await;
        }
        let away = self.is_away();
        let mut notes = self.notes();
        if notes.away != Some(away) {
            if notes.away.is_some() {
                tracing::info!(away, "the target of offload");
            }
            (notes.away, notes.since_us) = (Some(away), self.clock.now().0);
            // The backlog does not wait for the next look.
            self.wake.notify_one();
        }
    }

    fn is_away(&self) -> bool {
        let is_read = self.slot.read().unwrap_or_else(PoisonError::into_inner).is_some();
        self.shape.is_away() || !is_read
    }

    async fn probe(&self) {
        let format = self.root.parts().chain(["FORMAT".into()]).collect();
        match tokio::time::timeout(PROBE_MAX, self.link.head(&format)).await {
            Ok(Ok(_) | Err(object_store::Error::NotFound { .. })) => {}
            Ok(Err(error)) => self.shape.lost(error.to_string()),
            Err(_) => self.shape.lost("no answer in time".to_owned()),
        }
    }

    fn sample(&self) {
        let bytes = self.store.usage().flash_live_bytes;
        let at = self.clock.now().0;
        let mut notes = self.notes();
        if notes.sampled.is_some_and(|at| at.elapsed() < SAMPLE_EVERY) {
            return;
        }
        notes.sampled = Some(Instant::now());
        if notes.samples.len() == SAMPLES_MAX {
            notes.samples.pop_front();
        }
        let bytes = bytes + notes.freed_bytes;
        notes.samples.push_back(Sample { at, bytes });
    }

    /// Says whether writes had better wait for room. Uploads under way may end any moment, and can leave then.
    fn note_room(&self, room: Room) {
        let mut notes = self.notes();
        notes.stuck = match room {
            Room::Comes => None,
            Room::Stuck => notes.stuck.or_else(|| Some(Instant::now())),
        };
        self.store.set_making_room(notes.stuck.is_none_or(|since| since.elapsed() < STUCK_MAX));
    }

    fn high_bytes(&self, capacity: u64) -> u64 {
        percent(capacity, self.rules().water.high_percent)
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self) -> Option<Arc<Opened>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether flash gets any emptier.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Comes,
    Stuck,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WaterIs {
    High,
    Low,
}

/// How a pass ended.
#[derive(Clone, Copy)]
enum Outcome {
    Good,
    Failed,
}

/// When the next pass is due.
struct Due {
    changes: Option<u64>,
    ended: Option<Instant>,
    every: Duration,
    backoff: Option<Duration>,
    collected: Instant,
    now: bool,
}

impl Due {
    fn new() -> Self {
        let (every, collected) = (SURVEY_EVERY_MIN, Instant::now());
        Self { changes: None, ended: None, every, backoff: None, collected, now: true }
    }

    fn now(&mut self) {
        self.now = true;
    }

    fn is_due(&self, changes: u64, water: WaterIs) -> bool {
        let Some(since) = self.ended.map(|ended| ended.elapsed()) else { return true };
        if let Some(backoff) = self.backoff {
            return self.now || since >= backoff;
        }
        let changed = self.changes != Some(changes);
        self.now || (water == WaterIs::High && changed) || (changed && since >= self.every) || since >= SURVEY_EVERY_MAX
    }

    /// Whether it is time to make room in the cloud too, with the usual grace.
    fn collect(&mut self) -> Option<Duration> {
        let due = self.collected.elapsed() >= COLLECT_EVERY;
        if due {
            self.collected = Instant::now();
        }
        due.then(|| greenroom_offload::gc::Grace::default().0)
    }

    fn done(&mut self, changes: u64, began: Instant, outcome: Outcome) {
        self.changes = Some(changes);
        self.ended = Some(Instant::now());
        self.every = SURVEY_EVERY_MIN.max(began.elapsed().min(SURVEY_EVERY_MAX / SURVEY_SHARE) * SURVEY_SHARE);
        self.now = false;
        self.backoff = match (outcome, self.backoff) {
            (Outcome::Good, _) => None,
            (Outcome::Failed, None) => Some(BACKOFF_MIN),
            (Outcome::Failed, Some(before)) => Some((before * 2).min(BACKOFF_MAX)),
        };
    }
}

fn percent(of: u64, percent: u64) -> u64 {
    (u128::from(of) * u128::from(percent) / 100) as u64
}

fn check_rules(rules: &Rules) -> Result<(), String> {
    let Water { high_percent, low_percent } = rules.water;
    if !(1..=100).contains(&high_percent) || low_percent > high_percent {
        return Err(format!("low water ({low_percent}) must not be above high ({high_percent}), nor high above 100"));
    }
    if rules.hours.is_some_and(|hours| hours.from > 23 || hours.to > 24) {
        return Err("hours are from 0 to 24".to_owned());
    }
    if rules.bandwidth_bytes_per_s == Some(0) {
        return Err("a bandwidth of 0 moves nothing: leave it away, or give hours".to_owned());
    }
    Ok(())
}

fn kept_rules(file: &Path) -> Result<Rules, Fault> {
    let bad = |why: String| Fault::OffloadRules { file: file.to_owned(), why };
    match std::fs::read(file) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| bad(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Rules::default()),
        Err(error) => Err(bad(error.to_string())),
    }
}
