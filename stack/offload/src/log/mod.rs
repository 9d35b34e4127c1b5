//! The log of a volume: numbered manifests, each created once, and what they add up to.

mod known;
mod load;
mod manifest;
mod ranges;
mod state;

pub use known::{Known, MEANT_MAX, Since, Standing};
pub use load::{CHECKPOINT_EVERY, Format, load, load_format};
pub(crate) use load::{read_manifest, write_checkpoint};
pub use manifest::{Change, Dead, Manifest, Unborrow};
pub use ranges::Ranges;
pub use state::{Condemned, Segment, State};
