//! Append-only files that hold content. One lane, a thread of its own, appends to each open file, so that what is synced is always a
//! prefix of the file; an extent that has grown past its size is closed and never written again.

pub mod buffer;
mod file;
mod files;
pub mod framed;
mod handles;
mod lane;
mod read;
mod recover;

pub use file::{Extent, ExtentMap, Phase, Pin};
pub use lane::{Lane, Spot, Sync};
pub use read::{Keys, Reader, Span};
pub use recover::look;

use crate::config::Config;
use crate::disk::{Disk, Mode};
use crate::error::{Result, StoreError};
use crate::frame::{FRAME_BYTES, FRAMES_AT_ONCE, FrameKind, SEALED_EXTENT};
use crate::rows::ExtentRow;
use crate::space::Space;
use files::Files;
use handles::Handles;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

/// Where extents lie in the data folder.
pub const FOLDER: &str = "extents";

/// Files that larger bodies are written to at a time, of each kind: enough to keep a flash disk busy, few enough that each sync has many to share it.
const LANES: usize = 4;
/// Appends that wait for a lane, of a full buffer each at most: what bounds the memory of all bodies together.
const QUEUE_MAX: usize = 16;
/// Bodies that are written together rather than side by side, and how many of them share a sync: no more memory than the other lanes'.
const SMALL_BYTES_MAX: u64 = 64 << 10;
const SMALL_QUEUE_MAX: usize = 64;
/// Offsets in an extent are 32 bits, and the last append may go past the size.
const EXTENT_BYTES_MAX: u64 = (4 << 30) - FrameKind::Sealed.framed_bytes(FRAME_BYTES * FRAMES_AT_ONCE);

#[derive(Debug)]
pub struct Extents {
    files: Arc<Files>,
    /// By the kind of their frames.
    lanes: [Lanes; 2],
    dying: Mutex<Vec<Arc<Extent>>>,
}

/// Those that write frames of one kind.
#[derive(Debug)]
struct Lanes {
    /// For small bodies, and no others: they would wait for what large ones write.
    small: Lane,
    large: Vec<Lane>,
    next: AtomicUsize,
}

impl Lanes {
    fn start(kind: FrameKind, files: &Arc<Files>) -> Result<Self> {
        let small = Lane::start(kind, 0, files.clone(), SMALL_QUEUE_MAX)?;
        let large = (1..=LANES).map(|number| Lane::start(kind, number, files.clone(), QUEUE_MAX));
        Ok(Self { small, large: large.collect::<Result<_>>()?, next: AtomicUsize::new(0) })
    }
}

