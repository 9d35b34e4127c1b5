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

pub fn all(profile: Profile) -> Result<()> {
    shell::step("Build the UI", || ui::build(profile))?;
    shell::step("Build the stack, the director and the app", || programs(profile))
}

pub fn programs(profile: Profile) -> Result<()> {
    let mut cargo = shell::cargo("build -p greenroom-node -p greenroom-director -p greenroom-app --bins");
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    shell::run(&mut cargo)
}
