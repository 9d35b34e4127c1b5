//! What is done with page blobs: made with a length and nothing in them, then written page by page.

use crate::blobs::{Content, check_size, replace, written};
use crate::body::Body;
use crate::catalog::Txn;
use crate::catalog::pages::page_list;
use crate::catalog::row::{BlobRow, List, encode};
use crate::cloud::Whereabouts;
use crate::copies::Source;
use crate::error::{Result, StoreError};
use crate::piece::Piece;
use crate::precondition::{Access, Precondition, Version};
use crate::props::{BlobDraft, BlobKind, BlobProps, HttpHeaders};
use crate::quota::{Growth, Owner};
use crate::store::Store;
use greenroom_model::BlobPath;
use std::ops::Range;

pub const PAGE_BYTES: u64 = 512;
/// Source: Microsoft, "Scalability and performance targets for Blob storage".
pub const PAGE_BLOB_BYTES_MAX: u64 = 8 << 40;
/// Rows that a page blob may take in the catalog: what copying it, or reading it at once, goes through. Writes that follow each other
/// share a row, so only ones strewn about come near it.
pub const PAGE_RUNS_MAX: u32 = 1 << 18;

/// What a write demands of the blob's sequence number. The default demands nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageSequence {
    pub at_most: Option<u64>,
    pub below: Option<u64>,
    pub equals: Option<u64>,
}

/// A change of what is said of a page blob, its length included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageUpdate {
    /// What lies beyond is let go of; what is gained reads as zeros.
    pub length: Option<u64>,
    pub sequence: Option<SequenceChange>,
    pub headers: Option<HttpHeaders>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequenceChange {
    /// To the greater of the two.
    Max(u64),
    Set(u64),
    Increment,
}

/// Where pages have been written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRanges {
    pub ranges: Vec<Range<u64>>,
    /// Where to go on, if that was not all.
    pub next: Option<u64>,
}

/// Where pages differ from what they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageChanges {
    /// In order; those of one kind neither touch nor overlap.
    pub found: Vec<PageChange>,
    /// Where to go on, if that was not all.
    pub next: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageChange {
    pub change: Change,
    pub range: Range<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Written,
    /// What was written reads as zeros now.
    Cleared,
}

impl PageSequence {
    pub fn check(self, sequence: u64) -> Result<()> {
        let at_most = self.at_most.is_none_or(|most| sequence <= most);
        let below = self.below.is_none_or(|bound| sequence < bound);
        let equals = self.equals.is_none_or(|other| sequence == other);
        if at_most && below && equals { Ok(()) } else { Err(StoreError::SequenceUnmet) }
    }
}

impl Store {
    /// Makes or overwrites a page blob that reads as zeros. Err: `PageRange` for a length that is none of whole pages, or too long;
    /// else as `put_blob`.
    pub async fn create_page_blob(
        &self,
        path: &BlobPath,
        draft: BlobDraft,
        (length, sequence): (u64, u64),
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        check_length(length)?;
        check_size(&draft)?;
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write(move |txn| {
            let (container, key, old) = txn.look_up(&path)?;
            precondition.check(old.as_ref().map(|old| Version::from(&old.props)), Access::Write, txn.now)?;
            txn.afford_blob(&container.tenant, &key, old.as_ref(), length)?;
            let props = written(txn, draft, old.as_ref(), length, 0);
            let props = BlobProps { kind: BlobKind::Page { sequence, runs: 0 }, ..props };
            let content = Content { props, pieces: List::Rows(txn.next_id()), blocks: List::Here(Vec::new()) };
            replace(txn, &container.tenant, &key, old, content)
        })
        .await
    }

    /// Writes pages from `begin` on, all of them or none.
    /// Err: `ContainerMissing`, `BlobMissing`, `BlobKind`, `ConditionNotMet`, `SequenceUnmet`, `PageRange`, `TooManyRuns`.
    pub async fn write_pages(
        &self,
        path: &BlobPath,
        begin: u64,
        body: Body,
        sequence: PageSequence,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        let range = begin..begin.saturating_add(body.length());
        self.change_pages(path, range, sequence, precondition, move |txn, list| {
            txn.write_pages(list, begin, body.pieces())
        })
        .await
    }

    /// Makes pages read as zeros. Err: as `write_pages`.
    pub async fn clear_pages(
        &self,
        path: &BlobPath,
        range: Range<u64>,
        sequence: PageSequence,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        let cleared = range.clone();
        self.change_pages(path, range, sequence, precondition, move |txn, list| txn.clear_pages(list, &cleared)).await
    }

