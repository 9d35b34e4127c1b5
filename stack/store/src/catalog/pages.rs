//! The pages of a page blob: a list of pieces with gaps, kept in the table of long lists. Each row is a run of pages written
//! together or one behind the other; what was never written, or was cleared, lies in no row and reads as zeros.

use super::snapshot::Snapshot;
use super::tables::*;
use super::txn::Txn;
use crate::error::Result;
use crate::page::{PAGE_BYTES, PageRanges};
use crate::piece::{self, Piece};
use crate::rows::*;
use redb::ReadableTable;
use std::ops::Range;

/// Pieces of one row: what a small write into the middle of it has to write again.
const PIECES_A_RUN: usize = 64;
/// Rows that are held in memory at a time while many are gone through.
pub const ROWS_AT_ONCE: usize = 1_000;
/// Rows that one transaction copies: some milliseconds' worth, which is what a write may have to wait for it.
const ROWS_A_TRANSACTION: usize = 2_000;
/// Rows that an operation may touch whatever others of its transaction have done: no small write is put off.
const ROWS_FEW: usize = 64;
/// Rows that the first operation of a transaction may touch: the pages of the largest write that the protocol knows, which is thus never
/// refused because others write too.
const ROWS_FIRST: usize = 8_192;

/// A row: where in the content it begins, and what it holds.
pub type Run = (u64, Vec<Piece>);

/// When rows can be changed where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Now,
    /// As the first of a transaction.
    First,
    /// They are too many: what is left of the list is to be copied instead.
    Never,
}

pub fn length(pieces: &[Piece]) -> u64 {
    pieces.iter().map(|piece| u64::from(piece.length)).sum()
}

/// The rows that reach into a range, in order, `max` of them.
pub fn runs(
    table: &impl ReadableTable<(u64, u64), Bytes>,
    list: u64,
    range: &Range<u64>,
    max: usize,
) -> Result<Vec<Run>> {
    let mut found = Vec::new();
    if let Some(before) = table.range((list, 0)..(list, range.start))?.next_back() {
        let (key, row) = before?;
        let (begin, pieces) = (key.value().1, decode::<Vec<Piece>>(row.value())?);
        if begin + length(&pieces) > range.start {
            found.push((begin, pieces));
        }
    }
    for row in table.range((list, range.start)..(list, range.end.max(range.start)))?.take(max - found.len()) {
        let (key, row) = row?;
        found.push((key.value().1, decode(row.value())?));
    }
    Ok(found)
}

impl Snapshot {
    /// The rows that reach into a range.
    pub fn page_runs(&self, list: u64, range: &Range<u64>) -> Result<Vec<Run>> {
        runs(&self.txn.open_table(PIECES)?, list, range, usize::MAX)
    }

    /// Whether more pieces than there are pages hold a range of a list.
    pub fn is_strewn(&self, list: u64, range: &Range<u64>) -> Result<bool> {
        let table = self.txn.open_table(PIECES)?;
        let pages = range.end.saturating_sub(range.start) / PAGE_BYTES;
        let (mut found, mut at) = (0, range.start);
        while found <= pages
            && at < range.end
            && let Some((begin, pieces)) = runs(&table, list, &(at..range.end), 1)?.pop()
        {
            let (from, to) = (begin.max(at), (begin + length(&pieces)).min(range.end));
            found += piece::slice(&pieces, from - begin, to - from).len() as u64;
            at = to;
        }
        Ok(found > pages)
    }

    /// Where pages lie in a range: at most `max` ranges, and where to go on.
    pub fn page_ranges(&self, list: u64, range: &Range<u64>, max: usize) -> Result<PageRanges> {
        let table = self.txn.open_table(PIECES)?;
        let (mut ranges, mut at): (Vec<Range<u64>>, u64) = (Vec::new(), range.start);
        loop {
            let some = runs(&table, list, &(at..range.end), ROWS_AT_ONCE)?;
            let Some((last, pieces)) = some.last() else { return Ok(PageRanges { ranges, next: None }) };
            let next = last + length(pieces);
            for (begin, pieces) in some {
                let (from, to) = (begin.max(range.start), (begin + length(&pieces)).min(range.end));
                let is_full = ranges.len() == max;
                match ranges.last_mut() {
                    Some(before) if before.end == from => before.end = to,
                    Some(_) if is_full => return Ok(PageRanges { ranges, next: Some(from) }),
                    Some(_) | None => ranges.push(from..to),
                }
            }
            at = next;
        }
    }
}

