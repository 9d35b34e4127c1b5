//! The pages of a page blob: a list of pieces with gaps, kept in the table of long lists. Each row is a run of pages written
//! together or one behind the other; what was never written, or was cleared, lies in no row and reads as zeros.

use super::snapshot::Snapshot;
use super::tables::*;
use super::txn::Txn;
use crate::error::Result;
use crate::page::PageRanges;
use crate::piece::{self, Piece};
use crate::rows::*;
use redb::ReadableTable;
use std::ops::Range;

/// Pieces of one row: what a small write into the middle of it has to write again.
const PIECES_A_RUN: usize = 64;
/// Rows that are held in memory at a time while many are gone through.
pub const ROWS_AT_ONCE: usize = 1_000;

/// A row: where in the content it begins, and what it holds.
pub type Run = (u64, Vec<Piece>);

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
    /// Writes a run of pages over what is there, and returns by how many rows the list has grown.
    pub fn write_pages(&mut self, list: u64, begin: u64, new: &[Piece]) -> Result<i64> {
        let grown = self.clear_pages(list, &(begin..begin + length(new)))?;
        new.iter().for_each(|piece| self.books.refer(piece));
        let mut runs: Vec<Run> = Vec::new();
        let before = self.pieces.range((list, 0)..(list, begin))?.next_back();
        if let Some((key, row)) = before.transpose()? {
            let (at, pieces) = (key.value().1, decode::<Vec<Piece>>(row.value())?);
            if at + length(&pieces) == begin && pieces.len() < PIECES_A_RUN {
                runs.push((at, pieces));
            }
        }
        let (joined, mut at) = (runs.len(), begin);
        for piece in new {
            match runs.last_mut().filter(|(_, run)| run.len() < PIECES_A_RUN) {
                Some((_, run)) => piece::push(run, *piece),
                None => runs.push((at, vec![*piece])),
            }
            at += u64::from(piece.length);
        }
        for (at, run) in &runs {
            self.pieces.insert((list, *at), encode(run).as_slice())?;
        }
        Ok(grown + (runs.len() - joined) as i64)
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
                grown -= 1;
                let left = (begin, begin.max(range.start) - begin);
                let right = (range.end.min(end), end - range.end.min(end));
                for (at, length) in [left, right].into_iter().filter(|(_, length)| *length > 0) {
                    let part = piece::slice(&pieces, at - begin, length);
                    part.iter().for_each(|piece| self.books.refer(piece));
                    self.pieces.insert((list, at), encode(&part).as_slice())?;
                    grown += 1;
                }
                self.free_pieces(&pieces);
            }
        }
    }

    /// Another list of the same pages.
    pub fn copy_pages(&mut self, from: u64) -> Result<u64> {
        let (to, mut at) = (self.next_id(), 0);
        loop {
            let some = runs(&self.pieces, from, &(at..u64::MAX), ROWS_AT_ONCE)?;
            let Some((last, pieces)) = some.last() else { return Ok(to) };
            at = last + length(pieces);
            for (begin, pieces) in &some {
                pieces.iter().for_each(|piece| self.books.refer(piece));
                self.pieces.insert((to, *begin), encode(pieces).as_slice())?;
            }
        }
    }

    /// The pages of a range, cut to it.
    pub fn pages_in(&self, list: u64, range: &Range<u64>) -> Result<Vec<Run>> {
        let cut = |(begin, pieces): Run| {
            let (from, to) = (begin.max(range.start), (begin + length(&pieces)).min(range.end));
            (from, piece::slice(&pieces, from - begin, to - from))
        };
        Ok(runs(&self.pieces, list, range, usize::MAX)?.into_iter().map(cut).collect())
    }
}
