//! A Blob endpoint: its parts, put together.

use crate::auth::Authority;
use crate::limits::Limits;
use crate::meter::Meter;
use crate::roster::Roster;
use crate::source::Sources;
use crate::trace::Adopt;
use greenroom_store::Clock;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A Blob endpoint over the store of its authority.
pub struct Gateway {
    pub(crate) authority: Authority,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meter: Arc<dyn Meter>,
    pub(crate) request_seed: u64,
    pub(crate) requests: AtomicU64,
    pub(crate) sources: Arc<Sources>,
    pub(crate) roster: Roster,
    pub(crate) adopt: Adopt,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Gateway {
    /// `request_seed` is random: it makes request ids differ from one run to the next.
    pub fn new(
        authority: Authority,
        limits: Limits,
        clock: Arc<dyn Clock>,
        meter: Arc<dyn Meter>,
        sources: Sources,
        request_seed: u64,
        adopt: Adopt,
    ) -> Self {
        let sources = Arc::new(sources);
        let roster = Roster::new(limits.connections_max);
        Self { authority, limits, clock, meter, request_seed, requests: AtomicU64::new(0), sources, roster, adopt }
    }

    /// How many there are now.
    pub fn connections(&self) -> usize {
        self.roster.present()
    }

    /// How many are served at once.
    pub fn connections_max(&self) -> usize {
        self.limits.connections_max
    }
}
