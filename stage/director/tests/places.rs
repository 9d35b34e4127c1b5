//! From nothing to a talk of one's own, as a new user goes; and talks that lie elsewhere, which nothing is written to.

#[expect(dead_code, reason = "what the other tests share, not all of which is needed here")]
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{DEMO, Tools, project, stack};

/// What a person types, somewhere, with nothing set but their home.
fn greenroom(home: &Path, at: &Path, words: &[&str]) -> (bool, String) {
    stack();
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command.args(words).current_dir(at).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    let output = command.output().expect("it starts");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (output.status.success(), said)
}

fn passes(home: &Path, at: &Path, words: &[&str]) -> String {
    let (is_well, said) = greenroom(home, at, words);
    assert!(is_well, "{words:?}: {said}");
    said
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().expect("a kind").is_dir() { folders.push(path) } else { found.extend([path]) }
        }
    }
    found
}

#[test]
fn a_new_user_makes_a_talk_runs_it_and_hands_it_on() {
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    let (is_well, said) = greenroom(home, home, &["deck", "list"]);
    assert!(!is_well && said.contains("greenroom new talk"), "what to do next is said: {said}");
    let said = passes(home, home, &["new", "talk", "Für den Kunden: Flash & Blob"]);
    assert!(said.contains("Documents/Greenroom/slides/fur-den-kunden-flash-blob/deck.md"), "{said}");
    assert!(said.contains("Next: greenroom open fur-den-kunden-flash-blob"), "{said}");
    let slug = "fur-den-kunden-flash-blob";
    // From wherever they are.
    let elsewhere = tempfile::tempdir().expect("a folder");
    assert!(passes(home, elsewhere.path(), &["deck", "check", slug]).contains("0 warnings"));
    let ran = passes(home, elsewhere.path(), &["demo", "run", slug, "--headless", "--trust"]);
    assert!(ran.contains("passed") && !ran.contains("failed"), "{ran}");
    assert!(passes(home, elsewhere.path(), &["take", "list"]).contains(slug));
    assert_eq!(files(elsewhere.path()), BTreeSet::new(), "nothing is left where somebody happened to be");
    let kept = files(&home.join(".local/share/greenroom/takes"));
    assert!(kept.iter().any(|file| file.to_string_lossy().ends_with(".take.ndjson")), "{kept:?}");
    assert_eq!(files(&home.join(".cache/greenroom")), BTreeSet::new(), "the show took its folder away");

    let said = passes(home, home, &["new", "talk", "For another one", "--from", slug]);
    assert!(said.contains("was there already"), "{said}");
    assert!(passes(home, home, &["deck", "list"]).contains("For another one"));
    let (is_well, said) = greenroom(home, home, &["new", "talk", "for ANOTHER one"]);
    assert!(!is_well && said.contains("choose another name"), "{said}");
}

#[test]
fn a_talk_elsewhere_is_run_and_nothing_is_written_to_it() {
    let home = tempfile::tempdir().expect("a folder");
    let root = project(DEMO, Tools::Absent);
    let talk = root.path().join("on a stick/Vortrag ü");
    std::fs::create_dir_all(&talk).expect("a folder");
    for part in ["slides", "demos"] {
        std::fs::rename(root.path().join(part), talk.join(part)).expect("moved");
    }
    let before = files(&talk);
    for at in [talk.as_path(), home.path()] {
        let named = talk.display().to_string();
        let said = greenroom(home.path(), at, &["--root", &named, "demo", "list"]).1;
        assert!(said.contains("small"), "{said}");
    }
    greenroom(home.path(), &talk, &["demo", "run", "small", "--headless", "--trust"]);
    assert_eq!(files(&talk), before);
    let kept = files(&home.path().join(".local/share/greenroom/projects"));
    assert!(kept.iter().any(|file| file.to_string_lossy().contains("Vortrag ü-")), "{kept:?}");

    // All in one folder, where somebody wants that.
    let one = tempfile::tempdir().expect("a folder");
    let named = one.path().display().to_string();
    passes(home.path(), home.path(), &["--home", &named, "new", "demo", "Alone"]);
    passes(home.path(), home.path(), &["--home", &named, "demo", "run", "alone", "--headless", "--trust"]);
    assert!(!files(&one.path().join("takes")).is_empty());
}
