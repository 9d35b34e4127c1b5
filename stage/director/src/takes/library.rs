//! All takes of a project, and what a person says of them: a name, a star, where one begins and ends. It lies beside a take, and never in
//! it. What is deleted can be brought back until somebody empties the place where it went.

use super::names::{self, NameError};
use super::{Index, Indexed, PassedOver, Reader, TakeError};
use crate::clock::wall_unix_ms;
use crate::durable;
use crate::places::Places;
use crate::recorder::SUFFIX;
use greenroom_show::Micros;
use greenroom_show::take::{Edition, Header, Label, Machine, TakeInfo, Verdict};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

mod part;

pub use part::{KEPT, Part, Until};

#[cfg(test)]
mod tests;

const ABOUT_SUFFIX: &str = ".about.json";
/// Of `about.json`; more than anybody says of a take.
const ABOUT_BYTES_MAX: u64 = 64 << 10;
/// Fits a line of a list.
const NAME_CHARS_MAX: usize = 120;
/// Where deleted takes go.
const DELETED: &str = ".deleted";
/// What the user keeps, whenever a show begins.
const LIMITS: &str = ".limits.json";
const DAY_MS: u64 = 24 * 3600 * 1000;
/// A take that changed later than this may still be recorded.
const QUIET_MS: u64 = 60_000;

#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Take(#[from] TakeError),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is there already: empty the deleted takes, or move it away", .0.display())]
    InTheWay(PathBuf),
    #[error("what was said of the take before cannot be read: {0}; mend that file, or remove it")]
    Unreadable(String),
    #[error("{}: {detail}; say 'greenroom take tidy' with limits and --always again, or --never", path.display())]
    Limits { path: PathBuf, detail: String },
    #[error("a name has 1 to {NAME_CHARS_MAX} letters on one line")]
    BadName,
    #[error("a take that begins at {begins} ends after that, and within the {lasts} that it lasts")]
    BadTrim { begins: String, lasts: String },
}

/// What a person says of a take. A field of another version is kept as it is: to refuse it would lose a star with the next new name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Limits on size and age leave it alone.
    #[serde(default)]
    pub starred: bool,
    /// Microseconds of the recording's clock from which it is played and handed on.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub begins: Option<Micros>,
    #[serde(default, rename = "out", skip_serializing_if = "Option::is_none")]
    pub ends: Option<Micros>,
    #[serde(flatten)]
    other: serde_json::Map<String, serde_json::Value>,
}

/// A take in a list. Its JSON is the command line's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    pub id: String,
    pub name: Option<String>,
    pub starred: bool,
    #[serde(rename = "in_us")]
    pub begins: Option<Micros>,
    #[serde(rename = "out_us")]
    pub ends: Option<Micros>,
    /// Empty where it is of a whole talk.
    pub demo: String,
    pub deck: String,
    /// Of the demo or the deck; empty where the take does not tell.
    pub title: String,
    pub at_unix_ms: u64,
    pub machine: Machine,
    pub outcome: Verdict,
    pub duration_us: Micros,
    pub bytes: u64,
    pub unknown_lines: usize,
    pub damaged_lines: usize,
    /// What is wrong with what was said of it.
    pub warning: Option<String>,
    #[serde(skip)]
    modified_unix_ms: u64,
}

/// What is kept of takes that nobody starred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Of all takes together.
    pub bytes: Option<u64>,
    pub days: Option<u64>,
}

/// The takes of a project.
#[derive(Debug)]
pub struct Takes {
    places: Places,
    folder: PathBuf,
    pub index: Index,
}

impl Takes {
    /// Reads what is new among them.
    pub fn open(places: &Places) -> Takes {
        let folder = places.takes().to_path_buf();
        let mut index = Index::open(&folder);
        index.refresh();
        index.keep();
        Takes { places: places.clone(), folder, index }
    }

