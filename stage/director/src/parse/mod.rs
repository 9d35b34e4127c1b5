//! Decks and demos from their files. Every fault names its place, and all faults of a file come at once.

mod code;
mod comparison;
mod completion;
mod deck;
mod demo;
mod diagram;
mod head;
#[cfg(test)]
mod heads;
#[cfg(test)]
mod levels;
mod markdown;
mod marks;
mod mirror;
mod narrative;
mod placeholder;
mod script;
mod shots;
mod source;
mod vault;
mod verb;
mod yaml;

pub use comparison::{Comparison, Condition, Operand, without_within};
pub use completion::{snippets, verbs};
pub use deck::{deck_head, figures, parse_deck, slide_head};
pub use demo::{Profile, Program, demo_head, parse_demo};
pub use mirror::{AttachLine, MirrorVerb, Origin};
pub use placeholder::{Endpoint, Part as WordPart, is_inside, read as read_word};
pub use script::{
    ConsumerVerb, DataVerb, FaultVerb, FileName, KeysVerb, LoadLine, OffloadVerb, OriginFault, StackVerb, Switch,
    TenantVerb, Treat, Verb, quoted, reference,
};

pub use vault::{EncryptionVerb, KeyTimes, VaultKey, VaultKeyVerb, VaultVerb};
pub use verb::change_feed;
pub use yaml::document;

use std::fmt;

/// Looks for a text by the name that a slide gives it: where it lies in the project, and what it says.
pub type FindText<'a> = &'a dyn Fn(&str) -> Result<(String, String), String>;

/// What a slide may show of the project's files, by the name that it gives one; or in a sentence why it cannot be shown.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// The id of a picture of the deck.
    pub picture: &'a dyn Fn(&str) -> Result<String, String>,
    pub text: FindText<'a>,
}

#[cfg(test)]
impl Files<'_> {
    /// Where there are none.
    pub const NONE: Files<'static> = Files {
        picture: &|name| Err(format!("there is no picture '{name}'")),
        text: &|name| Err(format!("there is no file '{name}'")),
    };
}

/// Something wrong, or odd, at one line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub file: String,
    /// From 1.
    pub line: usize,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// What was read, and what was wrong with it: faults cost the piece that they are in, and warnings nothing.
#[derive(Debug, Clone)]
pub struct Parsed<T> {
    pub value: T,
    pub faults: Vec<Fault>,
    pub warnings: Vec<Fault>,
}

/// The faults that keep a file from the stage. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Gathers what is wrong and what is odd while a file is read.
#[derive(Debug)]
struct Report {
    file: String,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
}

impl Report {
    fn new(file: &str) -> Self {
        Self { file: file.to_string(), faults: vec![], warnings: vec![] }
    }

    fn fault(&mut self, line: usize, message: impl Into<String>) {
        self.faults.push(Fault { file: self.file.clone(), line, message: message.into() });
    }

    fn warn(&mut self, line: usize, message: impl Into<String>) {
        self.warnings.push(Fault { file: self.file.clone(), line, message: message.into() });
    }

    /// What can be shown in spite of its faults.
    fn finish<T>(self, value: T) -> Parsed<T> {
        Parsed { value, faults: self.faults, warnings: self.warnings }
    }

    /// What is good as a whole or not at all.
    fn finish_strictly<T>(self, value: Option<T>) -> Result<Parsed<T>, Faults> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(self.finish(value)),
            _ => Err(Faults(self.faults)),
        }
    }
}

/// The name closest to a misspelt one, where one is close enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_string())
}

/// "; did you mean 'x'?", where something is near.
pub fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|near| format!("; did you mean '{near}'?")).unwrap_or_default()
}
