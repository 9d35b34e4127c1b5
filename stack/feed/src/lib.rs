//! Azure's change feed as bytes: the Avro logs of a segment, its index and the feed's own. Pure: knows nothing of stores, clocks or HTTP.

mod avro;
mod chunk;
mod cursor;
mod meta;
mod schema;
mod segment;
mod shard;
mod time;
mod told;
pub mod words;

pub use chunk::{BLOCK_BYTES, EVENTS_A_BLOCK, write_chunk};
pub use cursor::{ChunkPlace, Cursor, Next, SegmentPath, next};
pub use meta::{FeedMeta, INDEX_BYTES_MAX, META_PATH, SHARDS_OF_INDEX_MAX, Status};
pub use segment::{CHUNK_NUMBER_MAX, Segment, chunk_number, segment_time};
pub use shard::shard_of;
pub use told::{Events, INFLATED_BYTES_MAX, SCHEMA_BYTES_MAX, TEXT_BYTES_MAX, Told, read_chunk};

/// Why a feed cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The bytes are not what they should be; nothing after them can be read.
    #[error("chunk {0}")]
    Chunk(&'static str),
    #[error("chunk has the codec '{0}': only null and deflate are read")]
    Codec(String),
    /// The schema of a chunk cannot be read, or not within bounds.
    #[error("schema {0}")]
    Schema(String),
    /// Something is larger than is taken. `found` is what is declared, or at least this much.
    #[error("{what} has {found}, at most {max} are taken")]
    TooLarge { what: &'static str, found: u64, max: u64 },
    /// One event is not understood; the events after it can be read.
    #[error("event's subject '{0}' is not /blobServices/default/containers/CONTAINER/blobs/BLOB")]
    Subject(String),
    /// One event is not understood; the events after it can be read.
    #[error("event's {field} {problem}")]
    Field { field: &'static str, problem: &'static str },
    /// An index or a cursor is not understood.
    #[error("index {0}")]
    Index(String),
    #[error("path '{0}' is none of a change feed")]
    Path(String),
    #[error("an event cannot be written")]
    Write(#[source] Box<apache_avro::Error>),
}

impl FeedError {
    /// Whether it is of one event alone: what is after that can still be read.
    pub fn is_of_one_event(&self) -> bool {
        match self {
            Self::Subject(_) | Self::Field { .. } => true,
            Self::Chunk(_)
            | Self::Codec(_)
            | Self::Schema(_)
            | Self::TooLarge { .. }
            | Self::Index(_)
            | Self::Path(_)
            | Self::Write(_) => false,
        }
    }
}

/// The beginning of a text that is not ours, for an error: it may be of any length.
fn shown(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 120;
    text.chars().take(SHOWN_CHARS_MAX).collect()
}
