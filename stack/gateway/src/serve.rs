//! Connections: accept, bound, time out, drain. TLS, when it comes, wraps the stream here.

use crate::Gateway;
use crate::request::Transport;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

/// Connections served at once; the next one waits in the kernel's queue. AzCopy opens up to a few hundred.
const CONNECTIONS_MAX: usize = 2048;
/// How long a connection may be idle, or take to send its headers. Longer than the idle time of Go's and Python's pools,
/// so that it is the client that closes and no request is lost to a race.
const HEADERS_MAX: Duration = Duration::from_secs(120);
/// A client that takes nothing of its reply for so long is cut off.
const WRITE_STALL_MAX: Duration = Duration::from_secs(60);
/// Headers of one request together; a SAS, 8 KiB of metadata and a 1,024-character name encoded fit several times.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// How long requests in flight may go on once the server was asked to stop.
const DRAIN_MAX: Duration = Duration::from_secs(20);
/// Out of file descriptors: waiting lets connections end, spinning does not.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop`, then finishes what is in flight, within `DRAIN_MAX`, and returns.
pub async fn serve(gateway: Arc<Gateway>, listener: TcpListener, stop: CancellationToken) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            let permit = permits.clone().acquire_owned().await.expect("the semaphore is never closed");
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(gateway.clone(), stream, peer);
                let connection = graceful.watch(connection);
                connections.spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%peer, %error, "connection ended");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests still in flight are cut off");
    }
    connections.shutdown().await;
}

fn connection(
    gateway: Arc<Gateway>,
    stream: TcpStream,
    peer: SocketAddr,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send {
    // Replies are small and latency is measured: never wait to fill a segment.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_STALL_MAX));
    let service = service_fn(move |request| {
        let gateway = gateway.clone();
        async move { Ok::<_, Infallible>(gateway.answer(request, peer.ip(), Transport::Plain).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX.max(MIN_BUFFER_BYTES))
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
}

/// hyper reads bodies through the same buffer as headers; a smaller one costs throughput.
const MIN_BUFFER_BYTES: usize = 256 * 1024;
