use std::fs::Metadata;
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::Path;
use tempfile::{NamedTempFile, TempDir};

pub const USER_HOME: &str = "USERPROFILE";
/// Without the first, no program reaches a network.
pub const HANDED_ON: [&str; 5] = ["SystemRoot", "ComSpec", "PATHEXT", "TEMP", "TMP"];

/// When a file was made, how long it is, and when it changed. Which file it is takes opening it.
pub type Mark = (u64, u64, u64);

pub fn mark(found: &Metadata) -> Mark {
    (found.creation_time(), found.file_size(), found.last_write_time())
}

/// Its rights are those of its folder.
pub fn file_as_any(prefix: &str, folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(prefix).tempfile_in(folder)
}

pub fn folder_as_any(prefix: &str, folder: &Path) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(prefix).tempdir_in(folder)
}

/// There is no such call, and no need of it.
pub fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Rights are a list there, which is best asked by a file that is gone at once.
pub fn is_writable(folder: &Path) -> bool {
    folder.is_dir() && tempfile::tempfile_in(folder).is_ok()
}

pub fn disk_free(folder: &Path) -> Option<u64> {
    fs4::available_space(folder).ok()
}
