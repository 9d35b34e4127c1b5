//! Data keys of tenants and of their encryption scopes: which there are, and which of them content is sealed by.

use crate::catalog::Snapshot;
use crate::catalog::tables::Bytes;
use crate::clock::Timestamp;
use crate::encryption::{EncryptionUnmet, Seal};
use crate::error::{Result, StoreError};
use crate::keyring::{Hold, Wrapping};
use crate::rows::{DataKeyId, DataKeyRow, DataKeyState, KeyPurpose, ScopeKey, ScopeState, Wrapped, decode, encode};
use crate::seal::{CUSTOMER, DataKey};
use crate::store::Store;
use greenroom_model::{AccountName, TenantName};
use redb::{AccessGuard, ReadableTable};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

const ERASED: &str = "the tenant's data keys were erased";

/// A data key, as whoever manages them sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKeyRecord {
    pub number: u32,
    pub tenant: TenantName,
    /// Counts the keys of the tenant, or of the scope, from 1.
    pub generation: u32,
    pub state: DataKeyState,
    pub wrapped: Wrapped,
    pub created: Timestamp,
    pub id: DataKeyId,
    pub purpose: KeyPurpose,
}

impl DataKeyRecord {
    pub fn is_of(&self, tenant: &TenantName) -> bool {
        self.tenant == *tenant && self.purpose == KeyPurpose::Tenant
    }

    /// The encryption scope that it is of.
    pub fn scope(&self) -> Option<&ScopeKey> {
        match &self.purpose {
            KeyPurpose::Tenant => None,
            KeyPurpose::Scope(scope) => Some(scope),
        }
    }

    fn erase(&mut self) {
        self.state = DataKeyState::Erased;
        self.wrapped.bytes = Vec::new();
    }

    fn is_of_scope(&self, account: &AccountName, name: &str) -> bool {
        self.scope().is_some_and(|scope| scope.account == *account && scope.name == name)
    }
}

/// The tenants and scopes that have keys, or had some, and by which of them their content is sealed now; in memory, since every body asks.
#[derive(Debug, Default)]
pub(crate) struct ActiveKeys(RwLock<Active>);

#[derive(Debug, Default)]
struct Active {
    tenants: BTreeMap<TenantName, Sealing>,
    scopes: BTreeMap<(AccountName, String), ScopeSealing>,
    /// Those that are not erased.
    numbers: BTreeMap<DataKeyId, u32>,
}

/// An encryption scope, and what becomes of what is written in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ScopeSealing {
    tenant: TenantName,
    state: ScopeState,
    sealing: Sealing,
}

/// What becomes of what a tenant writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sealing {
    By(u32),
    /// It was sealed once, by this key last, and is no more.
    Stopped(u32),
    /// All keys were erased: nothing is taken until there is another one.
    Erased,
}

impl ActiveKeys {
    pub(crate) fn load(snapshot: &Snapshot) -> Result<Self> {
        let keys = Self::default();
        keys.set(snapshot)?;
        Ok(keys)
    }

    fn set(&self, snapshot: &Snapshot) -> Result<()> {
        let mut active = Active::default();
        for key in snapshot.data_keys()? {
            let DataKeyRecord { number, tenant, state, purpose, id, .. } = key;
            if state != DataKeyState::Erased {
                active.numbers.insert(id, number);
            }
            let known = match purpose {
                KeyPurpose::Tenant => active.tenants.entry(tenant).or_insert(Sealing::Erased),
                KeyPurpose::Scope(ScopeKey { account, name, state }) => {
                    let new = ScopeSealing { tenant, state, sealing: Sealing::Erased };
                    &mut active.scopes.entry((account, name)).or_insert(new).sealing
                }
            };
            *known = match (state, *known) {
                (DataKeyState::Active, _) => Sealing::By(number),
                (DataKeyState::Old, Sealing::Erased | Sealing::Stopped(_)) => Sealing::Stopped(number),
                (DataKeyState::Old, Sealing::By(_)) | (DataKeyState::Erased, _) => *known,
            };
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = active;
        Ok(())
    }

    fn of(&self, tenant: &TenantName) -> Option<Sealing> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).tenants.get(tenant).copied()
    }

    fn of_scope(&self, account: &AccountName, name: &str) -> Option<ScopeSealing> {
        let active = self.0.read().unwrap_or_else(PoisonError::into_inner);
        active.scopes.get(&(account.clone(), name.to_owned())).cloned()
    }

    fn has_scopes(&self, account: &AccountName) -> bool {
        let active = self.0.read().unwrap_or_else(PoisonError::into_inner);
        active.scopes.keys().any(|(of, _)| of == account)
    }

    fn number(&self, tenant: &TenantName) -> Option<u32> {
        self.of(tenant).and_then(|sealing| match sealing {
            Sealing::By(number) => Some(number),
            Sealing::Stopped(_) | Sealing::Erased => None,
        })
    }

    fn number_of(&self, id: DataKeyId) -> Option<u32> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).numbers.get(&id).copied()
    }
}

