//! The catalog: names, properties and where content lies. An ordered key-value engine with transactions, of which nothing outside this
//! folder knows more than `Txn` (one writer, see `writer`) and `Snapshot` (any number of readers).

pub mod books;
mod cold;
mod drafts;
mod engine;
mod feed;
mod file;
pub mod holders;
mod jobs;
mod listing;
mod lists;
pub mod migrate;
mod page_changes;
mod pages;
mod scrub;
mod snapshot;
mod sweep;
pub mod tables;
mod txn;
mod writer;

pub use crate::rows::FILE;
pub use drafts::Draft;
pub use engine::check_pages;
pub use file::Catalog;
pub use jobs::Line;
pub use pages::{Run, Turn};
pub use snapshot::Snapshot;
pub use txn::{News, Txn};
pub use writer::Writer;
