//! Pages: the parts of which a page blob is put together, and what is asked and told of them.

use crate::error::{Result, StoreError};
use crate::props::HttpHeaders;
use std::ops::Range;

pub const PAGE_BYTES: u64 = 512;
/// Source: Microsoft, "Scalability and performance targets for Blob storage".
pub const PAGE_BLOB_BYTES_MAX: u64 = 8 << 40;
/// Rows that a page blob may take in the catalog: what copying it, or reading it at once, goes through. Writes that follow each other
/// share a row, so only ones strewn about come near it.
pub const PAGE_RUNS_MAX: u32 = 1 << 18;

/// What a write demands of the blob's sequence number. The default demands nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageSequence {
    pub at_most: Option<u64>,
    pub below: Option<u64>,
    pub equals: Option<u64>,
}

/// A change of what is said of a page blob, its length included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageUpdate {
    /// What lies beyond is let go of; what is gained reads as zeros.
    pub length: Option<u64>,
    pub sequence: Option<SequenceChange>,
    pub headers: Option<HttpHeaders>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequenceChange {
    /// To the greater of the two.
    Max(u64),
    Set(u64),
    Increment,
}

/// Where pages have been written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRanges {
    pub ranges: Vec<Range<u64>>,
    /// Where to go on, if that was not all.
    pub next: Option<u64>,
}

/// Where pages differ from what they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageChanges {
    /// In order; those of one kind neither touch nor overlap.
    pub found: Vec<PageChange>,
    /// Where to go on, if that was not all.
    pub next: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageChange {
    pub change: Change,
    pub range: Range<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Written,
    /// What was written reads as zeros now.
    Cleared,
}

impl PageSequence {
    pub fn check(self, sequence: u64) -> Result<()> {
        let at_most = self.at_most.is_none_or(|most| sequence <= most);
        let below = self.below.is_none_or(|bound| sequence < bound);
        let equals = self.equals.is_none_or(|other| sequence == other);
        if at_most && below && equals { Ok(()) } else { Err(StoreError::SequenceUnmet) }
    }
}
