//! Runs other programs, and says which, for how long, and how they failed.

use crate::family::{Family, Kept, Limit, ended};
use anyhow::{Context, Result, bail};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, IsTerminal};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Fits the narrowest terminal that people use, so that the line can be taken back.
const SHOWN_COLUMNS: usize = 76;
const SHOWN_LINES: usize = 20;
/// How often a program that says nothing is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Cargo, as the user called it, in the checkout's root.
pub fn cargo(arguments: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments.split_whitespace()).current_dir(crate::paths::root());
    // Set for this program by `cargo run`; handed on, it makes some build scripts believe that they changed.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    if std::env::var_os("CI").is_some() {
        // Built once and thrown away: what speeds the next build up, or a debugger, only fills the disk.
        command.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
    }
    command
}

/// Runs `command` with its output passed through. Fails unless it succeeds.
pub fn run(command: &mut Command) -> Result<()> {
    run_within(command, Limit::None)
}

/// The same for what may hang. Fails unless it succeeds in time.
pub fn run_within(command: &mut Command, limit: Limit) -> Result<()> {
    let status = Family::start(command)?.wait(limit)?;
    if !status.success() {
        bail!("{} failed ({})", shown(command), ended(status));
    }
    Ok(())
}

/// Runs a command that may ask for a password: it stays in this program's group, as only that one may read the terminal.
pub fn run_asking(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed ({})", shown(command), ended(status));
    }
    Ok(())
}

/// Runs `command` and returns what it printed. Its error output becomes part of the error.
pub fn capture(command: &mut Command) -> Result<String> {
    capture_within(command, Limit::None)
}

/// The same for what may hang.
pub fn capture_within(command: &mut Command, limit: Limit) -> Result<String> {
    let said = Kept::start(command)?.finish(limit)?;
    if !said.status.success() {
        let printed = String::from_utf8_lossy(&said.output);
        bail!("{} failed ({})\n{}\n{}", shown(command), ended(said.status), printed.trim(), said.errors.trim());
    }
    Ok(String::from_utf8_lossy(&said.output).into_owned())
}

/// Runs a command that says more than anyone reads. A terminal shows its latest line; a failure shows the last ones.
pub fn run_quietly(command: &mut Command) -> Result<()> {
    let mut family = Family::start(command.stdout(Stdio::piped()))?;
    let output = family.child().stdout.take().expect("its output is piped");
    let (lines, said) = channel();
    // Left to itself where somebody else holds the pipe when the command has ended.
    std::thread::spawn(move || {
        BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .take_while(|line| lines.send(line.clone()).is_ok())
            .count();
    });
    let mut last = VecDeque::new();
    while family.child().try_wait().with_context(|| format!("wait for {}", shown(command)))?.is_none() {
        show_lines(&said, &mut last);
    }
    let status = family.wait(Limit::None)?;
    show_lines(&said, &mut last);
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[2K");
    }
    if !status.success() {
        bail!("{} failed ({})\n{}", shown(command), ended(status), last.make_contiguous().join("\n"));
    }
    Ok(())
}

/// Shows the lines that come, until none has come for a moment.
fn show_lines(said: &Receiver<String>, last: &mut VecDeque<String>) {
    loop {
        match said.recv_timeout(LOOK_EVERY) {
            Ok(line) => {
                if std::io::stderr().is_terminal() {
                    // Back to the line's start, and clear it.
                    eprint!("\r\x1b[2K  {}", line.chars().take(SHOWN_COLUMNS).collect::<String>());
                }
                last.push_back(line);
                if last.len() > SHOWN_LINES {
                    last.pop_front();
                }
            }
            Err(RecvTimeoutError::Timeout) => return,
            // It has closed its output, and may go on.
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::park_timeout(LOOK_EVERY);
                return;
            }
        }
    }
}

/// The command line, for a person to read.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Announces `what`, does it, and says how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("• {what}");
    let start = Instant::now();
    let result = work();
    let mark = if result.is_ok() { "✓" } else { "✗" };
    eprintln!("{mark} {what} ({})", seconds(start.elapsed()));
    result
}

/// `0.3 s`, `41 s`, `3 min 05 s`.
pub fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        whole @ 10..60 => format!("{whole} s"),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}
