//! The mirrors of this server: which there are, a task each, and reads of what they show. See `docs/design/a-mirror.md`.

pub mod origin;
mod reads;
mod task;

use greenroom_gateway::source::Sources;
use greenroom_mirror::{OriginError, Scope, ms_between};
use greenroom_model::mirror::{Attach, Detach, Mirror, MirrorState, MirrorStatus};
use greenroom_model::{AccountName, ContainerPath, TenantName};
use greenroom_store::{Clock, MirrorRecord, Store, StoreError};
use origin::Opened;
pub use reads::Reads;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use task::Task;

/// By account and name.
type Address = (AccountName, TenantName);

#[derive(Debug)]
pub struct Mirrors {
    store: Store,
    clock: ClockPart,
    sources: Sources,
    tasks: Mutex<BTreeMap<Address, Arc<Task>>>,
    /// Why others could not be taken up.
    failed: Mutex<BTreeMap<Address, String>>,
    /// Attaching, changing and detaching: one at a time.
    changes: tokio::sync::Mutex<()>,
}

/// A clock does not print itself.
struct ClockPart(Arc<dyn Clock>);

impl std::fmt::Debug for ClockPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// Why a mirror is not attached.
#[derive(Debug)]
pub enum AttachFault {
    /// The origin is none: a sentence.
    Bad(String),
    /// Something else is in its place: a sentence.
    Conflict(String),
    Store(StoreError),
}

impl From<StoreError> for AttachFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Of the mirrors of one account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MirrorFigures {
    /// The worst of them.
    pub behind_ms: u64,
    pub lag_p50_ms: u64,
    pub lag_p99_ms: u64,
    pub events_behind: u64,
    /// Rows written and removed; only grows.
    pub changes: u64,
    pub blobs: u64,
    pub canary_lag_ms: Option<u64>,
}

impl Mirrors {
    /// Takes up what was attached. Must be called within a runtime.
    pub fn start(store: Store, clock: Arc<dyn Clock>, sources: Sources) -> Result<Arc<Self>, StoreError> {
        let records = store.mirrors()?;
        let mirrors = Arc::new(Self {
            store,
            clock: ClockPart(clock),
            sources,
            tasks: Mutex::default(),
            failed: Mutex::default(),
            changes: tokio::sync::Mutex::default(),
        });
        mirrors.store.attach_origins(Arc::new(Reads::of(&mirrors)));
        for record in records {
            let Ok(name) = TenantName::new(record.name.clone()) else { continue };
            let opened = settings(&record).and_then(|settings| {
                let opened = mirrors.open(&settings, record.secret.as_ref().map(|secret| secret.as_str()))?;
                Ok((settings, opened))
            });
            match opened {
                Ok((settings, opened)) => mirrors.run(&record, name, settings, opened),
                Err(why) => {
                    tracing::error!(account = %record.account, mirror = %name, why, "a mirror cannot be taken up");
                    mirrors.failed().insert((record.account, name), why);
                }
            }
        }
        Ok(mirrors)
    }

    pub async fn stop(&self) {
        let tasks = std::mem::take(&mut *self.tasks());
        for task in tasks.into_values() {
            task.stop().await;
        }
    }

