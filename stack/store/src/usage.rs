//! How much is stored, and for whom.

use crate::billing;
use greenroom_model::feed::FEED_CONTAINER;
use greenroom_model::{AccountName, ContainerName, TenantName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of the data folder's extents and catalog, dead space included.
    pub flash_used_bytes: u64,
    pub flash_capacity_bytes: u64,
    /// Of these, what rows refer to, and the catalog.
    pub flash_live_bytes: u64,
    /// Promised to content that is on its way in, and not used yet.
    pub flash_promised_bytes: u64,
    /// Blobs whose content is in the cloud, and their bytes.
    pub placed_blobs: u64,
    pub placed_bytes: u64,
    /// Transactions that changed something, since the store was opened.
    pub changes: u64,
    /// Most rows of page lists that one of these has touched: all others had to wait for it.
    pub rows_a_change_max: usize,
    /// Reads of content that failed since the store was opened: damaged, or not given by the disk. The log names the blobs.
    pub read_faults: u64,
    pub tenants: BTreeMap<TenantName, TenantUsage>,
    /// Of the accounts whose changes are told.
    pub outboxes: BTreeMap<AccountName, OutboxUsage>,
}

/// What is told of an account's changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxUsage {
    /// Events since the store was opened, or since they are told.
    pub events: u64,
    /// Those that somebody does not have yet.
    pub waiting: u64,
}

/// Whose something is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    pub tenant: TenantName,
    pub account: AccountName,
    pub container: ContainerName,
    /// The container's own: a deleted one of the same name has another.
    pub id: u64,
}

impl Owner {
    /// Whether it is a client's: what the system writes there for itself counts for neither tenant nor account, and is no news.
    pub fn is_clients(&self) -> bool {
        self.container.as_str() != FEED_CONTAINER
    }
}

/// What is stored for a tenant, each thing as if it were alone: content that copies and snapshots share counts for each of them. What a
/// deleted container held counts until it is removed, which takes moments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantUsage {
    /// Committed blobs and snapshots.
    pub blobs: u64,
    pub bytes: u64,
    /// Blocks that no list has committed yet.
    pub staged_blocks: u64,
    pub staged_bytes: u64,
    /// Of the blobs, those whose content is in the cloud, be it on flash as well or not.
    pub cloud_blobs: u64,
    pub cloud_bytes: u64,
    /// Bytes of those whose content is in the cloud only.
    pub cloud_only_bytes: u64,
    /// What is kept besides content: names, metadata, tags, block lists, see `billing`.
    pub record_bytes: u64,
    /// Of the blobs, those that are mirrored, and their bytes at the origin. A quota counts of them what is cached.
    pub mirrored_blobs: u64,
    pub mirrored_bytes: u64,
}

impl TenantUsage {
    /// What a quota of bytes counts.
    pub fn counted_bytes(self) -> u64 {
        self.bytes + self.staged_bytes + self.record_bytes + self.staged_blocks * billing::BLOCK_BYTES
    }

    /// What a quota of blobs counts.
    pub fn counted_blobs(self) -> u64 {
        self.blobs.saturating_sub(self.mirrored_blobs)
    }

    /// Bytes whose content is on flash, uncommitted blocks included.
    pub fn flash_bytes(self) -> u64 {
        (self.bytes + self.staged_bytes).saturating_sub(self.cloud_only_bytes)
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            blobs: self.blobs + other.blobs,
            bytes: self.bytes + other.bytes,
            staged_blocks: self.staged_blocks + other.staged_blocks,
            staged_bytes: self.staged_bytes + other.staged_bytes,
            cloud_blobs: self.cloud_blobs + other.cloud_blobs,
            cloud_bytes: self.cloud_bytes + other.cloud_bytes,
            cloud_only_bytes: self.cloud_only_bytes + other.cloud_only_bytes,
            record_bytes: self.record_bytes + other.record_bytes,
            mirrored_blobs: self.mirrored_blobs + other.mirrored_blobs,
            mirrored_bytes: self.mirrored_bytes + other.mirrored_bytes,
        }
    }

    /// What is left without `other`; nothing goes below zero, should a count have been wrong once.
    pub fn minus(self, other: Self) -> Self {
        Self {
            blobs: self.blobs.saturating_sub(other.blobs),
            bytes: self.bytes.saturating_sub(other.bytes),
            staged_blocks: self.staged_blocks.saturating_sub(other.staged_blocks),
            staged_bytes: self.staged_bytes.saturating_sub(other.staged_bytes),
            cloud_blobs: self.cloud_blobs.saturating_sub(other.cloud_blobs),
            cloud_bytes: self.cloud_bytes.saturating_sub(other.cloud_bytes),
            cloud_only_bytes: self.cloud_only_bytes.saturating_sub(other.cloud_only_bytes),
            record_bytes: self.record_bytes.saturating_sub(other.record_bytes),
            mirrored_blobs: self.mirrored_blobs.saturating_sub(other.mirrored_blobs),
            mirrored_bytes: self.mirrored_bytes.saturating_sub(other.mirrored_bytes),
        }
    }
}

/// What is stored, and for whom: added up for each.
#[derive(Debug, Clone, Default)]
pub struct Held {
    pub tenants: BTreeMap<TenantName, TenantUsage>,
    pub containers: BTreeMap<u64, (Owner, TenantUsage)>,
    /// The sums of that by account.
    pub accounts: BTreeMap<AccountName, TenantUsage>,
    /// Known while a store is open.
    pub outboxes: BTreeMap<AccountName, OutboxUsage>,
}

impl Held {
    pub fn tenant(&self, tenant: &TenantName) -> TenantUsage {
        self.tenants.get(tenant).copied().unwrap_or_default()
    }

    pub fn account(&self, account: &AccountName) -> TenantUsage {
        self.accounts.get(account).copied().unwrap_or_default()
    }

    pub fn container(&self, id: u64) -> TenantUsage {
        self.containers.get(&id).map(|(_, used)| *used).unwrap_or_default()
    }

    pub fn add(&mut self, owner: &Owner, more: TenantUsage) {
        if owner.is_clients() {
            let tenant = self.tenants.entry(owner.tenant.clone()).or_default();
            *tenant = tenant.plus(more);
            let account = self.accounts.entry(owner.account.clone()).or_default();
            *account = account.plus(more);
        }
        let (_, held) = self.containers.entry(owner.id).or_insert_with(|| (owner.clone(), TenantUsage::default()));
        *held = held.plus(more);
    }
}
