//! Who did what: a file of entries, each of which holds the hash of the one before. What is changed or left out later breaks the chain;
//! what is written anew from the beginning has another last hash, which somebody should note elsewhere.

mod chain;
mod files;
mod log;

pub use chain::{Head, Scope, verify};
use files::Files;
use greenroom_model::tenancy::{AuditEntry, AuditOutcome, AuditVerdict};
pub use log::Keep;
use log::Log;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Refusals that may wait to be written. More are counted and left out: who is refused must not be able to stop the server.
const WAITING_MAX: usize = 1_024;
/// Says that the oldest entries were let go of.
const LET_GO: &str = "audit.let-go";

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
    reply: Option<SyncSender<io::Result<Head>>>,
}

impl Job {
    /// Nobody waits for it.
    fn unheard(draft: Draft) -> Self {
        Self { draft, reply: None }
    }
}

/// Tells the time, in UTC, as entries do.
pub type Now = Arc<dyn Fn() -> String + Send + Sync>;

pub struct Audit {
    path: PathBuf,
    jobs: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The last entry that is written.
    head: Arc<Mutex<Head>>,
    left_out: Arc<AtomicU64>,
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Audit {
    /// Opens the log or begins one. A last line that a crash cut short was acknowledged to nobody, and goes.
    pub fn open(path: &Path, keep: Keep, now: Now) -> Result<Self, AuditError> {
        let error = |source| AuditError::Io { file: path.to_owned(), source };
        let log = Log::open(path, keep, now).map_err(error)?;
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
    pub fn done(&self, actor: &str, action: &str, subject: &str, detail: &str) -> Result<Head, AuditError> {
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
        if let Err(TrySendError::Full(_)) = sender.try_send(Job::unheard(draft)) {
            self.left_out.fetch_add(1, Relaxed);
        }
    }

    /// Entries after a number, at most `max`.
    pub fn entries(&self, after: u64, max: usize) -> Result<Vec<AuditEntry>, AuditError> {
        let files = Files::of(&self.path);
        let entries = files.unmoved(|| {
            let entries = chain::lines(files.from(after)?);
            let entries = entries.filter_map(|line| serde_json::from_str::<AuditEntry>(&line.ok()?).ok());
            Ok(entries.filter(|entry| entry.seq > after).take(max).collect())
        });
        entries.map_err(|source| AuditError::Io { file: self.path.clone(), source })
    }

    /// The last entry that is written.
    pub fn head(&self) -> Head {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn verify(&self, noted: &[Head], scope: Scope) -> Result<AuditVerdict, AuditError> {
        verify(&self.path, noted, scope)
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

fn draft(outcome: AuditOutcome, actor: &str, action: &str, subject: &str, detail: &str) -> Draft {
    const TEXT_CHARS_MAX: usize = 2_000;
    let text = |text: &str| text.chars().take(TEXT_CHARS_MAX).collect();
    Draft { actor: text(actor), action: text(action), subject: text(subject), outcome, detail: text(detail) }
}

#[cfg(test)]
mod tests;
