//! Content on its way in.

use crate::crc;
use crate::encryption::{Encryption, Seal};
use crate::error::{Result, StoreError};
use crate::extent::framed::{self, Framed};
use crate::extent::{Extent, Lane, Pin, Spot, Sync};
use crate::frame::FrameKind;
use crate::piece::{self, Piece};
use crate::seal::DataKey;
use crate::space::{Promise, Purpose, Space};
use crate::store::Store;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;
use tracing::Span;

/// Takes a body as it arrives. Dropped before `finish` it leaves nothing but dead space.
#[derive(Debug)]
pub struct BodyWriter {
    lane: Lane,
    /// What it is sealed by, and what is said of that.
    key: Option<Arc<DataKey>>,
    encryption: Option<Encryption>,
    promise: Promise,
    /// Of the promise, what the appends in flight are about to use.
    promised: u64,
    declared: Option<u64>,
    /// Where it waits for room that is being made.
    patient: Option<Store>,
    /// None until there is something to put into it: a body that waits for the disk holds no second one.
    framed: Option<Framed>,
    in_flight: VecDeque<InFlight>,
    pieces: Vec<Piece>,
    extents: Vec<(Arc<Extent>, Pin)>,
    digest: crc_fast::Digest,
    length: u64,
    /// From its first byte until it is durable.
    span: Span,
}

/// Appends of a body that its lane has not answered yet: the disk is kept busy while the next buffer fills. All bodies together are
/// bounded by what the lanes queue.
const IN_FLIGHT_MAX: usize = 4;

/// Room that is promised to a body before any of it has come: what a client only says that it will send takes next to nothing from others.
const BEGINNING_BYTES: u64 = 64 << 10;
/// Room that is promised to it beyond what it has used, once some has come. All of that has to be there then: bodies that each had a little of
/// what is left would wait for each other, and none would ever be whole.
const AHEAD_BYTES: u64 = 8 << 20;

/// An append that the lane has not answered yet.
#[derive(Debug)]
struct InFlight {
    length: u64,
    answer: oneshot::Receiver<Result<Spot>>,
}

/// A body that is written, waiting to become a blob or a block. Dropped unused it leaves nothing but dead space.
#[derive(Debug)]
pub struct Body {
    pieces: Vec<Piece>,
    length: u64,
    crc64: u64,
    /// What it is sealed by, besides its tenant's keys.
    encryption: Option<Encryption>,
    /// No extent is removed while a body that waits for its place in the catalog lies in it.
    _pins: Vec<Pin>,
}

impl BodyWriter {
    /// Room for its beginning must be there, and all of it must be able to fit. Err: `Full`.
    pub(crate) fn new(
        space: &Arc<Space>,
        lane: Lane,
        key: Option<Arc<DataKey>>,
        declared: Option<u64>,
    ) -> Result<Self> {
        space.could_hold(declared.unwrap_or(0))?;
        let beginning = framed::kind(key.as_ref()).framed_bytes(declared.unwrap_or(0).min(BEGINNING_BYTES));
        Ok(Self {
            lane,
            key,
            encryption: None,
            promise: space.promise(Purpose::Content, beginning)?,
            promised: 0,
            declared,
            patient: None,
            framed: None,
            in_flight: VecDeque::new(),
            pieces: Vec::new(),
            extents: Vec::new(),
            digest: crc::digest(),
            length: 0,
            span: tracing::debug_span!("intake"),
        })
    }

    fn kind(&self) -> FrameKind {
        framed::kind(self.key.as_ref())
    }

    pub(crate) fn sealed_by(self, seal: &Seal) -> Self {
        Self { encryption: seal.encryption(), ..self }
    }

    pub(crate) fn patient(self, store: Store) -> Self {
        Self { patient: Some(store), ..self }
    }

