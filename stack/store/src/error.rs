//! What can go wrong, by what the caller does next.

use crate::encryption::EncryptionUnmet;
use crate::lease::{Leasable, LeaseRefusal, LeaseUnmet};
use greenroom_model::{AccountName, ContainerName, TenantName};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Cheap to clone: one failed commit is the answer to every operation that it held.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    // Opening
    #[error("data folder {} is in use{}", dir.display(), holder(*pid))]
    Locked { dir: PathBuf, pid: Option<u32> },
    #[error("cannot write to data folder {}: {source}", dir.display())]
    NotWritable { dir: PathBuf, source: Arc<io::Error> },
    #[error("data folder {} can be read by others than its owner, and holds keys and what clients have stored", dir.display())]
    Exposed { dir: PathBuf },
    #[error("data folder {} is of format {found}; this program writes {known}", dir.display())]
    FormatOld { dir: PathBuf, found: u32, known: u32 },
    #[error("{0} is sealed, and not by a key that is here")]
    SecretSealed(Arc<str>),
    #[error("data folder {} is on its way back to format {to}", dir.display())]
    GoingBack { dir: PathBuf, to: u32 },
    #[error("data folder {} has no way back to an older format", dir.display())]
    NoWayBack { dir: PathBuf },
    #[error("data folder {} is on a file system without hard links, which the way back takes: {source}", dir.display())]
    NoLinks { dir: PathBuf, source: Arc<io::Error> },
    #[error("data folder {} was written in format {found}; this program knows {known}", dir.display())]
    FormatUnknown { dir: PathBuf, found: u32, known: u32 },

    // Room
    #[error("the quota of {scope} is reached: {used} of {limit} {what} are used")]
    QuotaReached { scope: String, what: &'static str, limit: u64, used: u64 },
    #[error("flash is full: {needed_bytes} bytes asked for, {free_bytes} free")]
    Full { needed_bytes: u64, free_bytes: u64 },

    // What is named is missing, or is there already
    #[error("no such tenant: {0}")]
    TenantMissing(TenantName),
    #[error("no such account: {0}")]
    AccountMissing(AccountName),
    #[error("the account is disabled")]
    AccountDisabled,
    #[error("account {account} belongs to another tenant")]
    AccountTaken { account: AccountName },
    #[error("the container exists")]
    ContainerExists,
    #[error("no such container")]
    ContainerMissing,
    #[error("the blob exists")]
    BlobExists,
    #[error("no such blob")]
    BlobMissing,

    // Conditions
    #[error("a condition is not met")]
    ConditionNotMet,
    #[error("not modified")]
    NotModified,
    #[error("the lease forbids it: {why:?}")]
    LeaseUnmet { why: LeaseUnmet, on: Leasable },
    #[error("the lease stays as it is: {0:?}")]
    LeaseRefused(LeaseRefusal),
    #[error("the source of the copy has changed since it was looked up")]
    SourceChanged,
    #[error("the blob has changed again and again while its pages were gone through")]
    KeepsChanging,
    #[error("the blob has snapshots")]
    SnapshotsPresent,

    // Blocks, pages and bodies
    #[error("the blob is of another kind than the operation is for")]
    BlobKind,
    #[error("the range is not one of whole pages within the blob")]
    PageRange,
    #[error("the blob's sequence number is not what it must be")]
    SequenceUnmet,
    #[error("the blob's pages lie in more than {max} runs")]
    TooManyRuns { max: u32 },
    #[error("the block list names a block that is neither committed nor staged")]
    InvalidBlockList,
    #[error("the block id's length differs from that of the blob's other blocks")]
    BlockIdLength,
    #[error("more than {max} {what} blocks")]
    TooManyBlocks { what: &'static str, max: usize },
    #[error("the blob's content lies in more than {max} pieces")]
    TooManyPieces { max: u64 },
    #[error("body has {received} bytes where {declared} were declared")]
    BodyLength { declared: u64, received: u64 },
    #[error("range begins past the end of the content")]
    RangeInvalid,
    #[error("properties of {bytes} bytes are more than the {max} that are kept")]
    PropsTooLarge { bytes: usize, max: usize },

    // The machine
    #[error("{} is damaged at byte {offset}: {what}", file.display())]
    Corrupt { file: PathBuf, offset: u64, what: String },
    #[error("cannot {action} {}: {source}", file.display())]
    Io { action: &'static str, file: PathBuf, source: Arc<io::Error> },
    #[error("catalog: {0}")]
    Catalog(Arc<redb::Error>),
    // The cloud
    #[error("the content is in the cloud, and cannot be had from there now: {0}")]
    Away(Arc<str>),
    #[error("the content in the cloud is damaged: {0}")]
    CloudDamaged(Arc<str>),
    #[error("the content is at another place in the cloud than it was")]
    Moved,
    #[error("the key that the tenant's content is sealed by may not be used: {0}")]
    KeyDenied(Arc<str>),
    #[error("the key that the tenant's content is sealed by cannot be had now: {0}")]
    KeyAway(Arc<str>),
    #[error("the content is sealed by data key {0}, which has to be unwrapped first")]
    KeyLocked(u32),
    #[error("a page blob whose content is sealed cannot be copied to another tenant")]
    AcrossTenants,
    #[error("a page blob cannot be copied to where its content would be sealed otherwise")]
    PagesSealedOtherwise,
    #[error("the account has no encryption scope '{0}'")]
    ScopeMissing(String),
    #[error("encryption scope '{0}' is disabled")]
    ScopeDisabled(String),
    #[error("what the content is sealed by is not what was shown: {0:?}")]
    EncryptionUnmet(EncryptionUnmet),
    #[error("what is sealed stays on flash")]
    StaysSealed,
    #[error("there is no data key {0}")]
    KeyMissing(u32),
    #[error("the content is in the cloud only")]
    InCloud,
    #[error("the blob has changed where it is mirrored from")]
    OriginChanged,
    #[error("no such mirror: {0}")]
    MirrorMissing(String),
    #[error("container {0} is there already, and is not the mirror's")]
    NotMirrored(ContainerName),
    #[error("manifest {found} does not follow {applied}")]
    ManifestLeftOut { applied: u64, found: u64 },
    #[error("this data folder belongs to another volume of the cloud")]
    VolumeTaken,

    #[error("the store is closed")]
    Closed,
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" by process {pid}")).unwrap_or_default()
}

impl StoreError {
    pub(crate) fn io(action: &'static str, file: &Path, source: io::Error) -> Self {
        Self::Io { action, file: file.to_owned(), source: Arc::new(source) }
    }
}

impl From<LeaseRefusal> for StoreError {
    fn from(refusal: LeaseRefusal) -> Self {
        Self::LeaseRefused(refusal)
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            // The file system ran out before the capacity did.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
                Self::Full { needed_bytes: 0, free_bytes: 0 }
            }
            error => Self::Catalog(Arc::new(error)),
        }
    }
}

impl From<redb::StorageError> for StoreError {
    fn from(error: redb::StorageError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::TableError> for StoreError {
    fn from(error: redb::TableError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::TransactionError> for StoreError {
    fn from(error: redb::TransactionError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<redb::CommitError> for StoreError {
    fn from(error: redb::CommitError) -> Self {
        redb::Error::from(error).into()
    }
}
