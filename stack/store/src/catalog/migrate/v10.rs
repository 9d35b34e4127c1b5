//! The step from format 10: data keys have an id, which they keep wherever they go.

use crate::catalog::tables::KEYS;
use crate::error::Result;
use crate::rows::with_last;
use redb::{ReadableTable as _, WriteTransaction};
use ring::digest::{SHA256, digest};

pub fn to_11(txn: &WriteTransaction) -> Result<()> {
    keys(txn)
}

/// Those of before have never left their folder: what they are called from now on is made of what they are.
fn keys(txn: &WriteTransaction) -> Result<()> {
    let mut keys = txn.open_table(KEYS)?;
    let mut rows = Vec::new();
    for item in keys.iter()? {
        let (number, row) = item?;
        rows.push((number.value(), row.value().to_vec()));
    }
    for (number, row) in rows {
        let digest = digest(&SHA256, &[&number.to_le_bytes(), row.as_slice()].concat());
        let id: [u8; 16] = *digest.as_ref().first_chunk().expect("a digest is longer");
        keys.insert(number, with_last(&row, &id)?.as_slice())?;
    }
    Ok(())
}
