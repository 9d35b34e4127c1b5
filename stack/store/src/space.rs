//! Room on flash: what is used, what is promised, and what is left.

use crate::disk::Disk;
use crate::error::{Result, StoreError};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Kept free on the file system: a deletion writes to the catalog before it frees anything.
const RESERVE_BYTES: u64 = 64 << 20;

#[derive(Debug)]
pub struct Space {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    catalog: PathBuf,
    capacity_bytes: Option<u64>,
    extent_bytes: AtomicU64,
    promised_bytes: AtomicU64,
    way_back: Option<WayBack>,
}

/// What the way back to an older format holds: extents that nothing else needs any more are still there.
#[derive(Debug)]
struct WayBack {
    to: u32,
    extents: BTreeSet<PathBuf>,
    alone_bytes: AtomicU64,
    /// Whoever runs the machine has been told that it is in the way.
    told: AtomicBool,
}

/// The way back to a format, and what it alone holds on flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Held {
    pub to: u32,
    pub bytes: u64,
}

/// Extents that ways back hold, be they still in use or not, and what nothing else holds any more.
#[derive(Debug)]
pub(crate) struct Linked {
    pub to: u32,
    pub alone_bytes: u64,
    pub extents: BTreeSet<PathBuf>,
}

/// The catalog's file, and what is in use of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    pub file_bytes: u64,
    pub used_bytes: u64,
}

/// Room promised to a body; what it has not used when dropped is free again.
#[derive(Debug)]
pub struct Promise {
    space: Arc<Space>,
    purpose: Purpose,
    left_bytes: u64,
}

/// What room is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Content,
    /// Goes past the capacity for as long as a round takes, and into half of what is kept free on the file system: what is copied is
    /// freed, and a flash that is full of half-dead extents would stay full for ever otherwise.
    Compaction,
}

impl Space {
    pub fn new(disk: Arc<dyn Disk>, dir: &Path, catalog: &Path, capacity_bytes: Option<u64>) -> Self {
        Self {
            disk,
            dir: dir.to_owned(),
            catalog: catalog.to_owned(),
            capacity_bytes,
            extent_bytes: AtomicU64::new(0),
            promised_bytes: AtomicU64::new(0),
            way_back: None,
        }
    }

    pub fn beside(self, linked: Option<Linked>) -> Self {
        let way_back = linked.map(|Linked { to, extents, alone_bytes }| WayBack {
            to,
            extents,
            alone_bytes: AtomicU64::new(alone_bytes),
            told: AtomicBool::new(false),
        });
        Self { way_back, ..self }
    }

    pub fn way_back(&self) -> Option<Held> {
        let WayBack { to, alone_bytes, .. } = self.way_back.as_ref()?;
        Some(Held { to: *to, bytes: alone_bytes.load(Relaxed) })
    }

    /// Bytes of extents and catalog, and of what a way back alone holds. The catalog's file has holes: it doubles ahead of need. Reads one file's length from the system, which is memory and not disk.
    pub fn used_bytes(&self) -> u64 {
        let held_bytes = self.way_back().map_or(0, |held| held.bytes);
        self.extent_bytes.load(Relaxed) + self.catalog_bytes() + held_bytes
    }

    pub fn catalog_bytes(&self) -> u64 {
        self.disk.allocated_bytes(&self.catalog)
    }

    /// Where no capacity is set: what is used and what the file system still has.
    pub fn capacity_bytes(&self) -> u64 {
        self.capacity_bytes.unwrap_or_else(|| self.used_bytes() + self.disk_free_bytes())
    }

