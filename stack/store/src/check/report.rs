//! What a check has found.

use crate::clock::Timestamp;
use crate::usage::TenantUsage;
use greenroom_model::TenantName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// How far a check has come, in content bytes; told about once for each blob.
pub type Progress<'p> = &'p mut dyn FnMut(Counts);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub counts: Counts,
    pub damaged: Vec<Damage>,
    /// Counters that differ from what they count.
    pub miscounts: Vec<Miscount>,
    /// What each tenant's counters say, and what its rows come to.
    #[serde(default)]
    pub tenants: Vec<TenantCount>,
    /// Files that hold nothing that the catalog refers to. The server removes them on its own.
    pub idle_extents: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub containers: u64,
    pub blobs: u64,
    pub snapshots: u64,
    pub staged_blocks: u64,
    /// Blobs and snapshots whose content is in the cloud only: it is not read here.
    #[serde(default)]
    pub in_cloud: u64,
    /// Content read and checked; what several share is read for each.
    pub bytes: u64,
    /// Of these, what is sealed: it lies there as it was written, and what it says only its key can tell.
    #[serde(default)]
    pub sealed_bytes: u64,
    pub extents: u64,
    pub extent_bytes: u64,
    /// Of these, what the catalog refers to; what is shared counts once.
    pub live_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    pub what: Item,
    /// Bytes of content, where they are known.
    pub length: Option<u64>,
    /// Which of these bytes cannot be read, a frame of 128 KiB at least at a time; empty where that is not known. Past `RANGES_MAX` the
    /// last range stands for the rest.
    pub ranges: Vec<Range<u64>>,
    /// What is wrong with the first of them.
    pub why: String,
    pub proof: Proof,
}

/// Ranges that are named of one blob or block.
pub const RANGES_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Item {
    Container {
        row: String,
    },
    Blob {
        path: String,
    },
    Snapshot {
        path: String,
        time: Timestamp,
    },
    StagedBlock {
        path: String,
        id: String,
    },
    /// Names, keys and the books of the engine, which are in no row of their own.
    Catalog,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Read twice, and wrong both times, or not there at all.
    Lost,
    /// The disk would not say. It may, another time.
    Unread,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miscount {
    pub what: String,
    pub counted: u64,
    pub found: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantCount {
    pub tenant: TenantName,
    pub counted: TenantUsage,
    pub found: TenantUsage,
}

impl Report {
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && self.miscounts.is_empty()
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Container { row } => write!(f, "container {row}"),
            Item::Blob { path } => write!(f, "blob {path}"),
            Item::Snapshot { path, time } => write!(f, "snapshot {} of blob {path}", time.0),
            Item::Catalog => f.write_str("catalog"),
            Item::StagedBlock { path, id } => write!(f, "uncommitted block {id} of blob {path}"),
        }
    }
}
