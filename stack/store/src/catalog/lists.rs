//! Lists of pieces and of blocks: a short one lies in the row that it belongs to, a long one in rows of its own.

use super::drafts::Draft;
use super::snapshot::Snapshot;
use super::tables::*;
use super::txn::Txn;
use crate::error::Result;
use crate::piece::{self, Piece};
use crate::props::BlobKind;
use crate::rows::*;
use redb::ReadableTable;
use serde::de::DeserializeOwned;
use std::ops::Range;

impl Snapshot {
    pub fn blocks(&self, blocks: List<CommittedBlock>) -> Result<Vec<CommittedBlock>> {
        match blocks {
            List::Here(blocks) => Ok(blocks),
            List::Rows(list) => read_list(&self.txn.open_table(BLOCKS)?, list),
        }
    }

    /// The pieces that hold a range of the content, and where in the content the first of them begins.
    pub fn pieces(&self, pieces: &List<Piece>, range: &Range<u64>) -> Result<(u64, Vec<Piece>)> {
        match pieces {
            List::Here(pieces) => Ok((0, pieces.clone())),
            List::Rows(list) => read_pieces(&self.txn.open_table(PIECES)?, *list, range),
        }
    }
}

impl Txn<'_> {
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

    /// The content of a row, for another row to hold as well; `None` while that takes another transaction. To be asked before anything
    /// is written. Err: `InCloud`, `KeepsChanging`.
    pub fn share(&mut self, row: &BlobRow, draft: &mut Draft) -> Result<Option<List<Piece>>> {
        row.on_flash()?;
        match row.props.kind {
            BlobKind::Block => {
                let pieces = self.all_pieces(&row.pieces)?;
                self.keep(pieces).map(Some)
            }
            BlobKind::Page { .. } => {
                let all = 0..row.props.length;
                Ok(self.put_together(draft, row, &[all])?.map(|(list, _)| List::Rows(list)))
            }
        }
    }

    pub fn all_blocks(&self, blocks: &List<CommittedBlock>) -> Result<Vec<CommittedBlock>> {
        match blocks {
            List::Here(blocks) => Ok(blocks.clone()),
            List::Rows(list) => read_list(&self.blocks, *list),
        }
    }
}

/// All parts of a long list, one after the other.
fn read_list<T: DeserializeOwned>(table: &impl ReadableTable<(u64, u64), Bytes>, list: u64) -> Result<Vec<T>> {
    let mut items = Vec::new();
    for part in table.range((list, 0)..=(list, u64::MAX))? {
        items.extend(decode::<Vec<T>>(part?.1.value())?);
    }
    Ok(items)
}

/// Of a long list the pieces that hold a range, and where in the content the first of them begins.
fn read_pieces(
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
