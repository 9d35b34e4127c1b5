//! The tenant that is to notice nothing: one client that writes and reads small blobs, one request after another.

use crate::wire::{Account, Answer, Connection, Request};
use bytes::Bytes;
use hdrhistogram::Histogram;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const BLOB_BYTES: usize = 4 << 10;
const BLOBS: u64 = 16;
/// Odd, so that it is a read's turn as often as a write's to bring a connection with it.
const REQUESTS_A_CONNECTION: u64 = 9;
/// Far longer than anything that a tenant should wait for: only there so that who is left waiting for ever fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Quiet {
    server: SocketAddr,
    account: Account,
    connection: Option<Connection>,
    asked: u64,
    written: u64,
}

/// What it was served.
#[derive(Debug, Clone)]
pub struct Served {
    /// In microseconds, as the client sees them.
    pub get: Histogram<u64>,
    pub put: Histogram<u64>,
    /// What was not answered, or not rightly.
    pub failed: Vec<String>,
}

impl Served {
    fn nothing() -> Self {
        let histogram = || Histogram::new_with_bounds(1, PATIENCE.as_micros() as u64, 3).expect("good bounds");
        Self { get: histogram(), put: histogram(), failed: Vec::new() }
    }

    pub fn get(&self) -> &Histogram<u64> {
        &self.get
    }

    pub fn put(&self) -> &Histogram<u64> {
        &self.put
    }
}

impl Quiet {
    pub fn new(server: SocketAddr, account: Account) -> Self {
        Self { server, account, connection: None, asked: 0, written: 0 }
    }

    /// Works for so long, and at least once.
    pub async fn work(&mut self, time: Duration) -> Served {
        let mut served = Served::nothing();
        let began = Instant::now();
        loop {
            let path = format!("box/{}", self.written % BLOBS);
            let content = content(self.written);
            self.written += 1;
            let put = self.account.put_blob(&path, "", content.clone());
            let took = self.expect(&put, 201, b"", &mut served.failed).await;
            served.put.saturating_record(took);
            let get = self.account.ask("GET", &path, "");
            let took = self.expect(&get, 200, &content, &mut served.failed).await;
            served.get.saturating_record(took);
            if began.elapsed() >= time {
                return served;
            }
        }
    }

    async fn expect(&mut self, request: &Request, status: u16, body: &[u8], failed: &mut Vec<String>) -> u64 {
        self.asked += 1;
        if self.asked.is_multiple_of(REQUESTS_A_CONNECTION) {
            self.connection = None;
        }
        let began = Instant::now();
        match tokio::time::timeout(PATIENCE, self.answer(request)).await {
            Ok(Ok(answer)) if answer.status == status && answer.body == body => {}
            Ok(Ok(answer)) => failed.push(format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body))),
            Ok(Err(error)) => failed.push(error.to_string()),
            Err(_) => failed.push("no answer".to_owned()),
        }
        began.elapsed().as_micros() as u64
    }

    /// As any client, it asks once more where a connection from before turns out to have been closed.
    async fn answer(&mut self, request: &Request) -> io::Result<Answer> {
        if let Some(mut connection) = self.connection.take()
            && connection.send(request).await.is_ok()
            && let Ok(answer) = connection.answer(BLOB_BYTES).await
        {
            self.connection = Some(connection);
            return Ok(answer);
        }
        let mut connection = Connection::open(self.server).await?;
        connection.send(request).await?;
        let answer = connection.answer(BLOB_BYTES).await?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

/// Others each time.
fn content(number: u64) -> Bytes {
    number.to_le_bytes().repeat(BLOB_BYTES / size_of::<u64>()).into()
}