    /// Makes a mirror, or changes one that is there.
    pub async fn attach(&self, account: &AccountName, name: &TenantName, attach: Attach) -> Result<(), AttachFault> {
        let Attach { mirror, secret } = attach;
        mirror.check().map_err(AttachFault::Bad)?;
        let _one_at_a_time = self.changes.lock().await;
        let known = self.record(account, name)?;
        if let Some(old) = known.as_ref().and_then(|record| settings(record).ok())
            && (old.origin != mirror.origin || old.container != mirror.container)
        {
            let why =
                "it shows another origin, or in another container: detach it first, or give this one another name";
            return Err(AttachFault::Conflict(why.to_owned()));
        }
        let kept = known.as_ref().and_then(|record| record.secret.as_ref()).map(|secret| secret.as_str());
        let opened = self.open(&mirror, secret.as_deref().or(kept)).map_err(AttachFault::Bad)?;
        let text = serde_json::to_string(&mirror).expect("plain values serialise");
        self.store.put_mirror(account, name.as_str(), text, secret).await?;
        // One container is made at once, so that one which is there is told now.
        let scope = scope(account, &mirror, &opened);
        if let Some((there, here)) = scope.there.as_ref().and_then(|there| Some((there, scope.shown(there)?)))
            && let Err(error) = self.store.make_mirrored(&here, name.as_str(), there).await
        {
            if known.is_none() {
                self.store.remove_mirror(account, name.as_str()).await?;
            }
            return Err(match error {
                StoreError::NotMirrored(container) => AttachFault::Conflict(format!(
                    "container {container} is there already: give another one to show it in, or delete that"
                )),
                error => error.into(),
            });
        }
        self.end(account, name).await;
        if let Some(record) = self.record(account, name)? {
            self.run(&record, name.clone(), mirror, opened);
        }
        Ok(())
    }

    /// Whether it was there.
    pub async fn detach(&self, account: &AccountName, name: &TenantName, how: Detach) -> Result<bool, StoreError> {
        let _one_at_a_time = self.changes.lock().await;
        self.end(account, name).await;
        for (container, _) in self.store.containers_of_mirror(account, name.as_str()) {
            let path = ContainerPath { account: account.clone(), container };
            match how {
                Detach::Remove => self.store.drop_mirrored(&path, name.as_str()).await?,
                Detach::Leave => self.store.leave_mirrored(&path, name.as_str()).await?,
            }
        }
        self.store.remove_mirror(account, name.as_str()).await
    }

    /// Whether it was there.
    pub async fn pause(&self, account: &AccountName, name: &TenantName, paused: bool) -> Result<bool, StoreError> {
        let Some(record) = self.record(account, name)? else { return Ok(false) };
        let Ok(mirror) = settings(&record) else { return Ok(false) };
        match self.attach(account, name, Attach { mirror: Mirror { paused, ..mirror }, secret: None }).await {
            Ok(()) => Ok(true),
            Err(AttachFault::Store(error)) => Err(error),
            // It was there a moment ago as it is: somebody has detached it.
            Err(AttachFault::Bad(_) | AttachFault::Conflict(_)) => Ok(false),
        }
    }

    /// Lists everything again soon. Whether the mirror was there.
    pub async fn relist(&self, account: &AccountName, name: &TenantName) -> Result<bool, StoreError> {
        let task = self.tasks().get(&(account.clone(), name.clone())).cloned();
        if let Some(task) = &task {
            task.relist();
        }
        Ok(task.is_some())
    }

    pub fn statuses(&self, account: &AccountName) -> Result<BTreeMap<TenantName, MirrorStatus>, StoreError> {
        let own = self.store.mirrors()?.into_iter().filter(|record| record.account == *account);
        let named = own.filter_map(|record| Some((TenantName::new(record.name.clone()).ok()?, record)));
        Ok(named.map(|(name, record)| (name.clone(), self.status(&name, &record))).collect())
    }

    fn status(&self, name: &TenantName, record: &MirrorRecord) -> MirrorStatus {
        let settings = settings(record).ok();
        let held = self.store.held_by_mirror(&record.account, &record.name);
        let behind_ms = ms_between(record.place.complete_us, self.clock.0.now());
        let objective_s = settings.as_ref().map_or(0, |settings| settings.objective_s);
        let containers = self.store.containers_of_mirror(&record.account, &record.name);
        let status = MirrorStatus {
            settings,
            complete_until_us: record.place.complete_us,
            behind_ms,
            is_within_objective: behind_ms <= u64::from(objective_s) * 1_000,
            containers: containers.into_iter().map(|(container, _)| container).collect(),
            blobs: held.mirrored_blobs,
            bytes: held.mirrored_bytes,
            cached_bytes: held.bytes,
            listed_us: record.place.listed_us,
            ..MirrorStatus::default()
        };
        let Some(task) = self.task(&record.account, name) else {
            let why = self.failed().get(&(record.account.clone(), name.clone())).cloned();
            return MirrorStatus { state: MirrorState::Away, why, ..status };
        };
        let known = task.standing.known();
        MirrorStatus {
            state: known.state,
            why: known.why.clone(),
            events_behind: known.events_behind,
            lag: known.lag(),
            canary_lag_ms: known.canary_lag_ms,
            counts: known.counts,
            left_out: known.left_out(),
            ..status
        }
    }

