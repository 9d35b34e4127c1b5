//! Accounts whose key is on the command line: for development, on loopback only.

use crate::fault::Fault;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_model::{AccountName, TenantName};
use greenroom_store::{AccountKey, AccountRecord, Store};
use std::net::SocketAddr;
use std::str::FromStr;

#[derive(Debug, Clone)]
pub struct DevAccount {
    pub name: AccountName,
    key: AccountKey,
}

impl DevAccount {
    /// The development account that every Azure emulator has. Source: "Use the Azurite emulator for local Azure Storage development".
    pub const WELL_KNOWN: &str =
        "devstoreaccount1=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
}

impl FromStr for DevAccount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, key) = text.split_once('=').ok_or("give NAME=BASE64KEY, or nothing for devstoreaccount1")?;
        let name = AccountName::new(name).map_err(|error| error.to_string())?;
        let key = BASE64_STANDARD.decode(key).ok().filter(|key| !key.is_empty());
        Ok(Self { name, key: AccountKey::new(key.ok_or("the key is not Base64")?) })
    }
}

/// Makes the accounts, each owned by a tenant of its own name.
pub async fn enable(store: &Store, accounts: &[DevAccount], blob: SocketAddr) -> Result<(), Fault> {
    if !accounts.is_empty() && !blob.ip().is_loopback() {
        return Err(Fault::DevAccountOffLoopback { blob });
    }
    retire_well_known_key(store, accounts).await?;
    for DevAccount { name, key } in accounts {
        let tenant = TenantName::new(name.as_str()).expect("an account's name is a tenant's too");
        store.put_tenant(tenant.clone()).await?;
        let record = AccountRecord::new(name.clone(), tenant, key.clone());
        store.put_account(record).await?;
        tracing::info!(account = %name, "development account enabled");
    }
    Ok(())
}

/// A key that the whole world knows does not outlive the run that asked for it.
async fn retire_well_known_key(store: &Store, accounts: &[DevAccount]) -> Result<(), Fault> {
    let well_known: DevAccount = DevAccount::WELL_KNOWN.parse().expect("the constant parses");
    if accounts.iter().any(|account| account.name == well_known.name) {
        return Ok(());
    }
    if let Some(record) = store.account(&well_known.name).filter(|record| record.key == well_known.key) {
        store.put_account(AccountRecord { key: new_key()?, ..(*record).clone() }).await?;
        tracing::info!(account = %well_known.name, "well-known key retired: --dev-account is not given");
    }
    Ok(())
}

/// 64 random bytes, as Azure's keys have.
pub fn new_key() -> Result<AccountKey, Fault> {
    let mut key = [0; 64];
    getrandom::fill(&mut key)?;
    Ok(AccountKey::new(key))
}