impl Store {
    /// Who unwraps data keys, and how long they are held. Once.
    pub fn attach_wrapping(&self, wrapping: Arc<dyn Wrapping>, hold: Hold) {
        self.keyring().attach(wrapping, hold);
    }

    /// All data keys that there ever were, by number.
    pub fn data_keys(&self) -> Result<Vec<DataKeyRecord>> {
        self.snapshot()?.data_keys()
    }

    /// Seals what is written for a tenant from now on by a new data key, whose bytes are those that `wrapped` holds. What was written stays
    /// as it is. Returns the key's number. Err: `TenantMissing`.
    pub async fn add_data_key(&self, tenant: TenantName, id: DataKeyId, wrapped: Wrapped) -> Result<u32> {
        self.add_key(tenant, KeyPurpose::Tenant, id, wrapped).await
    }

    /// As `add_data_key`, for what is written in an encryption scope of an account, which is made where there is none. A scope that was
    /// disabled stays so. Err: `AccountMissing`.
    pub async fn add_scope_key(
        &self,
        account: &AccountName,
        name: &str,
        id: DataKeyId,
        wrapped: Wrapped,
    ) -> Result<u32> {
        let tenant = self.tenant_of(account).ok_or_else(|| StoreError::AccountMissing(account.clone()))?;
        let state = self.active_keys().of_scope(account, name).map_or(ScopeState::Enabled, |scope| scope.state);
        let scope = ScopeKey { account: account.clone(), name: name.to_owned(), state };
        self.add_key(tenant, KeyPurpose::Scope(scope), id, wrapped).await
    }

    async fn add_key(&self, of: TenantName, purpose: KeyPurpose, id: DataKeyId, wrapped: Wrapped) -> Result<u32> {
        let number = self.write(move |txn| {
            if !txn.has_tenant(&of)? {
                return Err(StoreError::TenantMissing(of));
            }
            let mut generation = 0;
            for mut key in txn.data_keys()?.into_iter().filter(|key| key.tenant == of && key.purpose == purpose) {
                generation = generation.max(key.generation);
                if key.state == DataKeyState::Active {
                    key.state = DataKeyState::Old;
                    txn.put_data_key(&key)?;
                }
            }
            let number = txn.next_data_key()?;
            let (generation, created) = (generation + 1, txn.now);
            txn.put_data_key(&DataKeyRecord {
                number,
                tenant: of,
                generation,
                state: DataKeyState::Active,
                wrapped,
                created,
                id,
                purpose,
            })?;
            Ok(number)
        });
        let number = number.await?;
        self.active_keys().set(&self.snapshot()?)?;
        Ok(number)
    }

    /// Takes in data keys that were kept elsewhere, and are not here yet; numbers become those of this store. A tenant that has no key here has its
    /// content sealed by its newest one from now on.
    pub async fn restore_data_keys(&self, kept: Vec<DataKeyRecord>) -> Result<()> {
        self.write(move |txn| {
            let here = txn.data_keys()?;
            let has_keys = |tenant: &TenantName| here.iter().any(|key| key.is_of(tenant));
            let mut newest: BTreeMap<&TenantName, u32> = BTreeMap::new();
            for key in &kept {
                let generation = newest.entry(&key.tenant).or_default();
                *generation = key.generation.max(*generation);
            }
            for key in kept.iter().filter(|key| here.iter().all(|known| known.id != key.id)) {
                let is_active = !has_keys(&key.tenant) && newest.get(&key.tenant) == Some(&key.generation);
                let state = if is_active { DataKeyState::Active } else { DataKeyState::Old };
                let number = txn.next_data_key()?;
                txn.put_data_key(&DataKeyRecord { number, state, ..key.clone() })?;
            }
            Ok(())
        })
        .await?;
        self.active_keys().set(&self.snapshot()?)
    }

    /// Wraps a data key anew: it stays the same key. Err: `KeyMissing`.
    pub async fn rewrap_data_key(&self, number: u32, wrapped: Wrapped) -> Result<()> {
        self.change_data_key(number, move |key| key.wrapped = wrapped).await
    }

    /// Seals nothing more for a tenant. What was sealed stays so.
    pub async fn stop_sealing(&self, tenant: &TenantName) -> Result<()> {
        match self.active_keys().number(tenant) {
            Some(number) => self.change_data_key(number, |key| key.state = DataKeyState::Old).await,
            None => Ok(()),
        }
    }

