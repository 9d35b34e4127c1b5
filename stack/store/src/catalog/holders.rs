//! All rows that refer to content: what compaction moves, and what a check of the books adds up.

use super::snapshot::Snapshot;
use super::tables::*;
use super::txn::Txn;
use crate::error::Result;
use crate::piece::Piece;
use crate::rows::*;
use redb::{Key, ReadableTable};
use serde::de::DeserializeOwned;

/// The key of a row that refers to content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    Blob(Vec<u8>),
    Snapshot(u64, i64),
    Staged(u64, Vec<u8>),
    /// Part of a long list, whoever's it is.
    Part(u64, u64),
}

impl Snapshot {
    /// Shows every row that holds pieces of its own. An extent's count of live bytes is the sum over all of these.
    pub fn holders(&self, mut show: impl FnMut(Holder, Result<Vec<Piece>>) -> Result<()>) -> Result<()> {
        let here = |list| match list {
            List::Here(pieces) => pieces,
            List::Rows(_) => Vec::new(),
        };
        let blob = |row: BlobRow| here(row.pieces);
        each(&self.txn.open_table(BLOBS)?, |key| Holder::Blob(key.to_vec()), blob, &mut show)?;
        each(&self.txn.open_table(SNAPSHOTS)?, |(set, time)| Holder::Snapshot(set, time), blob, &mut show)?;
        let staged = |row: StagedRow| here(row.pieces);
        each(&self.txn.open_table(STAGED)?, |(staging, id)| Holder::Staged(staging, id.to_vec()), staged, &mut show)?;
        let part = |pieces: Vec<Piece>| pieces;
        each(&self.txn.open_table(PIECES)?, |(list, start)| Holder::Part(list, start), part, &mut show)
    }
}

fn each<K: Key + 'static, T: DeserializeOwned>(
    table: &impl ReadableTable<K, Bytes>,
    holder: impl Fn(K::SelfType<'_>) -> Holder,
    pieces: impl Fn(T) -> Vec<Piece>,
    show: &mut impl FnMut(Holder, Result<Vec<Piece>>) -> Result<()>,
) -> Result<()> {
    for item in table.iter()? {
        let (key, row) = item?;
        show(holder(key.value()), decode(row.value()).map(&pieces))?;
    }
    Ok(())
}

impl Txn<'_> {
    /// Writes other pieces with the same content into a row; `None` leaves it as it is. A row that is gone is none of our business.
    pub fn relocate(&mut self, holder: &Holder, moved: impl Fn(&[Piece]) -> Option<Vec<Piece>>) -> Result<()> {
        match holder {
            Holder::Blob(key) => {
                let Some(mut row) = self.blob(key)? else { return Ok(()) };
                if self.relocate_list(&mut row.pieces, moved)? {
                    self.rewrite(&Place::Base(key.clone()), &row)?;
                }
            }
            Holder::Snapshot(set, time) => {
                let time = crate::clock::Timestamp(*time);
                let Some(mut row) = self.snapshot(*set, time)? else { return Ok(()) };
                if self.relocate_list(&mut row.pieces, moved)? {
                    self.write_snapshot(*set, time, &row)?;
                }
            }
            Holder::Staged(staging, id) => {
                let row = self.staged.get((*staging, id.as_slice()))?.map(|row| decode::<StagedRow>(row.value()));
                let Some(mut row) = row.transpose()? else { return Ok(()) };
                if self.relocate_list(&mut row.pieces, moved)? {
                    self.staged.insert((*staging, id.as_slice()), encode(&row).as_slice())?;
                }
            }
            Holder::Part(list, start) => {
                let row = self.pieces.get((*list, *start))?.map(|row| decode::<Vec<Piece>>(row.value()));
                let Some(old) = row.transpose()? else { return Ok(()) };
                if let Some(new) = moved(&old) {
                    self.recount(&new, &old);
                    self.pieces.insert((*list, *start), encode(&new).as_slice())?;
                }
            }
        }
        Ok(())
    }

    /// Whether the list has changed.
    fn relocate_list(
        &mut self,
        list: &mut List<Piece>,
        moved: impl Fn(&[Piece]) -> Option<Vec<Piece>>,
    ) -> Result<bool> {
        // A long list's parts are holders themselves.
        let List::Here(old) = list else { return Ok(false) };
        let Some(new) = moved(old) else { return Ok(false) };
        let old = std::mem::take(old);
        *list = self.keep(new)?;
        self.free_pieces(&old);
        Ok(true)
    }

    fn recount(&mut self, new: &[Piece], old: &[Piece]) {
        new.iter().for_each(|piece| self.books.refer(piece));
        self.free_pieces(old);
    }
}
