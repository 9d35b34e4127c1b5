//! Keeps blobs: a catalog of names and properties, and extents that hold the content. What is acknowledged is on disk.
//! Knows nothing of HTTP, of who may do what, or of the cloud.

mod accounts;
mod acl;
pub mod adopt;
mod behind;
mod billing;
mod blob;
mod blobs;
mod block;
mod blocks;
mod body;
mod catalog;
pub mod check;
mod clock;
mod cloud;
mod compact;
mod config;
mod containers;
mod copies;
mod crc;
mod disk;
mod encryption;
mod error;
mod etag;
mod extent;
mod faults;
mod feed;
mod frame;
mod heat;
mod identity;
mod keyring;
mod keys;
mod lease;
mod list;
mod lock;
pub mod migrate;
mod mirror;
mod overlay;
mod page;
mod pages;
mod piece;
mod precondition;
pub mod private;
mod props;
mod quota;
mod quotas;
mod reseal;
mod rows;
mod seal;
mod secrets;
mod services;
mod shrink;
mod snapshots;
mod space;
mod store;
mod tag_filter;
mod tiering;
mod upkeep;
mod usage;

pub use acl::{AccessPolicy, ContainerAcl, PublicAccess, PublicContainers};
pub use behind::stand_behind;
pub use blob::{Blob, Source};
pub use blobs::Snapshots;
pub use block::{BLOCK_ID_BYTES_MAX, Block, BlockId, BlockList, BlockSource, COMMITTED_BLOCKS_MAX, STAGED_BLOCKS_MAX};
pub use body::{Body, BodyWriter};
pub use clock::{Clock, SystemClock, Timestamp};
pub use cloud::{Applied, At, CloudPlace, Cold, Described, Origins, Placed, Placement, Recipes, Whereabouts};
pub use compact::Compaction;
pub use config::{Config, Durability};
pub use copies::CopyBlocks;
pub use crc::Crc64;
pub use disk::{Disk, DiskFile, FileSystem, Guard, Mode};
pub use encryption::{CustomerKey, Encryption, EncryptionUnmet, Seal, Shown};
pub use error::{Result, StoreError};
pub use etag::ETag;
pub use feed::{Delivered, Feed, Part, Published, Subscribed, feed_of};
pub use identity::{AccountKey, AccountRecord};
pub use keyring::{Hold, KeyFault, Unwrapped, Wrapping};
pub use keys::DataKeyRecord;
pub use lease::{
    BREAK_SECONDS_MAX, LEASE_SECONDS, Leasable, Lease, LeaseAction, LeaseId, LeaseNeed, LeaseRefusal, LeaseState,
    LeaseTerm, LeaseUnmet,
};
pub use list::{BlobPage, ContainerPage, Entry, LIST_MAX, ListQuery, ListSnapshots, ListSystem, ListUncommitted};
pub use mirror::{Cached, MirrorRecord, Reflected, Seen, SeenBlob, ShownIn, origin_etag};
pub use page::{
    Change, PAGE_BLOB_BYTES_MAX, PAGE_BYTES, PAGE_RUNS_MAX, PageChange, PageChanges, PageRanges, PageSequence,
    PageUpdate, SequenceChange,
};
pub use precondition::{Access, ETags, Precondition, Unmet, Version};
pub use props::{
    BlobChange, BlobDraft, BlobKind, BlobProps, ContainerProps, CopyState, DefaultScope, HttpHeaders, Metadata,
    Overriding, Tags, Tier,
};
pub use quota::{Project, Quotas};
pub use quotas::Kept;
pub use reseal::{ClearUsage, InClear};
pub use rows::{
    AccountState, DataKeyId, DataKeyState, KeyPurpose, MirrorPlace, ScopeKey, ScopeState, ServiceSettings, Wrapped,
};
pub use seal::{DATA_KEY_BYTES, DataKey};
pub use secrets::SecretOf;
pub use store::Store;
pub use tag_filter::{Relation, TagFilter};
pub use tiering::{BlobFact, CloudLog, ContainerFact, Leaving, Restored, Survey, TRIES_MAX, Told};
pub use upkeep::Upkeep;
pub use usage::{OutboxUsage, Owner, TenantUsage, Usage};
