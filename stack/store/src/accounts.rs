//! What is done with tenants and their accounts.

use crate::error::{Result, StoreError};
use crate::identity::{AccountRecord, Identities, Known};
use crate::rows::encode;
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
        let (made, secrets) = (tenants.clone(), self.secrets().clone());
        self.write(move |txn| {
            let mut changed = Vec::new();
            for account in accounts {
                if !tenants.contains(&account.tenant) && !txn.has_tenant(&account.tenant)? {
                    return Err(StoreError::TenantMissing(account.tenant.clone()));
                }
                let known = txn.account(&account.name)?;
                if known.as_ref().is_some_and(|known| known.tenant != account.tenant) {
                    return Err(StoreError::AccountTaken { account: account.name });
                }
                if known.map(|row| AccountRecord::of(row, &secrets)).transpose()?.as_ref() != Some(&account) {
                    changed.push(account);
                }
            }
            for tenant in &tenants {
                if !txn.has_tenant(tenant)? {
                    txn.dirty = true;
                    txn.tenants.insert(tenant.as_str(), encode(&()).as_slice())?;
                }
            }
            changed.iter().try_for_each(|account| txn.put_account(&account.row(&secrets)))
        })
        .await?;
        self.refresh(made, names)
    }

    pub fn tenants(&self) -> Vec<TenantName> {
        self.identities().read().unwrap_or_else(PoisonError::into_inner).tenants.iter().cloned().collect()
    }

    /// Makes the account, or replaces its key and its rule on public containers. Err: `TenantMissing`, `AccountTaken`; `SecretSealed` where
    /// the keys that it has cannot be opened.
    pub async fn put_account(&self, account: AccountRecord) -> Result<()> {
        self.put_identities(Vec::new(), vec![account]).await
    }

    /// `None` as well where its keys are sealed, and nobody here opens them.
    pub fn account(&self, name: &AccountName) -> Option<Arc<AccountRecord>> {
        let identities = self.identities().read().unwrap_or_else(PoisonError::into_inner);
        identities.accounts.get(name).and_then(Known::record).cloned()
    }

    /// As `account`.
    pub fn accounts(&self) -> Vec<Arc<AccountRecord>> {
        let identities = self.identities().read().unwrap_or_else(PoisonError::into_inner);
        identities.accounts.values().filter_map(Known::record).cloned().collect()
    }

    /// Whose an account is, whoever opens its keys.
    pub(crate) fn tenant_of(&self, account: &AccountName) -> Option<TenantName> {
        let identities = self.identities().read().unwrap_or_else(PoisonError::into_inner);
        identities.accounts.get(account).map(|known| known.tenant().clone())
    }

    /// Looks at all that is kept anew: it can be opened now.
    pub(crate) fn open_identities(&self) -> Result<()> {
        // As in `refresh`.
        let mut identities = self.identities().write().unwrap_or_else(PoisonError::into_inner);
        *identities = Identities::load(&self.snapshot()?, self.secrets())?;
        Ok(())
    }

    fn refresh(&self, tenants: Vec<TenantName>, accounts: Vec<AccountName>) -> Result<()> {
        // The snapshot is taken under the lock: of two that refresh at once, the later one sees what both have written.
        let identities: &RwLock<Identities> = self.identities();
        let mut identities = identities.write().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot()?;
        identities.tenants.extend(tenants);
        for name in accounts {
            if let Some(row) = snapshot.account(&name)? {
                identities.accounts.insert(name, Known::of(row, self.secrets()));
            }
        }
        Ok(())
    }
}
