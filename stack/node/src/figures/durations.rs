//! How long requests took since the server started, in buckets: what whoever scrapes adds up over time and over servers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// From what memory answers to what a cloud that is hardly there does, a factor of two or three apart.
const BOUNDS_US: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000,
];

#[derive(Debug, Default)]
pub struct Durations {
    /// By the first bound that is not below; the last is of those that are above all.
    counts: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// Durations at one moment, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Upper bounds, the last of which is infinite, and how many are in each bucket alone.
    pub buckets: Vec<(f64, u64)>,
    pub count: u64,
    pub sum: f64,
}

impl Durations {
    pub fn record(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.counts[BOUNDS_US.partition_point(|bound| *bound < us)].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    pub fn read(&self) -> Histogram {
        let bounds = BOUNDS_US.iter().map(|us| *us as f64 / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(&self.counts).map(|(bound, count)| (bound, count.load(Relaxed))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Histogram { buckets, count, sum: self.sum_us.load(Relaxed) as f64 / 1e6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_the_first_bucket_that_holds_it() {
        let durations = Durations::default();
        for us in [0, 250, 251, 1_000, 10_000_000, 10_000_001] {
            durations.record(Duration::from_micros(us));
        }
        let read = durations.read();
        let used: Vec<_> = read.buckets.iter().filter(|(_, count)| *count > 0).copied().collect();
        assert_eq!(used, [(0.000_25, 2), (0.000_5, 1), (0.001, 1), (10.0, 1), (f64::INFINITY, 1)]);
        assert_eq!((read.count, durations.count(), read.sum), (6, 6, 20.001_502));
    }
}
