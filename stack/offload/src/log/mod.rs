//! The log of a volume: numbered manifests, each created once, and what they add up to.

mod known;
mod load;
mod manifest;
mod ranges;
mod recover;
mod state;
mod survey;

pub use known::{Known, MEANT_MAX, Since, Standing};
pub use load::{CHECKPOINT_EVERY, Format, load, load_format};
pub(crate) use load::{read_manifest, write_checkpoint, write_copy, write_format_copy};
pub use manifest::{AuditHead, Change, Dead, Manifest, Unborrow};
pub use ranges::Ranges;
pub(crate) use recover::Unlisted;
pub use state::{Condemned, Segment, State};
pub use survey::{Fault, Instead};
pub(crate) use survey::{Survey, survey, survey_format};
