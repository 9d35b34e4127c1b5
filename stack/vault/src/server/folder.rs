//! The vault's folder, which is its owner's alone. A file is there as it was or as it will be, whenever the power goes.

use super::private;
use crate::fault::Fault;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A key with all its versions has less than half a MiB.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Where the keys are.
pub const KEYS: &str = "keys";
const LOCK: &str = "lock";
const SERVING: &str = "serving";

#[derive(Debug, Clone)]
pub struct Folder {
    dir: PathBuf,
}

/// While it is held, nobody else changes what is in the folder.
#[derive(Debug)]
pub struct Held {
    _file: File,
}

impl Folder {
    /// Makes the folder if there is none; refuses one that others may look into.
    pub fn open(dir: &Path) -> Result<Folder, Fault> {
        let fault = |source| Fault::File { file: dir.to_owned(), source };
        let dir = std::path::absolute(dir).map_err(fault)?;
        private::create_dir(&dir).map_err(fault)?;
        private::expect_own(&dir)?;
        private::create_dir(&dir.join(KEYS)).map_err(fault)?;
        Ok(Folder { dir })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Waits for its turn.
    pub fn hold(&self) -> io::Result<Held> {
        let file = private::options().open(self.path(LOCK))?;
        file.lock()?;
        Ok(Held { _file: file })
    }

    /// One server a folder.
    pub fn serve(&self) -> Result<Held, Fault> {
        let fault = |source| Fault::File { file: self.path(SERVING), source };
        let file = private::options().open(self.path(SERVING)).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => Ok(Held { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(Fault::Taken(self.dir.clone())),
            Err(fs::TryLockError::Error(error)) => Err(fault(error)),
        }
    }

    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        if file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)? as u64 > FILE_BYTES_MAX {
            return Err(io::Error::new(ErrorKind::FileTooLarge, format!("{name} is larger than any of the vault's")));
        }
        Ok(Some(bytes))
    }

    /// All of it, or nothing; on disk when it returns.
    pub fn write(&self, _held: &Held, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (file, aside) = (self.path(name), self.path(&format!("{name}.new")));
        let mut open = private::options().truncate(true).open(&aside)?;
        open.write_all(bytes)?;
        open.sync_all()?;
        fs::rename(&aside, &file)?;
        sync_parent(&file)
    }

    pub fn remove(&self, _held: &Held, name: &str) -> io::Result<()> {
        let file = self.path(name);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => sync_parent(&file),
        }
    }

    /// At the end of a file, in one write.
    pub fn append(&self, _held: &Held, name: &str, line: &[u8]) -> io::Result<()> {
        private::options().append(true).open(self.path(name))?.write_all(line)
    }

    pub fn bytes(&self, name: &str) -> u64 {
        fs::metadata(self.path(name)).map_or(0, |found| found.len())
    }

    pub fn rename(&self, _held: &Held, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    /// The names in the folder of keys, in order.
    pub fn list_keys(&self) -> io::Result<Vec<String>> {
        let found =
            fs::read_dir(self.path(KEYS))?.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()));
        let mut names = found.collect::<io::Result<Vec<_>>>()?;
        names.retain(|name| name.ends_with(".json"));
        names.sort_unstable();
        Ok(names)
    }
}

fn sync_parent(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), private::sync_dir)
}
