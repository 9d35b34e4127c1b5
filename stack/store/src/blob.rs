//! Content on its way out.

use crate::catalog::Snapshot;
use crate::clock::Timestamp;
use crate::cloud::Whereabouts;
use crate::crc;
use crate::encryption::{self, CustomerKey, Encryption, EncryptionUnmet, Seal};
use crate::error::{Result, StoreError};
use crate::etag::ETag;
use crate::extent::{ExtentMap, Keys, Reader, Span};
use crate::faults::Faults;
use crate::heat::Heat;
use crate::page::{PageChanges, PageRanges};
use crate::piece::Piece;
use crate::props::{BlobKind, BlobProps};
use crate::rows::{List, Place};
use crate::store::Store;
use bytes::Bytes;
use futures::future::Either;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use greenroom_model::BlobPath;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

/// A blob as it was when it was looked up: a later overwrite or deletion changes nothing here.
#[derive(Debug)]
pub struct Blob {
    pub props: BlobProps,
    pub(crate) path: BlobPath,
    pub(crate) faults: Arc<Faults>,
    pub(crate) heat: Arc<Heat>,
    pub(crate) place: Place,
    pub(crate) whereabouts: Whereabouts,
    /// Its ETag where it is mirrored from.
    pub(crate) origin: Option<String>,
    /// It was, before this process.
    pub(crate) was_read: bool,
    pub(crate) pieces: List<Piece>,
    pub(crate) snapshot: Snapshot,
    pub(crate) extents: Arc<ExtentMap>,
    pub(crate) store: Store,
    /// What whoever reads it has brought along.
    pub(crate) customer: Option<CustomerKey>,
}

/// A blob or snapshot that was looked up, as the source of a copy. It holds nothing open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub(crate) path: BlobPath,
    pub(crate) place: Place,
    pub(crate) etag: ETag,
    pub(crate) encryption: Option<Encryption>,
    pub(crate) customer: Option<CustomerKey>,
}

/// How often content that keeps moving about in the cloud is looked for.
const COLD_LOOKS_MAX: usize = 4;

/// What is left to read.
#[derive(Debug)]
struct Plan {
    path: BlobPath,
    faults: Arc<Faults>,
    spans: VecDeque<Span>,
    reader: Reader,
    /// Unwraps the keys of what is sealed.
    store: Store,
    /// Until the last of it is read, or nobody wants it any more.
    _reading: tracing::Span,
}

impl Blob {
    /// Whether its content is in the cloud or where it is mirrored from, and not here.
    pub fn is_elsewhere(&self) -> bool {
        self.whereabouts.is_elsewhere()
    }

    /// Whether it is mirrored, be its content here or not.
    pub fn is_mirrored(&self) -> bool {
        self.origin.is_some()
    }

    /// Whether somebody has read it before, as far as that is known.
    pub fn was_read(&self) -> bool {
        self.was_read || self.heat.last(&self.place).is_some()
    }

    /// The blob, for whoever shows what opens it. Err: `EncryptionUnmet`.
    pub fn opened_by(self, seal: &Seal) -> Result<Blob> {
        let shown = seal.encryption();
        encryption::admit(self.props.encryption.as_ref(), shown.as_ref()).map_err(StoreError::EncryptionUnmet)?;
        let customer = match seal {
            Seal::Customer(key) => Some(key.clone()),
            Seal::Tenants | Seal::Scope(_) => None,
        };
        Ok(Blob { customer, ..self })
    }

    pub(crate) fn with_key(self, customer: Option<CustomerKey>) -> Blob {
        Blob { customer, ..self }
    }

    /// What opens it, where a customer's key does and was shown.
    pub(crate) fn key(&self) -> Option<&CustomerKey> {
        let of = |key: &&CustomerKey| self.props.encryption == Some(Encryption::Customer(*key.sha256()));
        self.customer.as_ref().filter(of)
    }

