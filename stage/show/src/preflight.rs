//! The lines of the go/no-go board.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Go,
    /// The talk goes on with it; the speaker should know.
    Look,
    Stop,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub id: String,
    pub verdict: Verdict,
    pub found: String,
    /// What to do about it; empty where it is go.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub todo: String,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Go => "go",
            Verdict::Look => "look",
            Verdict::Stop => "stop",
        }
    }

    /// The whole board in one sentence, by its worst line.
    pub fn sentence(self) -> &'static str {
        match self {
            Verdict::Go => "Go.",
            Verdict::Look => "Go, once you have looked at the lines that say so.",
            Verdict::Stop => "No go: mend the lines that say stop.",
        }
    }
}

/// The worst line decides.
pub fn worst(board: &[Check]) -> Verdict {
    board.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Go)
}
