//! The start page: what there is to open, what is said of it, and what is asked before there is a show. All of it is the user's: no audience sees it.

mod call;
pub mod doctor;
pub mod settings;

pub use call::*;

use crate::deck::{Deck, Level};
use crate::demo::Demo;
use crate::preflight::{Check, Verdict, worst};
use crate::take;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that the page shows of talks, demos and takes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lobby {
    /// The project that is open comes first; what came with the program last, where that is another one.
    pub shelves: Vec<Shelf>,
    /// Of all shelves, newest first.
    pub takes: Vec<TakeLine>,
    /// Takes that are not in the list.
    pub more_takes: usize,
    /// Folders that were open before, newest first.
    pub recent: Vec<Folder>,
    /// In which a talk can be exported, and a take.
    pub talk_forms: Vec<take::Form>,
    pub take_forms: Vec<take::Form>,
    pub job: Option<Job>,
    /// What the last job came to.
    pub said: Option<Said>,
    /// Whether anything was ever run from here.
    pub is_first_time: bool,
}

/// What one project holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shelf {
    pub folder: Folder,
    pub origin: Origin,
    pub talks: Vec<TalkCard>,
    pub demos: Vec<DemoCard>,
    /// Why nothing of it can be listed.
    pub trouble: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Folder {
    pub path: String,
    /// As a person would say it: below the user's home by `~`.
    pub shown: String,
}

/// Whose a project is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It can be written to.
    Own,
    /// It came with the program, to be looked at, run and copied.
    Example,
    /// Its disk is read-only.
    ReadOnly,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TalkCard {
    pub slug: String,
    pub title: String,
    pub minutes: f64,
    pub slides: usize,
    pub demos: usize,
    pub audience: Level,
    /// Its first slide, to be drawn; absent where nothing of it can be read.
    pub cover: Option<Box<Deck>>,
    pub faults: Vec<Place>,
    /// The lines of preflight that are not go; absent until it was looked at.
    pub checks: Option<Vec<Check>>,
    /// When a clock ran over it last, and how often one did.
    pub rehearsed_unix_ms: Option<u64>,
    pub runs: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DemoCard {
    pub slug: String,
    pub title: String,
    pub minutes: f64,
    pub steps: usize,
    /// What running it does on this machine, a sentence each.
    pub will: Vec<String>,
    pub faults: Vec<Place>,
    /// When all its steps passed last.
    pub passed_unix_ms: Option<u64>,
    pub takes: usize,
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Within the project.
    pub file: String,
    pub line: usize,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakeLine {
    /// Of the project.
    pub folder: String,
    pub id: String,
    pub title: String,
    /// As its speaker named it.
    pub name: Option<String>,
    /// Empty where it is of a whole talk.
    pub demo: String,
    pub deck: String,
    pub at_unix_ms: u64,
    pub seconds: f64,
    pub bytes: u64,
    pub verdict: take::Verdict,
    pub starred: bool,
}

/// What is under way, one at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub what: String,
    /// Absent where nobody knows how much there is.
    pub share: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub text: String,
    pub failed: bool,
}

/// A deck while it is written: as it is on disk, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// The last that could be read.
    pub deck: Option<Box<Deck>>,
    /// Those that it cues.
    pub demos: BTreeMap<String, Demo>,
    pub faults: Vec<Place>,
    pub warnings: Vec<Place>,
    /// The deck's file, and those of the demos that it cues.
    pub files: Vec<String>,
}

/// How ready a card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// Not looked at yet.
    Unknown,
    Ready,
    /// It can be shown; something should be looked at, or run once.
    Amber,
    /// It is broken.
    Red,
}

impl Readiness {
    pub fn as_str(self) -> &'static str {
        match self {
            Readiness::Unknown => "unknown",
            Readiness::Ready => "ready",
            Readiness::Amber => "amber",
            Readiness::Red => "red",
        }
    }
}

/// What a card says of its talk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Saying {
    pub says: String,
    pub todo: String,
    /// The demo whose run would mend it.
    pub demo: Option<String>,
}

impl TalkCard {
    /// Red is for what is broken: a talk that was never run is not.
    pub fn readiness(&self) -> Readiness {
        match &self.checks {
            _ if !self.faults.is_empty() => Readiness::Red,
            None => Readiness::Unknown,
            Some(checks) if worst(checks) == Verdict::Go => Readiness::Ready,
            Some(_) => Readiness::Amber,
        }
    }

    /// The one thing to know of it, and what to do about it.
    pub fn says(&self) -> Saying {
        if let Some(fault) = self.faults.first() {
            let more = self.faults.len() - 1;
            let and = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            let says = format!("{}:{} {}{and}", fault.file, fault.line, fault.message);
            return Saying { says, todo: "Edit opens it there".into(), demo: None };
        }
        let Some(checks) = &self.checks else {
            return Saying { says: "Looking at it".into(), ..Saying::default() };
        };
        let first = [Verdict::Stop, Verdict::Look]
            .into_iter()
            .find_map(|wanted| checks.iter().find(|check| check.verdict == wanted));
        match first {
            Some(Check { found, todo, demo, .. }) => {
                Saying { says: found.clone(), todo: todo.clone(), demo: demo.clone() }
            }
            None => Saying { says: "Ready".into(), ..Saying::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(faults: usize, checks: Option<&[Verdict]>) -> TalkCard {
        let place = Place { file: "slides/a/deck.md".into(), line: 3, message: "no such layout".into() };
        let check = |(index, verdict): (usize, &Verdict)| {
            Check::new("x", *verdict, format!("found {index}"), format!("do {index}"))
        };
        TalkCard {
            slug: "a".into(),
            title: "A".into(),
            minutes: 5.0,
            slides: 2,
            demos: 0,
            audience: Level::Public,
            cover: None,
            faults: vec![place; faults],
            checks: checks.map(|checks| checks.iter().enumerate().map(check).collect()),
            rehearsed_unix_ms: None,
            runs: 0,
        }
    }

    #[test]
    fn a_card_tells_the_worst_thing_first() {
        use Verdict::{Look, Stop};
        for (faults, checks, readiness, says) in [
            (0, None, Readiness::Unknown, "Looking at it"),
            (0, Some(&[][..]), Readiness::Ready, "Ready"),
            (0, Some(&[Look, Stop]), Readiness::Amber, "found 1"),
            (0, Some(&[Look]), Readiness::Amber, "found 0"),
            (1, Some(&[Stop]), Readiness::Red, "slides/a/deck.md:3 no such layout"),
            (3, None, Readiness::Red, "slides/a/deck.md:3 no such layout (and 2 more)"),
        ] {
            let card = card(faults, checks);
            assert_eq!((card.readiness(), card.says().says.as_str()), (readiness, says));
        }
    }
}
