//! The step from format 9, in which nothing was sealed. Rows and extents keep their bytes: what they hold is plain.

use crate::catalog::tables::KEYS;
use crate::error::Result;
use redb::WriteTransaction;

pub fn to_10(txn: &WriteTransaction) -> Result<()> {
    txn.open_table(KEYS)?;
    Ok(())
}
