//! Files and folders that only their owner may read: a data folder holds keys, and what clients have stored.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// As `OpenOptions::new`; what they make, others may neither read nor write.
#[cfg(unix)]
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Of Windows, where the folder above says who may.
#[cfg(not(unix))]
pub fn options() -> OpenOptions {
    OpenOptions::new()
}

/// Makes a folder, and those above it, where they are not there.
pub fn create_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(dir)
}

/// Whether nobody but its owner may do anything with it. Windows asks the folder above.
#[cfg(unix)]
pub fn is_private(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
pub fn is_private(_path: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Takes from others whatever they may do with it.
#[cfg(unix)]
pub fn narrow(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700)) }
}

#[cfg(not(unix))]
pub fn narrow(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Replaces a file, or makes it: whenever a crash comes, it is the old one or the new one, whole. Who could read the old one cannot read
/// the new one for that.
pub fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = file.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let beside = file.with_file_name(name);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut new = options().write(true).create_new(true).open(&beside)?;
    new.write_all(content)?;
    new.sync_all()?;
    fs::rename(&beside, file)?;
    // Windows has no such call, and no need of it.
    if cfg!(unix) { File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all() } else { Ok(()) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_made_is_its_owners_and_what_is_replaced_becomes_so() {
        let above = tempfile::tempdir().expect("a folder");
        let dir = above.path().join("a/b");
        create_dir(&dir).expect("made");
        let file = dir.join("secret");
        fs::write(&file, "old").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
        assert!(is_private(&dir).expect("asked") && !is_private(&file).expect("asked"));
        // What a crash left beside it is in nobody's way.
        fs::write(dir.join("secret.new"), "half").expect("written");
        replace(&file, b"new").expect("replaced");
        assert!(is_private(&file).expect("asked"));
        assert_eq!(fs::read_to_string(&file).expect("read"), "new");
        assert_eq!(fs::read_dir(&dir).expect("a list").count(), 1);

        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("set");
        narrow(&dir).expect("narrowed");
        assert_eq!(fs::metadata(&dir).expect("asked").permissions().mode() & 0o777, 0o700);
    }
}
