//! Writes a take: appended as it happens, synced about once a second, scrubbed before it becomes a line.

use crate::scrub::Secrets;
use greenroom_show::playback::Of;
use greenroom_show::{Event, Micros, Stamped, take::Header};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// What may wait for a slow disk: minutes of a busy demo. Beyond it the take ends, and not the show.
const WAITING_LINES_MAX: usize = 65_536;
const WAITING_BYTES_MAX: usize = 64 << 20;
/// Of terminal output in one take: hours of a tool that people read, a minute of one that floods its screen. What follows is left out.
pub const OUTPUT_BYTES_MAX: usize = 16 << 20;
/// Of a take. A talk of an hour with every demo in it takes a tenth.
pub const TAKE_BYTES_MAX: usize = 256 << 20;
const SYNC_EVERY: Duration = Duration::from_secs(1);
pub const SUFFIX: &str = ".take.ndjson";

/// What a recorder says of its take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Its id.
    Named(String),
    /// Why it is recorded no longer, and what to do.
    Ended(String),
}

/// An open take. Dropping it ends the file, synced.
#[derive(Debug)]
pub struct Recorder {
    of: Of,
    began: Micros,
    /// When the last event fell, on the recording's clock.
    last: Micros,
    secrets: Secrets,
    entries: Option<Arc<SyncSender<Entry>>>,
    waiting: Arc<AtomicUsize>,
    output_bytes: usize,
    bytes: usize,
    writer: Option<std::thread::JoinHandle<()>>,
}

/// What goes to the thread that writes.
#[derive(Debug)]
enum Entry {
    Line(String),
    /// Asks how far the file is written, once all before it is.
    Mark(SyncSender<Marked>),
}

/// A take that is being recorded, for whoever wants what there is of it by now. It keeps no take from ending.
#[derive(Debug, Clone)]
pub struct Tap {
    pub of: Of,
    /// When the last event fell, on the recording's clock.
    pub last: Micros,
    entries: Weak<SyncSender<Entry>>,
}

/// How far a take is written: whole lines, so many bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    pub id: String,
    pub bytes: u64,
}

impl Tap {
    /// Waits for the disk. `None` where the take has ended meanwhile, or was never written.
    pub fn mark(&self) -> Option<Marked> {
        let (tell, told) = sync_channel(1);
        self.entries.upgrade()?.try_send(Entry::Mark(tell)).ok()?;
        told.recv().ok()
    }
}

/// Whether a take goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    On,
    NoFurther,
}

impl Recorder {
    /// Opens a file for the take that begins at `began` of the show's clock, and waits for no disk.
    pub fn begin(
        folder: &Path,
        header: &Header,
        began: Micros,
        secrets: Secrets,
        tell: impl Fn(Told) + Send + 'static,
    ) -> std::io::Result<Recorder> {
        let (entries, queue) = sync_channel(WAITING_LINES_MAX);
        let (of, waiting) = (Of::take(&header.demo), Arc::new(AtomicUsize::new(0)));
        let (folder, header, written) = (folder.to_path_buf(), header.clone(), waiting.clone());
        let writer = std::thread::Builder::new().name("take".into()).spawn(move || {
            let create = std::fs::create_dir_all(&folder).and_then(|()| create(&folder, &header));
            let (id, file) = match create {
                Ok(created) => created,
                Err(error) => {
                    let folder = folder.display();
                    return tell(Told::Ended(format!(
                        "No take is recorded: {folder}: {error}. Make the folder writable."
                    )));
                }
            };
            let path = folder.join(format!("{id}{SUFFIX}"));
            tell(Told::Named(id.clone()));
            if let Err(error) = write(file, &id, &header, &queue, &written) {
                tell(Told::Ended(format!("The take is no longer recorded: {}: {error}", path.display())));
            }
        })?;
        let entries = Some(Arc::new(entries));
        Ok(Recorder { of, began, last: 0, secrets, entries, waiting, output_bytes: 0, bytes: 0, writer: Some(writer) })
    }

    pub fn tap(&self) -> Option<Tap> {
        let entries = self.entries.as_ref()?;
        Some(Tap { of: self.of, last: self.last, entries: Arc::downgrade(entries) })
    }

    /// Appends an event. A take goes no further where the disk refused or fell behind, or where it is as long as one may be.
    pub fn record(&mut self, at: Micros, event: &Event) -> Goes {
        let Some(entries) = &self.entries else { return Goes::NoFurther };
        if let Event::Output(text) = event {
            self.output_bytes += text.len();
            if self.output_bytes > OUTPUT_BYTES_MAX {
                return Goes::On;
            }
        }
        self.last = at.saturating_sub(self.began);
        let line = line(&Stamped { at: self.last, event: event.clone() }, &self.secrets);
        self.bytes += line.len();
        let waiting = self.waiting.fetch_add(line.len(), Ordering::Relaxed) + line.len();
        let fits = self.bytes <= TAKE_BYTES_MAX && waiting <= WAITING_BYTES_MAX;
        if fits && entries.try_send(Entry::Line(line)).is_ok() {
            return Goes::On;
        }
        self.entries = None;
        Goes::NoFurther
    }

    /// Whether it ended because it was as long as a take may be.
    pub fn is_full(&self) -> bool {
        self.bytes > TAKE_BYTES_MAX
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.entries.take());
        if let Some(writer) = self.writer.take() {
            writer.join().ok();
        }
    }
}

