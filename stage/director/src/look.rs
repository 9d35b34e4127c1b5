//! Looks at files for edits: what lies in folders, and whether it has stood still since it changed. Looking follows links, and folders that are taken
//! away and made again, as watching cannot.

use crate::system;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often files are looked at.
pub const LOOK_EVERY: Duration = Duration::from_millis(200);
/// An editor writes a file in several strokes: it is read once two looks have found the same.
pub const LOOKS_SAME: usize = 2;
/// Of one look. What lies beyond is not followed, and whoever edits is told.
pub const FILES_MAX: usize = 4_000;
const DEPTH_MAX: usize = 6;

/// What a look finds.
pub type Seen = BTreeMap<PathBuf, system::Mark>;

/// The files in these folders.
pub fn look(folders: &[PathBuf]) -> Seen {
    let mut seen = Seen::new();
    for folder in folders {
        walk(folder, DEPTH_MAX, &mut seen);
    }
    seen
}

/// Looks one after the other. Pure: whoever looks hands in what was seen.
#[derive(Debug)]
pub struct Looks {
    known: Seen,
    /// What stands there now, where it is something else, and for how many looks.
    pending: Option<(Seen, usize)>,
}

impl Looks {
    pub fn new(known: Seen) -> Looks {
        Looks { known, pending: None }
    }

    /// Whether there may be more files than are looked at.
    pub fn is_full(&self) -> bool {
        self.known.len() >= FILES_MAX
    }

    /// Takes a look. Where files are not as they are known: for how many looks they have stood as they do now.
    pub fn take(&mut self, now: Seen) -> Option<usize> {
        self.pending = match self.pending.take() {
            _ if now == self.known => None,
            Some((before, looks)) if before == now => Some((now, looks + 1)),
            Some(_) | None => Some((now, 1)),
        };
        self.pending.as_ref().map(|(_, looks)| *looks)
    }

    /// As they stand now is how they are known from now on.
    pub fn settle(&mut self) {
        if let Some((now, _)) = self.pending.take() {
            self.known = now;
        }
    }
}

fn walk(folder: &Path, depth: usize, seen: &mut Seen) {
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
            seen.insert(path, system::mark(&found));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(bytes: u64) -> Seen {
        [(PathBuf::from("slides/a/deck.md"), (1, 1, bytes, 0, 0))].into()
    }

    #[test]
    fn a_change_counts_from_the_look_that_finds_it_until_it_is_settled() {
        let mut looks = Looks::new(seen(1));
        assert_eq!(looks.take(seen(1)), None);
        assert_eq!(looks.take(seen(2)), Some(1));
        assert_eq!(looks.take(seen(3)), Some(1), "it is written still");
        assert_eq!(looks.take(seen(3)), Some(2));
        assert_eq!(looks.take(seen(3)), Some(3));
        looks.settle();
        assert_eq!(looks.take(seen(3)), None);
        assert_eq!(looks.take(Seen::new()), Some(1), "a file that is gone is a change");
        assert_eq!(looks.take(seen(3)), None, "and none once it is back");
    }

    #[test]
    fn a_look_finds_files_of_folders_within_and_what_is_new_in_them() {
        let root = tempfile::tempdir().expect("a folder");
        let folders = [root.path().join("slides"), root.path().join("demos")];
        assert_eq!(look(&folders), Seen::new(), "folders that are not there hold nothing");
        std::fs::create_dir_all(root.path().join("slides/a/pictures")).expect("a folder");
        std::fs::write(root.path().join("slides/a/pictures/b.svg"), "<svg/>").expect("written");
        let before = look(&folders);
        assert_eq!(before.len(), 1);
        std::fs::write(root.path().join("slides/a/pictures/b.svg"), "<svg></svg>").expect("written");
        assert_ne!(look(&folders), before);
    }
}
