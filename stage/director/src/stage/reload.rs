//! Shows an edited deck or demo once it is whole. A broken edit keeps the last good version on stage, and is named to the speaker.

use super::kernel::Kernel;
use super::loaded::{self, Loaded};
use super::{Stage, What, calls, history, trust};
use crate::library::LibraryError;
use crate::parse::Fault;
use crate::system;
use greenroom_show::Event;
use greenroom_show::version::Version;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often files are looked at. Looking follows links, and folders that are taken away and made again, as watching cannot.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// An editor writes a file in several strokes: it is read once two looks have found the same.
const LOOKS_SAME: usize = 2;
/// What may have been cut off in mid-air is shown when nothing has followed for so long.
const LOOKS_CUT: usize = 15;
/// Of one talk. What lies beyond is not followed, and the speaker is told.
const FILES_MAX: usize = 4_000;
const DEPTH_MAX: usize = 6;

pub async fn run(stage: Arc<Stage>) {
    let mut known = look(&stage.kernel).await;
    let mut texts = read_texts(&stage.kernel).await;
    if known.len() >= FILES_MAX {
        stage.notice(format!(
            "This talk has more than {FILES_MAX} files: edits of some are not seen until it is opened again."
        ));
    }
    let mut pending: Option<(Seen, usize)> = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stage.closing.cancelled() => return,
        }
        let now = look(&stage.kernel).await;
        pending = match pending {
            _ if now == known => None,
            Some((before, looks)) if before == now => Some((now.clone(), looks + 1)),
            Some(_) | None => Some((now.clone(), 1)),
        };
        let Some((_, looks)) = &pending else { continue };
        if *looks < LOOKS_SAME || is_busy(&stage) {
            continue;
        }
        let new = read_texts(&stage.kernel).await;
        match wholeness(&texts, &new) {
            Wholeness::Whole => {}
            Wholeness::MayBeCut if *looks >= LOOKS_CUT => {}
            Wholeness::MayBeCut => continue,
            Wholeness::Cut(why) => {
                if *looks == LOOKS_SAME {
                    stage.emit(Event::Faults(vec![why]));
                }
                continue;
            }
        }
        match reload(&stage).await {
            Reload::Shown => (known, texts, pending) = (now, new, None),
            Reload::Refused => (known, pending) = (now, None),
            Reload::Later => {}
        }
    }
}

/// What a look at the files of a talk finds.
type Seen = BTreeMap<PathBuf, system::Mark>;
type Texts = BTreeMap<PathBuf, String>;

async fn look(kernel: &Arc<Kernel>) -> Seen {
    let kernel = kernel.clone();
    let seen = tokio::task::spawn_blocking(move || {
        let mut seen = Seen::new();
        for folder in folders(&kernel) {
            walk(&folder, DEPTH_MAX, &mut seen);
        }
        seen
    });
    seen.await.unwrap_or_default()
}

fn walk(folder: &Path, depth: usize, seen: &mut Seen) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if seen.len() >= FILES_MAX {
            return;
        }
        let path = entry.path();
        // Of what a link leads to.
        let Ok(found) = std::fs::metadata(&path) else { continue };
        if found.is_dir() && depth > 0 {
            walk(&path, depth - 1, seen);
        } else {
            seen.insert(path, system::mark(&found));
        }
    }
}

/// The folders whose files are shown or run: of the deck, and of every demo that it cues, written or not.
fn folders(kernel: &Kernel) -> Vec<PathBuf> {
    let demos = kernel.places.project().join("demos");
    match &kernel.what {
        What::Deck(slug) => {
            let loaded = kernel.loaded();
            let cued =
                loaded.talk.deck.slides.iter().filter_map(|slide| slide.cue.as_ref()).map(|cue| demos.join(&cue.demo));
            let own = kernel.places.project().join("slides").join(slug);
            std::iter::once(own).chain(cued.collect::<std::collections::BTreeSet<_>>()).collect()
        }
        What::Demo(slug) => vec![demos.join(slug)],
    }
}

/// The files that are shown as text.
async fn read_texts(kernel: &Arc<Kernel>) -> Texts {
    let kernel = kernel.clone();
    let texts = tokio::task::spawn_blocking(move || {
        let files = folders(&kernel).into_iter().flat_map(|folder| [folder.join("deck.md"), folder.join("demo.md")]);
        files.filter_map(|file| std::fs::read_to_string(&file).ok().map(|text| (file, text))).collect()
    });
    texts.await.unwrap_or_default()
}

#[derive(Debug, PartialEq, Eq)]
enum Wholeness {
    Whole,
    /// The end is missing, and so it would be if somebody had deleted it.
    MayBeCut,
    /// Nobody means this. Where, and what.
    Cut(String),
}

