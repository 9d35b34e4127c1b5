//! A disk of which nothing changes: what is written to a file stays in memory, and goes with it. The engine writes when it opens a file and
//! when it checks one; a look at a folder may not.

use crate::disk::{Disk, DiskFile, Guard, Mode};
use crate::error::Result;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is kept of a change at a time.
const BLOCK: u64 = 4_096;

#[derive(Debug, Clone)]
pub struct Overlay(pub Arc<dyn Disk>);

impl Disk for Overlay {
    fn lock(&self, dir: &Path) -> Result<Guard> {
        self.0.lock(dir)
    }

    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        self.0.list(dir)
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let file = self.0.open(path, Mode::Read)?;
        match mode {
            Mode::Read => Ok(file),
            Mode::Write | Mode::WriteOrCreate => {
                let length = file.length()?;
                let changes = Mutex::new(Changes { length, kept: length, blocks: BTreeMap::new() });
                Ok(Box::new(OverlayFile { file, changes }))
            }
            Mode::Create => Err(ErrorKind::AlreadyExists.into()),
        }
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn link(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove_dir(&self, _dir: &Path) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn allocated_bytes(&self, path: &Path) -> u64 {
        self.0.allocated_bytes(path)
    }

    fn is_private(&self, dir: &Path) -> io::Result<bool> {
        self.0.is_private(dir)
    }

    fn narrow(&self, _path: &Path) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn free_bytes(&self, dir: &Path) -> u64 {
        self.0.free_bytes(dir)
    }
}

#[derive(Debug)]
struct OverlayFile {
    file: Box<dyn DiskFile>,
    changes: Mutex<Changes>,
}

#[derive(Debug)]
struct Changes {
    length: u64,
    /// Of the file's own bytes: those that were never cut off.
    kept: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl OverlayFile {
    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block as it is now; zeros where nothing was ever written.
    fn block(&self, changes: &Changes, number: u64) -> io::Result<Vec<u8>> {
        if let Some(block) = changes.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = vec![0; BLOCK as usize];
        let there = changes.kept.saturating_sub(number * BLOCK).min(BLOCK) as usize;
        if there > 0 {
            self.file.read_at(number * BLOCK, &mut block[..there])?;
        }
        Ok(block)
    }
}

/// A range, block by block: the block's number, the bytes of it, and those of the range.
fn blocks(offset: u64, length: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>, std::ops::Range<usize>)> {
    let end = offset + length as u64;
    (offset / BLOCK..end.div_ceil(BLOCK)).map(move |number| {
        let (from, to) = (offset.max(number * BLOCK), end.min((number + 1) * BLOCK));
        let [within, of_range] = [number * BLOCK, offset].map(|start| (from - start) as usize..(to - start) as usize);
        (number, within, of_range)
    })
}

impl DiskFile for OverlayFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.changes().length)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let changes = self.changes();
        if offset.checked_add(into.len() as u64).is_none_or(|end| end > changes.length) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        for (number, within, of_range) in blocks(offset, into.len()) {
            into[of_range].copy_from_slice(&self.block(&changes, number)?[within]);
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut changes = self.changes();
        for (number, within, of_range) in blocks(offset, bytes.len()) {
            let mut block = self.block(&changes, number)?;
            block[within].copy_from_slice(&bytes[of_range]);
            changes.blocks.insert(number, block);
        }
        changes.length = changes.length.max(offset + bytes.len() as u64);
        Ok(())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut changes = self.changes();
        if length < changes.length {
            // What is cut off reads as zeros, should the file grow again.
            changes.kept = changes.kept.min(length);
            changes.blocks.split_off(&length.div_ceil(BLOCK));
            if let Some(last) = changes.blocks.get_mut(&(length / BLOCK)) {
                last[(length % BLOCK) as usize..].fill(0);
            }
        }
        changes.length = length;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::FileSystem;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Write(u64, Vec<u8>),
        Cut(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = proptest::collection::vec(any::<u8>(), 0..6_000);
        prop_oneof![
            (0_u64..20_000, bytes).prop_map(|(at, bytes)| Step::Write(at, bytes)),
            (0_u64..25_000).prop_map(Step::Cut)
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn it_reads_as_a_file_that_was_written_and_the_file_stays(steps in proptest::collection::vec(step(), 1..12)) {
            let dir = tempfile::tempdir().expect("a folder");
            let path = dir.path().join("file");
            let mut model: Vec<u8> = (0..13_000_u32).map(|at| at as u8).collect();
            std::fs::write(&path, &model).expect("written");
            let before = model.clone();
            let file = Overlay(Arc::new(FileSystem)).open(&path, Mode::Write).expect("opens");
            for step in steps {
                match step {
                    Step::Write(at, bytes) => {
                        file.write_at(at, &bytes).expect("writes");
                        let end = at as usize + bytes.len();
                        model.resize(model.len().max(end), 0);
                        model[at as usize..end].copy_from_slice(&bytes);
                    }
                    Step::Cut(length) => {
                        file.set_length(length).expect("cuts");
                        model.resize(length as usize, 0);
                    }
                }
                let mut read = vec![1; file.length().expect("a length") as usize];
                file.read_at(0, &mut read).expect("reads");
                prop_assert!(read == model);
                prop_assert!(file.read_at(1, &mut read).is_err() || read.is_empty());
            }
            prop_assert!(std::fs::read(&path).expect("reads") == before);
        }
    }
}
