//! Quotas are asked within the transaction that stores something, by the one writer, so that no two can both take the last byte; and
//! before content comes, so that none is taken in for nothing.

use crate::block::BlockId;
use crate::catalog::Txn;
use crate::error::Result;
use crate::props::BlobDraft;
use crate::quota::{Growth, Quotas};
use crate::rows::{BlobRow, StagedRow, StagingRow, beside, blob_key, blob_name};
use crate::store::Store;
use crate::usage::{Owner, TenantUsage};
use greenroom_model::BlobPath;
use std::sync::{Arc, PoisonError};

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
    /// These hold from now on. Nothing that is stored is touched.
    pub fn set_quotas(&self, quotas: Quotas) {
        *self.quotas().write().unwrap_or_else(PoisonError::into_inner) = Arc::new(quotas);
    }

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
                let gone = gone(snapshot.blob(&key)?.as_ref(), snapshot.staging(&key)?.as_ref());
                let name = beside(path.name.as_str(), 0);
                Growth::from(gone, TenantUsage { blobs: 1, record_bytes: name, ..TenantUsage::default() })
            }
            Kept::Block(id) => {
                let old = snapshot.staging(&key)?.map(|staging| snapshot.staged_block(staging.id, id));
                let old = old.transpose()?.flatten();
                let one = |block: StagedRow| TenantUsage {
                    staged_blocks: 1,
                    staged_bytes: block.length,
                    ..TenantUsage::default()
                };
                let new = TenantUsage { staged_blocks: 1, ..TenantUsage::default() };
                Growth::from(old.map_or_else(TenantUsage::default, one), new)
            }
            Kept::Pages => Growth { bytes: 0, blobs: 0 },
        };
        let growth = Growth { bytes: i128::from(length) + gone.bytes, ..gone };
        self.with_stored(|stored| quotas.afford(&owner, growth, stored))
    }
}

/// What goes when a blob takes the place of `old`, and of what is staged for it.
fn gone(old: Option<&BlobRow>, staged: Option<&StagingRow>) -> TenantUsage {
    let old = old.map_or_else(TenantUsage::default, BlobRow::usage);
    old.plus(staged.map_or_else(TenantUsage::default, StagingRow::usage))
}

impl Txn<'_> {
    /// Asks for room for a blob in the place of `old` and of what is staged for it. To be asked before anything is written.
    pub(crate) fn afford_blob(&self, owner: &Owner, key: &[u8], old: Option<&BlobRow>, new: &New<'_>) -> Result<()> {
        let record_bytes = new.draft.record_bytes() + beside(blob_name(key)?, new.blocks);
        let new = TenantUsage { blobs: 1, bytes: new.length, record_bytes, ..TenantUsage::default() };
        self.afford(owner, Growth::from(gone(old, self.staging(key)?.as_ref()), new))
    }

    /// As `Quotas::afford`, by the books of this very moment.
    pub(crate) fn afford(&self, owner: &Owner, growth: Growth) -> Result<()> {
        let quotas = self.books.quotas.read().unwrap_or_else(PoisonError::into_inner).clone();
        quotas.afford(owner, growth, &self.books.held)
    }
}

/// A blob that is about to be written.
pub(crate) struct New<'a> {
    pub draft: &'a BlobDraft,
    pub length: u64,
    /// In its list.
    pub blocks: usize,
}
