//! Writes a take: appended as it happens, synced about once a second, scrubbed before it reaches the disk.

use crate::scrub::scrub;
use greenroom_show::{Event, Micros, Stamped, take::Header};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// Events that may wait for a slow disk, which is minutes of a busy demo; beyond it the take ends, and not the show.
const WAITING_MAX: usize = 65_536;
const SYNC_EVERY: Duration = Duration::from_secs(1);
pub const SUFFIX: &str = ".take.ndjson";

/// An open take. Dropping it ends the file, synced.
#[derive(Debug)]
pub struct Recorder {
    pub id: String,
    began: Micros,
    lines: Option<SyncSender<String>>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Recorder {
    /// Opens a file for the take that begins at `began` of the show's clock. `failed` hears of a disk that refuses.
    pub fn open(
        folder: &Path,
        header: &Header,
        began: Micros,
        failed: impl FnOnce(String) + Send + 'static,
    ) -> std::io::Result<Recorder> {
        std::fs::create_dir_all(folder)?;
        let (id, file) = create(folder, header)?;
        let (lines, waiting) = sync_channel(WAITING_MAX);
        lines.try_send(serde_json::to_string(header)?).ok();
        let path = folder.join(format!("{id}{SUFFIX}"));
        let writer = std::thread::Builder::new().name("take".into()).spawn(move || {
            if let Err(error) = write(file, &waiting) {
                failed(format!("The take is no longer recorded: {}: {error}", path.display()));
            }
        })?;
        Ok(Recorder { id, began, lines: Some(lines), writer: Some(writer) })
    }

    /// Appends an event; `false` where the take has ended because the disk refused or fell behind.
    pub fn record(&mut self, at: Micros, event: &Event) -> bool {
        let Some(lines) = &self.lines else { return false };
        let stamped = Stamped { at: at.saturating_sub(self.began), event: event.clone() };
        let Ok(line) = serde_json::to_string(&stamped) else { return true };
        match lines.try_send(scrub(&line)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lines = None;
                false
            }
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.lines.take());
        if let Some(writer) = self.writer.take() {
            writer.join().ok();
        }
    }
}

fn create(folder: &Path, header: &Header) -> std::io::Result<(String, File)> {
    let stamp = i64::try_from(header.at_unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let of = if header.demo.is_empty() { format!("talk-{}", header.deck) } else { header.demo.clone() };
    let stamp = stamp.unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string();
    for attempt in 1..100 {
        let again = if attempt == 1 { String::new() } else { format!("-{attempt}") };
        let id = format!("{stamp}-{of}{again}");
        let path: PathBuf = folder.join(format!("{id}{SUFFIX}"));
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => return Ok((id, file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::ErrorKind::AlreadyExists.into())
}

fn write(file: File, waiting: &Receiver<String>) -> std::io::Result<()> {
    let mut file = BufWriter::new(file);
    let mut synced = Instant::now();
    let mut dirty = false;
    loop {
        match waiting.recv_timeout(SYNC_EVERY) {
            Ok(line) => {
                for line in std::iter::once(line).chain(waiting.try_iter()) {
                    file.write_all(line.as_bytes())?;
                    file.write_all(b"\n")?;
                }
                // Whoever reads the take next, such as the key that replays it, finds all that has happened.
                file.flush()?;
                dirty = true;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if dirty && synced.elapsed() >= SYNC_EVERY {
            file.get_ref().sync_data()?;
            synced = Instant::now();
            dirty = false;
        }
    }
    file.get_ref().sync_all()
}
