//! Checks a talk again whenever a file of its project changes, for whoever edits it without its windows.

use crate::clock::wall_unix_ms;
use crate::library::{Library, LibraryError};
use crate::look::{FILES_MAX, LOOK_EVERY, LOOKS_SAME, Looks, look};
use std::path::PathBuf;

/// What a check finds, each with its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub faults: Vec<String>,
    pub warnings: Vec<String>,
}

/// What goes wrong when a talk is watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error("print (whoever read this has gone): {0}")]
    Print(std::io::Error),
}

/// Checks a talk now and after each change of a file below `slides/` and `demos/`, and says what is found where that is something else than before.
/// Until `end`: what was found last. A deck that is not there at the beginning is refused.
pub async fn watch(
    library: &Library,
    deck: &str,
    end: impl Future<Output = ()>,
    say: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> Result<Found, WatchError> {
    let folders: Vec<PathBuf> = ["slides", "demos"].map(|part| library.root().join(part)).into();
    // Before the first check: what changes meanwhile is seen.
    let mut looks = Looks::new(look(&folders));
    let mut found = check(library, deck)?;
    if looks.is_full() {
        let folder = library.root().display();
        say(&format!("{folder} holds more than {FILES_MAX} files: edits of some are not seen\n"))
            .map_err(WatchError::Print)?;
    }
    let mut told = Told::default();
    tokio::pin!(end);
    loop {
        if let Some(news) = told.news(found, wall_unix_ms()) {
            say(&news).map_err(WatchError::Print)?;
        }
        looks.settle();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = &mut end => return Ok(told.last.unwrap_or_default()),
            }
            if looks.take(look(&folders)).is_some_and(|same| same >= LOOKS_SAME) {
                break;
            }
        }
        // The deck may be gone, or not be read, for now.
        let gone = |error: LibraryError| Found { faults: vec![error.to_string()], warnings: Vec::new() };
        found = check(library, deck).unwrap_or_else(gone);
    }
}

/// Err: where there is no deck to check.
fn check(library: &Library, deck: &str) -> Result<Found, LibraryError> {
    let lines = |faults: &[crate::parse::Fault]| faults.iter().map(ToString::to_string).collect();
    match library.talk(deck) {
        Ok(talk) => Ok(Found { faults: lines(&talk.faults), warnings: lines(&talk.warnings) }),
        Err(LibraryError::Faults(faults)) => Ok(Found { faults: lines(&faults.0), warnings: Vec::new() }),
        Err(error) => Err(error),
    }
}

/// What was said last, so that nothing is said twice.
#[derive(Debug, Default)]
struct Told {
    last: Option<Found>,
}

impl Told {
    /// What there is to say of a check, where it is not as the last one.
    fn news(&mut self, found: Found, at_unix_ms: u64) -> Option<String> {
        if self.last.as_ref() == Some(&found) {
            return None;
        }
        let at = i64::try_from(at_unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let mut text =
            format!("{} UTC  {}", at.unwrap_or_default().strftime("%H:%M:%S"), count(found.faults.len(), "fault"));
        if !found.warnings.is_empty() {
            text.push_str(&format!(", {}", count(found.warnings.len(), "warning")));
        }
        let warnings = found.warnings.iter().map(|warning| format!("warning: {warning}"));
        for line in found.faults.iter().cloned().chain(warnings) {
            text.push('\n');
            text.push_str(&line);
        }
        text.push('\n');
        self.last = Some(found);
        Some(text)
    }
}

fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_MS: u64 = 43_200_000;

    fn found(faults: &[&str], warnings: &[&str]) -> Found {
        let owned = |lines: &[&str]| lines.iter().map(ToString::to_string).collect();
        Found { faults: owned(faults), warnings: owned(warnings) }
    }

    #[test]
    fn only_what_is_new_is_said() {
        let mut told = Told::default();
        let mut news = |found| told.news(found, NOON_MS);
        assert_eq!(news(found(&[], &[])).as_deref(), Some("12:00:00 UTC  no faults\n"));
        assert_eq!(news(found(&[], &[])), None);
        let broken = found(&["deck.md:3: bad", "deck.md:9: worse"], &["deck.md:4: odd"]);
        let said = "12:00:00 UTC  2 faults, 1 warning\ndeck.md:3: bad\ndeck.md:9: worse\nwarning: deck.md:4: odd\n";
        assert_eq!(news(broken.clone()).as_deref(), Some(said));
        assert_eq!(news(broken), None);
        assert_eq!(news(found(&["deck.md:4: bad"], &[])).as_deref(), Some("12:00:00 UTC  1 fault\ndeck.md:4: bad\n"));
        assert_eq!(news(found(&[], &[])).as_deref(), Some("12:00:00 UTC  no faults\n"));
    }

    #[tokio::test]
    async fn a_deck_that_is_not_there_is_refused_at_once() {
        let root = tempfile::tempdir().expect("a folder");
        for part in ["slides", "demos"] {
            std::fs::create_dir(root.path().join(part)).expect("a folder");
        }
        let watched = watch(&Library::new(root.path()), "talk", std::future::pending(), &mut |_| Ok(())).await;
        assert!(matches!(watched, Err(WatchError::Library(LibraryError::NotFound { .. }))), "{watched:?}");
    }
}
