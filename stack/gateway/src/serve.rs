//! Connections: accept, bound, pace, drain. TLS, where it is asked for, lies between the socket and the pace.

use crate::gateway::Gateway;
use crate::head::Transport;
use crate::pace::{Paced, Turn};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

/// hyper reads bodies through the same buffer as headers, which are bounded once they are parsed; a smaller one costs throughput.
const BUFFER_BYTES_MAX: usize = 256 * 1024;
/// Out of file descriptors: waiting lets connections end, spinning does not.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How clients are spoken to.
#[derive(Clone)]
pub enum Wire {
    Plain,
    Tls(Arc<ServerConfig>),
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Wire::Plain => "Plain",
            Wire::Tls(_) => "Tls",
        })
    }
}

/// Serves until `stop`, then finishes what is in flight, within the gateway's `drain_max`, and returns.
pub async fn serve(gateway: Arc<Gateway>, listener: TcpListener, wire: Wire, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = tokio::select! {
                    place = gateway.roster.admit() => place,
                    () = stop.cancelled() => break,
                };
                let (turn, leave) = (place.turn(), place.turn());
                let connection = connection(gateway.clone(), stream, wire.clone(), (peer, turn), graceful.watcher());
                connections.spawn(async move {
                    tokio::select! {
                        () = connection => {}
                        () = leave.expelled() => {}
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(gateway.limits.drain_max, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests still in flight are cut off");
    }
    connections.shutdown().await;
}

async fn connection(
    gateway: Arc<Gateway>,
    stream: TcpStream,
    wire: Wire,
    (peer, turn): (SocketAddr, Arc<Turn>),
    watcher: Watcher,
) {
    // Replies are small and latency is measured: never wait to fill a segment.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    match wire {
        Wire::Plain => requests(gateway, stream, Transport::Plain, (peer, turn), watcher).await,
        Wire::Tls(config) => {
            let handshake = TlsAcceptor::from(config).accept(stream);
            match tokio::time::timeout(gateway.limits.headers_max, handshake).await {
                Ok(Ok(stream)) => requests(gateway, stream, Transport::Tls, (peer, turn), watcher).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
            }
        }
    }
}

/// Answers the requests of one connection, one after the other.
async fn requests<S>(
    gateway: Arc<Gateway>,
    stream: S,
    transport: Transport,
    (peer, turn): (SocketAddr, Arc<Turn>),
    watcher: Watcher,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = Paced::new(stream, turn.clone(), gateway.limits);
    let service = service_fn(move |request| {
        let (gateway, turn) = (gateway.clone(), turn.clone());
        let answering = turn.take();
        async move {
            let mut response = gateway.answer(request, peer.ip(), transport, &turn).await;
            response.body_mut().hold(answering);
            Ok::<_, Infallible>(response)
        }
    });
    // Time is kept by `Paced`, which tells a connection between requests from one that dawdles over its headers.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .preserve_header_case(true)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "connection ended");
    }
}
