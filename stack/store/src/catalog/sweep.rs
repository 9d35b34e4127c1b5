//! Removes, a little with every transaction, what deletions and overwrites have left: no transaction grows with what it deletes.

use super::tables::*;
use super::txn::{News, Txn};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::piece::Piece;
use crate::rows::*;
use crate::usage::Owner;
use greenroom_model::ContainerPath;
use greenroom_model::feed::EventKind;
use redb::{Key, ReadableTable, Table};
use serde::de::DeserializeOwned;
use std::ops::RangeBounds;

/// Rows that one transaction removes: some milliseconds' worth, which is what a write may have to wait for it.
const SWEEP_ROWS: usize = 1_000;
/// Pieces that cost as much as a row does. A row is full of them where content is in many: as many transactions as rows would not keep up with
/// who overwrites it.
const PIECES_AS_A_ROW: usize = 64;

impl Txn<'_> {
    /// Does the next part of the work that `leave` left.
    pub fn sweep(&mut self) -> Result<()> {
        let mut room = SWEEP_ROWS;
        while room > 0 {
            let Some((id, garbage)) = self.next_garbage()? else {
                self.books.garbage = false;
                return Ok(());
            };
            self.dirty = true;
            let swept = match garbage {
                GarbageRow::Container { id, tenant } => self.sweep_container(id, &tenant, room)?,
                GarbageRow::Snapshots { set, tenant } => self.sweep_snapshots(set, &tenant, room)?,
                GarbageRow::Staging(staging) => self.sweep_staging(staging, room)?,
                GarbageRow::Pieces(list) | GarbageRow::Draft(list) => self.sweep_pieces(list)?,
                GarbageRow::BlockList(list) => drain(&mut self.blocks, (list, 0)..=(list, u64::MAX), room)?,
            };
            if swept == 0 {
                self.garbage.remove(id)?;
            }
            // An entry with nothing left costs something too.
            room = room.saturating_sub(swept.max(1));
        }
        Ok(())
    }

    fn next_garbage(&self) -> Result<Option<(u64, GarbageRow)>> {
        for item in self.garbage.iter()? {
            let (id, row) = item?;
            if !self.books.drafts.is_at_work_on(id.value()) {
                return Ok(Some((id.value(), decode(row.value())?)));
            }
        }
        Ok(None)
    }

    fn sweep_container(&mut self, container: u64, tenant: &Owner, room: usize) -> Result<usize> {
        let (begin, end) = (container.to_be_bytes(), (container + 1).to_be_bytes());
        let blobs = take::<_, _, BlobRow>(self.all_blobs(), begin.as_slice()..end.as_slice(), room, <[u8]>::to_vec)?;
        for (key, blob) in &blobs {
            let news = self.news_of_swept(tenant, key)?;
            self.remove_row(tenant, key, blob, news)?;
            if let Some(set) = blob.snapshots {
                self.discard_snapshots(tenant, set)?;
            }
            self.free_blob(tenant, blob.clone())?;
        }
        let room = room - blobs.len();
        let stagings =
            take::<_, _, StagingRow>(&self.stagings, begin.as_slice()..end.as_slice(), room, <[u8]>::to_vec)?;
        for (key, _) in &stagings {
            self.discard_staging(tenant, key)?;
        }
        Ok(blobs.len() + stagings.len())
    }

    /// A blob goes with its container, unless a new container of the name has such a blob again: of that was told already.
    fn news_of_swept(&self, owner: &Owner, key: &[u8]) -> Result<News> {
        if !self.is_told_of(owner) {
            return Ok(News::None);
        }
        let path = ContainerPath { account: owner.account.clone(), container: owner.container.clone() };
        let again = match self.find_container(&path)? {
            Some(new) => self.blob(&blob_key(new.id, blob_name(key)?))?,
            None => None,
        };
        Ok(if again.is_none() { News::Of(EventKind::Deleted) } else { News::None })
    }

    fn sweep_snapshots(&mut self, set: u64, tenant: &Owner, room: usize) -> Result<usize> {
        let rows = take::<_, _, BlobRow>(self.all_snapshots(), snapshot_range(set), room, |key| key)?;
        let swept = rows.len();
        for ((set, time), row) in rows {
            self.remove_snapshot(set, Timestamp(time))?;
            self.free_blob(tenant, row)?;
        }
        Ok(swept)
    }

    fn sweep_staging(&mut self, staging: u64, room: usize) -> Result<usize> {
        let rows = take::<_, _, StagedRow>(&self.staged, staged_range(staging), room, |(_, id)| id.to_vec())?;
        let swept = rows.len();
        for (id, row) in rows {
            self.staged.remove((staging, id.as_slice()))?;
            self.free(row.pieces)?;
        }
        Ok(swept)
    }

    /// One row at a time: it may stand for many.
    fn sweep_pieces(&mut self, list: u64) -> Result<usize> {
        let rows = take::<_, _, Vec<Piece>>(&self.pieces, (list, 0)..=(list, u64::MAX), 1, |key| key)?;
        let mut swept = 0;
        for (key, pieces) in rows {
            self.pieces.remove(key)?;
            self.free_pieces(&pieces);
            swept += pieces.len().div_ceil(PIECES_AS_A_ROW);
            self.rows += 1;
        }
        Ok(swept)
    }
}

/// Reads up to `room` rows of a range.
fn take<'a, K: Key + 'static, O, T: DeserializeOwned>(
    table: &impl ReadableTable<K, Bytes>,
    range: impl RangeBounds<K::SelfType<'a>> + 'a,
    room: usize,
    own: impl Fn(K::SelfType<'_>) -> O,
) -> Result<Vec<(O, T)>> {
    let row = |item: Result<(redb::AccessGuard<'_, K>, redb::AccessGuard<'_, Bytes>), redb::StorageError>| {
        let (key, value) = item?;
        Ok((own(key.value()), decode(value.value())?))
    };
    table.range::<K::SelfType<'a>>(range)?.take(room).map(row).collect()
}

/// Removes up to `room` rows of a range, and returns how many.
fn drain(
    table: &mut Table<'_, (u64, u64), Bytes>,
    range: std::ops::RangeInclusive<(u64, u64)>,
    room: usize,
) -> Result<usize> {
    let keys: Result<Vec<_>> = table.range(range)?.take(room).map(|item| Ok(item?.0.value())).collect();
    let keys = keys?;
    for key in &keys {
        table.remove(*key)?;
    }
    Ok(keys.len())
}
