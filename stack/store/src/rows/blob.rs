//! Blobs and their snapshots.

use super::encoding::corrupt;
use crate::billing;
use crate::block::BlockId;
use crate::clock::Timestamp;
use crate::cloud::{At, CloudPlace, Placed, Whereabouts};
use crate::error::{Result, StoreError};
use crate::piece::Piece;
use crate::props::BlobProps;
use crate::usage::TenantUsage;
use serde::{Deserialize, Serialize};

/// Longer lists are kept in rows of their own: a listing reads blob rows, and should not read these with them.
pub const LIST_HERE_MAX: usize = 16;
/// Keeps rows of long lists well below 100 KB, which other engines may ask for: a piece takes up to 21 bytes, a block 87.
pub const PIECES_A_ROW: usize = 2_048;
pub const BLOCKS_A_ROW: usize = 512;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BlobRow {
    pub props: BlobProps,
    pub pieces: List<Piece>,
    pub blocks: List<CommittedBlock>,
    /// The set that its snapshots form, while there are any.
    pub snapshots: Option<u64>,
    /// Where the content is besides flash; without pieces it is there only.
    pub at: At,
    /// Counts the changes of what is said of the blob.
    pub revision: u32,
    /// When it was last read, as far as that has been written down.
    pub used: Timestamp,
    /// What is kept of it elsewhere, its name and its blocks, as `billing` counts it.
    pub beside: u64,
}

impl BlobRow {
    pub fn new(props: BlobProps, pieces: List<Piece>, blocks: List<CommittedBlock>, snapshots: Option<u64>) -> Self {
        Self { props, pieces, blocks, snapshots, at: At::Flash, revision: 0, used: Timestamp::default(), beside: 0 }
    }

    pub fn whereabouts(&self) -> Whereabouts {
        let here = self.props.length == 0 || self.pieces != List::Here(Vec::new());
        match (&self.at, here) {
            (At::Flash, _) => Whereabouts::Flash,
            (At::Cloud(placed), true) => Whereabouts::Both(placed.place),
            (At::Cloud(placed), false) => Whereabouts::Cloud(placed.place),
            (At::Origin(_), true) => Whereabouts::Cached,
            (At::Origin(_), false) => Whereabouts::Origin,
        }
    }

    pub fn placed(&self) -> Option<Placed> {
        match &self.at {
            At::Cloud(placed) => Some(*placed),
            At::Flash | At::Origin(_) => None,
        }
    }

    /// Its ETag where it is mirrored from.
    pub fn origin(&self) -> Option<&str> {
        match &self.at {
            At::Origin(etag) => Some(etag),
            At::Flash | At::Cloud(_) => None,
        }
    }

    /// Err: `InCloud` where the content is not on flash.
    pub fn on_flash(&self) -> Result<()> {
        if self.whereabouts().is_elsewhere() { Err(StoreError::InCloud) } else { Ok(()) }
    }

    /// What it counts for.
    pub fn usage(&self) -> TenantUsage {
        // What is mirrored counts as far as it takes room here.
        let bytes = if self.whereabouts() == Whereabouts::Origin { 0 } else { self.props.length };
        let (cloud_blobs, cloud_bytes, cloud_only_bytes) = match self.whereabouts() {
            Whereabouts::Flash | Whereabouts::Cached | Whereabouts::Origin => (0, 0, 0),
            Whereabouts::Both(_) => (1, bytes, 0),
            Whereabouts::Cloud(_) => (1, bytes, bytes),
        };
        let record_bytes = self.record_bytes();
        let (mirrored_blobs, mirrored_bytes) = if self.origin().is_some() { (1, self.props.length) } else { (0, 0) };
        TenantUsage {
            blobs: 1,
            bytes,
            cloud_blobs,
            cloud_bytes,
            cloud_only_bytes,
            record_bytes,
            mirrored_blobs,
            mirrored_bytes,
            ..TenantUsage::default()
        }
    }

    /// What is kept of it besides its content.
    pub fn record_bytes(&self) -> u64 {
        if self.origin().is_some() { 0 } else { self.props.record_bytes() + self.beside }
    }

    pub fn place(&self) -> Option<CloudPlace> {
        self.placed().map(|placed| placed.place)
    }

    /// The number of a page blob's list.
    pub fn page_list(&self) -> Result<u64> {
        match self.pieces {
            List::Rows(list) => Ok(list),
            List::Here(_) => Err(corrupt("a page blob has no list of pages")),
        }
    }
}

/// What is kept of a blob under its name, and in a list of so many blocks.
pub fn beside(name: &str, blocks: usize) -> u64 {
    billing::name_bytes(name) + billing::BLOCK_BYTES * blocks as u64
}

/// A list that lies in its row while it is short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum List<T> {
    Here(Vec<T>),
    /// In the table of its kind, under this number.
    Rows(u64),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedBlock {
    pub id: BlockId,
    pub length: u64,
    pub crc64: u64,
}
