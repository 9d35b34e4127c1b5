use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tempfile::{NamedTempFile, TempDir};

/// The variable that names a user's folder.
pub const USER_HOME: &str = "HOME";
/// Variables that a program needs to run at all, whatever else it is not to know.
pub const HANDED_ON: [&str; 0] = [];

/// Where a file really is, how long it is, and when it changed.
pub type Mark = (u64, u64, u64, i64, i64);

pub fn mark(found: &Metadata) -> Mark {
    (found.dev(), found.ino(), found.len(), found.mtime(), found.mtime_nsec())
}

/// A temporary file is its maker's alone, unless it is to become a file as any other.
pub fn file_as_any(prefix: &str, folder: &Path) -> io::Result<NamedTempFile> {
    let as_any = Permissions::from_mode(0o666);
    tempfile::Builder::new().prefix(prefix).permissions(as_any).tempfile_in(folder)
}

/// The same of a folder.
pub fn folder_as_any(prefix: &str, folder: &Path) -> io::Result<TempDir> {
    let as_any = Permissions::from_mode(0o777);
    tempfile::Builder::new().prefix(prefix).permissions(as_any).tempdir_in(folder)
}

/// The names in it, too, outlast a power cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all())
}

pub fn is_writable(folder: &Path) -> bool {
    folder.is_dir() && nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).is_ok()
}

/// Bytes that this user may still write there.
pub fn disk_free(folder: &Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(folder).ok()?;
    Some(stat.blocks_available() as u64 * stat.fragment_size() as u64)
}
