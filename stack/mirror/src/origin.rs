//! Where a mirror's blobs are: what is asked of it.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use greenroom_store::{HttpHeaders, Metadata, Tags, Tier, Timestamp};
use std::fmt;
use std::ops::Range;

/// Content on its way from there. An error within it is the last part.
pub type Content = BoxStream<'static, Result<Bytes, OriginError>>;

/// A blob as its origin shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct There {
    /// As it is there; whether it can be one here is for whoever takes it.
    pub name: String,
    /// Without quotes.
    pub etag: String,
    pub length: u64,
    pub kind: TheirKind,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub headers: HttpHeaders,
    pub metadata: Metadata,
    pub tags: Tags,
    /// `None` where it is the account's default.
    pub tier: Option<Tier>,
    pub tier_changed: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TheirKind {
    Block,
    /// A page blob, an append blob, or what we have no name for.
    Other,
}

/// A page of a list: in the origin's order, each name once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    pub blobs: Vec<There>,
    /// Names rolled up to a delimiter, with it.
    pub folders: Vec<String>,
    /// Where the next page begins, in the origin's own words; `None` at the end.
    pub next: Option<String>,
}

/// Why an origin gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// No such blob or container.
    #[error("there is no such thing")]
    Missing,
    /// The blob has another ETag than was asked for.
    #[error("it has changed there")]
    Changed,
    /// It does not let us.
    #[error("{0}")]
    Refused(String),
    /// It cannot be reached, or something else answers in its place, or its answer cannot be read.
    #[error("{0}")]
    Away(String),
}

impl OriginError {
    /// Of an origin that only Azure's protocol could be written to.
    pub fn no_canaries() -> Self {
        OriginError::Refused("canaries are for Azure: leave canary_s out".to_owned())
    }
}

/// An account elsewhere, or what stands for one. Every list is held to its prefix by whoever asks for it.
#[async_trait]
pub trait Origin: fmt::Debug + Send + Sync + 'static {
    /// Names of containers, in order, after one.
    async fn containers(&self, after: Option<String>) -> Result<(Vec<String>, Option<String>), OriginError>;

    /// A page of what begins with the prefix, at most `max` entries; with the delimiter `/` rolled up, where asked for.
    /// `Missing`: there is no such container.
    async fn list(
        &self,
        container: &str,
        prefix: &str,
        rolled_up: bool,
        after: Option<String>,
        max: usize,
    ) -> Result<Listed, OriginError>;

    /// A small blob as a whole, such as an index of a feed. `Away` where it is larger than that.
    async fn whole(&self, container: &str, name: &str, bytes_max: u64) -> Result<Bytes, OriginError>;

    /// A range of a blob that has this ETag still.
    async fn read(&self, container: &str, name: &str, etag: &str, range: Range<u64>) -> Result<Content, OriginError>;

    /// Writes a small blob, a canary, and says which ETag it has.
    async fn put(&self, _container: &str, _name: &str, _bytes: Bytes) -> Result<String, OriginError> {
        Err(OriginError::no_canaries())
    }

    /// Removes it again.
    async fn delete(&self, _container: &str, _name: &str) -> Result<(), OriginError> {
        Err(OriginError::no_canaries())
    }

    /// Whether it may have a change feed: whether asking for one makes sense.
    fn may_tell(&self) -> bool {
        false
    }
}
