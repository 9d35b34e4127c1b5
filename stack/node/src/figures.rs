//! The stack's figures: counters that only grow, and the latencies of the last second.

pub mod durations;
mod mirrored;
mod recent;

use crate::mirror::Mirrors;
use crate::tenancy::Tenancy;
use crate::tenancy::ledger::{AccountFigures, Counters};
use durations::{Durations, Histogram};
use greenroom_gateway::meter::{Meter, Outcome, Served, TenantMeter};
use greenroom_model::metrics::{OpClass, OpMetrics, TenantMetrics};
use greenroom_model::tenancy::TenantState;
use greenroom_model::{AccountName, TenantName};
use greenroom_store::{AccountRecord, OutboxUsage, Store, TenantUsage, Usage};
use greenroom_tenancy::admission::COST_BASE;
use recent::{Recent, SLOTS_PER_SECOND, SlotClock, Work, quantile_ms, recent, together};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long a tenant that has left is told of, with nothing: whoever looks now and then is to see that nothing is left.
const LEFT_SLOTS: u64 = 10 * SLOTS_PER_SECOND;

#[derive(Debug)]
pub struct Figures {
    began: Instant,
    clock: SlotClock,
    tenants: RwLock<BTreeMap<TenantName, Arc<TenantFigures>>>,
    accounts: RwLock<HashMap<AccountName, Account>>,
    /// When each tenant that is told of was last seen to be there.
    told: Mutex<HashMap<TenantName, u64>>,
    tenancy: Arc<Tenancy>,
    counting: bool,
}

/// What an account's requests are counted by, made when the first one comes.
#[derive(Debug, Clone)]
struct Account {
    counters: Arc<AccountFigures>,
    served: Served,
}

/// Counts nothing.
struct Nothing;

/// Counts for an account and for its tenant.
struct AccountMeter {
    account: Arc<AccountFigures>,
    tenant: Arc<TenantFigures>,
}

#[derive(Debug)]
struct TenantFigures {
    clock: SlotClock,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    in_flight: AtomicU64,
    ops: [OpFigures; OpClass::ALL.len()],
    throttled: AtomicU64,
    waits: Mutex<Recent>,
    /// Work of the last second, for its share.
    work: Work,
}

#[derive(Debug, Default)]
struct OpFigures {
    durations: Durations,
    errors: AtomicU64,
    recent: Mutex<Recent>,
}

impl Figures {
    pub fn new(tenancy: Arc<Tenancy>, counting: bool) -> Self {
        let (began, clock) = (Instant::now(), SlotClock::start());
        let told = Mutex::default();
        Self { began, clock, tenants: RwLock::default(), accounts: RwLock::default(), told, tenancy, counting }
    }

    pub fn uptime(&self) -> Duration {
        self.began.elapsed()
    }

