//! The stack's figures: counters that only grow, and the latencies of the last second.

use crate::tenancy::Tenancy;
use crate::tenancy::ledger::{AccountFigures, Counters};
use greenroom_gateway::meter::{Meter, Outcome, Served, TenantMeter};
use greenroom_model::metrics::{AdmissionMetrics, FlashMetrics, Metrics, OpClass, OpMetrics, TenantMetrics};
use greenroom_model::{AccountName, TenantName};
use greenroom_store::{AccountRecord, Durability, Store};
use greenroom_tenancy::admission::COST_BASE;
use hdrhistogram::Histogram;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The last second is kept in slots, of which the oldest is dropped as time goes on.
const SLOTS: usize = 10;
/// As many as go by in a minute.
const FORGOTTEN_SLOTS: u64 = 60 * SLOTS as u64;
const SLOT: Duration = Duration::from_millis(100);
/// Longer latencies count as this.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Two digits: an error of 1 % in a figure that is drawn.
const LATENCY_DIGITS: u8 = 2;

#[derive(Debug)]
pub struct Figures {
    began: Instant,
    clock: SlotClock,
    tenants: RwLock<BTreeMap<TenantName, Arc<TenantFigures>>>,
    accounts: RwLock<HashMap<AccountName, Account>>,
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

/// Tells slots of time, by the kernel's coarse clock where there is one: a look costs a few nanoseconds and may be a few milliseconds old.
#[derive(Debug, Clone, Copy)]
struct SlotClock {
    began: Duration,
}

/// Bytes and operations by slot of time. Of two that come at once as a slot begins, what one adds may be lost: it is a figure to be drawn.
#[derive(Debug, Default)]
struct Work {
    slots: [WorkSlot; SLOTS],
}

#[derive(Debug, Default)]
struct WorkSlot {
    number: AtomicU64,
    amount: AtomicU64,
}

#[derive(Debug, Default)]
struct OpFigures {
    count: AtomicU64,
    errors: AtomicU64,
    recent: Mutex<Recent>,
}

/// Latencies in microseconds, by slot of time.
#[derive(Debug, Default)]
struct Recent {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    /// Slots since the server started; tells a slot of this second from one a round earlier.
    number: u64,
    latencies: Histogram<u32>,
}

impl Figures {
    pub fn new(tenancy: Arc<Tenancy>, counting: bool) -> Self {
        let (began, clock) = (Instant::now(), SlotClock::start());
        Self { began, clock, tenants: RwLock::default(), accounts: RwLock::default(), tenancy, counting }
    }

    pub fn uptime(&self) -> Duration {
        self.began.elapsed()
    }

    /// Everything at one moment, as near as counters that go on counting can be.
    pub fn snapshot(&self, store: &Store, durability: Durability) -> Metrics {
        let usage = store.usage();
        let mut tenants: BTreeMap<TenantName, TenantMetrics> =
            store.tenants().into_iter().map(|name| (name, TenantMetrics::default())).collect();
        for (name, figures) in self.tenants.read().unwrap_or_else(PoisonError::into_inner).iter() {
            tenants.insert(name.clone(), figures.snapshot());
        }
        for (name, used) in &usage.tenants {
            let metrics = tenants.entry(name.clone()).or_default();
            (metrics.blobs, metrics.blob_bytes) = (used.blobs, used.bytes);
            metrics.used_bytes = used.counted_bytes();
        }
        let file = self.tenancy.file();
        for tenant in &file.tenants {
            if let (Some(metrics), Some(quota)) = (tenants.get_mut(&tenant.name), tenant.quota.bytes) {
                metrics.quota_bytes = Some(quota.0);
            }
        }
        let all: f64 = tenants.values().map(|metrics| metrics.share).sum();
        let weight = |name: &TenantName| file.tenant(name).map_or(1.0, |tenant| f64::from(tenant.share.weight) / 100.0);
        let works = tenants.iter().filter(|(_, metrics)| metrics.share > 0.0);
        let jain = jain(works.map(|(name, metrics)| metrics.share / weight(name)));
        tenants.values_mut().filter(|_| all > 0.0).for_each(|metrics| metrics.share /= all);
        let admission = AdmissionMetrics { on: self.tenancy.admission().is_on(), jain };
        let flash = FlashMetrics {
            used_bytes: usage.flash_used_bytes,
            live_bytes: usage.flash_live_bytes,
            promised_bytes: usage.flash_promised_bytes,
            capacity_bytes: usage.flash_capacity_bytes,
            read_faults: usage.read_faults,
            durable: durability == Durability::Disk,
        };
        Metrics { at_us: micros(self.began.elapsed()), tenants, flash, admission, ..Metrics::default() }
    }
}

impl Figures {
    /// What every account that was served has used since the server started.
    pub fn accounts(&self) -> Vec<(AccountName, Counters)> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.iter().map(|(name, account)| (name.clone(), account.counters.read())).collect()
    }

