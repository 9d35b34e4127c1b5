//! One extent: its file, and how it stands.

use super::handles::Handles;
use crate::rows::ExtentRow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// File header, little end first: magic with format (8 bytes), volume (8), extent (4), zero (4).
pub const FILE_HEADER_BYTES: u64 = 24;
pub const FILE_MAGIC: [u8; 8] = *b"GREXT\0\0\x01";

/// All extents that content may lie in, by id. A reader holds the map that was current when it took its snapshot of the catalog.
pub type ExtentMap = BTreeMap<u32, Arc<Extent>>;

#[derive(Debug)]
pub struct Extent {
    pub(super) handles: Arc<Handles>,
    pub(super) id: u32,
    pub(super) path: PathBuf,
    pub(super) length: AtomicU64,
    /// A lane appends, or may do so later.
    pub(super) open: AtomicBool,
    /// A write or sync failed: what was not yet acknowledged may be missing.
    pub(super) broken: AtomicBool,
    /// It was dead when the store opened: it stays until somebody has made sure.
    pub(super) suspect: AtomicBool,
    /// One more than there are bodies that lie here and are not in the catalog yet.
    pub(super) pins: Pin,
}

/// Keeps an extent from being removed while a body in it waits for its place in the catalog.
pub type Pin = Arc<()>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It may grow: it must be closed before it is compacted or removed.
    Open,
    Closed,
}

impl Extent {
    pub(super) fn new(handles: Arc<Handles>, id: u32, path: PathBuf, length: u64, open: Phase) -> Self {
        Self {
            handles,
            id,
            path,
            length: AtomicU64::new(length),
            open: AtomicBool::new(open == Phase::Open),
            broken: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            pins: Pin::default(),
        }
    }

    pub fn id(&self) -> u32 {
        self.id
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        self.length.load(Relaxed)
    }

    /// What was not synced before a failure is in doubt.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Relaxed)
    }

    pub(super) fn is_dead(&self, known: &BTreeMap<u32, ExtentRow>) -> bool {
        // In this order: a body is pinned before its lane closes the extent, and it is counted in the catalog before it lets go.
        !self.suspect.load(Relaxed)
            && !self.open.load(std::sync::atomic::Ordering::Acquire)
            && Arc::strong_count(&self.pins) == 1
            && known.get(&self.id).is_none_or(|row| row.live == 0)
    }
}

pub fn file_name(id: u32) -> String {
    format!("{id:08x}.ext")
}

pub fn file_header(volume: u64, id: u32) -> [u8; FILE_HEADER_BYTES as usize] {
    let mut header = [0; FILE_HEADER_BYTES as usize];
    header[..8].copy_from_slice(&FILE_MAGIC);
    header[8..16].copy_from_slice(&volume.to_le_bytes());
    header[16..20].copy_from_slice(&id.to_le_bytes());
    header
}
