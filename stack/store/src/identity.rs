//! Who owns what, in memory: tenants own accounts, accounts own containers.

use crate::acl::PublicContainers;
use crate::catalog::Snapshot;
use crate::error::Result;
use crate::rows::{AccountRow, AccountState, corrupt};
use crate::secrets::{SecretOf, Secrets};
use greenroom_model::{AccountName, TenantName};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// An account, with keys that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The secret that signs an account's requests; 64 bytes as Azure makes them, other lengths are taken too. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountKey(Zeroizing<Vec<u8>>);

/// All of it: every request asks who signs it.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    pub tenants: BTreeSet<TenantName>,
    pub accounts: BTreeMap<AccountName, Known>,
}

/// What is known of an account.
#[derive(Debug)]
pub(crate) enum Known {
    Open(Arc<AccountRecord>),
    /// Whose it is, and no more: its keys are sealed, and nobody here opens them.
    Closed(TenantName),
}

impl Identities {
    pub(crate) fn load(snapshot: &Snapshot, secrets: &Secrets) -> Result<Self> {
        let tenant = |name| TenantName::new(name).map_err(|error| corrupt(&error.to_string()));
        let tenants = snapshot.tenants()?.into_iter().map(tenant).collect::<Result<_>>()?;
        let accounts = snapshot.accounts()?.into_iter();
        let accounts = accounts.map(|row| (row.name.clone(), Known::of(row, secrets))).collect();
        Ok(Self { tenants, accounts })
    }
}

impl Known {
    pub(crate) fn of(row: AccountRow, secrets: &Secrets) -> Self {
        let tenant = row.tenant.clone();
        AccountRecord::of(row, secrets).map_or(Known::Closed(tenant), |record| Known::Open(Arc::new(record)))
    }

    pub(crate) fn record(&self) -> Option<&Arc<AccountRecord>> {
        match self {
            Known::Open(record) => Some(record),
            Known::Closed(_) => None,
        }
    }

    pub(crate) fn tenant(&self) -> &TenantName {
        match self {
            Known::Open(record) => &record.tenant,
            Known::Closed(tenant) => tenant,
        }
    }
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

    /// As it is kept. Err: `SecretSealed`.
    pub(crate) fn of(row: AccountRow, secrets: &Secrets) -> Result<Self> {
        let AccountRow { name, tenant, key, second_key, state, public_containers, generation } = row;
        let open = |number, kept| secrets.open(&SecretOf::key(&name, number), kept).map(AccountKey);
        let key = open(1, &key)?;
        let second_key = second_key.as_ref().map(|kept| open(2, kept)).transpose()?;
        Ok(Self { name, tenant, key, second_key, state, public_containers, generation })
    }

    /// As it is to be kept.
    pub(crate) fn row(&self, secrets: &Secrets) -> AccountRow {
        let Self { name, tenant, key, second_key, state, public_containers, generation } = self.clone();
        let keep = |number, key: AccountKey| secrets.keep(&SecretOf::key(&name, number), key.as_bytes());
        let (key, second_key) = (keep(1, key), second_key.map(|key| keep(2, key)));
        AccountRow { name, tenant, key, second_key, state, public_containers, generation }
    }
}

impl AccountKey {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
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
