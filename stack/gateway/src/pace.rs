//! Holds clients to a pace. What counts is the time that the server waits for the client, never the client for the server.

use crate::limits::Limits;
use futures::task::AtomicWaker;
use greenroom_model::TenantName;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Sleep;

/// The client has moved too little in the time that it was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSlow;

/// Time waited for a client and bytes moved meanwhile, judged each time that `stall_max` has been waited.
#[derive(Debug)]
pub struct Pace {
    window: Duration,
    bytes_min: u64,
    waited: Duration,
    moved: u64,
}

impl Pace {
    pub fn new(limits: &Limits) -> Self {
        Self { window: limits.stall_max, bytes_min: limits.stall_bytes_min, waited: Duration::ZERO, moved: 0 }
    }

    /// How long the client may be waited for until it is judged.
    pub fn left(&self) -> Duration {
        self.window.saturating_sub(self.waited)
    }

    pub fn add(&mut self, waited: Duration, moved: u64) -> Result<(), TooSlow> {
        self.waited += waited;
        self.moved += moved;
        if self.waited < self.window {
            return Ok(());
        }
        if self.moved < self.bytes_min {
            return Err(TooSlow);
        }
        (self.waited, self.moved) = (Duration::ZERO, 0);
        Ok(())
    }
}

/// Whose turn it is on a connection: the client's, between requests and in their headers, or the server's.
#[derive(Debug, Default)]
pub struct Turn {
    servers: AtomicBool,
    /// How often it was the server's. A short turn may begin and end between two reads.
    taken: AtomicU64,
    /// The connection's task, which waits for a request from when the turn ends.
    connection: AtomicWaker,
    /// Since when the client owes a request of which nothing has come yet.
    idle_since: Mutex<Option<Instant>>,
    /// The connection is to end, unless a request comes first.
    dismissed: AtomicBool,
    /// Whose the last request was that came with a good credential; nobody's until then.
    tenant: Mutex<Option<TenantName>>,
    /// Since when what is under way now is: a request, from its first byte, or the silence before the first one.
    under_way_since: Mutex<Option<Instant>>,
    /// The connection is to end, whatever is under way.
    expelled: Notify,
}

/// The server's turn, until dropped.
#[derive(Debug)]
pub struct Answering(Arc<Turn>);

impl Turn {
    pub fn take(self: &Arc<Self>) -> Answering {
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.servers.store(true, Ordering::Relaxed);
        Answering(self.clone())
    }

    fn is_servers(&self) -> bool {
        self.servers.load(Ordering::Acquire)
    }

