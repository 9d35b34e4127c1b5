//! Installs what is missing, saying what and why before it does. With nothing missing it takes a moment and is silent.

use crate::requirement::{Probe, Purpose, REQUIREMENTS, Requirement, Source};
use crate::{download, shell, system};
use anyhow::{Result, bail};
use std::process::Command;

/// What the machine is set up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Run,
    Test,
    Bench,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Must,
    /// Worth a warning, never a failure.
    May,
    No,
}

impl Scope {
    fn need(self, purpose: Purpose) -> Need {
        match (self, purpose) {
            (_, Purpose::Build) => Need::Must,
            (Self::Run, Purpose::Talk) => Need::May,
            (Self::Test | Self::Bench, Purpose::Talk) => Need::Must,
            (Self::Test, Purpose::Test) | (Self::Bench, Purpose::Bench) => Need::Must,
            (Self::Test | Self::Bench, Purpose::Peer) => Need::Must,
            (Self::Run | Self::Bench, Purpose::Test) | (Self::Run | Self::Test, Purpose::Bench) => Need::No,
            (Self::Run, Purpose::Peer) => Need::No,
            // Asked for by what it fetches, see `missing`.
            (_, Purpose::Fetch(_)) => Need::No,
        }
    }
}

pub fn ensure(scope: Scope) -> Result<()> {
    let missing = missing(scope);
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("Missing on this machine, and installed now:");
    for need in &missing {
        eprintln!("  {:<16} {}", need.name, need.why);
    }
    system::install(&missing)?;
    let mut lacking = Vec::new();
    for need in missing {
        let Err(error) = install(need) else { continue };
        eprintln!("warning: no {}: {error:#}\n  {}", need.name, need.why);
        if scope.need(need.purpose) == Need::Must {
            lacking.push(need.name);
        }
    }
    if !lacking.is_empty() {
        bail!("could not install {}", lacking.join(", "));
    }
    Ok(())
}

/// What `scope` wants and this machine lacks, in the table's order.
fn missing(scope: Scope) -> Vec<&'static Requirement> {
    let mut missing: Vec<&Requirement> =
        REQUIREMENTS.iter().filter(|need| scope.need(need.purpose) != Need::No && need.found().is_none()).collect();
    let clients: Vec<_> = missing.iter().filter_map(|need| need.client()).collect();
    let fetches = |need: &&Requirement| matches!(need.purpose, Purpose::Fetch(client) if clients.contains(&client));
    missing.extend(REQUIREMENTS.iter().filter(fetches).filter(|need| need.found().is_none()));
    missing
}

/// Installs what does not come from the system's packages, and looks whether those did come.
fn install(need: &Requirement) -> Result<()> {
    match (&need.source, &need.probe) {
        (Source::System { .. }, _) => {}
        (Source::RustTarget(target), _) => rustup("target", target)?,
        (Source::RustComponent(component), _) => rustup("component", component)?,
        (Source::Pinned, Probe::Tool(tool)) => {
            shell::step(&format!("Fetch {} {}", tool.package, tool.version), || tool.install())?;
        }
        (Source::Pinned, Probe::NodeTool { package, version, .. } | Probe::NodePackage { package, version }) => {
            shell::step(&format!("Fetch {package} {version}"), || download::install_node_package(package, version))?;
        }
        (Source::Pinned, Probe::PythonTools { folder, list }) => {
            shell::step(&format!("Fetch what {list} lists"), || download::install_python_tools(folder, list))?;
        }
        (Source::Pinned, probe) => bail!("nothing is pinned for {probe:?}"),
    }
    if need.found().is_none() {
        bail!("still missing after it was installed");
    }
    Ok(())
}

fn rustup(kind: &str, name: &str) -> Result<()> {
    shell::step(&format!("rustup {kind} add {name}"), || {
        shell::capture(Command::new("rustup").args([kind, "add", name])).map(drop)
    })
}
