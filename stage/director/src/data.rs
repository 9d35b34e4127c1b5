//! Folders of data for the tools to move, made from a seed, and the proof that two of them are the same.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Files of a folder, so that no folder is unwieldy.
const FILES_A_FOLDER: u32 = 250;
const BUFFER_BYTES: usize = 1 << 20;
/// Differences that are told by name; the rest are counted.
const DIFFERENCES_TOLD: usize = 5;

/// What the files are like, which decides how much smaller they can be stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Like {
    /// As pictures and video, already compressed: nothing makes them smaller.
    #[default]
    Noise,
    /// As a service's logs.
    Logs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    pub like: Like,
    pub files: u32,
    pub file_bytes: u64,
    pub large: u32,
    pub large_bytes: u64,
    pub seed: u64,
    /// What every file begins with.
    pub mark: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    pub files: u64,
    pub bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{count} of {files} files differ: {told}")]
    Different { count: usize, files: usize, told: String },
    #[error("{} holds no file", .0.display())]
    Empty(PathBuf),
    #[error("stopped")]
    Cancelled,
}

/// Writes the folder anew. `progress` hears how much is written.
pub fn make(
    folder: &Path,
    recipe: Recipe,
    progress: impl Fn(Amount),
    cancel: &CancellationToken,
) -> Result<Amount, DataError> {
    remove(folder)?;
    let mut amount = Amount::default();
    let small = (0..recipe.files).map(|index| {
        let name = format!("batch-{:03}/photo-{index:06}.bin", index / FILES_A_FOLDER);
        (name, recipe.file_bytes)
    });
    let large = (0..recipe.large).map(|index| (format!("video/take-{index:02}.bin"), recipe.large_bytes));
    for (index, (name, bytes)) in small.chain(large).enumerate() {
        let path = folder.join(&name);
        let (mark, content) = (recipe.mark.as_bytes(), content(recipe.seed, index as u64));
        match recipe.like {
            Like::Noise => write_file(&path, bytes, mark.chain(content), cancel)?,
            Like::Logs => {
                let logs = Logs { random: content, line: Vec::new(), number: 0 };
                write_file(&path, bytes, mark.chain(logs), cancel)?;
            }
        }
        amount.files += 1;
        amount.bytes += bytes;
        progress(amount);
    }
    Ok(amount)
}

/// Compares names, lengths and BLAKE3 hashes of all files under two folders.
pub fn compare(
    left: &Path,
    right: &Path,
    progress: impl Fn(Amount),
    cancel: &CancellationToken,
) -> Result<Amount, DataError> {
    let (left_files, right_files) = (files(left)?, files(right)?);
    if left_files.is_empty() {
        return Err(DataError::Empty(left.to_path_buf()));
    }
    let mut amount = Amount::default();
    let mut different = Vec::new();
    for (name, bytes) in &left_files {
        match right_files.get(name) {
            None => different.push(format!("{name} is missing")),
            Some(other) if other != bytes => different.push(format!("{name} has {other} bytes for {bytes}")),
            Some(_) => {
                if hash(&left.join(name), cancel)? != hash(&right.join(name), cancel)? {
                    different.push(format!("{name} has other bytes"));
                }
            }
        }
        amount.files += 1;
        amount.bytes += bytes;
        progress(amount);
    }
    different.extend(
        right_files.keys().filter(|name| !left_files.contains_key(*name)).map(|name| format!("{name} is extra")),
    );
    if different.is_empty() {
        return Ok(amount);
    }
    let told = different[..different.len().min(DIFFERENCES_TOLD)].join(", ");
    Err(DataError::Different { count: different.len(), files: left_files.len(), told })
}

pub fn remove(folder: &Path) -> Result<(), DataError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(folder)(error)),
        _ => Ok(()),
    }
}

/// The endless bytes of file `index`.
fn content(seed: u64, index: u64) -> blake3::OutputReader {
    let mut hasher = blake3::Hasher::new_derive_key("greenroom data make v1");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&index.to_le_bytes());
    hasher.finalize_xof()
}

/// Lines of a log without an end.
struct Logs {
    random: blake3::OutputReader,
    line: Vec<u8>,
    number: u64,
}

impl Read for Logs {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.line.is_empty() {
            let mut drawn = [0; 8];
            self.random.fill(&mut drawn);
            let [level, service, verb, a, b, c, d, e] = drawn;
            self.number += 1;
            let (seconds, millis) = (self.number / 40, self.number % 40 * 25 + u64::from(e) % 25);
            self.line = format!(
                "2026-11-23T{:02}:{:02}:{:02}.{millis:03}Z {} storage-{:02} {} request={a:02x}{b:02x}{c:02x} took_ms={}\n",
                seconds / 3600 % 24,
                seconds / 60 % 60,
                seconds % 60,
                ["INFO", "INFO", "INFO", "WARN"][usize::from(level % 4)],
                service % 16,
                ["served a read from flash", "stored a block", "listed a container", "checked a lease"][usize::from(verb % 4)],
                d % 90,
            )
            .into_bytes();
        }
        let count = buffer.len().min(self.line.len());
        buffer[..count].copy_from_slice(&self.line[..count]);
        self.line.drain(..count);
        Ok(count)
    }
}

