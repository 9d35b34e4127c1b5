//! `cargo xtask platforms`: whether all compiles for systems that nothing is run on here. Each target is checked where its standard library, its
//! crates and a C compiler for it can be had, and said not to be checked where not.

use crate::{download, paths, shell};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A system that all is to compile for.
struct Platform {
    target: &'static str,
    /// As Zig calls it.
    zig: &'static str,
}

const PLATFORMS: [Platform; 2] = [
    Platform { target: "aarch64-apple-darwin", zig: "aarch64-macos" },
    Platform { target: "x86_64-pc-windows-gnu", zig: "x86_64-windows-gnu" },
];
/// All that has a program, and with it all libraries.
const CRATES: [&str; 4] = ["greenroom-app", "greenroom-director", "greenroom-node", "greenroom-vault"];
/// A folder below `.tools`, and what PyPI is asked for: a C compiler for every one of them.
const ZIG: &str = "zig";
const ZIG_LIST: &str = "xtask/src/platforms/requirements.txt";

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
        if let Err(error) = shell::capture(shell::cargo("fetch --quiet --target").arg(target)) {
            println!("{target}: not checked: its crates cannot be had: {error:#}");
            continue;
        }
        match shell::step(&format!("Check for {target}"), || compiles(platform, zig)) {
            Ok(()) => println!("{target}: compiles: {}", CRATES.join(", ")),
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
    let zig = |words: &str| format!("exec '{}' -m ziglang {words} \"$@\"", zig.display());
    let tool = |name: &str, lines: &str| script(&folder.join(format!("{}-{name}", platform.target)), lines);
    let (cc, ar) = (tool("cc", &zig(&format!("cc -target {}", platform.zig)))?, tool("ar", &zig("ar"))?);
    // Of Windows. Whoever asks for it wants to hear first that it takes the words of Microsoft's, as this one does.
    let rc = tool("rc", &format!("[ \"$1\" != -V ] || exec echo 'Resource Converter'\n{}", zig("rc")))?;
    let mut cargo = shell::cargo("check --quiet --bins --lib");
    for name in CRATES {
        cargo.args(["-p", name]);
    }
    let variable = platform.target.replace('-', "_");
    cargo.args(["--target", platform.target]).env(format!("CC_{variable}"), cc).env(format!("AR_{variable}"), ar);
    cargo.env(format!("RC_{variable}"), rc);
    // What it needs of the system is part of that system's kit, which is not here: nothing is linked.
    cargo.env("CRATE_CC_NO_DEFAULTS", "1");
    shell::run(&mut cargo)
}

/// The compiler takes its target as a word, and build scripts ask for a program.
fn script(file: &Path, lines: &str) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(file.parent().expect("it lies in a folder")).context("make a folder")?;
    fs::write(file, format!("#!/bin/sh\n{lines}\n")).context("write a script")?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).context("let it run")?;
    Ok(file.to_owned())
}

/// A Python that has the compiler.
fn zig() -> Result<PathBuf> {
    if download::python_tools(ZIG, ZIG_LIST).is_none() {
        download::install_python_tools(ZIG, ZIG_LIST)?;
    }
    Ok(paths::tools().join(ZIG).join("bin/python"))
}
