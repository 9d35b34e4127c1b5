//! HTTP at its barest, prepared bytes out and answers in: clients that share their cores with the server have to cost next to nothing.

use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BUFFER_BYTES: usize = 64 << 10;
const HEAD_END: &[u8] = b"\r\n\r\n";
/// The last chunk of a body of unknown length. None of the documents that come so has a line like it.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// A request as it is sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub head: String,
    pub body: Bytes,
}

impl Request {
    /// Of bytes that need not be a request at all.
    pub fn raw(head: impl Into<String>) -> Self {
        Self { head: head.into(), body: Bytes::new() }
    }
}

/// Somebody's account, and what may be done with it.
#[derive(Debug, Clone)]
pub struct Account {
    pub name: &'static str,
    pub sas: String,
}

impl Account {
    /// The path and query of something in the account.
    pub fn target(&self, path: &str) -> String {
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("/{}/{path}{joint}{}", self.name, self.sas)
    }

    pub fn ask(&self, method: &str, path: &str, headers: &str) -> Request {
        Request::raw(format!("{method} {} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n", self.target(path)))
    }

    pub fn send(&self, method: &str, path: &str, headers: &str, body: impl Into<Bytes>) -> Request {
        let body = body.into();
        let headers = format!("Content-Length: {}\r\n{headers}", body.len());
        Request { body, ..self.ask(method, path, &headers) }
    }

    pub fn put_blob(&self, path: &str, headers: &str, body: impl Into<Bytes>) -> Request {
        self.send("PUT", path, &format!("x-ms-blob-type: BlockBlob\r\n{headers}"), body)
    }
}

#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// As much of it as was wanted.
    pub body: Vec<u8>,
}

impl Connection {
    pub async fn open(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES].into() })
    }

    pub async fn send(&mut self, request: &Request) -> io::Result<()> {
        // One packet, where it is small.
        if request.body.len() <= BUFFER_BYTES {
            return self.stream.write_all(&[request.head.as_bytes(), &request.body].concat()).await;
        }
        self.stream.write_all(request.head.as_bytes()).await?;
        self.stream.write_all(&request.body).await
    }

    /// More of what was sent.
    pub async fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits until the other side has ended it.
    pub async fn end(&mut self) {
        while self.stream.read(&mut self.buffer).await.is_ok_and(|read| read > 0) {}
    }

    /// The answer, of whose body `keep` bytes are kept. Err: `UnexpectedEof` where the connection ends before it does.
    pub async fn answer(&mut self, keep: usize) -> io::Result<Answer> {
        let (head, mut part) = self.head().await?;
        let mut answer = Answer { status: head.status, body: Vec::new() };
        let (mut left, mut tail) = (head.length, Vec::new());
        loop {
            let bytes = &self.buffer[part.clone()];
            answer.body.extend_from_slice(&bytes[..bytes.len().min(keep - answer.body.len())]);
            let ended = match &mut left {
                Some(left) => {
                    *left = left.saturating_sub(bytes.len());
                    *left == 0
                }
                None => {
                    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(LAST_CHUNK.len())..]);
                    tail.drain(..tail.len().saturating_sub(LAST_CHUNK.len()));
                    tail == LAST_CHUNK
                }
            };
            if ended {
                return Ok(answer);
            }
            part = 0..self.more(0).await?;
        }
    }

    /// The head of an answer, and where in the buffer the beginning of its body lies.
    async fn head(&mut self) -> io::Result<(Head, Range<usize>)> {
        let mut filled = 0;
        loop {
            filled += self.more(filled).await?;
            let end = self.buffer[..filled].windows(HEAD_END.len()).position(|bytes| bytes == HEAD_END);
            if let Some(end) = end.map(|at| at + HEAD_END.len()) {
                return Ok((Head::parse(&self.buffer[..end])?, end..filled));
            }
        }
    }

    async fn more(&mut self, at: usize) -> io::Result<usize> {
        match self.stream.read(&mut self.buffer[at..]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

struct Head {
    status: u16,
    /// `None` where only its end tells.
    length: Option<usize>,
}

impl Head {
    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        let named = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            lines.find_map(|(header, value)| header.eq_ignore_ascii_case(name).then_some(value))
        };
        let length = match named("transfer-encoding") {
            Some(_) => None,
            None => Some(named("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)),
        };
        Ok(Self { status: status.ok_or(io::ErrorKind::InvalidData)?, length })
    }
}
