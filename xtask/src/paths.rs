//! Where things are: the checkout, what cargo built, fetched tools, and the cache of downloads.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The checkout's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the checkout")
}

/// Cargo's target folder: the one this very program was built into, so that `CARGO_TARGET_DIR` and cargo's own
/// configuration are honoured without asking.
pub fn target() -> PathBuf {
    let program = std::env::current_exe().ok();
    let target = program.as_deref().and_then(Path::parent).and_then(Path::parent);
    target.map_or_else(|| root().join("target"), Path::to_owned)
}

/// Tools fetched for this checkout. Ignored by git.
pub fn tools() -> PathBuf {
    root().join(".tools")
}

/// Downloads that outlive a checkout. Losing it costs time, nothing else.
pub fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    base.map_or_else(|| target().join("cache"), |base| base.join("greenroom"))
}

/// The first folder of `PATH` that holds `program`.
pub fn program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Where servers are, which is not on every user's path.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Removes a folder with all that is in it, if it is there.
pub fn remove_folder(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
