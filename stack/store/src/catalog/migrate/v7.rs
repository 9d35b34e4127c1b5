//! The step from format 7, in which changes were told to nobody.

use crate::catalog::tables::{FEED, FEEDS};
use crate::error::Result;
use redb::WriteTransaction;

pub fn to_8(txn: &WriteTransaction) -> Result<()> {
    txn.open_table(FEED)?;
    txn.open_table(FEEDS)?;
    Ok(())
}
