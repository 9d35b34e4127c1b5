//! One connection that moves one blob at a time, of any size, from memory and into nothing.

use super::server::Server;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// What is written and read at a time.
const CHUNK_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
    chunk: Vec<u8>,
}

impl Connection {
    pub fn open(server: &Server) -> Result<Self> {
        let stream = TcpStream::connect(server.address()).context("connect to the server")?;
        stream.set_nodelay(true).context("set TCP_NODELAY")?;
        let stream = BufReader::with_capacity(CHUNK_BYTES, stream);
        Ok(Self { stream, host: server.address().to_string(), chunk: vec![b'g'; CHUNK_BYTES] })
    }

    pub fn put(&mut self, target: &str, bytes: u64) -> Result<()> {
        let head = format!("PUT {target} HTTP/1.1\r\nHost: {}\r\nx-ms-version: 2021-12-02\r\n", self.host);
        let rest = format!("x-ms-blob-type: BlockBlob\r\nContent-Length: {bytes}\r\n\r\n");
        let socket = self.stream.get_mut();
        // Headers and a small body in one packet, as clients send them.
        let mut first = (head + &rest).into_bytes();
        let mut left = bytes;
        if left <= CHUNK_BYTES as u64 {
            first.extend_from_slice(&self.chunk[..left as usize]);
            left = 0;
        }
        socket.write_all(&first).context("send a request")?;
        while left > 0 {
            let part = left.min(CHUNK_BYTES as u64);
            socket.write_all(&self.chunk[..part as usize]).context("send a blob")?;
            left -= part;
        }
        let (status, length) = self.head()?;
        ensure!(status == 201 && length == 0, "PUT was answered {status}");
        Ok(())
    }

    pub fn get(&mut self, target: &str, bytes: u64) -> Result<()> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\nx-ms-version: 2021-12-02\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes()).context("send a request")?;
        let (status, mut left) = self.head()?;
        ensure!(status == 200 && left == bytes, "GET was answered {status} with {left} bytes");
        while left > 0 {
            let part = left.min(CHUNK_BYTES as u64) as usize;
            let read = self.stream.read(&mut self.chunk[..part]).context("receive a blob")?;
            ensure!(read > 0, "the connection ended {left} bytes early");
            left -= read as u64;
        }
        Ok(())
    }

    /// Status and Content-Length of an answer.
    fn head(&mut self) -> Result<(u16, u64)> {
        let (mut line, mut status, mut length) = (String::new(), 0, 0);
        loop {
            line.clear();
            ensure!(self.stream.read_line(&mut line).context("receive an answer")? > 0, "the connection ended");
            let words = line.trim_end();
            if words.is_empty() {
                return Ok((status, length));
            }
            if status == 0 {
                status =
                    words.split(' ').nth(1).and_then(|code| code.parse().ok()).context("read an answer's status")?;
            } else if let Some((name, value)) = words.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().context("read an answer's length")?;
            }
        }
    }
}
