//! The flash side: what offload asks of whoever keeps the blobs. The store implements it; tests have a model.

use crate::error::FlashError;
use crate::format::footer::{About, Key, Place};
use crate::hash::Hash;
use crate::log::{AuditHead, Dead, Known, State};
use crate::seal::Seal;
use bytes::Bytes;
use futures::stream::BoxStream;
use std::sync::Arc;

/// A blob of flash, as it is now.
pub struct FlashBlob {
    pub about: About,
    /// What seals it on its way; `None` for what leaves as it is.
    pub seal: Option<Arc<dyn Seal>>,
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
    /// With its ETag. `None` where its name is sealed, and was not opened.
    pub of: Option<(Key, String)>,
    pub place: Place,
    /// Compaction moved it from there; its content has not changed since.
    pub was: Option<Place>,
}

/// A manifest as the catalog sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub number: u64,
    pub hash: Hash,
    pub placements: Vec<Placement>,
    /// Released places that the cloud no longer counts.
    pub released: Vec<Dead>,
}

/// A recipe that counts, as a folder that has not heard of it meets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub key: Key,
    pub about: About,
    pub place: Place,
    pub was: Option<Place>,
    pub rank: Rank,
}

/// Among the recipes of one name that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// The newest: it is the blob.
    First,
    /// A newer one has taken its place, and nobody has said so to the log yet.
    Outdated,
}

/// What has become of a folder's rows when the log was adopted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Blobs, snapshots and containers that came in.
    pub added: u64,
    /// Blobs whose version here was offloaded once, and which a client of the other folder has overwritten.
    pub replaced: u64,
    /// Versions that never left this folder, of blobs that the other folder has under the same name: snapshots of those now.
    pub kept: u64,
    /// Deleted by clients of the other folder.
    pub dropped: u64,
    /// Snapshots whose blob only the other folder has: the volume keeps them, and nothing here shows them.
    pub left: u64,
}

impl std::ops::AddAssign for Adopted {
    fn add_assign(&mut self, more: Self) {
        let Adopted { added, replaced, kept, dropped, left } = more;
        self.added += added;
        self.replaced += replaced;
        self.kept += kept;
        self.dropped += dropped;
        self.left += left;
    }
}

pub trait Flash: Send + Sync + 'static {
    /// What the folder knows of the log.
    fn known(&self) -> impl Future<Output = Result<Known, FlashError>> + Send;

    /// How far its audit log has come, as its catalog has noted.
    fn audit(&self) -> impl Future<Output = Result<Option<AuditHead>, FlashError>> + Send;

    /// Notes, durably, that a manifest of this hash may be written after the last one that is known: `Known::mean`.
    fn mean(&self, hash: Hash) -> impl Future<Output = Result<(), FlashError>> + Send;

    /// The blob, if it is there with this ETag and its content on flash. The stream fails where the content cannot be read whole.
    fn read(&self, key: &Key, etag: &str) -> impl Future<Output = Result<Option<FlashBlob>, FlashError>> + Send;

    /// In one durable transaction, which may be asked for twice:
    /// - A placement with `was`: where the blob's place is `was`, it becomes `place`; also where its name is sealed.
    /// - One without: where the blob still has that ETag, its place becomes `place`; a place that it had before is queued for release.
    /// - Where a placement does not apply and is not the blob's place already, `place` is queued for release.
    /// - What `released` names leaves that queue.
    /// - `number` and `hash` are what is known from now on: `Known::apply`; a smaller or equal number changes nothing.
    ///
    /// No content is freed here. A blob that is deleted, or gets other content, queues its place for release in that very transaction.
    fn apply(&self, applied: Applied) -> impl Future<Output = Result<(), FlashError>> + Send;

    /// The oldest places in the queue.
    fn releases(&self, max: usize) -> impl Future<Output = Result<Vec<Place>, FlashError>> + Send;

    /// Takes in what the log holds and this folder may not have heard of, in transactions; asked for twice it changes nothing more. Nothing
    /// goes here but what a client has overwritten.
    /// - `First`, where the place, or `was`, waits in the queue of releases: a client of this folder has had the blob go. `place` joins it.
    /// - Where there is no such row: one comes in, with its content at the place.
    /// - Where the row has that ETag, or its place is `place` or `was`: its place becomes `place`. Where it was before is not queued: that
    ///   queue says what clients have had go.
    /// - Where it has had a place before: it becomes what the recipe says, and the old place is queued for release.
    /// - Where it has had none: it becomes a snapshot of what the recipe says.
    /// - `Outdated`: the place is queued for release.
    fn adopt(&self, found: Vec<Found>) -> impl Future<Output = Result<Adopted, FlashError>> + Send;

    /// As `adopt`, for a folder that only reads the volume: a row that has the ETag, or whose place is `was`, learns the place; nothing else.
    fn follow(&self, found: Vec<Found>) -> impl Future<Output = Result<(), FlashError>> + Send;

    /// Ends an adoption: what has a place that does not count goes, since a client of another folder has had it go, with its content on flash; so does,
    /// from the queue of releases, what does not count; and the last entry of `state` is what is known, since
    /// `now`. Err: some of it may have gone, and what is known is as before.
    fn end_adoption(&self, state: Arc<State>, now: i64) -> impl Future<Output = Result<Adopted, FlashError>> + Send;

    /// Frees the content of blobs whose place is the one given, and which nothing pins to flash. Returns the bytes freed.
    fn free(&self, blobs: &[(Key, Place)]) -> impl Future<Output = Result<u64, FlashError>> + Send;
}
