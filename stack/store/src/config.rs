//! What an operator decides about a store.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub durability: Durability,
    /// An extent is closed, and the next one begun, once it has grown past this.
    pub extent_bytes: u64,
    /// Bytes that the data folder may take; without it, what the file system has.
    pub capacity_bytes: Option<u64>,
    /// Pages of the catalog kept in memory.
    pub catalog_cache_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            durability: Durability::Disk,
            extent_bytes: 256 << 20,
            capacity_bytes: None,
            // Holds the upper levels and some hundred thousand rows, and leaves a laptop its memory.
            catalog_cache_bytes: 64 << 20,
        }
    }
}

/// When a write counts as kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Once it is synced to the disk.
    Disk,
    /// Once the operating system has it. A crash of the process loses nothing, one of the machine may lose anything: for benchmarks.
    Os,
}
