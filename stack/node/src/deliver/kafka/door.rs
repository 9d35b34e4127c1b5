//! The way out of the Kafka client. It connects to whatever a cluster says of itself, and takes no connector; but it takes a proxy. So there is one
//! for it alone, on the loopback address, which judges each address at the moment in which it connects, as webhooks' are judged. Whoever else
//! on this machine finds it comes no further than the client does.
//! Source: RFC 1928, "SOCKS Protocol Version 5", of which it speaks as much as the client does.

use super::super::failure::clipped;
use crate::reach;
use greenroom_gateway::source::Sources;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A broker that takes longer is not reached. Less than its client waits, so that the reason is known.
const CONNECT_MAX: Duration = Duration::from_secs(8);
/// After a connection that could not be accepted.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// At the same time: what the client keeps open, and as many again for those that it is letting go.
const PASSAGES_MAX: usize = 2 * (super::LEADERS_MAX + 1);
/// Brokers of which it is known why they could not be reached.
const NOTES_MAX: usize = 16;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const CONNECT: u8 = 1;
const BY_NAME: u8 = 3;
const SUCCEEDED: u8 = 0;
const NOT_ALLOWED: u8 = 2;
const UNREACHED: u8 = 4;

/// Dropping it closes it, and every connection through it.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    notes: Notes,
    task: JoinHandle<()>,
}

/// Why a broker could not be reached, by its name.
type Notes = Arc<Mutex<BTreeMap<String, String>>>;

impl Door {
    pub async fn open(sources: Sources) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, notes) = (listener.local_addr()?, Notes::default());
        let task = tokio::spawn(keep(listener, sources, notes.clone()));
        Ok(Self { address, notes, task })
    }

    /// `HOST:PORT`, as the client takes it.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// What could not be reached since it was opened, or since that was forgotten, and why; empty where all could.
    pub fn unreached(&self) -> String {
        let notes = noted(&self.notes);
        notes.iter().map(|(broker, why)| format!("{broker}: {why}")).collect::<Vec<_>>().join("; ")
    }

    pub fn forget(&self) {
        noted(&self.notes).clear();
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(listener: TcpListener, sources: Sources, notes: Notes) {
    let mut passages = JoinSet::new();
    loop {
        while passages.len() >= PASSAGES_MAX {
            passages.join_next().await;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => drop(passages.spawn(pass(client, sources.clone(), notes.clone()))),
                // Such as no descriptor being left. Whoever waits meanwhile does so within a time of its own.
                Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
            },
            Some(_) = passages.join_next() => {}
        }
    }
}

/// An error is a connection that ends, which both sides see.
async fn pass(mut client: TcpStream, sources: Sources, notes: Notes) -> io::Result<()> {
    let asked = tokio::time::timeout(CONNECT_MAX, asked(&mut client)).await;
    let (host, port) = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    let connected = tokio::time::timeout(CONNECT_MAX, connect(&sources, &host, port)).await;
    let slow =
        || Err(io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {} s", CONNECT_MAX.as_secs())));
    match connected.unwrap_or_else(|_| slow()) {
        Ok(mut broker) => {
            client.write_all(&answer(SUCCEEDED)).await?;
            tokio::io::copy_bidirectional(&mut client, &mut broker).await.map(drop)
        }
        Err(error) => {
            let code = if error.kind() == io::ErrorKind::PermissionDenied { NOT_ALLOWED } else { UNREACHED };
            note(&notes, format!("{host}:{port}"), error.to_string());
            client.write_all(&answer(code)).await
        }
    }
}

/// Host and port that the client wants to be connected to.
async fn asked(client: &mut TcpStream) -> io::Result<(String, u16)> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let [version, methods] = read(client).await?;
    let mut offered = vec![0; methods.into()];
    client.read_exact(&mut offered).await?;
    if version != VERSION || !offered.contains(&NO_AUTHENTICATION) {
        return Err(bad("another protocol"));
    }
    client.write_all(&[VERSION, NO_AUTHENTICATION]).await?;
    let [version, command, _, kind, length] = read(client).await?;
    if (version, command, kind) != (VERSION, CONNECT, BY_NAME) {
        return Err(bad("another request"));
    }
    let mut host = vec![0; length.into()];
    client.read_exact(&mut host).await?;
    let host = String::from_utf8(host).map_err(|_| bad("no name"))?;
    Ok((host, u16::from_be_bytes(read(client).await?)))
}

