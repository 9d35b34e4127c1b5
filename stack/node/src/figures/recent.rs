//! What the last second was like: kept in slots of time, of which the oldest is dropped as time goes on.

use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const SLOTS: usize = 10;
/// The slots hold the last second.
pub const SLOTS_PER_SECOND: u64 = SLOTS as u64;
/// As many as go by in a minute.
const FORGOTTEN_SLOTS: u64 = 60 * SLOTS as u64;
const SLOT: Duration = Duration::from_millis(100);
/// Longer latencies count as this.
const LATENCY_US_MAX: u64 = 600_000_000;
/// Two digits: an error of 1 % in a figure that is drawn.
const LATENCY_DIGITS: u8 = 2;

/// Tells slots of time, by the kernel's coarse clock where there is one: a look costs a few nanoseconds and may be a few milliseconds old.
#[derive(Debug, Clone, Copy)]
pub struct SlotClock {
    began: Duration,
}

/// Bytes and operations by slot of time. Of two that come at once as a slot begins, what one adds may be lost: it is a figure to be drawn.
#[derive(Debug, Default)]
pub struct Work {
    slots: [WorkSlot; SLOTS],
}

#[derive(Debug, Default)]
struct WorkSlot {
    number: AtomicU64,
    amount: AtomicU64,
}

/// Latencies in microseconds, by slot of time.
#[derive(Debug, Default)]
pub struct Recent {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    /// Slots since the server started; tells a slot of this second from one a round earlier.
    number: u64,
    latencies: Histogram<u32>,
}

impl Work {
    pub fn add(&self, now: u64, amount: u64) {
        let slot = &self.slots[(now % SLOTS as u64) as usize];
        if slot.number.load(Relaxed) != now && slot.number.swap(now, Relaxed) != now {
            slot.amount.store(0, Relaxed);
        }
        slot.amount.fetch_add(amount, Relaxed);
    }

    pub fn last_second(&self, now: u64) -> u64 {
        let fresh = self.slots.iter().filter(|slot| slot.number.load(Relaxed) + SLOTS as u64 > now);
        fresh.map(|slot| slot.amount.load(Relaxed)).sum()
    }
}

impl Recent {
    pub fn record(&mut self, now: u64, latency: Duration) {
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
    pub fn merged(&mut self, now: u64) -> Option<Histogram<u32>> {
        if self.slots.iter().all(|slot| slot.number + FORGOTTEN_SLOTS < now) {
            self.slots = Vec::new();
        }
        let fresh = |slot: &&Slot| slot.number + SLOTS as u64 > now && !slot.latencies.is_empty();
        self.slots.iter().filter(fresh).fold(None, |all, slot| together(all, Some(&slot.latencies)))
    }
}

pub fn recent(latencies: &Mutex<Recent>, now: u64) -> Option<Histogram<u32>> {
    latencies.lock().unwrap_or_else(PoisonError::into_inner).merged(now)
}

pub fn together(all: Option<Histogram<u32>>, more: Option<&Histogram<u32>>) -> Option<Histogram<u32>> {
    match (all, more) {
        (Some(mut all), Some(more)) => {
            all.add(more).expect("all histograms have the same bounds");
            Some(all)
        }
        (all, more) => all.or_else(|| more.cloned()),
    }
}

/// 0 where nothing was answered.
pub fn quantile_ms(latencies: Option<&Histogram<u32>>, quantile: f64) -> f64 {
    latencies.map_or(0.0, |latencies| latencies.value_at_quantile(quantile) as f64 / 1000.0)
}

fn histogram() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, LATENCY_DIGITS).expect("the bounds are ones that the library takes")
}

impl SlotClock {
    pub fn start() -> Self {
        Self { began: coarse() }
    }

    pub fn now(self) -> u64 {
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
    static BEGAN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGAN.elapsed()
}

pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
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
}