    /// Refuses what would not fit if there were nothing else. Err: `Full`.
    pub fn could_hold(&self, bytes: u64) -> Result<()> {
        match self.capacity_bytes {
            Some(capacity) if bytes > capacity => {
                Err(StoreError::Full { needed_bytes: bytes, free_bytes: self.free_bytes() })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub fn promise(self: &Arc<Self>, purpose: Purpose, bytes: u64) -> Result<Promise> {
        let mut promise = Promise { space: self.clone(), purpose, left_bytes: 0 };
        promise.extend(bytes)?;
        Ok(promise)
    }

    /// Of bodies that are on their way in.
    pub fn promised_bytes(&self) -> u64 {
        self.promised_bytes.load(Relaxed)
    }

    pub fn grown(&self, bytes: u64) {
        self.extent_bytes.fetch_add(bytes, Relaxed);
    }

    pub fn shrunk(&self, bytes: u64) {
        self.extent_bytes.fetch_sub(bytes, Relaxed);
    }

    /// An extent's file is removed: its room is free, unless the way back holds it.
    pub fn removed(&self, extent: &Path, bytes: u64) {
        self.shrunk(bytes);
        let holder = self.way_back.as_ref().zip(extent.file_name());
        if let Some((way_back, _)) = holder.filter(|(way_back, name)| way_back.extents.contains(Path::new(name))) {
            way_back.alone_bytes.fetch_add(bytes, Relaxed);
        }
    }

    fn tell_of_the_way_back(&self) {
        if let Some(WayBack { to, alone_bytes, told, .. }) = &self.way_back
            && !told.swap(true, Relaxed)
        {
            let bytes = alone_bytes.load(Relaxed);
            tracing::warn!(
                bytes,
                "flash is full, and the way back to format {to} holds some of it: `migrate --confirm`"
            );
        }
    }

    pub fn free_bytes(&self) -> u64 {
        let disk = self.disk_free_bytes();
        self.capacity_bytes.map_or(disk, |capacity| disk.min(capacity.saturating_sub(self.used_bytes())))
    }

    /// Bytes that may be written for a purpose.
    pub fn room_bytes(&self, purpose: Purpose) -> u64 {
        match purpose {
            Purpose::Content => self.free_bytes(),
            Purpose::Compaction => self.disk.free_bytes(&self.dir).saturating_sub(RESERVE_BYTES / 2),
        }
    }

    fn disk_free_bytes(&self) -> u64 {
        self.disk.free_bytes(&self.dir).saturating_sub(RESERVE_BYTES)
    }
}

impl Promise {
    /// Promises more, up to `bytes` in all that are not used yet.
    pub fn extend(&mut self, bytes: u64) -> Result<()> {
        let missing = bytes.saturating_sub(self.left_bytes);
        if missing == 0 {
            return Ok(());
        }
        // Promise first and look then: two that come at once may both be refused, and never both be let in.
        let promised = self.space.promised_bytes.fetch_add(missing, Relaxed);
        let free_bytes = self.space.room_bytes(self.purpose).saturating_sub(promised);
        if missing > free_bytes {
            self.space.promised_bytes.fetch_sub(missing, Relaxed);
            self.space.tell_of_the_way_back();
            return Err(StoreError::Full { needed_bytes: missing, free_bytes });
        }
        self.left_bytes += missing;
        Ok(())
    }

    /// The bytes are on disk, and count as used from now on.
    pub fn spend(&mut self, bytes: u64) {
        let spent = bytes.min(self.left_bytes);
        self.left_bytes -= spent;
        self.space.promised_bytes.fetch_sub(spent, Relaxed);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.spend(self.left_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_hold_room_until_they_are_spent_or_dropped() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let space =
            Arc::new(Space::new(Arc::new(crate::disk::FileSystem), dir.path(), &dir.path().join("none"), Some(100)));
        let mut first = space.promise(Purpose::Content, 60).expect("room");
        assert!(matches!(
            space.promise(Purpose::Content, 41),
            Err(StoreError::Full { needed_bytes: 41, free_bytes: 40 })
        ));
        space.grown(50);
        first.spend(50);
        drop(first);
        assert!(space.promise(Purpose::Content, 51).is_err());
        let second = space.promise(Purpose::Content, 50).expect("room");
        drop(second);
        space.shrunk(50);
        assert!(space.promise(Purpose::Content, 100).is_ok());
    }
}