    /// Of every account that mirrors something.
    pub fn figures(&self) -> BTreeMap<AccountName, MirrorFigures> {
        let now = self.clock.0.now();
        let mut all: BTreeMap<AccountName, MirrorFigures> = BTreeMap::new();
        for ((account, name), task) in self.tasks().iter() {
            let held = self.store.held_by_mirror(account, name.as_str());
            let complete = self.store.as_of_mirror(account, name.as_str());
            let known = task.standing.known();
            let (lag, sum) = (known.lag(), all.entry(account.clone()).or_default());
            // Before everything was listed nothing is known to be complete.
            let behind_ms = complete.map_or(0, |complete| ms_between(complete.0, now));
            *sum = MirrorFigures {
                behind_ms: sum.behind_ms.max(behind_ms),
                lag_p50_ms: sum.lag_p50_ms.max(lag.p50_ms),
                lag_p99_ms: sum.lag_p99_ms.max(lag.p99_ms),
                events_behind: sum.events_behind + known.events_behind,
                changes: sum.changes + known.counts.put + known.counts.gone,
                blobs: sum.blobs + held.mirrored_blobs,
                canary_lag_ms: sum.canary_lag_ms.max(known.canary_lag_ms),
            };
        }
        all
    }

    fn open(&self, mirror: &Mirror, secret: Option<&str>) -> Result<Opened, String> {
        let opened = origin::open(&mirror.origin, secret, &self.sources)?;
        if mirror.canary_s.is_some() && !opened.origin.may_tell() {
            return Err(OriginError::no_canaries().to_string());
        }
        Ok(opened)
    }

    fn record(&self, account: &AccountName, name: &TenantName) -> Result<Option<MirrorRecord>, StoreError> {
        let is_it = |record: &MirrorRecord| record.account == *account && record.name == name.as_str();
        Ok(self.store.mirrors()?.into_iter().find(is_it))
    }

    fn run(&self, record: &MirrorRecord, name: TenantName, mirror: Mirror, opened: Opened) {
        tracing::info!(account = %record.account, mirror = %name, origin = opened.shown, "a mirror is taken up");
        let scope = scope(&record.account, &mirror, &opened);
        let task = Task::start(&self.store, &self.clock.0, record, (mirror, scope), opened.origin);
        let address = (record.account.clone(), name);
        self.failed().remove(&address);
        self.tasks().insert(address, task);
    }

    async fn end(&self, account: &AccountName, name: &TenantName) {
        let task = self.tasks().remove(&(account.clone(), name.clone()));
        if let Some(task) = task {
            task.stop().await;
        }
    }

    fn task(&self, account: &AccountName, name: &TenantName) -> Option<Arc<Task>> {
        self.tasks().get(&(account.clone(), name.clone())).cloned()
    }

    fn failed(&self) -> MutexGuard<'_, BTreeMap<Address, String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<Address, Arc<Task>>> {
        // It is whole after every statement.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn settings(record: &MirrorRecord) -> Result<Mirror, String> {
    serde_json::from_str(&record.settings).map_err(|error| format!("its settings cannot be read: {error}"))
}

fn scope(account: &AccountName, mirror: &Mirror, opened: &Opened) -> Scope {
    Scope {
        account: account.clone(),
        there: opened.scope.container.clone(),
        prefix: opened.scope.prefix.clone(),
        into: mirror.container.clone(),
    }
}