    /// The figures of every tenant that is there, as near to one moment as counters that go on counting can be; and Jain's index over those
    /// at work, by weight.
    pub fn tenants(
        &self,
        store: &Store,
        mirrors: &Mirrors,
        usage: &Usage,
    ) -> (BTreeMap<TenantName, TenantMetrics>, f64) {
        let (file, now) = (self.tenancy.file(), self.clock.now());
        let specs: HashMap<_, _> = file.tenants.iter().map(|spec| (&spec.name, spec)).collect();
        let there = self.told(store.tenants(), usage, now);
        let (known, idle) = (self.tenants.read().unwrap_or_else(PoisonError::into_inner), self.new_tenant());
        let there = there.into_iter().map(|name| {
            let figures = known.get(&name).unwrap_or(&idle);
            let work = figures.work.last_second(now) as f64;
            (name, figures, work)
        });
        let there: Vec<_> = there.collect();
        let all: f64 = there.iter().map(|(.., work)| work).sum();
        let weight = |name| specs.get(name).map_or(1.0, |spec| f64::from(spec.share.weight) / 100.0);
        let at_work = there.iter().filter(|(.., work)| *work > 0.0);
        let jain = jain(at_work.map(|(name, _, work)| work / weight(name)));
        let mut told: HashMap<TenantName, OutboxUsage> = HashMap::new();
        for (account, outbox) in &usage.outboxes {
            let Some(account) = store.account(account) else { continue };
            let sum = told.entry(account.tenant.clone()).or_default();
            (sum.events, sum.waiting) = (sum.events + outbox.events, sum.waiting + outbox.waiting);
        }
        let mirrored = mirrored::by_tenant(mirrors.figures(), store);
        let metrics = there.into_iter().map(|(name, figures, work)| {
            let used = usage.tenants.get(&name).copied().unwrap_or_default();
            let quota_bytes = specs.get(&name).and_then(|spec| spec.quota.bytes).map(|bytes| bytes.0);
            let share = if all > 0.0 { work / all } else { 0.0 };
            let metrics = figures.metrics(now, used, quota_bytes, share);
            let OutboxUsage { events, waiting: events_waiting } = told.get(&name).copied().unwrap_or_default();
            let key = store.key_figures(&name);
            let (key_usable, key_unwraps) = (key.map(|(usable, _)| u64::from(usable)), key.map(|(_, unwraps)| unwraps));
            let metrics = TenantMetrics { events, events_waiting, key_usable, key_unwraps, ..metrics };
            let metrics = match mirrored.get(&name) {
                Some(mirrored) => mirrored::told(mirrored, metrics),
                None => metrics,
            };
            (name, metrics)
        });
        (metrics.collect(), jain)
    }

    /// Whoever looks next is to see that nothing of it is left.
    pub fn left(&self, tenant: &TenantName) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(tenant.clone(), self.clock.now());
    }

    /// Those that are there, and those that were until a moment ago: of who has left, the name stays in the store for ever.
    fn told(&self, tenants: Vec<TenantName>, usage: &Usage, now: u64) -> Vec<TenantName> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for name in tenants {
            let holds = usage.tenants.get(&name).is_some_and(|used| *used != TenantUsage::default());
            if holds || self.tenancy.state(&name) != TenantState::OffBoarded {
                told.insert(name, now);
            }
        }
        told.retain(|_, seen| *seen + LEFT_SLOTS > now);
        told.keys().cloned().collect()
    }
}

impl Figures {
    /// What every account that was served has used since the server started.
    pub fn accounts(&self) -> Vec<(AccountName, Counters)> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.iter().map(|(name, account)| (name.clone(), account.counters.read())).collect()
    }

    /// How long the requests of each tenant and kind took, of those that it ever made.
    pub fn durations(&self) -> Vec<(TenantName, OpClass, Histogram)> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let all = tenants.iter().flat_map(|(name, tenant)| tenant.used().map(move |(op, used)| (name, op, used)));
        all.map(|(name, op, used)| (name.clone(), op, used.durations.read())).collect()
    }

    fn tenant(&self, tenant: &TenantName) -> Arc<TenantFigures> {
        if let Some(known) = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(tenant) {
            return known.clone();
        }
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        tenants.entry(tenant.clone()).or_insert_with(|| self.new_tenant()).clone()
    }

    fn new_tenant(&self) -> Arc<TenantFigures> {
        Arc::new(TenantFigures::new(self.clock))
    }
}

impl Meter for Figures {
    fn account(&self, account: &AccountRecord) -> Served {
        if let Some(known) = self.accounts.read().unwrap_or_else(PoisonError::into_inner).get(&account.name) {
            return known.served.clone();
        }
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        let made = accounts.entry(account.name.clone()).or_insert_with(|| {
            let counters = Arc::new(AccountFigures::default());
            let meter: Arc<dyn TenantMeter> = if self.counting {
                Arc::new(AccountMeter { account: counters.clone(), tenant: self.tenant(&account.tenant) })
            } else {
                Arc::new(Nothing)
            };
            let served = Served { meter, gate: self.tenancy.gate(&account.tenant) };
            Account { counters, served }
        });
        made.served.clone()
    }
}

impl TenantFigures {
    fn new(clock: SlotClock) -> Self {
        Self {
            clock,
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            ops: std::array::from_fn(|_| OpFigures::default()),
            throttled: AtomicU64::new(0),
            waits: Mutex::default(),
            work: Work::default(),
        }
    }

