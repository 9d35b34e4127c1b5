//! The step from format 8, in which nothing was mirrored. Rows of blobs keep their bytes: `At` has those of the option that it took the place of.

use crate::catalog::tables::{MIRRORED, MIRRORS};
use crate::error::Result;
use redb::WriteTransaction;

pub fn to_9(txn: &WriteTransaction) -> Result<()> {
    txn.open_table(MIRRORS)?;
    txn.open_table(MIRRORED)?;
    Ok(())
}