    /// Waits while the disk is behind: memory stays bounded whatever the body's length. A writer whose `write` was cancelled or failed
    /// is of no more use. Err: `Full`, `BodyLength` once more has come than was declared.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let received = self.length + bytes.len() as u64;
        if let Some(declared) = self.declared.filter(|declared| received > *declared) {
            return Err(StoreError::BodyLength { declared, received });
        }
        self.digest.update(&bytes);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            if self.framed.as_ref().is_some_and(Framed::is_full) {
                self.flush(Sync::Later).await?;
            }
            let room = self.declared.map_or(u64::MAX, |declared| declared - self.length);
            let taken = self.framed.get_or_insert_with(|| Framed::with_room(room, self.key.clone())).push(rest);
            self.length += taken as u64;
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// The content is durable when this returns. Err: `Full`, `BodyLength` where less has come than was declared.
    pub async fn finish(mut self) -> Result<Body> {
        if let Some(declared) = self.declared.filter(|declared| self.length != *declared) {
            return Err(StoreError::BodyLength { declared, received: self.length });
        }
        if self.length > 0 {
            self.flush(Sync::Now).await?;
        }
        while let Some(append) = self.in_flight.pop_front() {
            self.land(append).await?;
        }
        // The last sync says nothing of an extent that failed before it.
        if let Some((extent, _)) = self.extents.iter().find(|(extent, _)| extent.is_broken()) {
            let lost = std::io::Error::other("an earlier write of it failed");
            return Err(StoreError::io("sync", extent.path(), lost));
        }
        let pins = self.extents.into_iter().map(|(_, pin)| pin).collect();
        let (pieces, length, encryption) = (self.pieces, self.length, self.encryption);
        Ok(Body { pieces, length, crc64: self.digest.finalize(), encryption, _pins: pins })
    }

    async fn flush(&mut self, sync: Sync) -> Result<()> {
        while self.in_flight.len() >= IN_FLIGHT_MAX
            && let Some(append) = self.in_flight.pop_front()
        {
            self.land(append).await?;
        }
        let Some(framed) = self.framed.take() else { return Ok(()) };
        let (length, disk) = (framed.length(), self.kind().framed_bytes(framed.length()));
        self.promised += disk;
        self.find_room().await?;
        // Of a large body there are thousands: the last one shows what they are like.
        let span = match sync {
            Sync::Now => self.span.clone(),
            Sync::Later => Span::none(),
        };
        let answer = self.lane.append(framed.into_frames(), sync, span).await?;
        self.in_flight.push_back(InFlight { length, answer });
        Ok(())
    }

    /// For what is on its way to the disk; and, if there is some, for what comes next.
    async fn find_room(&mut self) -> Result<()> {
        let left = self.declared.map_or(0, |declared| declared.saturating_sub(self.length));
        let ahead = self.promised + self.kind().framed_bytes(left.min(AHEAD_BYTES));
        let begins = self.pieces.is_empty() && self.in_flight.is_empty();
        let (promise, needed) = (&mut self.promise, if begins { ahead } else { self.promised });
        match &self.patient {
            Some(store) => store.when_room(|| promise.extend(needed)).await?,
            None => promise.extend(needed)?,
        }
        // Without it, the next append asks again.
        let _ = self.promise.extend(ahead);
        Ok(())
    }

    async fn land(&mut self, append: InFlight) -> Result<()> {
        let InFlight { length, answer } = append;
        let Spot { extent, offset, pin } = answer.await.map_err(|_| StoreError::Closed)??;
        let disk = self.kind().framed_bytes(length);
        self.promised -= disk;
        self.promise.spend(disk);
        piece::push(&mut self.pieces, Piece::new(extent.id(), offset, length as u32));
        if self.extents.last().is_none_or(|(last, _)| !Arc::ptr_eq(last, &extent)) {
            self.extents.push((extent, pin));
        }
        Ok(())
    }
}

impl Body {
    pub fn length(&self) -> u64 {
        self.length
    }

    /// CRC-64/NVME of the content.
    pub fn crc64(&self) -> u64 {
        self.crc64
    }

    pub(crate) fn encryption(&self) -> Option<&Encryption> {
        self.encryption.as_ref()
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}
