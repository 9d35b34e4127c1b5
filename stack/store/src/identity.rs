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
    /// As good as the first, so that clients can change from one to the other.
    pub second_key: Option<AccountKey>,
    pub state: AccountState,
    pub public_containers: PublicContainers,
    /// Goes into every credential that is derived for the account: those of an earlier one are good no more.
    pub generation: u64,
}

/// Whether an account's requests are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountState {
    #[default]
    Enabled,
    Disabled,
}

impl AccountRecord {
    /// With one key, enabled, and nothing public.
    pub fn new(name: AccountName, tenant: TenantName, key: AccountKey) -> Self {
        let (second_key, state, public_containers) = (None, AccountState::Enabled, PublicContainers::Forbidden);
        Self { name, tenant, key, second_key, state, public_containers, generation: 0 }
    }

    /// The account as it is, but for what was derived for it: that is good no more.
    pub fn next_generation(&self) -> Self {
        Self { generation: self.generation + 1, ..self.clone() }
    }

    pub fn keys(&self) -> impl Iterator<Item = &AccountKey> + Clone {
        std::iter::once(&self.key).chain(&self.second_key)
    }
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
        self.put_identities(vec![tenant], Vec::new()).await
    }

    /// Makes tenants, and makes or replaces accounts, all in one transaction: all of them or none. Err: as `put_account`.
    pub async fn put_identities(&self, tenants: Vec<TenantName>, accounts: Vec<AccountRecord>) -> Result<()> {
        let names: Vec<AccountName> = accounts.iter().map(|account| account.name.clone()).collect();
        let made = tenants.clone();
        self.write(move |txn| {
            for account in &accounts {
                if !tenants.contains(&account.tenant) && !txn.has_tenant(&account.tenant)? {
                    return Err(StoreError::TenantMissing(account.tenant.clone()));
                }
                if txn.account::<AccountRecord>(&account.name)?.is_some_and(|known| known.tenant != account.tenant) {
                    return Err(StoreError::AccountTaken { account: account.name.clone() });
                }
            }
            for tenant in &tenants {
                if !txn.has_tenant(tenant)? {
                    txn.dirty = true;
                    txn.tenants.insert(tenant.as_str(), encode(&()).as_slice())?;
                }
            }
            for account in accounts {
                if txn.account(&account.name)?.as_ref() != Some(&account) {
                    txn.dirty = true;
                    txn.accounts.insert(account.name.as_str(), encode(&account).as_slice())?;
                }
            }
            Ok(())
        })
        .await?;
        self.refresh(made, names)
    }

    pub fn tenants(&self) -> Vec<TenantName> {
        self.identities().read().unwrap_or_else(PoisonError::into_inner).tenants.iter().cloned().collect()
    }

    /// Makes the account, or replaces its key and its rule on public containers. Err: `TenantMissing`, `AccountTaken`.
    pub async fn put_account(&self, account: AccountRecord) -> Result<()> {
        self.put_identities(Vec::new(), vec![account]).await
    }

    pub fn account(&self, name: &AccountName) -> Option<Arc<AccountRecord>> {
        self.identities().read().unwrap_or_else(PoisonError::into_inner).accounts.get(name).cloned()
    }

    pub fn accounts(&self) -> Vec<Arc<AccountRecord>> {
        self.identities().read().unwrap_or_else(PoisonError::into_inner).accounts.values().cloned().collect()
    }

    fn refresh(&self, tenants: Vec<TenantName>, accounts: Vec<AccountName>) -> Result<()> {
        // The snapshot is taken under the lock: of two that refresh at once, the later one sees what both have written.
        let identities: &RwLock<Identities> = self.identities();
        let mut identities = identities.write().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot()?;
        identities.tenants.extend(tenants);
        for name in accounts {
            if let Some(record) = snapshot.account::<AccountRecord>(&name)? {
                identities.accounts.insert(name, Arc::new(record));
            }
        }
        Ok(())
    }
}
