//! The catalog's file: made, opened, and brought to today's format.

use super::engine::Engine;
use super::migrate::{self, FORMAT, OLDEST, is_going_back, way_back};
use super::snapshot::Snapshot;
use super::tables::*;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::disk::{Disk, Mode};
use crate::error::{Result, StoreError};
use crate::overlay::Overlay;
use crate::rows::{FILE, HeadRow, corrupt, decode_first, encode};
use redb::{ReadableDatabase, WriteTransaction};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct Catalog {
    engine: Arc<Engine>,
}

impl Catalog {
    /// Opens the catalog, or makes one; its moment of birth is what tells it from others.
    pub fn open(disk: Arc<dyn Disk>, file: &Path, config: &Config, now: Timestamp) -> Result<Self> {
        let folder = file.parent().unwrap_or(Path::new("."));
        disk.create_dir(folder).map_err(|error| StoreError::io("create", folder, error))?;
        match disk.open(file, Mode::Read) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => Self::make(&disk, file, config, now)?,
            Err(error) => return Err(StoreError::io("open", file, error)),
        }
        disk.sync_dir(folder).map_err(|error| StoreError::io("sync", folder, error))?;
        let looked = disk.clone();
        let catalog = Self::open_any(disk, file, config)?;
        let (dir, found) = (file.ancestors().nth(2).unwrap_or(file).to_owned(), catalog.format()?);
        match found {
            FORMAT if is_going_back(&*looked, &dir) => {
                let to = Self::format_of(looked, &way_back(&dir, FORMAT).join(FILE), config)?;
                Err(StoreError::GoingBack { dir, to })
            }
            FORMAT => Ok(catalog),
            OLDEST..FORMAT => Err(StoreError::FormatOld { dir, found, known: FORMAT }),
            _ => Err(StoreError::FormatUnknown { dir, found, known: FORMAT }),
        }
    }

    /// Of whatever format it is.
    pub fn open_any(disk: Arc<dyn Disk>, file: &Path, config: &Config) -> Result<Self> {
        Ok(Self { engine: Arc::new(Engine::open(disk, file, config)?) })
    }

    /// Of a file that is looked at, and not changed.
    pub fn format_of(disk: Arc<dyn Disk>, file: &Path, config: &Config) -> Result<u32> {
        Self::open_any(Arc::new(Overlay(disk)), file, config)?.format()
    }

    /// Under another name until it is whole: a crash leaves a catalog or none, never half of one.
    fn make(disk: &Arc<dyn Disk>, file: &Path, config: &Config, now: Timestamp) -> Result<()> {
        let new = file.with_extension("new");
        let empty = disk.open(&new, Mode::WriteOrCreate).and_then(|file| file.set_length(0));
        empty.map_err(|error| StoreError::io("create", &new, error))?;
        Self { engine: Arc::new(Engine::open(disk.clone(), &new, config)?) }.prepare(now)?;
        disk.rename(&new, file).map_err(|error| StoreError::io("create", file, error))
    }

    pub fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot::new(self.engine.database()?.begin_read()?))
    }

    /// Format, volume, and the last ETag given out: what the head begins with in every format.
    pub fn beginnings(&self) -> Result<(u32, u64, u64)> {
        let head = self.snapshot()?.txn.open_table(HEAD)?;
        let row = head.get(HEAD_KEY)?.ok_or_else(|| corrupt("there is no head"))?;
        decode_first(row.value())
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// See `Engine::shrink`.
    pub fn shrink(&self) -> Result<bool> {
        self.engine.shrink()
    }

    pub fn format(&self) -> Result<u32> {
        Ok(self.beginnings()?.0)
    }

    /// Goes all steps that are left to today's format.
    pub fn bring_up(&self) -> Result<()> {
        for from in self.format()?..FORMAT {
            let txn = self.begin_write()?;
            migrate::step(&txn, from)?;
            txn.commit()?;
        }
        Ok(())
    }

    pub(crate) fn begin_write(&self) -> Result<WriteTransaction> {
        let mut txn = self.engine.database()?.begin_write()?;
        // Names come from outside: see redb's note on what a checksum alone cannot rule out. The allocator's state, written along,
        // spares a crashed store the walk through all of its catalog.
        txn.set_two_phase_commit(true);
        txn.set_quick_repair(true);
        Ok(txn)
    }

    /// Makes all tables, so that no reader finds one missing.
    fn prepare(&self, now: Timestamp) -> Result<()> {
        let txn = self.begin_write()?;
        let mut head = txn.open_table(HEAD)?;
        let volume = now.0.unsigned_abs();
        let new = HeadRow { format: FORMAT, volume, etag: 0, id: 0, cloud: None };
        head.insert(HEAD_KEY, encode(&new).as_slice())?;
        drop(head);
        for table in [TENANTS, ACCOUNTS, SERVICES, USAGE, FEEDS] {
            txn.open_table(table)?;
        }
        for table in [CONTAINERS, BLOBS, STAGINGS, RELEASES] {
            txn.open_table(table)?;
        }
        for table in [PIECES, BLOCKS] {
            txn.open_table(table)?;
        }
        txn.open_table(SNAPSHOTS)?;
        txn.open_table(GARBAGE)?;
        txn.open_table(HELD)?;
        txn.open_table(FEED)?;
        txn.open_table(MIRRORS)?;
        txn.open_table(MIRRORED)?;
        txn.open_table(KEYS)?;
        txn.open_table(STAGED)?;
        txn.open_table(EXTENTS)?;
        txn.commit()?;
        Ok(())
    }
}
