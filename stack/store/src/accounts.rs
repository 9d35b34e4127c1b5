//! What is done with tenants and their accounts.

use crate::error::{Result, StoreError};
use crate::identity::Identities;
use crate::rows::{AccountRecord, encode};
use crate::store::Store;
use greenroom_model::{AccountName, TenantName};
use std::sync::{Arc, PoisonError, RwLock};

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
                if txn.account(&account.name)?.is_some_and(|known| known.tenant != account.tenant) {
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
            if let Some(record) = snapshot.account(&name)? {
                identities.accounts.insert(name, Arc::new(record));
            }
        }
        Ok(())
    }
}
