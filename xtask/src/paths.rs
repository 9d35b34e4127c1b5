//! Where things are: the checkout, what cargo built, fetched tools, and the cache of downloads.

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
