use super::*;
use crate::recorder::{Goes, Recorder, Told};
use crate::scrub::Secrets;
use greenroom_show::deck::Level;
use greenroom_show::demo::Demo;
use greenroom_show::rehearsal::Trial;
use greenroom_show::take::{Edition, Machine, Verdict};
use greenroom_show::{Event, Outcome, Run, StepState};
use std::collections::BTreeMap;
use std::sync::mpsc;

fn header() -> Header {
    Header {
        format: "greenroom-take".into(),
        version: VERSION,
        greenroom: "0".into(),
        deck: "a".into(),
        demo: "copy".into(),
        at_unix_ms: 1_790_000_000_000,
        ..Header::default()
    }
}

fn record(folder: &Path, header: &Header, events: &[Event]) -> String {
    let (named, name) = mpsc::channel();
    let tell = move |told| match told {
        Told::Named(id) => named.send(id).expect("heard"),
        Told::Ended(why) => panic!("{why}"),
    };
    let mut recorder = Recorder::begin(folder, header, 1_000, Secrets::default(), tell).expect("a thread");
    for (index, event) in events.iter().enumerate() {
        assert_eq!(recorder.record(1_000 + index as u64 * 10, event), Goes::On);
    }
    drop(recorder);
    name.recv().expect("named")
}

fn events() -> Vec<Event> {
    vec![
        Event::Begun { demo: "copy".into() },
        Event::StepStarted { step: 0, timeout_ms: 5 },
        Event::Output("copying to http://h/a?sig=SECRET&se=1\r\n".into()),
        Event::StepEnded { step: 0, outcome: Outcome::Passed { seen: "ok".into() } },
    ]
}

/// Of one step, or of as many as are asked for.
fn demos(steps: usize, hash: &str) -> BTreeMap<String, Demo> {
    let text = format!("---\ntitle: Copy\n---\n```steps up\n{}```\n", "expect photos.blobs == 1\n".repeat(steps));
    let mut demo = crate::parse::parse_demo("d", "copy", &text).expect("good").value.demo;
    demo.hash = hash.into();
    [("copy".to_string(), demo)].into()
}

fn index(folder: &Path) -> Index {
    let mut index = Index::open(folder);
    index.refresh();
    index
}

#[test]
fn what_was_recorded_is_read_back_without_its_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = record(folder.path(), &header(), &events());
    assert_eq!(id, "20260921T141320Z-copy");
    let text = std::fs::read_to_string(path(folder.path(), &id)).expect("there");
    assert!(!text.contains("SECRET"), "{text}");
    let read: Vec<_> = Reader::open(folder.path(), &id).expect("there").collect();
    assert_eq!(read.iter().map(|stamped| stamped.at).collect::<Vec<_>>(), [0, 10, 20, 30]);
    assert_eq!(read[3].event, events()[3]);
    assert_eq!(read[2].event, Event::Output("copying to http://h/a?sig=•••&se=1\r\n".into()));
}

#[test]
fn a_torn_last_line_ends_the_take_wherever_it_is_torn() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = record(folder.path(), &header(), &events());
    let path = path(folder.path(), &id);
    let whole = std::fs::read(&path).expect("there");
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("lines") + 1;
    for cut in last..whole.len() {
        std::fs::write(&path, &whole[..cut]).expect("written");
        assert_eq!(Reader::open(folder.path(), &id).expect("a header").count(), 3, "cut at {cut}");
    }
}

#[test]
fn what_cannot_be_read_is_passed_over_and_counted_and_what_follows_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = record(folder.path(), &header(), &events());
    let path = path(folder.path(), &id);
    let text = std::fs::read_to_string(&path).expect("there");
    let odd = "[15,\"keyframe\",{\"of\":[1]}]\n[16,\"o\",\"cut\n[17,\"step-ended\",7]\nnonsense\n";
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.insert(3, odd);
    std::fs::write(&path, lines.concat()).expect("written");
    assert_eq!(Reader::open(folder.path(), &id).expect("a header").count(), events().len());
    // The index does not look into lines of output.
    let found = index(folder.path());
    assert_eq!(found.passed_over(&id), PassedOver { unknown: 1, damaged: 2 });
    assert_eq!(found.list("a", "", &demos(1, ""))[0].verdict, Verdict::Passed);
}

#[test]
fn takes_tell_how_long_steps_took_and_which_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = |step, outcome| Event::StepEnded { step, outcome };
    let started = |step| Event::StepStarted { step, timeout_ms: 5 };
    let events = [
        started(0),
        Event::Output("\"step-\" said a tool".into()),
        ended(0, Outcome::Passed { seen: String::new() }),
        started(1),
        ended(1, Outcome::TimedOut { why: String::new() }),
        started(1),
        ended(1, Outcome::Cancelled),
        started(2),
    ];
    record(folder.path(), &header(), &events);
    let index = index(folder.path());
    let trial = |step, micros: f64, passed| Trial { demo: "copy".into(), step, seconds: micros / 1e6, passed };
    assert_eq!(index.trials(&demos(1, ""), &Machine::default()), [trial(0, 20.0, true), trial(1, 10.0, false)]);
    assert_eq!(index.trials(&demos(1, ""), &Machine { cores: 9, ..Machine::default() }), [], "another machine");
    assert_eq!(index.trials(&demos(1, "other"), &Machine::default()), [], "another edition");
}

