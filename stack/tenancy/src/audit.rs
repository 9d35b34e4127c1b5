//! Who did what: a file of entries, each of which holds the hash of the one before. What is changed or left out later breaks the chain;
//! what is written anew from the beginning has another last hash, which somebody should note elsewhere.

use greenroom_model::tenancy::{AuditEntry, AuditOutcome, AuditVerdict};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Refusals that may wait to be written. More are counted and left out: who is refused must not be able to stop the server.
const WAITING_MAX: usize = 1_024;
/// Entries that one sync covers.
const BATCH_MAX: usize = 256;
/// An entry that is longer is not one of ours.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// What the first entry follows.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("cannot use the audit log {}: {source}", file.display())]
    Io { file: PathBuf, source: io::Error },
    #[error("the audit log cannot be written any more")]
    Closed,
}

/// An entry before it has its place.
#[derive(Debug, Clone)]
struct Draft {
    actor: String,
    action: String,
    subject: String,
    outcome: AuditOutcome,
    detail: String,
}

struct Job {
    draft: Draft,
    reply: Option<SyncSender<io::Result<(u64, String)>>>,
}

/// Tells the time, in UTC, as entries do.
pub type Now = Arc<dyn Fn() -> String + Send + Sync>;

pub struct Audit {
    path: PathBuf,
    jobs: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The last entry that is written, and its hash.
    head: Arc<Mutex<(u64, String)>>,
    left_out: Arc<AtomicU64>,
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Audit {
    /// Opens the log or begins one. A last line that a crash cut short was acknowledged to nobody, and goes.
    pub fn open(path: &Path, now: Now) -> Result<Self, AuditError> {
        let error = |source| AuditError::Io { file: path.to_owned(), source };
        let log = Log::open(path, now).map_err(error)?;
        let (sender, jobs) = mpsc::sync_channel(WAITING_MAX);
        let left_out = Arc::new(AtomicU64::new(0));
        let missing = left_out.clone();
        let head = log.shown.clone();
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || log.run(&jobs, &missing));
        let thread = thread.map_err(error)?;
        Ok(Self {
            path: path.to_owned(),
            jobs: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            head,
            left_out,
        })
    }

    /// Writes down what was done, durably; its number and hash.
    pub fn done(&self, actor: &str, action: &str, subject: &str, detail: &str) -> Result<(u64, String), AuditError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let draft = draft(AuditOutcome::Done, actor, action, subject, detail);
        let sender = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(AuditError::Closed)?;
        sender.send(Job { draft, reply: Some(reply) }).map_err(|_| AuditError::Closed)?;
        let written = answer.recv().map_err(|_| AuditError::Closed)?;
        written.map_err(|source| AuditError::Io { file: self.path.clone(), source })
    }

    /// Writes down what was refused, soon.
    pub fn refused(&self, actor: &str, action: &str, subject: &str, detail: &str) {
        self.add(draft(AuditOutcome::Refused, actor, action, subject, detail));
    }

    /// Writes down what was done, soon: for whoever cannot wait.
    pub fn soon(&self, actor: &str, action: &str, subject: &str, detail: &str) {
        self.add(draft(AuditOutcome::Done, actor, action, subject, detail));
    }

    fn add(&self, draft: Draft) {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = jobs.as_ref() else { return };
        if let Err(TrySendError::Full(_)) = sender.try_send(Job { draft, reply: None }) {
            self.left_out.fetch_add(1, Relaxed);
        }
    }

    /// Entries after a number, at most `max`.
    pub fn entries(&self, after: u64, max: usize) -> Result<Vec<AuditEntry>, AuditError> {
        let error = |source| AuditError::Io { file: self.path.clone(), source };
        let lines = lines(&self.path).map_err(error)?;
        let entries = lines.filter_map(|line| serde_json::from_str::<AuditEntry>(&line.ok()?).ok());
        Ok(entries.filter(|entry| entry.seq > after).take(max).collect())
    }

    /// The number of the last entry that is written, and its hash.
    pub fn head(&self) -> (u64, String) {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn verify(&self, noted: Option<&(u64, String)>) -> Result<AuditVerdict, AuditError> {
        verify(&self.path, noted)
    }

    /// Writes what waits, and ends.
    pub fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the audit log has panicked");
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.close();
    }
}

