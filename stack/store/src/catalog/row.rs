//! What the catalog's tables hold, and how a row is written: a byte for the form, postcard, and the checksum of both. The engine checks
//! its own only after a crash; a row that points to the wrong frames would serve good bytes of another blob.

use crate::block::BlockId;
use crate::clock::Timestamp;
use crate::cloud::{CloudPlace, Placed, Whereabouts};
use crate::crc::crc64;
use crate::error::{Result, StoreError};
use crate::piece::Piece;
use crate::props::{BlobProps, ContainerProps};
use crate::quota::Owner;
use crate::usage::TenantUsage;
use greenroom_model::ContainerPath;
use redb::TableDefinition;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

pub type Bytes = &'static [u8];

/// `HEAD_KEY`; `LOG_KEY` once the store offloads; `AUDIT_KEY` once something was audited.
pub const HEAD: TableDefinition<&str, Bytes> = TableDefinition::new("head");
pub const HEAD_KEY: &str = "head";
pub const LOG_KEY: &str = "log";
pub const AUDIT_KEY: &str = "audit";
pub const TENANTS: TableDefinition<&str, Bytes> = TableDefinition::new("tenants");
pub const ACCOUNTS: TableDefinition<&str, Bytes> = TableDefinition::new("accounts");
/// Settings of accounts, by account.
pub const SERVICES: TableDefinition<&str, Bytes> = TableDefinition::new("services");
/// By `container_key`.
pub const CONTAINERS: TableDefinition<Bytes, Bytes> = TableDefinition::new("containers");
/// By `blob_key`.
pub const BLOBS: TableDefinition<Bytes, Bytes> = TableDefinition::new("blobs");
/// Snapshots of blobs, by set and moment.
pub const SNAPSHOTS: TableDefinition<(u64, i64), Bytes> = TableDefinition::new("snapshots");
/// What is staged for a blob, by `blob_key`.
pub const STAGINGS: TableDefinition<Bytes, Bytes> = TableDefinition::new("stagings");
/// Staged blocks, by staging and block id.
pub const STAGED: TableDefinition<(u64, Bytes), Bytes> = TableDefinition::new("staged");
/// Parts of long piece lists, by list and by where in the content the part begins. A page blob's list has gaps, which are zeros.
pub const PIECES: TableDefinition<(u64, u64), Bytes> = TableDefinition::new("pieces");
/// Parts of long lists of committed blocks, by list and number.
pub const BLOCKS: TableDefinition<(u64, u64), Bytes> = TableDefinition::new("blocks");
pub const EXTENTS: TableDefinition<u32, Bytes> = TableDefinition::new("extents");
pub const USAGE: TableDefinition<&str, Bytes> = TableDefinition::new("usage");
/// What containers hold, by their ids: with their owners, so that it adds up for each.
pub const HELD: TableDefinition<u64, Bytes> = TableDefinition::new("held");
/// What is still to be removed, in small transactions.
pub const GARBAGE: TableDefinition<u64, Bytes> = TableDefinition::new("garbage");

/// Places in the cloud that nothing here needs any more, by `CloudPlace::key`: the cloud has yet to be told.
pub const RELEASES: TableDefinition<Bytes, Bytes> = TableDefinition::new("releases");

/// Longer lists are kept in rows of their own: a listing reads blob rows, and should not read these with them.
pub const LIST_HERE_MAX: usize = 16;
/// Keeps rows of long lists well below 100 KB, which other engines may ask for: a piece takes up to 21 bytes, a block 87.
pub const PIECES_A_ROW: usize = 2_048;
pub const BLOCKS_A_ROW: usize = 512;
/// Names and values that a client may hang on to a blob or container, encoded. Azure's own bounds are lower.
pub const PROPS_BYTES_MAX: usize = 64 << 10;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeadRow {
    /// See `migrate`, which relies on this and the next two being the first, in every format.
    pub format: u32,
    /// Ties the extents to this catalog.
    pub volume: u64,
    /// The last of each given out.
    pub etag: u64,
    pub id: u64,
    /// The volume that this store offloads to, once there is one, and the last of its manifests that the catalog has heard of.
    pub cloud: Option<CloudRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudRow {
    pub volume: [u8; 16],
    pub applied: u64,
}

/// What the catalog knows of the log of the volume, beyond `CloudRow`: of another number, it was left by a version that did not keep it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    pub number: u64,
    /// Hash of the manifest of that number.
    pub last: Option<[u8; 32]>,
    /// Hashes of manifests that this store was about to write as the next one.
    pub meant: Vec<[u8; 32]>,
    /// The last manifest that others have written, and when this store adopted it.
    pub adopted: Option<(u64, Timestamp)>,
}

