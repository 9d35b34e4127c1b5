//! Takes at the command line: found, looked into, named, deleted and brought back.

#[expect(dead_code, reason = "other tests need a stack, and wait for it")]
mod support;

use greenroom_director::HOME;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::{DEMO, Tools, project};

const SMALL: &str = include_str!("golden/small.take.ndjson");
const FIRST: &str = "20260921T141320Z-small";
const SECOND: &str = "20260922T080000Z-small";

/// What a command exits with, prints, and says beside that.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn greenroom(root: &Path, words: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command.args(words).arg("--root").arg(root).env(HOME, root).current_dir(root).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}

fn take(root: &Path, words: &[&str]) -> Said {
    greenroom(root, &[&["take"], words].concat())
}

/// A project with two takes.
fn with_takes() -> tempfile::TempDir {
    let root = project(DEMO, Tools::Absent);
    support::write(&path(root.path(), FIRST), SMALL);
    let quicker = SMALL.replace("1790000000000", "1790064000000").replace("24200000", "23350000");
    support::write(&path(root.path(), SECOND), &quicker);
    root
}

fn path(root: &Path, id: &str) -> std::path::PathBuf {
    root.join(format!("takes/{id}.take.ndjson"))
}

fn json(said: &Said) -> Vec<serde_json::Value> {
    said.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn takes_are_listed_newest_first_and_filtered() {
    let root = with_takes();
    let ids = |words: &[&str]| -> Vec<String> {
        let said = take(root.path(), &[&["list", "--json"], words].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
        json(&said).iter().map(|take| take["id"].as_str().expect("an id").to_string()).collect()
    };
    assert_eq!(ids(&[]), [SECOND, FIRST]);
    assert_eq!(ids(&["--demo", "other"]), [""; 0]);
    assert_eq!(ids(&["--deck", "talk", "--search", "PROCESSOR"]).len(), 2);
    assert_eq!(take(root.path(), &["star", "20260921"]).code, Some(0));
    assert_eq!(take(root.path(), &["rename", FIRST, "Before the upgrade"]).code, Some(0));
    assert_eq!(ids(&["--starred"]), [FIRST]);
    assert_eq!(ids(&["--search", "upgrade"]), [FIRST]);
    let listed = take(root.path(), &["list"]).out;
    for words in
        ["* 20260921T141320Z-small", "'Before the upgrade'", "2026-09-21 14:13", "failed", "8 cores", "2 takes"]
    {
        assert!(listed.contains(words), "{words}: {listed}");
    }
}

#[test]
fn a_take_is_shown_whole_and_as_it_stood_at_a_time() {
    let root = with_takes();
    let said = take(root.path(), &["show", "20260921"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    for words in ["A processor, 8 cores", "azcopy version 10.30.0", "10.25, wanted < 5", "upload.seconds", "2.39 s"] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    assert!(said.out.contains("$ azcopy copy"), "{}", said.out);
    let outcomes = |at: &str| -> Vec<String> {
        let said = take(root.path(), &["show", FIRST, "--json", "--at", at]);
        let shown: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
        let steps = shown["runs"][0]["steps"].as_array().expect("steps").clone();
        steps.iter().map(|step| step["outcome"].as_str().expect("an outcome").to_string()).collect()
    };
    assert_eq!(outcomes("0"), ["pending"; 4]);
    assert_eq!(outcomes("0:21"), ["passed", "running", "pending", "pending"]);
    assert_eq!(outcomes("1m"), ["passed", "passed", "passed", "failed"]);
    assert_eq!(take(root.path(), &["show", FIRST, "--at", "soon"]).code, Some(2));
}

#[test]
fn a_name_that_is_no_takes_or_many_takes_says_so() {
    let root = with_takes();
    let said = take(root.path(), &["show", "20260921T141320Z-smal1"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains(&format!("did you mean '{FIRST}'?")), "{}", said.err);
    let said = take(root.path(), &["delete", "small"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains(FIRST) && said.err.contains(SECOND), "{}", said.err);
    assert!(path(root.path(), FIRST).exists(), "nothing was deleted");
}

#[test]
fn what_is_wrong_with_a_take_is_told_with_its_line() {
    let root = with_takes();
    assert_eq!(take(root.path(), &["verify", FIRST, SECOND]).code, Some(0));
    support::write(&path(root.path(), "torn"), &format!("{SMALL}rubbish\n[99,\"o\",\"cut"));
    support::write(&path(root.path(), "foreign"), "PK\u{3}\u{4}");
    let said = take(root.path(), &["verify", "torn", "foreign", FIRST]);
    assert_eq!(said.code, Some(1));
    let lines = SMALL.lines().count();
    for words in [format!("line {}: damaged", lines + 1), format!("line {}: torn", lines + 2), "this is no take".into()]
    {
        assert!(said.out.contains(&words), "{words}: {}", said.out);
    }
    let said = json(&take(root.path(), &["verify", "torn", "--json"]));
    assert_eq!((said[0]["whole"].as_bool(), said[0]["kept_events"].as_u64()), (Some(false), Some(lines as u64 - 1)));
    let file = path(root.path(), "torn");
    assert_eq!(take(root.path(), &["verify", &file.to_string_lossy()]).code, Some(1), "a file that somebody sent");
}

#[test]
fn takes_are_deleted_brought_back_and_gone_for_good() {
    let root = with_takes();
    assert_eq!(take(root.path(), &["delete", FIRST]).code, Some(0));
    assert_eq!(json(&take(root.path(), &["list", "--json"])).len(), 1);
    assert_eq!(json(&take(root.path(), &["list", "--deleted", "--json"])).len(), 1);
    assert_eq!(take(root.path(), &["undelete", "20260921"]).code, Some(0));
    assert_eq!(json(&take(root.path(), &["list", "--json"])).len(), 2);
    assert_eq!(take(root.path(), &["star", SECOND]).code, Some(0));
    let words = ["tidy", "--keep-size", "0B"];
    // What changed just now may still be recorded.
    let said = take(root.path(), &words);
    assert!(said.out.contains("0 takes"), "{}", said.out);
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
    for id in [FIRST, SECOND] {
        let file = std::fs::File::options().append(true).open(path(root.path(), id)).expect("there");
        file.set_modified(long_ago.min(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)))
            .expect("set");
    }
    let said = take(root.path(), &words);
    assert!(said.out.contains(FIRST) && !said.out.contains(SECOND), "{}", said.out);
    assert!(path(root.path(), FIRST).exists(), "only said");
    let said = take(root.path(), &[&words[..], &["--apply"]].concat());
    assert!(said.code == Some(0) && !path(root.path(), FIRST).exists(), "{}{}", said.out, said.err);
    assert!(path(root.path(), SECOND).exists(), "starred");
    assert_eq!(take(root.path(), &["empty"]).code, Some(2), "asks first");
    assert_eq!(take(root.path(), &["empty", "--yes"]).code, Some(0));
    assert!(json(&take(root.path(), &["list", "--deleted", "--json"])).is_empty());
}

#[test]
fn a_trim_is_said_beside_the_take() {
    let root = with_takes();
    assert_eq!(take(root.path(), &["trim", FIRST, "--in", "20s", "--out", "0:23"]).code, Some(0));
    let listed = json(&take(root.path(), &["list", "--json", "--search", FIRST]));
    assert_eq!((listed[0]["in_us"].as_u64(), listed[0]["out_us"].as_u64()), (Some(20_000_000), Some(23_000_000)));
    assert_eq!(std::fs::read_to_string(path(root.path(), FIRST)).expect("there"), SMALL);
    assert_eq!(take(root.path(), &["trim", FIRST, "--in", "23s", "--out", "20s"]).code, Some(2));
    assert_eq!(take(root.path(), &["trim", FIRST, "--out", "20m"]).code, Some(2));
    assert_eq!(take(root.path(), &["trim", FIRST]).code, Some(2), "says what is wanted");
    assert_eq!(take(root.path(), &["trim", FIRST, "--none"]).code, Some(0));
    let listed = json(&take(root.path(), &["list", "--json", "--search", FIRST]));
    assert_eq!(listed[0]["in_us"], serde_json::Value::Null);
}

/// The golden take as another run of the demo would have it.
fn another(root: &Path, id: &str, upload_ms: u64, seen: &str) {
    let ended = 20_510_000 + upload_ms * 1_000;
    let text = SMALL
        .replace("[22900000,\"step-ended\"", &format!("[{ended},\"step-ended\""))
        .replace("{\"failed\":{\"why\":\"10.25, wanted < 5\"}}", seen);
    support::write(&path(root, id), &text);
}

#[test]
fn two_takes_are_compared_and_a_check_that_differs_is_a_failure() {
    let root = with_takes();
    let said = take(root.path(), &["diff", FIRST, SECOND]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.contains("No check differs.") && said.out.contains("unknown spread"), "{}", said.out);
    for (number, upload_ms) in [2_300, 2_400, 2_350, 2_380].into_iter().enumerate() {
        another(root.path(), &format!("2026092{number}T000000Z-small"), upload_ms, "{\"passed\":{\"seen\":\"4\"}}");
    }
    another(root.path(), "slow", 2_600, "{\"passed\":{\"seen\":\"4\"}}");
    let said = take(root.path(), &["diff", FIRST, "slow"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    for words in ["CHECK DIFFERS: failed (10.25, wanted < 5), then passed (4)", "within noise", "A check differs."] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    another(root.path(), "slow", 9_000, "{\"passed\":{\"seen\":\"4\"}}");
    let said = take(root.path(), &["diff", FIRST, "slow", "--json"]);
    let compared: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(compared["check_differs"].as_bool(), Some(true));
    assert_eq!(compared["runs"][0]["steps"][1]["seconds"]["judged"].as_str(), Some("beyond-noise"));
}

#[test]
fn a_take_is_exported_where_it_is_wanted_or_into_the_project() {
    let root = with_takes();
    let said = take(root.path(), &["export", FIRST, "--as", "csv"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(root.path().join(format!("exports/{FIRST}.csv")).is_file(), "{}", said.out);
    let said = take(root.path(), &["export", FIRST, "--as", "cast3", "--out", "deep/er/run.cast", "--idle", "keep"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(root.path().join("deep/er/run.cast").is_file());
    let said = take(root.path(), &["export", FIRST, "--as", "avi"]);
    assert!(said.code == Some(2) && said.err.contains("cast2, cast3, csv"), "{}", said.err);
    support::write(&root.path().join("file"), "in the way");
    let said = take(root.path(), &["export", FIRST, "--as", "csv", "--out", "file/run.csv"]);
    assert!(said.code == Some(2) && said.err.contains("file"), "{}", said.err);
}

#[test]
fn a_cast_goes_out_and_comes_in_again() {
    let root = with_takes();
    assert_eq!(take(root.path(), &["export", FIRST, "--as", "cast2", "--out", "run.cast"]).code, Some(0));
    let said = take(root.path(), &["import", "run.cast", "--name", "From Outside"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.contains("cast-from-outside") && said.out.contains("events 'm' are left out"), "{}", said.out);
    let said = take(root.path(), &["show", "from-outside"]);
    assert!(said.out.contains("photos.p99_ms is 10.25"), "{}", said.out);
    assert_eq!(take(root.path(), &["verify", "from-outside"]).code, Some(0));
    support::write(
        &root.path().join("bad.cast"),
        "{\"version\": 2, \"width\": 100, \"height\": 24}\nrubbish\n[1, \"o\", \"x\"]\n",
    );
    let said = take(root.path(), &["import", "bad.cast"]);
    assert!(said.code == Some(1) && said.out.contains("line 2: no event"), "{}{}", said.out, said.err);
    for (file, words) in
        [("takes", "no file"), ("missing.cast", "missing.cast"), ("slides/talk/deck.md", "no asciicast")]
    {
        let said = take(root.path(), &["import", file]);
        assert!(said.code == Some(2) && said.err.contains(words), "{}{}", said.out, said.err);
    }
}
