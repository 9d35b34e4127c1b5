//! `cargo xtask bundle`: what a laptop without Rust, a compiler or this checkout installs. A tree of programs, talks, words and pictures, packed
//! twice: as a package of Debian's, and as an archive that runs from wherever it is unpacked.

mod check;

use crate::build::{self, Profile};
use crate::setup::{self, Scope};
use crate::ui::{self, copy};
use crate::{paths, shell};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAMS: [&str; 4] = ["greenroom", "greenroom-app", "greenroom-stack", "greenroom-vault"];
/// Those that write their own manual pages and completions.
const TELLING: [&str; 2] = ["greenroom", "greenroom-stack"];
const APP_ID: &str = "dev.greenroom.app";
/// What both packages together may be at most, each: larger is a defect.
const BYTES_MAX: u64 = 60 << 20;
/// What the programs are linked to, in Debian 12 and in what came after it.
const DEPENDS: &str = "libc6 (>= 2.36), libwebkit2gtk-4.1-0, libgtk-3-0 | libgtk-3-0t64, ca-certificates";
/// What the app is better with.
const RECOMMENDS: &str = "fonts-noto-core, ffmpeg";

/// `older`: what the check upgrades from.
pub fn make(is_checked: bool, older: Option<&Path>) -> Result<()> {
    setup::ensure(Scope::Run)?;
    build::all(Profile::Release)?;
    let folder = paths::target().join("bundle");
    paths::remove_folder(&folder)?;
    let tree = folder.join(format!("greenroom-{}", env!("CARGO_PKG_VERSION")));
    shell::step("Lay out the bundle", || lay_out(&tree))?;
    let packages =
        [shell::step("Pack the archive", || archive(&tree))?, shell::step("Pack for Debian", || deb(&tree))?];
    for package in &packages {
        let bytes = fs::metadata(package).with_context(|| format!("look at {}", package.display()))?.len();
        println!("{}  {:.1} MiB", package.display(), bytes as f64 / (1 << 20) as f64);
        if bytes > BYTES_MAX {
            bail!("{} is larger than {} MiB", package.display(), BYTES_MAX >> 20);
        }
    }
    if is_checked { check::all(&packages[0], &packages[1], older) } else { Ok(()) }
}

/// `bin/` and `share/`, as they stand below `/usr` or anywhere else.
fn lay_out(tree: &Path) -> Result<()> {
    let (bin, share) = (tree.join("bin"), tree.join("share"));
    for name in PROGRAMS {
        let program = bin.join(name);
        copy(&Profile::Release.program(name), &program)?;
        shell::run(Command::new("strip").arg("--strip-unneeded").arg(&program))?;
    }
    let ours = share.join("greenroom");
    for part in ["slides", "demos"] {
        copy(&paths::root().join(part), &ours.join(part))?;
    }
    // Of what is handed on, the page that plays it is a part.
    copy(&ui::dist(), &ours.join("ui/dist"))?;
    let icons = share.join("icons/hicolor");
    let drawn = |name: &str| paths::root().join("src-tauri/icons").join(name);
    copy(&drawn("icon.svg"), &icons.join(format!("scalable/apps/{APP_ID}.svg")))?;
    copy(&drawn("icon.png"), &icons.join(format!("512x512/apps/{APP_ID}.png")))?;
    let desktop = paths::root().join("src-tauri/desktop");
    copy(&desktop.join(format!("{APP_ID}.desktop")), &share.join(format!("applications/{APP_ID}.desktop")))?;
    copy(&desktop.join(format!("{APP_ID}.metainfo.xml")), &share.join(format!("metainfo/{APP_ID}.metainfo.xml")))?;
    for name in ["README.md", "LICENSE", "CHANGELOG.md", "docs/LICENSES.md"] {
        let file = paths::root().join(name);
        copy(&file, &share.join("doc/greenroom").join(file.file_name().expect("a named file")))?;
    }
    for name in TELLING {
        shell::run(Command::new(bin.join(name)).arg("words").arg(&share))?;
    }
    Ok(())
}

/// The same bytes whoever makes it, and whenever.
fn archive(tree: &Path) -> Result<PathBuf> {
    let (folder, name) = parts(tree);
    let package = folder.join(format!("{name}-{}-linux.tar.zst", std::env::consts::ARCH));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=go-w"]);
    tar.args(["--use-compress-program=zstd -19 -T0", "-C"]).arg(folder).arg("-cf").arg(&package).arg(name);
    shell::run(&mut tar)?;
    Ok(package)
}

fn deb(tree: &Path) -> Result<PathBuf> {
    let (folder, _) = parts(tree);
    let root = folder.join("debian");
    copy(tree, &root.join("usr"))?;
    let architecture = shell::capture(Command::new("dpkg").arg("--print-architecture"))?;
    let (version, architecture) = (env!("CARGO_PKG_VERSION"), architecture.trim());
    let kib = shell::capture(Command::new("du").args(["-sk", "--apparent-size"]).arg(root.join("usr")))?;
    let kib = kib.split_whitespace().next().unwrap_or("0").to_owned();
    let control = format!(
        "Package: greenroom\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: Greenroom <greenroom@localhost>\nInstalled-Size: {kib}\n\
         Depends: {DEPENDS}\nRecommends: {RECOMMENDS}\nSection: utils\nPriority: optional\n\
         Description: storage talk that runs live\n Slides and the speaker's words on one side; a real storage stack and the audience's own\n \
         tools on the other. Every figure is measured now, and every run is recorded, so that\n the talk goes on when the network does not.\n"
    );
    fs::create_dir_all(root.join("DEBIAN")).context("make the package's folder")?;
    fs::write(root.join("DEBIAN/control"), control).context("write what the package says of itself")?;
    let copyright = root.join("usr/share/doc/greenroom/copyright");
    copy(&paths::root().join("LICENSE"), &copyright)?;
    let package = folder.join(format!("greenroom_{version}_{architecture}.deb"));
    shell::run(Command::new("dpkg-deb").args(["--build", "--root-owner-group"]).arg(&root).arg(&package))?;
    Ok(package)
}

fn parts(tree: &Path) -> (&Path, &str) {
    let name = tree.file_name().and_then(|name| name.to_str()).expect("a named tree");
    (tree.parent().expect("it lies in a folder"), name)
}
