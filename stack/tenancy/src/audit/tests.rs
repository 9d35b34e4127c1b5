//! The log as it is written, cut, changed and laid aside.

use super::*;
use std::fs;
use std::path::Path;

fn now() -> Now {
    Arc::new(|| "2026-11-23T08:00:00Z".to_owned())
}

fn written(dir: &Path) -> PathBuf {
    let path = dir.join("audit.ndjson");
    let audit = Audit::open(&path, Keep::default(), now()).expect("a log");
    for subject in ["gold", "silver", "bronze"] {
        audit.done("operator", "tenants.apply", subject, "").expect("a log that can be written");
    }
    audit.refused("account acct", "blob.refused", "GET /acct/photos", "sig does not match");
    path
}

#[test]
fn the_chain_is_whole_and_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = written(dir.path());
    let verdict = verify(&path, &[], Scope::Whole).expect("a log");
    assert!(verdict.whole && verdict.entries == 4, "{verdict:?}");
    let audit = Audit::open(&path, Keep::default(), now()).expect("a log");
    let Head { seq, hash } = audit.done("operator", "keys.rotate", "acct", "key 1").expect("a log that can be written");
    let verdict = audit.verify(&[], Scope::Whole).expect("a log");
    assert_eq!((verdict.whole, verdict.entries, verdict.head), (true, seq, hash));
    let entries = audit.entries(3, 10).expect("a log");
    assert_eq!(
        entries.iter().map(|entry| entry.outcome).collect::<Vec<_>>(),
        [AuditOutcome::Refused, AuditOutcome::Done]
    );
}

#[test]
fn what_a_crash_cut_short_goes() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = written(dir.path());
    let mut text = fs::read(&path).expect("a log");
    text.truncate(text.len() - 7);
    fs::write(&path, text).expect("a log");
    let audit = Audit::open(&path, Keep::default(), now()).expect("a log");
    audit.done("operator", "tenants.apply", "tin", "").expect("a log that can be written");
    let verdict = audit.verify(&[], Scope::Whole).expect("a log");
    assert!(verdict.whole && verdict.entries == 4, "{verdict:?}");
}

#[test]
fn every_change_of_every_byte_is_seen() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = written(dir.path());
    let good = fs::read(&path).expect("a log");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).expect("a log");
        let verdict = verify(&path, &[], Scope::Whole).expect("a log");
        // The last line's end alone carries nothing.
        assert!(!verdict.whole || at == good.len() - 1, "byte {at}");
    }
}

#[test]
fn an_entry_taken_out_is_missed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = written(dir.path());
    let text = fs::read_to_string(&path).expect("a log");
    let without: Vec<&str> = text.lines().enumerate().filter(|(line, _)| *line != 1).map(|(_, line)| line).collect();
    fs::write(&path, without.join("\n") + "\n").expect("a log");
    assert_eq!(verify(&path, &[], Scope::Whole).expect("a log").broken_at, Some(2));
}

#[test]
fn a_log_that_is_cut_or_written_anew_is_not_what_was_noted() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = written(dir.path());
    let audit = Audit::open(&path, Keep::default(), now()).expect("a log");
    let noted = audit.head();
    audit.done("operator", "tenants.apply", "tin", "").expect("a log that can be written");
    assert!(
        verify(&path, std::slice::from_ref(&noted), Scope::Whole).expect("a log").whole,
        "it may have gone on since"
    );
    drop(audit);
    let text = fs::read_to_string(&path).expect("a log");
    for kept in 0..4 {
        let cut: String = text.lines().take(kept).map(|line| format!("{line}\n")).collect();
        fs::write(&path, cut).expect("a log");
        assert!(verify(&path, &[], Scope::Whole).expect("a log").whole, "by itself it looks whole");
        let verdict = verify(&path, std::slice::from_ref(&noted), Scope::Whole).expect("a log");
        assert_eq!((verdict.whole, verdict.broken_at), (false, Some(kept as u64 + 1)));
    }
    fs::remove_file(&path).expect("removed");
    let other = Audit::open(&path, Keep::default(), now()).expect("a log");
    for _ in 0..6 {
        other.done("nobody", "nothing", "", "").expect("a log that can be written");
    }
    drop(other);
    assert!(verify(&path, &[], Scope::Whole).expect("a log").whole);
    assert_eq!(verify(&path, std::slice::from_ref(&noted), Scope::Whole).expect("a log").broken_at, Some(noted.seq));
}

/// Of a few entries a file.
const SMALL: Keep = Keep { file_bytes: 600, files: 3 };

fn write(audit: &Audit, entries: std::ops::Range<usize>) -> Vec<Head> {
    entries.map(|number| audit.done("operator", "act", &format!("s{number}"), "").expect("a log")).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let files = fs::read_dir(dir).expect("a folder").map(|file| file.expect("a file").file_name());
    let mut names: Vec<_> = files.map(|name| name.into_string().expect("a plain name")).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_full_file_is_laid_aside_and_the_chain_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("audit.ndjson");
    let mut heads = Vec::new();
    for round in 0..4 {
        // Opened anew in between: wherever it was, it goes on there.
        let audit = Audit::open(&path, Keep { files: 99, ..SMALL }, now()).expect("a log");
        heads.extend(write(&audit, 3 * round..3 * round + 3));
        assert_eq!(audit.head(), *heads.last().expect("some"));
        drop(audit);
        for scope in [Scope::Whole, Scope::SinceNoted] {
            for noted in &heads {
                let verdict = verify(&path, std::slice::from_ref(noted), scope).expect("a log");
                assert!(verdict.whole && verdict.entries == heads.len() as u64, "{noted:?}: {verdict:?}");
            }
        }
    }
    assert!(names(dir.path()).len() > 4, "{:?}", names(dir.path()));
    let audit = Audit::open(&path, SMALL, now()).expect("a log");
    for after in 0..12 {
        let seqs: Vec<u64> = audit.entries(after, 3).expect("a log").iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, (after + 1..=12.min(after + 3)).collect::<Vec<_>>());
    }
}

#[test]
fn of_too_many_files_the_oldest_go_and_the_log_says_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("audit.ndjson");
    let audit = Audit::open(&path, SMALL, now()).expect("a log");
    write(&audit, 0..40);
    let noted = audit.head();
    drop(audit);
    assert_eq!(names(dir.path()).len(), 1 + SMALL.files, "{:?}", names(dir.path()));
    let verdict = verify(&path, &[noted], Scope::Whole).expect("a log");
    assert!(verdict.whole && verdict.entries > 40, "{verdict:?}");
    // Somebody else lets go of one more, or of one in between.
    for taken in names(dir.path()).into_iter().filter(|name| name != "audit.ndjson") {
        let kept = fs::read(dir.path().join(&taken)).expect("a file");
        fs::remove_file(dir.path().join(&taken)).expect("removed");
        assert!(!verify(&path, &[], Scope::Whole).expect("a log").whole, "{taken}");
        fs::write(dir.path().join(&taken), kept).expect("put back");
    }
}

#[test]
fn a_crash_while_a_file_is_laid_aside_loses_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = written(dir.path());
    let files = Files::of(&path);
    files.lay_aside(1).expect("laid aside");
    let audit = Audit::open(&path, Keep::default(), now()).expect("a log");
    assert_eq!(audit.head().seq, 4);
    assert_eq!(write(&audit, 0..1)[0].seq, 5);
    let verdict = audit.verify(&[], Scope::Whole).expect("a log");
    assert!(verdict.whole && verdict.entries == 5, "{verdict:?}");
}
