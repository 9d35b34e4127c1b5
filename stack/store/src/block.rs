//! Blocks: the parts of which a large blob is put together.

use serde::{Deserialize, Serialize};

/// Longest block id, decoded. Source: Microsoft, "Put Block".
pub const BLOCK_ID_BYTES_MAX: usize = 64;
/// Most blocks of a committed blob. Source: Microsoft, "Put Block List".
pub const COMMITTED_BLOCKS_MAX: usize = 50_000;
/// Most blocks staged for a blob at a time. Source: Microsoft, "Put Block".
pub const STAGED_BLOCKS_MAX: usize = 100_000;

/// A block's id as bytes: what the client's Base64 text decodes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockId(Vec<u8>);

impl BlockId {
    /// `None` for an id that is empty or longer than 64 bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = bytes.into();
        (1..=BLOCK_ID_BYTES_MAX).contains(&bytes.len()).then_some(Self(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Where a block list takes a block from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockSource {
    Committed,
    Uncommitted,
    /// The staged one, or else the committed one.
    Latest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub id: BlockId,
    pub length: u64,
}

/// Committed blocks in content order, staged ones ordered by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockList {
    /// `None` while the blob has no committed content.
    pub blob: Option<crate::props::BlobProps>,
    pub committed: Vec<Block>,
    pub uncommitted: Vec<Block>,
}
