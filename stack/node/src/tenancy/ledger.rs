//! What each account uses, counted as it happens.

use greenroom_model::metrics::OpClass;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[derive(Debug, Default)]
pub struct AccountFigures {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    waited_us: AtomicU64,
    throttled: AtomicU64,
    ops: [AtomicU64; OpClass::ALL.len()],
}

/// An account's counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub waited_us: u64,
    pub throttled: u64,
    pub ops: [u64; OpClass::ALL.len()],
}

impl AccountFigures {
    pub fn waited(&self, wait: Duration) {
        self.waited_us.fetch_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    pub fn throttled(&self) {
        self.throttled.fetch_add(1, Relaxed);
    }

    pub fn took(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
    }

    pub fn sent(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Relaxed);
    }

    pub fn ended(&self, class: OpClass) {
        self.ops[class as usize].fetch_add(1, Relaxed);
    }

    pub fn read(&self) -> Counters {
        Counters {
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            waited_us: self.waited_us.load(Relaxed),
            throttled: self.throttled.load(Relaxed),
            ops: std::array::from_fn(|class| self.ops[class].load(Relaxed)),
        }
    }
}
