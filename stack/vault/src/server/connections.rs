//! Connections: there are so many places, and one that does nothing gives way to one that comes.

use super::answer::Server;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub const CONNECTIONS_MAX: usize = 256;
/// For the handshake, and for the headers of each request; so a connection is idle no longer than this either.
const HEADERS_TIME_MAX: Duration = Duration::from_secs(30);
const BUFFER_BYTES_MAX: usize = 32 * 1024;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);
/// Out of file descriptors: waiting lets connections end, spinning does not.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that answer nothing just now, by when they last did.
#[derive(Debug, Default)]
struct Idle {
    turn: AtomicU64,
    waiting: Mutex<BTreeMap<u64, AbortHandle>>,
}

/// Serves until `stop`, then finishes what is under way.
pub async fn serve(server: Arc<Server>, listener: TcpListener, tls: TlsAcceptor, stop: CancellationToken) {
    let (places, idle) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), Arc::new(Idle::default()));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if places.available_permits() == 0 {
            idle.end_one();
        }
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = stop.cancelled() => break,
        };
        let Ok(place) = place else { break };
        let (server, tls, idle, watcher) = (server.clone(), tls.clone(), idle.clone(), graceful.watcher());
        let (begin, begun) = tokio::sync::oneshot::channel();
        let handle = connections.spawn(async move {
            let Ok(seat) = begun.await else { return };
            connection(server, (stream, place), tls, (idle, seat), watcher).await;
        });
        let _ = begin.send(handle);
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIME_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still under way are cut off");
    }
    connections.shutdown().await;
}

async fn connection(
    server: Arc<Server>,
    (stream, _place): (TcpStream, OwnedSemaphorePermit),
    tls: TlsAcceptor,
    (idle, handle): (Arc<Idle>, AbortHandle),
    watcher: Watcher,
) {
    let seat = Arc::new(Seat::take(idle, handle));
    let _ = stream.set_nodelay(true);
    let stream = match tokio::time::timeout(HEADERS_TIME_MAX, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => return tracing::debug!("TLS handshake took too long"),
    };
    let answering = seat.clone();
    let service = service_fn(move |request| {
        let (server, seat) = (server.clone(), answering.clone());
        async move {
            seat.leave();
            let answer = server.answer(request).await;
            seat.sit();
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIME_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}

/// A connection's place among those that do nothing.
#[derive(Debug)]
struct Seat {
    idle: Arc<Idle>,
    handle: AbortHandle,
    at: AtomicU64,
}

impl Seat {
    fn take(idle: Arc<Idle>, handle: AbortHandle) -> Seat {
        let seat = Seat { idle, handle, at: AtomicU64::new(0) };
        seat.sit();
        seat
    }

    fn sit(&self) {
        let at = self.idle.turn.fetch_add(1, Ordering::Relaxed);
        self.at.store(at, Ordering::Relaxed);
        self.idle.lock().insert(at, self.handle.clone());
    }

    fn leave(&self) {
        self.idle.lock().remove(&self.at.load(Ordering::Relaxed));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Idle {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, AbortHandle>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that has done nothing for longest.
    fn end_one(&self) {
        if let Some((_, handle)) = self.lock().pop_first() {
            handle.abort();
        }
    }
}
