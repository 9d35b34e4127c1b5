//! Blocks that no list has committed yet.

use super::blob::List;
use crate::clock::Timestamp;
use crate::encryption::Encryption;
use crate::piece::Piece;
use crate::usage::{Owner, TenantUsage};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StagingRow {
    pub id: u64,
    pub tenant: Owner,
    pub blocks: u32,
    pub bytes: u64,
    pub block_id_bytes: u8,
    /// When the last block was staged: what is left alone for a week is garbage, as on Azure.
    pub touched: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StagedRow {
    pub length: u64,
    pub crc64: u64,
    pub pieces: List<Piece>,
    /// What it is sealed by, besides its tenant's keys.
    pub encryption: Option<Encryption>,
}

impl StagingRow {
    /// What it counts for.
    pub fn usage(&self) -> TenantUsage {
        TenantUsage { staged_blocks: u64::from(self.blocks), staged_bytes: self.bytes, ..TenantUsage::default() }
    }
}
