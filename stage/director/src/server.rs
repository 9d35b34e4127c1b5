//! A server of Greenroom's own as a process: ready with its first line, and ended by the end of its input, however this program ends.

use crate::places;
use crate::scrub::Secrets;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// From start to the ready line: opening a large store replays its tail.
const START_MAX: Duration = Duration::from_secs(30);
/// From the request to stop to the end; a stack drains what is in flight.
const STOP_MAX: Duration = Duration::from_secs(10);
/// Log lines kept to tell why a server went down.
const LOG_LINES: usize = 12;

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("the {name}'s program is missing: {} ({})", program.display(), places::to_mend())]
    Missing { name: &'static str, program: PathBuf },
    #[error("the {name} did not start: {why}")]
    Start { name: &'static str, why: String },
}

/// One that runs, and the end of it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Closed, the server stops, and the system closes it however this program ends.
    stdin: Option<ChildStdin>,
    log: Arc<Mutex<VecDeque<String>>>,
    secrets: Secrets,
}

impl Server {
    /// Starts it, and waits for the line of JSON that says where it is. `name` is what it is called in sentences.
    pub async fn start<R: DeserializeOwned>(
        name: &'static str,
        mut command: Command,
        secrets: &Secrets,
    ) -> Result<(Server, R), ServerError> {
        let program = PathBuf::from(command.as_std().get_program());
        if !program.is_file() {
            return Err(ServerError::Missing { name, program });
        }
        let fail = |why: String| ServerError::Start { name, why };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| fail(error.to_string()))?;
        // Waiting for a child closes the input that it still holds.
        let stdin = child.stdin.take();
        let log = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(keep_last(name, stderr, log.clone(), secrets.clone()));
        }
        let Some(stdout) = child.stdout.take() else { return Err(fail("it has no output".into())) };
        let mut lines = BufReader::new(stdout).lines();
        let ready = match tokio::time::timeout(START_MAX, lines.next_line()).await {
            Ok(Ok(Some(line))) => serde_json::from_str(&line).ok(),
            Ok(Ok(None) | Err(_)) | Err(_) => None,
        };
        let mut server = Server { child, stdin, log, secrets: secrets.clone() };
        let Some(ready) = ready else {
            server.child.kill().await.ok();
            return Err(fail(server.said()));
        };
        Ok((server, ready))
    }

    /// Waits for an end that nobody asked for, and tells what the server said last.
    pub async fn died(&mut self) -> String {
        let status = self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = self.said();
        if said.is_empty() { status } else { format!("{status}: {said}") }
    }

    /// Lets it end by itself, and ends it where it does not.
    pub async fn stop(mut self) {
        drop(self.stdin.take());
        if tokio::time::timeout(STOP_MAX, self.child.wait()).await.is_err() {
            self.child.kill().await.ok();
        }
    }

    /// Scrubbed once more: its first lines were read before its secrets were known.
    fn said(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        self.secrets.scrub(&log.iter().cloned().collect::<Vec<_>>().join("\n"))
    }
}

async fn keep_last(
    name: &'static str,
    output: impl AsyncRead + Unpin,
    log: Arc<Mutex<VecDeque<String>>>,
    secrets: Secrets,
) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let line = secrets.scrub(&line);
        tracing::debug!(target: "server", name, "{line}");
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_back(line);
        if log.len() > LOG_LINES {
            log.pop_front();
        }
    }
}
