//! A write transaction: what operations see of the catalog while they change it.

use super::books::Books;
use super::tables::*;
use crate::block::BlockId;
use crate::clock::Timestamp;
use crate::error::{Result, StoreError};
use crate::etag::ETag;
use crate::piece::Piece;
use crate::props::BlobProps;
use crate::rows::*;
use crate::usage::{Owner, TenantUsage};
use greenroom_model::feed::{Cause, EventKind};
use greenroom_model::{AccountName, BlobPath, ContainerPath, TenantName};
use redb::{ReadableTable, Table, WriteTransaction};
use std::sync::Arc;

/// What there is to tell of a blob's row that is written or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    Of(EventKind),
    /// Nothing that a reader of the blob could see, or nothing that a client has done.
    None,
}

pub struct Txn<'t> {
    pub now: Timestamp,
    /// Of the operation that is being carried out; `None` where the store works for itself.
    pub cause: Option<Arc<Cause>>,
    pub books: &'t mut Books,
    /// Something was written: an operation that fails after that fails the whole transaction.
    pub dirty: bool,
    /// Rows of page lists that it has written or removed, and that operations may touch before others have to wait.
    pub rows: usize,
    pub room: usize,
    pub tenants: Table<'t, &'static str, Bytes>,
    pub accounts: Table<'t, &'static str, Bytes>,
    pub services: Table<'t, &'static str, Bytes>,
    pub containers: Table<'t, Bytes, Bytes>,
    /// Private, as the next one is: nothing writes a row and forgets to tell.
    blobs: Table<'t, Bytes, Bytes>,
    snapshots: Table<'t, (u64, i64), Bytes>,
    pub stagings: Table<'t, Bytes, Bytes>,
    pub staged: Table<'t, (u64, Bytes), Bytes>,
    pub pieces: Table<'t, (u64, u64), Bytes>,
    pub blocks: Table<'t, (u64, u64), Bytes>,
    pub garbage: Table<'t, u64, Bytes>,
    pub releases: Table<'t, Bytes, Bytes>,
    pub feed: Table<'t, (&'static str, u64), Bytes>,
    pub feeds: Table<'t, &'static str, Bytes>,
    pub mirrors: Table<'t, (&'static str, &'static str), Bytes>,
    pub mirrored: Table<'t, u64, Bytes>,
    pub keys: Table<'t, u32, Bytes>,
}

impl<'t> Txn<'t> {
    pub fn begin(txn: &'t WriteTransaction, books: &'t mut Books, now: Timestamp) -> Result<Self> {
        Ok(Self {
            now,
            cause: None,
            books,
            dirty: false,
            rows: 0,
            room: 0,
            tenants: txn.open_table(TENANTS)?,
            accounts: txn.open_table(ACCOUNTS)?,
            services: txn.open_table(SERVICES)?,
            containers: txn.open_table(CONTAINERS)?,
            blobs: txn.open_table(BLOBS)?,
            snapshots: txn.open_table(SNAPSHOTS)?,
            stagings: txn.open_table(STAGINGS)?,
            staged: txn.open_table(STAGED)?,
            pieces: txn.open_table(PIECES)?,
            blocks: txn.open_table(BLOCKS)?,
            garbage: txn.open_table(GARBAGE)?,
            releases: txn.open_table(RELEASES)?,
            feed: txn.open_table(FEED)?,
            feeds: txn.open_table(FEEDS)?,
            mirrors: txn.open_table(MIRRORS)?,
            mirrored: txn.open_table(MIRRORED)?,
            keys: txn.open_table(KEYS)?,
        })
    }

    pub fn next_etag(&mut self) -> ETag {
        self.dirty = true;
        self.books.next_etag(self.now)
    }

    pub fn next_id(&mut self) -> u64 {
        self.dirty = true;
        self.books.next_id()
    }

    pub fn account(&self, name: &AccountName) -> Result<Option<AccountRow>> {
        self.accounts.get(name.as_str())?.map(|row| decode(row.value())).transpose()
    }

    pub fn put_account(&mut self, row: &AccountRow) -> Result<()> {
        self.dirty = true;
        self.accounts.insert(row.name.as_str(), encode(row).as_slice())?;
        Ok(())
    }

    pub fn has_tenant(&self, name: &TenantName) -> Result<bool> {
        Ok(self.tenants.get(name.as_str())?.is_some())
    }

    pub fn find_container(&self, path: &ContainerPath) -> Result<Option<ContainerRow>> {
        self.containers.get(container_key(path).as_slice())?.map(|row| decode(row.value())).transpose()
    }

    pub fn container(&self, path: &ContainerPath) -> Result<ContainerRow> {
        self.find_container(path)?.ok_or(StoreError::ContainerMissing)
    }

    /// The container, the blob's key, and the blob if there is one.
    pub fn look_up(&self, path: &BlobPath) -> Result<(ContainerRow, Vec<u8>, Option<BlobRow>)> {
        let container = self.container(&path.container)?;
        let key = blob_key(container.id, path.name.as_str());
        let blob = self.blob(&key)?;
        Ok((container, key, blob))
    }

    pub fn blob(&self, key: &[u8]) -> Result<Option<BlobRow>> {
        self.blobs.get(key)?.map(|row| decode(row.value())).transpose()
    }

    pub fn snapshot(&self, set: u64, time: Timestamp) -> Result<Option<BlobRow>> {
        self.snapshots.get((set, time.0))?.map(|row| decode(row.value())).transpose()
    }