    pub fn places(&self) -> &Places {
        &self.places
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Those that can be read, newest first.
    pub fn list(&self) -> Vec<Listed> {
        let mut takes: Vec<Listed> = self.index.all().map(|indexed| self.listed(&indexed)).collect();
        takes.sort_by(|a, b| (b.at_unix_ms, &b.id).cmp(&(a.at_unix_ms, &a.id)));
        takes
    }

    /// Those that were deleted and can be brought back. Nothing is written among them.
    pub fn deleted(&self) -> Vec<Listed> {
        let folder = self.folder.join(DELETED);
        let mut index = Index::open(&folder);
        index.refresh();
        Takes { places: self.places.clone(), folder, index }.list()
    }

    /// The take that a person means, also one that cannot be read.
    pub fn find(&self, asked: &str) -> Result<String, NameError> {
        find(&self.folder, asked)
    }

    pub fn path(&self, id: &str) -> PathBuf {
        super::path(&self.folder, id)
    }

    pub fn reader(&self, id: &str) -> Result<Reader, TakeError> {
        Reader::open(&self.folder, id)
    }

    pub fn listed_as(&self, id: &str) -> Option<Listed> {
        self.index.all().find(|indexed| indexed.id == id).map(|indexed| self.listed(&indexed))
    }

    /// What was said of a take, and what is wrong with it where it cannot be read: then it counts as nothing.
    pub fn about(&self, id: &str) -> (About, Option<String>) {
        about(&self.folder, id)
    }

    /// Says something else of a take. Nothing is written over what cannot be read: a star may be in it.
    pub fn say(&self, id: &str, change: impl FnOnce(&mut About)) -> Result<(), LibraryError> {
        let (mut about, unreadable) = self.about(id);
        if let Some(why) = unreadable {
            return Err(LibraryError::Unreadable(why));
        }
        change(&mut about);
        let path = about_path(&self.folder, id);
        let write = || durable::replace(&path, serde_json::to_vec_pretty(&about)?);
        write().map_err(|source| LibraryError::Io { path: path.clone(), source })
    }

    pub fn rename(&self, id: &str, name: &str) -> Result<(), LibraryError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(LibraryError::BadName);
        }
        self.say(id, |about| about.name = Some(name.to_string()))
    }

    /// Where a take begins and ends from now on. Nothing of the take is rewritten.
    pub fn trim(&self, id: &str, begins: Option<Micros>, ends: Option<Micros>) -> Result<(), LibraryError> {
        let lasts = self.listed_as(id).map_or(Micros::MAX, |take| take.duration_us);
        let from = begins.unwrap_or(0);
        if from >= ends.unwrap_or(lasts) || ends.is_some_and(|ends| ends > lasts) {
            let seconds = |micros: Micros| format!("{:.1} s", micros as f64 / 1e6);
            return Err(LibraryError::BadTrim { begins: seconds(from), lasts: seconds(lasts) });
        }
        self.say(id, |about| (about.begins, about.ends) = (begins, ends))
    }

    /// Puts a take away with what was said of it. The take goes first: a crash in between leaves it whole, and its star where it was.
    pub fn delete(&self, id: &str) -> Result<(), LibraryError> {
        let to = self.folder.join(DELETED);
        std::fs::create_dir_all(&to).map_err(|source| LibraryError::Io { path: to.clone(), source })?;
        rename(&self.path(id), &super::path(&to, id), Missing::IsAnError)?;
        rename(&about_path(&self.folder, id), &about_path(&to, id), Missing::IsFine)
    }

    /// Brings back what was deleted; its id.
    pub fn undelete(&self, asked: &str) -> Result<String, LibraryError> {
        let from = self.folder.join(DELETED);
        let id = find(&from, asked)?;
        if self.path(&id).exists() {
            return Err(LibraryError::InTheWay(self.path(&id)));
        }
        rename(&about_path(&from, &id), &about_path(&self.folder, &id), Missing::IsFine)?;
        rename(&super::path(&from, &id), &self.path(&id), Missing::IsAnError)?;
        Ok(id)
    }

    /// Removes for good what was deleted; how many takes that were, and their bytes.
    pub fn empty(&self) -> Result<(usize, u64), LibraryError> {
        let folder = self.folder.join(DELETED);
        let (mut takes, mut bytes) = (0, 0);
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_take = name.ends_with(SUFFIX);
            // What else lies there is somebody's.
            if !is_take && !name.ends_with(ABOUT_SUFFIX) {
                continue;
            }
            bytes += entry.metadata().map_or(0, |found| found.len());
            takes += usize::from(is_take);
            let path = entry.path();
            std::fs::remove_file(&path).map_err(|source| LibraryError::Io { path, source })?;
        }
        Ok((takes, bytes))
    }

    /// Whether a take is of the demo, or the deck, that there is today; `None` where there is none.
    pub fn edition(&self, header: &Header) -> Option<Edition> {
        let library = crate::Library::new(self.places.project());
        let (now, then) = if header.demo.is_empty() {
            (library.talk(&header.deck).ok()?.deck.hash, &header.deck_hash)
        } else {
            (library.demo(&header.demo).ok()?.value.demo.hash, &header.demo_hash)
        };
        Some(if now == *then { Edition::Todays } else { Edition::Earlier })
    }

    /// Whenever a show begins, what is more than these is deleted; without any, nothing is.
    pub fn keep_limits(&self, limits: Option<Limits>) -> Result<(), LibraryError> {
        let path = self.folder.join(LIMITS);
        let done = match limits {
            Some(limits) => {
                serde_json::to_vec(&limits).map_err(Into::into).and_then(|text| durable::replace(&path, text))
            }
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            },
        };
        done.map_err(|source| LibraryError::Io { path, source })
    }

    /// The takes that are more than the limits allow, oldest first.
    pub fn surplus(&self, limits: Limits) -> Vec<Listed> {
        surplus(&self.list(), limits, wall_unix_ms()).into_iter().cloned().collect()
    }

    fn listed(&self, indexed: &Indexed<'_>) -> Listed {
        let (about, warning) = self.about(indexed.id);
        let PassedOver { unknown, damaged } = indexed.passed_over;
        Listed {
            id: indexed.id.to_string(),
            name: about.name,
            starred: about.starred,
            begins: about.begins,
            ends: about.ends,
            demo: indexed.header.demo.clone(),
            deck: indexed.header.deck.clone(),
            title: indexed.title.to_string(),
            at_unix_ms: indexed.header.at_unix_ms,
            machine: indexed.header.machine.clone(),
            outcome: indexed.outcome,
            duration_us: indexed.duration,
            bytes: indexed.bytes,
            unknown_lines: unknown,
            damaged_lines: damaged,
            warning,
            modified_unix_ms: indexed.modified_unix_ms,
        }
    }
}

