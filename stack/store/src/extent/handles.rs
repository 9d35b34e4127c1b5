//! Extents open for reading: to open a file for each read would cost more than to read a small blob from it.

use crate::disk::{Disk, DiskFile, Mode};
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files kept open: 16 GiB of flash at the usual size of an extent, and a small part of the descriptors that a process may have.
const HANDLES_MAX: usize = 64;

#[derive(Debug)]
pub struct Handles {
    disk: Arc<dyn Disk>,
    /// By extent; the one used last is last.
    open: Mutex<VecDeque<(u32, Arc<dyn DiskFile>)>>,
}

impl Handles {
    pub fn new(disk: Arc<dyn Disk>) -> Arc<Self> {
        Arc::new(Self { disk, open: Mutex::default() })
    }

    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// The file, if it is open.
    pub fn kept(&self, id: u32) -> Option<Arc<dyn DiskFile>> {
        let mut open = self.lock();
        let at = open.iter().rposition(|(open, _)| *open == id)?;
        // Most reads are of what was written or read last.
        if at + 1 < open.len() {
            let handle = open.remove(at)?;
            open.push_back(handle);
        }
        open.back().map(|(_, file)| file.clone())
    }

    /// Blocks.
    pub fn open(&self, id: u32, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = self.kept(id) {
            return Ok(file);
        }
        let file: Arc<dyn DiskFile> = Arc::from(self.disk.open(path, Mode::Read)?);
        let mut open = self.lock();
        if open.len() >= HANDLES_MAX {
            open.pop_front();
        }
        open.push_back((id, file.clone()));
        Ok(file)
    }

    /// The file is to be removed: its room is only free once nobody holds it.
    pub fn forget(&self, id: u32) {
        self.lock().retain(|(open, _)| *open != id);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(u32, Arc<dyn DiskFile>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
