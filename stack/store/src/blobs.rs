//! What is done with blobs as a whole.

use crate::blob::Blob;
use crate::body::{Body, BodyWriter};
use crate::catalog::{News, Snapshot, Txn};
use crate::clock::Timestamp;
use crate::encryption;
use crate::error::{Result, StoreError};
use crate::etag::ETag;
use crate::extent::{ExtentMap, framed};
use crate::lease::{Lease, LeaseAction};
use crate::list::{BlobPage, ListQuery};
use crate::piece::Piece;
use crate::precondition::{Access, Precondition, Version};
use crate::props::{BlobChange, BlobDraft, BlobKind, BlobProps};
use crate::quota::Growth;
use crate::quotas::New;
use crate::rows::{BlobRow, CommittedBlock, List, PROPS_BYTES_MAX, Place, blob_key, encode};
use crate::seal::DataKey;
use crate::store::Store;
use crate::usage::Owner;
use greenroom_model::feed::EventKind;
use greenroom_model::{AccountName, BlobPath, ContainerPath};
use serde::Serialize;
use std::sync::Arc;

/// What the deletion of a blob does about its snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snapshots {
    /// There must be none.
    Keep,
    Delete,
}

/// What a write puts in a blob's place.
pub(crate) struct Content {
    pub props: BlobProps,
    pub pieces: List<Piece>,
    pub blocks: Vec<CommittedBlock>,
}

impl Store {
    /// Begins to take content in; `length` where it is known beforehand. Err: `Full`.
    pub fn begin_body(&self, length: Option<u64>) -> Result<BodyWriter> {
        self.begin_sealed(None, length)
    }

    /// As `begin_body`, for content of an account: sealed by its tenant's key, where it has one. Err: as `begin_body`, `KeyDenied`, `KeyAway`.
    pub async fn begin_body_of(&self, account: &AccountName, length: Option<u64>) -> Result<BodyWriter> {
        self.begin_sealed(self.sealing_key(account).await?, length)
    }

    pub(crate) fn begin_sealed(&self, key: Option<Arc<DataKey>>, length: Option<u64>) -> Result<BodyWriter> {
        let lane = self.extents().lane(framed::kind(key.as_ref()), length);
        BodyWriter::new(self.space(), lane, key, length)
    }

    /// Makes or overwrites a blob, and discards its staged blocks. The body is sealed as the draft says.
    /// Err: `ContainerMissing`, `ConditionNotMet`, `BlobExists`, `PropsTooLarge`, `EncryptionUnmet`.
    pub async fn put_blob(
        &self,
        path: &BlobPath,
        draft: BlobDraft,
        body: Body,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        let (path, precondition) = (path.clone(), precondition.clone());
        check_size(&draft)?;
        encryption::same(body.encryption(), draft.seal.encryption().as_ref()).map_err(StoreError::EncryptionUnmet)?;
        self.write(move |txn| put(txn, &path, draft, &body, &precondition)).await
    }

    /// Err: `ContainerMissing`, `BlobMissing`.
    pub async fn blob(&self, path: &BlobPath) -> Result<Blob> {
        self.look_up(path, None)
    }

    /// The blob, or the snapshot of it of that moment. Err: `ContainerMissing`, `BlobMissing`.
    pub async fn blob_at(&self, path: &BlobPath, snapshot: Option<Timestamp>) -> Result<Blob> {
        self.look_up(path, snapshot)
    }

    /// A look-up walks a handful of pages, nearly all of them cached: less than a hop to another thread and back costs.
    pub(crate) fn look_up(&self, path: &BlobPath, at: Option<Timestamp>) -> Result<Blob> {
        let (snapshot, extents) = {
            let extents = self.extents().map();
            (self.snapshot()?, extents.clone())
        };
        let container = snapshot.container(&path.container)?;
        let key = blob_key(container.id, path.name.as_str());
        let mut row = snapshot.blob(&key)?.ok_or(StoreError::BlobMissing)?;
        let mut place = Place::Base(key);
        if let Some(time) = at {
            let set = row.snapshots.ok_or(StoreError::BlobMissing)?;
            row = snapshot.blob_snapshot(set, time)?.ok_or(StoreError::BlobMissing)?;
            place = Place::Snapshot(set, time);
        }
        Ok(self.opened(path.clone(), place, row, snapshot, extents))
    }

