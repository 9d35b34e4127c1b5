//! The last of a take as a take of its own: a copy of the lines that are there, and where it begins beside it. The take itself is left
//! as it is, and is recorded further where it was being recorded.

use super::{About, LibraryError, NAME_CHARS_MAX, Takes, about_path};
use crate::durable;
use crate::recorder::ids;
use crate::takes::path;
use greenroom_show::Micros;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// What a key keeps.
pub const KEPT: Micros = 120_000_000;

/// Up to where a take is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// All that is whole of a take that is recorded no longer.
    ItsEnd,
    /// So many bytes, which are whole lines, and when the last of them fell: what is recorded later is not in it.
    Written { bytes: u64, last: Micros },
}

/// What was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub id: String,
    pub name: String,
}

impl Takes {
    /// Keeps the last two minutes of a take, or all of it where it is shorter.
    pub fn keep_last(&self, id: &str, until: Until) -> Result<Part, LibraryError> {
        let from = self.path(id);
        let failed = |source| LibraryError::Io { path: from.clone(), source };
        let header = self.reader(id)?.header;
        let (bytes, last) = match until {
            Until::ItsEnd => (u64::MAX, self.listed_as(id).map_or(0, |take| take.duration_us)),
            Until::Written { bytes, last } => (bytes, last),
        };
        let copy = copy(&from, bytes, self.folder()).map_err(failed)?;
        let begins = last.saturating_sub(KEPT);
        let title = self.listed_as(id).map(|take| take.title).filter(|title| !title.is_empty());
        let of = title.unwrap_or_else(|| if header.demo.is_empty() { &header.deck } else { &header.demo }.clone());
        let name = name(&of, last, header.at_unix_ms.saturating_add(last / 1000));
        let free = |id: &String| !self.path(id).exists() && !about_path(self.folder(), id).exists();
        let Some(id) = ids(&header).find(free) else {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        };
        // What is said of it comes first: a crash in between leaves a note of nothing, and never a part that is taken for a whole.
        let about = About { name: Some(name.clone()), begins: (begins > 0).then_some(begins), ..About::default() };
        let beside = about_path(self.folder(), &id);
        let write = || durable::replace(&beside, serde_json::to_vec_pretty(&about)?);
        write().map_err(|source| LibraryError::Io { path: beside.clone(), source })?;
        let to = path(self.folder(), &id);
        copy.persist_noclobber(&to).map_err(|error| LibraryError::Io { path: to.clone(), source: error.error })?;
        Ok(Part { id, name })
    }
}

/// Whole lines of a take, beside it and synced. A last line that is torn is left out.
fn copy(from: &Path, bytes: u64, folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut lines = BufReader::new(File::open(from)?.take(bytes));
    let mut to = NamedTempFile::new_in(folder)?;
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        if line.ends_with(b"\n") {
            to.write_all(&line)?;
        }
        line.clear();
    }
    to.as_file().sync_all()?;
    Ok(to)
}

/// What it is of, how much of it, and up to when: `AzCopy into Blob, two minutes to 29 Nov 10:42 UTC`.
fn name(of: &str, last: Micros, until_unix_ms: u64) -> String {
    let until = i64::try_from(until_unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let until = until.unwrap_or_default().strftime("%-d %b %H:%M").to_string();
    let much = if last >= KEPT { "two minutes".to_string() } else { format!("{} s", last.div_ceil(1_000_000)) };
    let rest = format!(", {much} to {until} UTC");
    let room = NAME_CHARS_MAX.saturating_sub(rest.chars().count());
    let of: String = of.chars().filter(|char| !char.is_control()).take(room).collect();
    of + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_named_by_what_it_is_of_and_how_much_of_it() {
        let at = 1_700_000_000_000;
        assert_eq!(name("Copy", KEPT, at), "Copy, two minutes to 14 Nov 22:13 UTC");
        assert_eq!(name("Copy\n", 33_200_000, at), "Copy, 34 s to 14 Nov 22:13 UTC");
        assert!(name(&"x".repeat(500), KEPT, at).chars().count() <= NAME_CHARS_MAX);
    }
}
