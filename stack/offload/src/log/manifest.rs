//! A manifest: what one commit changes.

use super::ranges::Ranges;
use crate::error::Result;
use crate::format::document::{self, Kind};
use crate::format::segment::SegmentInfo;
use crate::hash::Hash;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// One more than that of the manifest before; the first is 1.
    pub number: u64,
    /// Grows by one each time a writer takes the volume over, and never shrinks.
    pub epoch: u64,
    /// Random, of the process that wrote it: two writers never write the same bytes.
    pub writer: String,
    /// Hash of the whole manifest before, as it lies in the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Hash>,
    /// The writer's clock, in microseconds since the Unix epoch.
    pub at: i64,
    /// How far the audit log beside the writer's catalog had come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditHead>,
    #[serde(flatten)]
    pub change: Change,
}

/// An entry of an audit log: a log that lacks it, or has another in its place, was cut or written anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    pub seq: u64,
    pub hash: String,
}

/// In the order in which it takes effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    /// Segments whose recipes count from now on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<SegmentInfo>,
    /// Recipes that count no more: their blobs were deleted or overwritten, or have a newer recipe.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<Dead>,
    /// No recipe that counts uses a chunk of the lender any more, although the borrower's footer names some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unborrow: Vec<Unborrow>,
    /// Segments that nothing needs. They are removed after a grace period, and can never be added again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub condemn: Vec<Hash>,
    /// Condemned segments that have been removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<Hash>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dead {
    pub segment: Hash,
    pub recipes: Ranges,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unborrow {
    pub borrower: Hash,
    pub lender: Hash,
}

impl Change {
    pub fn is_empty(&self) -> bool {
        *self == Change::default()
    }
}

impl Manifest {
    pub fn encode(&self) -> Result<Vec<u8>> {
        document::encode(Kind::Manifest, self)
    }

    pub fn decode(bytes: &[u8], object: &str) -> Result<Self> {
        document::decode(Kind::Manifest, bytes, object)
    }
}
