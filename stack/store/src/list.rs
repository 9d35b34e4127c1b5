//! What a listing asks for and answers. The order is that of the names' UTF-8 bytes, as on Azure.

use crate::clock::Timestamp;
use crate::props::{BlobProps, ContainerProps};
use greenroom_model::{BlobName, ContainerName};

/// Most entries of a page. Source: Microsoft, "List Blobs".
pub const LIST_MAX: usize = 5_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Only names that begin so.
    pub prefix: String,
    /// Names that hold this after the prefix are rolled up into one `Prefix` entry. Empty counts as absent. Blobs only.
    pub delimiter: Option<String>,
    /// Blobs only.
    pub snapshots: ListSnapshots,
    /// Blobs only.
    pub uncommitted: ListUncommitted,
    /// Containers only.
    pub system: ListSystem,
    /// Names before this one are left out; itself is not. Blobs only.
    pub from: Option<String>,
    /// This name and those behind it are left out. Blobs only.
    pub before: Option<String>,
    /// Goes on after the page whose `next` this was.
    pub after: Option<String>,
    /// Goes on within the snapshots of that name: that page's `next_snapshot`.
    pub after_snapshot: Option<Timestamp>,
    /// Held to 1..=`LIST_MAX`.
    pub max: usize,
    /// A page ends with the entry whose row brings all its rows to so many bytes.
    pub row_bytes_max: usize,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            delimiter: None,
            snapshots: ListSnapshots::Leave,
            uncommitted: ListUncommitted::Leave,
            system: ListSystem::List,
            from: None,
            before: None,
            after: None,
            after_snapshot: None,
            max: LIST_MAX,
            row_bytes_max: usize::MAX,
        }
    }
}

/// Whether containers that the system keeps for itself are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListSystem {
    List,
    Leave,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobPage {
    pub entries: Vec<Entry>,
    /// Where the next page begins; absent at the end of the list.
    pub next: Option<String>,
    /// The moment of the page's last entry, where that is a snapshot.
    pub next_snapshot: Option<Timestamp>,
    /// Rows of the catalog that were looked at for the page: what it cost.
    pub rows: usize,
}

/// Whether a listing holds snapshots too: before their blob, oldest first, as on Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListSnapshots {
    Leave,
    List,
}

/// Whether a listing holds the names under which blocks are staged and nothing is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListUncommitted {
    Leave,
    List,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Blob(BlobName, BlobProps),
    Snapshot(BlobName, Timestamp, BlobProps),
    Uncommitted(BlobName),
    /// Ends with the delimiter.
    Prefix(String),
}

impl Entry {
    /// The blob's name, or the prefix.
    pub fn name(&self) -> &str {
        match self {
            Entry::Blob(name, _) | Entry::Snapshot(name, ..) | Entry::Uncommitted(name) => name.as_str(),
            Entry::Prefix(prefix) => prefix,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPage {
    pub entries: Vec<(ContainerName, ContainerProps)>,
    pub next: Option<String>,
}
