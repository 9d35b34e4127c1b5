//! What the gateway tells whoever keeps the figures: bytes as they move, and each answer with its latency.

use crate::gate::Gate;
use greenroom_model::metrics::OpClass;
use greenroom_store::AccountRecord;
use http::StatusCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Keeps figures, and order, by account and its tenant.
pub trait Meter: Send + Sync + 'static {
    fn account(&self, account: &AccountRecord) -> Served;
}

/// What an account's requests are counted and admitted by.
#[derive(Clone)]
pub struct Served {
    pub meter: Arc<dyn TenantMeter>,
    pub gate: Arc<dyn Gate>,
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Served")
    }
}

/// Keeps the figures of one tenant. Called on the path of every request: it must not block.
pub trait TenantMeter: Send + Sync + 'static {
    fn begun(&self);
    /// A request waited for admission, perhaps for no time at all.
    fn waited(&self, wait: Duration);
    /// A request was told to come again.
    fn throttled(&self);
    /// Bytes of a request's body, as they arrive.
    fn took(&self, bytes: u64);
    /// Bytes of a reply's body, as they leave.
    fn sent(&self, bytes: u64);
    /// Ends what `begun` started, once for each.
    fn ended(&self, class: OpClass, outcome: Outcome, latency: Duration);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered(StatusCode),
    /// The connection went away, or the reply could not be sent to its end.
    Broken,
}

/// One request being measured: from its first byte until its reply is sent, or dropped.
pub struct Measured {
    served: Served,
    class: OpClass,
    began: Instant,
    outcome: Outcome,
}

impl std::fmt::Debug for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Measured").field("class", &self.class).field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

impl Measured {
    pub fn begin(served: Served, class: OpClass, began: Instant) -> Self {
        served.meter.begun();
        Self { served, class, began, outcome: Outcome::Broken }
    }

    pub fn tenant(&self) -> &Arc<dyn TenantMeter> {
        &self.served.meter
    }

    pub fn gate(&self) -> &Arc<dyn Gate> {
        &self.served.gate
    }

    pub fn set_outcome(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.served.meter.ended(self.class, self.outcome, self.began.elapsed());
    }
}
