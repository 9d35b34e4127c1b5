//! A file that is replaced whole: whoever reads it, also after a crash, finds the old text or the new one, and never a torn one.

use crate::system;
use std::io::Write;
use std::path::Path;
use tempfile::NamedTempFile;

/// Written beside, synced, then renamed. Folders are made where they are missing.
pub fn replace(path: &Path, text: impl AsRef<[u8]>) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut beside = NamedTempFile::new_in(folder)?;
    beside.write_all(text.as_ref())?;
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|error| error.error)?;
    // The name, too.
    system::sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/er/note.json");
        replace(&path, "one").expect("written");
        replace(&path, "two").expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "two");
        assert_eq!(std::fs::read_dir(path.parent().expect("a folder")).expect("there").count(), 1);
    }
}
