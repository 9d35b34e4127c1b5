//! What format 5 held otherwise, and the step from it: accounts have no generation yet.

use crate::catalog::tables::ACCOUNTS;
use crate::error::Result;
use crate::rows::{decode, encode};
use redb::{ReadableTable as _, WriteTransaction};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Account {
    name: String,
    tenant: String,
    key: Vec<u8>,
    second_key: Option<Vec<u8>>,
    /// The numbers of variants.
    state: u8,
    public_containers: u8,
}

/// As format 6 writes it, whatever came after.
#[derive(Debug, Serialize)]
struct AccountNext {
    account: Account,
    generation: u64,
}

pub fn to_6(txn: &WriteTransaction) -> Result<()> {
    let mut accounts = txn.open_table(ACCOUNTS)?;
    let names: Result<Vec<String>> = accounts.iter()?.map(|item| Ok(item?.0.value().to_owned())).collect();
    for name in names? {
        let Some(row) = accounts.get(name.as_str())?.map(|row| decode::<Account>(row.value())) else { continue };
        let next = AccountNext { account: row?, generation: 0 };
        accounts.insert(name.as_str(), encode(&next).as_slice())?;
    }
    Ok(())
}