    fn check_key(&self) -> Result<()> {
        match (&self.props.encryption, self.key()) {
            (Some(Encryption::Customer(_)), None) => Err(StoreError::EncryptionUnmet(EncryptionUnmet::NotShown)),
            _ => Ok(()),
        }
    }

    fn keys(&self) -> Keys {
        Keys { keyring: Some(self.store.keyring().clone()), customer: self.key().cloned() }
    }

    /// Streams a range of the content, which is cut to the blob's length. Each byte has been checked against its checksum; at the first
    /// that fails the stream ends with an error. Reads steps of 256 KiB, one ahead where the disk has to be waited for. What is in the
    /// cloud only, or where it is mirrored from, comes from there, at the pace of whoever reads; then the first part may be `Away`,
    /// `CloudDamaged` or `OriginChanged`.
    /// Err: `RangeInvalid` where the range begins at the end or past it; the whole of an empty blob may be read. `EncryptionUnmet` of what
    /// is sealed by a customer's key, see `opened_by`.
    pub fn read(self, range: Range<u64>) -> Result<impl Stream<Item = Result<Bytes>> + Send + 'static> {
        self.check_key()?;
        let again = self.was_read();
        self.heat.note(&self.place);
        if self.is_elsewhere() {
            check_range(&range, self.props.length)?;
            let found = self.read_cold(range, again).instrument(tracing::debug_span!("recall"));
            return Ok(Either::Right(stream::once(found).try_flatten()));
        }
        // The snapshot goes with the plan made: while it is held the catalog cannot use again what was freed since.
        let plan = self.plan(range)?;
        let steps = stream::unfold(Next::Here(plan), |next| async move { next.step().await });
        Ok(Either::Left(steps.map_ok(|slices| stream::iter(slices).map(Ok)).try_flatten()))
    }

    /// Finds the content, which may have been moved within the cloud, or back to flash, since the blob was looked up.
    async fn read_cold(self, range: Range<u64>, again: bool) -> Result<BoxStream<'static, Result<Bytes>>> {
        let (path, faults, etag, store) = (self.path, self.faults, self.props.etag, self.store);
        let (place, mut whereabouts) = (self.place, self.whereabouts);
        let range = range.start..range.end.min(self.props.length);
        // What it held is held no longer: it may wait for a long time.
        drop((self.snapshot, self.extents, self.pieces));
        if let Some(etag) = self.origin {
            return store.origins()?.read(&path, etag, range, again).await;
        }
        let reader = store.tenant_of(&path.container.account);
        let reader = reader.ok_or_else(|| StoreError::AccountMissing(path.container.account.clone()))?;
        for _ in 0..COLD_LOOKS_MAX {
            let Whereabouts::Cloud(at) = whereabouts else {
                let blob = store.opened_at(path, &place, etag)?;
                let plan = blob.plan(range)?;
                let steps = stream::unfold(Next::Here(plan), |next| async move { next.step().await });
                return Ok(steps.map_ok(|slices| stream::iter(slices).map(Ok)).try_flatten().boxed());
            };
            match store.cold()?.read(&reader, at, range.clone()).await {
                Ok(content) => return Ok(content),
                Err(StoreError::Moved) => {
                    whereabouts = store.opened_at(path.clone(), &place, etag)?.whereabouts;
                }
                Err(error) => {
                    if matches!(error, StoreError::CloudDamaged(_)) {
                        faults.note(&path, &error);
                    }
                    return Err(error);
                }
            }
        }
        Err(StoreError::Away("it moves about too fast".into()))
    }

    /// What a copy needs to know of it.
    pub fn source(&self) -> Source {
        let (path, place, etag) = (self.path.clone(), self.place.clone(), self.props.etag);
        Source { path, place, etag, encryption: self.props.encryption.clone(), customer: self.key().cloned() }
    }

    /// Whether pieces shorter than pages hold a range: each of them would cost as much as a page does.
    pub(crate) fn is_strewn(&self, range: &Range<u64>) -> Result<bool> {
        match self.pieces {
            List::Here(_) => Ok(false),
            List::Rows(list) => self.snapshot.is_strewn(list, range),
        }
    }

    /// CRC-64/NVME of a range that lies within the content. Err: `KeyDenied`, `KeyAway`, `Corrupt`, `Io`.
    pub(crate) async fn checksum_of(self, range: Range<u64>) -> Result<u64> {
        self.check_key()?;
        let mut blob = self;
        loop {
            let of = range.clone();
            let summing = tokio::task::spawn_blocking(move || (blob.checksum(of), blob));
            let (checksum, looked_at) = summing.await.map_err(|_| StoreError::Closed)?;
            match checksum {
                Err(StoreError::KeyLocked(number)) => drop(looked_at.store.unlock(number).await?),
                done => return done,
            }
            blob = looked_at;
        }
    }

    /// Blocks. Err: `KeyLocked` as well.
    fn checksum(&self, range: Range<u64>) -> Result<u64> {
        if range == (0..self.props.length) && self.props.kind == BlobKind::Block {
            return Ok(self.props.crc64);
        }
        let mut reader = Reader::new(self.extents.clone(), self.keys());
        let mut crc64 = crc::crc64(b"");
        for span in self.spans(&range)? {
            let part = reader.checksum(span).inspect_err(|error| self.faults.note(&self.path, error))?;
            crc64 = crc::join(crc64, part, span.length());
        }
        Ok(crc64)
    }

    fn plan(self, range: Range<u64>) -> Result<Plan> {
        check_range(&range, self.props.length)?;
        let range = range.start..range.end.min(self.props.length);
        let spans = self.spans(&range)?.into();
        let _reading = tracing::debug_span!("extent.read", bytes = range.end - range.start);
        let reader = Reader::new(self.extents.clone(), self.keys());
        Ok(Plan { path: self.path, faults: self.faults, spans, reader, store: self.store, _reading })
    }

    fn spans(&self, range: &Range<u64>) -> Result<Vec<Span>> {
        let mut spans = Vec::new();
        if let (BlobKind::Page { .. }, List::Rows(list)) = (self.props.kind, &self.pieces) {
            return self.page_spans(*list, range);
        }
        if !range.is_empty() {
            let (mut at, pieces) = self.snapshot.pieces(&self.pieces, range)?;
            for piece in pieces {
                let end = at + u64::from(piece.length);
                let (from, to) = (range.start.max(at), range.end.min(end));
                if from < to {
                    spans.push(Span::new(piece, from - at, to - at));
                }
                at = end;
            }
        }
        Ok(spans)
    }
}

