//! Runs an external tool in a terminal of its own, until the tool ends, and ends what it started.

#[cfg(test)]
mod tests;

use crate::family::{Family, Left, signal_of};
use crate::places::Places;
use crate::pty::Pty;
use crate::scrub::{Scrubber, Secrets};
use greenroom_show::Terminal;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Lines of a failed tool that the speaker is shown.
const LAST_LINES: usize = 6;
/// A tool that prints faster is slowed by its terminal.
const CHUNK_BYTES: usize = 8192;
/// What a tool printed before it ended is there at once; what it left in the background may print for ever.
const DRAIN_MAX: Duration = Duration::from_millis(100);
/// Silence after which one looks whether a tool waits for somebody to type.
const SILENT: Duration = Duration::from_secs(3);
/// For the status of a tool that was killed.
const REAP_MAX: Duration = Duration::from_millis(100);
/// Nobody types. What would page its output prints it, and what would ask does not.
pub const UNATTENDED: [(&str, &str); 12] = [
    ("AWS_PAGER", ""),
    ("BAT_PAGER", ""),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("GH_PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    // Quits at the end of what it shows, and at once where that is less than a screen.
    ("LESS", "-EFRX"),
    ("MANPAGER", "cat"),
    ("PAGER", "cat"),
    ("PSQL_PAGER", "cat"),
    ("SYSTEMD_LESS", "-EFRX"),
    ("SYSTEMD_PAGER", "cat"),
];

#[derive(Debug, Clone)]
pub struct Invocation {
    pub program: PathBuf,
    pub args: Vec<String>,
    /// All that it inherits.
    pub env: BTreeMap<String, String>,
    pub folder: PathBuf,
    /// A folder whose path is not shown.
    pub private: PathBuf,
    /// What is not shown either.
    pub secrets: Secrets,
}

/// What is heard of a tool while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Printed, free of secrets.
    Output(String),
    /// It seems to wait for somebody to type.
    Waits,
}

#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error("cannot start {}: {detail}", program.display())]
    Start { program: PathBuf, detail: String },
    #[error("{program} ended with {status}{last}")]
    Exit { program: String, status: String, last: String },
    /// With what it did when it was stopped.
    #[error("{program} was stopped{doing}{last}")]
    Stopped { program: String, doing: &'static str, last: String },
}

/// What tools left in the background on purpose, until it is ended.
#[derive(Debug, Default)]
pub struct Background {
    left: Mutex<Vec<Remainder>>,
}

#[derive(Debug)]
struct Remainder {
    family: Family,
    /// Reads what is printed and shows it to nobody: a terminal that nobody reads stands still, and its programs with it.
    _terminal: AbortOnDropHandle<()>,
}

impl Background {
    /// Ends all of it.
    pub async fn end(&self) {
        let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        futures::future::join_all(left.iter().map(|remainder| remainder.family.end())).await;
    }

    fn keep(&self, family: Family, pty: Pty) {
        let drain = tokio::spawn(async move {
            let mut buffer = [0; CHUNK_BYTES];
            while pty.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
        });
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.retain(|remainder| !remainder.family.is_gone());
        left.push(Remainder { family, _terminal: AbortOnDropHandle::new(drain) });
    }
}

/// Where a tool is, of those that Greenroom fetched or the path holds. A name with a folder in it is no tool's.
pub fn find(places: &Places, name: &str) -> Option<PathBuf> {
    if name.contains(std::path::is_separator) {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let on_path =
        || std::env::split_paths(&path).map(|folder| folder.join(&file)).find(|candidate| candidate.is_file());
    places.fetched(name).or_else(on_path)
}

/// What does a tool's work where it is not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandIn {
    Mover,
    /// There is nothing to do.
    Nothing,
}

impl StandIn {
    pub fn of(tool: &str) -> Option<StandIn> {
        match tool {
            "azcopy" => Some(StandIn::Mover),
            "true" => Some(StandIn::Nothing),
            _ => None,
        }
    }
}

/// Runs to the tool's own end, or to the cancellation. A tool that ends leaves what it put in the background on purpose: in a session
/// of its own, or deaf to a hang-up. One that is stopped leaves nothing.
pub async fn run(
    invocation: Invocation,
    hear: impl Fn(Heard),
    cancel: &CancellationToken,
    background: &Background,
) -> Result<(), ToolError> {
    let mut tool = Tool::start(&invocation, hear)?;
    let Some(status) = tool.until_its_end(cancel).await else {
        return Err(tool.stop().await);
    };
    tool.drain();
    let Tool { name, family, pty, ears, .. } = tool;
    if family.hang_up().await == Left::Background {
        background.keep(family, pty);
    }
    let status = match status {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => said(status),
        Err(error) => format!("an unknown status ({error})"),
    };
    Err(ToolError::Exit { program: name, status, last: ears.last_lines() })
}

struct Tool<H> {
    name: String,
    child: Child,
    family: Family,
    pty: Pty,
    ears: Ears<H>,
}