    /// Writes pages whose content another blob has, by reference; `from` must lie within it.
    /// Err: `SourceChanged` where the source is no longer what was looked up: look again; else as `write_pages`.
    pub async fn write_pages_from(
        &self,
        path: &BlobPath,
        begin: u64,
        (source, from): (&Source, Range<u64>),
        sequence: PageSequence,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        let range = begin..begin.saturating_add(from.end.saturating_sub(from.start));
        let cold = self.opened_at(source.path.clone(), &source.place, source.etag);
        if let Ok(cold) = cold
            && matches!(cold.whereabouts, Whereabouts::Cloud(_))
        {
            if from.end > cold.props.length {
                return Err(StoreError::RangeInvalid);
            }
            let body = self.take_in(cold, from).await?;
            return self.write_pages(path, begin, body, sequence, precondition).await;
        }
        let (source, to) = (source.clone(), range.clone());
        self.change_pages(path, range, sequence, precondition, move |txn, list| {
            let source = txn.source(&source)?;
            if from.end > source.props.length {
                return Err(StoreError::RangeInvalid);
            }
            source.on_flash()?;
            // All is read before anything is written: source and target may be the same.
            let runs: Vec<(u64, Vec<Piece>)> = match source.props.kind {
                BlobKind::Block => vec![(from.start, txn.pieces_in(&source.pieces, &from)?)],
                BlobKind::Page { .. } => txn.pages_in(page_list(&source)?, &from)?,
            };
            let mut grown = txn.clear_pages(list, &to)?;
            for (at, pieces) in runs {
                grown += txn.write_pages(list, begin + (at - from.start), &pieces)?;
            }
            Ok(grown)
        })
        .await
    }

    /// Err: as `write_pages`; `PageRange` for a length that is none of whole pages, or too long.
    pub async fn update_page_blob(
        &self,
        path: &BlobPath,
        update: PageUpdate,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        update.length.map_or(Ok(()), check_length)?;
        update.headers.as_ref().map_or(Ok(()), check_size)?;
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write(move |txn| {
            let (container, key, row) = txn.look_up(&path)?;
            let mut row = row.ok_or(StoreError::BlobMissing)?;
            precondition.check(Some(Version::from(&row.props)), Access::Write, txn.now)?;
            let BlobKind::Page { sequence, .. } = row.props.kind else { return Err(StoreError::BlobKind) };
            let sequence = match update.sequence {
                None => sequence,
                Some(SequenceChange::Max(other)) => sequence.max(other),
                Some(SequenceChange::Set(other)) => other,
                Some(SequenceChange::Increment) => sequence.saturating_add(1),
            };
            if let Some(length) = update.length {
                resize(txn, &container.tenant, &mut row, length)?;
            }
            row.props.kind = match row.props.kind {
                BlobKind::Page { runs, .. } => BlobKind::Page { sequence, runs },
                BlobKind::Block => BlobKind::Block,
            };
            if let Some(headers) = update.headers {
                row.props.headers = headers;
            }
            rewrite(txn, &key, row)
        })
        .await
    }

    /// Changes pages in a range, by what `change` does to their list.
    async fn change_pages(
        &self,
        path: &BlobPath,
        range: Range<u64>,
        expected: PageSequence,
        precondition: &Precondition,
        change: impl FnOnce(&mut Txn<'_>, u64) -> Result<i64> + Send + 'static,
    ) -> Result<BlobProps> {
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write(move |txn| {
            let (_, key, row) = txn.look_up(&path)?;
            let mut row = row.ok_or(StoreError::BlobMissing)?;
            precondition.check(Some(Version::from(&row.props)), Access::Write, txn.now)?;
            let BlobKind::Page { sequence, runs } = row.props.kind else { return Err(StoreError::BlobKind) };
            expected.check(sequence)?;
            if range.is_empty() || !whole_pages(&range) || range.end > row.props.length {
                return Err(StoreError::PageRange);
            }
            // One range adds two rows at most beyond those that it fills itself: weighed before anything is written.
            if runs >= PAGE_RUNS_MAX {
                return Err(StoreError::TooManyRuns { max: PAGE_RUNS_MAX });
            }
            let grown = change(txn, page_list(&row)?)?;
            row.props.kind = BlobKind::Page { sequence, runs: grow(runs, grown) };
            rewrite(txn, &key, row)
        })
        .await
    }
}

fn check_length(length: u64) -> Result<()> {
    if length.is_multiple_of(PAGE_BYTES) && length <= PAGE_BLOB_BYTES_MAX { Ok(()) } else { Err(StoreError::PageRange) }
}

fn whole_pages(range: &Range<u64>) -> bool {
    range.start.is_multiple_of(PAGE_BYTES) && range.end.is_multiple_of(PAGE_BYTES)
}

fn grow(runs: u32, by: i64) -> u32 {
    u32::try_from((i64::from(runs) + by).max(0)).unwrap_or(u32::MAX)
}

fn resize(txn: &mut Txn<'_>, tenant: &Owner, row: &mut BlobRow, length: u64) -> Result<()> {
    let bytes = i128::from(length) - i128::from(row.props.length);
    txn.afford(tenant, Growth { bytes, blobs: 0 })?;
    if let BlobKind::Page { sequence, runs } = row.props.kind
        && length < row.props.length
    {
        let grown = txn.clear_pages(page_list(row)?, &(length..row.props.length))?;
        row.props.kind = BlobKind::Page { sequence, runs: grow(runs, grown) };
    }
    let was = row.usage();
    row.props.length = length;
    txn.books.recount(tenant, was, row.usage());
    Ok(())
}

/// Writes the row of a blob that has changed, as a new version.
fn rewrite(txn: &mut Txn<'_>, key: &[u8], mut row: BlobRow) -> Result<BlobProps> {
    row.props.lease = row.props.lease.after_write(txn.now);
    row.props.etag = txn.next_etag();
    row.props.modified = txn.now;
    row.props.copy = None;
    txn.dirty = true;
    txn.blobs.insert(key, encode(&row).as_slice())?;
    Ok(row.props)
}
