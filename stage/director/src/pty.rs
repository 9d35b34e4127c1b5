//! A terminal of a tool's own, and how a program is started in a session of its own. Knows nothing of what is printed.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{Pty, without_terminal};
#[cfg(windows)]
pub use windows::{Pty, without_terminal};
