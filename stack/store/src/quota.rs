//! What may be stored, and whether more is within it: pure.

use crate::error::{Result, StoreError};
use crate::usage::{Held, Owner, TenantUsage};
use greenroom_model::tenancy::{ContainerPlace, Quota};
use greenroom_model::{AccountName, TenantName};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

/// All quotas that hold. What is not named is not bounded.
#[derive(Debug, Clone, Default)]
pub struct Quotas {
    pub tenants: HashMap<TenantName, Quota>,
    pub projects: Vec<Project>,
    pub containers: HashMap<ContainerPlace, Quota>,
    /// The project of an account, by its number.
    pub project_of: HashMap<AccountName, usize>,
}

/// Accounts that share a quota.
#[derive(Debug, Clone)]
pub struct Project {
    pub name: String,
    pub quota: Quota,
    pub accounts: Vec<AccountName>,
}

/// Quotas as they hold now; they change while the store is open.
pub(crate) type SharedQuotas = Arc<RwLock<Arc<Quotas>>>;

/// By how much an operation would make more of what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Growth {
    pub bytes: i128,
    pub blobs: i128,
}

impl Growth {
    pub fn from(was: TenantUsage, is: TenantUsage) -> Self {
        let grown = |was: u64, is: u64| i128::from(is) - i128::from(was);
        Self {
            bytes: grown(was.counted_bytes(), is.counted_bytes()),
            blobs: grown(was.counted_blobs(), is.counted_blobs()),
        }
    }
}

impl Quotas {
    pub(crate) fn are_none(&self) -> bool {
        let Self { tenants, projects, containers, project_of: _ } = self;
        tenants.is_empty() && projects.is_empty() && containers.is_empty()
    }

    /// What makes nothing grow is always affordable: deletes go on above a quota too. Err: `QuotaReached`.
    pub(crate) fn afford(&self, owner: &Owner, growth: Growth, stored: &Held) -> Result<()> {
        if growth.bytes <= 0 && growth.blobs <= 0 {
            return Ok(());
        }
        if let Some(quota) = self.tenants.get(&owner.tenant) {
            check(quota, &stored.tenant(&owner.tenant), growth, || format!("tenant {}", owner.tenant))?;
        }
        if let Some(project) = self.project_of.get(&owner.account).and_then(|number| self.projects.get(*number)) {
            let used = project.accounts.iter().map(|account| stored.account(account));
            let used = used.fold(TenantUsage::default(), TenantUsage::plus);
            check(&project.quota, &used, growth, || format!("project {}", project.name))?;
        }
        let place = ContainerPlace { account: owner.account.clone(), container: owner.container.clone() };
        if let Some(quota) = self.containers.get(&place) {
            check(quota, &stored.container(owner.id), growth, || format!("container {}", owner.container))?;
        }
        Ok(())
    }
}

fn check(quota: &Quota, used: &TenantUsage, growth: Growth, scope: impl FnOnce() -> String) -> Result<()> {
    let over = |limit: Option<u64>, used: u64, growth: i128| {
        limit.filter(|limit| growth > 0 && i128::from(used) + growth > i128::from(*limit)).map(|limit| (limit, used))
    };
    let bytes = over(quota.bytes.map(|bytes| bytes.0), used.counted_bytes(), growth.bytes);
    let blobs = over(quota.blobs, used.counted_blobs(), growth.blobs);
    let (what, (limit, used)) = match (bytes, blobs) {
        (None, None) => return Ok(()),
        (Some(bytes), _) => ("bytes", bytes),
        (None, Some(blobs)) => ("blobs", blobs),
    };
    Err(StoreError::QuotaReached { scope: scope(), what, limit, used })
}
