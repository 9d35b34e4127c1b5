//! From a stack's counters to the values that charts draw and conditions compare. Pure.

use greenroom_model::TenantName;
use greenroom_model::metrics::{Kind, Metrics, Sample};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Values by metric name: `<tenant>.<measure>`, `<tenant>.<operation>.<measure>` or `flash.<measure>`.
pub type Values = BTreeMap<String, f64>;

/// A rate is taken over this long: short enough to show a dip, long enough to be read.
const WINDOW_US: u64 = 500_000;
/// More samples than any stream brings in a window.
const SAMPLES_MAX: usize = 64;

#[derive(Debug, Default)]
pub struct Rates {
    window: VecDeque<Counted>,
}

/// What only grows, as far as it had grown.
#[derive(Debug)]
struct Counted {
    at_us: u64,
    counts: Values,
}

impl Rates {
    /// Takes the next sample in, and gives what holds now: nothing at first, since one sample alone has no rate, and a zero would be drawn.
    pub fn push(&mut self, sample: Metrics) -> Option<Values> {
        // A stack that started anew counts from zero: what was before is another life.
        if self.window.back().is_some_and(|last| sample.at_us < last.at_us) {
            self.window.clear();
        }
        let counts = told(&sample).filter(grows).filter_map(|told| Some((told.chart(), told.value?))).collect();
        self.window.push_back(Counted { at_us: sample.at_us, counts });
        while self.window.len() > SAMPLES_MAX || (self.window.len() > 2 && self.span(1) >= WINDOW_US) {
            self.window.pop_front();
        }
        let (Some(first), Some(last)) = (self.window.front(), self.window.back()) else { return None };
        let seconds = last.at_us.saturating_sub(first.at_us) as f64 / 1e6;
        if seconds <= 0.0 {
            return None;
        }
        let mut values = counters(&sample);
        for (name, now) in &last.counts {
            let before = first.counts.get(name).copied().unwrap_or(0.0);
            values.insert(rate(name), (now - before).max(0.0) / seconds);
        }
        Some(values)
    }

    /// Microseconds from sample `from` to the newest.
    fn span(&self, from: usize) -> u64 {
        match (self.window.get(from), self.window.back()) {
            (Some(first), Some(last)) => last.at_us.saturating_sub(first.at_us),
            _ => 0,
        }
    }
}

/// What one sample says by itself.
pub fn counters(sample: &Metrics) -> Values {
    told(sample).filter_map(|told| Some((told.chart(), told.value?))).collect()
}

/// Of these values, what is still known once the machine and its disk are gone: nothing is stored there, and nothing flows.
pub fn lost(values: &Values) -> Values {
    const OF_THE_DISK: [&str; 5] = [".blobs", ".blob_bytes", ".used_bytes", ".live_bytes", ".in_flight"];
    let is_lost = |name: &str| name.ends_with("_per_s") || OF_THE_DISK.iter().any(|end| name.ends_with(end));
    values.keys().filter(|name| is_lost(name)).map(|name| (name.clone(), 0.0)).collect()
}

/// Every name that these tenants, and the stack itself, may ever have a value by.
pub fn names(tenants: &BTreeSet<TenantName>) -> BTreeSet<String> {
    let metrics = Metrics::of_tenants(tenants.iter().cloned());
    let named = told(&metrics).flat_map(|told| [grows(&told).then(|| rate(&told.chart())), Some(told.chart())]);
    named.flatten().collect()
}

fn told(metrics: &Metrics) -> impl Iterator<Item = Sample<'_>> {
    metrics.samples().chain(metrics.tenants.iter().flat_map(|(name, tenant)| tenant.over_ops(name)))
}

fn grows(told: &Sample<'_>) -> bool {
    told.metric.kind == Kind::Counter
}

