//! How much is stored, and for whom.

use greenroom_model::TenantName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of the data folder's extents and catalog, dead space included.
    pub flash_used_bytes: u64,
    pub flash_capacity_bytes: u64,
    pub tenants: BTreeMap<TenantName, TenantUsage>,
}

/// Committed blobs. Those of a deleted container count until they are removed, which takes moments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantUsage {
    pub blobs: u64,
    pub bytes: u64,
}
