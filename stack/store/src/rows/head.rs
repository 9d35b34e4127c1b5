//! What the catalog knows of itself, of the log of its volume and of the audit log.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};

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
