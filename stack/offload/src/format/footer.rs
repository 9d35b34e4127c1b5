//! What a segment holds: its chunks, the chunks of other segments that its blobs use, and the recipes to make the blobs again.

use super::chunk::{ChunkEntry, Cipher};
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::seal::{KeyId, Keys, Seal, What};
use base64::prelude::{BASE64_STANDARD, Engine as _};
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

/// What a recipe is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub key: Key,
    #[serde(flatten)]
    pub about: About,
}

/// What a recipe is about, and only its tenant's key tells: `Named`, as JSON, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedLabel {
    pub tenant: String,
    pub length: u64,
    pub sealed: Base64,
}

/// Bytes, in JSON as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Base64(pub Vec<u8>);

impl From<Base64> for String {
    fn from(bytes: Base64) -> String {
        BASE64_STANDARD.encode(bytes.0)
    }
}

impl TryFrom<String> for Base64 {
    type Error = base64::DecodeError;
    fn try_from(text: String) -> Result<Self, base64::DecodeError> {
        BASE64_STANDARD.decode(text).map(Base64)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Label {
    Named(Named),
    Sealed(SealedLabel),
}

impl Label {
    pub fn tenant(&self) -> &str {
        match self {
            Label::Named(named) => &named.key.tenant,
            Label::Sealed(sealed) => &sealed.tenant,
        }
    }

    /// Of the blob.
    pub fn length(&self) -> u64 {
        match self {
            Label::Named(named) => named.about.length,
            Label::Sealed(sealed) => sealed.length,
        }
    }
}

impl SealedLabel {
    /// `parts` are what the blob is made of: the label is of this content and no other.
    pub fn new(named: &Named, parts: impl Iterator<Item = (Hash, u32, u32)>, seal: &dyn Seal) -> Result<Self> {
        let (tenant, length) = (named.key.tenant.clone(), named.about.length);
        let json = serde_json::to_vec(named).map_err(|_| Error::TooLarge("a name that JSON cannot hold"))?;
        let sealed = Base64(seal.seal(What::Label, &known(&tenant, length, parts), &json));
        Ok(Self { tenant, length, sealed })
    }

    /// Err: `Damaged` where it cannot be anything that was sealed.
    pub fn key(&self, object: &str) -> Result<KeyId> {
        KeyId::of(&self.sealed.0).ok_or(Error::damaged(object, "a sealed recipe is cut short"))
    }

    fn open(&self, parts: impl Iterator<Item = (Hash, u32, u32)>, seal: &dyn Seal, object: &str) -> Result<Named> {
        let other = || Error::damaged(object, "a sealed recipe is not what its key has sealed");
        let json = seal.open(What::Label, &known(&self.tenant, self.length, parts), &self.sealed.0);
        let named: Named = serde_json::from_slice(&json.ok_or_else(other)?).map_err(|_| other())?;
        let fits = named.key.tenant == self.tenant && named.about.length == self.length;
        if fits { Ok(named) } else { Err(other()) }
    }
}

/// What is authenticated with a sealed label.
fn known(tenant: &str, length: u64, parts: impl Iterator<Item = (Hash, u32, u32)>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(tenant.len() as u64).to_le_bytes()).update(tenant.as_bytes()).update(&length.to_le_bytes());
    for (id, skip, length) in parts {
        hasher.update(&id.0).update(&skip.to_le_bytes()).update(&length.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    #[serde(flatten)]
    pub label: Label,
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

    /// What a recipe of this footer is about. Err: `KeyDenied`, `KeyAway`, `KeyGone` where it is sealed; `Damaged` where it is not what was.
    pub async fn named(&self, recipe: &Recipe, keys: &dyn Keys, object: &str) -> Result<Named> {
        match &recipe.label {
            Label::Named(named) => Ok(named.clone()),
            Label::Sealed(label) => {
                let seal = keys.find(label.key(object)?).await?;
                let parts = recipe.parts.iter().map(|part| {
                    let id = self.chunk(part).map_or(Hash([0; 32]), |(_, _, entry)| entry.id);
                    (id, part.skip, part.length)
                });
                label.open(parts, &*seal, object)
            }
        }
    }

    /// Whether anything in it takes a key.
    pub fn is_sealed(&self) -> bool {
        self.recipes.iter().any(|recipe| matches!(recipe.label, Label::Sealed(_)))
            || self.chunks.iter().any(|entry| entry.cipher != Cipher::None)
    }

    /// Whether chunks follow each other from `start` to `end`, and every recipe adds up.
    pub fn check(&self, start: u64, end: u64, object: &str) -> Result<()> {
        let damaged = |what| Err(Error::damaged(object, what));
        let mut at = start;
        for entry in &self.chunks {
            if entry.offset != at || !entry.fits() {
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
            if length != recipe.label.length() {
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
