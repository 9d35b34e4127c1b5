//! Who owns what: tenants own accounts, accounts own containers.

use crate::acl::PublicContainers;
use crate::catalog::Snapshot;
use crate::catalog::row::{self, encode};
use crate::error::{Result, StoreError};
use crate::store::Store;
use greenroom_model::{AccountName, TenantName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    pub name: AccountName,
    pub tenant: TenantName,
    pub key: AccountKey,
    pub public_containers: PublicContainers,
}

/// The secret that signs an account's requests; 64 bytes as Azure makes them, other lengths are taken too. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountKey(Vec<u8>);

impl AccountKey {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey(redacted)")
    }
}

/// All of it, in memory: every request asks who signs it.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    tenants: BTreeSet<TenantName>,
    accounts: BTreeMap<AccountName, Arc<AccountRecord>>,
}

impl Identities {
    pub(crate) fn load(snapshot: &Snapshot) -> Result<Self> {
        let tenant = |name| TenantName::new(name).map_err(|error| row::corrupt(&error.to_string()));
        let tenants = snapshot.tenants()?.into_iter().map(tenant).collect::<Result<_>>()?;
        let accounts = snapshot.accounts::<AccountRecord>()?;
        let accounts = accounts.into_iter().map(|account| (account.name.clone(), Arc::new(account))).collect();
        Ok(Self { tenants, accounts })
    }
}

impl Store {
    /// Idempotent.
    pub async fn put_tenant(&self, tenant: TenantName) -> Result<()> {
        self.write(move |txn| {
            if !txn.has_tenant(&tenant)? {
                txn.dirty = true;
                txn.tenants.insert(tenant.as_str(), encode(&()).as_slice())?;
            }
            Ok(())
        })
        .await?;
        self.reload_identities()
    }

    pub fn tenants(&self) -> Vec<TenantName> {
        self.identities().read().unwrap_or_else(PoisonError::into_inner).tenants.iter().cloned().collect()
    }

    /// Makes the account, or replaces its key and its rule on public containers. Err: `TenantMissing`, `AccountTaken`.
    pub async fn put_account(&self, account: AccountRecord) -> Result<()> {
        self.write(move |txn| {
            if !txn.has_tenant(&account.tenant)? {
                return Err(StoreError::TenantMissing(account.tenant));
            }
            match txn.account::<AccountRecord>(&account.name)? {
                Some(known) if known.tenant != account.tenant => {
                    return Err(StoreError::AccountTaken { account: account.name });
                }
                Some(known) if known == account => return Ok(()),
                Some(_) | None => {}
            }
            txn.dirty = true;
            txn.accounts.insert(account.name.as_str(), encode(&account).as_slice())?;
            Ok(())
        })
        .await?;
        self.reload_identities()
    }

    pub fn account(&self, name: &AccountName) -> Option<Arc<AccountRecord>> {
        self.identities().read().unwrap_or_else(PoisonError::into_inner).accounts.get(name).cloned()
    }

    pub fn accounts(&self) -> Vec<Arc<AccountRecord>> {
        self.identities().read().unwrap_or_else(PoisonError::into_inner).accounts.values().cloned().collect()
    }

    fn reload_identities(&self) -> Result<()> {
        // The snapshot is taken under the lock: of two that reload at once, the later one sees what both have written.
        let identities: &RwLock<Identities> = self.identities();
        let mut identities = identities.write().unwrap_or_else(PoisonError::into_inner);
        *identities = Identities::load(&self.snapshot()?)?;
        Ok(())
    }
}
