//! Tenants' data keys as offload uses them, and their wrapped copies in the target.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use greenroom_model::TenantName;
use greenroom_offload::format::footer::Base64;
use greenroom_offload::keys::{KeptKey, KeptKeys};
use greenroom_offload::seal::{KeyId, Keys, Seal, What};
use greenroom_offload::{Cloud, Error, Result, TenantKey};
use greenroom_store::{
    DataKey, DataKeyId, DataKeyRecord, DataKeyState, KeyPurpose, Store, StoreError, Timestamp, Wrapped,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// A data key at work. Dropped with what it seals: it is held no longer for that.
#[derive(Debug)]
struct StoreSeal {
    id: KeyId,
    key: Arc<DataKey>,
}

/// What something is sealed for; part of the format.
fn purpose(what: What) -> &'static [u8] {
    match what {
        What::Chunk => b"greenroom chunk 1",
        What::Label => b"greenroom label 1",
    }
}

impl Seal for StoreSeal {
    fn key(&self) -> KeyId {
        self.id
    }

    fn chunk_names(&self) -> TenantKey {
        TenantKey::of_key(self.key.key_for(b"greenroom chunk names 1"))
    }

    fn seal(&self, what: What, known: &[u8], content: &[u8]) -> Vec<u8> {
        let sealed = self.key.seal_as(purpose(what), &[&self.id.0, known], content);
        [&self.id.0, sealed.as_slice()].concat()
    }

    fn open(&self, what: What, known: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let sealed = sealed.strip_prefix(&self.id.0)?;
        self.key.open_as(purpose(what), &[&self.id.0, known], sealed)
    }
}

/// The store's data keys, by the ids that lie in the cloud.
#[derive(Debug)]
pub struct StoreKeys(pub Store);

impl Keys for StoreKeys {
    fn find(&self, key: KeyId) -> BoxFuture<'_, Result<Arc<dyn Seal>>> {
        async move {
            match self.0.unlock_by_id(DataKeyId(key.0)).await {
                Ok(Some(unlocked)) => Ok(Arc::new(StoreSeal { id: key, key: unlocked }) as Arc<dyn Seal>),
                Ok(None) => Err(Error::KeyGone(key)),
                Err(StoreError::KeyDenied(why)) => Err(Error::KeyDenied(why.as_ref().into())),
                Err(StoreError::KeyAway(why)) => Err(Error::KeyAway(why.as_ref().into())),
                Err(error) => Err(Error::Flash(error.to_string().into())),
            }
        }
        .boxed()
    }
}

/// The volume's copies of wrapped keys, kept as the store's are.
#[derive(Debug)]
pub struct CloudKeys {
    store: Store,
    /// As they were last seen, by whoever changes them.
    kept: tokio::sync::Mutex<Option<KeptKeys>>,
    /// Those that lie in the target.
    there: Mutex<BTreeSet<KeyId>>,
}

impl CloudKeys {
    pub fn new(store: Store) -> Self {
        Self { store, kept: tokio::sync::Mutex::default(), there: Mutex::default() }
    }

    /// Puts into the target what it lacks, and removes what was erased. Err: the target is away; doing it again does the rest.
    pub async fn keep(&self, cloud: &Cloud) -> Result<()> {
        let mut slot = self.kept.lock().await;
        // Not before it is our turn: one that is erased meanwhile must not come back.
        let records = self.store.data_keys().map_err(flash)?;
        if records.is_empty() && slot.is_none() {
            return Ok(());
        }
        let mut kept = match slot.take() {
            Some(kept) => kept,
            None => KeptKeys::load(cloud).await?,
        };
        // What is sealed in scopes stays on flash.
        for record in records.into_iter().filter(|record| record.purpose == KeyPurpose::Tenant) {
            let id = KeyId(record.id.0);
            if record.state == DataKeyState::Erased {
                if kept.has(id) {
                    kept.erase(cloud, id).await?;
                }
            } else {
                kept.keep(cloud, &told(record)).await?;
            }
        }
        *self.there.lock().unwrap_or_else(PoisonError::into_inner) = kept.all().map(|key| key.id).collect();
        *slot = Some(kept);
        Ok(())
    }

    /// What seals what leaves of a tenant. Err: `KeyDenied`, `KeyAway`; `StaysSealed` where the key does not lie in the target yet.
    pub async fn seal(&self, tenant: &TenantName) -> Result<Option<Arc<dyn Seal>>, StoreError> {
        let Some((id, key)) = self.store.leaving_key(tenant).await? else { return Ok(None) };
        let id = KeyId(id.0);
        match self.there.lock().unwrap_or_else(PoisonError::into_inner).contains(&id) {
            true => Ok(Some(Arc::new(StoreSeal { id, key }))),
            false => Err(StoreError::StaysSealed),
        }
    }

    /// Asks anew for the keys of tenants that were locked out when they were asked for last: nobody else may.
    pub async fn ask_again(&self) {
        let Ok(records) = self.store.data_keys() else { return };
        let tenants: BTreeSet<TenantName> = records.into_iter().map(|record| record.tenant).collect();
        let locked = tenants.iter().filter(|tenant| self.store.is_locked(tenant));
        futures::future::join_all(locked.map(|tenant| self.store.leaving_key(tenant))).await;
    }
}

/// Takes the wrapped keys of a volume into a store that does not have them. Returns those that it may unwrap.
pub async fn take_in(store: &Store, cloud: &Cloud, may_unwrap: impl Fn(&KeptKey) -> bool) -> Result<usize> {
    let kept = KeptKeys::load(cloud).await?;
    let mut records = Vec::new();
    for key in kept.all().filter(|key| may_unwrap(key)) {
        let Ok(tenant) = TenantName::new(key.tenant.as_str()) else { continue };
        store.put_tenant(tenant.clone()).await.map_err(flash)?;
        records.push(DataKeyRecord {
            number: 0,
            tenant,
            generation: key.generation,
            state: DataKeyState::Old,
            wrapped: Wrapped { by: key.by.clone(), algorithm: key.algorithm.clone(), bytes: key.wrapped.0.clone() },
            created: Timestamp(key.created),
            id: DataKeyId(key.id.0),
            purpose: KeyPurpose::Tenant,
        });
    }
    let count = records.len();
    store.restore_data_keys(records).await.map_err(flash)?;
    Ok(count)
}

fn told(record: DataKeyRecord) -> KeptKey {
    let DataKeyRecord { number: _, tenant, generation, state: _, wrapped, created, id, purpose: _ } = record;
    let Wrapped { by, algorithm, bytes } = wrapped;
    KeptKey {
        id: KeyId(id.0),
        tenant: tenant.to_string(),
        generation,
        by,
        algorithm,
        wrapped: Base64(bytes),
        created: created.0,
    }
}

fn flash(error: StoreError) -> Error {
    Error::Flash(error.to_string().into())
}
