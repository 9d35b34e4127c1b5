//! All processes that a tool started, wherever they went: in groups and sessions of their own, orphaned, behind `nohup`. They are
//! found and ended together. Knows nothing of terminals or of what the tool is for.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{Family, kill_all, signal_of};
#[cfg(windows)]
pub use windows::{Family, kill_all, signal_of};

/// What a tool left running when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// On purpose: in a session of its own, or deaf to a hang-up.
    Background,
}
