//! The catalog: names, properties and where content lies. An ordered key-value engine with transactions, of which nothing outside this
//! folder knows more than `Txn` (one writer, see `writer`) and `Snapshot` (any number of readers).

pub mod books;
pub mod holders;
pub mod listing;
pub mod pages;
pub mod row;
mod snapshot;
mod sweep;
mod txn;
mod writer;

pub use snapshot::Snapshot;
pub use txn::Txn;
pub use writer::Writer;

use crate::clock::Timestamp;
use crate::config::{Config, Durability};
use crate::disk::{Disk, DiskFile, Mode};
use crate::error::{Result, StoreError};
use redb::{Builder, Database, DatabaseError, ReadableDatabase, StorageBackend, WriteTransaction};
use row::{
    ACCOUNTS, BLOBS, BLOCKS, CONTAINERS, EXTENTS, FORMAT, GARBAGE, HEAD, HEAD_KEY, HeadRow, PIECES, SERVICES,
    SNAPSHOTS, STAGED, STAGINGS, TENANTS, USAGE,
};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// The catalog's file, below the data folder.
pub const FILE: &str = "catalog/catalog.redb";

#[derive(Debug, Clone)]
pub struct Catalog {
    database: Arc<Database>,
}

impl Catalog {
    /// Opens the catalog, or makes one; its moment of birth is what tells it from others.
    pub fn open(disk: &dyn Disk, file: &Path, config: &Config, now: Timestamp) -> Result<Self> {
        let folder = file.parent().unwrap_or(Path::new("."));
        disk.create_dir(folder).map_err(|error| StoreError::io("create", folder, error))?;
        match disk.open(file, Mode::Read) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => Self::make(disk, file, config, now)?,
            Err(error) => return Err(StoreError::io("open", file, error)),
        }
        disk.sync_dir(folder).map_err(|error| StoreError::io("sync", folder, error))?;
        let catalog = Self::open_file(disk, file, Mode::Write, config)?;
        catalog.check_format(file)?;
        Ok(catalog)
    }

    /// Under another name until it is whole: a crash leaves a catalog or none, never half of one.
    fn make(disk: &dyn Disk, file: &Path, config: &Config, now: Timestamp) -> Result<()> {
        let new = file.with_extension("new");
        let empty = disk.open(&new, Mode::WriteOrCreate).and_then(|file| file.set_length(0));
        empty.map_err(|error| StoreError::io("create", &new, error))?;
        Self::open_file(disk, &new, Mode::Write, config)?.prepare(now)?;
        disk.rename(&new, file).map_err(|error| StoreError::io("create", file, error))
    }

    fn open_file(disk: &dyn Disk, file: &Path, mode: Mode, config: &Config) -> Result<Self> {
        let backend = disk.open(file, mode).map_err(|error| StoreError::io("open", file, error))?;
        let backend = Backend { file: backend, durability: config.durability };
        let database = Builder::new().set_cache_size(config.catalog_cache_bytes).create_with_backend(backend);
        Ok(Self { database: Arc::new(database.map_err(|error| refused(file, error))?) })
    }

    pub fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot::new(self.database.begin_read()?))
    }

    pub(crate) fn begin_write(&self) -> Result<WriteTransaction> {
        let mut txn = self.database.begin_write()?;
        // Names come from outside: see redb's note on what a checksum alone cannot rule out. The allocator's state, written along,
        // spares a crashed store the walk through all of its catalog.
        txn.set_two_phase_commit(true);
        txn.set_quick_repair(true);
        Ok(txn)
    }

    fn check_format(&self, file: &Path) -> Result<()> {
        let head = self.snapshot()?.txn.open_table(HEAD)?;
        let row = head.get(HEAD_KEY)?.ok_or_else(|| row::corrupt("there is no head"))?;
        let found = row::decode::<HeadRow>(row.value())?.format;
        if found != FORMAT {
            let dir = file.ancestors().nth(2).unwrap_or(file).to_owned();
            return Err(StoreError::FormatUnknown { dir, found, known: FORMAT });
        }
        Ok(())
    }

    /// Makes all tables, so that no reader finds one missing.
    fn prepare(&self, now: Timestamp) -> Result<()> {
        let txn = self.begin_write()?;
        let mut head = txn.open_table(HEAD)?;
        let new = HeadRow { format: FORMAT, volume: now.0.unsigned_abs(), etag: 0, id: 0 };
        head.insert(HEAD_KEY, row::encode(&new).as_slice())?;
        drop(head);
        for table in [TENANTS, ACCOUNTS, SERVICES, USAGE] {
            txn.open_table(table)?;
        }
        for table in [CONTAINERS, BLOBS, STAGINGS] {
            txn.open_table(table)?;
        }
        for table in [PIECES, BLOCKS] {
            txn.open_table(table)?;
        }
        txn.open_table(SNAPSHOTS)?;
        txn.open_table(GARBAGE)?;
        txn.open_table(STAGED)?;
        txn.open_table(EXTENTS)?;
        txn.commit()?;
        Ok(())
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
            ErrorKind::InvalidData => StoreError::Corrupt { file: file.to_owned(), offset: 0, what: error.to_string() },
            _ => StoreError::io("open", file, error),
        },
        other => redb::Error::from(other).into(),
    }
}

/// The engine's file. Has no lock of its own: the data folder's stands for it.
#[derive(Debug)]
struct Backend {
    file: Box<dyn DiskFile>,
    durability: Durability,
}

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.file.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.file.read_at(offset, out)
    }

    fn set_len(&self, length: u64) -> Result<(), std::io::Error> {
        self.file.set_length(length)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        match self.durability {
            Durability::Disk => self.file.sync(),
            Durability::Os => Ok(()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.file.write_at(offset, data)
    }
}
