//! A write transaction: what operations see of the catalog while they change it.

use super::books::Books;
use super::tables::*;
use crate::block::BlockId;
use crate::clock::Timestamp;
use crate::error::{Result, StoreError};
use crate::etag::ETag;
use crate::piece::{self, Piece};
use crate::props::{BlobKind, BlobProps};
use crate::rows::*;
use crate::usage::Owner;
use greenroom_model::{AccountName, BlobPath, ContainerPath, TenantName};
use redb::{ReadableTable, Table, WriteTransaction};
use serde::de::DeserializeOwned;
use std::ops::Range;

pub struct Txn<'t> {
    pub now: Timestamp,
    pub books: &'t mut Books,
    /// Something was written: an operation that fails after that fails the whole transaction.
    pub dirty: bool,
    pub tenants: Table<'t, &'static str, Bytes>,
    pub accounts: Table<'t, &'static str, Bytes>,
    pub services: Table<'t, &'static str, Bytes>,
    pub containers: Table<'t, Bytes, Bytes>,
    pub blobs: Table<'t, Bytes, Bytes>,
    pub snapshots: Table<'t, (u64, i64), Bytes>,
    pub stagings: Table<'t, Bytes, Bytes>,
    pub staged: Table<'t, (u64, Bytes), Bytes>,
    pub pieces: Table<'t, (u64, u64), Bytes>,
    pub blocks: Table<'t, (u64, u64), Bytes>,
    pub garbage: Table<'t, u64, Bytes>,
    pub releases: Table<'t, Bytes, Bytes>,
}

impl<'t> Txn<'t> {
    pub fn begin(txn: &'t WriteTransaction, books: &'t mut Books, now: Timestamp) -> Result<Self> {
        Ok(Self {
            now,
            books,
            dirty: false,
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

    pub fn account(&self, name: &AccountName) -> Result<Option<AccountRecord>> {
        self.accounts.get(name.as_str())?.map(|row| decode(row.value())).transpose()
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

    /// Writes a new blob's row, and counts it in.
    pub fn put_row(&mut self, tenant: &Owner, key: &[u8], row: BlobRow) -> Result<BlobProps> {
        self.dirty = true;
        self.books.count_blob(tenant, &row);
        self.blobs.insert(key, encode(&row).as_slice())?;
        Ok(row.props)
    }

    pub fn staging(&self, key: &[u8]) -> Result<Option<StagingRow>> {
        self.stagings.get(key)?.map(|row| decode(row.value())).transpose()
    }

    pub fn staged_block(&self, staging: u64, id: &BlockId) -> Result<Option<StagedRow>> {
        self.staged.get((staging, id.as_bytes()))?.map(|row| decode(row.value())).transpose()
    }

    /// Gives content a place in the catalog, and counts the reference: of every list that is written, each piece once. What an extent's
    /// `live` holds is thus the sum over all pieces in all rows, and content is free when the last row that refers to it has gone.
    pub fn keep(&mut self, pieces: Vec<Piece>) -> Result<List<Piece>> {
        self.dirty = true;
        pieces.iter().for_each(|piece| self.books.refer(piece));
        self.list_pieces(pieces)
    }

    fn list_pieces(&mut self, pieces: Vec<Piece>) -> Result<List<Piece>> {
        if pieces.len() <= LIST_HERE_MAX {
            return Ok(List::Here(pieces));
        }
        let list = self.next_id();
        let mut start = 0;
        for part in pieces.chunks(PIECES_A_ROW) {
            self.pieces.insert((list, start), encode(&part).as_slice())?;
            start += part.iter().map(|piece| u64::from(piece.length)).sum::<u64>();
        }
        Ok(List::Rows(list))
    }

    pub fn list_blocks(&mut self, blocks: Vec<CommittedBlock>) -> Result<List<CommittedBlock>> {
        if blocks.len() <= LIST_HERE_MAX {
            return Ok(List::Here(blocks));
        }
        let list = self.next_id();
        for (number, part) in (0..).zip(blocks.chunks(BLOCKS_A_ROW)) {
            self.blocks.insert((list, number), encode(&part).as_slice())?;
        }
        Ok(List::Rows(list))
    }

    pub fn all_pieces(&self, pieces: &List<Piece>) -> Result<Vec<Piece>> {
        match pieces {
            List::Here(pieces) => Ok(pieces.clone()),
            List::Rows(list) => read_list(&self.pieces, *list),
        }
    }

    /// The pieces of a range that lies within the content, cut to it; not for pages.
    pub fn pieces_in(&self, pieces: &List<Piece>, range: &Range<u64>) -> Result<Vec<Piece>> {
        let (begin, found) = match pieces {
            List::Here(pieces) => (0, pieces.clone()),
            List::Rows(list) => read_pieces(&self.pieces, *list, range)?,
        };
        let length = range.end - range.start;
        let found = piece::slice(&found, range.start - begin, length);
        if found.iter().map(|piece| u64::from(piece.length)).sum::<u64>() != length {
            return Err(corrupt("a blob's pieces are shorter than the blob"));
        }
        Ok(found)
    }

    /// The content of a row, for another row to hold as well. Err: `InCloud`.
    pub fn share(&mut self, row: &BlobRow) -> Result<List<Piece>> {
        row.on_flash()?;
        match row.props.kind {
            BlobKind::Block => {
                let pieces = self.all_pieces(&row.pieces)?;
                self.keep(pieces)
            }
            BlobKind::Page { .. } => Ok(List::Rows(self.copy_pages(row.page_list()?)?)),
        }
    }

    pub fn all_blocks(&self, blocks: &List<CommittedBlock>) -> Result<Vec<CommittedBlock>> {
        match blocks {
            List::Here(blocks) => Ok(blocks.clone()),
            List::Rows(list) => read_list(&self.blocks, *list),
        }
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

/// All parts of a long list, one after the other.
pub fn read_list<T: DeserializeOwned>(table: &impl ReadableTable<(u64, u64), Bytes>, list: u64) -> Result<Vec<T>> {
    let mut items = Vec::new();
    for part in table.range((list, 0)..=(list, u64::MAX))? {
        items.extend(decode::<Vec<T>>(part?.1.value())?);
    }
    Ok(items)
}

/// Of a long list the pieces that hold a range, and where in the content the first of them begins.
pub fn read_pieces(
    table: &impl ReadableTable<(u64, u64), Bytes>,
    list: u64,
    range: &Range<u64>,
) -> Result<(u64, Vec<Piece>)> {
    let first = table.range((list, 0)..=(list, range.start))?.next_back();
    let (key, _) = first.ok_or_else(|| corrupt("a list of pieces is missing"))??;
    let begin = key.value().1;
    let mut found = Vec::new();
    for part in table.range((list, begin)..(list, range.end.max(begin + 1)))? {
        found.extend(decode::<Vec<Piece>>(part?.1.value())?);
    }
    Ok((begin, found))
}
