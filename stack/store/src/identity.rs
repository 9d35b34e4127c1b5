//! Who owns what, in memory: tenants own accounts, accounts own containers.

use crate::catalog::Snapshot;
use crate::error::Result;
use crate::rows::{AccountRecord, corrupt};
use greenroom_model::{AccountName, TenantName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All of it: every request asks who signs it.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    pub tenants: BTreeSet<TenantName>,
    pub accounts: BTreeMap<AccountName, Arc<AccountRecord>>,
}

impl Identities {
    pub(crate) fn load(snapshot: &Snapshot) -> Result<Self> {
        let tenant = |name| TenantName::new(name).map_err(|error| corrupt(&error.to_string()));
        let tenants = snapshot.tenants()?.into_iter().map(tenant).collect::<Result<_>>()?;
        let accounts = snapshot.accounts()?;
        let accounts = accounts.into_iter().map(|account| (account.name.clone(), Arc::new(account))).collect();
        Ok(Self { tenants, accounts })
    }
}
