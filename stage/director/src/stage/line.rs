//! The line that mirrors of the second node go over: bytes there and back on loopback, until somebody cuts it. Knows no HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Ends with its last handle.
#[derive(Debug, Clone)]
pub struct Line {
    /// Where it begins.
    pub at: SocketAddr,
    whole: Arc<(watch::Sender<bool>, DropGuard)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    Whole,
    Cut,
}

impl Line {
    /// A line to a server of this machine.
    pub async fn to(server: SocketAddr) -> std::io::Result<Line> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let at = listener.local_addr()?;
        let (whole, is_whole) = watch::channel(true);
        let end = CancellationToken::new();
        let ended = end.clone();
        tokio::spawn(async move { ended.run_until_cancelled(accept(listener, server, is_whole)).await });
        Ok(Line { at, whole: Arc::new((whole, end.drop_guard())) })
    }

    pub fn state(&self) -> LineState {
        match *self.whole.0.borrow() {
            true => LineState::Whole,
            false => LineState::Cut,
        }
    }

    /// Cut, it ends what is under way and takes nothing on.
    pub fn set(&self, state: LineState) {
        self.whole.0.send_replace(state == LineState::Whole);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, is_whole: watch::Receiver<bool>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        if *is_whole.borrow() {
            tokio::spawn(carry(client, server, is_whole.clone()));
        }
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, mut is_whole: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    // What waits to be sent with more would be measured as lag.
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = is_whole.wait_for(|is_whole| !is_whole) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Says back what it hears.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let at = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.split();
                    tokio::io::copy(&mut from, &mut to).await.ok();
                });
            }
        });
        at
    }

    async fn asks(at: SocketAddr) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(at).await.ok()?;
        stream.write_all(b"on").await.ok()?;
        let mut said = [0; 2];
        stream.read_exact(&mut said).await.ok().filter(|_| said == *b"on").map(|_| stream)
    }

    #[tokio::test]
    async fn a_line_that_is_cut_ends_what_is_under_way_until_it_is_mended() {
        let line = Line::to(echo().await).await.expect("a port");
        let mut open = asks(line.at).await.expect("whole");
        line.set(LineState::Cut);
        assert_eq!(open.read(&mut [0; 1]).await.unwrap_or_default(), 0, "it was under way");
        assert!(asks(line.at).await.is_none(), "nothing is taken on");
        line.set(LineState::Whole);
        assert!(asks(line.at).await.is_some());
    }

    #[tokio::test]
    async fn a_line_ends_with_its_last_handle() {
        let line = Line::to(echo().await).await.expect("a port");
        let (at, other) = (line.at, line.clone());
        drop(line);
        assert!(asks(at).await.is_some());
        drop(other);
        let mut left = 100;
        while TcpStream::connect(at).await.is_ok() && left > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            left -= 1;
        }
        assert!(left > 0, "nobody listens");
    }
}
