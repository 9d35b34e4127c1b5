//! A tool does not get a terminal of its own on Windows: it prints into a pipe, as into a file, and nobody can type.

use std::io::{self, PipeReader, PipeWriter, Read as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::Notify;

/// A tool that prints faster is slowed by its pipe.
const PARTS_MAX: usize = 4;
const PART_BYTES: usize = 4096;
/// What is in the pipe has been read by then.
const NOW: Duration = Duration::from_millis(20);
/// A program that has no window of its own opens none. Source: Microsoft, "Process Creation Flags".
const CREATE_NO_WINDOW: u32 = 0x0800_0000;

#[derive(Debug)]
pub struct Pty {
    printed: Mutex<Printed>,
    come: Arc<Notify>,
    /// Held until the end: a pipe that nobody writes to is no end of its tool.
    end: PipeWriter,
}

#[derive(Debug)]
struct Printed {
    parts: Receiver<Vec<u8>>,
    /// Of the last part, what there was no room for.
    rest: Vec<u8>,
}

impl Pty {
    pub fn open() -> io::Result<Pty> {
        let (reader, end) = io::pipe()?;
        let (sender, parts) = sync_channel(PARTS_MAX);
        let come = Arc::new(Notify::new());
        let told = come.clone();
        std::thread::Builder::new().name("printed".to_owned()).spawn(move || hand_on(reader, &sender, &told))?;
        Ok(Pty { printed: Mutex::new(Printed { parts, rest: Vec::new() }), come, end })
    }

    /// Has a program print here.
    pub fn control(&self, command: &mut Command) -> io::Result<()> {
        command.stdin(Stdio::null()).stdout(self.end.try_clone()?).stderr(self.end.try_clone()?);
        without_terminal(command);
        Ok(())
    }

    /// Waits for output.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let come = self.come.notified();
            match self.take(buffer, |parts| parts.try_recv().map_err(|error| error == TryRecvError::Disconnected)) {
                Ok(count) => return Ok(count),
                Err(has_ended) if has_ended => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(_) => come.await,
            }
        }
    }

    /// What has been printed already; an error where that is nothing.
    pub fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let next =
            |parts: &Receiver<_>| parts.recv_timeout(NOW).map_err(|error| error == RecvTimeoutError::Disconnected);
        self.take(buffer, next).map_err(|_| io::ErrorKind::WouldBlock.into())
    }

    pub fn name(&self) -> Option<PathBuf> {
        None
    }

    /// Nobody can type.
    pub fn is_taken_over(&self) -> bool {
        false
    }

    /// Of what was left, or else of the next part. Err: whether no more can come.
    fn take(
        &self,
        buffer: &mut [u8],
        next: impl FnOnce(&Receiver<Vec<u8>>) -> Result<Vec<u8>, bool>,
    ) -> Result<usize, bool> {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        if printed.rest.is_empty() {
            printed.rest = next(&printed.parts)?;
        }
        let count = printed.rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&printed.rest[..count]);
        printed.rest.drain(..count);
        Ok(count)
    }
}

/// Until nobody prints or reads any more.
fn hand_on(mut reader: PipeReader, parts: &SyncSender<Vec<u8>>, told: &Notify) {
    let (mut buffer, mut last) = ([0; PART_BYTES], 0);
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        if parts.send(returned(&buffer[..count], &mut last)).is_err() {
            break;
        }
        told.notify_one();
    }
    told.notify_one();
}

/// A terminal begins a line's end at the left; what is printed into a pipe may not say so.
fn returned(bytes: &[u8], last: &mut u8) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if *byte == b'\n' && *last != b'\r' {
            text.push(b'\r');
        }
        text.push(*byte);
        *last = *byte;
    }
    text
}

/// Starts a program without a window to ask anybody anything in.
pub fn without_terminal(command: &mut Command) {
    command.creation_flags(CREATE_NO_WINDOW);
}
