//! The flash side: what offload asks of whoever keeps the blobs. The store implements it; tests have a model.

use crate::error::FlashError;
use crate::format::footer::{About, Key, Recipe};
use crate::hash::Hash;
use crate::log::Dead;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

/// A recipe: where an offloaded blob is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub segment: Hash,
    /// Its number in the segment's footer.
    pub recipe: u32,
}

/// A blob of flash, as it is now.
pub struct FlashBlob {
    pub about: About,
    pub content: BoxStream<'static, Result<Bytes, FlashError>>,
}

impl std::fmt::Debug for FlashBlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.about.fmt(f)
    }
}

/// What a commit put into the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub key: Key,
    pub etag: String,
    pub place: Place,
    /// Compaction moved it from there; its content has not changed since.
    pub was: Option<Place>,
}

/// A manifest as the catalog sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    pub number: u64,
    pub placements: Vec<Placement>,
    /// Released places that the cloud no longer counts.
    pub released: Vec<Dead>,
}

pub trait Flash: Send + Sync + 'static {
    /// Number of the last manifest applied, 0 for none.
    fn applied(&self) -> impl Future<Output = Result<u64, FlashError>> + Send;

    /// The blob, if it is there with this ETag and its content on flash. The stream fails where the content cannot be read whole.
    fn read(&self, key: &Key, etag: &str) -> impl Future<Output = Result<Option<FlashBlob>, FlashError>> + Send;

    /// In one durable transaction, which may be asked for twice:
    /// - A placement with `was`: where the blob's place is `was`, it becomes `place`.
    /// - One without: where the blob still has that ETag, its place becomes `place`; a place that it had before is queued for release.
    /// - Where a placement does not apply and is not the blob's place already, `place` is queued for release.
    /// - What `released` names leaves that queue.
    /// - `number` is kept; a smaller or equal one changes nothing.
    ///
    /// No content is freed here. A blob that is deleted, or gets other content, queues its place for release in that very transaction.
    fn apply(&self, applied: Applied) -> impl Future<Output = Result<(), FlashError>> + Send;

    /// The oldest places in the queue.
    fn releases(&self, max: usize) -> impl Future<Output = Result<Vec<Place>, FlashError>> + Send;

    /// Frees the content of blobs whose place is the one given, and which nothing pins to flash. Returns the bytes freed.
    fn free(&self, blobs: &[(Key, Place)]) -> impl Future<Output = Result<u64, FlashError>> + Send;
}

impl Placement {
    pub(crate) fn of(recipe: &Recipe, place: Place) -> Self {
        Self { key: recipe.key.clone(), etag: recipe.about.etag.clone(), place, was: recipe.was }
    }
}
