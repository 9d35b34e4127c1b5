//! What the gateway tells whoever keeps the figures: bytes as they move, and each answer with its latency.

use greenroom_model::TenantName;
use greenroom_model::metrics::OpClass;
use http::StatusCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Keeps figures by tenant.
pub trait Meter: Send + Sync + 'static {
    fn tenant(&self, tenant: &TenantName) -> Arc<dyn TenantMeter>;
}

/// Keeps the figures of one tenant. Called on the path of every request: it must not block.
pub trait TenantMeter: Send + Sync + 'static {
    fn begun(&self);
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
    tenant: Arc<dyn TenantMeter>,
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
    pub fn begin(tenant: Arc<dyn TenantMeter>, class: OpClass, began: Instant) -> Self {
        tenant.begun();
        Self { tenant, class, began, outcome: Outcome::Broken }
    }

    pub fn tenant(&self) -> &Arc<dyn TenantMeter> {
        &self.tenant
    }

    pub fn set_outcome(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.tenant.ended(self.class, self.outcome, self.began.elapsed());
    }
}
