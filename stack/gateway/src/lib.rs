//! Speaks Azure's Blob protocol over the store: who asks, what for, and the answer in Azure's words.
//! Knows nothing of quotas, tiering or figures: node hands it a store, a clock, and a meter with its gates.

mod acl;
mod asks;
pub mod auth;
mod block;
mod body;
mod call;
mod cors;
mod dispatch;
pub mod error;
#[cfg(test)]
mod fuzz;
pub mod gate;
mod headers;
mod intake;
mod lease;
pub mod limits;
mod listing;
pub mod meter;
mod ops;
mod pace;
mod page;
mod properties;
mod query;
mod reply;
mod request;
mod roster;
mod route;
mod serve;
mod service;
pub mod source;
mod spelling;
mod structured;
mod tag_query;
mod target;
pub mod time;
mod xml;

use auth::Authority;
use greenroom_store::Clock;
use limits::Limits;
use meter::Meter;
use source::Sources;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub use serve::{Wire, serve};
pub use tokio_rustls::rustls;

/// A Blob endpoint over the store of its authority.
pub struct Gateway {
    authority: Authority,
    limits: Limits,
    clock: Arc<dyn Clock>,
    meter: Arc<dyn Meter>,
    request_seed: u64,
    requests: AtomicU64,
    sources: Arc<Sources>,
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
    ) -> Self {
        let sources = Arc::new(sources);
        Self { authority, limits, clock, meter, request_seed, requests: AtomicU64::new(0), sources }
    }
}
