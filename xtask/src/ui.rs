//! Builds the UI into `ui/dist`: wasm by cargo, its glue by `greenroom-bindgen`, page, theme and fonts copied beside it.
//! `ui/dist` stays untouched when nothing changed, so that the shell that embeds it stays fresh too.

use crate::build::Profile;
use crate::{paths, requirement, shell};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::UNIX_EPOCH;

const TARGET: &str = "wasm32-unknown-unknown";
/// What the audience's page runs, live and as it is handed on, what the presenter's does, and the start page.
pub const PROGRAMS: [&str; 3] = ["greenroom-audience", "greenroom-presenter", "greenroom-start"];
/// Copied from `ui/` as they are.
const ASSETS: [&str; 4] = ["index.html", "boot.js", "theme", "fonts"];

pub fn dist() -> PathBuf {
    paths::root().join("ui/dist")
}

pub fn build(profile: Profile) -> Result<()> {
    let wasm_profile = match profile {
        Profile::Dev => "wasm-dev",
        Profile::Release => "wasm-release",
    };
    shell::run(&mut shell::cargo(&format!("build -p greenroom-ui --target {TARGET} --profile {wasm_profile}")))?;
    let wasm = PROGRAMS.map(|name| paths::target().join(TARGET).join(wasm_profile).join(name).with_extension("wasm"));

    let assets: Vec<PathBuf> = ASSETS.iter().map(|name| paths::root().join("ui").join(name)).collect();
    let print = fingerprint(assets.iter().chain(&wasm).map(PathBuf::as_path))?;
    let stamp = paths::target().join("xtask/ui.stamp");
    if dist().join("index.html").exists() && fs::read_to_string(&stamp).is_ok_and(|old| old == print) {
        return Ok(());
    }
    shell::step("Bind the UI into ui/dist", || assemble(&wasm, &assets, profile))?;
    fs::create_dir_all(stamp.parent().expect("a file in the target folder")).context("create target/xtask")?;
    fs::write(&stamp, print).context("write the UI's stamp")
}

/// Everything is made in a folder beside and moved in whole: a build that was interrupted leaves the old page.
fn assemble(wasm: &[PathBuf], assets: &[PathBuf], profile: Profile) -> Result<()> {
    let fresh = paths::target().join("xtask/dist");
    paths::remove_folder(&fresh)?;
    fs::create_dir_all(&fresh).context("create the UI's folder")?;
    shell::run(shell::cargo("run --quiet -p greenroom-bindgen --").arg(&fresh).args(wasm))?;
    if profile == Profile::Release {
        shrink_all(&fresh)?;
    }
    for asset in assets.iter().filter(|asset| asset.exists()) {
        copy(asset, &fresh.join(asset.file_name().expect("a named asset")))?;
    }
    paths::remove_folder(&dist())?;
    copy(&fresh, &dist())
}

/// At the same time: it takes a core each.
fn shrink_all(folder: &Path) -> Result<()> {
    thread::scope(|scope| {
        let works = PROGRAMS.map(|name| scope.spawn(move || shrink(&folder.join(format!("{name}_bg.wasm")))));
        works.into_iter().try_for_each(|work| work.join().expect("it does not panic"))
    })
}

/// Optimises a program for size, where Binaryen is here. What it may use is what the compiler uses, and it may take memory for zeroed at the start
/// and addresses below 1,024 for nobody's: the stack lies first, and ends there.
fn shrink(wasm: &Path) -> Result<()> {
    const OPTIONS: [&str; 6] = [
        "-Oz",
        "--converge",
        "--zero-filled-memory",
        "--low-memory-unused",
        "--strip-producers",
        "--strip-target-features",
    ];
    const FEATURES: [&str; 6] =
        ["bulk-memory", "nontrapping-float-to-int", "sign-ext", "mutable-globals", "reference-types", "multivalue"];
    let program = requirement::node_program(requirement::BINARYEN, "wasm-opt");
    if !program.exists() {
        eprintln!("warning: no Binaryen, so the page is a twelfth larger: `cargo xtask setup` fetches it");
        return Ok(());
    }
    let small = wasm.with_extension("small");
    let mut optimise = Command::new(program);
    optimise.args(OPTIONS).args(FEATURES.map(|feature| format!("--enable-{feature}"))).arg(wasm).arg("-o").arg(&small);
    shell::run(&mut optimise)?;
    fs::rename(&small, wasm).with_context(|| format!("put {} in place", wasm.display()))
}

/// Path, size and time of every file below `places`: equal means that nothing changed.
fn fingerprint<'a>(places: impl Iterator<Item = &'a Path>) -> Result<String> {
    let mut files = Vec::new();
    for place in places.filter(|place| place.exists()) {
        files_below(place, &mut files)?;
    }
    files.sort();
    let mut print = String::new();
    for file in files {
        let facts = file.metadata().with_context(|| format!("look at {}", file.display()))?;
        let changed = facts.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        writeln!(print, "{} {} {changed}", file.display(), facts.len())?;
    }
    Ok(print)
}

fn files_below(place: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if place.is_file() {
        files.push(place.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(place).with_context(|| format!("list {}", place.display()))? {
        files_below(&entry?.path(), files)?;
    }
    Ok(())
}

/// A file, or all files of a folder.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut files = Vec::new();
    files_below(from, &mut files)?;
    for file in files {
        let place = match file.strip_prefix(from).expect("a file below its folder") {
            inner if inner.as_os_str().is_empty() => to.to_owned(),
            inner => to.join(inner),
        };
        fs::create_dir_all(place.parent().expect("a file in a folder")).context("create a folder")?;
        fs::copy(&file, &place).with_context(|| format!("copy {}", file.display()))?;
    }
    Ok(())
}
