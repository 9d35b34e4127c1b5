//! Whose steps may run here: those of demos that the user has said yes to, as they were then. Steps run programs with the user's
//! own rights, and a talk may come from anybody.

use crate::library::Talk;
use crate::parse::Program;
use crate::tool;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Demos that are remembered; the oldest are forgotten first, and asked for again.
const REMEMBERED_MAX: usize = 1000;

/// Where a show learns which demos may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Whoever opens the project vouches for it.
    Given,
    /// Demos that this file lists may run.
    Listed(PathBuf),
}

#[derive(Debug, thiserror::Error)]
#[error("your yes cannot be kept in {}: {source}", path.display())]
pub struct TrustError {
    path: PathBuf,
    source: std::io::Error,
}

impl Trust {
    /// Of this user in a project. Whoever runs a program that lies in the project trusts the project already: its steps can do no
    /// more than its program.
    pub fn of_user(root: &Path) -> Trust {
        let lies_in = |program: PathBuf| Some(program.canonicalize().ok()?.starts_with(root.canonicalize().ok()?));
        match std::env::current_exe().ok().and_then(lies_in) {
            Some(true) => Trust::Given,
            Some(false) | None => Trust::Listed(list()),
        }
    }

    /// The demos of a talk whose steps may not run yet.
    pub fn held(&self, root: &Path, talk: &Talk) -> BTreeSet<String> {
        let Trust::Listed(list) = self else { return BTreeSet::new() };
        let text = std::fs::read_to_string(list).unwrap_or_default();
        let known: BTreeSet<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let is_held = |program: &Program| !known.contains(mark(root, program).as_str());
        talk.programs.iter().filter(|(_, program)| is_held(program)).map(|(slug, _)| slug.clone()).collect()
    }

    /// Remembers the user's yes to demos of a talk, as they are now.
    pub fn remember(&self, root: &Path, talk: &Talk, demos: &BTreeSet<String>) -> Result<(), TrustError> {
        let Trust::Listed(list) = self else { return Ok(()) };
        let before = std::fs::read_to_string(list).unwrap_or_default();
        let mut lines: Vec<String> = before.lines().map(String::from).collect();
        for program in demos.iter().filter_map(|demo| talk.programs.get(demo)) {
            let line = format!("{} {}", mark(root, program), folder(root, program).display());
            lines.retain(|other| *other != line);
            lines.push(line);
        }
        lines.drain(..lines.len().saturating_sub(REMEMBERED_MAX));
        write(list, &(lines.join("\n") + "\n")).map_err(|source| TrustError { path: list.clone(), source })
    }
}

/// Stands for all that decides what a demo's steps run: its file, the files that it applies, and the programs that came with the
/// project. Programs of the user's own path are the user's.
fn mark(root: &Path, program: &Program) -> String {
    let beside = program.tenants_files().into_iter().map(|(_, file)| folder(root, program).join(file));
    let fetched = program.demo.tools.iter().map(|name| tool::fetched(root, name));
    let files: BTreeSet<PathBuf> = beside.chain(fetched).collect();
    let mut hasher = blake3::Hasher::new();
    hasher.update(program.demo.hash.as_bytes());
    for path in files {
        // A file that is not there is told from one that is empty.
        let hash = hash(&path).map(|hash| hash.to_hex().to_string()).unwrap_or_default();
        hasher.update(path.strip_prefix(root).unwrap_or(&path).as_os_str().as_encoded_bytes());
        hasher.update(format!("\0{hash}\0").as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn hash(path: &Path) -> std::io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path)?)?;
    Ok(hasher.finalize())
}

fn folder(root: &Path, program: &Program) -> PathBuf {
    root.join("demos").join(&program.demo.slug)
}

/// Written beside, then renamed: a torn list would forget.
fn write(list: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = list.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = list.with_extension(std::process::id().to_string());
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, list)
}

/// In the user's folder for what programs keep, and never in a project: it may have come with its own.
fn list() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = named("XDG_STATE_HOME").or_else(|| Some(named("HOME")?.join(".local/state")));
    state.unwrap_or_else(|| PathBuf::from("/nonexistent")).join("greenroom/trusted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Library;

    const DEMO: &str = "---\ntitle: Small\ntools: [mover]\n---\n```steps\ntenant apply tenants.yaml\nrun mover\n```\n";

    fn write_all(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
    }

    fn project() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        let deck = "---\ntitle: A\n---\n# A\n\n---\ndemo: small\n---\n# B\n";
        write_all(
            root.path(),
            &[
                ("slides/talk/deck.md", deck),
                ("demos/small/demo.md", DEMO),
                ("demos/small/tenants.yaml", "version: 1\ntenants: []\n"),
                (".tools/mover/mover", "#!/bin/sh\n"),
            ],
        );
        root
    }

    #[test]
    fn a_demo_is_held_until_the_user_says_yes_and_again_once_anything_of_it_changes() {
        let (root, home) = (project(), tempfile::tempdir().expect("a folder"));
        let trust = Trust::Listed(home.path().join("greenroom/trusted"));
        let talk = || Library::new(root.path()).talk("talk").expect("good");
        let held = || trust.held(root.path(), &talk()).into_iter().collect::<Vec<_>>();
        for (name, changed) in [
            ("demos/small/demo.md", DEMO.replace("run mover", "run mover --more")),
            ("demos/small/tenants.yaml", "version: 1\ntenants: []\n\n".to_string()),
            (".tools/mover/mover", "#!/bin/sh\nmore\n".to_string()),
        ] {
            assert_eq!(held(), ["small"], "before {name}");
            trust.remember(root.path(), &talk(), &["small".to_string()].into()).expect("kept");
            assert_eq!(held(), Vec::<String>::new());
            write_all(root.path(), &[(name, &changed)]);
        }
        assert_eq!(held(), ["small"]);
        assert_eq!(Trust::Given.held(root.path(), &talk()), BTreeSet::new());
    }

    #[test]
    fn slides_and_words_ask_nobody() {
        let (root, home) = (project(), tempfile::tempdir().expect("a folder"));
        let trust = Trust::Listed(home.path().join("trusted"));
        let talk = Library::new(root.path()).talk("talk").expect("good");
        trust.remember(root.path(), &talk, &["small".to_string()].into()).expect("kept");
        write_all(root.path(), &[("slides/talk/deck.md", "# Other words\n\n---\ndemo: small\n---\n# B\n")]);
        let talk = Library::new(root.path()).talk("talk").expect("good");
        assert_eq!(trust.held(root.path(), &talk), BTreeSet::new());
    }

    #[test]
    fn the_list_stays_short() {
        let (root, home) = (project(), tempfile::tempdir().expect("a folder"));
        let list = home.path().join("trusted");
        std::fs::write(&list, "old demo\n".repeat(REMEMBERED_MAX)).expect("written");
        let trust = Trust::Listed(list.clone());
        let talk = Library::new(root.path()).talk("talk").expect("good");
        trust.remember(root.path(), &talk, &["small".to_string()].into()).expect("kept");
        assert_eq!(std::fs::read_to_string(&list).expect("there").lines().count(), REMEMBERED_MAX);
        assert_eq!(trust.held(root.path(), &talk), BTreeSet::new());
    }
}
