//! What a listing asks for and answers. The order is that of the names' UTF-8 bytes, as on Azure.

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
    /// Goes on after the page whose `next` this was.
    pub after: Option<String>,
    /// Held to 1..=`LIST_MAX`.
    pub max: usize,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self { prefix: String::new(), delimiter: None, after: None, max: LIST_MAX }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobPage {
    pub entries: Vec<Entry>,
    /// Where the next page begins; absent at the end of the list.
    pub next: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "most entries are blobs: a box would cost each an allocation to save none"
)]
pub enum Entry {
    Blob(BlobName, BlobProps),
    /// Ends with the delimiter.
    Prefix(String),
}

impl Entry {
    /// The blob's name, or the prefix.
    pub fn name(&self) -> &str {
        match self {
            Entry::Blob(name, _) => name.as_str(),
            Entry::Prefix(prefix) => prefix,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPage {
    pub entries: Vec<(ContainerName, ContainerProps)>,
    pub next: Option<String>,
}
