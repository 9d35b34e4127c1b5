//! Where a page blob differs from an earlier snapshot of it. Content is written once and shared from then on, so what lies in the same
//! place is the same; what lies elsewhere was written since.

use super::pages::{ROWS_AT_ONCE, length, runs};
use super::snapshot::Snapshot;
use super::tables::{Bytes, PIECES};
use crate::error::Result;
use crate::page::{Change, PageChange, PageChanges};
use crate::piece::Piece;
use redb::ReadableTable;
use std::collections::VecDeque;
use std::ops::Range;

impl Snapshot {
    /// The changes in a range from one list of pages to another: at most `max`, in order, and where to go on.
    pub fn page_changes(&self, (from, to): (u64, u64), range: &Range<u64>, max: usize) -> Result<PageChanges> {
        let table = self.txn.open_table(PIECES)?;
        let (mut before, mut after) = (Walk::new(&table, from, range), Walk::new(&table, to, range));
        let (mut changes, mut at) = (PageChanges::default(), range.start);
        while at < range.end {
            let (was, is) = (before.at(at)?, after.at(at)?);
            let until = was.until.min(is.until);
            let change = match (was.place, is.place) {
                (None, None) => None,
                (was, is) if was == is => None,
                (_, Some(_)) => Some(Change::Written),
                (Some(_), None) => Some(Change::Cleared),
            };
            if let Some(change) = change {
                let is_full = changes.found.len() == max;
                match changes.found.last_mut() {
                    Some(last) if last.change == change && last.range.end == at => last.range.end = until,
                    Some(_) if is_full => return Ok(PageChanges { next: Some(at), ..changes }),
                    Some(_) | None => changes.found.push(PageChange { change, range: at..until }),
                }
            }
            at = until;
        }
        Ok(changes)
    }
}

/// What is at a place in the content, and up to where.
struct Here {
    /// Extent and byte, where pages are written.
    place: Option<(u32, u64)>,
    until: u64,
}

/// Goes through a list of pages once, from its beginning to its end.
struct Walk<'t, T> {
    table: &'t T,
    list: u64,
    range: Range<u64>,
    /// Pieces, each with where in the content it begins.
    ahead: VecDeque<(u64, Piece)>,
    /// All rows that begin before it have been read.
    read: u64,
}

impl<'t, T: ReadableTable<(u64, u64), Bytes>> Walk<'t, T> {
    fn new(table: &'t T, list: u64, range: &Range<u64>) -> Self {
        Self { table, list, range: range.clone(), ahead: VecDeque::new(), read: range.start }
    }

    /// Asked for places further and further on.
    fn at(&mut self, at: u64) -> Result<Here> {
        let end = |(begin, piece): &(u64, Piece)| begin + u64::from(piece.length);
        loop {
            while self.ahead.pop_front_if(|piece| end(piece) <= at).is_some() {}
            if !self.ahead.is_empty() || !self.read_on()? {
                break;
            }
        }
        let end_of_all = self.range.end;
        Ok(match self.ahead.front() {
            None => Here { place: None, until: end_of_all },
            Some((begin, _)) if *begin > at => Here { place: None, until: end_of_all.min(*begin) },
            Some(found) => {
                let (begin, piece) = found;
                Here { place: Some(piece.place(at - begin)), until: end_of_all.min(end(found)) }
            }
        })
    }

    /// Whether there were more rows.
    fn read_on(&mut self) -> Result<bool> {
        if self.read >= self.range.end {
            return Ok(false);
        }
        let rows = runs(self.table, self.list, &(self.read..self.range.end), ROWS_AT_ONCE)?;
        self.read = rows.last().map_or(self.range.end, |(begin, pieces)| begin + length(pieces));
        let any = !rows.is_empty();
        for (mut begin, pieces) in rows {
            for piece in pieces {
                self.ahead.push_back((begin, piece));
                begin += u64::from(piece.length);
            }
        }
        Ok(any)
    }
}
