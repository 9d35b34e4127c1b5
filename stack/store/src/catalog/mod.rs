//! The catalog: names, properties and where content lies. An ordered key-value engine with transactions, of which nothing outside this
//! folder knows more than `Txn` (one writer, see `writer`) and `Snapshot` (any number of readers).

pub mod books;
pub mod listing;
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
use crate::error::{Result, StoreError};
use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, WriteTransaction};
use row::{
    ACCOUNTS, BLOBS, BLOCKS, CONTAINERS, EXTENTS, FORMAT, GARBAGE, HEAD, HEAD_KEY, HeadRow, PIECES, SNAPSHOTS, STAGED,
    STAGINGS, TENANTS, USAGE,
};
use std::fs::{File, OpenOptions};
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
    pub fn open(file: &Path, config: &Config, now: Timestamp) -> Result<Self> {
        let folder = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| StoreError::io("create", folder, error))?;
        let backend = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(file);
        let backend = backend.map_err(|error| StoreError::io("open", file, error))?;
        crate::extent::sync_dir(folder).map_err(|error| StoreError::io("sync", folder, error))?;
        let database = open_database(backend, config);
        let database = database.map_err(|error| refused(file, error))?;
        let catalog = Self { database: Arc::new(database) };
        catalog.prepare(file, now)?;
        Ok(catalog)
    }

    pub fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot::new(self.database.begin_read()?))
    }

    fn begin_write(&self) -> Result<WriteTransaction> {
        let mut txn = self.database.begin_write()?;
        // Names come from outside: see redb's note on what a checksum alone cannot rule out. The allocator's state, written along,
        // spares a crashed store the walk through all of its catalog.
        txn.set_two_phase_commit(true);
        txn.set_quick_repair(true);
        Ok(txn)
    }

    /// Makes all tables, so that no reader finds one missing.
    fn prepare(&self, file: &Path, now: Timestamp) -> Result<()> {
        let txn = self.begin_write()?;
        let mut head = txn.open_table(HEAD)?;
        let known = head.get(HEAD_KEY)?.map(|row| row::decode::<HeadRow>(row.value())).transpose()?;
        match known.map(|head| head.format) {
            Some(FORMAT) => return Ok(()),
            Some(found) => {
                let dir = file.ancestors().nth(2).unwrap_or(file).to_owned();
                return Err(StoreError::FormatUnknown { dir, found, known: FORMAT });
            }
            None => {}
        }
        let new = HeadRow { format: FORMAT, volume: now.0.unsigned_abs(), etag: 0, id: 0 };
        head.insert(HEAD_KEY, row::encode(&new).as_slice())?;
        drop(head);
        for table in [TENANTS, ACCOUNTS, USAGE] {
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

fn open_database(file: File, config: &Config) -> Result<Database, DatabaseError> {
    let backend = FileBackend::new(file)?;
    let mut builder = Builder::new();
    builder.set_cache_size(config.catalog_cache_bytes);
    match config.durability {
        Durability::Disk => builder.create_with_backend(backend),
        Durability::Os => builder.create_with_backend(Unsynced(backend)),
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
            std::io::ErrorKind::InvalidData => {
                StoreError::Corrupt { file: file.to_owned(), offset: 0, what: error.to_string() }
            }
            _ => StoreError::io("open", file, error),
        },
        other => redb::Error::from(other).into(),
    }
}

/// Leaves syncing to the operating system. Has no locks of its own: the data folder's lock stands for them.
#[derive(Debug)]
struct Unsynced(FileBackend);

impl StorageBackend for Unsynced {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, length: u64) -> Result<(), std::io::Error> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.0.write(offset, data)
    }

    fn close(&self) -> Result<(), std::io::Error> {
        self.0.close()
    }
}
