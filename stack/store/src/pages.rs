//! What is done with page blobs: made with a length and nothing in them, then written page by page.

use crate::blob::Source;
use crate::blobs::{Content, check_size, replace, written};
use crate::body::Body;
use crate::catalog::{Draft, Line, News, Run, Turn, Txn};
use crate::encryption::{self, Encryption, Seal};
use crate::error::{Result, StoreError};
use crate::page::{PAGE_BLOB_BYTES_MAX, PAGE_BYTES, PAGE_RUNS_MAX, PageSequence, PageUpdate, SequenceChange};
use crate::precondition::{Access, Precondition, Version};
use crate::props::{BlobDraft, BlobKind, BlobProps};
use crate::quota::Growth;
use crate::quotas::New;
use crate::rows::{BlobRow, List};
use crate::store::Store;
use crate::usage::{Owner, TenantUsage};
use greenroom_model::BlobPath;
use greenroom_model::feed::EventKind;
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
    /// Err: `ContainerMissing`, `BlobMissing`, `BlobKind`, `ConditionNotMet`, `SequenceUnmet`, `PageRange`, `TooManyRuns`; `KeepsChanging`
    /// where thousands of runs lie in the range, and others change the blob all the while; `EncryptionUnmet` where the body is not sealed as the
    /// blob is.
    pub async fn write_pages(
        &self,
        path: &BlobPath,
        begin: u64,
        body: Body,
        sequence: PageSequence,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        let range = begin..begin.saturating_add(body.length());
        let written = move |_: &Txn<'_>, blob: Option<&Encryption>| {
            encryption::same(blob, body.encryption()).map_err(StoreError::EncryptionUnmet)?;
            Ok(vec![(begin, body.pieces().to_vec())])
        };
        self.change_pages(path, (range, Line::Short), sequence, precondition, written).await
    }

    /// Makes pages read as zeros. Err: as `write_pages`.
    pub async fn clear_pages(
        &self,
        path: &BlobPath,
        range: Range<u64>,
        sequence: PageSequence,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        self.change_pages(path, (range, Line::Long), sequence, precondition, |_, _| Ok(Vec::new())).await
    }

    /// Writes pages whose content another blob has, by reference; `from` must lie within it, and `seal` be what the blob is sealed by.
    /// Err: `SourceChanged` where the source is no longer what was looked up: look again; else as `write_pages`.
    pub async fn write_pages_from(
        &self,
        path: &BlobPath,
        (begin, seal): (u64, &Seal),
        (source, from): (&Source, Range<u64>),
        sequence: PageSequence,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        let range = begin..begin.saturating_add(from.end.saturating_sub(from.start));
        let found = self.opened_at(source.path.clone(), &source.place, source.etag);
        if let Ok(found) = found
            && (found.is_elsewhere()
                || found.is_strewn(&from)?
                || self.is_sealed_anew((&source.path, source.encryption.as_ref()), path, seal))
        {
            if from.end > found.props.length {
                return Err(StoreError::RangeInvalid);
            }
            let found = found.with_key(source.customer.clone());
            let body = self.take_in((&path.container.account, seal), found, from).await?;
            return self.write_pages(path, begin, body, sequence, precondition).await;
        }
        let source = source.clone();
        let written = move |txn: &Txn<'_>, blob: Option<&Encryption>| {
            let source = txn.source(&source)?;
            encryption::same(blob, source.props.encryption.as_ref()).map_err(StoreError::EncryptionUnmet)?;
            if from.end > source.props.length {
                return Err(StoreError::RangeInvalid);
            }
            source.on_flash()?;
            let runs = match source.props.kind {
                BlobKind::Block => vec![(from.start, txn.pieces_in(&source.pieces, &from)?)],
                BlobKind::Page { .. } => txn.pages_in(source.page_list()?, &from, usize::MAX)?,
            };
            Ok(runs.into_iter().map(|(at, pieces)| (begin + (at - from.start), pieces)).collect())
        };
        self.change_pages(path, (range, Line::Long), sequence, precondition, written).await
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
        self.write_in_parts(Line::Long, move |txn, draft| {
            let (container, key, row) = txn.look_up(&path)?;
            let row = row.ok_or(StoreError::BlobMissing)?;
            precondition.check(Some(Version::from(&row.props)), Access::Write, txn.now)?;
            let BlobKind::Page { sequence, .. } = row.props.kind else { return Err(StoreError::BlobKind) };
            let sequence = match update.sequence {
                None => sequence,
                Some(SequenceChange::Max(other)) => sequence.max(other),
                Some(SequenceChange::Set(other)) => other,
                Some(SequenceChange::Increment) => sequence.saturating_add(1),
            };
            let (was, mut props) = (row.usage(), row.props.clone());
            props.length = update.length.unwrap_or(props.length);
            if let Some(headers) = &update.headers {
                props.headers = headers.clone();
            }
            let is = TenantUsage { bytes: props.length, record_bytes: props.record_bytes() + row.beside, ..was };
            txn.afford(&container.tenant, Growth::from(was, is))?;
            let behind = props.length..row.props.length.max(props.length);
            let Some(row) = replace_pages(txn, draft, row, &behind, &[])? else { return Ok(None) };
            if let BlobKind::Page { runs, .. } = row.props.kind {
                props.kind = BlobKind::Page { sequence, runs };
            }
            let row = BlobRow { props, ..row };
            rewrite(txn, &container.tenant, &key, was, row).map(Some)
        })
        .await
    }

    /// Puts pages in the place of a range. What they are is asked before anything is written: they may come from that range, and must be sealed
    /// as the blob is.
    async fn change_pages(
        &self,
        path: &BlobPath,
        (range, line): (Range<u64>, Line),
        expected: PageSequence,
        precondition: &Precondition,
        written: impl Fn(&Txn<'_>, Option<&Encryption>) -> Result<Vec<Run>> + Send + 'static,
    ) -> Result<BlobProps> {
        let (path, precondition) = (path.clone(), precondition.clone());
        self.write_in_parts(line, move |txn, draft| {
            let (container, key, row) = txn.look_up(&path)?;
            let row = row.ok_or(StoreError::BlobMissing)?;
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
            let (written, was) = (written(txn, row.props.encryption.as_ref())?, row.usage());
            let Some(row) = replace_pages(txn, draft, row, &range, &written)? else { return Ok(None) };
            rewrite(txn, &container.tenant, &key, was, row).map(Some)
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

/// Lets go of a range of pages, and puts others there. `None` while that takes another transaction: what the blob keeps is then copied to a
/// list of its own, which takes the place of the one that it has.
fn replace_pages(
    txn: &mut Txn<'_>,
    draft: &mut Draft,
    mut row: BlobRow,
    range: &Range<u64>,
    new: &[Run],
) -> Result<Option<BlobRow>> {
    let BlobKind::Page { sequence, runs } = row.props.kind else { return Err(StoreError::BlobKind) };
    let list = row.page_list()?;
    let (list, mut runs) = match txn.turn(list, runs, range, new.len())? {
        Turn::Now => (list, i64::from(runs) + txn.clear_pages(list, range)?),
        Turn::First => return Ok(None),
        Turn::Never => {
            let kept = [0..range.start, range.end..row.props.length];
            let Some((list, runs)) = txn.put_together(draft, &row, &kept)? else { return Ok(None) };
            txn.free(row.pieces)?;
            (list, i64::from(runs))
        }
    };
    for (begin, pieces) in new {
        runs += txn.write_pages(list, *begin, pieces)?;
    }
    row.pieces = List::Rows(list);
    row.props.kind = BlobKind::Page { sequence, runs: u32::try_from(runs.max(0)).unwrap_or(u32::MAX) };
    Ok(Some(row))
}

/// Writes the row of a blob that has changed, as a new version, and counts it in the place of what it was.
fn rewrite(txn: &mut Txn<'_>, owner: &Owner, key: &[u8], was: TenantUsage, mut row: BlobRow) -> Result<BlobProps> {
    row.props.lease = row.props.lease.after_write(txn.now);
    row.props.etag = txn.next_etag();
    row.props.modified = txn.now;
    row.props.copy = None;
    txn.books.recount(owner, was, row.usage());
    txn.write_row(owner, key, &row, News::Of(EventKind::PropertiesUpdated))?;
    Ok(row.props)
}
