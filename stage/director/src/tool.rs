//! Runs an external tool in a terminal of its own, and ends it with everything that it started.

use crate::scrub::{Scrubber, Secrets};
use greenroom_show::{COLUMNS, ROWS, Terminal};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// How long a tool may take to end by itself once it is asked to.
const GRACE: Duration = Duration::from_secs(2);
/// Lines of a failed tool that the speaker is shown.
const LAST_LINES: usize = 6;
/// Chunks of output that may wait; a tool that prints faster is slowed by its terminal.
const CHUNKS_MAX: usize = 64;

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

#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error("cannot start {}: {detail}", program.display())]
    Start { program: PathBuf, detail: String },
    #[error("{program} ended with {status}{last}")]
    Exit { program: String, status: String, last: String },
    #[error("stopped")]
    Cancelled,
}

/// Where a tool is, of those that Greenroom fetched or the path holds. A name with a folder in it is no tool's.
pub fn find(root: &Path, name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(fetched(root, name))
        .chain(std::env::split_paths(&path).map(|folder| folder.join(name)))
        .find(|candidate| candidate.is_file())
}

/// Where a tool is that was fetched for a project.
pub fn fetched(root: &Path, name: &str) -> PathBuf {
    root.join(".tools").join(name).join(name)
}

/// First line of what `--version` prints.
pub async fn version(program: &Path) -> Option<String> {
    let mut command = tokio::process::Command::new(program);
    command.arg("--version").env("AZCOPY_DISABLE_SYSLOG", "true").stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(10), command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_string()).filter(|line| !line.is_empty())
}

/// Runs to the end, or to the cancellation; what it prints goes to `show`, free of secrets.
pub async fn run(invocation: Invocation, show: impl Fn(String), cancel: &CancellationToken) -> Result<(), ToolError> {
    let program = invocation.program.clone();
    let mut scrubber = Scrubber::new(invocation.secrets.clone(), &invocation.private);
    let (mut output, mut ended, group) = start(invocation)?;
    let mut screen = Terminal::default();
    let mut decoder = Decoder::default();
    let mut stopping = false;
    loop {
        tokio::select! {
            chunk = output.recv() => {
                let text = match &chunk {
                    Some(bytes) => scrubber.push(&decoder.push(bytes)),
                    None => scrubber.finish(),
                };
                screen.write(&text);
                if !text.is_empty() {
                    show(text);
                }
                if chunk.is_none() {
                    break;
                }
            }
            () = cancel.cancelled(), if !stopping => {
                stopping = true;
                end(group, &mut ended).await;
            }
        }
    }
    if stopping {
        return Err(ToolError::Cancelled);
    }
    let status = ended.await.unwrap_or_else(|_| Err("an unknown status".into()));
    let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    status.map_err(|status| ToolError::Exit { program, status, last: last_lines(&screen) })
}

type Ended = oneshot::Receiver<Result<(), String>>;

fn start(invocation: Invocation) -> Result<(mpsc::Receiver<Vec<u8>>, Ended, Pid), ToolError> {
    let program = invocation.program.clone();
    let fail = |detail: String| ToolError::Start { program: program.clone(), detail };
    let size = PtySize { rows: ROWS.get(), cols: COLUMNS.get(), pixel_width: 0, pixel_height: 0 };
    let pty = native_pty_system().openpty(size).map_err(|error| fail(error.to_string()))?;
    let mut command = CommandBuilder::new(&invocation.program);
    command.args(&invocation.args);
    command.cwd(&invocation.folder);
    command.env_clear();
    for (name, value) in &invocation.env {
        command.env(name, value);
    }
    let mut child = pty.slave.spawn_command(command).map_err(|error| fail(error.to_string()))?;
    drop(pty.slave);
    let pid = child
        .process_id()
        .and_then(|pid| i32::try_from(pid).ok())
        .ok_or_else(|| fail("it has no process id".into()))?;
    let mut reader = pty.master.try_clone_reader().map_err(|error| fail(error.to_string()))?;
    let (chunks, output) = mpsc::channel(CHUNKS_MAX);
    let (done, ended) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        // The terminal lives as long as its tool: dropped, it hangs the tool up.
        let _terminal = pty.master;
        let mut buffer = [0u8; 8192];
        while let Ok(count) = reader.read(&mut buffer) {
            if count == 0 || chunks.blocking_send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    tokio::task::spawn_blocking(move || {
        let status = match child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(match status.signal() {
                Some(signal) => format!("signal {signal}"),
                None => format!("exit code {}", status.exit_code()),
            }),
            Err(error) => Err(format!("an unknown status ({error})")),
        };
        done.send(status).ok();
    });
    Ok((output, ended, Pid::from_raw(pid)))
}

