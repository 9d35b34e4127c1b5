//! The latest requests that were turned away, for the operator: bounded, and forgotten with the process.

use greenroom_model::control::RefusedRequest;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Enough to find one's own among others' tries; about 10 KiB each at most.
pub const REFUSALS_MAX: usize = 200;

#[derive(Debug, Default)]
pub struct Refusals {
    latest: Mutex<VecDeque<RefusedRequest>>,
}

impl Refusals {
    pub fn add(&self, refused: RefusedRequest) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() == REFUSALS_MAX {
            latest.pop_back();
        }
        latest.push_front(refused);
    }

    /// The newest first.
    pub fn latest(&self) -> Vec<RefusedRequest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
