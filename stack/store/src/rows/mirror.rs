//! What is mirrored here, and how far.

use super::secret::KeptSecret;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorRow {
    /// What they mean is for others to say.
    pub settings: String,
    /// What authorises at the origin.
    pub secret: Option<KeptSecret>,
    pub place: MirrorPlace,
}

/// How far a mirror has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorPlace {
    /// In the origin's change feed, in the reader's own words; empty before it was looked for.
    pub cursor: Vec<u8>,
    /// All that happened there before is here: microseconds since the epoch.
    pub complete_us: i64,
    /// When the last complete list began; 0 for none.
    pub listed_us: i64,
}

/// A container that a mirror has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirroredRow {
    pub account: String,
    pub container: String,
    pub mirror: String,
    /// What it is called there.
    pub there: String,
}
