//! Lists of pages that are put together in parts, a transaction each, so that nobody has to wait for all of it. Until a row has such a list
//! it is noted as garbage, which the sweep leaves alone while somebody is at work on it: who gives up, or goes down, leaves nothing else.

use super::pages::{Run, length};
use super::txn::Txn;
use crate::error::{Result, StoreError};
use crate::etag::ETag;
use crate::rows::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Weak};

/// How often a list is begun whose source changes meanwhile.
const TRIES_MAX: usize = 3;

/// A list that is being put together, once that has begun. Dropped before it is whole it is garbage.
#[derive(Debug, Default)]
pub struct Draft {
    begun: Option<Begun>,
    tries: usize,
}

#[derive(Debug)]
struct Begun {
    list: u64,
    /// The version of the blob that it is made of.
    of: ETag,
    /// All that lies before has been copied.
    at: u64,
    rows: u32,
    at_work: Arc<()>,
}

/// The lists that somebody is at work on.
#[derive(Debug, Default)]
pub struct Drafts(BTreeMap<u64, Weak<()>>);

impl Drafts {
    pub fn is_at_work_on(&self, list: u64) -> bool {
        self.0.get(&list).is_some_and(|at_work| at_work.strong_count() > 0)
    }

    /// Forgets what was dropped, and says whether anything was.
    pub fn forget_dropped(&mut self) -> bool {
        let before = self.0.len();
        self.0.retain(|_, at_work| at_work.strong_count() > 0);
        self.0.len() < before
    }
}

impl Txn<'_> {
    /// Copies ranges of a page blob, which are in order, to a list of their own: what this transaction has room for. The list, and how many
    /// rows it has, once that is all; a row of the catalog must have it then. Err: `KeepsChanging`.
    pub fn put_together(
        &mut self,
        draft: &mut Draft,
        row: &BlobRow,
        ranges: &[Range<u64>],
    ) -> Result<Option<(u64, u32)>> {
        // Books that were read back, since a transaction failed, know of nobody's work.
        let drafts = &self.books.drafts;
        draft.begun.take_if(|begun| begun.of != row.props.etag || !drafts.is_at_work_on(begun.list));
        if draft.begun.is_none() {
            if draft.tries == TRIES_MAX {
                return Err(StoreError::KeepsChanging);
            }
            draft.tries += 1;
        }
        let at = draft.begun.as_ref().map_or(0, |begun| begun.at);
        let (part, next) = self.part(row.page_list()?, at, ranges)?;
        let mut begun = match draft.begun.take() {
            Some(begun) => begun,
            None => Begun { list: self.next_id(), of: row.props.etag, at, rows: 0, at_work: Arc::default() },
        };
        self.add_rows(begun.list, &part)?;
        begun.rows += part.len() as u32;
        let Some(next) = next else {
            if self.books.drafts.0.remove(&begun.list).is_some() {
                self.garbage.remove(begun.list)?;
            }
            return Ok(Some((begun.list, begun.rows)));
        };
        if self.books.drafts.0.insert(begun.list, Arc::downgrade(&begun.at_work)).is_none() {
            self.garbage.insert(begun.list, encode(&GarbageRow::Draft(begun.list)).as_slice())?;
        }
        begun.at = next;
        draft.begun = Some(begun);
        Ok(None)
    }

    /// What there is room for of the ranges from `at` on, and where the rest of them begins.
    fn part(&self, list: u64, at: u64, ranges: &[Range<u64>]) -> Result<(Vec<Run>, Option<u64>)> {
        let (mut part, room) = (Vec::new(), self.room());
        for range in ranges {
            let range = range.start.max(at)..range.end;
            if range.is_empty() {
                continue;
            }
            part.extend(self.pages_in(list, &range, room - part.len())?);
            if part.len() == room {
                let next = part.last().map(|(last, pieces)| last + length(pieces));
                return Ok((part, next));
            }
        }
        Ok((part, None))
    }
}