/// How far the audit log has come for certain, and the hash of its entry there: a log that is cut, or written anew, has another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    pub seq: u64,
    pub hash: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContainerRow {
    /// Never used again: what is left of a deleted container cannot be mistaken for part of a new one of its name.
    pub id: u64,
    pub tenant: Owner,
    pub props: ContainerProps,
    /// Where the cloud keeps what is said of it.
    pub placed: Option<Placed>,
    pub revision: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BlobRow {
    pub props: BlobProps,
    pub pieces: List<Piece>,
    pub blocks: List<CommittedBlock>,
    /// The set that its snapshots form, while there are any.
    pub snapshots: Option<u64>,
    /// Where the content is in the cloud; without pieces it is there only.
    pub placed: Option<Placed>,
    /// Counts the changes of what is said of the blob.
    pub revision: u32,
    /// When it was last read, as far as that has been written down.
    pub used: Timestamp,
}

impl BlobRow {
    pub fn new(props: BlobProps, pieces: List<Piece>, blocks: List<CommittedBlock>, snapshots: Option<u64>) -> Self {
        Self { props, pieces, blocks, snapshots, placed: None, revision: 0, used: Timestamp::default() }
    }

    pub fn whereabouts(&self) -> Whereabouts {
        let here = self.props.length == 0 || self.pieces != List::Here(Vec::new());
        match self.placed {
            None => Whereabouts::Flash,
            Some(Placed { place, .. }) if here => Whereabouts::Both(place),
            Some(Placed { place, .. }) => Whereabouts::Cloud(place),
        }
    }

    /// Err: `InCloud` where the content is not on flash.
    pub fn on_flash(&self) -> Result<()> {
        match self.whereabouts() {
            Whereabouts::Flash | Whereabouts::Both(_) => Ok(()),
            Whereabouts::Cloud(_) => Err(StoreError::InCloud),
        }
    }

    /// What it counts for.
    pub fn usage(&self) -> TenantUsage {
        let bytes = self.props.length;
        let (cloud_blobs, cloud_bytes, cloud_only_bytes) = match self.whereabouts() {
            Whereabouts::Flash => (0, 0, 0),
            Whereabouts::Both(_) => (1, bytes, 0),
            Whereabouts::Cloud(_) => (1, bytes, bytes),
        };
        TenantUsage { blobs: 1, bytes, cloud_blobs, cloud_bytes, cloud_only_bytes, ..TenantUsage::default() }
    }

    pub fn place(&self) -> Option<CloudPlace> {
        self.placed.map(|placed| placed.place)
    }
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
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum GarbageRow {
    Container {
        id: u64,
        tenant: Owner,
    },
    Snapshots {
        set: u64,
        tenant: Owner,
    },
    Staging(u64),
    /// A list and what it lists.
    Pieces(u64),
    BlockList(u64),
}

/// Orders by account, then container, neither of which can hold the byte between them.
pub fn container_key(path: &ContainerPath) -> Vec<u8> {
    [path.account.as_str().as_bytes(), &[0], path.container.as_str().as_bytes()].concat()
}

/// Orders by container, then bytes of the name. The container's id is of fixed length, so that a name may hold any byte.
pub fn blob_key(container: u64, name: &str) -> Vec<u8> {
    [container.to_be_bytes().as_slice(), name.as_bytes()].concat()
}

/// The name in a `blob_key`.
pub fn blob_name(key: &[u8]) -> Result<&str> {
    let name = key.get(size_of::<u64>()..).and_then(|name| std::str::from_utf8(name).ok());
    name.ok_or_else(|| corrupt("a key holds no name"))
}

/// All blocks of a staging: the next staging's first possible key ends them.
pub fn staged_range(staging: u64) -> std::ops::Range<(u64, &'static [u8])> {
    (staging, &[])..(staging + 1, &[])
}

/// All snapshots of a set.
pub fn snapshot_range(set: u64) -> std::ops::RangeInclusive<(u64, i64)> {
    (set, i64::MIN)..=(set, i64::MAX)
}

const FORM: u8 = 1;

pub fn encode<T: Serialize>(row: &T) -> Vec<u8> {
    seal(postcard::to_extend(row, vec![FORM]).expect("rows are plain data, and a vector takes it all"))
}

/// Ends a row with its checksum.
fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc64 = crc64(&bytes);
    bytes.extend_from_slice(&crc64.to_le_bytes());
    bytes
}

pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    postcard::from_bytes(body(bytes)?).map_err(|error| corrupt(&error.to_string()))
}

/// What a row begins with, whatever else is in it.
pub fn decode_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    Ok(postcard::take_from_bytes(body(bytes)?).map_err(|error| corrupt(&error.to_string()))?.0)
}

/// The row with something else at its beginning, and all that follows as it was.
pub fn with_first<T: Serialize + DeserializeOwned>(bytes: &[u8], first: &T) -> Result<Vec<u8>> {
    let (_, rest) = postcard::take_from_bytes::<T>(body(bytes)?).map_err(|error| corrupt(&error.to_string()))?;
    let mut row = postcard::to_extend(first, vec![FORM]).expect("rows are plain data, and a vector takes it all");
    row.extend_from_slice(rest);
    Ok(seal(row))
}

/// A row without its form and its checksum, which are as they should be.
fn body(bytes: &[u8]) -> Result<&[u8]> {
    let Some((row, checksum)) = bytes.split_last_chunk() else { return Err(corrupt("a row is cut off")) };
    if crc64(row) != u64::from_le_bytes(*checksum) {
        return Err(corrupt("a row's checksum does not match"));
    }
    match row.split_first() {
        Some((&FORM, row)) => Ok(row),
        Some((form, _)) => Err(corrupt(&format!("a row has form {form}"))),
        None => Err(corrupt("a row is empty")),
    }
}

pub fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt { file: PathBuf::from(super::FILE), offset: 0, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_and_any_flipped_bit_in_it_is_found() {
        let good = encode(&GarbageRow::Staging(7));
        assert!(matches!(decode(&good), Ok(GarbageRow::Staging(7))));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<GarbageRow>(&bad).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            assert!(decode::<GarbageRow>(&good[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn rows_of_an_unknown_form_are_refused() {
        let mut row = vec![9, 1];
        let crc64 = crc64(&row);
        row.extend(crc64.to_le_bytes());
        assert!(decode::<GarbageRow>(&row).is_err());
    }
}
