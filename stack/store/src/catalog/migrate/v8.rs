//! The step from format 8, in which nothing was mirrored. Rows of blobs keep their bytes: `At` has those of the option that it took the place of.
//! Rows of what is held grow at their ends by what is mirrored: blobs and bytes.

use crate::catalog::tables::{HELD, MIRRORED, MIRRORS, USAGE};
use crate::error::Result;
use crate::rows::with_last;
use redb::{ReadableTable as _, WriteTransaction};

/// Blobs, bytes.
const NOTHING: (u64, u64) = (0, 0);

pub fn to_9(txn: &WriteTransaction) -> Result<()> {
    txn.open_table(MIRRORS)?;
    txn.open_table(MIRRORED)?;
    let mut held = txn.open_table(HELD)?;
    let ids: Result<Vec<u64>> = held.iter()?.map(|item| Ok(item?.0.value())).collect();
    for id in ids? {
        let Some(row) = held.get(id)?.map(|row| row.value().to_vec()) else { continue };
        held.insert(id, with_last(&row, &NOTHING)?.as_slice())?;
    }
    let mut usage = txn.open_table(USAGE)?;
    let names: Result<Vec<String>> = usage.iter()?.map(|item| Ok(item?.0.value().to_owned())).collect();
    for name in names? {
        let Some(row) = usage.get(name.as_str())?.map(|row| row.value().to_vec()) else { continue };
        usage.insert(name.as_str(), with_last(&row, &NOTHING)?.as_slice())?;
    }
    Ok(())
}
