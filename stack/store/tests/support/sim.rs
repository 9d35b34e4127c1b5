//! A disk in memory that crashes where it is told to: it counts every write and sync, and at the chosen one the power goes. What was not
//! synced then is lost, as a whole or in part, as a seed decides; what comes after fails.

use greenroom_store::{Disk, DiskFile, Guard, Mode, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Writes to the disk are kept or lost in parts of this size, as on a real one.
const SECTOR: usize = 512;
/// What the system says of a sector that cannot be read.
const EIO: i32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// All goes well.
    Sound,
    /// At this act the power goes.
    CrashAt(u64),
    /// This act fails, and all others do as they should.
    FailAt(u64),
    /// From this act on, whatever makes a file longer fails: the disk is full.
    FullAt(u64),
}

#[derive(Debug, Default, Clone)]
struct Inode {
    /// As the system shows it.
    now: Vec<u8>,
    /// As the disk has it for certain.
    synced: Vec<u8>,
}

#[derive(Debug)]
struct State {
    files: BTreeMap<PathBuf, Arc<Mutex<Inode>>>,
    /// Names that are on the disk for certain, and those whose removal is not.
    synced_names: BTreeMap<PathBuf, Arc<Mutex<Inode>>>,
    fate: Fate,
    acts: u64,
    dead: bool,
    /// Where reading fails.
    unreadable: Option<(PathBuf, Range<u64>)>,
}

/// Clones are the same disk.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    path: PathBuf,
    inode: Arc<Mutex<Inode>>,
}

impl SimDisk {
    pub fn new(fate: Fate) -> Self {
        let (files, synced_names) = (BTreeMap::new(), BTreeMap::new());
        Self(Arc::new(Mutex::new(State { files, synced_names, fate, acts: 0, dead: false, unreadable: None })))
    }

    /// Writes, syncs and removals so far.
    pub fn acts(&self) -> u64 {
        self.state().acts
    }

    pub fn set_fate(&self, fate: Fate) {
        self.state().fate = fate;
    }

    /// What the next start finds: what was synced, and of the rest what the seed lets through.
    pub fn after_crash(&self, seed: u64) -> SimDisk {
        let state = self.state();
        let mut random = Random(seed | 1);
        let mut files = BTreeMap::new();
        let names: BTreeSet<_> = state.files.keys().chain(state.synced_names.keys()).cloned().collect();
        for name in names {
            let (now, synced) = (state.files.get(&name), state.synced_names.get(&name));
            // A name that was made or removed and not synced is there or not.
            let inode = match (now, synced) {
                (Some(now), Some(synced)) if Arc::ptr_eq(now, synced) => Some(now),
                (now, synced) => {
                    if random.coin() {
                        now
                    } else {
                        synced
                    }
                }
            };
            if let Some(inode) = inode {
                let inode = inode.lock().unwrap_or_else(PoisonError::into_inner);
                let content = torn(&inode, &mut random);
                files.insert(name, Arc::new(Mutex::new(Inode { now: content.clone(), synced: content })));
            }
        }
        let synced_names = files.clone();
        let state = State { files, synced_names, fate: Fate::Sound, acts: 0, dead: false, unreadable: None };
        SimDisk(Arc::new(Mutex::new(state)))
    }

    /// From now on a read that touches this part of a file fails, as that of a bad sector does; `None` mends it.
    pub fn set_unreadable(&self, part: Option<(PathBuf, Range<u64>)>) {
        self.state().unreadable = part;
    }

