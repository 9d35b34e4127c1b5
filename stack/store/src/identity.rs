//! Who owns what: tenants own accounts, accounts own containers.

use greenroom_model::{AccountName, TenantName};
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRecord {
    pub name: AccountName,
    pub tenant: TenantName,
    pub key: AccountKey,
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