    fn tenant(&self, tenant: &TenantName) -> Arc<TenantFigures> {
        if let Some(known) = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(tenant) {
            return known.clone();
        }
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        tenants.entry(tenant.clone()).or_insert_with(|| Arc::new(TenantFigures::new(self.clock))).clone()
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

    fn snapshot(&self) -> TenantMetrics {
        let now = self.clock.now();
        let used = |figures: &OpFigures| figures.count.load(Relaxed) > 0;
        let (mut ops, mut all) = (BTreeMap::new(), None);
        for (class, figures) in OpClass::ALL.into_iter().zip(&self.ops).filter(|(_, figures)| used(figures)) {
            let recent = recent(&figures.recent, now);
            ops.insert(class, figures.snapshot(recent.as_ref()));
            all = together(all, recent.as_ref());
        }
        TenantMetrics {
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            ops,
            throttled: self.throttled.load(Relaxed),
            queue_ms: quantile_ms(recent(&self.waits, now).as_ref(), 0.99),
            share: self.work.last_second(now) as f64,
            p50_ms: quantile_ms(all.as_ref(), 0.5),
            p99_ms: quantile_ms(all.as_ref(), 0.99),
            ..TenantMetrics::default()
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
        figures.count.fetch_add(1, Relaxed);
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

impl Work {
    fn add(&self, now: u64, amount: u64) {
        let slot = &self.slots[(now % SLOTS as u64) as usize];
        if slot.number.load(Relaxed) != now && slot.number.swap(now, Relaxed) != now {
            slot.amount.store(0, Relaxed);
        }
        slot.amount.fetch_add(amount, Relaxed);
    }

    fn last_second(&self, now: u64) -> u64 {
        let fresh = self.slots.iter().filter(|slot| slot.number.load(Relaxed) + SLOTS as u64 > now);
        fresh.map(|slot| slot.amount.load(Relaxed)).sum()
    }
}

/// Jain's index: 1 where all have the same, 1/n where one has all.
fn jain(parts: impl Iterator<Item = f64>) -> f64 {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for part in parts {
        (count, sum, squares) = (count + 1.0, sum + part, squares + part * part);
    }
    if squares > 0.0 { sum * sum / (count * squares) } else { 1.0 }
}

impl OpFigures {
    fn snapshot(&self, recent: Option<&Histogram<u32>>) -> OpMetrics {
        OpMetrics {
            count: self.count.load(Relaxed),
            errors: self.errors.load(Relaxed),
            p50_ms: quantile_ms(recent, 0.5),
            p99_ms: quantile_ms(recent, 0.99),
        }
    }
}

impl Recent {
    fn record(&mut self, now: u64, latency: Duration) {
        if self.slots.is_empty() {
            self.slots = (0..SLOTS).map(|_| Slot { number: 0, latencies: histogram() }).collect();
        }
        let slot = &mut self.slots[(now % SLOTS as u64) as usize];
        if slot.number != now {
            slot.number = now;
            slot.latencies.reset();
        }
        slot.latencies.saturating_record(micros(latency).max(1));
    }

    /// The latencies of the slots that are at most a second old; `None` where nothing was answered. What was not used for a while is let go:
    /// tenants come and leave, and each would keep its histograms for ever.
    fn merged(&mut self, now: u64) -> Option<Histogram<u32>> {
        if self.slots.iter().all(|slot| slot.number + FORGOTTEN_SLOTS < now) {
            self.slots = Vec::new();
        }
        let fresh = |slot: &&Slot| slot.number + SLOTS as u64 > now && !slot.latencies.is_empty();
        self.slots.iter().filter(fresh).fold(None, |all, slot| together(all, Some(&slot.latencies)))
    }
}

fn recent(latencies: &Mutex<Recent>, now: u64) -> Option<Histogram<u32>> {
    latencies.lock().unwrap_or_else(PoisonError::into_inner).merged(now)
}

fn together(all: Option<Histogram<u32>>, more: Option<&Histogram<u32>>) -> Option<Histogram<u32>> {
    match (all, more) {
        (Some(mut all), Some(more)) => {
            all.add(more).expect("all histograms have the same bounds");
            Some(all)
        }
        (all, more) => all.or_else(|| more.cloned()),
    }
}

/// 0 where nothing was answered.
fn quantile_ms(latencies: Option<&Histogram<u32>>, quantile: f64) -> f64 {
    latencies.map_or(0.0, |latencies| latencies.value_at_quantile(quantile) as f64 / 1000.0)
}

fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, LATENCY_DIGITS).expect("the bounds are ones that the library takes")
}

impl SlotClock {
    fn start() -> Self {
        Self { began: coarse() }
    }

    fn now(self) -> u64 {
        (coarse().saturating_sub(self.began).as_millis() / SLOT.as_millis()) as u64
    }
}

/// Since any one moment.
#[cfg(target_os = "linux")]
fn coarse() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

#[cfg(not(target_os = "linux"))]
fn coarse() -> Duration {
    static BEGAN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGAN.elapsed()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
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
    fn percentiles_are_those_of_the_last_second() {
        let mut recent = Recent::default();
        assert!(recent.merged(0).is_none());
        for latency in 1..=100 {
            recent.record(3, ms(latency));
        }
        let near = |value: u64, expected: u64| value.abs_diff(expected) * 100 <= expected;
        let all = recent.merged(12).expect("slot 3 is 900 ms old");
        assert!(near(all.value_at_quantile(0.5), 50_000) && near(all.value_at_quantile(0.99), 99_000));
        assert!(recent.merged(13).is_none(), "slot 3 is a second old");
        recent.record(13, ms(7));
        assert_eq!(recent.merged(13).expect("one latency").len(), 1);
        assert!(recent.merged(13 + FORGOTTEN_SLOTS).is_none() && !recent.slots.is_empty());
        assert!(
            recent.merged(14 + FORGOTTEN_SLOTS).is_none() && recent.slots.is_empty(),
            "a tenant that left takes no memory"
        );
        recent.record(15 + FORGOTTEN_SLOTS, ms(7));
        assert_eq!(recent.merged(15 + FORGOTTEN_SLOTS).expect("it came back").len(), 1);
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
        let gold = tenants[&name("gold")].snapshot();
        assert_eq!((gold.bytes_in, gold.bytes_out, gold.in_flight), (5, 7, 0));
        assert_eq!((gold.ops[&OpClass::Put].count, gold.ops[&OpClass::Put].errors), (2, 1));
        assert_eq!(gold.ops.len(), 1);
        assert_eq!(tenants[&name("bronze")].snapshot().in_flight, 1);
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
