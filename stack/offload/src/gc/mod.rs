//! Makes room in the cloud: removes segments that nothing needs, and rewrites those that little needs. What may go is decided from the
//! manifests alone, is written into the log first, and goes after a grace period. Any error ends the run; start-up removes nothing.

mod collect;
mod compact;
mod holding;
mod mark;
mod plan;

pub use collect::{Collected, Grace};
pub use compact::Compacted;
pub use holding::{holding, left};
pub use mark::{SegmentUse, Usage, mark};
pub use plan::{Costs, Limits, Victim, victims};
