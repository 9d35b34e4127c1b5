//! What the catalog's tables hold, and how it is written: types alone, which whoever keeps, checks or moves rows can know without the
//! engine. Their bytes are frozen for each format, see `catalog/migrate`.

mod account;
mod blob;
mod container;
mod data_key;
mod encoding;
mod extent;
mod feed;
mod garbage;
mod head;
mod key;
mod mirror;
mod secret;
mod staging;

pub use account::{AccountRow, AccountState, ServiceSettings};
pub use blob::{BLOCKS_A_ROW, BlobRow, CommittedBlock, LIST_HERE_MAX, List, PIECES_A_ROW, beside};
pub use container::ContainerRow;
pub use data_key::{DataKeyId, DataKeyRow, DataKeyState, KeyPurpose, ScopeKey, ScopeState, Wrapped};
pub use encoding::{FILE, PROPS_BYTES_MAX, corrupt, decode, decode_first, encode, with_behind, with_first, with_last};
pub use extent::ExtentRow;
pub use feed::{FeedRow, KeptSink, SinkRow};
pub use garbage::GarbageRow;
pub use head::{AuditRow, CloudRow, HeadRow, LogRow};
pub use key::{Place, blob_key, blob_name, container_key, snapshot_range, staged_range};
pub use mirror::{MirrorPlace, MirrorRow, MirroredRow};
pub use secret::KeptSecret;
pub use staging::{StagedRow, StagingRow};
