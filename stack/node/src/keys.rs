//! The keys of tenants and of their encryption scopes: turned on, changed, rotated, erased, and how they stand.

use crate::fault::Fault;
use crate::resealing::Resealing;
use crate::wrapping::{Wrappers, new_data_key, new_data_key_id};
use greenroom_gateway::time;
use greenroom_model::keys::{DataKeyStatus, DataKeyUse, EncryptionStatus, KeyState, Rotate, ScopeStatus, WrappingKey};
use greenroom_model::{AccountName, TenantName};
use greenroom_store::{DataKeyRecord, DataKeyState, KeyFault, ScopeState, Store, StoreError, Unwrapped, Wrapped};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

#[derive(Debug)]
pub struct Keys {
    store: Store,
    wrappers: Arc<Wrappers>,
    resealing: Arc<Resealing>,
    /// One change at a time.
    changes: Mutex<()>,
}

/// Why a change of keys came to nothing.
#[derive(Debug)]
pub enum KeysFault {
    /// Whoever wraps says no, or nothing: a sentence.
    Wrapping(KeyFault),
    /// There is nothing to do it to: a sentence.
    Nothing(String),
    Store(StoreError),
    Other(Fault),
}

impl From<KeyFault> for KeysFault {
    fn from(fault: KeyFault) -> Self {
        Self::Wrapping(fault)
    }
}

impl From<StoreError> for KeysFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for KeysFault {
    fn from(fault: Fault) -> Self {
        Self::Other(fault)
    }
}

type Result<T> = std::result::Result<T, KeysFault>;

impl Keys {
    pub fn new(store: Store, wrappers: Arc<Wrappers>, resealing: Arc<Resealing>) -> Self {
        Self { store, wrappers, resealing, changes: Mutex::default() }
    }

    /// Has a tenant's data keys wrapped by `by` from now on, those that there are too, and makes one where there is none. Content stays as it is.
    pub async fn set(&self, tenant: &TenantName, by: &WrappingKey) -> Result<()> {
        let _one_at_a_time = self.changes.lock().await;
        let keys = self.of(tenant)?;
        if !keys.iter().any(|key| key.state == DataKeyState::Active) {
            self.add(tenant, by).await?;
            self.resealing.look_at(tenant);
        }
        for key in keys.iter().filter(|key| key.state != DataKeyState::Erased && !is_by(&key.wrapped.by, by)) {
            self.rewrap(key, by).await?;
        }
        Ok(())
    }

    /// Has an account's encryption scope be as it is declared, and makes it where there is none. Without `by`, what wraps its tenant's data keys
    /// wraps its own. Content stays as it is.
    pub async fn set_scope(
        &self,
        tenant: &TenantName,
        (account, name): (&AccountName, &str),
        by: Option<&WrappingKey>,
        state: ScopeState,
    ) -> Result<()> {
        let _one_at_a_time = self.changes.lock().await;
        let by = match by {
            Some(by) => by.clone(),
            None => self.active(tenant)?.map_or(WrappingKey::Node, |key| newest(&key.wrapped.by)),
        };
        let keys = self.scopes(tenant)?.remove(&(account.clone(), name.to_owned())).unwrap_or_default();
        if !keys.iter().any(|key| key.state == DataKeyState::Active) {
            let wrapped = self.wrap(&by, &new_data_key()?).await?;
            self.store.add_scope_key(account, name, new_data_key_id()?, wrapped).await?;
        }
        for key in keys.iter().filter(|key| key.state != DataKeyState::Erased && !is_by(&key.wrapped.by, &by)) {
            self.rewrap(key, &by).await?;
        }
        if keys.first().and_then(DataKeyRecord::scope).map_or(ScopeState::Enabled, |scope| scope.state) != state {
            self.store.set_scope(account, name, state).await?;
        }
        Ok(())
    }

    /// Encrypts nothing more. What was encrypted stays so.
    pub async fn stop(&self, tenant: &TenantName) -> Result<()> {
        let _one_at_a_time = self.changes.lock().await;
        Ok(self.store.stop_sealing(tenant).await?)
    }