#[test]
fn a_talks_take_is_told_from_a_demos_and_says_what_it_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let header = Header { demo: String::new(), ..header() };
    let id = record(folder.path(), &header, &events());
    assert!(id.ends_with("-talk-a"), "{id}");
    let index = index(folder.path());
    let found = index.list("a", "", &BTreeMap::new());
    assert_eq!(
        found.iter().map(|take| (take.is_of_talk(), take.edition)).collect::<Vec<_>>(),
        [(true, Edition::Todays)]
    );
    assert_eq!(index.list("b", "", &BTreeMap::new()), [], "another deck's");
    assert_eq!(index.level(&id), Some(Level::Public));
}

#[test]
fn a_take_that_grows_is_read_from_where_it_was_read_to_and_the_index_is_a_cache() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = record(folder.path(), &header(), &events()[..3]);
    let path = path(folder.path(), &id);
    let mut index = index(folder.path());
    assert_eq!(index.list("a", "", &demos(1, ""))[0].verdict, Verdict::Partial);
    index.keep();
    let mut text = std::fs::read_to_string(&path).expect("there");
    text += "[30,\"step-ended\",{\"outcome\":{\"passed\":{\"seen\":\"ok\"}},\"step\":0}]\n[99,\"o\",\"torn";
    std::fs::write(&path, &text).expect("written");
    for mut again in [Index::open(folder.path()), index] {
        again.refresh();
        let listed = again.list("a", "", &demos(1, ""));
        assert_eq!((listed[0].verdict, listed.len()), (Verdict::Passed, 1));
    }
    for bad in ["", "{", "{\"version\":99,\"takes\":{}}"] {
        std::fs::write(folder.path().join(".index.json"), bad).expect("written");
        let mut anew = Index::open(folder.path());
        anew.refresh();
        assert_eq!(anew.list("a", "", &demos(1, ""))[0].verdict, Verdict::Passed);
    }
    std::fs::remove_file(&path).expect("removed");
    let mut gone = Index::open(folder.path());
    gone.refresh();
    assert_eq!(gone.list("a", "", &demos(1, "")), []);
}

#[test]
fn a_take_of_the_first_format_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let golden = include_str!("../../tests/golden/format-1.take.ndjson");
    std::fs::write(path(folder.path(), "old"), golden).expect("written");
    let mut run = Run::new("copy", 0);
    let reader = Reader::open(folder.path(), "old").expect("a take");
    reader.for_each(|stamped| run.apply(stamped.at, &stamped.event));
    assert_eq!((run.state(0), run.state(1)), (StepState::Passed, StepState::Failed));
    assert_eq!((run.figures["upload.seconds"].value, run.terminal.text().as_str()), (1.25, "$ azcopy copy"));
    let listed = index(folder.path()).list("talk", "aa", &demos(2, "d1"));
    assert_eq!((listed[0].verdict, listed[0].edition, listed[0].duration_ms), (Verdict::Failed, Edition::Todays, 0));
    assert_eq!(index(folder.path()).list("talk", "aa", &demos(2, "d2"))[0].edition, Edition::Earlier);
}

#[test]
fn a_take_of_a_later_format_is_refused_by_its_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let golden = include_str!("../../tests/golden/format-1.take.ndjson");
    let later = golden.replacen("\"version\":1", &format!("\"version\":{}", VERSION + 1), 1);
    std::fs::write(path(folder.path(), "later"), later).expect("written");
    let said = Reader::open(folder.path(), "later").expect_err("a later version").to_string();
    assert!(said.contains(&format!("version {}", VERSION + 1)), "{said}");
    assert_eq!(index(folder.path()).list("talk", "aa", &demos(2, "d1")), []);
}

#[test]
fn three_thousand_takes_are_listed_by_one_look_at_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = record(folder.path(), &header(), &events());
    let text = std::fs::read(path(folder.path(), &id)).expect("there");
    for number in 0..3_000 {
        std::fs::write(path(folder.path(), &format!("20250101T000000Z-copy-{number:04}")), &text).expect("written");
    }
    let mut index = index(folder.path());
    index.keep();
    let mut again = Index::open(folder.path());
    again.refresh();
    assert_eq!(again.list("a", "", &demos(1, "")).len(), 3_001);
    // Nothing was read: what cannot be read any more is listed as it was.
    assert!(!again.is_behind());
}

#[test]
fn two_takes_of_one_second_have_two_names() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_ne!(record(folder.path(), &header(), &[]), record(folder.path(), &header(), &[]));
}

#[test]
fn what_is_no_take_is_an_error_and_an_id_is_no_path() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(path(folder.path(), "x"), "hello\n").expect("written");
    assert!(matches!(Reader::open(folder.path(), "x"), Err(TakeError::Header { .. })));
    for id in ["", "y", "../x", ".x"] {
        assert!(matches!(Reader::open(folder.path(), id), Err(TakeError::NotFound { .. })), "{id}");
    }
}