    /// What lies at a place in the catalog, if it is still what it was. Err: `SourceChanged`.
    pub(crate) fn opened_at(&self, path: BlobPath, place: &Place, etag: ETag) -> Result<Blob> {
        let (snapshot, extents) = {
            let extents = self.extents().map();
            (self.snapshot()?, extents.clone())
        };
        let row = snapshot.row(place)?.filter(|row| row.props.etag == etag).ok_or(StoreError::SourceChanged)?;
        Ok(self.opened(path, place.clone(), row, snapshot, extents))
    }

    pub(crate) fn opened(
        &self,
        path: BlobPath,
        place: Place,
        row: BlobRow,
        snapshot: Snapshot,
        extents: Arc<ExtentMap>,
    ) -> Blob {
        let whereabouts = row.whereabouts();
        let (faults, heat) = (self.faults().clone(), self.heat().clone());
        let (origin, was_read) = (row.origin().map(str::to_owned), row.used != Timestamp::default());
        let (BlobRow { props, pieces, .. }, store, customer) = (row, self.clone(), None);
        Blob {
            props,
            path,
            faults,
            heat,
            place,
            whereabouts,
            origin,
            was_read,
            pieces,
            snapshot,
            extents,
            store,
            customer,
        }
    }

    /// Err: `ContainerMissing`, `BlobMissing`, `BlobKind` for a page blob's tier, `ConditionNotMet`, `PropsTooLarge`.
    pub async fn update_blob(
        &self,
        path: &BlobPath,
        change: BlobChange,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write(move |txn| update(txn, &path, change, &precondition)).await
    }

    /// Acquires, renews, changes, releases or breaks the blob's lease; what it is now is in the answer.
    /// Err: `ContainerMissing`, `BlobMissing`, `ConditionNotMet`, `LeaseRefused`.
    pub async fn lease_blob(
        &self,
        path: &BlobPath,
        action: LeaseAction,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write(move |txn| lease(txn, &path, action, &precondition)).await
    }

    /// Discards the blob and its staged blocks.
    /// Err: `ContainerMissing`, `BlobMissing`, `ConditionNotMet`, `SnapshotsPresent` where there are some and they are to be kept.
    pub async fn delete_blob(&self, path: &BlobPath, snapshots: Snapshots, precondition: &Precondition) -> Result<()> {
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write(move |txn| delete(txn, &path, snapshots, &precondition)).await
    }

    /// One page, by seeking: what a delimiter rolls up is skipped, not read. Err: `ContainerMissing`.
    pub async fn list_blobs(&self, container: &ContainerPath, query: &ListQuery) -> Result<BlobPage> {
        let (path, query) = (container.clone(), query.clone());
        self.read_many(move |snapshot| snapshot.list_blobs(snapshot.container(&path)?.id, &query)).await
    }
}

/// Refuses what is too large for a row before anything has been written.
pub(crate) fn check_size(props: &impl Serialize) -> Result<()> {
    let bytes = encode(props).len();
    if bytes > PROPS_BYTES_MAX {
        return Err(StoreError::PropsTooLarge { bytes, max: PROPS_BYTES_MAX });
    }
    Ok(())
}

fn put(
    txn: &mut Txn<'_>,
    path: &BlobPath,
    draft: BlobDraft,
    body: &Body,
    precondition: &Precondition,
) -> Result<BlobProps> {
    let (container, key, old) = txn.look_up(path)?;
    precondition.check(old.as_ref().map(|old| Version::from(&old.props)), Access::Write, txn.now)?;
    let new = New { draft: &draft, length: body.length(), blocks: 0 };
    txn.afford_blob(&container.tenant, &key, old.as_ref(), &new)?;
    let props = written(txn, draft, old.as_ref(), body.length(), body.crc64());
    let pieces = txn.keep(body.pieces().to_vec())?;
    replace(txn, &container.tenant, &key, old, Content { props, pieces, blocks: Vec::new() })
}

/// Puts content in the place of what was there, and discards what is staged. The snapshots of the old blob stay with the new one.
pub(crate) fn replace(
    txn: &mut Txn<'_>,
    tenant: &Owner,
    key: &[u8],
    old: Option<BlobRow>,
    Content { props, pieces, blocks }: Content,
) -> Result<BlobProps> {
    let snapshots = old.as_ref().and_then(|old| old.snapshots);
    if let Some(old) = old {
        txn.free_blob(tenant, old)?;
    }
    txn.discard_staging(tenant, key)?;
    let count = blocks.len();
    let blocks = txn.list_blocks(blocks)?;
    let row = BlobRow::new(props, pieces, blocks, snapshots);
    txn.put_row(tenant, key, row, count, News::Of(EventKind::Created))
}

