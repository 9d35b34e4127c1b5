//! Builds the UI, then the programs: the shell embeds what the UI's build leaves, so the order matters.

use crate::{paths, shell, ui};
use anyhow::Result;
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Dev,
    Release,
}

impl Profile {
    /// Where cargo puts this profile's programs.
    pub fn program(self, name: &str) -> PathBuf {
        let folder = match self {
            Self::Dev => "debug",
            Self::Release => "release",
        };
        paths::target().join(folder).join(name)
    }
}

/// What runs on the machine itself: all but the UI and the tools of this folder. Every command selects the same crates, since
/// cargo builds a dependency anew for each set of features that a selection adds up to.
pub const NATIVE: &str = "--workspace --exclude greenroom-ui --exclude xtask --exclude greenroom-bindgen";

pub fn all(profile: Profile) -> Result<()> {
    shell::step("Build the UI", || ui::build(profile))?;
    shell::step("Build the stack, the director and the app", || {
        let mut cargo = shell::cargo(&format!("build {NATIVE} --bins"));
        if profile == Profile::Release {
            cargo.arg("--release");
        }
        shell::run(&mut cargo)
    })
}
