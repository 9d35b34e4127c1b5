//! Runs the show: reads decks and demos, runs their steps, supervises the stack and the tools, records takes and plays them.
//! Knows nothing of windows or pixels, and reaches the stack over HTTP alone.

mod account_sas;
pub mod awake;
mod booth_file;
mod camera;
mod clock;
mod condition;
mod covered;
mod data;
mod durable;
mod excerpts;
pub mod export;
mod family;
pub mod http;
pub mod import;
mod library;
pub mod load;
mod machine;
mod measures;
mod mover;
mod parse;
mod pictures;
pub mod preflight;
mod pty;
mod rates;
mod recorder;
pub mod rehearsals;
mod replay;
mod reveals;
mod scrub;
mod stack;
mod stage;
pub mod takes;
mod tool;
mod trust;
mod version;
mod words;
mod workshop;

pub use family::kill_all as kill_steps;
pub use library::{Library, LibraryError, Talk, find_root};
pub use parse::{Fault, Faults, figures, nearest, reference};
pub use pictures::Picture;
pub use stage::{Clipboard, Director, OpenError, Options, What, stack_program};
pub use trust::{Trust, TrustError};
pub use version::Versions;