    pub async fn rotate(&self, tenant: &TenantName, what: Rotate) -> Result<()> {
        let _one_at_a_time = self.changes.lock().await;
        let (keys, scopes) = (self.of(tenant)?, self.scopes(tenant)?);
        let mut done = 0;
        if let Some(by) = wrapped_by(&keys) {
            done += 1;
            match what {
                Rotate::DataKey => self.add(tenant, &by).await?,
                Rotate::WrappingKey => self.rewrap_all(&keys, &by).await?,
            }
        }
        for ((account, name), keys) in &scopes {
            let Some(by) = wrapped_by(keys) else { continue };
            done += 1;
            match what {
                Rotate::DataKey => {
                    let wrapped = self.wrap(&by, &new_data_key()?).await?;
                    self.store.add_scope_key(account, name, new_data_key_id()?, wrapped).await?;
                }
                Rotate::WrappingKey => self.rewrap_all(keys, &by).await?,
            }
        }
        match done {
            0 => Err(KeysFault::Nothing("nothing of the tenant is encrypted: PUT …/encryption first".to_owned())),
            _ => Ok(()),
        }
    }

    async fn rewrap_all(&self, keys: &[DataKeyRecord], by: &WrappingKey) -> Result<()> {
        for key in keys.iter().filter(|key| key.state != DataKeyState::Erased) {
            self.rewrap(key, by).await?;
        }
        Ok(())
    }

    /// Erases the data keys of a tenant, those of its scopes too, and says which.
    pub async fn erase(&self, tenant: &TenantName) -> Result<Vec<u32>> {
        let _one_at_a_time = self.changes.lock().await;
        Ok(self.store.erase_data_keys(tenant).await?)
    }

    pub async fn status(&self, tenant: &TenantName) -> Result<EncryptionStatus> {
        let keys = self.of(tenant)?;
        let active = keys.iter().find(|key| key.state == DataKeyState::Active);
        let newest = active.or_else(|| keys.iter().rfind(|key| key.state == DataKeyState::Old));
        let (state, why) = match newest {
            None if keys.is_empty() => (KeyState::Off, None),
            None => (KeyState::Erased, None),
            Some(key) => match self.store.unlock(key.number).await {
                Ok(_) if active.is_some() => (KeyState::On, None),
                Ok(_) => (KeyState::Stopped, None),
                Err(error @ StoreError::KeyDenied(_)) => (KeyState::Denied, Some(error.to_string())),
                Err(error @ StoreError::KeyAway(_)) => (KeyState::Away, Some(error.to_string())),
                Err(error) => return Err(error.into()),
            },
        };
        let wrapped_by = active.map(|key| key.wrapped.by.clone());
        let mut scopes = Vec::new();
        for ((account, name), keys) in self.scopes(tenant)? {
            scopes.push(self.scope_status(account, name, keys).await?);
        }
        let data_keys = keys.into_iter().map(told).collect();
        Ok(EncryptionStatus { state, why, wrapped_by, data_keys, scopes, before: self.resealing.standing(tenant) })
    }

