//! The stack's figures: counters that only grow, and the latencies of the last second.

use greenroom_gateway::meter::{Meter, Outcome, TenantMeter};
use greenroom_model::TenantName;
use greenroom_model::metrics::{FlashMetrics, Metrics, OpClass, OpMetrics, TenantMetrics};
use greenroom_store::{Durability, Store};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The last second is kept in slots, of which the oldest is dropped as time goes on.
const SLOTS: usize = 10;
const SLOT: Duration = Duration::from_millis(100);
/// Longer latencies count as this.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Two digits: an error of 1 % in a figure that is drawn.
const LATENCY_DIGITS: u8 = 2;

#[derive(Debug)]
pub struct Figures {
    began: Instant,
    tenants: RwLock<BTreeMap<TenantName, Arc<TenantFigures>>>,
}

#[derive(Debug)]
struct TenantFigures {
    began: Instant,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    in_flight: AtomicU64,
    ops: [OpFigures; OpClass::ALL.len()],
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
    pub fn new() -> Self {
        Self { began: Instant::now(), tenants: RwLock::default() }
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
        }
        let flash = FlashMetrics {
            used_bytes: usage.flash_used_bytes,
            capacity_bytes: usage.flash_capacity_bytes,
            read_faults: usage.read_faults,
            durable: durability == Durability::Disk,
        };
        Metrics { at_us: micros(self.began.elapsed()), tenants, flash, ..Metrics::default() }
    }
}

impl Meter for Figures {
    fn tenant(&self, tenant: &TenantName) -> Arc<dyn TenantMeter> {
        if let Some(known) = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(tenant) {
            return known.clone();
        }
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        tenants.entry(tenant.clone()).or_insert_with(|| Arc::new(TenantFigures::new(self.began))).clone()
    }
}

impl TenantFigures {
    fn new(began: Instant) -> Self {
        Self {
            began,
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            ops: std::array::from_fn(|_| OpFigures::default()),
        }
    }

    fn snapshot(&self) -> TenantMetrics {
        let now = slot_number(self.began.elapsed());
        let used = |figures: &OpFigures| figures.count.load(Relaxed) > 0;
        let ops = OpClass::ALL.into_iter().zip(&self.ops).filter(|(_, figures)| used(figures));
        TenantMetrics {
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            ops: ops.map(|(class, figures)| (class, figures.snapshot(now))).collect(),
            ..TenantMetrics::default()
        }
    }
}

impl TenantMeter for TenantFigures {
    fn begun(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    fn took(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
    }

    fn sent(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Relaxed);
    }

    fn ended(&self, class: OpClass, outcome: Outcome, latency: Duration) {
        self.in_flight.fetch_sub(1, Relaxed);
        let figures = &self.ops[class as usize];
        figures.count.fetch_add(1, Relaxed);
        let failed = match outcome {
            Outcome::Answered(status) => status.is_client_error() || status.is_server_error(),
            Outcome::Broken => true,
        };
        if failed {
            figures.errors.fetch_add(1, Relaxed);
        }
        let mut recent = figures.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.record(slot_number(self.began.elapsed()), latency);
    }
}

impl OpFigures {
    fn snapshot(&self, now: u64) -> OpMetrics {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner).merged(now);
        let ms = |quantile: f64| recent.as_ref().map_or(0.0, |all| all.value_at_quantile(quantile) as f64 / 1000.0);
        OpMetrics {
            count: self.count.load(Relaxed),
            errors: self.errors.load(Relaxed),
            p50_ms: ms(0.5),
            p99_ms: ms(0.99),
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

    /// The latencies of the slots that are at most a second old; `None` where nothing was answered.
    fn merged(&self, now: u64) -> Option<Histogram<u32>> {
        let fresh = |slot: &&Slot| slot.number + SLOTS as u64 > now && !slot.latencies.is_empty();
        let mut slots = self.slots.iter().filter(fresh);
        let mut all = slots.next()?.latencies.clone();
        for slot in slots {
            all.add(&slot.latencies).expect("all histograms have the same bounds");
        }
        Some(all)
    }
}

fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, LATENCY_DIGITS).expect("the bounds are ones that the library takes")
}

fn slot_number(uptime: Duration) -> u64 {
    (uptime.as_millis() / SLOT.as_millis()) as u64
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
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
    }

    #[test]
    fn tenants_are_counted_apart() {
        let figures = Figures::new();
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
}
