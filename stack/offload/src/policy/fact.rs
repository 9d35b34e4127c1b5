//! What the planner is told of a blob.

use crate::format::footer::{Key, Place};
use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch.
pub type Micros = i64;

/// What a client has asked for, by Azure's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    Hot,
    Cool,
    Cold,
    Archive,
}

/// Where a blob's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    Flash,
    /// In both: flash can be freed at once.
    Both(Place),
    Cloud(Place),
}

/// A blob as the planner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub key: Key,
    pub etag: String,
    /// That its content takes on flash, or would take.
    pub bytes: u64,
    /// Last read or write, whichever is later.
    pub used: Micros,
    /// Set by a client; `None` leaves it to us.
    pub tier: Option<Tier>,
    pub place: Where,
}
