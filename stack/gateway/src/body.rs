//! A request's body as it streams in from the client, checked and bounded.

use crate::checks::Checks;
use crate::error::{Code, Error};
use crate::gate::{Pass, Writing};
use crate::limits::Limits;
use crate::meter::{Served, TenantMeter};
use crate::pace::Pace;
use bytes::{Bytes, BytesMut};
use greenroom_model::metrics::OpClass;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tracing::{Instrument as _, debug_span};

/// How much of a body nobody wants is still read, so that the client gets to see why: a connection cut in the middle of a
/// body shows it a network error instead, which it retries.
const DISCARDED_BYTES_MAX: u64 = 300 * 1024 * 1024;
const DISCARDING_MAX: Duration = Duration::from_secs(30);
/// Of one that nobody is known to have sent: a block as AzCopy sends them, whose user is to see that the signature has expired.
const STRANGERS_BYTES_MAX: u64 = 8 << 20;
const STRANGERS_MAX: Duration = Duration::from_secs(5);

/// A request's body.
pub struct BodyIn {
    /// `None` for a request that came inside of another.
    incoming: Option<Incoming>,
    length: Option<u64>,
    taken: u64,
    start: Start,
    pace: Pace,
    meter: Option<Arc<dyn TenantMeter>>,
    /// The request's place among those that are worked on.
    pass: Option<Pass>,
    /// Its place at the disk, once all has come.
    writing: Option<Writing>,
    /// The checksums that the body must have, as it is sent.
    checks: Checks,
}

/// When a client sends its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    AtOnce,
    /// Once it was asked to, by `100 Continue`, which reading the body sends.
    WhenAsked,
}