    /// The kinds of requests that there were any of.
    fn used(&self) -> impl Iterator<Item = (OpClass, &OpFigures)> {
        OpClass::ALL.into_iter().zip(&self.ops).filter(|(_, figures)| figures.durations.count() > 0)
    }

    fn metrics(&self, now: u64, used: TenantUsage, quota_bytes: Option<u64>, share: f64) -> TenantMetrics {
        let (mut ops, mut all) = (BTreeMap::new(), None);
        for (class, figures) in self.used() {
            let recent = recent(&figures.recent, now);
            let (p50_ms, p99_ms) = (quantile_ms(recent.as_ref(), 0.5), quantile_ms(recent.as_ref(), 0.99));
            let (count, errors) = (figures.durations.count(), figures.errors.load(Relaxed));
            ops.insert(class, OpMetrics { count, errors, p50_ms, p99_ms });
            all = together(all, recent.as_ref());
        }
        TenantMetrics {
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            blobs: used.blobs,
            blob_bytes: used.bytes,
            used_bytes: used.counted_bytes(),
            quota_bytes,
            // Of the store, which is asked for all tenants at once.
            events: 0,
            events_waiting: 0,
            // Of its mirrors, likewise.
            mirror_behind_s: None,
            mirror_lag_p50_ms: None,
            mirror_lag_p99_ms: None,
            mirror_events_behind: None,
            mirror_changes: None,
            mirror_blobs: None,
            mirror_canary_lag_ms: None,
            key_usable: None,
            key_unwraps: None,
            throttled: self.throttled.load(Relaxed),
            queue_ms: quantile_ms(recent(&self.waits, now).as_ref(), 0.99),
            share,
            p50_ms: quantile_ms(all.as_ref(), 0.5),
            p99_ms: quantile_ms(all.as_ref(), 0.99),
            ops,
        }
    }
}

impl TenantFigures {
    fn work(&self, amount: u64) {
        self.work.add(self.clock.now(), amount);
    }

    fn begun(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    fn waited(&self, wait: Duration) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.record(self.clock.now(), wait);
    }

    fn took(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
        self.work(bytes);
    }

    fn sent(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Relaxed);
        self.work(bytes);
    }

    fn ended(&self, class: OpClass, outcome: Outcome, latency: Duration) {
        self.in_flight.fetch_sub(1, Relaxed);
        let figures = &self.ops[class as usize];
        figures.durations.record(latency);
        let now = self.clock.now();
        self.work.add(now, COST_BASE);
        let failed = match outcome {
            Outcome::Answered(status) => status.is_client_error() || status.is_server_error(),
            Outcome::Broken => true,
        };
        if failed {
            figures.errors.fetch_add(1, Relaxed);
        }
        let mut recent = figures.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.record(now, latency);
    }
}

impl TenantMeter for AccountMeter {
    fn begun(&self) {
        self.tenant.begun();
    }

    fn waited(&self, wait: Duration) {
        self.tenant.waited(wait);
        self.account.waited(wait);
    }

    fn throttled(&self) {
        self.tenant.throttled.fetch_add(1, Relaxed);
        self.account.throttled();
    }

    fn took(&self, bytes: u64) {
        self.tenant.took(bytes);
        self.account.took(bytes);
    }

    fn sent(&self, bytes: u64) {
        self.tenant.sent(bytes);
        self.account.sent(bytes);
    }

    fn ended(&self, class: OpClass, outcome: Outcome, latency: Duration) {
        self.tenant.ended(class, outcome, latency);
        self.account.ended(class);
    }
}

impl TenantMeter for Nothing {
    fn begun(&self) {}
    fn waited(&self, _: Duration) {}
    fn throttled(&self) {}
    fn took(&self, _: u64) {}
    fn sent(&self, _: u64) {}
    fn ended(&self, _: OpClass, _: Outcome, _: Duration) {}
}

