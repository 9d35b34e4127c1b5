//! Accounts: whose they are, what signs their requests, and the settings of their service.

use super::secret::KeptSecret;
use crate::acl::PublicContainers;
use greenroom_model::{AccountName, TenantName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    pub name: AccountName,
    pub tenant: TenantName,
    pub key: KeptSecret,
    pub second_key: Option<KeptSecret>,
    pub state: AccountState,
    pub public_containers: PublicContainers,
    pub generation: u64,
}

/// Whether an account's requests are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountState {
    #[default]
    Enabled,
    Disabled,
}

/// A section's name, and what it says.
pub type ServiceSettings = BTreeMap<String, String>;