impl std::fmt::Debug for BodyIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyIn").field("length", &self.length).field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl BodyIn {
    pub fn new(incoming: Incoming, start: Start, limits: &Limits) -> Self {
        let length = hyper::body::Body::size_hint(&incoming).exact();
        Self {
            incoming: Some(incoming),
            length,
            taken: 0,
            start,
            pace: Pace::new(limits),
            meter: None,
            pass: None,
            writing: None,
            checks: Checks::default(),
        }
    }

    /// The body of a request that has none.
    pub fn empty() -> Self {
        let pace = Pace::new(&Limits::default());
        Self {
            incoming: None,
            length: Some(0),
            taken: 0,
            start: Start::AtOnce,
            pace,
            meter: None,
            pass: None,
            writing: None,
            checks: Checks::default(),
        }
    }

    pub fn metered(&mut self, meter: Arc<dyn TenantMeter>) {
        self.meter = Some(meter);
    }

    pub fn admitted(&mut self, pass: Pass) {
        self.pass = Some(pass);
    }

    /// Gives the request's place back until more content comes, or to the end.
    pub fn give_way(&mut self) {
        self.pass.iter_mut().for_each(Pass::park);
    }

    /// Gives back the place at the disk, too: for what is done by requests within this one, which take places of their own.
    pub fn let_go(&mut self) {
        self.give_way();
        self.writing = None;
    }

    /// By what the requests within this one are counted and admitted: as it was itself.
    pub fn served(&self) -> Option<Served> {
        Some(Served { meter: self.meter.clone()?, gate: self.pass.as_ref()?.gate().clone() })
    }

    /// Others may go first, in what takes long.
    pub async fn turn(&mut self) {
        if let Some(pass) = &mut self.pass {
            pass.turn().await;
        }
    }

    /// What is left of a change is the disk's work, which it waits for in turn.
    pub async fn write(&mut self) -> Result<(), Error> {
        let (Some(pass), None) = (&mut self.pass, &self.writing) else { return Ok(()) };
        let asked = Instant::now();
        let writing = pass.write().instrument(debug_span!("disk")).await;
        if let Some(meter) = &self.meter {
            match &writing {
                Ok(_) => meter.waited(asked.elapsed()),
                Err(_) => meter.throttled(),
            }
        }
        self.writing = Some(writing.map_err(|busy| Code::from((busy, OpClass::Put)))?);
        Ok(())
    }

    /// Does something of the request, and gives its place back while that has to wait: for the disk, or for room on it.
    pub async fn work<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        match futures::poll!(&mut work) {
            Poll::Ready(done) => done,
            Poll::Pending => {
                self.give_way();
                work.await
            }
        }
    }

    /// What Content-Length promised; the protocol demands it of every body.
    pub fn length(&self) -> Result<u64, Error> {
        self.length.ok_or_else(|| Code::MissingContentLengthHeader.into())
    }

    /// How much of it has come.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The next bytes, or `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(incoming) = &mut self.incoming else { return Ok(None) };
        loop {
            let began = Instant::now();
            let mut frame = std::pin::pin!(incoming.frame());
            let frame = match futures::poll!(&mut frame) {
                Poll::Ready(frame) => Ok(frame),
                Poll::Pending => {
                    self.pass.iter_mut().for_each(Pass::park);
                    tokio::time::timeout(self.pace.left(), frame).await
                }
            };
            let bytes = match &frame {
                Ok(Some(Ok(frame))) => frame.data_ref().map_or(0, Bytes::len),
                Ok(_) | Err(_) => 0,
            };
            if self.pace.add(began.elapsed(), bytes as u64).is_err() {
                // What is left of the body is not waited for either.
                self.incoming = None;
                return Err(Code::RequestTimeout.into());
            }
            match frame {
                // Enough had come before the client stalled: it is waited for once more.
                Err(_) => {}
                Ok(None) => {
                    self.write().await?;
                    return Ok(None);
                }
                Ok(Some(Err(_))) => return Err(Code::IncompleteBody.into()),
                Ok(Some(Ok(frame))) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    self.taken += bytes.len() as u64;
                    if let Some(meter) = &self.meter {
                        meter.took(bytes.len() as u64);
                    }
                    if let Some(pass) = &mut self.pass {
                        pass.took(bytes.len() as u64).await;
                    }
                    return Ok(Some(bytes));
                }
            }
        }
    }

    /// Says which checksums the body must have. Content is weighed where it is taken in, a document here; and so is a body that is
    /// empty, which nobody reads.
    pub fn expect(&mut self, checks: Checks) -> Result<(), Error> {
        self.checks = checks;
        if self.length == Some(0) { checks.weigh(&[]) } else { Ok(()) }
    }

    /// A whole small document.
    pub async fn document(&mut self, bytes_max: usize) -> Result<Bytes, Error> {
        if self.length.is_some_and(|length| length > bytes_max as u64) {
            return Err(Code::RequestBodyTooLarge.into());
        }
        let mut document = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if document.len() + bytes.len() > bytes_max {
                return Err(Code::RequestBodyTooLarge.into());
            }
            document.extend_from_slice(&bytes);
        }
        self.checks.weigh(&document)?;
        Ok(document.freeze())
    }

    /// Reads on what a refused request still sends, within limits. A client that still waits to be
    /// asked for its body is not.
    pub async fn discard(&mut self) {
        self.read_on(DISCARDED_BYTES_MAX, DISCARDING_MAX).await;
    }

    /// As `discard`, for a request without a good credential: its client has cost enough.
    pub async fn discard_a_strangers(&mut self) {
        self.read_on(STRANGERS_BYTES_MAX, STRANGERS_MAX).await;
    }

    async fn read_on(&mut self, bytes_max: u64, time_max: Duration) {
        let rest = self.length.unwrap_or(0).saturating_sub(self.taken);
        let unasked = self.start == Start::WhenAsked && self.taken == 0;
        if rest == 0 || rest > bytes_max || unasked {
            return;
        }
        (self.meter, self.pass, self.writing) = (None, None, None);
        let reading = async { while let Ok(Some(_)) = self.next().await {} };
        // Past the limit the connection is closed instead, which is what an error here means to hyper too.
        let _ = tokio::time::timeout(time_max, reading).await;
    }
}
