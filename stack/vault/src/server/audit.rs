//! Who did what, a line each, at the end of a file. What cannot be written down is not done (or, where it is done already, not answered for).

use super::clock;
use super::folder::Folder;
use serde::Serialize;
use std::io;

const FILE: &str = "audit.ndjson";
const OLDER: &str = "audit.1.ndjson";
/// One file, and the one before it.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Whoever has the folder, by the command line.
pub const OPERATOR: &str = "operator";

#[derive(Debug, Clone)]
pub struct Audit {
    folder: Folder,
}

#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    pub who: &'a str,
    pub operation: &'a str,
    pub key: Option<&'a str>,
    pub version: Option<&'a str>,
    /// `ok`, or the code that it was refused with.
    pub outcome: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    at_ms: u64,
    #[serde(flatten)]
    entry: &'a Entry<'a>,
}

impl Audit {
    pub fn new(folder: Folder) -> Audit {
        Audit { folder }
    }

    pub fn note(&self, entry: &Entry<'_>) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line { at_ms: clock::now_ms(), entry })?;
        line.push(b'\n');
        let held = self.folder.hold()?;
        if self.folder.bytes(FILE) >= FILE_BYTES_MAX {
            self.folder.rename(&held, FILE, OLDER)?;
        }
        self.folder.append(&held, FILE, &line)
    }
}
