//! Whose steps may run here: those of demos that the user has said yes to, as they were then. Steps run programs with the user's
//! own rights, and a talk may come from anybody.

use crate::covered::{self, CoverError};
use crate::durable;
use crate::library::Talk;
use crate::parse::Program;
use crate::places;
use crate::system::USER_HOME;
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
pub enum TrustError {
    #[error("your yes cannot be kept in {}: {source}", path.display())]
    List { path: PathBuf, source: std::io::Error },
    #[error("no yes to '{demo}': {source}")]
    Uncovered { demo: String, source: CoverError },
}

impl Trust {
    /// Of this user in a project. Whoever runs a program that lies in the project, or came with it, trusts the project already: its steps can do
    /// no more than its program.
    pub fn of_user(root: &Path) -> Trust {
        let lies_in = |program: PathBuf| Some(program.canonicalize().ok()?.starts_with(root.canonicalize().ok()?));
        match std::env::current_exe().ok().and_then(lies_in) {
            Some(true) => Trust::Given,
            Some(false) | None if places::is_shipped(root) => Trust::Given,
            Some(false) | None => Trust::Listed(list()),
        }
    }

    /// The demos of a talk whose steps may not run yet.
    pub fn held(&self, root: &Path, talk: &Talk) -> BTreeSet<String> {
        let Trust::Listed(list) = self else { return BTreeSet::new() };
        let text = std::fs::read_to_string(list).unwrap_or_default();
        let known: BTreeSet<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let deck = deck_of(root, talk);
        // What no yes can cover waits for one for ever, and says why when it is asked for.
        let is_held = |program: &Program| mark(root, deck, program).map_or(true, |mark| !known.contains(mark.as_str()));
        talk.programs.iter().filter(|(_, program)| is_held(program)).map(|(slug, _)| slug.clone()).collect()
    }

    /// Remembers the user's yes to demos of a talk, as they are now.
    pub fn remember(&self, root: &Path, talk: &Talk, demos: &BTreeSet<String>) -> Result<(), TrustError> {
        let Trust::Listed(list) = self else { return Ok(()) };
        let before = std::fs::read_to_string(list).unwrap_or_default();
        let mut lines: Vec<String> = before.lines().map(String::from).collect();
        for program in demos.iter().filter_map(|demo| talk.programs.get(demo)) {
            let demo = &program.demo.slug;
            // With the scripts of its deck, and by itself, as it runs in a terminal.
            for deck in BTreeSet::from([None, deck_of(root, talk)]) {
                let mark =
                    mark(root, deck, program).map_err(|source| TrustError::Uncovered { demo: demo.clone(), source })?;
                let line = format!("{mark} {}", root.join("demos").join(demo).display());
                lines.retain(|other| *other != line);
                lines.push(line);
            }
        }
        lines.drain(..lines.len().saturating_sub(REMEMBERED_MAX));
        let text = lines.join("\n") + "\n";
        durable::replace(list, text).map_err(|source| TrustError::List { path: list.clone(), source })
    }
}

/// Stands for all that decides what a demo's steps run: its file, what it may run of the project, and the tools that came with it.
/// Programs of the user's own path are the user's.
fn mark(root: &Path, deck: Option<&str>, program: &Program) -> Result<String, CoverError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{}\0{}\0", program.demo.slug, program.demo.hash).as_bytes());
    for (path, hash) in covered::files(root, deck, program)? {
        hasher.update(path.as_os_str().as_encoded_bytes());
        // A file that is not there is told from one that is empty.
        hasher.update(format!("\0{hash}\0").as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// A demo by itself is in no deck's folder.
fn deck_of<'a>(root: &Path, talk: &'a Talk) -> Option<&'a str> {
    let slug = talk.deck.slug.as_str();
    root.join("slides").join(slug).is_dir().then_some(slug)
}

