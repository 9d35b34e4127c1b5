//! From a stack's counters to the values that charts draw and conditions compare. Pure.

use greenroom_model::TenantName;
use greenroom_model::metrics::{Metrics, OffloadMetrics, OpClass, OpMetrics, TenantMetrics};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Values by metric name: `<tenant>.<measure>`, `<tenant>.<operation>.<measure>` or `flash.<measure>`.
pub type Values = BTreeMap<String, f64>;

/// A rate is taken over this long: short enough to show a dip, long enough to be read.
const WINDOW_US: u64 = 500_000;
/// More samples than any stream brings in a window.
const SAMPLES_MAX: usize = 64;

#[derive(Debug, Default)]
pub struct Rates {
    window: VecDeque<Metrics>,
}

impl Rates {
    /// Takes the next sample in, and gives what holds now: nothing at first, since one sample alone has no rate, and a zero would be drawn.
    pub fn push(&mut self, sample: Metrics) -> Option<Values> {
        // A stack that started anew counts from zero: what was before is another life.
        if self.window.back().is_some_and(|last| sample.at_us < last.at_us) {
            self.window.clear();
        }
        let mut values = counters(&sample);
        self.window.push_back(sample);
        while self.window.len() > SAMPLES_MAX || (self.window.len() > 2 && self.span(1) >= WINDOW_US) {
            self.window.pop_front();
        }
        let (Some(first), Some(last)) = (self.window.front(), self.window.back()) else { return None };
        let seconds = last.at_us.saturating_sub(first.at_us) as f64 / 1e6;
        if seconds <= 0.0 {
            return None;
        }
        let per_s = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        for (tenant, now) in &last.tenants {
            let nothing = TenantMetrics::default();
            let before = first.tenants.get(tenant).unwrap_or(&nothing);
            let mut rate = |name: String, now: u64, before: u64| {
                values.insert(name, per_s(now, before));
            };
            rate(format!("{tenant}.bytes_in_per_s"), now.bytes_in, before.bytes_in);
            rate(format!("{tenant}.bytes_out_per_s"), now.bytes_out, before.bytes_out);
            rate(format!("{tenant}.ops_per_s"), operations(now), operations(before));
            rate(format!("{tenant}.throttled_per_s"), now.throttled, before.throttled);
            for (class, op) in &now.ops {
                let before = before.ops.get(class).map_or(0, |op| op.count);
                rate(format!("{tenant}.{}.ops_per_s", class.as_str()), op.count, before);
            }
        }
        if let (Some(now), Some(before)) = (&last.offload, &first.offload) {
            for (name, now, before) in [
                ("cloud.bytes_out_per_s", now.cloud_bytes_out, before.cloud_bytes_out),
                ("cloud.bytes_in_per_s", now.cloud_bytes_in, before.cloud_bytes_in),
                ("cloud.requests_per_s", now.cloud_requests, before.cloud_requests),
            ] {
                values.insert(name.into(), per_s(now, before));
            }
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
    let mut values = Values::new();
    for (tenant, metrics) in &sample.tenants {
        let mut set = |name: &str, value: f64| values.insert(format!("{tenant}.{name}"), value);
        set("bytes_in", metrics.bytes_in as f64);
        set("bytes_out", metrics.bytes_out as f64);
        set("in_flight", metrics.in_flight as f64);
        set("blobs", metrics.blobs as f64);
        set("blob_bytes", metrics.blob_bytes as f64);
        set("ops", operations(metrics) as f64);
        set("errors", metrics.ops.values().map(|op| op.errors).sum::<u64>() as f64);
        for (name, value) in metrics.values() {
            set(name, value);
        }
        for (class, op) in &metrics.ops {
            let class = class.as_str();
            set(&format!("{class}.ops"), op.count as f64);
            // No answer, no latency: a zero would read as a very fast one.
            if op.p99_ms > 0.0 {
                set(&format!("{class}.p50_ms"), op.p50_ms);
                set(&format!("{class}.p99_ms"), op.p99_ms);
            }
        }
    }
    values.insert("flash.used_bytes".into(), sample.flash.used_bytes as f64);
    values.insert("flash.live_bytes".into(), sample.flash.live_bytes as f64);
    values.insert("flash.promised_bytes".into(), sample.flash.promised_bytes as f64);
    values.insert("flash.capacity_bytes".into(), sample.flash.capacity_bytes as f64);
    let offload = sample.offload.iter().flat_map(|offload| offload.values());
    values.extend(offload.chain(sample.admission.values()).map(|(name, value)| (name.to_string(), value)));
    values
}

/// Every name that these tenants, and the stack itself, may ever have a value by: those of samples in which nothing is left out.
pub fn names(tenants: &BTreeSet<TenantName>) -> BTreeSet<String> {
    let op = OpMetrics { p50_ms: 1.0, p99_ms: 1.0, ..OpMetrics::default() };
    let tenant = TenantMetrics {
        ops: OpClass::ALL.map(|class| (class, op)).into(),
        quota_bytes: Some(1),
        p50_ms: 1.0,
        p99_ms: 1.0,
        ..TenantMetrics::default()
    };
    let offload = OffloadMetrics {
        stored_bytes: 1,
        recall_p50_ms: 1.0,
        recall_p99_ms: 1.0,
        days_to_full: Some(1.0),
        ..OffloadMetrics::default()
    };
    let tenants = tenants.iter().map(|name| (name.clone(), tenant.clone())).collect();
    let sample = Metrics { tenants, offload: Some(offload), ..Metrics::default() };
    let later = Metrics { at_us: 1_000_000, ..sample.clone() };
    let mut rates = Rates::default();
    [sample, later].into_iter().filter_map(|sample| rates.push(sample)).flat_map(BTreeMap::into_keys).collect()
}

fn operations(metrics: &TenantMetrics) -> u64 {
    metrics.ops.values().map(|op| op.count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(!counters(&quiet).contains_key("a.put.p99_ms"));
    }
}
