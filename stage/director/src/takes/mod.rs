//! Reads takes: a list of them, and one event after the other. A torn last line is where a take ends; what else cannot be read is
//! passed over, and counted.

pub mod compare;
mod folded;
mod index;
pub mod library;
mod lines;
mod names;
mod summary;
pub mod verify;

pub use folded::{Folded, Ran, fold};
pub use index::{Index, Indexed, PastRun};
pub use lines::{Lines, Text};
pub use names::NameError;
pub use summary::{RunSummary, StepSummary, Stood, summary};

use crate::recorder::SUFFIX;
use greenroom_show::Stamped;
use greenroom_show::playback::{Line, Of};
use greenroom_show::take::{Header, VERSION};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// No event is longer: a chunk of terminal output, a deck, or a show.
const LINE_BYTES_MAX: u64 = 32 << 20;

#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    #[error("there is no take '{id}' in {}", folder.display())]
    NotFound { id: String, folder: PathBuf },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{}:1: this is no take that this version reads: {detail}", path.display())]
    Header { path: PathBuf, detail: String },
}

/// A take being read.
#[derive(Debug)]
pub struct Reader {
    pub header: Header,
    lines: BufReader<File>,
    /// Where the next line begins.
    place: u64,
}

/// Lines that say nothing to this version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PassedOver {
    pub unknown: usize,
    pub damaged: usize,
}

impl Reader {
    pub fn open(folder: &Path, id: &str) -> Result<Reader, TakeError> {
        // An id is a file's name, and never a path.
        if id.is_empty() || id.contains(['/', '\\']) || id.starts_with('.') {
            return Err(TakeError::NotFound { id: id.to_string(), folder: folder.to_path_buf() });
        }
        let path = path(folder, id);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(TakeError::NotFound { id: id.to_string(), folder: folder.to_path_buf() });
            }
            Err(source) => return Err(TakeError::Io { path, source }),
        };
        let mut lines = BufReader::new(file);
        let bad = |detail: String| TakeError::Header { path: path.clone(), detail };
        let mut place = 0;
        let first = line(&mut lines, &mut place).map_err(|source| TakeError::Io { path: path.clone(), source })?;
        let header: Header =
            serde_json::from_str(&first.unwrap_or_default()).map_err(|error| bad(error.to_string()))?;
        if header.format != "greenroom-take" || header.version > VERSION {
            return Err(bad(format!("format '{}' version {}", header.format, header.version)));
        }
        Ok(Reader { header, lines, place })
    }

    pub fn of(&self) -> Of {
        Of::take(&self.header.demo)
    }

    /// In bytes, where what is read next begins.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// Goes on at a place that it told.
    pub fn goes_on_at(mut self, place: u64) -> std::io::Result<Reader> {
        self.lines.seek(SeekFrom::Start(place))?;
        Ok(Reader { place, ..self })
    }
}

impl Iterator for Reader {
    type Item = Stamped;

    /// The next event that can be read. Ends at the end of the file, or where its last line is torn.
    fn next(&mut self) -> Option<Stamped> {
        loop {
            match Line::read(&line(&mut self.lines, &mut self.place).ok()??) {
                Line::Event(stamped) => return Some(*stamped),
                // The index counts them.
                Line::Unknown | Line::Damaged => {}
            }
        }
    }
}

/// Where a take lies.
pub fn path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}{SUFFIX}"))
}

/// A whole line without its end; `None` at the end of the file or where the line is torn.
fn line(lines: &mut BufReader<File>, place: &mut u64) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    *place += lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)? as u64;
    if bytes.pop() != Some(b'\n') {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests;
