//! Content that has left flash: where it lies, and the part that gets it from there. What is there is none of the store's business.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::etag::ETag;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use greenroom_model::{BlobPath, ContainerPath, TenantName};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// Where a blob's content lies in the cloud: a recipe, by its segment and its number therein.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CloudPlace {
    pub segment: [u8; 32],
    pub recipe: u32,
}

/// Gets content from the cloud.
pub trait Cold: fmt::Debug + Send + Sync + 'static {
    /// Streams a range that lies within the content, checked, in its reader's turn: the tenant whose blob it is. Err, now or within the stream: `Moved` where the catalog knows a newer
    /// place, `Away`, `CloudDamaged`.
    fn read(
        &self,
        reader: &TenantName,
        place: CloudPlace,
        range: Range<u64>,
    ) -> BoxFuture<'static, Result<BoxStream<'static, Result<Bytes>>>>;
}

/// Gets content from where it is mirrored from, and asks there how a blob is.
pub trait Origins: fmt::Debug + Send + Sync + 'static {
    /// Streams a range of the version that has this ETag there. Err, now or within the stream: `OriginChanged` where there is another by
    /// now, which is put down first; `Away`. `again`: it was read before.
    fn read(
        &self,
        blob: &BlobPath,
        etag: String,
        range: Range<u64>,
        again: bool,
    ) -> BoxFuture<'static, Result<BoxStream<'static, Result<Bytes>>>>;

    /// Asks how a blob is there, and puts that down. Err: `Away`.
    fn look(&self, blob: &BlobPath) -> BoxFuture<'static, Result<()>>;
}

/// Where content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    Flash,
    /// In both: flash can be freed at once.
    Both(CloudPlace),
    Cloud(CloudPlace),
    /// Where it is mirrored from, and on flash.
    Cached,
    /// Where it is mirrored from only.
    Origin,
}

impl Whereabouts {
    /// Whether it is not on flash.
    pub fn is_elsewhere(self) -> bool {
        match self {
            Whereabouts::Flash | Whereabouts::Both(_) | Whereabouts::Cached => false,
            Whereabouts::Cloud(_) | Whereabouts::Origin => true,
        }
    }
}

/// Where a blob's content is besides flash. Its bytes are those of `Option<Placed>`, and one case more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum At {
    /// Nowhere else.
    Flash,
    /// In our cloud; on flash too where the row has pieces.
    Cloud(Placed),
    /// Where it is mirrored from, by its ETag there; pieces are a cache.
    Origin(String),
}

/// What the catalog knows of content that is in the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    pub place: CloudPlace,
    /// The revision of what is said of the blob that the cloud has been told; unknown where the teller went down in between.
    pub told: Option<u32>,
}

impl CloudPlace {
    const BYTES: usize = 36;

    /// Orders by segment, then number.
    pub(crate) fn key(&self) -> [u8; Self::BYTES] {
        let mut key = [0; Self::BYTES];
        key[..32].copy_from_slice(&self.segment);
        key[32..].copy_from_slice(&self.recipe.to_be_bytes());
        key
    }

    pub(crate) fn from_key(key: &[u8]) -> Option<Self> {
        let (segment, recipe) = key.split_first_chunk()?;
        Some(Self { segment: *segment, recipe: u32::from_be_bytes(recipe.try_into().ok()?) })
    }
}

/// What a recipe in the cloud is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Described {
    Container(ContainerPath),
    /// With the moment of a snapshot.
    Blob(BlobPath, Option<Timestamp>),
}

/// What a commit has put into the cloud.
#[derive(Debug, Clone)]
pub struct Placement {
    /// `None` for a name that no store ever had: its place is released at once.
    pub of: Option<Described>,
    pub etag: Option<ETag>,
    pub place: CloudPlace,
    /// It was moved from there, and has not changed.
    pub was: Option<CloudPlace>,
    /// The revision that it tells of, where that is known.
    pub told: Option<u32>,
}

/// Of a segment, which recipes.
pub type Recipes = Box<dyn Fn(u32) -> bool + Send>;

/// A commit in the cloud as the catalog hears of it.
pub struct Applied {
    pub number: u64,
    /// Of the manifest.
    pub hash: [u8; 32],
    pub placements: Vec<Placement>,
    /// Released places that the cloud no longer counts.
    pub released: Vec<([u8; 32], Recipes)>,
}

impl fmt::Debug for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Applied {}", self.number)
    }
}
