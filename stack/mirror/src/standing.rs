//! How a mirror stands, for whoever asks: written by its task, read by others.

use crate::seen::LeftOut;
use greenroom_model::mirror::{LAG_BUCKETS, Lag, MirrorCounts, MirrorState};
use greenroom_store::{Reflected, Timestamp};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A day: what is later counts as this.
const LAG_MS_MAX: u64 = 86_400_000;

#[derive(Debug)]
pub struct Standing(Mutex<Known>);

/// All of it is in memory: since the mirror's task began.
#[derive(Debug)]
pub struct Known {
    pub state: MirrorState,
    pub why: Option<String>,
    pub counts: MirrorCounts,
    pub events_behind: u64,
    pub left_out: BTreeMap<LeftOut, u64>,
    pub canary_lag_ms: Option<u64>,
    lags: Histogram<u64>,
    /// The same, as [`Lag`] has them: kept, since they are asked for many times a second.
    lag_counts: [u64; LAG_BUCKETS],
}

impl Default for Standing {
    fn default() -> Self {
        let lags = Histogram::new_with_bounds(1, LAG_MS_MAX, 2).expect("bounds that are in order");
        Self(Mutex::new(Known {
            state: MirrorState::default(),
            why: None,
            counts: MirrorCounts::default(),
            events_behind: 0,
            left_out: BTreeMap::new(),
            canary_lag_ms: None,
            lags,
            lag_counts: [0; LAG_BUCKETS],
        }))
    }
}

impl Standing {
    pub fn known(&self) -> MutexGuard<'_, Known> {
        // It is whole after every statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Rows were written and removed.
    pub(crate) fn did(&mut self, done: &Reflected) {
        self.counts.put += done.put;
        self.counts.gone += done.gone;
        if done.too_large > 0 {
            *self.left_out.entry(LeftOut::TooLarge).or_default() += done.too_large;
        }
    }

    pub fn came(&mut self, happened_us: i64, now: Timestamp) {
        let lag_ms = ms_between(happened_us, now).clamp(1, LAG_MS_MAX);
        self.lags.saturating_record(lag_ms);
        self.lag_counts[Lag::bucket(lag_ms)] += 1;
    }

    pub fn lag(&self) -> Lag {
        Lag {
            events: self.lags.len(),
            p50_ms: self.lags.value_at_quantile(0.5),
            p99_ms: self.lags.value_at_quantile(0.99),
            max_ms: self.lags.max(),
            counts: self.lag_counts,
        }
    }

    pub fn left_out(&self) -> BTreeMap<String, u64> {
        self.left_out.iter().map(|(why, count)| (why.words().to_owned(), *count)).collect()
    }
}

pub fn ms_between(from_us: i64, to: Timestamp) -> u64 {
    u64::try_from(to.0.saturating_sub(from_us) / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lag_is_in_one_bucket_however_long_it_was() {
        let standing = Standing::default();
        let mut known = standing.known();
        let now = Timestamp(1_000_000_000_000);
        for lag_ms in [0, 100, 130, 900, 900, 9_999_999_999] {
            known.came(now.0 - lag_ms * 1_000, now);
        }
        // A clock there that is ahead of ours.
        known.came(now.0 + 5_000_000, now);
        let lag = known.lag();
        assert_eq!((lag.counts[0], lag.counts[1], lag.counts[3], lag.counts[LAG_BUCKETS - 1]), (3, 1, 2, 1));
        assert_eq!(lag.counts.iter().sum::<u64>(), lag.events);
    }
}
