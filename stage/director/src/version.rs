//! Which version a tool is of. No program runs for that unless it is known how it is asked: by the demo, or by a table of common tools.

use crate::family::Family;
use crate::library::Talk;
use crate::parse::Program;
use crate::places::Places;
use crate::pty;
use crate::tool::{self, UNATTENDED};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// How tools are asked that say nothing else when they are: no update is looked for, no file written.
const KNOWN: [(&str, &[&str]); 10] = [
    ("azcopy", &["--version"]),
    ("azurite", &["--version"]),
    ("curl", &["--version"]),
    ("git", &["--version"]),
    ("jq", &["--version"]),
    ("node", &["--version"]),
    ("python3", &["--version"]),
    ("rclone", &["version"]),
    ("rsync", &["--version"]),
    ("sqlite3", &["--version"]),
];
/// A tool that takes longer keeps its version to itself.
const ASK_MAX: Duration = Duration::from_secs(5);
/// Of the line that it answers.
const LINE_BYTES_MAX: u64 = 256;
/// More files than the demos of a project name; then all are asked again.
const FILES_MAX: usize = 256;

const UNKNOWN: &str = "of unknown version";

/// A tool of a demo, on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub program: PathBuf,
    /// The arguments with which it tells its version, where those are known.
    pub asked: Option<Vec<String>>,
}

/// What tools have answered, by file.
#[derive(Debug, Default)]
pub struct Versions(Mutex<BTreeMap<Edition, Arc<OnceCell<String>>>>);

/// A file that is replaced is another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edition {
    program: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
    asked: Vec<String>,
}

/// The tools of the demos that may run; `None` where one is not installed.
pub fn find_tools(places: &Places, talk: &Talk, held: &BTreeSet<String>) -> BTreeMap<String, Option<Found>> {
    let programs = || talk.programs.iter().filter(|(slug, _)| !held.contains(*slug)).map(|(_, program)| program);
    let asked = |name: &str| programs().find_map(|program| asked(program, name));
    let names = programs().flat_map(|program| &program.demo.tools);
    let find = |name: &String| Some(Found { program: tool::find(places, name)?, asked: asked(name) });
    names.map(|name| (name.clone(), find(name))).collect()
}

fn asked(program: &Program, name: &str) -> Option<Vec<String>> {
    let known = || {
        KNOWN.iter().find(|(known, _)| *known == name).map(|(_, args)| args.iter().map(|arg| (*arg).into()).collect())
    };
    program.versions.get(name).cloned().or_else(known)
}

impl Versions {
    /// Asks the tool, once for each file.
    pub async fn of(&self, tool: &Found) -> String {
        let Some(answer) = self.answer(tool) else { return UNKNOWN.into() };
        answer.get_or_init(|| ask(tool)).await.clone()
    }

    /// What is known without asking; `None` where the answer is still to come.
    pub fn known(&self, tool: &Found) -> Option<String> {
        match self.answer(tool) {
            Some(answer) => answer.get().cloned(),
            None => Some(UNKNOWN.into()),
        }
    }

    fn answer(&self, tool: &Found) -> Option<Arc<OnceCell<String>>> {
        let file = std::fs::metadata(&tool.program).ok()?;
        let edition = Edition {
            program: tool.program.clone(),
            bytes: file.len(),
            modified: file.modified().ok(),
            asked: tool.asked.clone()?,
        };
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= FILES_MAX && !answers.contains_key(&edition) {
            answers.clear();
        }
        Some(answers.entry(edition).or_default().clone())
    }
}

/// The first line that it prints. Whatever the tool is or does, it is over then, with all that it started.
async fn ask(tool: &Found) -> String {
    let mut command = Command::new(&tool.program);
    command.args(tool.asked.iter().flatten()).envs(UNATTENDED).env("AZCOPY_DISABLE_SYSLOG", "true");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    pty::without_terminal(&mut command);
    let Ok((mut child, family)) = Family::start(&mut command) else { return UNKNOWN.into() };
    let mut line = Vec::new();
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output.take(LINE_BYTES_MAX));
        timeout(ASK_MAX, output.read_until(b'\n', &mut line)).await.ok();
    }
    family.end().await;
    child.start_kill().ok();
    child.wait().await.ok();
    let said = String::from_utf8_lossy(&line).trim().to_string();
    if said.is_empty() { UNKNOWN.into() } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use tokio::time::Instant;

    fn tool(folder: &Path, name: &str, script: &str, asked: Option<&str>) -> Found {
        let program = folder.join(name);
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("executable");
        Found { program, asked: asked.map(|arg| vec![arg.to_string()]) }
    }

    #[tokio::test]
    async fn a_tool_is_asked_once_for_each_file_and_only_as_it_is_known_how() {
        let folder = tempfile::tempdir().expect("a folder");
        let ran = folder.path().join("ran");
        let count = || std::fs::read_to_string(&ran).unwrap_or_default();
        let versions = Versions::default();
        let script = format!("echo \"$1\" >> {}; echo tool 1.2; echo more", ran.display());
        let mute = tool(folder.path(), "mute", &script, None);
        assert_eq!((versions.known(&mute), versions.of(&mute).await), (Some(UNKNOWN.into()), UNKNOWN.into()));
        assert_eq!(count(), "", "nobody says how");
        let known = tool(folder.path(), "known", &script, Some("-V"));
        assert_eq!(versions.known(&known), None, "not asked yet");
        let both = tokio::join!(versions.of(&known), versions.of(&known));
        assert_eq!((both, versions.known(&known)), (("tool 1.2".into(), "tool 1.2".into()), Some("tool 1.2".into())));
        assert_eq!(count(), "-V\n");
        let replaced = tool(folder.path(), "known", &script.replace("1.2", "1.2.3"), Some("-V"));
        assert_eq!(versions.of(&replaced).await, "tool 1.2.3");
    }

    #[tokio::test]
    async fn a_tool_that_does_not_answer_is_over_with_all_that_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let pids = folder.path().join("pids");
        let script = format!(
            "echo 3.0; trap '' TERM; setsid sleep 60 & echo $$ $! > {}; read x </dev/tty; sleep 60",
            pids.display()
        );
        let slow = tool(folder.path(), "slow", &script, Some("--version"));
        let silent = tool(folder.path(), "silent", "exec sleep 60", Some("--version"));
        let (versions, began) = (Versions::default(), Instant::now());
        let (slow, silent) = tokio::join!(versions.of(&slow), versions.of(&silent));
        assert_eq!((slow.as_str(), silent.as_str()), ("3.0", UNKNOWN));
        assert!(began.elapsed() < ASK_MAX + Duration::from_secs(2), "side by side: {:?}", began.elapsed());
        for pid in std::fs::read_to_string(&pids).unwrap_or_default().split_whitespace() {
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid}");
        }
    }
}
