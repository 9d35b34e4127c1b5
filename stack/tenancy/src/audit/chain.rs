//! The chain: each entry holds the hash of the one before.

use super::files::Files;
use super::{AuditError, LET_GO};
use greenroom_model::tenancy::{AuditEntry, AuditVerdict};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// An entry that is longer is not one of ours.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// What the first entry follows.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// An entry's number and hash. Noted elsewhere, they tell a log that was cut or written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub seq: u64,
    pub hash: String,
}

impl Head {
    /// Before the first entry.
    pub fn beginning() -> Self {
        Self { seq: 0, hash: BEGINNING.to_owned() }
    }
}

/// How much of the chain is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Whole,
    /// From the file on that holds the oldest of what was noted elsewhere.
    SinceNoted,
}

/// Follows the chain to its end, by way of the entries that were noted elsewhere: without those, a log whose end is cut off, or that was
/// written anew from its beginning, looks whole. Entries that were let go of are missing at the beginning: one that is still there says so.
pub fn verify(path: &Path, noted: &[Head], scope: Scope) -> Result<AuditVerdict, AuditError> {
    let files = Files::of(path);
    let oldest = noted.iter().map(|head| head.seq).min().unwrap_or_default();
    let verdict = files.unmoved(|| {
        Ok(match scope {
            Scope::Whole => follow(files.all()?, noted, Begins::AtTheBeginning),
            Scope::SinceNoted => follow(files.from(oldest)?, noted, Begins::Anywhere),
        })
    });
    verdict.map_err(|source| AuditError::Io { file: path.to_owned(), source })
}

/// What the first entry that is looked at may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// Nothing, or entries that were let go of, which a later one says.
    AtTheBeginning,
    Anywhere,
}

fn follow(files: Vec<PathBuf>, noted: &[Head], begins: Begins) -> AuditVerdict {
    let broken_after =
        |head: Head| AuditVerdict { entries: head.seq, whole: false, broken_at: Some(head.seq + 1), head: head.hash };
    let (mut before, mut head, mut let_go) = (None, Head::beginning(), false);
    for line in lines(files) {
        let entry = line.ok().and_then(|line| serde_json::from_str::<AuditEntry>(&line).ok());
        let is_noted = |entry: &AuditEntry| noted.iter().all(|at| at.seq != entry.seq || at.hash == entry.hash);
        let Some(entry) = entry.filter(|entry| entry.hash == hash(entry) && is_noted(entry)) else {
            return broken_after(head);
        };
        if before.is_none() {
            head = Head { seq: entry.seq.saturating_sub(1), hash: entry.prev.clone() };
        }
        let before = before.get_or_insert_with(|| head.clone());
        if entry.seq != head.seq + 1 || entry.prev != head.hash {
            return broken_after(head);
        }
        let_go |= entry.action == LET_GO && entry.detail == gone(before);
        head = Head { seq: entry.seq, hash: entry.hash };
    }
    let is_whole_from = |before: &Head| begins == Begins::Anywhere || let_go || *before == Head::beginning();
    if before.is_some_and(|before| !is_whole_from(&before)) {
        return broken_after(Head::beginning());
    }
    match noted.iter().all(|noted| noted.seq <= head.seq) {
        true => AuditVerdict { entries: head.seq, whole: true, head: head.hash, broken_at: None },
        false => broken_after(head),
    }
}

/// What an entry says that tells of entries which were let go of: the last of them.
pub fn gone(last: &Head) -> String {
    format!("entries up to {}, whose hash is {}", last.seq, last.hash)
}

/// Of all of an entry but its hash.
pub fn hash(entry: &AuditEntry) -> String {
    let bare = AuditEntry { hash: String::new(), ..entry.clone() };
    blake3::hash(&serde_json::to_vec(&bare).expect("plain values serialise")).to_hex().to_string()
}

/// Of the files, one after the other, those that are not there left out.
pub fn lines(files: Vec<PathBuf>) -> impl Iterator<Item = io::Result<String>> {
    files.into_iter().flat_map(|file| match File::open(file) {
        Ok(file) => Lines::Of(BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Lines::Failed(None),
        Err(error) => Lines::Failed(Some(error)),
    })
}

enum Lines {
    Of(BufReader<File>),
    Failed(Option<io::Error>),
}

impl Iterator for Lines {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = match self {
            Lines::Of(reader) => reader,
            Lines::Failed(error) => return error.take().map(Err),
        };
        let mut line = String::new();
        match reader.take(LINE_BYTES_MAX).read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(Ok(line.trim_end_matches('\n').to_owned())),
            Err(error) => {
                *self = Lines::Failed(None);
                Some(Err(error))
            }
        }
    }
}