    /// Enables or disables an encryption scope. What it sealed is not read while it is disabled. Err: `ScopeMissing`.
    pub async fn set_scope(&self, account: &AccountName, name: &str, state: ScopeState) -> Result<()> {
        let (of, scope) = (account.clone(), name.to_owned());
        let changed = self.write(move |txn| {
            let mut numbers = Vec::new();
            for mut key in txn.data_keys()?.into_iter().filter(|key| key.is_of_scope(&of, &scope)) {
                numbers.push(key.number);
                key.purpose = KeyPurpose::Scope(ScopeKey { account: of.clone(), name: scope.clone(), state });
                txn.put_data_key(&key)?;
            }
            if numbers.is_empty() { Err(StoreError::ScopeMissing(scope)) } else { Ok(numbers) }
        });
        let changed = changed.await?;
        self.active_keys().set(&self.snapshot()?)?;
        changed.iter().for_each(|number| self.keyring().clear(*number));
        Ok(())
    }

    /// Erases all data keys of a tenant, those of its scopes too: what they sealed can never be read again, here or anywhere. Returns their
    /// numbers.
    pub async fn erase_data_keys(&self, tenant: &TenantName) -> Result<Vec<u32>> {
        let of = tenant.clone();
        let erased = self.write(move |txn| {
            let mut erased = Vec::new();
            for mut key in txn.data_keys()?.into_iter().filter(|key| key.tenant == of) {
                erased.push(key.number);
                key.erase();
                txn.put_data_key(&key)?;
            }
            Ok(erased)
        });
        let erased = erased.await?;
        self.active_keys().set(&self.snapshot()?)?;
        erased.iter().for_each(|number| self.keyring().clear(*number));
        Ok(erased)
    }

    /// Erases one data key: what it sealed can never be read again. Err: `KeyMissing`.
    pub async fn erase_data_key(&self, number: u32) -> Result<()> {
        self.change_data_key(number, DataKeyRecord::erase).await?;
        self.keyring().clear(number);
        Ok(())
    }

    async fn change_data_key(
        &self,
        number: u32,
        change: impl FnOnce(&mut DataKeyRecord) + Send + 'static,
    ) -> Result<()> {
        self.write(move |txn| {
            let row = txn.keys.get(number)?.map(|row| decode(row.value())).transpose()?;
            let mut key = DataKeyRecord::of(number, row.ok_or(StoreError::KeyMissing(number))?);
            change(&mut key);
            txn.put_data_key(&key)
        })
        .await?;
        self.active_keys().set(&self.snapshot()?)
    }

    /// The data key that content of an account is sealed by, unwrapped; `None` where it is not sealed. Err: `KeyDenied`, `KeyAway`.
    pub async fn sealing_key(&self, account: &AccountName) -> Result<Option<Arc<DataKey>>> {
        let Some(tenant) = self.tenant_of(account) else { return Ok(None) };
        match self.active_keys().of(&tenant) {
            Some(Sealing::By(number)) => self.unlock(number).await.map(Some),
            Some(Sealing::Erased) => Err(StoreError::KeyDenied(ERASED.into())),
            Some(Sealing::Stopped(_)) | None => Ok(None),
        }
    }

    /// The data key that seals what leaves flash of a tenant, with its id; `None` where it leaves as it is. What was sealed here once does not
    /// leave in clear. Err: `KeyDenied`, `KeyAway`.
    pub async fn leaving_key(&self, tenant: &TenantName) -> Result<Option<(DataKeyId, Arc<DataKey>)>> {
        let number = match self.active_keys().of(tenant) {
            None => return Ok(None),
            Some(Sealing::By(number) | Sealing::Stopped(number)) => number,
            Some(Sealing::Erased) => return Err(StoreError::KeyDenied(ERASED.into())),
        };
        let id = self.snapshot()?.data_key(number)?.ok_or(StoreError::KeyMissing(number))?.id;
        Ok(Some((id, self.unlock(number).await?)))
    }

    /// Whether nothing of a tenant can be read or sealed now, as far as is known.
    pub fn is_locked(&self, tenant: &TenantName) -> bool {
        match self.active_keys().of(tenant) {
            None => false,
            Some(Sealing::By(number) | Sealing::Stopped(number)) => !self.keyring().known(number).0,
            Some(Sealing::Erased) => true,
        }
    }

    /// A data key by its id; `None` where it is none of this store, or was erased. Err: `KeyDenied`, `KeyAway`.
    pub async fn unlock_by_id(&self, id: DataKeyId) -> Result<Option<Arc<DataKey>>> {
        match self.active_keys().number_of(id) {
            Some(number) => self.unlock(number).await.map(Some),
            None => Ok(None),
        }
    }