fn write_file(path: &Path, bytes: u64, mut content: impl Read, cancel: &CancellationToken) -> Result<(), DataError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io(folder))?;
    }
    let mut file = File::create(path).map_err(io(path))?;
    let mut buffer = vec![0; BUFFER_BYTES.min(usize::try_from(bytes).unwrap_or(BUFFER_BYTES))];
    let mut left = bytes;
    while left > 0 {
        check(cancel)?;
        let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        content.read_exact(&mut buffer[..count]).map_err(io(path))?;
        file.write_all(&buffer[..count]).map_err(io(path))?;
        left -= count as u64;
    }
    check(cancel)
}

fn hash(path: &Path, cancel: &CancellationToken) -> Result<blake3::Hash, DataError> {
    let mut file = File::open(path).map_err(io(path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        check(cancel)?;
        match file.read(&mut buffer).map_err(io(path))? {
            0 => return Ok(hasher.finalize()),
            count => hasher.update(&buffer[..count]),
        };
    }
}

/// Lengths by path under `folder`, with `/` between names.
fn files(folder: &Path) -> Result<BTreeMap<String, u64>, DataError> {
    let mut found = BTreeMap::new();
    let mut open = vec![(folder.to_path_buf(), String::new())];
    while let Some((path, prefix)) = open.pop() {
        for entry in std::fs::read_dir(&path).map_err(io(&path))? {
            let entry = entry.map_err(io(&path))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let metadata = entry.metadata().map_err(io(&entry.path()))?;
            if metadata.is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else {
                found.insert(name, metadata.len());
            }
        }
    }
    Ok(found)
}

fn check(cancel: &CancellationToken) -> Result<(), DataError> {
    if cancel.is_cancelled() { Err(DataError::Cancelled) } else { Ok(()) }
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> DataError {
    let path = path.to_path_buf();
    move |source| DataError::Io { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: Recipe = Recipe {
        like: Like::Noise,
        files: 300,
        file_bytes: 100,
        large: 2,
        large_bytes: 3_000_000,
        seed: 7,
        mark: String::new(),
    };

    fn made(recipe: Recipe) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        make(&folder.path().join("d"), recipe, |_| {}, &CancellationToken::new()).expect("written");
        folder
    }

    fn compared(a: &tempfile::TempDir, b: &tempfile::TempDir) -> Result<Amount, DataError> {
        compare(&a.path().join("d"), &b.path().join("d"), |_| {}, &CancellationToken::new())
    }

    #[test]
    fn one_seed_makes_the_same_bytes_and_another_seed_others() {
        let same = compared(&made(RECIPE), &made(RECIPE)).expect("same");
        assert_eq!(same, Amount { files: 302, bytes: 300 * 100 + 6_000_000 });
        let other = compared(&made(RECIPE), &made(Recipe { seed: 8, ..RECIPE })).expect_err("other bytes");
        assert!(other.to_string().starts_with("302 of 302 files differ"), "{other}");
    }

    #[test]
    fn a_mark_stands_where_every_file_begins() {
        let folder = made(Recipe { mark: "for our eyes only".into(), ..RECIPE });
        let read = |name: &str| std::fs::read(folder.path().join("d").join(name)).expect("a file");
        for (name, bytes) in [("batch-000/photo-000007.bin", 100), ("video/take-01.bin", 3_000_000)] {
            assert!(read(name).starts_with(b"for our eyes only") && read(name).len() == bytes, "{name}");
        }
    }

    #[test]
    fn logs_are_lines_and_the_same_for_a_seed() {
        let recipe = Recipe { like: Like::Logs, ..RECIPE };
        let logs = made(recipe.clone());
        compared(&logs, &made(recipe)).expect("the same");
        let text = std::fs::read_to_string(logs.path().join("d/video/take-00.bin")).expect("text");
        assert_eq!(text.len(), 3_000_000);
        assert!(text.lines().count() > 20_000 && text.starts_with("2026-11-23T00:00:00."));
    }

    #[test]
    fn one_flipped_bit_a_missing_and_an_extra_file_are_told() {
        let (left, right) = (made(RECIPE), made(RECIPE));
        let file = right.path().join("d/video/take-01.bin");
        let mut bytes = std::fs::read(&file).expect("read");
        bytes[2_999_999] ^= 1;
        std::fs::write(&file, bytes).expect("written");
        std::fs::remove_file(right.path().join("d/batch-000/photo-000003.bin")).expect("removed");
        std::fs::write(right.path().join("d/extra"), "").expect("written");
        let said = compared(&left, &right).expect_err("three differences").to_string();
        for part in ["3 of 302", "take-01.bin has other bytes", "photo-000003.bin is missing", "extra is extra"] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }

    #[test]
    fn nothing_is_the_same_as_nothing_only_in_logic() {
        let (left, right) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let never = CancellationToken::new();
        assert!(matches!(compare(left.path(), right.path(), |_| {}, &never), Err(DataError::Empty(_))));
    }

    #[test]
    fn cancelling_stops_the_work() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(make(&folder.path().join("d"), RECIPE, |_| {}, &cancel), Err(DataError::Cancelled)));
    }
}