impl Blob {
    /// The pages of a range, and zeros between them.
    fn page_spans(&self, list: u64, range: &Range<u64>) -> Result<Vec<Span>> {
        let (mut spans, mut done) = (Vec::new(), range.start);
        for (begin, pieces) in self.snapshot.page_runs(list, range)? {
            let mut at = begin;
            for piece in pieces {
                let end = at + u64::from(piece.length);
                let (from, to) = (done.max(at), range.end.min(end));
                if from < to {
                    if done < from {
                        spans.push(Span::zeros(from - done));
                    }
                    spans.push(Span::new(piece, from - at, to - at));
                    done = to;
                }
                at = end;
            }
        }
        if done < range.end {
            spans.push(Span::zeros(range.end - done));
        }
        Ok(spans)
    }

    /// Where pages have been written, within a range: at most `max` ranges, which neither touch nor overlap, and where to go on.
    /// Err: `BlobKind`.
    pub async fn page_ranges(self, range: Range<u64>, max: usize) -> Result<PageRanges> {
        let (BlobKind::Page { .. }, List::Rows(list)) = (self.props.kind, &self.pieces) else {
            return Err(StoreError::BlobKind);
        };
        let (list, range) = (*list, range.start..range.end.min(self.props.length));
        let ranges = tokio::task::spawn_blocking(move || self.snapshot.page_ranges(list, &range, max));
        ranges.await.map_err(|_| StoreError::Closed)?
    }
}

