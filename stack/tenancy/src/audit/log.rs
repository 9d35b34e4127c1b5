//! The end of the log, which grows: written by a thread of its own, a sync for all that waits.

use super::chain::{self, Head};
use super::files::Files;
use super::{Draft, Job, LET_GO, Now, draft};
use greenroom_model::tenancy::{AuditEntry, AuditOutcome};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

/// Entries that one sync covers.
const BATCH_MAX: usize = 256;

/// How much of the log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// A file that has grown to so many is laid aside.
    pub file_bytes: u64,
    /// Files laid aside. Of more, the oldest is let go of, which an entry says.
    pub files: usize,
}

impl Default for Keep {
    /// 1 GiB: some two million entries.
    fn default() -> Self {
        Self { file_bytes: 16 << 20, files: 64 }
    }
}

pub struct Log {
    files: Files,
    file: File,
    keep: Keep,
    bytes: u64,
    /// Of the first entry in the file, once there is one.
    first: Option<u64>,
    head: Head,
    now: Now,
    /// The last entry that is written, for others to look at.
    pub shown: Arc<Mutex<Head>>,
}

impl Log {
    /// A last line that a crash cut short was acknowledged to nobody, and goes.
    pub fn open(path: &Path, keep: Keep, now: Now) -> io::Result<Self> {
        let files = Files::of(path);
        let file = open(path)?;
        let Read { first, last, bytes } = read(&file)?;
        file.set_len(bytes)?;
        file.sync_all()?;
        let head = match (last, files.full()?.pop()) {
            (Some(head), _) => head,
            (None, Some((_, full))) => read(&File::open(full)?)?.last.unwrap_or(Head::beginning()),
            (None, None) => Head::beginning(),
        };
        let shown = Arc::new(Mutex::new(head.clone()));
        Ok(Self { files, file, keep, bytes, first, head, now, shown })
    }

    pub fn run(mut self, jobs: &Receiver<Job>, left_out: &AtomicU64) {
        while let Ok(first) = jobs.recv() {
            let mut batch = vec![first];
            batch.extend(std::iter::from_fn(|| jobs.try_recv().ok()).take(BATCH_MAX - 1));
            let missing = left_out.swap(0, Relaxed);
            if missing > 0 {
                let detail = format!("{missing} more were refused than could be written down");
                batch.push(Job::unheard(draft(AuditOutcome::Refused, "server", "audit.left-out", "", &detail)));
            }
            self.write(batch);
            // What cannot be laid aside grows on.
            if self.bytes >= self.keep.file_bytes
                && let Err(error) = self.turn_over()
            {
                tracing::error!(%error, "the audit log cannot be laid aside");
            }
        }
    }

    fn write(&mut self, batch: Vec<Job>) {
        let (mut head, mut bytes, mut answers) = (self.head.clone(), Vec::new(), Vec::new());
        let first = head.seq + 1;
        for Job { draft, reply } in batch {
            head = self.append(&mut bytes, &head, draft);
            answers.extend(reply.map(|reply| (reply, head.clone())));
        }
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        let written = written.or_else(|error| {
            // Nothing half written stays in the way of what comes next.
            self.file.set_len(self.bytes)?;
            Err(error)
        });
        match &written {
            Ok(()) => {
                *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = head.clone();
                self.bytes += bytes.len() as u64;
                self.first = self.first.or(Some(first));
                self.head = head;
            }
            Err(error) => tracing::error!(%error, entries = answers.len(), "the audit log cannot be written"),
        }
        for (reply, head) in answers {
            let answer =
                written.as_ref().map(|()| head).map_err(|error| io::Error::new(error.kind(), error.to_string()));
            // Who has gone away no longer listens.
            let _ = reply.send(answer);
        }
    }

    fn append(&self, bytes: &mut Vec<u8>, after: &Head, draft: Draft) -> Head {
        let Draft { actor, action, subject, outcome, detail } = draft;
        let (seq, at, prev) = (after.seq + 1, (self.now)(), after.hash.clone());
        let mut entry = AuditEntry { seq, at, actor, action, subject, outcome, detail, prev, hash: String::new() };
        entry.hash = chain::hash(&entry);
        serde_json::to_writer(&mut *bytes, &entry).expect("plain values serialise");
        bytes.push(b'\n');
        Head { seq, hash: entry.hash }
    }

    /// Begins a file, and lets go of the oldest where there are more than are kept: said first, and then done.
    fn turn_over(&mut self) -> io::Result<()> {
        let Some(first) = self.first else { return Ok(()) };
        self.files.lay_aside(first)?;
        self.file = open(&self.files.newest)?;
        (self.bytes, self.first) = (0, None);
        self.files.sync()?;
        let full = self.files.full()?;
        let Some(excess) = full.len().checked_sub(self.keep.files).filter(|excess| *excess > 0) else { return Ok(()) };
        let (oldest_kept, _) = full.get(excess).cloned().unwrap_or((self.head.seq + 1, self.files.newest.clone()));
        let last = read(&File::open(&full[excess - 1].1)?)?.last;
        let last = last.filter(|last| last.seq + 1 == oldest_kept).ok_or(io::ErrorKind::InvalidData)?;
        let told = self.head.seq;
        self.write(vec![Job::unheard(draft(AuditOutcome::Done, "server", LET_GO, "", &chain::gone(&last)))]);
        if self.head.seq > told {
            full[..excess].iter().try_for_each(|(_, path)| std::fs::remove_file(path))?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).append(true).create(true).open(path)
}

/// What is in a file.
struct Read {
    first: Option<u64>,
    last: Option<Head>,
    /// Of whole lines.
    bytes: u64,
}

/// From its beginning, whatever was read of it before.
fn read(mut file: &File) -> io::Result<Read> {
    io::Seek::rewind(&mut file)?;
    let mut found = Read { first: None, last: None, bytes: 0 };
    let (mut reader, mut text) = (BufReader::new(file), Vec::new());
    loop {
        text.clear();
        let read = reader.read_until(b'\n', &mut text)? as u64;
        if read == 0 || text.last() != Some(&b'\n') {
            return Ok(found);
        }
        found.bytes += read;
        // One that was tampered with stays as it is: `verify` tells of it.
        if let Ok(AuditEntry { seq, hash, .. }) = serde_json::from_slice(&text) {
            found.first = found.first.or(Some(seq));
            found.last = Some(Head { seq, hash });
        }
    }
}
