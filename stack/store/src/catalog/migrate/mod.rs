//! From one format of the catalog to the next: a step each, in a transaction of its own. Beside the steps lie the rows of older formats
//! that have changed since. See `docs/design/from-one-format-to-the-next.md`.

#[cfg(test)]
mod frozen;
mod v10;
mod v11;
mod v5;
mod v6;
mod v7;
mod v8;
mod v9;

use super::tables::{HEAD, HEAD_KEY};
use crate::disk::{Disk, Mode};
use crate::error::Result;
use crate::rows::{corrupt, with_first};
use redb::{ReadableTable as _, WriteTransaction};
use std::path::{Path, PathBuf};

/// The first that a step leads from. Those before it were never given to anybody.
pub const OLDEST: u32 = 5;
/// In order; a new format is one more.
const STEPS: [fn(&WriteTransaction) -> Result<()>; 7] =
    [v5::to_6, v6::to_7, v7::to_8, v8::to_9, v9::to_10, v10::to_11, v11::to_12];
/// Of the data folder as a whole: tables, rows, extents.
pub const FORMAT: u32 = OLDEST + STEPS.len() as u32;
/// In a way back that is being gone: there is no other way from here.
pub const GOING: &str = "going-back";

/// Where a data folder keeps the way back from a format to the one before.
pub fn way_back(dir: &Path, from: u32) -> PathBuf {
    dir.join(format!("before-format-{from}"))
}

/// Whether a folder of today's format is on its way back.
pub fn is_going_back(disk: &dyn Disk, dir: &Path) -> bool {
    disk.open(&way_back(dir, FORMAT).join(GOING), Mode::Read).is_ok()
}

/// From a format to the next.
pub fn step(txn: &WriteTransaction, from: u32) -> Result<()> {
    STEPS[(from - OLDEST) as usize](txn)?;
    let mut head = txn.open_table(HEAD)?;
    let row = head.get(HEAD_KEY)?.ok_or_else(|| corrupt("there is no head"))?.value().to_vec();
    head.insert(HEAD_KEY, with_first(&row, &(from + 1))?.as_slice())?;
    Ok(())
}
