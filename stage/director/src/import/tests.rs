use super::*;
use crate::export::{Idle, Shape, Wanted, export, format};
use crate::places::Places;
use crate::takes::{Reader, fold, verify};
use greenroom_show::deck::Level;
use proptest::prelude::*;
use std::ops::ControlFlow;

const SMALL: &str = include_str!("../../tests/golden/small.take.ndjson");
const V1: &str = r#"{ "version": 1, "width": 80, "height": 24, "duration": 1.5, "command": "/bin/zsh", "title": "", "env": {},
  "stdout": [ [0.25, "hello "], [1.0, "world\r\n"] ] }"#;
const V2: &str = "{\"version\": 2, \"width\": 100, \"height\": 24, \"timestamp\": 1790000000, \"title\": \"A demo\"}
[0.25, \"o\", \"hello \"]
[0.5, \"i\", \"secret\"]
[1.25, \"o\", \"world\\r\\n\"]
";
const V3: &str = "{\"version\": 3, \"term\": {\"cols\": 100, \"rows\": 24}, \"timestamp\": 1790000000}
# a comment
[0.25, \"o\", \"hello \"]
[0.5, \"m\", \"mark\"]
[0.5, \"o\", \"world\\r\\n\"]
[0.1, \"x\", \"0\"]
";

/// A project of its own, and a cast in it.
fn imported(cast: impl AsRef<[u8]>) -> (tempfile::TempDir, Takes, Result<Imported, ImportError>) {
    let root = tempfile::tempdir().expect("a folder");
    let path = root.path().join("My Cast.cast");
    std::fs::write(&path, cast).expect("written");
    let takes = Takes::open(&Places::within(root.path()));
    let imported = import(&takes, &path, None);
    (root, Takes::open(takes.places()), imported)
}

fn screen(takes: &Takes, id: &str) -> String {
    fold(takes.reader(id).expect("a take"), Micros::MAX).runs[0].run.terminal.text()
}

#[test]
fn casts_of_every_version_become_takes_that_a_terminal_plays() {
    for (cast, version) in [(V1, 1), (V2, 2), (V3, 3)] {
        let (_root, takes, imported) = imported(cast);
        let imported = imported.expect("a good cast");
        assert_eq!((imported.version, imported.kept, imported.kept_us), (version, 2, 1_250_000), "{imported:?}");
        assert!(imported.is_whole(), "{imported:?}");
        assert_eq!(screen(&takes, &imported.id), "hello world");
        assert!(verify::verify(&takes.path(&imported.id)).expect("readable").whole);
        let listed = takes.listed_as(&imported.id).expect("listed");
        assert_eq!((listed.demo.as_str(), listed.outcome), ("cast-my-cast", greenroom_show::take::Verdict::Passed));
        if version > 1 {
            assert_eq!(imported.id, "20260921T141320Z-cast-my-cast");
        }
        let text = std::fs::read_to_string(takes.path(&imported.id)).expect("there");
        assert!(!text.contains("secret"), "what was pressed stays out");
    }
}

#[test]
fn bad_lines_are_named_and_the_rest_is_kept() {
    let bad = format!(
        "{V2}rubbish\n[2.0, \"o\", 7]\n[-1, \"o\", \"x\"]\n[1e99, \"o\", \"x\"]\n[2.5, \"o\", \"end\"]\n[3.0, \"o\", \"to"
    );
    let (_root, takes, imported) = imported(bad);
    let imported = imported.expect("most of it");
    assert_eq!(imported.faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [5, 6, 7, 8, 10]);
    assert!(!imported.is_whole());
    assert_eq!((imported.kept, screen(&takes, &imported.id).as_str()), (3, "hello world\nend"));
    assert_eq!(imported.left_out, [("i".to_string(), 1)].into());
}

#[test]
fn what_is_no_cast_is_refused_and_leaves_nothing() {
    for bad in [
        "",
        "hello",
        "{}",
        "{\"version\": 4}",
        "{\"version\": 1}",
        "{\"version\": 2, \"width\": \"x\"}",
        SMALL,
        &V1[..V1.len() - 5],
    ] {
        let (_root, takes, imported) = imported(bad);
        let error = imported.expect_err(bad);
        assert!(error.to_string().contains("My Cast.cast"), "{error}");
        assert!(takes.list().is_empty());
        let left = std::fs::read_dir(takes.folder())
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name() != ".index.json");
        assert_eq!(left.count(), 0);
    }
}

#[test]
fn a_secret_in_a_cast_stays_out_of_the_take_though_it_is_torn_in_two() {
    let cast = "{\"version\": 2, \"width\": 100, \"height\": 24, \"title\": \"t http://h/?se=1&sig=dGl0bGUtc2VjcmV0\", \"command\": \"get http://h/?se=1&sig=Y29tbWFuZC1zZWNyZXQ\"}
[0.25, \"o\", \"http://h/a?se=1&sig=b3V0cHV0\"]
[0.5, \"o\", \"LXNlY3JldA HTTP\\r\\n\"]
";
    let (_root, takes, imported) = imported(cast);
    let text = std::fs::read_to_string(takes.path(&imported.expect("a cast").id)).expect("there");
    for secret in ["dGl0bGUt", "Y29tbWFuZ", "b3V0cHV0", "LXNlY3JldA"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[test]
fn two_imports_of_one_cast_are_two_takes() {
    let (root, takes, first) = imported(V2);
    let second = import(&takes, &root.path().join("My Cast.cast"), Some("Named: so")).expect("a cast");
    let third = import(&takes, &root.path().join("My Cast.cast"), None).expect("a cast");
    assert_eq!(second.id, "20260921T141320Z-cast-named-so");
    assert_eq!(third.id, format!("{}-2", first.expect("a cast").id));
}

/// What a tool prints, and how it moves about.
fn output() -> impl Strategy<Value = Vec<(u64, bool, String)>> {
    let word = prop_oneof![
        "[ -~]{0,120}",
        "\\PC{0,20}",
        Just("\r\n".to_string()),
        Just("\x1b[1;31m".to_string()),
        Just("\x1b[2J\x1b[H".to_string()),
        Just("\x1b[?1049h".to_string()),
        Just("\x1b[5;20r\x1b[10;10H".to_string()),
        Just("\x1b[".to_string()),
    ];
    proptest::collection::vec((0u64..3_000_000, proptest::bool::weighted(0.1), word), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_exported_and_imported_shows_the_same_text(printed in output()) {
        let mut take: String = SMALL.split_inclusive('\n').take(4).collect();
        let mut at = 0;
        let mut line = |at, event| take += &format!("{}\n", serde_json::to_string(&Stamped { at, event }).expect("plain"));
        line(0, Event::StepStarted { step: 0, timeout_ms: 1 });
        for (gap, begins_step, text) in &printed {
            at += gap;
            if *begins_step {
                line(at, Event::StepEnded { step: 0, outcome: Outcome::Cancelled });
                line(at, Event::StepStarted { step: 0, timeout_ms: 1 });
            }
            line(at, Event::Output(text.clone()));
        }
        let root = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(root.path().join("takes")).expect("a folder");
        std::fs::write(root.path().join("takes/small.take.ndjson"), take).expect("written");
        let takes = Takes::open(&Places::within(root.path()));
        let wanted = screen(&takes, "small");
        for name in ["cast2", "cast3"] {
            let path = root.path().join(format!("{name}.cast"));
            let format = format(name).expect("a format");
            let way = Wanted { format, idle: Idle::Cut, level: Level::Internal, shape: Shape::default() };
            export(&takes, "small", way, &path, &mut |_| ControlFlow::Continue(())).expect("exported");
            let imported = import(&takes, &path, None).expect("a good cast");
            prop_assert!(imported.is_whole(), "{:?}", imported);
            prop_assert_eq!(&screen(&takes, &imported.id), &wanted);
        }
    }

}

proptest! {
    /// Bytes changed, cut off and doubled: nothing panics, and whatever is wrong is told.
    #[test]
    fn takes_and_casts_that_somebody_broke_are_read_as_far_as_they_go(
        which in 0usize..4,
        cuts in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0u8..5), 1..12)
    ) {
        let mut bytes = [V1, V2, V3, SMALL][which].as_bytes().to_vec();
        for (place, byte, how) in cuts {
            if bytes.is_empty() {
                break;
            }
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.truncate(at),
                3 => bytes.insert(at, byte),
                _ => { let tail = bytes[at..].to_vec(); bytes.extend(tail); }
            }
        }
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("takes");
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("x.take.ndjson");
        std::fs::write(&path, &bytes).expect("written");
        let verified = verify::verify(&path).expect("readable");
        prop_assert_eq!(verified.whole, verified.faults.is_empty());
        if let Ok(reader) = Reader::open(&folder, "x") {
            let played = reader.count();
            prop_assert_eq!(played, verified.kept_events);
            fold(Reader::open(&folder, "x").expect("as before"), Micros::MAX);
        }
        let takes = Takes::open(&Places::within(root.path()));
        takes.list();
        match import(&takes, &path, None) {
            Ok(imported) => prop_assert!(verify::verify(&takes.path(&imported.id)).expect("readable").whole),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
