//! A reply's content as it streams out to the client, measured.

use crate::gate::Pass;
use crate::meter::{Measured, Outcome};
use crate::pace::Answering;
use bytes::Bytes;
use futures::Stream;
use http::StatusCode;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tracing::Span;

/// A reply's body, and the measuring of its request: dropped together when the last byte has left.
pub struct BodyOut {
    content: Content,
    status: StatusCode,
    measured: Option<Measured>,
    /// The server's turn on the connection ends with the reply.
    answering: Option<Answering>,
    /// The place of a reply whose content is still to be read.
    pass: Option<Pass>,
    /// Of the request, which ends with the reply.
    span: Span,
    bytes: u64,
}

/// What a reply carries.
pub enum Content {
    Empty,
    Whole(Bytes),
    Stream {
        stream: Parts,
        left: u64,
    },
    /// Of a length that nobody knows before its end, which comes after the last part.
    Parts(Option<Parts>),
}

pub type Parts = Pin<Box<dyn Stream<Item = Result<Bytes, BrokenOff>> + Send>>;

/// The content cannot be read to its end: the connection is cut, so that the client cannot take the part for the whole.
#[derive(Debug, thiserror::Error)]
#[error("the content could not be read to its end")]
pub struct BrokenOff;

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Content::Empty => f.write_str("Empty"),
            Content::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Content::Stream { left, .. } => write!(f, "Stream({left} bytes left)"),
            Content::Parts(_) => f.write_str("Parts"),
        }
    }
}

impl std::fmt::Debug for BodyOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyOut").field("content", &self.content).finish_non_exhaustive()
    }
}

impl BodyOut {
    pub fn new(content: Content, status: StatusCode, measured: Option<Measured>) -> Self {
        let streams = matches!(content, Content::Stream { .. } | Content::Parts(_));
        let pass = measured.as_ref().filter(|_| streams).map(|measured| Pass::later(measured.gate().clone()));
        let mut body = Self { content, status, measured, answering: None, pass, span: Span::none(), bytes: 0 };
        body.settle();
        body
    }

    pub fn hold(&mut self, answering: Answering) {
        self.answering = Some(answering);
    }

    pub fn seen_by(&mut self, span: Span) {
        self.span = span;
    }

    fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if let Some(measured) = &self.measured {
            measured.tenant().sent(bytes as u64);
            match &mut self.pass {
                Some(pass) => pass.sent(bytes as u64),
                None => measured.gate().charge(bytes as u64),
            }
        }
        self.settle();
    }

    /// The disk or the cloud takes its time, and others need not wait for it.
    fn park(&mut self) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        self.pass.iter_mut().for_each(Pass::park);
        Poll::Pending
    }

    /// A streamed reply counts as answered once its last byte was taken; until then it may yet break.
    fn settle(&mut self) {
        let answered = match &self.content {
            Content::Empty | Content::Whole(_) => true,
            Content::Stream { left, .. } => *left == 0,
            Content::Parts(parts) => parts.is_none(),
        };
        if let Some(measured) = self.measured.as_mut().filter(|_| answered) {
            measured.set_outcome(Outcome::Answered(self.status));
        }
    }
}

impl Drop for BodyOut {
    fn drop(&mut self) {
        self.span.record("bytes_out", self.bytes);
    }
}

impl hyper::body::Body for BodyOut {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let span = self.span.clone();
        let _within = span.enter();
        if let Some(pass) = &mut self.pass {
            futures::ready!(pass.poll_place(cx));
        }
        let bytes = match &mut self.content {
            Content::Empty => return Poll::Ready(None),
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                if bytes.is_empty() {
                    return Poll::Ready(None);
                }
                bytes
            }
            Content::Stream { stream, left } => match stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => {
                    *left = left.saturating_sub(bytes.len() as u64);
                    bytes
                }
                Poll::Ready(Some(Err(broken))) => return Poll::Ready(Some(Err(broken))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return self.park(),
            },
            Content::Parts(None) => return Poll::Ready(None),
            Content::Parts(Some(parts)) => match parts.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => bytes,
                Poll::Ready(Some(Err(broken))) => return Poll::Ready(Some(Err(broken))),
                Poll::Ready(None) => {
                    self.content = Content::Parts(None);
                    self.settle();
                    return Poll::Ready(None);
                }
                Poll::Pending => return self.park(),
            },
        };
        self.sent(bytes.len());
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Stream { left, .. } => *left == 0,
            Content::Parts(parts) => parts.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream { left, .. } => SizeHint::with_exact(*left),
            Content::Parts(_) => SizeHint::default(),
        }
    }
}
