//! The latest requests that were turned away, for the operator: bounded, and forgotten with the process. And whom else it concerns: what was
//! refused, and what was given out.

use greenroom_model::AccountName;
use greenroom_model::control::RefusedRequest;
use greenroom_store::Timestamp;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Enough to find one's own among others' tries; about 10 KiB each at most.
pub const REFUSALS_MAX: usize = 200;

/// Some milliseconds' work each.
const EXPLAINED_A_SECOND: u32 = 5;

/// Told of what concerns an audit. It must not block: whoever is refused could make the server wait.
pub trait Witness: Send + Sync {
    fn refused(&self, refused: &RefusedRequest);
    /// Who was given a credential that was derived for the account.
    fn gave_out(&self, account: &AccountName, what: &str);
}

#[derive(Default)]
pub struct Refusals {
    latest: Mutex<VecDeque<RefusedRequest>>,
    /// The second that it is, and how many were explained in it.
    explained: Mutex<(i64, u32)>,
    witness: Option<Arc<dyn Witness>>,
}

impl std::fmt::Debug for Refusals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Refusals")
    }
}

impl Refusals {
    pub fn witnessed_by(witness: Arc<dyn Witness>) -> Self {
        Self { witness: Some(witness), ..Self::default() }
    }

    /// Whether what differs in another request is found out: strangers cannot make the server spend its time on that.
    pub fn may_explain(&self, now: Timestamp) -> bool {
        let second = now.0.div_euclid(1_000_000);
        let mut explained = self.explained.lock().unwrap_or_else(PoisonError::into_inner);
        if explained.0 != second {
            *explained = (second, 0);
        }
        explained.1 += 1;
        explained.1 <= EXPLAINED_A_SECOND
    }

    pub fn add(&self, refused: RefusedRequest) {
        self.witness.iter().for_each(|witness| witness.refused(&refused));
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() == REFUSALS_MAX {
            latest.pop_back();
        }
        latest.push_front(refused);
    }

    pub fn gave_out(&self, account: &AccountName, what: &str) {
        self.witness.iter().for_each(|witness| witness.gave_out(account, what));
    }

    /// The newest first.
    pub fn latest(&self) -> Vec<RefusedRequest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_are_explained_a_second() {
        let refusals = Refusals::default();
        let at = |second: i64| Timestamp(second * 1_000_000 + 17);
        let explained = |second| (0..100).filter(|_| refusals.may_explain(at(second))).count();
        assert_eq!([explained(1), explained(1), explained(2), explained(9)], [5, 0, 5, 5]);
    }
}
