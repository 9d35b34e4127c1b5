//! A take on disk: NDJSON, a header line and then one event a line. Here is its shape; reading and writing are the director's.

use crate::Micros;
use crate::deck::Level;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the format, raised when an older reader would misread it.
pub const VERSION: u32 = 3;

/// First line of a take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always `greenroom-take`.
    pub format: String,
    pub version: u32,
    /// Of the Greenroom that recorded it.
    pub greenroom: String,
    pub deck: String,
    pub deck_hash: String,
    /// Empty where the take is of the whole talk.
    pub demo: String,
    pub demo_hash: String,
    /// Milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    pub machine: Machine,
    /// Name and version of each external tool.
    pub tools: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub memory_bytes: u64,
    pub system: String,
}

/// What a list of takes shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeInfo {
    /// Its file's name without the suffix.
    pub id: String,
    /// Empty where it is of the whole talk.
    pub demo: String,
    pub at_unix_ms: u64,
    pub duration_ms: u64,
    pub machine: Machine,
    pub verdict: Verdict,
    #[serde(default)]
    pub edition: Edition,
}

/// What the speaker says of a take: theirs alone, and in no take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub name: Option<String>,
    /// It is kept whatever the limits say, and V shows it before any other.
    pub starred: bool,
}

/// What else a list of takes tells of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    pub deck: String,
    pub bytes: u64,
    /// From where to where it is played, on the recording's clock, where it is cut.
    pub begins: Option<Micros>,
    pub ends: Option<Micros>,
}

/// Where a take is cut. Nothing of it is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// It begins at a place by the clock that it is played by, or where it stands.
    In(Option<Micros>),
    Out(Option<Micros>),
    /// It is played whole.
    Whole,
    /// As it was before the last cut.
    Undo,
}

/// A form in which a take is handed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    pub name: String,
    /// In a sentence.
    pub holds: String,
}

/// What is being handed on, and which share of it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handing {
    pub form: String,
    /// For whom.
    pub level: Level,
    pub share: f64,
}

/// What a speaker does to a take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TakeAct {
    Star,
    Unstar,
    /// Without a name where it is empty.
    Rename(String),
    /// Puts it away, from where it can be brought back.
    Delete,
    Undelete,
}

impl TakeInfo {
    pub fn is_of_talk(&self) -> bool {
        self.demo.is_empty()
    }
}

/// Whether the demo, or the deck, is still as it was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edition {
    #[default]
    Todays,
    Earlier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every step of the demo passed.
    Passed,
    Failed,
    /// Stopped before its last step.
    Partial,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Partial => "partial",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Event;
    use strum::VariantNames;

    #[test]
    fn every_channel_is_written_down_for_who_writes_a_reader() {
        let page = include_str!("../../../docs/CAPTURE.md");
        for channel in Event::VARIANTS {
            assert!(page.contains(&format!("`{channel}`")), "docs/CAPTURE.md says nothing of '{channel}'");
        }
    }
}