async fn read<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn connect(sources: &Sources, host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = reach::addresses(sources, host, port).await?;
    let stream = TcpStream::connect(addresses.as_slice()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// With an address that nobody reads: the client has asked by name.
fn answer(code: u8) -> [u8; 10] {
    [VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0]
}

fn note(notes: &Notes, broker: String, why: String) {
    let mut notes = noted(notes);
    if notes.len() < NOTES_MAX {
        notes.insert(clipped(broker), clipped(why));
    }
}

fn noted(notes: &Notes) -> MutexGuard<'_, BTreeMap<String, String>> {
    // It is whole after every statement.
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reach::tests::sources;

    /// What comes back for bytes that somebody sends.
    async fn said(door: &Door, sent: &[u8], count: usize) -> Vec<u8> {
        let mut client = TcpStream::connect(door.address).await.expect("it is open");
        client.write_all(sent).await.expect("it takes them");
        let mut said = vec![0; count];
        match client.read_exact(&mut said).await {
            Ok(_) => said,
            Err(_) => Vec::new(),
        }
    }

    fn wish(host: &str, port: u16) -> Vec<u8> {
        let mut wish = vec![VERSION, 1, NO_AUTHENTICATION, VERSION, CONNECT, 0, BY_NAME, host.len() as u8];
        wish.extend_from_slice(host.as_bytes());
        wish.extend_from_slice(&port.to_be_bytes());
        wish
    }

    #[tokio::test]
    async fn it_leads_where_it_is_allowed_to_and_nowhere_else() {
        let broker = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = broker.local_addr().expect("an address").port();
        tokio::spawn(async move {
            let (mut client, _) = broker.accept().await.expect("a client");
            client.write_all(b"hello").await
        });
        let door = Door::open(sources(&[&format!("127.0.0.1:{port}"), "127.0.0.1:1"])).await.expect("a free port");
        let through = said(&door, &wish("127.0.0.1", port), 17).await;
        assert_eq!(through, [&[VERSION, NO_AUTHENTICATION][..], &answer(SUCCEEDED), b"hello"].concat());
        assert_eq!(door.unreached(), "");
        for (host, port, code, says) in [
            ("localhost", port, NOT_ALLOWED, format!("--copy-source-allow localhost:{port}")),
            ("127.0.0.1", port.wrapping_add(1), NOT_ALLOWED, "not public".to_owned()),
            ("127.0.0.1", 1, UNREACHED, "127.0.0.1:1: Connection refused".to_owned()),
            ("", port, UNREACHED, format!(":{port}: ")),
        ] {
            let refused = said(&door, &wish(host, port), 12).await;
            assert_eq!(refused.get(3), Some(&code), "{host}:{port}");
            assert!(door.unreached().contains(&says), "{}", door.unreached());
        }
    }

    #[tokio::test]
    async fn another_protocol_gets_nothing() {
        let door = Door::open(sources(&[])).await.expect("a free port");
        assert!(
            said(
                &door,
                b"GET / HTTP/1.1\r\nHost: localhost:9092\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n\r\n",
                1
            )
            .await
            .is_empty()
        );
        for bytes in [&[4, 1, 0][..], &[VERSION, 1, 2], &[VERSION, 0]] {
            assert!(said(&door, bytes, 1).await.is_empty(), "{bytes:?}");
        }
        let bind = [VERSION, 1, NO_AUTHENTICATION, VERSION, 2, 0, BY_NAME, 0, 0, 0];
        assert!(said(&door, &bind, 3).await.is_empty());
    }
}
