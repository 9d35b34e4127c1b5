//! One curve, twice: the last minute as it came, and the whole run in a fixed number of buckets. Bounded however long the run.

use crate::Micros;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub at: Micros,
    pub value: f64,
}

/// How much of a run its charts show: each can draw both at any time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Span {
    #[default]
    LastMinute,
    WholeRun,
}

impl Span {
    pub fn other(self) -> Span {
        match self {
            Span::LastMinute => Span::WholeRun,
            Span::WholeRun => Span::LastMinute,
        }
    }
}

/// What `Span::LastMinute` shows.
pub const RECENT: Micros = 60_000_000;
/// A minute of samples at 30 a second: more often than the director sends.
const RECENT_POINTS_MAX: usize = 1_800;
/// About one bucket for each second pixel of a wide chart.
const WHOLE_POINTS_MAX: usize = 800;
const FIRST_STRIDE: Micros = 100_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    recent: VecDeque<Point>,
    /// Means of the samples in each bucket of `stride`.
    whole: Vec<Bucket>,
    stride: Micros,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Bucket {
    slot: u64,
    sum: f64,
    count: u32,
}

impl Bucket {
    /// A sum stays a number, however large what is added: infinity has no form in JSON.
    fn add(&mut self, sum: f64, count: u32) {
        self.sum = (self.sum + sum).clamp(f64::MIN, f64::MAX);
        self.count = self.count.saturating_add(count);
    }
}

impl Default for Series {
    fn default() -> Self {
        Self { recent: VecDeque::new(), whole: Vec::new(), stride: FIRST_STRIDE }
    }
}

impl Series {
    pub fn push(&mut self, at: Micros, value: f64) {
        self.recent.push_back(Point { at, value });
        while self.recent.len() > RECENT_POINTS_MAX
            || self.recent.front().is_some_and(|first| first.at.saturating_add(RECENT) < at)
        {
            self.recent.pop_front();
        }
        let slot = at / self.stride;
        match self.whole.last_mut() {
            Some(last) if last.slot >= slot => {
                last.add(value, 1);
            }
            _ => self.whole.push(Bucket { slot, sum: value, count: 1 }),
        }
        if self.whole.len() > WHOLE_POINTS_MAX {
            self.coarsen();
        }
    }

    pub fn last(&self) -> Option<Point> {
        self.recent.back().copied()
    }

    /// The last minute, oldest first.
    pub fn recent(&self) -> impl Iterator<Item = Point> + '_ {
        self.recent.iter().copied()
    }

    /// The whole run, oldest first, each point the mean of its bucket.
    pub fn whole(&self) -> impl Iterator<Item = Point> + '_ {
        self.whole.iter().map(|bucket| Point {
            at: (bucket.slot * self.stride).saturating_add(self.stride / 2),
            value: bucket.sum / f64::from(bucket.count),
        })
    }

    fn coarsen(&mut self) {
        self.stride *= 2;
        let mut merged: Vec<Bucket> = Vec::with_capacity(self.whole.len() / 2 + 1);
        for bucket in self.whole.drain(..) {
            let slot = bucket.slot / 2;
            match merged.last_mut() {
                Some(last) if last.slot == slot => {
                    last.add(bucket.sum, bucket.count);
                }
                _ => merged.push(Bucket { slot, ..bucket }),
            }
        }
        self.whole = merged;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_stays_bounded_and_keeps_its_mean() {
        let mut series = Series::default();
        for sample in 0..200_000u64 {
            series.push(sample * 50_000, (sample % 2) as f64 * 10.0);
        }
        assert!(series.recent().count() <= RECENT_POINTS_MAX);
        assert!(series.whole().count() <= WHOLE_POINTS_MAX);
        assert!(series.whole().all(|point| (point.value - 5.0).abs() < 1.0));
        let first = series.recent().next().expect("samples");
        assert!(series.last().expect("samples").at - first.at <= RECENT);
    }

    #[test]
    fn the_largest_samples_leave_a_series_that_can_be_sent() {
        let mut series = Series::default();
        for at in 0..5_000u64 {
            series.push(at * 50_000, f64::MAX);
        }
        series.push(Micros::MAX, f64::MAX);
        let wire = serde_json::to_string(&series).expect("plain values");
        assert_eq!(serde_json::from_str::<Series>(&wire).expect("what was written"), series);
        assert!(series.whole().all(|point| point.value.is_finite()));
    }

    #[test]
    fn times_never_run_backwards() {
        let mut series = Series::default();
        for at in [0, 90_000, 100_000, 90_000, 5_000_000] {
            series.push(at, 1.0);
        }
        let times: Vec<_> = series.whole().map(|point| point.at).collect();
        assert!(times.is_sorted());
    }
}
