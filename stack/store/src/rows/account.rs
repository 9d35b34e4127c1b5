//! Accounts: whose they are, what signs their requests, and the settings of their service.

use crate::acl::PublicContainers;
use greenroom_model::{AccountName, TenantName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

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

/// A section's name, and what it says.
pub type ServiceSettings = BTreeMap<String, String>;
