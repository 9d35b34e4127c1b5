//! What deletions and overwrites leave behind.

use crate::usage::Owner;
use serde::{Deserialize, Serialize};

/// What is still to be removed.
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
    /// A list of pages that is being put together, under its own number: garbage once nobody does so any more.
    Draft(u64),
}