    async fn scope_status(&self, account: AccountName, name: String, keys: Vec<DataKeyRecord>) -> Result<ScopeStatus> {
        let is_erased = keys.iter().all(|key| key.state == DataKeyState::Erased);
        let (state, why) = match self.store.scope_key(&account, &name).await {
            _ if is_erased => (KeyState::Erased, None),
            Ok(_) => (KeyState::On, None),
            Err(StoreError::ScopeDisabled(_)) => (KeyState::Stopped, None),
            // The account is another tenant's by now.
            Err(StoreError::ScopeMissing(_)) => (KeyState::Off, None),
            Err(error @ StoreError::KeyDenied(_)) => (KeyState::Denied, Some(error.to_string())),
            Err(error @ StoreError::KeyAway(_)) => (KeyState::Away, Some(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let enabled = keys.iter().filter_map(DataKeyRecord::scope).all(|scope| scope.state == ScopeState::Enabled);
        Ok(ScopeStatus { account, name, enabled, state, why, data_keys: keys.into_iter().map(told).collect() })
    }

    /// The tenant's own, without its scopes'.
    fn of(&self, tenant: &TenantName) -> Result<Vec<DataKeyRecord>> {
        Ok(self.store.data_keys()?.into_iter().filter(|key| key.is_of(tenant)).collect())
    }

    fn active(&self, tenant: &TenantName) -> Result<Option<DataKeyRecord>> {
        Ok(self.of(tenant)?.into_iter().find(|key| key.state == DataKeyState::Active))
    }

    /// The data keys of a tenant's scopes, by account and name.
    fn scopes(&self, tenant: &TenantName) -> Result<BTreeMap<(AccountName, String), Vec<DataKeyRecord>>> {
        let mut scopes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for key in self.store.data_keys()?.into_iter().filter(|key| key.tenant == *tenant) {
            if let Some(of) = key.scope().map(|scope| (scope.account.clone(), scope.name.clone())) {
                scopes.entry(of).or_default().push(key);
            }
        }
        Ok(scopes)
    }

    async fn add(&self, tenant: &TenantName, by: &WrappingKey) -> Result<()> {
        let wrapped = self.wrap(by, &new_data_key()?).await?;
        self.store.add_data_key(tenant.clone(), new_data_key_id()?, wrapped).await?;
        Ok(())
    }

    async fn rewrap(&self, key: &DataKeyRecord, by: &WrappingKey) -> Result<()> {
        let data_key = self.wrappers.unwrap(&key.wrapped).await?;
        self.store.rewrap_data_key(key.number, self.wrap(by, &data_key).await?).await?;
        Ok(())
    }

    /// What cannot be unwrapped again must not encrypt anything.
    async fn wrap(&self, by: &WrappingKey, data_key: &Unwrapped) -> Result<Wrapped> {
        let wrapped = self.wrappers.wrap(by, data_key).await?;
        match self.wrappers.unwrap(&wrapped).await? == *data_key {
            true => Ok(wrapped),
            false => Err(KeyFault::Denied("what was wrapped is not what is unwrapped".to_owned()).into()),
        }
    }
}

/// What wraps the one that is used now, without its version.
fn wrapped_by(keys: &[DataKeyRecord]) -> Option<WrappingKey> {
    keys.iter().find(|key| key.state == DataKeyState::Active).map(|key| newest(&key.wrapped.by))
}

/// Whether a data key is wrapped by this key, of whichever version where none is named.
fn is_by(wrapped_by: &str, by: &WrappingKey) -> bool {
    let by = by.to_string();
    wrapped_by == by || newest(wrapped_by).to_string() == by
}

/// The key without its version.
fn newest(wrapped_by: &str) -> WrappingKey {
    match wrapped_by.parse() {
        Ok(WrappingKey::Vault(url)) => {
            let parts: Vec<&str> = url.split('/').collect();
            // `https:`, nothing, the vault, `keys`, the name.
            WrappingKey::Vault(parts[..parts.len().min(5)].join("/"))
        }
        Ok(WrappingKey::Node) | Err(_) => WrappingKey::Node,
    }
}

fn told(key: DataKeyRecord) -> DataKeyStatus {
    let DataKeyRecord { number, tenant: _, generation, state, wrapped, created, id: _, purpose: _ } = key;
    let state = match state {
        DataKeyState::Active => DataKeyUse::Active,
        DataKeyState::Old => DataKeyUse::Old,
        DataKeyState::Erased => DataKeyUse::Erased,
    };
    DataKeyStatus { number, generation, state, wrapped_by: wrapped.by, created: time::iso_seconds(created) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_of_its_key() {
        let by = |text: &str| text.parse::<WrappingKey>().expect("good");
        let (key, version) = ("https://v.example:8/keys/gold", "https://v.example:8/keys/gold/01ab");
        assert_eq!(newest(version).to_string(), key);
        assert_eq!(newest(key).to_string(), key);
        assert_eq!(newest("node"), WrappingKey::Node);
        assert!(is_by(version, &by(key)) && is_by(version, &by(version)) && is_by("node", &WrappingKey::Node));
        assert!(!is_by(version, &by("https://v.example:8/keys/gold/02")) && !is_by(version, &WrappingKey::Node));
        assert!(!is_by("node", &by(key)) && !is_by(version, &by("https://v.example:8/keys/golden")));
    }
}