/// Strings are scrubbed one by one, before there are any quotes around them.
pub fn line(stamped: &Stamped, secrets: &Secrets) -> String {
    let mut value = serde_json::to_value(stamped).unwrap_or_default();
    scrub_all(&mut value, secrets);
    value.to_string()
}

fn scrub_all(value: &mut Value, secrets: &Secrets) {
    match value {
        Value::String(text) => {
            let clean = secrets.scrub(text);
            if clean != *text {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| scrub_all(item, secrets)),
        Value::Object(fields) => fields.values_mut().for_each(|field| scrub_all(field, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Names for a take, the best first: when it was recorded, and of what.
pub fn ids(header: &Header) -> impl Iterator<Item = String> {
    let stamp = i64::try_from(header.at_unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let of = if header.demo.is_empty() { format!("talk-{}", header.deck) } else { header.demo.clone() };
    let stamp = stamp.unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string();
    (1..100).map(move |attempt| {
        let again = if attempt == 1 { String::new() } else { format!("-{attempt}") };
        format!("{stamp}-{of}{again}")
    })
}

fn create(folder: &Path, header: &Header) -> std::io::Result<(String, File)> {
    for id in ids(header) {
        let path: PathBuf = folder.join(format!("{id}{SUFFIX}"));
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => return Ok((id, file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::ErrorKind::AlreadyExists.into())
}

fn write(file: File, id: &str, header: &Header, queue: &Receiver<Entry>, waiting: &AtomicUsize) -> std::io::Result<()> {
    let mut file = BufWriter::new(file);
    let mut header = serde_json::to_vec(header)?;
    header.push(b'\n');
    let mut bytes = header.len();
    file.write_all(&header)?;
    file.flush()?;
    let mut synced = Instant::now();
    let mut dirty = false;
    loop {
        match queue.recv_timeout(SYNC_EVERY) {
            Ok(entry) => {
                for entry in std::iter::once(entry).chain(queue.try_iter()) {
                    match entry {
                        Entry::Line(line) => {
                            file.write_all(line.as_bytes())?;
                            file.write_all(b"\n")?;
                            bytes += line.len() + 1;
                            waiting.fetch_sub(line.len(), Ordering::Relaxed);
                        }
                        Entry::Mark(tell) => {
                            file.flush()?;
                            // Whoever asked may have gone.
                            tell.try_send(Marked { id: id.into(), bytes: bytes as u64 }).ok();
                        }
                    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_show::{Notice, Outcome, StackState};

    fn back(event: &Event, secrets: &Secrets) -> Event {
        let text = line(&Stamped { at: 1, event: event.clone() }, secrets);
        serde_json::from_str::<Stamped>(&text).expect(&text).event
    }

    #[test]
    fn what_is_recorded_is_the_event_without_its_secrets_whatever_stands_around_them() {
        let around = [
            "",
            "\"",
            "'",
            "\\",
            "\\\"",
            "\r\n",
            "\n",
            "\t",
            "\u{1b}[0m",
            "\u{7}",
            " ",
            "}",
            ",",
            "é",
            "\u{2028}",
            "<",
        ];
        let secrets = Secrets::default();
        secrets.know("0123456789abcdef");
        for before in around {
            for after in around {
                let text = format!(
                    "Get {before}http://h/a?se=1&sig=abc%2Bdef{after}: dial 0123456789abcdef tcp {after}{before} done"
                );
                let clean = secrets.scrub(&text);
                assert!(!clean.contains("abc%2Bdef") && !clean.contains("0123456789abcdef"), "{clean}");
                assert_eq!(back(&Event::Output(text.clone()), &secrets), Event::Output(clean.clone()));
                let failed = |why: &str| Event::StepEnded { step: 1, outcome: Outcome::Failed { why: why.into() } };
                assert_eq!(back(&failed(&text), &secrets), failed(&clean));
                let down = |reason: &str| Event::Stack(StackState::Down { reason: reason.into() });
                assert_eq!(back(&down(&text), &secrets), down(&clean));
                let notice = |text: &str| Event::Notice(Notice { text: text.into() });
                assert_eq!(back(&notice(&text), &secrets), notice(&clean));
            }
        }
    }

    #[test]
    fn a_flood_of_output_does_not_fill_the_disk_and_the_steps_after_it_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let header = Header { demo: "copy".into(), ..Header::default() };
        let mut recorder = Recorder::begin(folder.path(), &header, 0, Secrets::default(), |_| {}).expect("a thread");
        let flood = "y\r\n".repeat(2_000);
        for at in 0..4_000 {
            while recorder.waiting.load(Ordering::Relaxed) > WAITING_BYTES_MAX / 2 {
                crate::clock::pause(Duration::from_millis(1));
            }
            assert_eq!(recorder.record(at, &Event::Output(flood.clone())), Goes::On);
        }
        assert_eq!(
            recorder.record(4_001, &Event::StepEnded { step: 0, outcome: Outcome::TimedOut { why: String::new() } }),
            Goes::On
        );
        drop(recorder);
        let file = std::fs::read_dir(folder.path()).expect("there").next().expect("a take").expect("readable").path();
        let text = std::fs::read_to_string(file).expect("text");
        assert!(text.len() < OUTPUT_BYTES_MAX * 2, "{}", text.len());
        assert!(
            text.ends_with("[4001,\"step-ended\",{\"outcome\":{\"timed-out\":{\"why\":\"\"}},\"step\":0}]\n"),
            "{}",
            &text[text.len() - 80..]
        );
    }
}
