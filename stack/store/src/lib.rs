//! Keeps blobs: a catalog of names and properties, and extents that hold the content. What is acknowledged is on disk.
//! Knows nothing of HTTP, of who may do what, or of the cloud.

#![allow(clippy::todo, dead_code, unused_variables)]

mod blob;
mod block;
mod body;
mod clock;
mod config;
mod error;
mod etag;
mod identity;
mod list;
mod precondition;
mod props;
mod usage;

pub use blob::Blob;
pub use block::{BLOCK_ID_BYTES_MAX, Block, BlockId, BlockList, BlockSource, COMMITTED_BLOCKS_MAX, STAGED_BLOCKS_MAX};
pub use body::{Body, BodyWriter};
pub use clock::{Clock, SystemClock, Timestamp};
pub use config::{Config, Durability};
pub use error::{Result, StoreError};
pub use etag::ETag;
pub use identity::{AccountKey, AccountRecord};
pub use list::{BlobPage, ContainerPage, Entry, LIST_MAX, ListQuery};
pub use precondition::{Access, ETags, Precondition, Unmet, Version};
pub use props::{BlobChange, BlobDraft, BlobProps, ContainerProps, HttpHeaders, Metadata, Tags, Tier};
pub use usage::{TenantUsage, Usage};

use greenroom_model::{AccountName, BlobPath, ContainerPath, TenantName};
use std::path::Path;
use std::sync::Arc;

/// A data folder, open. Clones are the same store.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// Opens the data folder, or makes it, and locks it.
    pub async fn open(dir: &Path, config: Config, clock: Arc<dyn Clock>) -> Result<Store> {
        todo!()
    }

    /// Finishes what is queued and joins the threads. Later calls answer `Closed`.
    pub async fn close(&self) -> Result<()> {
        todo!()
    }

    pub fn usage(&self) -> Usage {
        todo!()
    }

    /// Idempotent.
    pub async fn put_tenant(&self, tenant: TenantName) -> Result<()> {
        todo!()
    }

    pub fn tenants(&self) -> Vec<TenantName> {
        todo!()
    }

    /// Makes the account, or replaces its key. Err: `TenantMissing`, `AccountTaken`.
    pub async fn put_account(&self, account: AccountRecord) -> Result<()> {
        todo!()
    }

    pub fn account(&self, name: &AccountName) -> Option<Arc<AccountRecord>> {
        todo!()
    }

    pub fn accounts(&self) -> Vec<Arc<AccountRecord>> {
        todo!()
    }

    /// Err: `AccountMissing`, `ContainerExists`.
    pub async fn create_container(&self, path: &ContainerPath, metadata: Metadata) -> Result<ContainerProps> {
        todo!()
    }

    /// Err: `ContainerMissing`.
    pub async fn container(&self, path: &ContainerPath) -> Result<ContainerProps> {
        todo!()
    }

    /// Err: `ContainerMissing`, `ConditionNotMet`.
    pub async fn set_container_metadata(
        &self,
        path: &ContainerPath,
        metadata: Metadata,
        precondition: &Precondition,
    ) -> Result<ContainerProps> {
        todo!()
    }

    /// The name is free when this returns; the blobs under it are removed in the background.
    /// Err: `ContainerMissing`, `ConditionNotMet`.
    pub async fn delete_container(&self, path: &ContainerPath, precondition: &Precondition) -> Result<()> {
        todo!()
    }

    /// Err: `AccountMissing`.
    pub async fn list_containers(&self, account: &AccountName, query: &ListQuery) -> Result<ContainerPage> {
        todo!()
    }

    /// Begins to take content in; `length` where it is known beforehand. Err: `Full`.
    pub fn begin_body(&self, length: Option<u64>) -> Result<BodyWriter> {
        todo!()
    }

    /// Makes or overwrites a blob, and discards its staged blocks.
    /// Err: `ContainerMissing`, `ConditionNotMet`, `BlobExists`, `PropsTooLarge`.
    pub async fn put_blob(
        &self,
        path: &BlobPath,
        draft: BlobDraft,
        body: Body,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        todo!()
    }

    /// Err: `ContainerMissing`, `BlockIdLength`, `TooManyBlocks`.
    pub async fn stage_block(&self, path: &BlobPath, id: BlockId, body: Body) -> Result<()> {
        todo!()
    }

    /// Makes or overwrites a blob out of blocks, and discards all other staged ones.
    /// Err: `ContainerMissing`, `InvalidBlockList`, `TooManyBlocks`, `ConditionNotMet`, `BlobExists`, `PropsTooLarge`.
    pub async fn commit_blocks(
        &self,
        path: &BlobPath,
        draft: BlobDraft,
        list: Vec<(BlockId, BlockSource)>,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        todo!()
    }

    /// Err: `ContainerMissing`, `BlobMissing` where there is neither a blob nor a staged block.
    pub async fn block_list(&self, path: &BlobPath) -> Result<BlockList> {
        todo!()
    }

    /// Err: `ContainerMissing`, `BlobMissing`.
    pub async fn blob(&self, path: &BlobPath) -> Result<Blob> {
        todo!()
    }

    /// Err: `ContainerMissing`, `BlobMissing`, `ConditionNotMet`, `PropsTooLarge`.
    pub async fn update_blob(
        &self,
        path: &BlobPath,
        change: BlobChange,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        todo!()
    }

    /// Discards the blob and its staged blocks. Err: `ContainerMissing`, `BlobMissing`, `ConditionNotMet`.
    pub async fn delete_blob(&self, path: &BlobPath, precondition: &Precondition) -> Result<()> {
        todo!()
    }

    /// One page, by seeking: what a delimiter rolls up is skipped, not read. Err: `ContainerMissing`.
    pub async fn list_blobs(&self, container: &ContainerPath, query: &ListQuery) -> Result<BlobPage> {
        todo!()
    }
}
