//! Snapshots: a blob as it was at a moment, in a row of its own that refers to the same content. A blob's snapshots form a set, which
//! stays with the name while the blob is overwritten, and goes with it.

use crate::blob::Blob;
use crate::blobs::check_size;
use crate::catalog::{Draft, Line, News, Txn};
use crate::clock::Timestamp;
use crate::error::{Result, StoreError};
use crate::lease::Lease;
use crate::precondition::{Access, Precondition, Version};
use crate::props::{BlobProps, Metadata, Tier};
use crate::quota::Growth;
use crate::rows::{BlobRow, GarbageRow};
use crate::store::Store;
use crate::usage::{Owner, TenantUsage};
use greenroom_model::BlobPath;
use greenroom_model::feed::EventKind;

impl Store {
    /// Keeps the blob as it stands, under a moment that no other snapshot of it has. With `metadata` the snapshot carries that instead
    /// of the blob's, and an ETag of its own. Returns the moment and the snapshot.
    /// Err: `InCloud` where it is, see `bring_here`; `KeepsChanging` of a page blob that was written to all the while;
    /// `ContainerMissing`, `BlobMissing`, `ConditionNotMet`, `PropsTooLarge`.
    pub async fn snapshot_blob(
        &self,
        path: &BlobPath,
        metadata: Option<Metadata>,
        precondition: &Precondition,
    ) -> Result<(Timestamp, BlobProps)> {
        let (path, precondition) = (path.clone(), precondition.clone());
        let taken =
            move |txn: &mut Txn<'_>, draft: &mut Draft| take(txn, draft, &path, metadata.as_ref(), &precondition);
        self.write_in_parts(Line::Long, taken).await
    }

    /// Err: `ContainerMissing`, `BlobMissing`.
    pub async fn blob_snapshot(&self, path: &BlobPath, time: Timestamp) -> Result<Blob> {
        self.look_up(path, Some(time))
    }

    /// Discards one snapshot. Err: `ContainerMissing`, `BlobMissing`, `ConditionNotMet`.
    pub async fn delete_snapshot(&self, path: &BlobPath, time: Timestamp, precondition: &Precondition) -> Result<()> {
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write(move |txn| delete_one(txn, &path, time, &precondition)).await
    }

    /// The precondition is the snapshot's. Err: `ContainerMissing`, `BlobMissing`, `ConditionNotMet`.
    pub async fn set_snapshot_tier(
        &self,
        path: &BlobPath,
        time: Timestamp,
        tier: Tier,
        precondition: &Precondition,
    ) -> Result<()> {
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write(move |txn| {
            let (_, _, base) = txn.look_up(&path)?;
            let set = base.and_then(|base| base.snapshots).ok_or(StoreError::BlobMissing)?;
            let mut row = txn.snapshot(set, time)?.ok_or(StoreError::BlobMissing)?;
            precondition.check(Some(Version::from(&row.props)), Access::FreeWrite, txn.now)?;
            (row.props.tier, row.props.tier_changed) = (Some(tier), Some(txn.now));
            row.revision = row.revision.wrapping_add(1);
            txn.write_snapshot(set, time, &row)
        })
        .await
    }

    /// Discards all snapshots of a blob, and leaves the blob. The precondition is the blob's.
    /// Err: `ContainerMissing`, `BlobMissing`, `ConditionNotMet`.
    pub async fn delete_snapshots(&self, path: &BlobPath, precondition: &Precondition) -> Result<()> {
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write(move |txn| {
            let (container, key, row) = txn.look_up(&path)?;
            let mut row = row.ok_or(StoreError::BlobMissing)?;
            precondition.check(Some(Version::from(&row.props)), Access::FreeWrite, txn.now)?;
            if let Some(set) = row.snapshots.take() {
                txn.discard_snapshots(&container.tenant, set)?;
                txn.write_row(&container.tenant, &key, &row, News::None)?;
            }
            Ok(())
        })
        .await
    }
}

fn take(
    txn: &mut Txn<'_>,
    draft: &mut Draft,
    path: &BlobPath,
    metadata: Option<&Metadata>,
    precondition: &Precondition,
) -> Result<Option<(Timestamp, BlobProps)>> {
    let (container, key, row) = txn.look_up(path)?;
    let mut base = row.ok_or(StoreError::BlobMissing)?;
    precondition.check(Some(Version::from(&base.props)), Access::FreeWrite, txn.now)?;
    base.on_flash()?;
    // A lease is the blob's alone, and keeps nobody from its snapshots.
    let mut props = BlobProps { lease: Lease::Free, ..base.props.clone() };
    if let Some(metadata) = metadata {
        props.metadata = metadata.clone();
        check_size(&props)?;
    }
    let taken = TenantUsage { record_bytes: props.record_bytes() + base.beside, ..base.usage() };
    txn.afford(&container.tenant, Growth::from(TenantUsage::default(), taken))?;
    let blocks = txn.all_blocks(&base.blocks)?;
    let Some(pieces) = txn.share(&base, draft)? else { return Ok(None) };
    if metadata.is_some() {
        props.etag = txn.next_etag();
        props.modified = txn.now;
    }
    let row = BlobRow { beside: base.beside, ..BlobRow::new(props, pieces, txn.list_blocks(blocks)?, None) };
    let (set, last) = match base.snapshots {
        Some(set) => (set, txn.last_snapshot(set)?),
        None => (txn.next_id(), None),
    };
    let time = last.map_or(txn.now, |last| txn.now.max(Timestamp(last.0 + 1)));
    txn.write_snapshot(set, time, &row)?;
    txn.books.count_blob(&container.tenant, &row);
    base.snapshots = Some(set);
    txn.write_row(&container.tenant, &key, &base, News::Of(EventKind::SnapshotCreated))?;
    Ok(Some((time, row.props)))
}

fn delete_one(txn: &mut Txn<'_>, path: &BlobPath, time: Timestamp, precondition: &Precondition) -> Result<()> {
    let (container, key, base) = txn.look_up(path)?;
    let mut base = base.ok_or(StoreError::BlobMissing)?;
    let set = base.snapshots.ok_or(StoreError::BlobMissing)?;
    let row = txn.snapshot(set, time)?.ok_or(StoreError::BlobMissing)?;
    precondition.check(Some(Version::from(&row.props)), Access::Write, txn.now)?;
    txn.remove_snapshot(set, time)?;
    txn.free_blob(&container.tenant, row)?;
    // A blob has a set only while there is something in it.
    if txn.last_snapshot(set)?.is_none() {
        base.snapshots = None;
        txn.write_row(&container.tenant, &key, &base, News::None)?;
    }
    Ok(())
}

impl Txn<'_> {
    /// The sweep removes them; nothing finds them any more.
    pub fn discard_snapshots(&mut self, tenant: &Owner, set: u64) -> Result<()> {
        self.leave(&GarbageRow::Snapshots { set, tenant: tenant.clone() })
    }
}
