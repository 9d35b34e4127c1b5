//! What is done with page blobs: made with a length and nothing in them, then written page by page.

use crate::blob::Source;
use crate::blobs::{Content, check_size, replace, written};
use crate::body::Body;
use crate::catalog::{Line, Txn};
use crate::cloud::Whereabouts;
use crate::error::{Result, StoreError};
use crate::page::{PAGE_BLOB_BYTES_MAX, PAGE_BYTES, PAGE_RUNS_MAX, PageSequence, PageUpdate, SequenceChange};
use crate::piece::Piece;
use crate::precondition::{Access, Precondition, Version};
use crate::props::{BlobDraft, BlobKind, BlobProps};
use crate::quota::Growth;
use crate::quotas::New;
use crate::rows::{BlobRow, List, encode};
use crate::store::Store;
use crate::usage::{Owner, TenantUsage};
use greenroom_model::BlobPath;
use std::ops::Range;

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
            let new = New { draft: &draft, length, blocks: 0 };
            txn.afford_blob(&container.tenant, &key, old.as_ref(), &new)?;
            let props = written(txn, draft, old.as_ref(), length, 0);
            let props = BlobProps { kind: BlobKind::Page { sequence, runs: 0 }, ..props };
            let content = Content { props, pieces: List::Rows(txn.next_id()), blocks: Vec::new() };
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
        self.change_pages(path, (range, Line::Short), sequence, precondition, move |txn, list| {
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
        let (cleared, range) = (range.clone(), (range, Line::Long));
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
        self.change_pages(path, (range, Line::Long), sequence, precondition, move |txn, list| {
            let source = txn.source(&source)?;
            if from.end > source.props.length {
                return Err(StoreError::RangeInvalid);
            }
            source.on_flash()?;
            // All is read before anything is written: source and target may be the same.
            let runs: Vec<(u64, Vec<Piece>)> = match source.props.kind {
                BlobKind::Block => vec![(from.start, txn.pieces_in(&source.pieces, &from)?)],
                BlobKind::Page { .. } => txn.pages_in(source.page_list()?, &from)?,
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
        self.write_long(move |txn| {
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
            let was = row.usage();
            if let Some(headers) = update.headers {
                row.props.headers = headers;
            }
            let length = update.length.unwrap_or(row.props.length);
            let grown = Growth::from(was, TenantUsage { bytes: length, ..row.usage() });
            txn.afford(&container.tenant, grown)?;
            resize(txn, &mut row, length)?;
            row.props.kind = match row.props.kind {
                BlobKind::Page { runs, .. } => BlobKind::Page { sequence, runs },
                BlobKind::Block => BlobKind::Block,
            };
            rewrite(txn, &container.tenant, &key, was, row)
        })
        .await
    }

    /// Changes pages in a range, by what `change` does to their list.
    async fn change_pages(
        &self,
        path: &BlobPath,
        (range, line): (Range<u64>, Line),
        expected: PageSequence,
        precondition: &Precondition,
        change: impl FnOnce(&mut Txn<'_>, u64) -> Result<i64> + Send + 'static,
    ) -> Result<BlobProps> {
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write_in(line, move |txn| {
            let (container, key, row) = txn.look_up(&path)?;
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
            let was = row.usage();
            let grown = change(txn, row.page_list()?)?;
            row.props.kind = BlobKind::Page { sequence, runs: grow(runs, grown) };
            rewrite(txn, &container.tenant, &key, was, row)
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

fn resize(txn: &mut Txn<'_>, row: &mut BlobRow, length: u64) -> Result<()> {
    if let BlobKind::Page { sequence, runs } = row.props.kind
        && length < row.props.length
    {
        let grown = txn.clear_pages(row.page_list()?, &(length..row.props.length))?;
        row.props.kind = BlobKind::Page { sequence, runs: grow(runs, grown) };
    }
    row.props.length = length;
    Ok(())
}

/// Writes the row of a blob that has changed, as a new version, and counts it in the place of what it was.
fn rewrite(txn: &mut Txn<'_>, owner: &Owner, key: &[u8], was: TenantUsage, mut row: BlobRow) -> Result<BlobProps> {
    row.props.lease = row.props.lease.after_write(txn.now);
    row.props.etag = txn.next_etag();
    row.props.modified = txn.now;
    row.props.copy = None;
    txn.dirty = true;
    txn.books.recount(owner, was, row.usage());
    txn.blobs.insert(key, encode(&row).as_slice())?;
    Ok(row.props)
}
