//! Every check there is, in the order in which they fail fastest, and a table of them at the end.

use crate::build::{NATIVE, Profile};
use crate::display::Display;
use crate::family::Limit;
use crate::requirement::CARGO_DENY;
use crate::setup::{self, Scope};
use crate::{paths, platforms, shell, system, ui};
use anyhow::Result;
use std::process::Command;
use std::time::{Duration, Instant};

/// Crates that must stay fit for wasm: the UI and what it stands on. In the profile that the UI is built in, so that the
/// macros that both need are compiled once.
const WASM: &str =
    "-p greenroom-ui -p greenroom-show -p greenroom-model --target wasm32-unknown-unknown --profile wasm-dev";
const TOOLS: &str = "-p xtask -p greenroom-bindgen";

/// What the UI reckons, on the machine itself: all that needs no browser. In the profile of its build, which has made the macros already,
/// and by itself, so that its crates change the features of no other.
const UI: &str = "test -p greenroom-ui --profile wasm-dev";

/// Several times as long as all of them take. What takes longer hangs: it is ended, and cargo has named the test.
const TESTS_MAX: Duration = Duration::from_secs(45 * 60);

/// Minutes for each of the window's tests, of which there are some twenty. What takes longer hangs, and is ended.
const WINDOW_MAX: Duration = Duration::from_secs(45 * 60);

/// What takes longer hangs, and is ended.
const EXPORTS_MAX: Duration = Duration::from_secs(20 * 60);

/// For a database of a few megabytes. A network that answers nobody is one that is not there.
const ADVISORIES_MAX: Duration = Duration::from_secs(60);

struct Check {
    name: &'static str,
    work: fn() -> Result<()>,
}

const CHECKS: &[Check] = &[
    Check { name: "Set up", work: || setup::ensure(Scope::Test) },
    Check { name: "Format", work: || cargo("fmt --all --check") },
    Check { name: "Arrows, licences, sources", work: deny },
    Check { name: "Advisories", work: advisories },
    Check { name: "Lint the UI for wasm", work: || cargo(&format!("clippy {WASM} -- -D warnings")) },
    Check { name: "Build the UI", work: || ui::build(Profile::Dev) },
    Check { name: "Test the UI", work: || cargo(UI) },
    Check { name: "Lint the rest", work: || cargo(&format!("clippy {NATIVE} --all-targets -- -D warnings")) },
    Check { name: "Lint the tools", work: || cargo(&format!("clippy {TOOLS} --all-targets -- -D warnings")) },
    Check { name: "Check for other systems", work: platforms::check },
    Check { name: "Build programs and tests", work: || cargo(&format!("test {NATIVE} --no-run")) },
    Check { name: "Test", work: test },
    Check { name: "Test with JavaScript's SDK", work: javascript_sdk },
    Check { name: "Test a full file system", work: full_file_system },
    Check { name: "Test the tools", work: || cargo("test -p xtask") },
    Check { name: "Test what is handed on", work: exports },
    Check { name: "Test the window", work: window },
];

/// Runs every check, stops at the first that fails, and always prints the table.
pub fn all() -> Result<()> {
    let start = Instant::now();
    let mut done: Vec<(&str, Duration, bool)> = Vec::new();
    let mut failure = None;
    for check in CHECKS {
        let begun = Instant::now();
        let result = shell::step(check.name, check.work);
        done.push((check.name, begun.elapsed(), result.is_ok()));
        if let Err(error) = result {
            failure = Some(error.context(check.name));
            break;
        }
    }
    println!();
    for (name, time, passed) in &done {
        println!("{} {name:<28} {:>12}", if *passed { "✓" } else { "✗" }, shell::seconds(*time));
    }
    for check in &CHECKS[done.len()..] {
        println!("· {:<28} {:>12}", check.name, "not run");
    }
    println!("  {:<28} {:>12}", "Total", shell::seconds(start.elapsed()));
    match failure {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn cargo(arguments: &str) -> Result<()> {
    shell::run(&mut shell::cargo(arguments))
}

fn deny() -> Result<()> {
    shell::run(cargo_deny().args(["check", "bans", "licenses", "sources"]))
}

/// What RUSTSEC knows of what is linked. Its database comes from the network, and a test must not fail for want of one.
fn advisories() -> Result<()> {
    let mut fetch = cargo_deny();
    fetch.args(["fetch", "db"]).env("GIT_TERMINAL_PROMPT", "0");
    if let Err(error) = shell::capture_within(&mut fetch, Limit::Within(ADVISORIES_MAX)) {
        println!("not checked: RUSTSEC's database cannot be had\n{error}");
        return Ok(());
    }
    shell::run(cargo_deny().args(["--offline", "check", "advisories"]))
}

fn cargo_deny() -> Command {
    let mut deny = Command::new(CARGO_DENY.program());
    deny.args(["--log-level", "error"]).current_dir(paths::root());
    deny
}

fn test() -> Result<()> {
    shell::run_within(&mut shell::cargo(&format!("test {NATIVE} --no-fail-fast")), Limit::Within(TESTS_MAX))
}

/// Says `ignored` without what set-up fetches for it, and set-up has run.
fn javascript_sdk() -> Result<()> {
    cargo(&format!("test {NATIVE} --test all -- --ignored javascript_sdk::"))
}

/// Says `ignored` to whoever may not mount a file system. Root may.
fn full_file_system() -> Result<()> {
    if !system::root() {
        println!("ignored: mounting a small file system takes root");
        return Ok(());
    }
    cargo(&format!("test {NATIVE} --test all -- --ignored full::"))
}

/// Says `ignored` without browsers, players and readers, and set-up has run. One after the other: each film takes the whole machine.
fn exports() -> Result<()> {
    let mut cargo =
        shell::cargo(&format!("test {NATIVE} --test exports -- --include-ignored --test-threads=1 --skip measured"));
    shell::run_within(&mut cargo, Limit::Within(EXPORTS_MAX))
}

/// Tests that need a display say `ignored` without one. Here they get one, and one after the other the whole machine: what
/// they look at is drawn in time.
fn window() -> Result<()> {
    let display = Display::open()?;
    let mut cargo =
        shell::cargo(&format!("test {NATIVE} --test window -- --include-ignored --test-threads=1 --skip measured"));
    shell::run_within(display.lend(&mut cargo), Limit::Within(WINDOW_MAX))
}