/// Whether new texts are whole, by the ones that are shown.
fn wholeness(shown: &Texts, new: &Texts) -> Wholeness {
    let mut worst = Wholeness::Whole;
    for (file, before) in shown {
        let Some(text) = new.get(file) else { continue };
        if before.trim().is_empty() || text == before {
            continue;
        }
        if text.trim().is_empty() {
            return Wholeness::Cut(format!("{}: the file is empty: what was shown before stays", file.display()));
        }
        if before.starts_with(text.as_str()) {
            if !text.ends_with('\n') && before.ends_with('\n') {
                let line = text.lines().count();
                let file = file.display();
                return Wholeness::Cut(format!(
                    "{file}:{line}: the file ends within this line: what was shown before stays"
                ));
            }
            worst = Wholeness::MayBeCut;
        }
    }
    worst
}

/// While a step runs, or a recorded talk is drawn in place of the live one.
fn is_busy(kernel: &Kernel) -> bool {
    let now = kernel.lock();
    !now.busy.is_free() || now.show.replays_talk()
}

#[derive(Debug, PartialEq, Eq)]
enum Reload {
    Shown,
    /// What was shown before stays.
    Refused,
    /// Something began meanwhile that must not lose what it began with.
    Later,
}

async fn reload(stage: &Arc<Stage>) -> Reload {
    let before = stage.loaded();
    let mut loaded = match Loaded::read(&stage.places, &stage.what, &stage.trust).await {
        Ok(loaded) => loaded,
        Err(error) => {
            stage.emit(Event::Faults(lines(&error)));
            return Reload::Refused;
        }
    };
    let faults: Vec<String> = loaded.talk.faults.iter().map(ToString::to_string).collect();
    // A talk that was opened with faults may keep them, and may lose them: it gets no new ones.
    let known = |fault: &&Fault| before.talk.faults.iter().any(|known| known.message == fault.message);
    if loaded.talk.faults.iter().any(|fault| !known(&fault)) {
        stage.emit(Event::Faults(faults));
        return Reload::Refused;
    }
    trust::carry_over(stage, &before, &mut loaded).await;
    let version = stage.lock().show.version;
    // A cut that the edit took away: the whole talk.
    let opened = loaded.opened(version).or_else(|_| loaded.opened(Version { cut: None, ..version }));
    let opened = match opened {
        Ok(opened) => opened,
        Err(why) => {
            stage.emit(Event::Faults(vec![why]));
            return Reload::Refused;
        }
    };
    if !is_same(&before, &loaded) {
        {
            let mut now = stage.lock();
            if !now.busy.is_free() || now.show.replays_talk() {
                return Reload::Later;
            }
            stage.reloaded(loaded.clone());
            stage.emit_in(&mut now, Event::Opened(Box::new(opened)));
        }
        loaded::ask_versions(&stage.kernel);
        history::learn(stage);
        if let Err(error) = calls::come_back(stage) {
            stage.notice(error.to_string());
        }
        for warning in loaded.talk.warnings.iter().filter(|warning| !before.talk.warnings.contains(warning)) {
            stage.notice(warning.to_string());
        }
    }
    stage.emit(Event::Faults(faults));
    Reload::Shown
}

fn is_same(before: &Loaded, after: &Loaded) -> bool {
    let demos = |loaded: &Loaded| -> Vec<_> {
        loaded.talk.programs.iter().map(|(slug, program)| (slug.clone(), program.demo.hash.clone())).collect()
    };
    before.talk.deck == after.talk.deck && demos(before) == demos(after) && before.held == after.held
}

fn lines(error: &LibraryError) -> Vec<String> {
    error.to_string().lines().map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Texts {
        [(PathBuf::from("slides/a/deck.md"), text.to_string())].into()
    }

    #[test]
    fn what_is_cut_off_in_mid_air_is_told_from_what_was_deleted() {
        let whole = "# A\n\n---\n# B\n\nwords\n";
        let cases = [
            (whole, whole, "whole"),
            (whole, "# A\n\n---\n# B\n\nother words\n", "whole"),
            (whole, "", "cut"),
            (whole, " \n\n", "cut"),
            (whole, "# A\n\n---\n# B\n\nwo", "cut"),
            (whole, "# A\n\n---\n# B\n\n", "may be cut"),
            (whole, "# A\n", "may be cut"),
            ("# A", "# A\n\n---\n# B\n", "whole"),
            ("", "# A\n", "whole"),
        ];
        for (before, after, wanted) in cases {
            let found = match wholeness(&texts(before), &texts(after)) {
                Wholeness::Whole => "whole",
                Wholeness::MayBeCut => "may be cut",
                Wholeness::Cut(_) => "cut",
            };
            assert_eq!(found, wanted, "{before:?} to {after:?}");
        }
        assert_eq!(
            wholeness(&texts(whole), &Texts::new()),
            Wholeness::Whole,
            "a file that is gone is the library's to name"
        );
    }
}
