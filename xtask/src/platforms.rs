//! `cargo xtask platforms`: what compiles for systems that nothing is run on here. Each target is checked where its standard library and a C compiler
//! for it can be had, and said not to be checked where not.

use crate::{paths, shell};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A system, and which of our crates are to compile for it.
struct Platform {
    target: &'static str,
    /// As Zig calls it.
    zig: &'static str,
    crates: &'static [&'static str],
}

const PLATFORMS: [Platform; 2] = [
    Platform {
        target: "aarch64-apple-darwin",
        zig: "aarch64-macos",
        crates: &["greenroom-app", "greenroom-director", "greenroom-node"],
    },
    Platform {
        target: "x86_64-pc-windows-gnu",
        zig: "x86_64-windows-gnu",
        crates: &["greenroom-model", "greenroom-show", "greenroom-store"],
    },
];
/// From PyPI: a C compiler for every one of them.
const ZIG: &str = "ziglang==0.17.1";

pub fn check() -> Result<()> {
    let zig = shell::step("Fetch a C compiler for other systems", zig);
    let mut faulty = Vec::new();
    for platform in &PLATFORMS {
        let target = platform.target;
        let zig = match &zig {
            Ok(zig) => zig,
            Err(error) => {
                println!("{target}: not checked: there is no C compiler for it: {error:#}");
                continue;
            }
        };
        if let Err(error) = shell::capture(Command::new("rustup").args(["target", "add", target])) {
            println!("{target}: not checked: its standard library cannot be had: {error:#}");
            continue;
        }
        match shell::step(&format!("Check for {target}"), || compiles(platform, zig)) {
            Ok(()) => println!("{target}: compiles: {}", platform.crates.join(", ")),
            Err(error) => {
                println!("{target}: {error:#}");
                faulty.push(target);
            }
        }
    }
    if faulty.is_empty() { Ok(()) } else { bail!("does not compile for {}", faulty.join(", ")) }
}

fn compiles(platform: &Platform, zig: &Path) -> Result<()> {
    let folder = paths::target().join("platforms");
    let tool = |name: &str, words: &str| script(&folder.join(format!("{}-{name}", platform.target)), zig, words);
    let (cc, ar) = (tool("cc", &format!("cc -target {}", platform.zig))?, tool("ar", "ar")?);
    let mut cargo = shell::cargo("check --quiet --bins --lib");
    for name in platform.crates {
        cargo.args(["-p", name]);
    }
    let variable = platform.target.replace('-', "_");
    cargo.args(["--target", platform.target]).env(format!("CC_{variable}"), cc).env(format!("AR_{variable}"), ar);
    // What it needs of the system is part of that system's kit, which is not here: nothing is linked.
    cargo.env("CRATE_CC_NO_DEFAULTS", "1");
    shell::run(&mut cargo)
}

/// The compiler takes its target as a word, and build scripts ask for a program.
fn script(file: &Path, zig: &Path, words: &str) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(file.parent().expect("it lies in a folder")).context("make a folder")?;
    fs::write(file, format!("#!/bin/sh\nexec '{}' -m ziglang {words} \"$@\"\n", zig.display()))
        .context("write a script")?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).context("let it run")?;
    Ok(file.to_owned())
}

/// A Python that has the compiler.
fn zig() -> Result<PathBuf> {
    let folder = paths::target().join("platforms/python");
    let python = folder.join("bin/python3");
    if !python.is_file() {
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    shell::capture(Command::new(&python).args(["-m", "pip", "install", "--quiet", ZIG]))?;
    Ok(python)
}
