//! The engine's file, open. After any failure of the disk the engine refuses all further work, reads as well: the file is then opened
//! anew, which is what a restart would do, and whatever the old handle still holds can neither read nor write any more.

use crate::config::{Config, Durability};
use crate::disk::{Disk, DiskFile, Mode};
use crate::error::{Result, StoreError};
use redb::{Builder, CompactionError, Database, DatabaseError, StorageBackend};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Debug)]
pub struct Engine {
    disk: Arc<dyn Disk>,
    file: PathBuf,
    config: Config,
    handle: RwLock<Handle>,
}

#[derive(Debug)]
struct Handle {
    database: Arc<Database>,
    failed: Arc<AtomicBool>,
}

impl Engine {
    /// Opens the file, or makes it where it is empty.
    pub fn open(disk: Arc<dyn Disk>, file: &Path, config: &Config) -> Result<Self> {
        let handle = RwLock::new(Handle::open(&*disk, file, config)?);
        Ok(Self { disk, file: file.to_owned(), config: config.clone(), handle })
    }

    /// The database; opened anew, in the caller's time, if the disk has failed since the last look. Err: what the disk says now.
    pub fn database(&self) -> Result<Arc<Database>> {
        let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
        if !handle.failed.load(SeqCst) {
            return Ok(handle.database.clone());
        }
        drop(handle);
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have been here first.
        if handle.failed.load(SeqCst) {
            *handle = Handle::open(&*self.disk, &self.file, &self.config)?;
            tracing::warn!(file = %self.file.display(), "the disk failed, and the catalog was opened anew");
        }
        Ok(handle.database.clone())
    }
}

impl Engine {
    /// Of the file.
    pub fn length(&self) -> Result<u64> {
        let length = self.disk.open(&self.file, Mode::Read).and_then(|file| file.length());
        length.map_err(|error| StoreError::io("look at", &self.file, error))
    }

    /// Gives back what the file holds and does not use. Whether that was possible: not while somebody reads. To be called by who writes.
    pub fn shrink(&self) -> Result<bool> {
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        let Handle { database, failed } = &mut *handle;
        let Some(database) = Arc::get_mut(database).filter(|_| !failed.load(SeqCst)) else { return Ok(false) };
        match database.compact() {
            Ok(_) => Ok(true),
            Err(CompactionError::Storage(error)) => Err(redb::Error::from(error).into()),
            Err(_) => Ok(false),
        }
    }
}

/// Whether every page is what was written, and all books of pages are right: a name has no checksum but that of its page. Reads all of the
/// file, and writes to it. Err: `Corrupt` where it is not.
pub fn check_pages(disk: &dyn Disk, file: &Path, config: &Config) -> Result<()> {
    // First with a check before anything is trusted; then as a server opens it.
    let checked = open(disk, file, config, Builder::new().set_check_integrity_on_open(true))?.0;
    checked.close().map_err(|error| refused(file, error))?;
    let mut plain = open(disk, file, config, &mut Builder::new())?.0;
    match plain.check_integrity().map_err(|error| refused(file, error))? {
        true => Ok(()),
        false => {
            let what = "its books of pages, or their counts, are not right".to_owned();
            Err(StoreError::Corrupt { file: file.to_owned(), offset: 0, what })
        }
    }
}

fn open(disk: &dyn Disk, file: &Path, config: &Config, builder: &mut Builder) -> Result<(Database, Arc<AtomicBool>)> {
    let opened = disk.open(file, Mode::Write).map_err(|error| StoreError::io("open", file, error))?;
    let failed = Arc::new(AtomicBool::new(false));
    let backend = Backend { file: opened, durability: config.durability, failed: failed.clone() };
    let database = builder.set_cache_size(config.catalog_cache_bytes).create_with_backend(backend);
    Ok((database.map_err(|error| refused(file, error))?, failed))
}

impl Handle {
    fn open(disk: &dyn Disk, file: &Path, config: &Config) -> Result<Self> {
        let (database, failed) = open(disk, file, config, &mut Builder::new())?;
        Ok(Self { database: Arc::new(database), failed })
    }
}

fn refused(file: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => {
            let dir = file.ancestors().nth(2).unwrap_or(file);
            StoreError::Locked { dir: dir.to_owned(), pid: None }
        }
        DatabaseError::Storage(redb::StorageError::Corrupted(what)) => {
            StoreError::Corrupt { file: file.to_owned(), offset: 0, what }
        }
        DatabaseError::Storage(redb::StorageError::Io(error)) => match error.kind() {
            // How redb says that a file does not begin as one of its own.
            io::ErrorKind::InvalidData => {
                StoreError::Corrupt { file: file.to_owned(), offset: 0, what: error.to_string() }
            }
            _ => StoreError::io("open", file, error),
        },
        other => redb::Error::from(other).into(),
    }
}

/// Has no lock of its own: the data folder's stands for it.
#[derive(Debug)]
struct Backend {
    file: Box<dyn DiskFile>,
    durability: Durability,
    /// Set once, by the first act that fails: from then on the file may be another handle's.
    failed: Arc<AtomicBool>,
}

impl Backend {
    fn act<T>(&self, act: impl FnOnce(&dyn DiskFile) -> io::Result<T>) -> io::Result<T> {
        self.sound()?;
        let done = act(&*self.file);
        if done.is_err() {
            self.failed.store(true, SeqCst);
        }
        done
    }

    fn sound(&self) -> io::Result<()> {
        match self.failed.load(SeqCst) {
            true => Err(io::Error::other("the disk failed before, and this handle was given up")),
            false => Ok(()),
        }
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, io::Error> {
        self.act(|file| file.length())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.act(|file| file.read_at(offset, out))?;
        // Another handle may have been opened meanwhile, and may have written where this one read.
        self.sound()
    }

    fn set_len(&self, length: u64) -> Result<(), io::Error> {
        self.act(|file| file.set_length(length))
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.act(|file| match self.durability {
            Durability::Disk => file.sync(),
            Durability::Os => Ok(()),
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.act(|file| file.write_at(offset, data))
    }
}