impl Txn<'_> {
    /// What may be long comes from now on.
    pub fn make_room(&mut self) {
        self.room = ROWS_A_TRANSACTION;
    }

    /// Rows of page lists that an operation may touch in this transaction.
    pub fn room(&self) -> usize {
        self.room.max(ROWS_FEW)
    }

    fn touch(&mut self, rows: usize) {
        self.rows += rows;
        self.room = self.room.saturating_sub(rows);
    }

    /// When a range can be let go of, of a list of so many rows, and so many new ones be written there.
    pub fn turn(&self, list: u64, rows: u32, range: &Range<u64>, new: usize) -> Result<Turn> {
        let room = self.room();
        if rows as usize + new <= room {
            return Ok(Turn::Now);
        }
        let mut touched = new;
        for old in self.pieces.range((list, range.start)..(list, range.end))?.take(ROWS_FIRST + 1) {
            old?;
            touched += 1;
        }
        Ok(match touched {
            touched if touched > ROWS_FIRST => Turn::Never,
            touched if touched <= room || self.room == ROWS_A_TRANSACTION => Turn::Now,
            _ => Turn::First,
        })
    }

    /// Writes pages where none are, and returns by how many rows the list has grown.
    pub fn write_pages(&mut self, list: u64, begin: u64, new: &[Piece]) -> Result<i64> {
        let mut written: Vec<Run> = Vec::new();
        let before = self.pieces.range((list, 0)..(list, begin))?.next_back();
        if let Some((key, row)) = before.transpose()? {
            let (at, pieces) = (key.value().1, decode::<Vec<Piece>>(row.value())?);
            if at + length(&pieces) == begin && pieces.len() < PIECES_A_RUN {
                written.push((at, pieces));
            }
        }
        new.iter().for_each(|piece| self.books.refer(piece));
        let (joined, mut at) = (written.len(), begin);
        for piece in new {
            match written.last_mut().filter(|(_, run)| run.len() < PIECES_A_RUN) {
                Some((_, run)) => piece::push(run, *piece),
                None => written.push((at, vec![*piece])),
            }
            at += u64::from(piece.length);
        }
        self.put_rows(list, &written)?;
        Ok((written.len() - joined) as i64)
    }

    /// Lets go of a range of pages, and returns by how many rows the list has grown: cutting a run in two makes one more.
    pub fn clear_pages(&mut self, list: u64, range: &Range<u64>) -> Result<i64> {
        self.dirty = true;
        let mut grown = 0;
        loop {
            let some = runs(&self.pieces, list, range, ROWS_AT_ONCE)?;
            if some.is_empty() {
                return Ok(grown);
            }
            for (begin, pieces) in some {
                let end = begin + length(&pieces);
                self.pieces.remove((list, begin))?;
                self.touch(1);
                let left = (begin, begin.max(range.start) - begin);
                let right = (range.end.min(end), end - range.end.min(end));
                let sides = [left, right].into_iter().filter(|(_, length)| *length > 0);
                let kept: Vec<Run> =
                    sides.map(|(at, length)| (at, piece::slice(&pieces, at - begin, length))).collect();
                self.add_rows(list, &kept)?;
                grown += kept.len() as i64 - 1;
                self.free_pieces(&pieces);
            }
        }
    }

    /// Adds rows, and counts what they refer to.
    pub fn add_rows(&mut self, list: u64, rows: &[Run]) -> Result<()> {
        rows.iter().flat_map(|(_, pieces)| pieces).for_each(|piece| self.books.refer(piece));
        self.put_rows(list, rows)
    }

    fn put_rows(&mut self, list: u64, rows: &[Run]) -> Result<()> {
        self.dirty = true;
        self.touch(rows.len());
        for (begin, pieces) in rows {
            self.pieces.insert((list, *begin), encode(pieces).as_slice())?;
        }
        Ok(())
    }

    /// The pages of a range, cut to it, of `max` rows.
    pub fn pages_in(&self, list: u64, range: &Range<u64>, max: usize) -> Result<Vec<Run>> {
        let cut = |(begin, pieces): Run| {
            let (from, to) = (begin.max(range.start), (begin + length(&pieces)).min(range.end));
            (from, piece::slice(&pieces, from - begin, to - from))
        };
        Ok(runs(&self.pieces, list, range, max)?.into_iter().map(cut).collect())
    }
}
