//! What a show is: decks, demos, the events of a run, the state that both windows draw, and every call between a window and the
//! director. Knows no files, no clock, no network and no pixels; compiles for wasm.

pub mod audience;
pub mod booth;
pub mod call;
pub mod code;
pub mod comparison;
pub mod deck;
pub mod demo;
pub mod diagram;
pub mod diff;
mod event;
mod figures;
pub mod ghost;
pub mod keyframes;
pub mod marks;
pub mod mirrors;
pub mod order;
pub mod pace;
pub mod picture;
pub mod planner;
pub mod playback;
mod plays;
pub mod preflight;
mod recorded;
pub mod reel;
pub mod rehearsal;
mod run;
mod series;
pub mod start;
mod state;
pub mod story;
pub mod take;
pub mod tenants;
mod terminal;
pub mod timeline;
pub mod unit;
pub mod version;

pub use event::{ClockAct, Event, Notice, Of, Opened, Outcome, Replay, RunEvent, StackState, Stamped};
pub use figures::{Badge, Bound, Given, On, Source};
pub use ghost::Ghost;
pub use recorded::{Playing, Recorded, Sought, State, Talk};
pub use run::{FIGURES_MAX, Figure, Run, StepRun, StepState};
pub use series::{Point, RECENT, Series, Span};
pub use state::{Caption, Clock, Curtain, NextAction, Position, Show};
pub use terminal::{COLUMNS, ROWS, Terminal};

/// Microseconds on one monotonic clock: since the director started in a live show, since its beginning in a take.
pub type Micros = u64;
