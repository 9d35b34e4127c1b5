//! What the lanes share: the folder of extents, and which of them there are.

use super::file::{Extent, ExtentMap, FILE_HEADER_BYTES, Phase, file_header, file_name};
use super::handles::Handles;
use crate::config::Durability;
use crate::disk::{Disk, DiskFile, Mode};
use crate::error::{Result, StoreError};
use crate::frame::FrameKind;
use crate::space::Space;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

#[derive(Debug)]
pub struct Files {
    pub disk: Arc<dyn Disk>,
    pub handles: Arc<Handles>,
    pub dir: PathBuf,
    pub volume: u64,
    pub extent_bytes: u64,
    pub durability: Durability,
    pub space: Arc<Space>,
    pub map: RwLock<Arc<ExtentMap>>,
    /// Without the bit of a kind.
    pub next_id: AtomicU32,
    /// Extents of an earlier run that have room, with their lengths.
    pub spare: Mutex<Vec<(Arc<Extent>, u64)>>,
    /// An extent was closed since the last look for dead ones.
    pub closed_one: AtomicBool,
}

impl Files {
    pub fn change_map(&self, change: impl FnOnce(&mut ExtentMap)) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut map));
    }

    /// A file to append frames of a kind to, and its length: one with room that an earlier run left, or a new one.
    pub fn open_extent(&self, kind: FrameKind) -> Result<(Arc<Extent>, Box<dyn DiskFile>, u64)> {
        let spare = {
            let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
            let fits = spare.iter().rposition(|(extent, _)| FrameKind::of(extent.id) == kind);
            fits.map(|at| spare.remove(at))
        };
        let Some((extent, length)) = spare else { return self.create_extent(kind) };
        let file = self.disk.open(&extent.path, Mode::Write);
        let file = file.map_err(|error| StoreError::io("open", &extent.path, error))?;
        Ok((extent, file, length))
    }

    fn create_extent(&self, kind: FrameKind) -> Result<(Arc<Extent>, Box<dyn DiskFile>, u64)> {
        let id = self.next_id.fetch_add(1, Relaxed) | kind.bit();
        let path = self.dir.join(file_name(id));
        let create = || {
            let file = self.disk.open(&path, Mode::Create)?;
            file.write_at(0, &file_header(self.volume, id))?;
            if self.durability == Durability::Disk {
                self.disk.sync_dir(&self.dir)?;
            }
            Ok(file)
        };
        let file = create().map_err(|error| StoreError::io("create", &path, error))?;
        let extent = Arc::new(Extent::new(self.handles.clone(), id, path, FILE_HEADER_BYTES, Phase::Open));
        self.space.grown(FILE_HEADER_BYTES);
        self.change_map(|map| drop(map.insert(id, extent.clone())));
        Ok((extent, file, FILE_HEADER_BYTES))
    }

    pub fn close_extent(&self, extent: &Extent) {
        extent.open.store(false, std::sync::atomic::Ordering::Release);
        self.closed_one.store(true, Relaxed);
    }
}