    pub fn last_snapshot(&self, set: u64) -> Result<Option<Timestamp>> {
        let last = self.snapshots.range(snapshot_range(set))?.next_back().transpose()?;
        Ok(last.map(|(key, _)| Timestamp(key.value().1)))
    }

    /// Rows as they are, for whoever goes through many.
    pub fn all_blobs(&self) -> &impl ReadableTable<Bytes, Bytes> {
        &self.blobs
    }

    pub fn all_snapshots(&self) -> &impl ReadableTable<(u64, i64), Bytes> {
        &self.snapshots
    }

    /// Writes a new blob's row, with so many blocks in its list, counts it in, and tells of it.
    pub fn put_row(&mut self, owner: &Owner, key: &[u8], row: BlobRow, blocks: usize, news: News) -> Result<BlobProps> {
        let row = BlobRow { beside: beside(blob_name(key)?, blocks), ..row };
        self.books.count_blob(owner, &row);
        self.write_row(owner, key, &row, news)?;
        Ok(row.props)
    }

    /// Writes the row of a blob that is counted, and tells what has become of it.
    pub fn write_row(&mut self, owner: &Owner, key: &[u8], row: &BlobRow, news: News) -> Result<()> {
        self.dirty = true;
        self.blobs.insert(key, encode(row).as_slice())?;
        self.tell(owner, key, &row.props, news)
    }

    /// Removes a blob's row, and tells of it. What it refers to is for `free_blob`.
    pub fn remove_row(&mut self, owner: &Owner, key: &[u8], row: &BlobRow, news: News) -> Result<()> {
        self.dirty = true;
        self.blobs.remove(key)?;
        self.tell(owner, key, &row.props, news)
    }

    /// Removes a row that is damaged: what blob it was may be past telling.
    pub fn drop_row(&mut self, key: &[u8]) -> Result<()> {
        self.dirty = true;
        self.blobs.remove(key)?;
        Ok(())
    }

    /// Writes a snapshot's row. That it was taken is told of its blob.
    pub fn write_snapshot(&mut self, set: u64, time: Timestamp, row: &BlobRow) -> Result<()> {
        self.dirty = true;
        self.snapshots.insert((set, time.0), encode(row).as_slice())?;
        Ok(())
    }

    pub fn remove_snapshot(&mut self, set: u64, time: Timestamp) -> Result<()> {
        self.dirty = true;
        self.snapshots.remove((set, time.0))?;
        Ok(())
    }

    /// Writes a row in the place of the one that is there, for a blob that is what it was: there is nothing to tell.
    pub fn rewrite(&mut self, at: &Place, row: &BlobRow) -> Result<()> {
        match at {
            Place::Base(key) => {
                self.dirty = true;
                self.blobs.insert(key.as_slice(), encode(row).as_slice())?;
                Ok(())
            }
            Place::Snapshot(set, time) => self.write_snapshot(*set, *time, row),
        }
    }

    /// Writes a container's row, and counts it in the place of what there was.
    pub fn put_container(&mut self, path: &ContainerPath, row: &ContainerRow) -> Result<()> {
        self.dirty = true;
        let was = self.find_container(path)?.map_or_else(TenantUsage::default, |row| row.usage());
        self.books.recount(&row.tenant, was, row.usage());
        self.containers.insert(container_key(path).as_slice(), encode(row).as_slice())?;
        Ok(())
    }

    pub fn staging(&self, key: &[u8]) -> Result<Option<StagingRow>> {
        self.stagings.get(key)?.map(|row| decode(row.value())).transpose()
    }

    pub fn staged_block(&self, staging: u64, id: &BlockId) -> Result<Option<StagedRow>> {
        self.staged.get((staging, id.as_bytes()))?.map(|row| decode(row.value())).transpose()
    }

    /// Lets go of content. A long list is left to the sweep.
    pub fn free(&mut self, pieces: List<Piece>) -> Result<()> {
        match pieces {
            List::Here(pieces) => {
                self.free_pieces(&pieces);
                Ok(())
            }
            List::Rows(list) => self.leave(&GarbageRow::Pieces(list)),
        }
    }

    pub fn free_pieces(&mut self, pieces: &[Piece]) {
        self.dirty = true;
        pieces.iter().for_each(|piece| self.books.release(piece));
    }

    /// Lets go of all that a blob's row refers to, and counts it out.
    pub fn free_blob(&mut self, tenant: &Owner, blob: BlobRow) -> Result<()> {
        self.books.discount_blob(tenant, &blob);
        if let Some(place) = blob.place() {
            self.release(place)?;
        }
        if let List::Rows(list) = blob.blocks {
            self.leave(&GarbageRow::BlockList(list))?;
        }
        self.free(blob.pieces)
    }

    /// Discards what is staged for a blob.
    pub fn discard_staging(&mut self, tenant: &Owner, key: &[u8]) -> Result<()> {
        if let Some(staging) = self.end_staging(tenant, key)? {
            self.leave(&GarbageRow::Staging(staging.id))?;
        }
        Ok(())
    }

    /// Takes the staging away, and leaves its blocks.
    pub fn end_staging(&mut self, tenant: &Owner, key: &[u8]) -> Result<Option<StagingRow>> {
        let staging = self.staging(key)?;
        if staging.is_some() {
            self.dirty = true;
            self.stagings.remove(key)?;
            self.books.recount_staging(tenant, staging.as_ref(), None);
        }
        Ok(staging)
    }

    /// Leaves work to the sweep.
    pub fn leave(&mut self, garbage: &GarbageRow) -> Result<()> {
        let id = self.next_id();
        self.garbage.insert(id, encode(garbage).as_slice())?;
        self.books.garbage = true;
        Ok(())
    }
}
