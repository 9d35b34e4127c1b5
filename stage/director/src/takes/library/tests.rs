use super::*;

const GOLDEN: &str = include_str!("../../../tests/golden/format-1.take.ndjson");

fn takes(ids: &[&str]) -> (tempfile::TempDir, Takes) {
    let root = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(root.path().join("takes")).expect("a folder");
    for id in ids {
        std::fs::write(root.path().join(format!("takes/{id}{SUFFIX}")), GOLDEN).expect("written");
    }
    let takes = Takes::open(&Places::within(root.path()));
    (root, takes)
}

#[test]
fn what_is_said_of_a_take_lies_beside_it_and_the_take_stays_as_it_was() {
    let (_root, takes) = takes(&["a", "b"]);
    takes.rename("a", "  The good one ").expect("a name");
    takes.say("a", |about| about.starred = true).expect("said");
    takes.trim("a", Some(10), Some(80)).expect("within it");
    let listed = takes.listed_as("a").expect("listed");
    assert_eq!((listed.name.as_deref(), listed.starred), (Some("The good one"), true));
    assert_eq!((listed.begins, listed.ends), (Some(10), Some(80)));
    assert_eq!(std::fs::read_to_string(takes.path("a")).expect("there"), GOLDEN);
    assert_eq!(takes.find("good").expect("by its name"), "a");
    for (begins, ends) in [(Some(50), Some(50)), (Some(91), None), (None, Some(91))] {
        assert!(matches!(takes.trim("a", begins, ends), Err(LibraryError::BadTrim { .. })));
    }
    for name in ["", " ", "two\nlines", &"x".repeat(200)] {
        assert!(matches!(takes.rename("a", name), Err(LibraryError::BadName)), "{name}");
    }
}

