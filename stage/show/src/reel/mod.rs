//! A reel: a take as an audience sees it. What its window would be told, each thing when it is due, and nothing else: no word of the
//! speaker's, no slide above a level. A page plays it without a director; a film and a printed page are made of it.

mod camera;
mod projector;
#[cfg(test)]
mod tests;

pub use camera::Camera;
pub use projector::{Due, Projector, ReelError};

use crate::Micros;
use crate::audience::Told;
use crate::deck::Level;
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

pub const FORMAT: &str = "greenroom-reel";
/// Raised when an older page would misread a reel.
pub const VERSION: u32 = 1;

/// What is said of a reel before it is played.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Always `greenroom-reel`.
    pub format: String,
    pub version: u32,
    pub title: String,
    /// Which take it is of, when it was recorded, by what and on what.
    pub provenance: String,
    /// What is above it is not in the reel.
    pub level: Level,
    pub kind: Kind,
    pub timeline: Timeline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It moves on by itself.
    Film,
    /// Slides, one place of the time line each, that a reader turns.
    Pages,
}

/// One line of a reel: `[due, now, told]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line(
    /// On the reel's clock.
    pub Micros,
    /// What the clock of whoever watched told: captions and steps that run go by it.
    pub Micros,
    pub Told,
);

/// A page of `Kind::Pages` lasts so long on the reel's clock.
pub const PAGE: Micros = 1_000_000;
