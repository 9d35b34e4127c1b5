//! What readers see: the catalog as it was at one moment.

use super::tables::*;
use crate::block::{Block, BlockId};
use crate::clock::Timestamp;
use crate::error::{Result, StoreError};
use crate::keys::DataKeyRecord;
use crate::rows::*;
use greenroom_model::{AccountName, ContainerPath};
use redb::{ReadTransaction, ReadableTable};

pub struct Snapshot {
    pub(crate) txn: ReadTransaction,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot")
    }
}

impl Snapshot {
    pub(super) fn new(txn: ReadTransaction) -> Self {
        Self { txn }
    }

    pub fn books(&self) -> Result<super::books::Books> {
        super::books::Books::load(&self.txn)
    }

    /// Drafts aside: nobody has deleted what is in them.
    pub fn is_swept(&self) -> Result<bool> {
        for item in self.txn.open_table(GARBAGE)?.iter()? {
            if !matches!(decode(item?.1.value())?, GarbageRow::Draft(_)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub fn audit(&self) -> Result<Option<AuditRow>> {
        self.txn.open_table(HEAD)?.get(AUDIT_KEY)?.map(|row| decode(row.value())).transpose()
    }

    pub fn tenants(&self) -> Result<Vec<String>> {
        self.txn.open_table(TENANTS)?.iter()?.map(|item| Ok(item?.0.value().to_owned())).collect()
    }

    pub fn accounts(&self) -> Result<Vec<AccountRow>> {
        self.txn.open_table(ACCOUNTS)?.iter()?.map(|item| decode(item?.1.value())).collect()
    }

    pub fn account(&self, name: &AccountName) -> Result<Option<AccountRow>> {
        self.txn.open_table(ACCOUNTS)?.get(name.as_str())?.map(|row| decode(row.value())).transpose()
    }

    /// By their numbers.
    pub fn data_keys(&self) -> Result<Vec<DataKeyRecord>> {
        DataKeyRecord::all(&self.txn.open_table(KEYS)?)
    }

    pub fn data_key(&self, number: u32) -> Result<Option<DataKeyRow>> {
        self.txn.open_table(KEYS)?.get(number)?.map(|row| decode(row.value())).transpose()
    }

    pub fn container(&self, path: &ContainerPath) -> Result<ContainerRow> {
        let row = self.txn.open_table(CONTAINERS)?.get(container_key(path).as_slice())?;
        row.map_or(Err(StoreError::ContainerMissing), |row| decode(row.value()))
    }

    pub fn blob(&self, key: &[u8]) -> Result<Option<BlobRow>> {
        self.txn.open_table(BLOBS)?.get(key)?.map(|row| decode(row.value())).transpose()
    }

    pub fn blob_snapshot(&self, set: u64, time: Timestamp) -> Result<Option<BlobRow>> {
        self.txn.open_table(SNAPSHOTS)?.get((set, time.0))?.map(|row| decode(row.value())).transpose()
    }

    pub fn staging(&self, key: &[u8]) -> Result<Option<StagingRow>> {
        self.txn.open_table(STAGINGS)?.get(key)?.map(|row| decode(row.value())).transpose()
    }

    pub fn staged_block(&self, staging: u64, id: &BlockId) -> Result<Option<StagedRow>> {
        self.txn.open_table(STAGED)?.get((staging, id.as_bytes()))?.map(|row| decode(row.value())).transpose()
    }

    /// Staged blocks by id; `None` where nothing was ever staged since the last commit.
    pub fn staged(&self, key: &[u8]) -> Result<Option<Vec<Block>>> {
        let Some(staging) = self.staging(key)? else { return Ok(None) };
        let mut blocks = Vec::with_capacity(staging.blocks as usize);
        for item in self.txn.open_table(STAGED)?.range(staged_range(staging.id))? {
            let (key, row) = item?;
            let id = BlockId::new(key.value().1).ok_or_else(|| corrupt("a staged block has no good id"))?;
            blocks.push(Block { id, length: decode::<StagedRow>(row.value())?.length });
        }
        Ok(Some(blocks))
    }
}
