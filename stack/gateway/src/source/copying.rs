//! A copy, as its source sees it: who asks, for what, and what an operator allows.

use super::policy::{self, Allowed};
use crate::auth::{Authority, Identity};
use crate::error::{Code, Error};
use crate::head::Head;
use crate::headers;
use greenroom_model::BlobPath;
use greenroom_store::{CustomerKey, Store, Timestamp};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio_rustls::rustls::ClientConfig;

/// What an operator decides about copy sources, and where this gateway itself is reached.
#[derive(Debug, Clone)]
pub struct Sources {
    pub(super) own: SocketAddr,
    pub(super) allowed: Vec<Allowed>,
    pub(super) trust: Arc<ClientConfig>,
}

impl Sources {
    /// `own` is the address that the Blob endpoint is bound to; `allowed` are sources that may be fetched although their address is
    /// loopback or private; `trust` says whose certificates an https source may have.
    pub fn new(own: SocketAddr, allowed: Vec<Allowed>, trust: Arc<ClientConfig>) -> Self {
        Self { own, allowed, trust }
    }

    /// Whether what is named so may be reached at this address.
    pub fn permits(&self, host: &str, port: u16, address: IpAddr) -> bool {
        policy::permits(&self.allowed, host, port, address)
    }

    /// Whose certificates are believed.
    pub fn trust(&self) -> &Arc<ClientConfig> {
        &self.trust
    }
}

/// A request as its copy source sees it: what it says, whose it is, and what judges the source.
#[derive(Debug, Clone, Copy)]
pub struct Copying<'c> {
    pub head: &'c Head,
    pub identity: &'c Identity,
    pub authority: &'c Authority,
    pub sources: &'c Sources,
    pub now: Timestamp,
    /// What the request shows for what its source is sealed by.
    pub source_key: Option<&'c CustomerKey>,
}

impl<'c> Copying<'c> {
    pub(super) fn store(self) -> &'c Store {
        &self.authority.store
    }

    /// The blob that is written.
    pub(super) fn blob(self) -> Result<BlobPath, Error> {
        Ok(self.head.target.blob().ok_or(Code::InvalidUri)?.clone())
    }
}

/// Whether content in the archive may be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archived {
    /// Into another blob, which is in an online tier.
    Copied,
    Refused,
}

/// `x-ms-source-range`.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub first: u64,
    /// Included; the end where absent.
    pub last: Option<u64>,
}

impl Range {
    pub fn of(head: &Head) -> Result<Option<Range>, Error> {
        let name = "x-ms-source-range";
        let Some(text) = head.filled(name) else { return Ok(None) };
        let (first, last) = headers::parse_range(text).ok_or_else(|| Error::new(Code::InvalidHeaderValue, name))?;
        Ok(Some(Range { first, last }))
    }
}