    /// Since when the connection has been idle; `None` while a request is under way.
    pub fn idle_since(&self) -> Option<Instant> {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection if it still is idle when it gets to know of it.
    pub fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Release);
        self.connection.wake();
    }

    /// A request has proven to be this tenant's.
    pub fn belongs_to(&self, tenant: &TenantName) {
        let mut known = self.tenant.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref() != Some(tenant) {
            *known = Some(tenant.clone());
        }
    }

    pub fn tenant(&self) -> Option<TenantName> {
        self.tenant.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Since when its client has not let go of it.
    pub fn under_way_since(&self) -> Option<Instant> {
        *self.under_way_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection now.
    pub fn expel(&self) {
        self.expelled.notify_one();
    }

    pub async fn expelled(&self) {
        self.expelled.notified().await;
    }

    fn now_awaits(&self, awaited: Awaited) {
        let since = (awaited == Awaited::Request).then(Instant::now);
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
        self.under_way_since.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
        if since.is_none() {
            // A request has come first.
            self.dismissed.store(false, Ordering::Release);
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        *self.0.under_way_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.servers.store(false, Ordering::Release);
        self.0.connection.wake();
    }
}

/// What the reading side waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// A body is waited for where it is read; nothing else is the client's to send now.
    Nothing,
    Request,
    RestOfHeaders,
}

/// A connection that fails with `TimedOut` where its client does not keep the pace.
#[derive(Debug)]
pub struct Paced<S> {
    stream: S,
    turn: Arc<Turn>,
    limits: Limits,
    awaited: Awaited,
    turns_seen: u64,
    reading: Pin<Box<Sleep>>,
    writing: Pin<Box<Sleep>>,
    writes: Pace,
    write_blocked: Option<Instant>,
}

impl<S> Paced<S> {
    pub fn new(stream: S, turn: Arc<Turn>, limits: Limits) -> Self {
        let sleep = || Box::pin(tokio::time::sleep(limits.idle_max));
        turn.now_awaits(Awaited::Request);
        Self {
            stream,
            turn,
            limits,
            awaited: Awaited::Request,
            turns_seen: 0,
            reading: sleep(),
            writing: sleep(),
            writes: Pace::new(&limits),
            write_blocked: None,
        }
    }

    fn wait(&mut self, awaited: Awaited) {
        if self.awaited == awaited {
            return;
        }
        self.awaited = awaited;
        self.turn.now_awaits(awaited);
        let patience = match awaited {
            Awaited::Nothing => return,
            Awaited::Request => self.limits.idle_max,
            Awaited::RestOfHeaders => self.limits.headers_max,
        };
        self.reading.as_mut().reset(tokio::time::Instant::now() + patience);
    }

    /// Counts a write that has moved `written` bytes, or still waits.
    fn pace_write(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let timed_out = || Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        match done {
            Poll::Ready(Ok(written)) => {
                let waited = self.write_blocked.take().map(|since| since.elapsed()).unwrap_or_default();
                match self.writes.add(waited, written as u64) {
                    Ok(()) => Poll::Ready(Ok(written)),
                    Err(TooSlow) => timed_out(),
                }
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                if self.write_blocked.is_none() {
                    self.write_blocked = Some(Instant::now());
                    self.writing.as_mut().reset(tokio::time::Instant::now() + self.writes.left());
                }
                match self.writing.as_mut().poll(cx) {
                    Poll::Ready(()) => {
                        let waited = self.write_blocked.take().map(|since| since.elapsed()).unwrap_or_default();
                        // A client that moved enough before it stalled gets one more window.
                        if self.writes.add(waited, 0).is_err() {
                            return timed_out();
                        }
                        self.pace_write(cx, Poll::Pending)
                    }
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let turns = self.turn.taken.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.turns_seen, turns) != turns {
            self.wait(Awaited::Nothing);
        }
        self.turn.connection.register(cx.waker());
        if self.turn.is_servers() {
            return done;
        }
        if self.awaited == Awaited::Nothing {
            self.wait(Awaited::Request);
        }
        match done {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                self.wait(Awaited::RestOfHeaders);
                done
            }
            Poll::Ready(_) => done,
            // As if the client had closed it: nothing of a request is lost.
            Poll::Pending if self.awaited == Awaited::Request && self.turn.dismissed.load(Ordering::Acquire) => {
                Poll::Ready(Ok(()))
            }
            Poll::Pending => self.reading.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.pace_write(cx, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.pace_write(cx, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS writes what it has buffered here; nothing is counted as moved, but the wait is.
        let done = Pin::new(&mut self.stream).poll_flush(cx);
        self.pace_write(cx, done.map(|done| done.map(|()| 0))).map(|done| done.map(drop))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_judged_by_what_moved_while_it_was_waited_for() {
        let limits = Limits { stall_max: Duration::from_secs(10), stall_bytes_min: 100, ..Limits::default() };
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(&limits);
        // Fast clients are never waited for, so never judged.
        assert_eq!(pace.add(Duration::ZERO, 1 << 40), Ok(()));
        assert_eq!(pace.left(), 10 * second);
        assert_eq!(pace.add(10 * second, 0), Ok(()), "enough had moved");
        for _ in 0..9 {
            assert_eq!(pace.add(second, 1), Ok(()));
        }
        assert_eq!(pace.left(), second);
        assert_eq!(pace.add(second, 1), Err(TooSlow), "ten bytes in ten seconds");
    }
}
