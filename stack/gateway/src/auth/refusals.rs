//! The latest requests that were turned away, for the operator: bounded, and forgotten with the process.

use greenroom_model::control::RefusedRequest;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Enough to find one's own among others' tries; about 10 KiB each at most.
pub const REFUSALS_MAX: usize = 200;

/// Told of each refusal. It must not block: whoever is refused could make the server wait.
pub type Witness = Box<dyn Fn(&RefusedRequest) + Send + Sync>;

#[derive(Default)]
pub struct Refusals {
    latest: Mutex<VecDeque<RefusedRequest>>,
    witness: Option<Witness>,
}

impl std::fmt::Debug for Refusals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Refusals")
    }
}

impl Refusals {
    pub fn witnessed_by(witness: Witness) -> Self {
        Self { witness: Some(witness), ..Self::default() }
    }

    pub fn add(&self, refused: RefusedRequest) {
        self.witness.iter().for_each(|witness| witness(&refused));
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
