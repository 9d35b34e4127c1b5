//! Content on its way out.

use crate::catalog::Snapshot;
use crate::catalog::row::List;
use crate::error::{Result, StoreError};
use crate::extent::{ExtentMap, Reader, Span};
use crate::piece::{Piece, Place};
use crate::props::BlobProps;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A blob as it was when it was looked up: a later overwrite or deletion changes nothing here.
#[derive(Debug)]
pub struct Blob {
    pub props: BlobProps,
    pub(crate) pieces: List<Piece>,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) extents: Arc<ExtentMap>,
}

/// A part of the content, in the order of the content.
#[derive(Debug)]
enum Part {
    InExtent(Span),
    InCatalog { row: u64, range: Range<usize> },
    Read(Bytes),
}

/// What is left to read.
#[derive(Debug)]
struct Plan {
    parts: VecDeque<Part>,
    reader: Reader,
    /// Held only while rows of it are wanted: a snapshot keeps the catalog from using again what was freed since.
    snapshot: Option<Arc<Snapshot>>,
}

impl Blob {
    /// Streams a range of the content, which is cut to the blob's length. Each byte has been checked against its checksum; at the first
    /// that fails the stream ends with an error. Reads one step of 256 KiB ahead.
    /// Err: `RangeInvalid` where the range begins at the end or past it; the whole of an empty blob may be read.
    pub fn read(self, range: Range<u64>) -> Result<impl Stream<Item = Result<Bytes>> + Send + 'static> {
        let plan = self.plan(range)?;
        let steps = stream::unfold(Next::Begin(plan), |next| async move {
            let (result, next) = next.step().await?;
            Some((result, next))
        });
        Ok(steps.map_ok(|slices| stream::iter(slices).map(Ok)).try_flatten())
    }

    fn plan(self, range: Range<u64>) -> Result<Plan> {
        if range.start > 0 && range.start >= self.props.length {
            return Err(StoreError::RangeInvalid);
        }
        let range = range.start..range.end.min(self.props.length);
        let mut parts = VecDeque::new();
        if !range.is_empty() {
            let (mut at, pieces) = self.snapshot.pieces(&self.pieces, &range)?;
            for piece in pieces {
                let end = at + u64::from(piece.length);
                let (from, to) = (range.start.max(at), range.end.min(end));
                if from < to {
                    parts.push_back(Part::new(piece, from - at, to - at));
                }
                at = end;
            }
        }
        // A blob in one row, as small ones are, is read at once and needs no snapshot any more.
        if let [Part::InCatalog { row, range }] = parts.make_contiguous() {
            parts[0] = Part::Read(self.snapshot.inline(*row)?.slice(range.clone()));
        }
        let wants_rows = parts.iter().any(|part| matches!(part, Part::InCatalog { .. }));
        let snapshot = wants_rows.then_some(self.snapshot);
        Ok(Plan { parts, reader: Reader::new(self.extents), snapshot })
    }
}

impl Part {
    fn new(piece: Piece, from: u64, to: u64) -> Self {
        match piece.place {
            Place::Extent { id, offset } => {
                Part::InExtent(Span { id, offset, length: u64::from(piece.length), from, to })
            }
            Place::Inline(row) => Part::InCatalog { row, range: from as usize..to as usize },
        }
    }
}

impl Plan {
    /// Reads the next step. Blocks, unless the next part has been read already.
    fn read(&mut self) -> Result<Vec<Bytes>> {
        match self.parts.front_mut() {
            None => Ok(Vec::new()),
            Some(Part::InExtent(span)) => {
                let slices = self.reader.read(span)?;
                if span.from == span.to {
                    self.parts.pop_front();
                }
                Ok(slices)
            }
            Some(Part::InCatalog { row, range }) => {
                let snapshot = self.snapshot.as_ref().expect("held while rows are wanted");
                let slice = snapshot.inline(*row)?.slice(range.clone());
                self.parts.pop_front();
                Ok(vec![slice])
            }
            Some(Part::Read(bytes)) => {
                let bytes = std::mem::take(bytes);
                self.parts.pop_front();
                Ok(vec![bytes])
            }
        }
    }

    fn is_read(&self) -> bool {
        matches!(self.parts.front(), Some(Part::Read(_)))
    }
}

type Step = (Result<Vec<Bytes>>, Plan);

/// A stream is one step ahead of its consumer.
enum Next {
    Begin(Plan),
    Ahead(JoinHandle<Step>),
    End,
}

impl Next {
    async fn step(self) -> Option<(Result<Vec<Bytes>>, Next)> {
        let step = match self {
            Next::End => return None,
            Next::Begin(plan) if plan.parts.is_empty() => return None,
            Next::Begin(mut plan) if plan.is_read() => Ok((plan.read(), plan)),
            Next::Begin(plan) => ahead(plan).await,
            Next::Ahead(step) => step.await,
        };
        // A step is only lost when the runtime ends, or to a panic that has been reported.
        let Ok((result, plan)) = step else { return Some((Err(StoreError::Closed), Next::End)) };
        let next = if result.is_err() || plan.parts.is_empty() { Next::End } else { Next::Ahead(ahead(plan)) };
        Some((result, next))
    }
}

fn ahead(mut plan: Plan) -> JoinHandle<Step> {
    tokio::task::spawn_blocking(move || (plan.read(), plan))
}
