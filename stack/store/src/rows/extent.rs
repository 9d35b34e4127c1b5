//! What is referred to of an extent.

use serde::{Deserialize, Serialize};

/// What the catalog knows of an extent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtentRow {
    /// Bytes, frame headers included, that the catalog refers to.
    pub live: u64,
    /// Where the last piece that the catalog ever referred to ends: nothing behind it was ever acknowledged.
    pub end: u64,
}