/// Follows the chain from its beginning to its end, by way of the entry that was noted elsewhere: without that, a log whose end is cut off,
/// or that was written anew from its beginning, looks whole.
pub fn verify(path: &Path, noted: Option<&(u64, String)>) -> Result<AuditVerdict, AuditError> {
    let error = |source| AuditError::Io { file: path.to_owned(), source };
    let (mut entries, mut head) = (0, BEGINNING.to_owned());
    for line in lines(path).map_err(error)? {
        let follows = line.ok().and_then(|line| serde_json::from_str::<AuditEntry>(&line).ok());
        let is_noted = |entry: &AuditEntry| noted.is_none_or(|(seq, hash)| *seq != entry.seq || *hash == entry.hash);
        let fits = |entry: &AuditEntry| entry.prev == head && entry.hash == hash(entry) && is_noted(entry);
        match follows.filter(|entry| entry.seq == entries + 1 && fits(entry)) {
            Some(entry) => (entries, head) = (entry.seq, entry.hash),
            None => return Ok(AuditVerdict { entries, whole: false, head, broken_at: Some(entries + 1) }),
        }
    }
    let whole = noted.is_none_or(|(seq, _)| *seq <= entries);
    Ok(AuditVerdict { entries, whole, head, broken_at: (!whole).then_some(entries + 1) })
}

fn draft(outcome: AuditOutcome, actor: &str, action: &str, subject: &str, detail: &str) -> Draft {
    const TEXT_CHARS_MAX: usize = 2_000;
    let text = |text: &str| text.chars().take(TEXT_CHARS_MAX).collect();
    Draft { actor: text(actor), action: text(action), subject: text(subject), outcome, detail: text(detail) }
}

/// Of all of an entry but its hash.
fn hash(entry: &AuditEntry) -> String {
    let bare = AuditEntry { hash: String::new(), ..entry.clone() };
    blake3::hash(&serde_json::to_vec(&bare).expect("plain values serialise")).to_hex().to_string()
}

fn lines(path: &Path) -> io::Result<impl Iterator<Item = io::Result<String>>> {
    let mut reader = BufReader::new(
        match File::open(path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        }
        .map_or_else(|| Box::new(io::empty()) as Box<dyn io::Read + Send>, |file| Box::new(file)),
    );
    Ok(std::iter::from_fn(move || {
        let mut line = String::new();
        match (&mut reader).take(LINE_BYTES_MAX).read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(Ok(line.trim_end_matches('\n').to_owned())),
            Err(error) => Some(Err(error)),
        }
    }))
}

/// The end of the file, which grows.
struct Log {
    file: File,
    now: Now,
    seq: u64,
    head: String,
    shown: Arc<Mutex<(u64, String)>>,
}

