//! What is said about containers and blobs, apart from their content.

use crate::acl::ContainerAcl;
use crate::clock::Timestamp;
use crate::encryption::{Encryption, Seal};
use crate::etag::ETag;
use crate::lease::Lease;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `x-ms-meta-*`, names without that prefix.
pub type Metadata = BTreeMap<String, String>;
pub type Tags = BTreeMap<String, String>;

/// The headers that a client sets and gets back with the content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpHeaders {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    pub content_disposition: Option<String>,
    pub cache_control: Option<String>,
    pub content_md5: Option<[u8; 16]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tier {
    Hot,
    Cool,
    Cold,
    Archive,
}

/// What a write says about the blob that it makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BlobDraft {
    pub headers: HttpHeaders,
    pub metadata: Metadata,
    pub tags: Tags,
    /// `None` where the client left it to the account's default.
    pub tier: Option<Tier>,
    /// Where the content was copied from.
    pub copy: Option<Box<CopyState>>,
    /// What its content is sealed by.
    #[serde(skip)]
    pub seal: Seal,
}

/// A copy that has ended well: there are no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyState {
    pub id: String,
    /// The source's URL, without its credential.
    pub source: String,
    pub completed: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobProps {
    pub length: u64,
    pub etag: ETag,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub headers: HttpHeaders,
    pub metadata: Metadata,
    pub tags: Tags,
    /// `None` where no client has set one: Azure then says `AccessTierInferred`.
    pub tier: Option<Tier>,
    pub tier_changed: Option<Timestamp>,
    /// CRC-64/NVME of a block blob's content: Azure's `x-ms-content-crc64`, whose header is this number's eight bytes, little end first, in Base64.
    pub crc64: u64,
    pub lease: Lease,
    /// The copy that made the content, until something else is said of the blob.
    pub copy: Option<Box<CopyState>>,
    pub kind: BlobKind,
    /// What its content is sealed by, besides its tenant's keys.
    pub encryption: Option<Encryption>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlobKind {
    Block,
    /// `crc64` says nothing of pages: they are written one by one, and each frame that holds some has a checksum of its own.
    Page {
        sequence: u64,
        /// Rows that its pages take in the catalog.
        runs: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerProps {
    pub etag: ETag,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub metadata: Metadata,
    pub lease: Lease,
    pub acl: ContainerAcl,
    /// What blobs are sealed by of which their writers say nothing; `None` for its tenant's keys.
    pub scope: Option<DefaultScope>,
}

/// The encryption scope of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultScope {
    pub name: String,
    pub overriding: Overriding,
}

/// Whether a blob of the container may be sealed by something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overriding {
    Allowed,
    Denied,
}

/// A change that leaves the content alone. Headers and metadata give a new ETag; a tier and tags do not, as on Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobChange {
    Headers(HttpHeaders),
    Metadata(Metadata),
    Tags(Tags),
    Tier(Tier),
}
