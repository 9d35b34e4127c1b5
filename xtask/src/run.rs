//! Opens the app on a talk, or runs the talk's demo in the terminal where there is no display.

use crate::build::{self, Profile};
use crate::setup::{self, Scope};
use crate::{family, paths, shell};
use anyhow::{Context, Result};
use std::os::unix::process::CommandExt;
use std::process::Command;

const DECK: &str = "azcopy-field";
/// The demo behind that deck.
const DEMO: &str = "azcopy-into-blob";

/// `arguments` go to the app as they are.
pub fn open(arguments: &[String]) -> Result<()> {
    setup::ensure(Scope::Run)?;
    build::all(Profile::Release)?;
    let mut program = if display() {
        let mut app = Command::new(Profile::Release.program("greenroom-app"));
        // Whoever builds this folder's programs trusts its steps.
        app.arg("--trust").args(arguments);
        // What is left of a talk stays in this folder, unless somebody says otherwise.
        if !names(arguments, "--home") {
            app.arg("--home").arg(paths::root());
        }
        if !names(arguments, "--deck") {
            app.args(["--deck", DECK]);
        }
        app
    } else {
        eprintln!("No display here (neither DISPLAY nor WAYLAND_DISPLAY is set): the demo runs in this terminal.");
        let mut director = Command::new(Profile::Release.program("greenroom"));
        director.args(["demo", "run", DEMO, "--headless", "--trust", "--home"]).arg(paths::root());
        director
    };
    family::unwatch()?;
    // The program takes this one's place: signals and exit code are its own.
    let error = program.current_dir(paths::root()).exec();
    Err(error).with_context(|| format!("start {}", shell::shown(&program)))
}

fn names(arguments: &[String], option: &str) -> bool {
    arguments
        .iter()
        .any(|given| given.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
}

fn display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
