//! Starts the server, says that it is ready, and ends it.

use super::answer::Server;
use super::folder::Folder;
use super::keys::Keys;
use super::route::TENANT;
use super::{clock, connections, tls};
use crate::args::Serve;
use crate::fault::Fault;
use serde::Serialize;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The line on standard output.
#[derive(Serialize)]
struct Ready {
    vault: String,
    authority: String,
    /// Where the vault made its certificate itself.
    ca: Option<PathBuf>,
}

pub fn serve(args: &Serve) -> Result<(), Fault> {
    if !args.listen.ip().is_loopback() {
        return Err(Fault::Outside(args.listen));
    }
    let folder = Folder::open(&args.data.data)?;
    let _serving = folder.serve()?;
    Keys::new(folder.clone()).sweep(clock::now_s())?;
    let (acceptor, ca) = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => (tls::load(certificate, key)?, None),
        (None, _) | (_, None) => tls::own(&folder).map(|(acceptor, ca)| (acceptor, Some(ca)))?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Fault::Start)?;
    runtime.block_on(async {
        let listen = |source| Fault::Listen { address: args.listen, source };
        let listener = TcpListener::bind(args.listen).await.map_err(listen)?;
        let url = format!("https://localhost:{}", listener.local_addr().map_err(listen)?.port());
        let stop = CancellationToken::new();
        let stopping = stop_signal().map_err(Fault::Start)?;
        let server = Arc::new(Server::new(folder, url.clone()));
        let serving = tokio::spawn(connections::serve(server, listener, acceptor, stop.clone()));
        let authority = format!("{url}/{TENANT}");
        say(&Ready { vault: url, authority, ca }).map_err(Fault::Start)?;
        let why = tokio::select! {
            signal = stopping => signal,
            () = stdin_end(), if args.until_stdin_closes => "standard input ended",
        };
        tracing::info!(why, "stopping");
        stop.cancel();
        let _ = serving.await;
        Ok(())
    })
}

fn say(ready: &Ready) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(ready)?)?;
    stdout.flush()
}

/// A thread of its own reads it: the runtime's would keep the server from ending.
async fn stdin_end() {
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        io::copy(&mut io::stdin().lock(), &mut io::sink()).ok();
        ended.send(()).ok();
    });
    end.await.ok();
}

/// Listens from now on for what asks a program to end; the future names what came.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::windows::{ctrl_break, ctrl_c};
    let (mut interrupt, mut terminate) = (ctrl_c()?, ctrl_break()?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "Ctrl-C",
            _ = terminate.recv() => "Ctrl-Break",
        }
    })
}