/// Jain's index: 1 where all have the same, 1/n where one has all.
fn jain(parts: impl Iterator<Item = f64>) -> f64 {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for part in parts {
        (count, sum, squares) = (count + 1.0, sum + part, squares + part * part);
    }
    if squares > 0.0 { sum * sum / (count * squares) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use greenroom_gateway::gate::Pass;
    use greenroom_gateway::meter::Measured;
    use greenroom_store::AccountKey;
    use http::StatusCode;

    const OK: Outcome = Outcome::Answered(StatusCode::OK);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn classes_index_their_own_figures() {
        for (at, class) in OpClass::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, at, "{class:?}");
        }
    }

    #[test]
    fn tenants_are_counted_apart() {
        let dir = tempfile::tempdir().expect("a folder");
        let figures = Figures::new(Arc::new(Tenancy::open(dir.path()).expect("an empty folder")), true);
        let name = |text: &str| TenantName::new(text).expect("a good name");
        let gold = figures.tenant(&name("gold"));
        gold.begun();
        gold.took(5);
        figures.tenant(&name("gold")).sent(7);
        gold.ended(OpClass::Put, OK, ms(3));
        gold.begun();
        gold.ended(OpClass::Put, Outcome::Broken, ms(3));
        figures.tenant(&name("bronze")).begun();
        let tenants = figures.tenants.read().expect("no panic");
        let metrics = |tenant: &str| tenants[&name(tenant)].metrics(0, TenantUsage::default(), None, 0.0);
        let gold = metrics("gold");
        assert_eq!((gold.bytes_in, gold.bytes_out, gold.in_flight), (5, 7, 0));
        assert_eq!((gold.ops[&OpClass::Put].count, gold.ops[&OpClass::Put].errors), (2, 1));
        assert_eq!(gold.ops.len(), 1);
        assert_eq!(metrics("bronze").in_flight, 1);
    }

    /// All that a request of 4 KiB asks of metering and admission, as the gateway asks it.
    fn serve(figures: &Figures, account: &AccountRecord, class: OpClass) {
        const BYTES: u64 = 4 << 10;
        let began = Instant::now();
        let served = figures.account(account);
        let mut measured = Measured::begin(served.clone(), class, began);
        let mut pass = Pass::enter(served.gate.clone()).now_or_never().expect("no wait").expect("a place");
        served.meter.waited(began.elapsed());
        if class == OpClass::Put {
            pass.park();
            served.meter.took(BYTES);
            pass.took(BYTES).now_or_never().expect("no wait");
            let asked = Instant::now();
            drop(pass.write().now_or_never().expect("no wait").expect("a place at the disk"));
            served.meter.waited(asked.elapsed());
        } else {
            drop(pass);
            let mut reply = Pass::later(measured.gate().clone());
            reply.took(0).now_or_never().expect("no wait");
            measured.tenant().sent(BYTES);
            reply.sent(BYTES);
        }
        measured.set_outcome(OK);
    }

    /// Nanoseconds of a core for one request, by one thread: the median of several rounds.
    #[test]
    #[ignore = "measures, for `cargo xtask bench tenancy`, which reads the line"]
    fn what_a_request_costs() {
        const REQUESTS: u32 = 200_000;
        const ROUNDS: usize = 9;
        let dir = tempfile::tempdir().expect("a folder");
        let figures = Figures::new(Arc::new(Tenancy::open(dir.path()).expect("an empty folder")), true);
        let (name, tenant) = (AccountName::new("acct"), TenantName::new("gold"));
        let key = AccountKey::new([7; 64]);
        let account = AccountRecord::new(name.expect("a good name"), tenant.expect("a good name"), key);
        for (name, class) in [("PUT", OpClass::Put), ("GET", OpClass::Get)] {
            let mut rounds: Vec<_> = (0..ROUNDS)
                .map(|_| {
                    let began = Instant::now();
                    (0..REQUESTS).for_each(|_| serve(&figures, &account, class));
                    began.elapsed().as_nanos() / u128::from(REQUESTS)
                })
                .collect();
            rounds.sort_unstable();
            println!("COST {name} {}", rounds[ROUNDS / 2]);
        }
    }
}
