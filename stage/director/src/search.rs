//! Looks for a text in all files of a folder, as whoever carries a disk away would. Reads, and changes nothing.

use aho_corasick::AhoCorasick;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Files that are named; the rest are counted.
const NAMED_MAX: usize = 3;

/// What a look through a folder came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    pub files: u64,
    pub bytes: u64,
    /// Files that hold the text.
    pub holding: u64,
    /// The first of them, as they lie in the folder.
    pub named: Vec<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the text cannot be looked for: {0}")]
    Text(#[from] aho_corasick::BuildError),
    #[error("stopped")]
    Cancelled,
}

/// Reads every file under `folder` whole. One that is taken away meanwhile is no error: a server goes on writing there.
pub fn look(folder: &Path, text: &str, cancel: &CancellationToken) -> Result<Looked, SearchError> {
    let searcher = AhoCorasick::new([text])?;
    let mut looked = Looked::default();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        let Some(entries) = there(&path, std::fs::read_dir(&path))? else { continue };
        for entry in entries {
            if cancel.is_cancelled() {
                return Err(SearchError::Cancelled);
            }
            let Some(entry) = there(&path, entry)? else { continue };
            let path = entry.path();
            let Some(kind) = there(&path, entry.file_type())? else { continue };
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file()
                && let Some(file) = there(&path, File::open(&path))?
            {
                looked.files += 1;
                looked.bytes += file.metadata().map_or(0, |metadata| metadata.len());
                if holds(&searcher, &path, file)? {
                    looked.holding += 1;
                    let inside = path.strip_prefix(folder).unwrap_or(&path);
                    looked.named.extend((looked.named.len() < NAMED_MAX).then(|| inside.to_path_buf()));
                }
            }
        }
    }
    Ok(looked)
}

fn holds(searcher: &AhoCorasick, path: &Path, file: File) -> Result<bool, SearchError> {
    match searcher.stream_find_iter(file).next() {
        None => Ok(false),
        Some(found) => there(path, found).map(|found| found.is_some()),
    }
}

fn there<T>(path: &Path, read: std::io::Result<T>) -> Result<Option<T>, SearchError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SearchError::Io { path: path.to_path_buf(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_wherever_it_stands_and_across_what_is_read_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let never = CancellationToken::new();
        let looked = || look(folder.path(), "for our eyes only", &never).expect("read");
        std::fs::create_dir_all(folder.path().join("a/b")).expect("a folder");
        std::fs::write(folder.path().join("a/clean"), vec![b'f'; 300_000]).expect("written");
        assert_eq!(looked(), Looked { files: 1, bytes: 300_000, ..Looked::default() });
        for at in [0, 65_530, 131_060, 200_000] {
            let mut bytes = vec![b'f'; 300_000];
            bytes[at..at + 17].copy_from_slice(b"for our eyes only");
            std::fs::write(folder.path().join("a/b/held"), bytes).expect("written");
            let found = looked();
            assert_eq!((found.files, found.holding, &found.named[..]), (2, 1, &[PathBuf::from("a/b/held")][..]));
        }
        never.cancel();
        assert!(matches!(look(folder.path(), "for our eyes only", &never), Err(SearchError::Cancelled)));
    }

    #[test]
    fn a_folder_that_is_not_there_holds_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let none = look(&folder.path().join("none"), "anything", &CancellationToken::new()).expect("read");
        assert_eq!(none, Looked::default());
    }
}