impl Blob {
    /// Where pages differ, within a range, from the snapshot of that moment: at most `max` changes, and where to go on.
    /// Err: `BlobMissing` where there is no such snapshot, `BlobKind` where it or this is no page blob.
    pub async fn page_changes(self, since: Timestamp, range: Range<u64>, max: usize) -> Result<PageChanges> {
        let (BlobKind::Page { .. }, List::Rows(list)) = (self.props.kind, &self.pieces) else {
            return Err(StoreError::BlobKind);
        };
        let (to, range) = (*list, range.start..range.end.min(self.props.length));
        let looking = move || {
            let set = match &self.place {
                Place::Base(key) => self.snapshot.blob(key)?.and_then(|row| row.snapshots),
                Place::Snapshot(set, _) => Some(*set),
            };
            let before = set.map(|set| self.snapshot.blob_snapshot(set, since)).transpose()?.flatten();
            let before = before.ok_or(StoreError::BlobMissing)?;
            let (BlobKind::Page { .. }, List::Rows(from)) = (before.props.kind, before.pieces) else {
                return Err(StoreError::BlobKind);
            };
            self.snapshot.page_changes((from, to), &range, max)
        };
        tokio::task::spawn_blocking(looking).await.map_err(|_| StoreError::Closed)?
    }
}

fn check_range(range: &Range<u64>, length: u64) -> Result<()> {
    if range.start > 0 && range.start >= length { Err(StoreError::RangeInvalid) } else { Ok(()) }
}

impl Plan {
    /// Reads the next step if it is in memory. Does not block.
    fn read_cached(&mut self) -> Option<Result<Vec<Bytes>>> {
        let span = self.spans.front_mut()?;
        let slices =
            self.reader.read_cached(span).inspect_err(|error| self.faults.note(&self.path, error)).transpose()?;
        if span.is_empty() {
            self.spans.pop_front();
        }
        Some(slices)
    }

    /// Reads the next step. Blocks.
    fn read(&mut self) -> Result<Vec<Bytes>> {
        let Some(span) = self.spans.front_mut() else { return Ok(Vec::new()) };
        let slices = self.reader.read(span).inspect_err(|error| self.faults.note(&self.path, error))?;
        if span.is_empty() {
            self.spans.pop_front();
        }
        Ok(slices)
    }
}

type Step = (Result<Vec<Bytes>>, Plan);

/// How a stream goes on. What is in memory is read where it is asked for: a hop to another thread and back costs more than the copy and
/// the checksum of a step. From the first step on that is not, the stream is one step ahead of its consumer.
enum Next {
    Here(Plan),
    Ahead(JoinHandle<Step>),
    End,
}

impl Next {
    async fn step(self) -> Option<(Result<Vec<Bytes>>, Next)> {
        let mut step = match self {
            Next::End => return None,
            Next::Here(plan) if plan.spans.is_empty() => return None,
            Next::Here(mut plan) => match plan.read_cached() {
                Some(Err(StoreError::KeyLocked(number))) => Ok((Err(StoreError::KeyLocked(number)), plan)),
                Some(read) => {
                    let next = if read.is_err() { Next::End } else { Next::Here(plan) };
                    return Some((read, next));
                }
                None => ahead(plan).await,
            },
            Next::Ahead(step) => step.await,
        };
        // A frame says which key it is sealed by; a key may have been cleared since the last one.
        while let Ok((Err(StoreError::KeyLocked(number)), plan)) = step {
            if let Err(error) = plan.store.unlock(number).await {
                return Some((Err(error), Next::End));
            }
            step = ahead(plan).await;
        }
        // A step is only lost when the runtime ends, or to a panic that has been reported.
        let Ok((result, plan)) = step else { return Some((Err(StoreError::Closed), Next::End)) };
        let next = if result.is_err() || plan.spans.is_empty() { Next::End } else { Next::Ahead(ahead(plan)) };
        Some((result, next))
    }
}

fn ahead(mut plan: Plan) -> JoinHandle<Step> {
    tokio::task::spawn_blocking(move || (plan.read(), plan))
}
