//! XML as the Blob protocol writes and reads it.

mod read;
mod write;

pub use read::{Leaf, leaves};
pub use write::{Document, holds};