    /// As `sealing_key`, for content that is to be sealed so. Err: as well `ScopeMissing`, `ScopeDisabled`.
    pub async fn key_of(&self, account: &AccountName, seal: &Seal) -> Result<Option<Arc<DataKey>>> {
        match seal {
            Seal::Tenants => self.sealing_key(account).await,
            Seal::Scope(name) => self.scope_key(account, name).await.map(Some),
            Seal::Customer(key) => Ok(Some(key.data_key().clone())),
        }
    }

    /// The data key that content of an encryption scope is sealed by, unwrapped. Err: `ScopeMissing`, `ScopeDisabled`, `KeyDenied`, `KeyAway`.
    pub async fn scope_key(&self, account: &AccountName, name: &str) -> Result<Arc<DataKey>> {
        let missing = || StoreError::ScopeMissing(name.to_owned());
        let scope = self.active_keys().of_scope(account, name).ok_or_else(missing)?;
        // An account of that name may have been another tenant's.
        if self.tenant_of(account).is_none_or(|tenant| tenant != scope.tenant) {
            return Err(missing());
        }
        match (scope.state, scope.sealing) {
            (ScopeState::Disabled, _) => Err(StoreError::ScopeDisabled(name.to_owned())),
            (ScopeState::Enabled, Sealing::By(number)) => self.unlock(number).await,
            (ScopeState::Enabled, Sealing::Stopped(_) | Sealing::Erased) => Err(StoreError::KeyDenied(ERASED.into())),
        }
    }

    /// Whether some of an account's content may be sealed in a scope.
    pub fn has_scopes(&self, account: &AccountName) -> bool {
        self.active_keys().has_scopes(account)
    }

    /// Whether some of a tenant's content may be sealed.
    pub fn has_keys(&self, tenant: &TenantName) -> bool {
        self.active_keys().of(tenant).is_some()
    }

    /// Whether the key that a tenant's content is sealed by can be used as far as is known, and how often it was unwrapped since the start;
    /// `None` where nothing is sealed.
    pub fn key_figures(&self, tenant: &TenantName) -> Option<(bool, u64)> {
        self.active_keys().number(tenant).map(|number| self.keyring().known(number))
    }

    /// Clears data keys that have been held for long enough. To be called now and then.
    pub fn forget_keys(&self) {
        self.keyring().forget();
    }

    /// A data key, unwrapped. Err: `KeyDenied`, `KeyAway`, `KeyMissing`, `ScopeDisabled`; `EncryptionUnmet` for what a customer's key sealed.
    pub async fn unlock(&self, number: u32) -> Result<Arc<DataKey>> {
        if number == CUSTOMER {
            return Err(StoreError::EncryptionUnmet(EncryptionUnmet::NotShown));
        }
        let find = || {
            let row = self.snapshot()?.data_key(number)?.ok_or(StoreError::KeyMissing(number))?;
            if let KeyPurpose::Scope(ScopeKey { name, state: ScopeState::Disabled, .. }) = row.purpose {
                return Err(StoreError::ScopeDisabled(name));
            }
            match row.state {
                DataKeyState::Erased => Err(StoreError::KeyDenied(ERASED.into())),
                DataKeyState::Active | DataKeyState::Old => Ok(DataKeyRecord::of(number, row)),
            }
        };
        self.keyring().unlock(number, find).await
    }
}

impl DataKeyRecord {
    pub(crate) fn of(number: u32, row: DataKeyRow) -> Self {
        let DataKeyRow { tenant, generation, state, wrapped, created, id, purpose } = row;
        Self { number, tenant, generation, state, wrapped, created, id, purpose }
    }

    /// By their numbers.
    pub(crate) fn all(rows: &impl ReadableTable<u32, Bytes>) -> Result<Vec<Self>> {
        let record = |item| {
            let (number, row): (AccessGuard<'_, u32>, AccessGuard<'_, Bytes>) = item?;
            Ok(Self::of(number.value(), decode(row.value())?))
        };
        rows.iter()?.map(record).collect()
    }
}

impl crate::catalog::Txn<'_> {
    fn data_keys(&self) -> Result<Vec<DataKeyRecord>> {
        DataKeyRecord::all(&self.keys)
    }

    /// Never given out twice.
    fn next_data_key(&self) -> Result<u32> {
        Ok(self.keys.last()?.map_or(0, |(number, _)| number.value()) + 1)
    }

    fn put_data_key(&mut self, key: &DataKeyRecord) -> Result<()> {
        let DataKeyRecord { number, tenant, generation, state, wrapped, created, id, purpose } = key.clone();
        let row = DataKeyRow { tenant, generation, state, wrapped, created, id, purpose };
        self.dirty = true;
        self.keys.insert(number, encode(&row).as_slice())?;
        Ok(())
    }
}