/// The properties of a blob that a write has just made, in place of `old`.
pub(crate) fn written(
    txn: &mut Txn<'_>,
    draft: BlobDraft,
    old: Option<&BlobRow>,
    length: u64,
    crc64: u64,
) -> BlobProps {
    let now = txn.now;
    BlobProps {
        length,
        etag: txn.next_etag(),
        created: old.map_or(now, |old| old.props.created),
        modified: now,
        headers: draft.headers,
        metadata: draft.metadata,
        tags: draft.tags,
        tier: draft.tier,
        tier_changed: draft.tier.map(|_| now),
        crc64,
        copy: draft.copy,
        lease: old.map_or(Lease::Free, |old| old.props.lease.after_write(now)),
        kind: BlobKind::Block,
        encryption: draft.seal.encryption(),
    }
}

fn update(txn: &mut Txn<'_>, path: &BlobPath, change: BlobChange, precondition: &Precondition) -> Result<BlobProps> {
    let (container, key, row) = txn.look_up(path)?;
    let mut row = row.ok_or(StoreError::BlobMissing)?;
    precondition.check(Some(Version::from(&row.props)), Access::Write, txn.now)?;
    if matches!((&change, row.props.kind), (BlobChange::Tier(_), BlobKind::Page { .. })) {
        return Err(StoreError::BlobKind);
    }
    let was = row.usage();
    let new_version = matches!(change, BlobChange::Headers(_) | BlobChange::Metadata(_));
    let news = News::Of(match &change {
        BlobChange::Headers(_) | BlobChange::Metadata(_) | BlobChange::Tags(_) => EventKind::PropertiesUpdated,
        BlobChange::Tier(_) => EventKind::TierChanged,
    });
    match change {
        BlobChange::Headers(headers) => (row.props.headers, row.props.copy) = (headers, None),
        BlobChange::Metadata(metadata) => row.props.metadata = metadata,
        BlobChange::Tags(tags) => row.props.tags = tags,
        BlobChange::Tier(tier) if row.props.tier == Some(tier) => {}
        BlobChange::Tier(tier) => {
            row.props.tier = Some(tier);
            row.props.tier_changed = Some(txn.now);
        }
    }
    check_size(&row.props)?;
    txn.afford(&container.tenant, Growth::from(was, row.usage()))?;
    row.props.lease = row.props.lease.after_write(txn.now);
    row.revision = row.revision.wrapping_add(1);
    if new_version {
        row.props.etag = txn.next_etag();
        row.props.modified = txn.now;
    }
    txn.books.recount(&container.tenant, was, row.usage());
    txn.write_row(&container.tenant, &key, &row, news)?;
    Ok(row.props)
}

fn lease(txn: &mut Txn<'_>, path: &BlobPath, action: LeaseAction, precondition: &Precondition) -> Result<BlobProps> {
    let (container, key, row) = txn.look_up(path)?;
    let mut row = row.ok_or(StoreError::BlobMissing)?;
    precondition.check(Some(Version::from(&row.props)), Access::FreeWrite, txn.now)?;
    row.props.lease = row.props.lease.transition(action, txn.now)?;
    txn.write_row(&container.tenant, &key, &row, News::None)?;
    Ok(row.props)
}

fn delete(txn: &mut Txn<'_>, path: &BlobPath, snapshots: Snapshots, precondition: &Precondition) -> Result<()> {
    let (container, key, row) = txn.look_up(path)?;
    let row = row.ok_or(StoreError::BlobMissing)?;
    precondition.check(Some(Version::from(&row.props)), Access::Write, txn.now)?;
    match (row.snapshots, snapshots) {
        (Some(_), Snapshots::Keep) => return Err(StoreError::SnapshotsPresent),
        (Some(set), Snapshots::Delete) => txn.discard_snapshots(&container.tenant, set)?,
        (None, Snapshots::Keep | Snapshots::Delete) => {}
    }
    txn.remove_row(&container.tenant, &key, &row, News::Of(EventKind::Deleted))?;
    txn.free_blob(&container.tenant, row)?;
    txn.discard_staging(&container.tenant, &key)
}
