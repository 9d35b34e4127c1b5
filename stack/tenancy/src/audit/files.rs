//! The files of the log: the one that grows, and beside it those that are full, named by the first entry that each holds.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The folder that the log is in, and what its files are called.
#[derive(Debug, Clone)]
pub struct Files {
    /// The one that grows.
    pub newest: PathBuf,
}

impl Files {
    pub fn of(newest: &Path) -> Self {
        Self { newest: newest.to_owned() }
    }

    /// Those that are full, oldest first: the number of the first entry of each, and where it is.
    pub fn full(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let folder = match self.folder().read_dir() {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut full = Vec::new();
        for entry in folder {
            let path = entry?.path();
            full.extend(self.first(&path).map(|first| (first, path)));
        }
        full.sort_unstable();
        Ok(full)
    }

    /// All of them, in the order of their entries.
    pub fn all(&self) -> io::Result<Vec<PathBuf>> {
        let full = self.full()?.into_iter().map(|(_, path)| path);
        Ok(full.chain([self.newest.clone()]).collect())
    }

    /// Those that may hold an entry of this number, or later ones.
    pub fn from(&self, seq: u64) -> io::Result<Vec<PathBuf>> {
        let full = self.full()?;
        let before = full.iter().skip(1).filter(|(first, _)| *first <= seq).count();
        Ok(full.into_iter().map(|(_, path)| path).skip(before).chain([self.newest.clone()]).collect())
    }

    /// Looks at files until none was laid aside meanwhile: the names of all would be those of other ones.
    pub fn unmoved<T>(&self, mut look: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            let before = self.full()?;
            let found = look()?;
            if self.full()? == before {
                return Ok(found);
            }
        }
    }

    /// Lays the one that grows aside. Where the power goes within, it is there under either name.
    pub fn lay_aside(&self, first: u64) -> io::Result<()> {
        std::fs::rename(&self.newest, self.folder().join(format!("{}.{first:020}.{}", self.stem(), self.extension())))?;
        self.sync()
    }

    /// Makes what happened to names last.
    pub fn sync(&self) -> io::Result<()> {
        // Elsewhere a folder cannot be opened, and its names are durable with the files.
        if cfg!(unix) { File::open(self.folder())?.sync_all() } else { Ok(()) }
    }

    fn first(&self, path: &Path) -> Option<u64> {
        let name = path.file_name()?.to_str()?;
        let number =
            name.strip_prefix(self.stem())?.strip_prefix('.')?.strip_suffix(self.extension())?.strip_suffix('.')?;
        (number.len() == 20).then(|| number.parse().ok()).flatten()
    }

    fn folder(&self) -> &Path {
        self.newest.parent().unwrap_or(Path::new("."))
    }

    fn stem(&self) -> &str {
        self.newest.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
    }

    fn extension(&self) -> &str {
        self.newest.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
    }
}