impl<H: Fn(Heard)> Tool<H> {
    fn start(invocation: &Invocation, hear: H) -> Result<Self, ToolError> {
        let fail = |detail: String| ToolError::Start { program: invocation.program.clone(), detail };
        let pty = Pty::open().map_err(|error| fail(error.to_string()))?;
        let mut command = Command::new(&invocation.program);
        command.args(&invocation.args).current_dir(&invocation.folder).env_clear();
        command.envs(UNATTENDED).envs(&invocation.env).kill_on_drop(true);
        pty.control(&mut command).map_err(|error| fail(error.to_string()))?;
        let (child, family) = Family::start(&mut command).map_err(|error| fail(error.to_string()))?;
        let name = invocation.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ears = Ears {
            scrubber: Scrubber::new(invocation.secrets.clone(), &invocation.private),
            decoder: Decoder::default(),
            screen: Terminal::default(),
            hear,
        };
        Ok(Tool { name, child, family, pty, ears })
    }

    /// `None` where it is to be stopped.
    async fn until_its_end(&mut self, cancel: &CancellationToken) -> Option<std::io::Result<ExitStatus>> {
        let mut buffer = [0; CHUNK_BYTES];
        let mut look = Some(Instant::now() + SILENT);
        loop {
            let at = look.unwrap_or_else(Instant::now);
            tokio::select! {
                count = self.pty.read(&mut buffer) => {
                    // A terminal that cannot be read is no end of its tool.
                    let Ok(count) = count else { break };
                    self.ears.print(&buffer[..count]);
                    look = Some(Instant::now() + SILENT);
                    // One that floods its terminal keeps nobody else waiting, its own end among them.
                    yield_now().await;
                }
                status = self.child.wait() => return Some(status),
                () = cancel.cancelled() => return None,
                () = sleep_until(at), if look.is_some() => {
                    let waits = self.waits();
                    // Said once, until it prints again.
                    look = (!waits).then(|| Instant::now() + SILENT);
                    if waits {
                        (self.ears.hear)(Heard::Waits);
                    }
                }
            }
        }
        tokio::select! {
            status = self.child.wait() => Some(status),
            () = cancel.cancelled() => None,
        }
    }

    /// Ends it with all that it started, and says what it did.
    async fn stop(self) -> ToolError {
        let doing = if self.waits() { "; it seems to wait for somebody to type" } else { "" };
        let Tool { name, mut child, family, pty, mut ears } = self;
        let end = async {
            family.end().await;
            timeout(REAP_MAX, child.wait()).await.ok();
        };
        let mut end = std::pin::pin!(end);
        let mut buffer = [0; CHUNK_BYTES];
        // A tool that cleans up may print more than its terminal holds.
        loop {
            tokio::select! {
                () = &mut end => break,
                count = pty.read(&mut buffer) => match count {
                    Ok(count) => {
                        ears.print(&buffer[..count]);
                        yield_now().await;
                    }
                    Err(_) => {
                        end.await;
                        break;
                    }
                },
            }
        }
        ears.finish();
        ToolError::Stopped { program: name, doing, last: ears.last_lines() }
    }

    fn drain(&mut self) {
        let until = Instant::now() + DRAIN_MAX;
        let mut buffer = [0; CHUNK_BYTES];
        while Instant::now() < until {
            match self.pty.read_now(&mut buffer) {
                Ok(count) if count > 0 => self.ears.print(&buffer[..count]),
                Ok(_) | Err(_) => break,
            }
        }
        self.ears.finish();
    }

    fn waits(&self) -> bool {
        self.pty.is_taken_over() || self.pty.name().is_some_and(|name| self.family.reads(&name))
    }
}

/// What becomes of a tool's bytes.
struct Ears<H> {
    scrubber: Scrubber,
    decoder: Decoder,
    screen: Terminal,
    hear: H,
}

impl<H: Fn(Heard)> Ears<H> {
    fn print(&mut self, bytes: &[u8]) {
        let text = self.scrubber.push(&self.decoder.push(bytes));
        self.show(text);
    }

    fn finish(&mut self) {
        let rest = self.scrubber.finish();
        self.show(rest);
    }

    fn show(&mut self, text: String) {
        self.screen.write(&text);
        if !text.is_empty() {
            (self.hear)(Heard::Output(text));
        }
    }

    fn last_lines(&self) -> String {
        let text = self.screen.text();
        let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        if last.is_empty() { String::new() } else { format!("; it said last:\n{}", last.join("\n")) }
    }
}

fn said(status: ExitStatus) -> String {
    match (status.code(), signal_of(status)) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".into(),
    }
}

/// UTF-8 across chunk borders; what is not UTF-8 shows as a replacement character.
#[derive(Debug, Default)]
struct Decoder {
    held: Vec<u8>,
}

impl Decoder {
    fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.held) {
            Ok(_) => self.held.len(),
            // An unfinished character waits for its rest; a wrong one does not.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => self.held.len(),
        };
        let rest = self.held.split_off(whole);
        let ready = std::mem::replace(&mut self.held, rest);
        String::from_utf8_lossy(&ready).into_owned()
    }
}