    /// Changes the content of files behind the store's back.
    pub fn damage(&self, mut change: impl FnMut(&Path, &mut Vec<u8>)) {
        for (name, inode) in &self.state().files {
            let mut inode = inode.lock().unwrap_or_else(PoisonError::into_inner);
            change(name, &mut inode.now);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an act, and says what comes of it.
    fn act(&self, grows: bool) -> Outcome {
        let mut state = self.state();
        if let Err(error) = state.alive() {
            return Outcome::Refused(error);
        }
        state.acts += 1;
        match state.fate {
            Fate::CrashAt(at) if state.acts == at => {
                state.dead = true;
                Outcome::UnderWay
            }
            Fate::FailAt(at) if state.acts == at => Outcome::Refused(io::Error::other("the disk failed")),
            Fate::FullAt(at) if state.acts >= at && grows => Outcome::Refused(io::ErrorKind::StorageFull.into()),
            Fate::Sound | Fate::CrashAt(_) | Fate::FailAt(_) | Fate::FullAt(_) => Outcome::Done,
        }
    }
}

enum Outcome {
    Done,
    /// The power goes meanwhile: it may arrive in part.
    UnderWay,
    Refused(io::Error),
}

impl Outcome {
    fn result(self) -> io::Result<()> {
        match self {
            Outcome::Done => Ok(()),
            Outcome::UnderWay => Err(gone()),
            Outcome::Refused(error) => Err(error),
        }
    }
}

impl State {
    fn alive(&self) -> io::Result<()> {
        if self.dead { Err(gone()) } else { Ok(()) }
    }

    fn readable(&self, path: &Path, range: Range<u64>) -> io::Result<()> {
        self.alive()?;
        match &self.unreadable {
            Some((bad, part)) if bad == path && range.start < part.end && part.start < range.end => {
                Err(io::Error::from_raw_os_error(EIO))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the power is gone")
}

/// The synced content, with each sector that was written since either in its old or in its new form.
fn torn(inode: &Inode, random: &mut Random) -> Vec<u8> {
    let length = if random.coin() { inode.now.len() } else { inode.synced.len() };
    let mut content = inode.synced.clone();
    content.resize(length, 0);
    // Often all or nothing of it arrives; else it is drawn for each sector.
    let all = random.next() % 4;
    for (number, sector) in content.chunks_mut(SECTOR).enumerate() {
        let at = number * SECTOR;
        let keep = match all {
            0 => false,
            1 => true,
            _ => random.coin(),
        };
        if let Some(new) = inode.now.get(at..(at + sector.len()).min(inode.now.len())).filter(|_| keep) {
            sector[..new.len()].copy_from_slice(new);
        }
    }
    content
}

impl Disk for SimDisk {
    fn lock(&self, _: &Path) -> Result<Guard> {
        Ok(Box::new(()))
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        self.state().alive()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        let state = self.state();
        state.alive()?;
        let length = |inode: &Arc<Mutex<Inode>>| inode.lock().unwrap_or_else(PoisonError::into_inner).now.len() as u64;
        let files = state.files.iter().filter(|(path, _)| path.parent() == Some(dir));
        Ok(files.map(|(path, inode)| (path.clone(), length(inode))).collect())
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let found = {
            let state = self.state();
            state.alive()?;
            state.files.get(path).cloned()
        };
        let inode = match (found, mode) {
            (Some(_), Mode::Create) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(inode), Mode::Read | Mode::Write | Mode::WriteOrCreate) => inode,
            (None, Mode::Read | Mode::Write) => return Err(io::ErrorKind::NotFound.into()),
            (None, Mode::WriteOrCreate | Mode::Create) => {
                self.act(true).result()?;
                let inode = Arc::new(Mutex::new(Inode::default()));
                self.state().files.insert(path.to_owned(), inode.clone());
                inode
            }
        };
        Ok(Box::new(SimFile { disk: self.clone(), path: path.to_owned(), inode }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.act(false).result()?;
        self.state().files.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.act(false).result()?;
        let mut state = self.state();
        let inode = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), inode);
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.act(false).result()?;
        let mut state = self.state();
        let inode = state.files.get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
        match state.files.insert(to.to_owned(), inode) {
            None => Ok(()),
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    /// Folders are no things of their own here.
    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let state = self.state();
        state.alive()?;
        match state.files.keys().any(|path| path.starts_with(dir)) {
            true => Err(io::ErrorKind::DirectoryNotEmpty.into()),
            false => Ok(()),
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.act(false).result()?;
        let state = &mut *self.state();
        state.synced_names.retain(|path, _| path.parent() != Some(dir));
        let here = state.files.iter().filter(|(path, _)| path.parent() == Some(dir));
        state.synced_names.extend(here.map(|(path, inode)| (path.clone(), inode.clone())));
        Ok(())
    }

    fn allocated_bytes(&self, path: &Path) -> u64 {
        let state = self.state();
        state.files.get(path).map_or(0, |inode| inode.lock().unwrap_or_else(PoisonError::into_inner).now.len() as u64)
    }

    fn is_private(&self, _: &Path) -> io::Result<bool> {
        Ok(true)
    }

    fn narrow(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> u64 {
        u64::MAX / 4
    }
}

impl SimFile {
    fn inode(&self) -> MutexGuard<'_, Inode> {
        self.inode.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskFile for SimFile {
    fn length(&self) -> io::Result<u64> {
        self.disk.state().alive()?;
        Ok(self.inode().now.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.disk.state().readable(&self.path, offset..offset + into.len() as u64)?;
        let inode = self.inode();
        let from = inode.now.get(offset as usize..offset as usize + into.len());
        into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = offset as usize + bytes.len();
        let grows = end > self.inode().now.len();
        let outcome = self.disk.act(grows);
        let mut inode = self.inode();
        if !matches!(outcome, Outcome::Refused(_)) {
            if inode.now.len() < end {
                inode.now.resize(end, 0);
            }
            inode.now[offset as usize..end].copy_from_slice(bytes);
        }
        outcome.result()
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.disk.act(length as usize > self.inode().now.len()).result()?;
        self.inode().now.resize(length as usize, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.act(false).result()?;
        let mut inode = self.inode();
        inode.synced = inode.now.clone();
        Ok(())
    }
}

/// xorshift: the same numbers for the same seed, everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn coin(&mut self) -> bool {
        self.next() >> 32 & 1 == 1
    }
}
