//! What a segment holds: its chunks, the chunks of other segments that its blobs use, and the recipes to make the blobs again.

use super::chunk::{ChunkEntry, RAW_BYTES_MAX};
use crate::error::{Error, Result};
use crate::hash::Hash;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Of a recipe: 1 TiB in chunks of the usual length. A blob of more stays on flash.
pub const PARTS_MAX: usize = 1 << 20;

/// Which blob. An empty name means the container itself, and an empty container the account: their recipes have no parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    pub tenant: String,
    pub account: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub container: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The moment of a snapshot, as the protocol prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.account, self.container, self.name)?;
        self.snapshot.as_ref().map_or(Ok(()), |snapshot| write!(f, "?snapshot={snapshot}"))
    }
}

/// What is known of a blob apart from its bytes. All of it goes to the cloud, and comes back from there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub etag: String,
    pub length: u64,
    /// By names that the format lists; a store may add its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    pub key: Key,
    #[serde(flatten)]
    pub about: About,
    /// The recipe that this one takes the place of, where only the place of its chunks has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Place>,
    /// In order; together as long as the blob.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// Where a recipe is, and with it an offloaded blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub segment: Hash,
    /// Its number in the segment's footer.
    pub recipe: u32,
}

/// Bytes `skip .. skip + length` of a chunk's content. JSON: `[chunk, skip, length]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u32)", into = "(u32, u32, u32)")]
pub struct Part {
    /// Into the chunk table, and behind it into the borrowed ones.
    pub chunk: u32,
    pub skip: u32,
    pub length: u32,
}

/// A chunk of another segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Borrowed {
    pub segment: Hash,
    /// Its number in that segment's chunk table.
    pub number: u32,
    #[serde(flatten)]
    pub entry: ChunkEntry,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footer {
    /// In the order in which they lie, without gaps.
    pub chunks: Vec<ChunkEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub borrowed: Vec<Borrowed>,
    pub recipes: Vec<Recipe>,
}

impl Footer {
    /// The chunk that a part means, and the segment that holds it: `None` for this one.
    pub fn chunk(&self, part: &Part) -> Option<(Option<Hash>, u32, &ChunkEntry)> {
        let number = part.chunk as usize;
        match self.chunks.get(number) {
            Some(entry) => Some((None, part.chunk, entry)),
            None => {
                let borrowed = self.borrowed.get(number - self.chunks.len())?;
                Some((Some(borrowed.segment), borrowed.number, &borrowed.entry))
            }
        }
    }

    /// Whether chunks follow each other from `start` to `end`, and every recipe adds up.
    pub fn check(&self, start: u64, end: u64, object: &str) -> Result<()> {
        let damaged = |what| Err(Error::damaged(object, what));
        let mut at = start;
        for entry in &self.chunks {
            if entry.offset != at || entry.raw as usize > RAW_BYTES_MAX || entry.stored > entry.raw {
                return damaged("its chunk table has gaps");
            }
            at = entry.end();
        }
        if at != end {
            return damaged("its chunk table does not fill the segment");
        }
        for recipe in &self.recipes {
            let mut length = 0;
            for part in &recipe.parts {
                let Some((_, _, entry)) = self.chunk(part) else {
                    return damaged("a recipe names a chunk that is not there");
                };
                let fits = part.skip.checked_add(part.length).is_some_and(|end| end <= entry.raw);
                if part.length == 0 || !fits {
                    return damaged("a recipe reaches out of a chunk");
                }
                length += u64::from(part.length);
            }
            if length != recipe.about.length {
                return damaged("a recipe does not add up to its blob's length");
            }
        }
        Ok(())
    }
}

impl From<(u32, u32, u32)> for Part {
    fn from((chunk, skip, length): (u32, u32, u32)) -> Self {
        Part { chunk, skip, length }
    }
}

impl From<Part> for (u32, u32, u32) {
    fn from(part: Part) -> Self {
        (part.chunk, part.skip, part.length)
    }
}