impl Log {
    fn open(path: &Path, now: Now) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.read(true).append(true).create(true).open(path)?;
        let (mut seq, mut head, mut whole) = (0, BEGINNING.to_owned(), 0);
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(&file);
        loop {
            text.clear();
            let read = reader.read_until(b'\n', &mut text)? as u64;
            if read == 0 || text.last() != Some(&b'\n') {
                break;
            }
            whole += read;
            // One that was tampered with stays as it is: `verify` tells of it.
            if let Ok(entry) = serde_json::from_slice::<AuditEntry>(&text) {
                (seq, head) = (entry.seq, entry.hash);
            }
        }
        file.set_len(whole)?;
        file.sync_all()?;
        let shown = Arc::new(Mutex::new((seq, head.clone())));
        Ok(Self { file, now, seq, head, shown })
    }

    fn run(mut self, jobs: &Receiver<Job>, left_out: &AtomicU64) {
        while let Ok(first) = jobs.recv() {
            let mut batch = vec![first];
            batch.extend(std::iter::from_fn(|| jobs.try_recv().ok()).take(BATCH_MAX - 1));
            let missing = left_out.swap(0, Relaxed);
            if missing > 0 {
                let detail = format!("{missing} more were refused than could be written down");
                let draft = draft(AuditOutcome::Refused, "server", "audit.left-out", "", &detail);
                batch.push(Job { draft, reply: None });
            }
            self.write(batch);
        }
    }

    fn write(&mut self, batch: Vec<Job>) {
        let mut bytes = Vec::new();
        let (mut seq, mut head, mut answers) = (self.seq, self.head.clone(), Vec::new());
        for Job { draft: Draft { actor, action, subject, outcome, detail }, reply } in batch {
            seq += 1;
            let at = (self.now)();
            let mut entry =
                AuditEntry { seq, at, actor, action, subject, outcome, detail, prev: head, hash: String::new() };
            entry.hash = hash(&entry);
            head = entry.hash.clone();
            serde_json::to_writer(&mut bytes, &entry).expect("plain values serialise");
            bytes.push(b'\n');
            answers.extend(reply.map(|reply| (reply, seq, head.clone())));
        }
        let length = self.file.metadata().map(|metadata| metadata.len());
        let written = length.and_then(|length| {
            let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
            if written.is_err() {
                // Nothing half written stays in the way of what comes next.
                self.file.set_len(length)?;
            }
            written
        });
        match &written {
            Ok(()) => {
                *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = (seq, head.clone());
                (self.seq, self.head) = (seq, head);
            }
            Err(error) => tracing::error!(%error, entries = answers.len(), "the audit log cannot be written"),
        }
        for (reply, seq, hash) in answers {
            let answer =
                written.as_ref().map(|()| (seq, hash)).map_err(|error| io::Error::new(error.kind(), error.to_string()));
            // Who has gone away no longer listens.
            let _ = reply.send(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn now() -> Now {
        Arc::new(|| "2026-11-23T08:00:00Z".to_owned())
    }

    fn written(dir: &Path) -> PathBuf {
        let path = dir.join("audit.ndjson");
        let audit = Audit::open(&path, now()).expect("a log");
        for subject in ["gold", "silver", "bronze"] {
            audit.done("operator", "tenants.apply", subject, "").expect("a log that can be written");
        }
        audit.refused("account acct", "blob.refused", "GET /acct/photos", "sig does not match");
        path
    }

    #[test]
    fn the_chain_is_whole_and_goes_on_after_a_restart() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = written(dir.path());
        let verdict = verify(&path, None).expect("a log");
        assert!(verdict.whole && verdict.entries == 4, "{verdict:?}");
        let audit = Audit::open(&path, now()).expect("a log");
        let (seq, hash) = audit.done("operator", "keys.rotate", "acct", "key 1").expect("a log that can be written");
        let verdict = audit.verify(None).expect("a log");
        assert_eq!((verdict.whole, verdict.entries, verdict.head), (true, seq, hash));
        let entries = audit.entries(3, 10).expect("a log");
        assert_eq!(
            entries.iter().map(|entry| entry.outcome).collect::<Vec<_>>(),
            [AuditOutcome::Refused, AuditOutcome::Done]
        );
    }

    #[test]
    fn what_a_crash_cut_short_goes() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = written(dir.path());
        let mut text = fs::read(&path).expect("a log");
        text.truncate(text.len() - 7);
        fs::write(&path, text).expect("a log");
        let audit = Audit::open(&path, now()).expect("a log");
        audit.done("operator", "tenants.apply", "tin", "").expect("a log that can be written");
        let verdict = audit.verify(None).expect("a log");
        assert!(verdict.whole && verdict.entries == 4, "{verdict:?}");
    }

    #[test]
    fn every_change_of_every_byte_is_seen() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = written(dir.path());
        let good = fs::read(&path).expect("a log");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).expect("a log");
            let verdict = verify(&path, None).expect("a log");
            // The last line's end alone carries nothing.
            assert!(!verdict.whole || at == good.len() - 1, "byte {at}");
        }
    }

    #[test]
    fn an_entry_taken_out_is_missed() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = written(dir.path());
        let text = fs::read_to_string(&path).expect("a log");
        let without: Vec<&str> =
            text.lines().enumerate().filter(|(line, _)| *line != 1).map(|(_, line)| line).collect();
        fs::write(&path, without.join("\n") + "\n").expect("a log");
        assert_eq!(verify(&path, None).expect("a log").broken_at, Some(2));
    }

    #[test]
    fn a_log_that_is_cut_or_written_anew_is_not_what_was_noted() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = written(dir.path());
        let audit = Audit::open(&path, now()).expect("a log");
        let noted = audit.head();
        audit.done("operator", "tenants.apply", "tin", "").expect("a log that can be written");
        assert!(verify(&path, Some(&noted)).expect("a log").whole, "it may have gone on since");
        drop(audit);
        let text = fs::read_to_string(&path).expect("a log");
        for kept in 0..4 {
            let cut: String = text.lines().take(kept).map(|line| format!("{line}\n")).collect();
            fs::write(&path, cut).expect("a log");
            assert!(verify(&path, None).expect("a log").whole, "by itself it looks whole");
            let verdict = verify(&path, Some(&noted)).expect("a log");
            assert_eq!((verdict.whole, verdict.broken_at), (false, Some(kept as u64 + 1)));
        }
        fs::remove_file(&path).expect("removed");
        let other = Audit::open(&path, now()).expect("a log");
        for _ in 0..6 {
            other.done("nobody", "nothing", "", "").expect("a log that can be written");
        }
        drop(other);
        assert!(verify(&path, None).expect("a log").whole);
        assert_eq!(verify(&path, Some(&noted)).expect("a log").broken_at, Some(noted.0));
    }
}