/// In the user's folder for what programs keep, and never in a project: it may have come with its own.
fn list() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = named("XDG_STATE_HOME").or_else(|| Some(named(USER_HOME)?.join(".local/state")));
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

    /// Which demos wait, and what they say when a yes is asked for.
    struct Asked {
        root: tempfile::TempDir,
        _home: tempfile::TempDir,
        trust: Trust,
    }

    impl Asked {
        fn new(root: tempfile::TempDir) -> Asked {
            let home = tempfile::tempdir().expect("a folder");
            Asked { root, trust: Trust::Listed(home.path().join("greenroom/trusted")), _home: home }
        }

        fn talk(&self) -> Talk {
            Library::new(self.root.path()).talk("talk").expect("good")
        }

        fn is_held(&self) -> bool {
            self.trust.held(self.root.path(), &self.talk()).contains("small")
        }

        fn yes(&self) -> Result<(), TrustError> {
            self.trust.remember(self.root.path(), &self.talk(), &["small".to_string()].into())
        }

        fn write(&self, file: &str, text: &str) {
            write_all(self.root.path(), &[(file, text)]);
        }
    }

    #[test]
    fn a_demo_is_held_until_the_user_says_yes_and_again_once_anything_of_it_changes() {
        let asked = Asked::new(project());
        for (name, changed) in [
            ("demos/small/demo.md", DEMO.replace("run mover", "run mover --more").as_str()),
            ("demos/small/tenants.yaml", "version: 1\ntenants: []\n\n"),
            (".tools/mover/mover", "#!/bin/sh\nmore\n"),
            (".tools/mover/lib/helper.so", "beside the tool"),
            ("demos/small/setup.sh", "a script beside the demo"),
            ("demos/small/setup.sh", "and changed"),
            ("demos/small/lib/more.sh", "and below it"),
            ("slides/talk/run.sh", "and beside the deck"),
        ] {
            assert!(asked.is_held(), "before {name}");
            asked.yes().expect("kept");
            assert!(!asked.is_held(), "after the yes, before {name}");
            asked.write(name, changed);
        }
        assert!(asked.is_held());
        assert_eq!(Trust::Given.held(asked.root.path(), &asked.talk()), BTreeSet::new());
    }

    #[test]
    fn scripts_that_steps_name_are_covered_wherever_in_the_project_they_lie() {
        for (step, script) in [
            ("run mover ../../../demos/other/setup.sh", "demos/other/setup.sh"),
            ("run mover ../../../demos/other/setup.sh", "demos/other/beside.sh"),
            ("run mover -c 'cd ../../../scripts && ./all.sh'", "scripts/all.sh"),
            ("run mover -c '. ../../../lib.sh; go'", "lib.sh"),
            ("run mover {data:x}/../../../../scripts/x.sh", "scripts/x.sh"),
            ("run mover -c '$HOME/../../../scripts/x.sh'", "scripts/x.sh"),
            ("run mover --config=ROOT/scripts/x.toml", "scripts/x.toml"),
            ("run mover ROOT/.tools/../scripts/x.sh", "scripts/x.sh"),
            ("run mover ../../../slides/talk/picture.png", "slides/talk/picture.png"),
        ] {
            let asked = Asked::new(project());
            let step = step.replace("ROOT", &asked.root.path().display().to_string());
            asked.write("demos/small/demo.md", &DEMO.replace("run mover", &step));
            asked.write("demos/other/setup.sh", "first");
            asked.write(script, "first");
            asked.yes().expect("kept");
            assert!(!asked.is_held(), "{step}");
            asked.write(script, "second");
            assert!(asked.is_held(), "{step}: {script} has changed");
        }
    }

    #[test]
    fn what_no_yes_can_cover_gets_none_and_says_why() {
        for step in ["run mover -c 'cd ../../..; ./x.sh'", "run mover -c 'cd .. && cd ../.. && sh x'", "run mover ROOT"]
        {
            let asked = Asked::new(project());
            let step = step.replace("ROOT", &asked.root.path().display().to_string());
            asked.write("demos/small/demo.md", &DEMO.replace("run mover", &step));
            let said = asked.yes().expect_err(&step).to_string();
            assert!(said.starts_with("no yes to 'small': demos/small/demo.md:7: '"), "{said}");
            assert!(said.contains("name the script itself, as ../../../demos/small/NAME"), "{said}");
            assert!(asked.is_held());
        }
    }

    #[test]
    fn a_yes_in_a_talk_holds_in_a_terminal() {
        let asked = Asked::new(project());
        asked.write("slides/talk/run.sh", "beside the deck");
        asked.yes().expect("kept");
        let alone = Library::new(asked.root.path()).talk_of_demo("small").expect("good");
        assert_eq!(asked.trust.held(asked.root.path(), &alone), BTreeSet::new());
    }

    #[test]
    fn slides_words_and_pictures_ask_nobody_and_neither_do_other_demos() {
        let asked = Asked::new(project());
        asked.yes().expect("kept");
        for (name, text) in [
            ("slides/talk/deck.md", "# Other words\n\n---\ndemo: small\n---\n# B\n"),
            ("slides/talk/picture.svg", "<svg/>"),
            ("slides/talk/README.md", "words"),
            ("demos/small/.demo.md.swp", "an editor's"),
            ("demos/other/setup.sh", "another demo's"),
            ("takes/a.take.ndjson", "a take"),
        ] {
            asked.write(name, text);
            assert!(!asked.is_held(), "{name}");
        }
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
