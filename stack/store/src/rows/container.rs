//! Containers, and what is left of those that are gone.

use crate::billing;
use crate::cloud::Placed;
use crate::props::ContainerProps;
use crate::usage::{Owner, TenantUsage};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContainerRow {
    /// Never used again: what is left of a deleted container cannot be mistaken for part of a new one of its name.
    pub id: u64,
    pub tenant: Owner,
    pub props: ContainerProps,
    /// Where the cloud keeps what is said of it.
    pub placed: Option<Placed>,
    pub revision: u32,
}

impl ContainerRow {
    /// What it counts for, whatever is in it.
    pub fn usage(&self) -> TenantUsage {
        let ContainerProps { metadata, acl, .. } = &self.props;
        let record_bytes = billing::container(self.tenant.container.as_str(), metadata, acl);
        TenantUsage { record_bytes, ..TenantUsage::default() }
    }
}