fn rate(name: &str) -> String {
    format!("{name}_per_s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_model::metrics::{OpClass, OpMetrics, TenantMetrics};

    fn sample(at_us: u64, bytes_in: u64, puts: u64) -> Metrics {
        let put = OpMetrics { count: puts, errors: 0, p50_ms: 1.0, p99_ms: 2.0 };
        let tenant = TenantMetrics { bytes_in, ops: [(OpClass::Put, put)].into(), ..TenantMetrics::default() };
        Metrics { at_us, tenants: [(TenantName::new("a").expect("good"), tenant)].into(), ..Metrics::default() }
    }

    #[test]
    fn rates_are_differences_over_the_window() {
        let mut rates = Rates::default();
        assert_eq!(rates.push(sample(0, 0, 0)), None);
        let mut last = Values::new();
        for tick in 1..=25u64 {
            last = rates.push(sample(tick * 40_000, tick * 4_000_000, tick * 4)).expect("a second sample");
        }
        assert!((last["a.bytes_in_per_s"] - 1e8).abs() < 1.0, "{last:?}");
        assert!((last["a.put.ops_per_s"] - 100.0).abs() < 0.001);
        assert_eq!(last["a.put.p99_ms"], 2.0);
        assert!(rates.window.len() < 20);
    }

    #[test]
    fn a_first_sample_has_no_rate_and_a_restart_is_no_burst() {
        let mut rates = Rates::default();
        assert_eq!(rates.push(sample(5_000_000, 9_000_000, 9)), None);
        assert_eq!(rates.push(sample(1_000, 100, 1)), None, "another life");
        assert_eq!(rates.push(sample(501_000, 600, 1)).expect("a second sample")["a.bytes_in_per_s"], 1000.0);
    }

    #[test]
    fn what_was_not_answered_has_no_latency() {
        let mut quiet = sample(0, 0, 0);
        quiet.tenants.values_mut().for_each(|tenant| tenant.ops.clear());
        let values = counters(&quiet);
        assert!(!values.contains_key("a.put.p99_ms"));
        assert_eq!((values["a.ops"], values["a.errors"]), (0.0, 0.0), "nothing was answered, and that is known");
    }

    #[test]
    fn a_lost_machine_stores_nothing_and_answers_nobody() {
        let values = |names: &str| names.split(' ').map(|name| (name.to_string(), 604.0)).collect::<Values>();
        let left =
            lost(&values("a.blobs a.bytes_in_per_s flash.used_bytes offload.offloaded a.p99_ms flash.capacity_bytes"));
        assert!(left.keys().eq(values("a.blobs a.bytes_in_per_s flash.used_bytes").keys()), "{left:?}");
        assert!(left.values().all(|value| *value == 0.0), "{left:?}");
    }

    /// What charts and conditions of talks say: a metric may get another name to Prometheus, and none to them.
    #[test]
    fn known_names_stay() {
        let names = names(&TenantName::new("a").into_iter().collect());
        let known = "a.bytes_in a.bytes_out a.in_flight a.blobs a.blob_bytes a.ops a.errors a.used_bytes a.quota_bytes a.throttled a.events a.events_per_s a.events_waiting \
                     a.mirror_behind_s a.mirror_lag_p50_ms a.mirror_lag_p99_ms a.mirror_events_behind a.mirror_changes_per_s \
                     a.mirror_blobs a.mirror_canary_lag_ms a.key_usable a.key_unwraps a.key_unwraps_per_s \
                     a.queue_ms a.share a.p50_ms a.p99_ms a.bytes_in_per_s a.bytes_out_per_s a.ops_per_s a.throttled_per_s \
                     a.put.ops a.get.ops_per_s a.list.p50_ms a.other.p99_ms admission.on jain flash.used_bytes flash.live_bytes \
                     flash.promised_bytes flash.capacity_bytes offload.pending offload.pending_bytes offload.offloaded \
                     offload.offloaded_bytes offload.stored_bytes offload.objects offload.reduction offload.days_to_full \
                     cloud.state cloud.bytes_out cloud.bytes_in cloud.requests cloud.bytes_out_per_s cloud.bytes_in_per_s \
                     cloud.requests_per_s recall.p50_ms recall.p99_ms";
        for name in known.split_whitespace() {
            assert!(names.contains(name), "{name}");
        }
    }
}
