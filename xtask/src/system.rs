//! Installs the operating system's packages through apt, or says which commands would on other systems.

use crate::requirement::{Probe, Requirement, Source};
use crate::{paths, shell};
use anyhow::{Result, bail};
use std::process::Command;

/// Installs what `missing` needs from the system. Says what and why first; never asks.
pub fn install(missing: &[&Requirement]) -> Result<()> {
    let packages: Vec<&str> = missing.iter().filter_map(|need| debian(need)).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install --no-install-recommends -y {}", packages.join(" "));
    if paths::program("apt-get").is_none() {
        bail!(
            "this is not a Debian or Ubuntu. Please run, and then this command again:\n\n    {}\n",
            elsewhere(missing)
        );
    }
    let sudo: &[&str] = match (root(), paths::program("sudo")) {
        (true, _) => &[],
        (false, Some(_)) => &["sudo"],
        (false, None) => bail!(
            "only root may install packages. Please run, and then this command again:\n\n    su -c 'apt-get update && {install}'\n"
        ),
    };
    let run = |words: &str| {
        let mut all = sudo.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive"]).chain(words.split(' '));
        let mut command = Command::new(all.next().expect("a program"));
        if sudo.is_empty() { shell::run_quietly(command.args(all)) } else { shell::run_asking(command.args(all)) }
    };
    shell::step(&format!("apt-get install {}", packages.join(" ")), || {
        run("apt-get -qq update")?;
        run(&install.replacen("apt-get", "apt-get -qq -o Dpkg::Use-Pty=0", 1))
    })
}

fn debian(need: &Requirement) -> Option<&'static str> {
    match need.source {
        Source::System { debian, .. } => Some(debian),
        Source::RustTarget(_) | Source::RustComponent(_) | Source::Pinned => None,
    }
}

/// The command for another distribution. dnf and zypper resolve what a probe looks for by themselves.
fn elsewhere(missing: &[&Requirement]) -> String {
    let arch = |need: &&Requirement| match need.source {
        Source::System { arch, .. } => Some(arch),
        Source::RustTarget(_) | Source::RustComponent(_) | Source::Pinned => None,
    };
    let by_file = |need: &&Requirement| match need.probe {
        Probe::Program(name) => Some(format!("/usr/bin/{name}")),
        Probe::PkgConfig(module) => Some(format!("'pkgconfig({module})'")),
        Probe::Library(name) => Some(format!("'{name}()(64bit)'")),
        Probe::ToolChain(_)
        | Probe::Tool(_)
        | Probe::NodeTool { .. }
        | Probe::NodePackage { .. }
        | Probe::PythonModule(_)
        | Probe::PythonTools { .. } => None,
    };
    let files = || missing.iter().filter_map(by_file).collect::<Vec<_>>().join(" ");
    let named = || missing.iter().filter_map(|need| debian(need)).collect::<Vec<_>>().join(" ");
    match ["dnf", "zypper", "pacman"].into_iter().find(|manager| paths::program(manager).is_some()) {
        Some("pacman") => {
            format!("sudo pacman -S --needed {}", missing.iter().filter_map(arch).collect::<Vec<_>>().join(" "))
        }
        Some(manager) => format!("sudo {manager} install {}", files()),
        None => format!("<your package manager> install {}   # Debian's names", named()),
    }
}

pub fn root() -> bool {
    shell::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
