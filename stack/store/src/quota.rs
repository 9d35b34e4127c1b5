//! What may be stored: asked within the transaction that stores it, by the one writer, so that no two can both take the last byte.

use crate::block::BlockId;
use crate::catalog::Txn;
use crate::catalog::books::Held;
use crate::catalog::row::{BlobRow, blob_key};
use crate::error::{Result, StoreError};
use crate::store::Store;
use crate::usage::TenantUsage;
use greenroom_model::tenancy::{ContainerPlace, Quota};
use greenroom_model::{AccountName, BlobPath, ContainerName, TenantName};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Whose something is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    pub tenant: TenantName,
    pub account: AccountName,
    pub container: ContainerName,
    /// The container's own: a deleted one of the same name has another.
    pub id: u64,
}

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

impl Store {
    /// These hold from now on. Nothing that is stored is touched.
    pub fn set_quotas(&self, quotas: Quotas) {
        *self.quotas().write().unwrap_or_else(PoisonError::into_inner) = Arc::new(quotas);
    }
}

/// What content is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept<'a> {
    /// A blob, in the place of what there is.
    Blob,
    Block(&'a BlockId),
    /// Pages of a blob, whose length counts whatever is in it.
    Pages,
}

impl Store {
    /// Whether content of so many bytes would be within all quotas, as things stand: before it comes, so that none is taken in for
    /// nothing. It is asked again where it is kept. Err: `ContainerMissing`, `QuotaReached`.
    pub fn foresee(&self, path: &BlobPath, kept: Kept<'_>, length: u64) -> Result<()> {
        let quotas = self.quotas().read().unwrap_or_else(PoisonError::into_inner).clone();
        if quotas.are_none() || kept == Kept::Pages {
            return Ok(());
        }
        let snapshot = self.snapshot()?;
        let owner = snapshot.container(&path.container)?.tenant;
        let key = blob_key(owner.id, path.name.as_str());
        let gone = match kept {
            Kept::Blob => {
                let (old, staged) = (snapshot.blob(&key)?, snapshot.staging(&key)?);
                let growth = i128::from(old.is_none());
                let gone = old.map_or(0, |old| old.props.length) + staged.map_or(0, |staging| staging.bytes);
                Growth { bytes: -i128::from(gone), blobs: growth }
            }
            Kept::Block(id) => {
                let old = snapshot.staging(&key)?.map(|staging| snapshot.staged_block(staging.id, id));
                let old = old.transpose()?.flatten();
                Growth { bytes: -i128::from(old.map_or(0, |old| old.length)), blobs: 0 }
            }
            Kept::Pages => Growth { bytes: 0, blobs: 0 },
        };
        let growth = Growth { bytes: i128::from(length) + gone.bytes, ..gone };
        self.with_stored(|stored| quotas.afford(&owner, growth, stored))
    }
}

impl Quotas {
    fn are_none(&self) -> bool {
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

impl Txn<'_> {
    /// Asks for room for a blob in the place of `old` and of what is staged for it. To be asked before anything is written.
    pub(crate) fn afford_blob(&self, owner: &Owner, key: &[u8], old: Option<&BlobRow>, length: u64) -> Result<()> {
        let staged = self.staging(key)?.map_or(0, |staging| staging.bytes);
        let gone = i128::from(old.map_or(0, |old| old.props.length)) + i128::from(staged);
        self.afford(owner, Growth { bytes: i128::from(length) - gone, blobs: i128::from(old.is_none()) })
    }

    /// As `Quotas::afford`, by the books of this very moment.
    pub(crate) fn afford(&self, owner: &Owner, growth: Growth) -> Result<()> {
        let quotas = self.books.quotas.read().unwrap_or_else(PoisonError::into_inner).clone();
        quotas.afford(owner, growth, &self.books.held)
    }
}

fn check(quota: &Quota, used: &TenantUsage, growth: Growth, scope: impl FnOnce() -> String) -> Result<()> {
    let over = |limit: Option<u64>, used: u64, growth: i128| {
        limit.filter(|limit| growth > 0 && i128::from(used) + growth > i128::from(*limit)).map(|limit| (limit, used))
    };
    let bytes = over(quota.bytes.map(|bytes| bytes.0), used.bytes + used.staged_bytes, growth.bytes);
    let blobs = over(quota.blobs, used.blobs, growth.blobs);
    let (what, (limit, used)) = match (bytes, blobs) {
        (None, None) => return Ok(()),
        (Some(bytes), _) => ("bytes", bytes),
        (None, Some(blobs)) => ("blobs", blobs),
    };
    Err(StoreError::QuotaReached { scope: scope(), what, limit, used })
}
