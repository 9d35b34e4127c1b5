//! Files that are looked at again and again, to see whether one has changed.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What lies beyond is not followed.
pub const FILES_MAX: usize = 4_000;

/// What a look finds: where each file really is, how long it is, and when it changed.
pub type Seen = BTreeMap<PathBuf, (u64, u64, u64, i64, i64)>;

/// Adds what lies below a folder, and so many folders deep. Looking follows links, and folders that are taken away and made again, as watching cannot.
pub fn walk(folder: &Path, depth: usize, seen: &mut Seen) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if seen.len() >= FILES_MAX {
            return;
        }
        let path = entry.path();
        // Of what a link leads to.
        let Ok(found) = std::fs::metadata(&path) else { continue };
        if found.is_dir() && depth > 0 {
            walk(&path, depth - 1, seen);
        } else {
            seen.insert(path, mark(&found));
        }
    }
}

fn mark(found: &Metadata) -> (u64, u64, u64, i64, i64) {
    (found.dev(), found.ino(), found.len(), found.mtime(), found.mtime_nsec())
}