impl Extents {
    /// Brings the files in line with what the catalog knows of them, and starts the lanes. Rows in `known` whose extents are gone go too.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        volume: u64,
        config: &Config,
        space: Arc<Space>,
        known: &mut BTreeMap<u32, ExtentRow>,
    ) -> Result<Self> {
        disk.create_dir(dir).map_err(|error| StoreError::io("create", dir, error))?;
        let extent_bytes = config.extent_bytes.min(EXTENT_BYTES_MAX);
        let handles = Handles::new(disk.clone());
        let found = recover::recover(&handles, dir, volume, extent_bytes, known)?;
        space.grown(found.bytes);
        let files = Arc::new(Files {
            disk,
            handles,
            dir: dir.to_owned(),
            volume,
            extent_bytes,
            durability: config.durability,
            space,
            // Nor is the id of an extent that is missing given out again: rows may still refer to it.
            next_id: AtomicU32::new(
                found.map.keys().chain(known.keys()).map(|id| id & !SEALED_EXTENT).max().map_or(0, |id| id + 1),
            ),
            map: RwLock::new(Arc::new(found.map)),
            spare: Mutex::new(found.spare),
            closed_one: AtomicBool::new(false),
        });
        let lanes = [Lanes::start(FrameKind::Plain, &files)?, Lanes::start(FrameKind::Sealed, &files)?];
        Ok(Self { files, lanes, dying: Mutex::default() })
    }

    /// A lane for a new body, of so many bytes where that is known. A body stays on one lane, so that one sync ends it.
    pub fn lane(&self, kind: FrameKind, length: Option<u64>) -> Lane {
        let Lanes { small, large, next } = &self.lanes[kind as usize];
        // What is small costs its sync and little else: on one lane more of it shares each.
        if length.is_some_and(|length| length <= SMALL_BYTES_MAX) {
            return small.clone();
        }
        large[next.fetch_add(1, Relaxed) % LANES].clone()
    }

    /// The current map. While the guard is held no extent leaves it: a snapshot of the catalog taken meanwhile finds all its extents.
    pub fn map(&self) -> RwLockReadGuard<'_, Arc<ExtentMap>> {
        self.files.map.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the extents that nothing refers to any more, removes their files once the last reader has gone, and returns their ids.
    /// To be called after the commit that freed them. A crash in between leaves a dead file, which the next run's upkeep removes.
    pub fn reap(&self, known: &BTreeMap<u32, ExtentRow>, freed: Freed) -> Vec<u32> {
        let mut dying = self.dying.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reaped = Vec::new();
        if freed == Freed::Some || self.files.closed_one.swap(false, Relaxed) {
            let dead: Vec<_> = self.map().values().filter(|extent| extent.is_dead(known)).cloned().collect();
            self.files.change_map(|map| dead.iter().for_each(|extent| drop(map.remove(&extent.id))));
            reaped.extend(dead.iter().map(|extent| extent.id));
            dying.extend(dead);
        }
        dying.retain(|extent| Arc::strong_count(extent) > 1 || self.remove_file(extent).is_err());
        reaped
    }

    /// What compaction may think about: all extents but those that are damaged or that bodies lie in which the catalog does not know.
    pub fn facts(&self, known: &BTreeMap<u32, ExtentRow>) -> Vec<Facts> {
        let fact = |extent: &Arc<Extent>| {
            // Before the count of pins: what is open may be pinned later.
            let open = extent.open.load(std::sync::atomic::Ordering::Acquire);
            let busy = extent.is_broken() || extent.suspect.load(Relaxed) || Arc::strong_count(&extent.pins) > 1;
            let phase = if open { Phase::Open } else { Phase::Closed };
            let live_bytes = known.get(&extent.id).map_or(0, |row| row.live);
            (!busy).then(|| Facts { id: extent.id, file_bytes: extent.length.load(Relaxed), live_bytes, phase })
        };
        self.map().values().filter_map(fact).collect()
    }

    pub fn extent_bytes(&self) -> u64 {
        self.files.extent_bytes
    }

    /// Ends an extent that is open.
    pub async fn retire(&self, id: u32) -> Result<()> {
        let spare = {
            let mut spare = self.files.spare.lock().unwrap_or_else(PoisonError::into_inner);
            spare.iter().position(|(extent, _)| extent.id == id).map(|at| spare.swap_remove(at))
        };
        if let Some((extent, _)) = spare {
            self.files.close_extent(&extent);
            return Ok(());
        }
        for lane in self.all_lanes() {
            lane.close_extent(id).await?;
        }
        Ok(())
    }

    pub fn suspects(&self) -> BTreeSet<u32> {
        self.map().values().filter(|extent| extent.suspect.load(Relaxed)).map(|extent| extent.id).collect()
    }

    /// It is dead for certain.
    pub fn condemn(&self, id: u32) {
        if let Some(extent) = self.map().get(&id) {
            extent.suspect.store(false, Relaxed);
            self.files.closed_one.store(true, Relaxed);
        }
    }

    /// Leaves an extent that cannot be read back whole to whoever mends the folder.
    pub fn give_up(&self, id: u32) {
        if let Some(extent) = self.map().get(&id) {
            extent.broken.store(true, Relaxed);
        }
    }

    fn remove_file(&self, extent: &Extent) -> std::io::Result<()> {
        let disk = &self.files.disk;
        let bytes = disk.open(&extent.path, Mode::Read)?.length()?;
        self.files.handles.forget(extent.id);
        disk.remove(&extent.path)?;
        self.files.space.removed(&extent.path, bytes);
        Ok(())
    }

    /// Waits for the lanes to end what they hold.
    pub fn close(&self) {
        self.all_lanes().for_each(Lane::close);
    }

    fn all_lanes(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().flat_map(|lanes| std::iter::once(&lanes.small).chain(&lanes.large))
    }
}

/// What is known of an extent that nobody else is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub id: u32,
    pub file_bytes: u64,
    /// By the catalog's count: content that several rows share counts for each, so that a shared extent looks fuller than it is.
    pub live_bytes: u64,
    pub phase: Phase,
}

/// Whether a transaction freed content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freed {
    Nothing,
    Some,
}