/// Asks the tool's process group to end, and ends it where it does not.
async fn end(group: Pid, ended: &mut Ended) {
    killpg(group, Signal::SIGTERM).ok();
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        killpg(group, Signal::SIGKILL).ok();
    }
}

fn last_lines(screen: &Terminal) -> String {
    let text = screen.text();
    let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    if last.is_empty() { String::new() } else { format!("; it said last:\n{}", last.join("\n")) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn shell(script: &str) -> Invocation {
        Invocation {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: [("PATH".to_string(), "/usr/bin:/bin".to_string())].into(),
            folder: "/".into(),
            private: PathBuf::new(),
            secrets: Secrets::default(),
        }
    }

    async fn run_shell(script: &str) -> (Result<(), ToolError>, String) {
        let seen = Mutex::new(String::new());
        let never = CancellationToken::new();
        let result = run(shell(script), |text| seen.lock().expect("no panic").push_str(&text), &never).await;
        (result, seen.into_inner().expect("no panic"))
    }

    #[tokio::test]
    async fn a_tool_has_a_terminal_and_its_output_is_shown() {
        let (result, seen) =
            run_shell("test -t 1 && echo tty; tput cols 2>/dev/null || stty size; echo 'sig=SECRET'").await;
        assert!(result.is_ok(), "{result:?}");
        assert!(seen.contains("tty") && seen.contains("100"), "{seen}");
        assert!(seen.contains("sig=•••") && !seen.contains("SECRET"), "{seen}");
    }

    #[tokio::test]
    async fn a_failure_carries_the_last_lines() {
        let (result, _) = run_shell("echo working; echo 'no such container' >&2; exit 3").await;
        let said = result.expect_err("exit 3").to_string();
        assert!(said.contains("exit code 3") && said.contains("no such container"), "{said}");
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error_that_names_it() {
        let mut invocation = shell("");
        invocation.program = "/no/such/tool".into();
        let said = run(invocation, |_| {}, &CancellationToken::new()).await.expect_err("missing").to_string();
        assert!(said.contains("/no/such/tool"), "{said}");
    }

    #[tokio::test]
    async fn cancelling_ends_the_tool_and_what_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let pids = folder.path().join("pids");
        // Both refuse to end when asked.
        let script =
            format!("trap '' TERM HUP; sh -c \"trap '' TERM HUP; sleep 60\" & echo $$ $! > {}; wait", pids.display());
        let cancel = CancellationToken::new();
        let started = async {
            while std::fs::read_to_string(&pids).map_or(true, |text| !text.ends_with('\n')) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            cancel.cancel();
        };
        let (result, ()) = tokio::join!(run(shell(&script), |_| {}, &cancel), started);
        assert!(matches!(result, Err(ToolError::Cancelled)), "{result:?}");
        let gone = async {
            for pid in std::fs::read_to_string(&pids).expect("written").split_whitespace() {
                while alive(pid) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.expect("both are gone");
    }

    /// Whether a process runs; one that waits to be collected does not.
    fn alive(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn characters_survive_chunk_borders() {
        let mut decoder = Decoder::default();
        let bytes = "é✓x".as_bytes();
        let text: String = bytes.iter().map(|byte| decoder.push(&[*byte])).collect();
        assert_eq!(text, "é✓x");
        assert_eq!(Decoder::default().push(b"a\xffb"), "a\u{fffd}b");
    }
}
