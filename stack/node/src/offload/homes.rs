//! Where what comes back from the cloud is put: its tenant, account and container, made where they are absent.

use crate::dev_account::new_key;
use greenroom_model::{AccountName, ContainerPath, TenantName};
use greenroom_offload::FlashError;
use greenroom_offload::format::footer::Key;
use greenroom_store::{AccountRecord, Store};
use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub struct Homes {
    containers: BTreeSet<ContainerPath>,
    /// Of these, what was made here.
    made: BTreeSet<ContainerPath>,
    /// With keys that nobody has yet: keys are not kept in the cloud.
    pub new_accounts: Vec<AccountName>,
}

impl Homes {
    pub async fn ensure(&mut self, store: &Store, key: &Key, path: &ContainerPath) -> Result<(), FlashError> {
        if self.containers.contains(path) {
            return Ok(());
        }
        let tenant = TenantName::new(key.tenant.as_str())?;
        store.put_tenant(tenant.clone()).await?;
        if store.account(&path.account).is_none() {
            self.new_accounts.push(path.account.clone());
            store.put_account(AccountRecord::new(path.account.clone(), tenant, new_key()?)).await?;
        }
        if store.make_container(path).await? {
            self.made.insert(path.clone());
        }
        self.containers.insert(path.clone());
        Ok(())
    }

    pub fn containers(&self) -> usize {
        self.containers.len()
    }

    pub fn has_made(&self, path: &ContainerPath) -> bool {
        self.made.contains(path)
    }
}