#[test]
fn what_a_later_version_says_of_a_take_is_kept_and_what_is_broken_is_told() {
    let (_root, takes) = takes(&["a", "b"]);
    std::fs::write(takes.folder.join("a.about.json"), r#"{"starred":true,"poster":7}"#).expect("written");
    takes.rename("a", "new").expect("named");
    let text = std::fs::read_to_string(takes.folder.join("a.about.json")).expect("there");
    assert!(text.contains("\"poster\": 7") && text.contains("\"starred\": true"), "{text}");
    std::fs::write(takes.folder.join("b.about.json"), "{").expect("written");
    let listed = takes.listed_as("b").expect("listed all the same");
    assert!(!listed.starred && listed.warning.expect("told").contains("b.about.json"));
    assert!(matches!(takes.rename("b", "new"), Err(LibraryError::Unreadable(_))), "nothing is written over it");
}

#[test]
fn limits_that_always_hold_are_kept_beside_the_takes_until_they_are_taken_back() {
    let (_root, takes) = takes(&[]);
    assert_eq!(kept_limits(&takes.folder).expect("none"), None);
    let limits = Limits { bytes: Some(20 << 30), days: Some(90) };
    takes.keep_limits(Some(limits)).expect("kept");
    assert_eq!(kept_limits(&takes.folder).expect("kept"), Some(limits));
    takes.keep_limits(None).expect("gone");
    takes.keep_limits(None).expect("gone already");
    assert_eq!(kept_limits(&takes.folder).expect("none"), None);
    for broken in ["{", "{\"days\": \"many\"}", "{\"dayz\": 3}"] {
        std::fs::write(takes.folder.join(LIMITS), broken).expect("written");
        let said = kept_limits(&takes.folder).expect_err("nothing is guessed").to_string();
        assert!(said.contains(".limits.json") && said.contains("--always"), "{said}");
    }
}

/// A take of so many seconds, an event a second, of a demo that passed.
fn seconds(folder: &Path, id: &str, seconds: u64) {
    let mut text = GOLDEN.lines().next().expect("a header").to_string() + "\n";
    for second in 0..=seconds {
        text += &format!("[{},\"o\",\"{second}\"]\n", second * 1_000_000);
    }
    std::fs::write(folder.join(format!("{id}{SUFFIX}")), text).expect("written");
}

#[test]
fn the_last_two_minutes_of_a_take_are_a_whole_take_of_its_own() {
    let (root, takes) = takes(&[]);
    seconds(&takes.folder, "20231114T221320Z-copy", 300);
    let takes = Takes::open(&Places::within(root.path()));
    let before = std::fs::read(takes.path("20231114T221320Z-copy")).expect("there");
    let kept = takes.keep_last("20231114T221320Z-copy", Until::ItsEnd).expect("kept");
    assert_ne!(kept.id, "20231114T221320Z-copy");
    let takes = Takes::open(&Places::within(root.path()));
    let listed = takes.listed_as(&kept.id).expect("among the takes");
    assert_eq!((listed.begins, listed.ends, listed.duration_us), (Some(180_000_000), None, 300_000_000));
    assert_eq!(listed.name, Some(kept.name));
    assert!(crate::takes::verify::verify(&takes.path(&kept.id)).expect("readable").whole);
    assert_eq!(std::fs::read(takes.path("20231114T221320Z-copy")).expect("there"), before, "nothing is rewritten");
    let again = takes.keep_last("20231114T221320Z-copy", Until::ItsEnd).expect("kept");
    assert_ne!(again.id, kept.id, "nothing is written over");
}

#[test]
fn a_part_of_a_take_is_no_run_of_its_own() {
    let (root, takes) = takes(&["a"]);
    let header = takes.index.header("a").expect("listed").clone();
    let text = "---\ntitle: Copy\n---\nFirst.\n\n```steps make\nrun true\n```\n";
    let mut demo = crate::parse::parse_demo("demos/copy/demo.md", &header.demo, text).expect("good").value.demo;
    demo.hash = header.demo_hash.clone();
    let runs = |takes: &Takes| takes.index.past(&demo, &header.machine, &[]).count();
    assert_eq!(runs(&takes), 1);
    takes.keep_last("a", Until::ItsEnd).expect("kept");
    let takes = Takes::open(&Places::within(root.path()));
    assert_eq!((takes.list().len(), runs(&takes)), (2, 1), "whoever counts runs counts it once");
    std::fs::write(takes.path("b"), GOLDEN.replacen("\"at_unix_ms\":", "\"at_unix_ms\":1", 1)).expect("written");
    assert_eq!(runs(&Takes::open(&Places::within(root.path()))), 2, "another run");
}

#[test]
fn what_is_written_of_a_take_that_goes_on_is_kept_up_to_there_and_without_a_torn_line() {
    let (root, takes) = takes(&[]);
    seconds(&takes.folder, "a", 60);
    let path = takes.path("a");
    let bytes = std::fs::metadata(&path).expect("there").len();
    let mut text = std::fs::read_to_string(&path).expect("text");
    text += "[61000000,\"o\",\"later\"]\n[62000000,\"o";
    std::fs::write(&path, &text).expect("written");
    let takes = Takes::open(&Places::within(root.path()));
    let kept = takes.keep_last("a", Until::Written { bytes, last: 60_000_000 }).expect("kept");
    let copied = std::fs::read_to_string(takes.path(&kept.id)).expect("there");
    assert_eq!(copied, text[..bytes as usize]);
    assert_eq!(takes.about(&kept.id).0.begins, None, "shorter than two minutes: all of it");
    let torn = takes.keep_last("a", Until::ItsEnd).expect("kept");
    assert!(std::fs::read_to_string(takes.path(&torn.id)).expect("there").ends_with("\"later\"]\n"));
}

#[test]
fn what_is_deleted_comes_back_until_it_is_emptied() {
    let (_root, mut takes) = takes(&["a", "b"]);
    takes.rename("a", "mine").expect("named");
    takes.delete("a").expect("deleted");
    takes.index.refresh();
    assert_eq!(takes.list().iter().map(|take| take.id.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(takes.deleted()[0].name.as_deref(), Some("mine"));
    assert_eq!(takes.undelete("mine").expect("there"), "a");
    takes.index.refresh();
    assert_eq!(takes.listed_as("a").expect("back").name.as_deref(), Some("mine"));
    takes.delete("a").expect("deleted");
    assert_eq!(takes.empty().expect("emptied").0, 1);
    assert!(matches!(takes.undelete("a"), Err(LibraryError::Name(_))));
    assert!(takes.delete("nothing").is_err());
}

#[test]
fn nothing_is_overwritten_by_a_deletion_or_by_what_comes_back() {
    let (_root, takes) = takes(&["a"]);
    takes.delete("a").expect("deleted");
    std::fs::write(takes.path("a"), "another").expect("written");
    assert!(matches!(takes.delete("a"), Err(LibraryError::InTheWay(_))));
    assert!(matches!(takes.undelete("a"), Err(LibraryError::InTheWay(_))));
    assert_eq!(std::fs::read_to_string(takes.path("a")).expect("there"), "another");
}

#[test]
fn limits_take_the_oldest_and_never_a_starred_one() {
    let now = 100 * DAY_MS;
    let (_root, library) = takes(&["a"]);
    let take = |id: &str, day: u64, bytes: u64| Listed {
        id: id.into(),
        at_unix_ms: day * DAY_MS,
        bytes,
        modified_unix_ms: day * DAY_MS,
        ..library.list().remove(0)
    };
    let takes = [
        take("fresh", 99, 10),
        take("old", 5, 10),
        Listed { starred: true, ..take("old-starred", 1, 500) },
        Listed { warning: Some("unreadable".into()), ..take("old-unread", 2, 10) },
        Listed { modified_unix_ms: now, ..take("old-recorded-now", 3, 10) },
        take("middle", 50, 10),
    ];
    let going = |bytes, days| -> Vec<String> {
        surplus(&takes, Limits { bytes, days }, now).into_iter().map(|take| take.id.clone()).collect()
    };
    assert_eq!(going(None, None), [""; 0]);
    assert_eq!(going(None, Some(90)), ["old"]);
    assert_eq!(going(Some(545), None), ["old"]);
    assert_eq!(going(Some(535), None), ["old", "middle"]);
    assert_eq!(going(Some(0), None), ["old", "middle", "fresh"]);
}
