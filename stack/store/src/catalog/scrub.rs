//! Overwrites what the catalog's file holds and does not use: what was written anew lies there as it was until its pages are needed.

use super::file::Catalog;
use super::tables::Bytes;
use crate::error::Result;
use redb::{ReadableDatabase as _, TableDefinition, TableError};

/// Takes up all that is free, and goes. While it is there something has to be overwritten yet.
const FILLER: TableDefinition<u64, Bytes> = TableDefinition::new("filler");
/// A row that shares its page with no other one.
const ROW: [u8; 3_000] = [0; 3_000];
/// Rows of one transaction: what is held in memory of them.
const ROWS_AT_ONCE: u64 = 2_000;
/// What a transaction frees can be used again after so many more.
const COMMITS: usize = 3;

impl Catalog {
    /// Has all overwritten that is free by the next `scrub`, which may come after a crash.
    pub fn want_scrub(&self) -> Result<()> {
        let txn = self.begin_write()?;
        txn.open_table(FILLER)?;
        Ok(txn.commit()?)
    }

    pub fn wants_scrub(&self) -> Result<bool> {
        match self.engine().database()?.begin_read()?.open_table(FILLER) {
            Ok(_) => Ok(true),
            Err(TableError::TableDoesNotExist(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Overwrites what is free now. Where that fails it is wanted still.
    pub fn scrub(&self) -> Result<()> {
        let filled = self.fill();
        let txn = self.begin_write()?;
        txn.delete_table(FILLER)?;
        if filled.is_err() {
            txn.open_table(FILLER)?;
        }
        txn.commit()?;
        filled
    }

    /// The engine takes what is free before it makes its file longer.
    fn fill(&self) -> Result<()> {
        for _ in 0..COMMITS {
            self.want_scrub()?;
        }
        let length = self.engine().length()?;
        let mut rows = 0;
        while self.engine().length()? == length {
            let txn = self.begin_write()?;
            let mut filler = txn.open_table(FILLER)?;
            for row in rows..rows + ROWS_AT_ONCE {
                filler.insert(row, ROW.as_slice())?;
            }
            rows += ROWS_AT_ONCE;
            drop(filler);
            txn.commit()?;
        }
        Ok(())
    }
}