/// The takes that go, oldest first: too old, or more than fits. Starred ones stay whatever they weigh, and so does one of which nobody
/// can read whether it is starred, or that may still be recorded.
fn surplus(takes: &[Listed], limits: Limits, now_unix_ms: u64) -> Vec<&Listed> {
    let mut weight: u64 = takes.iter().map(|take| take.bytes).sum();
    let mut oldest: Vec<&Listed> = takes.iter().collect();
    oldest.sort_by_key(|take| (take.at_unix_ms, &take.id));
    let mut going = Vec::new();
    for take in oldest {
        let is_held = take.starred || take.warning.is_some() || take.modified_unix_ms + QUIET_MS > now_unix_ms;
        let age_ms = now_unix_ms.saturating_sub(take.at_unix_ms);
        let is_old = limits.days.is_some_and(|days| age_ms > days.saturating_mul(DAY_MS));
        let is_too_much = limits.bytes.is_some_and(|bytes| weight > bytes);
        if !is_held && (is_old || is_too_much) {
            weight -= take.bytes;
            going.push(take);
        }
    }
    going
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsFine,
    IsAnError,
}

/// Moves a file to where none is.
fn rename(from: &Path, to: &Path, missing: Missing) -> Result<(), LibraryError> {
    if !from.exists() && missing == Missing::IsFine {
        return Ok(());
    }
    if to.exists() {
        return Err(LibraryError::InTheWay(to.to_path_buf()));
    }
    std::fs::rename(from, to).map_err(|source| LibraryError::Io { path: from.to_path_buf(), source })
}

pub fn about_path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}{ABOUT_SUFFIX}"))
}

/// Of the files of a folder whose names end so.
fn ids(folder: &Path, suffix: &'static str) -> impl Iterator<Item = String> + use<> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(move |name| name.strip_suffix(suffix).map(String::from))
}

/// What was said of takes, of those of which something was.
pub fn labels(folder: &Path) -> BTreeMap<String, Label> {
    let told = ids(folder, ABOUT_SUFFIX).map(|id| {
        let (About { name, starred, .. }, _) = about(folder, &id);
        (id, Label { name, starred })
    });
    told.collect()
}

/// The limits that hold whenever a show begins, where the user has set some.
pub fn kept_limits(folder: &Path) -> Result<Option<Limits>, LibraryError> {
    let path = folder.join(LIMITS);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LibraryError::Io { path, source }),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| LibraryError::Limits { path, detail: error.to_string() })
}

/// The takes of a demo that have passed, the one that stands in for it first: of today's edition before an earlier one, starred before
/// others, and then the newest.
pub fn standing_in(takes: &[TakeInfo], labels: &BTreeMap<String, Label>, demo: &str) -> Vec<TakeInfo> {
    let passed = takes.iter().filter(|take| take.demo == demo && take.verdict == Verdict::Passed);
    let is_starred = |take: &TakeInfo| labels.get(&take.id).is_some_and(|label| label.starred);
    // A part of a take has its time, and a later name.
    let order = |take: &TakeInfo| (take.edition, !is_starred(take), Reverse(take.at_unix_ms), take.id.clone());
    let mut passed: Vec<_> = passed.cloned().collect();
    passed.sort_by_key(order);
    passed
}

pub fn about(folder: &Path, id: &str) -> (About, Option<String>) {
    let path = about_path(folder, id);
    let bad = |error: String| (About::default(), Some(format!("{}: {error}", path.display())));
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return (About::default(), None),
        Err(error) => return bad(error.to_string()),
        Ok(found) if found.len() > ABOUT_BYTES_MAX => return bad(format!("{} bytes are too many", found.len())),
        Ok(_) => {}
    }
    match std::fs::read(&path) {
        Err(error) => bad(error.to_string()),
        Ok(text) => match serde_json::from_slice(&text) {
            Err(error) => bad(error.to_string()),
            Ok(about) => (about, None),
        },
    }
}

fn find(folder: &Path, asked: &str) -> Result<String, NameError> {
    let mut ids: Vec<String> = ids(folder, SUFFIX).collect();
    ids.sort();
    let known: Vec<_> = ids.into_iter().map(|id| (id.clone(), about(folder, &id).0.name)).collect();
    names::find(asked, folder.to_path_buf(), &known)
}
