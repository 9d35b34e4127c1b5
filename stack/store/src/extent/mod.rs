//! Append-only files that hold content. One lane, a thread of its own, appends to each open file, so that what is synced is always a
//! prefix of the file; an extent that has grown past its size is closed and never written again.

pub mod buffer;
pub mod frame;
mod handles;
mod lane;
mod read;
mod recover;

pub use lane::{Lane, Spot, Sync};
pub use read::{Reader, Span};
pub use recover::look;

use crate::compact::plan::{self, Facts};
use crate::config::{Config, Durability};
use crate::disk::{Disk, DiskFile, Mode};
use crate::error::{Result, StoreError};
use crate::rows::ExtentRow;
use crate::space::Space;
use frame::{FRAME_BYTES, FRAMES_AT_ONCE, framed_bytes};
use handles::Handles;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

/// Where extents lie in the data folder.
pub const FOLDER: &str = "extents";

/// Files that larger bodies are written to at a time: enough to keep a flash disk busy, few enough that each sync has many to share it.
const LANES: usize = 4;
/// Appends that wait for a lane, of a full buffer each at most: what bounds the memory of all bodies together.
const QUEUE_MAX: usize = 16;
/// Bodies that are written together rather than side by side, and how many of them share a sync: no more memory than the other lanes'.
const SMALL_BYTES_MAX: u64 = 64 << 10;
const SMALL_QUEUE_MAX: usize = 64;
/// Offsets in an extent are 32 bits, and the last append may go past the size.
const EXTENT_BYTES_MAX: u64 = (4 << 30) - framed_bytes(FRAME_BYTES * FRAMES_AT_ONCE);

/// File header, little end first: magic with format (8 bytes), volume (8), extent (4), zero (4).
const FILE_HEADER_BYTES: u64 = 24;
const FILE_MAGIC: [u8; 8] = *b"GREXT\0\0\x01";

/// All extents that content may lie in, by id. A reader holds the map that was current when it took its snapshot of the catalog.
pub type ExtentMap = BTreeMap<u32, Arc<Extent>>;

#[derive(Debug)]
pub struct Extent {
    handles: Arc<Handles>,
    id: u32,
    path: PathBuf,
    length: AtomicU64,
    /// A lane appends, or may do so later.
    open: AtomicBool,
    /// A write or sync failed: what was not yet acknowledged may be missing.
    broken: AtomicBool,
    /// It was dead when the store opened: it stays until somebody has made sure.
    suspect: AtomicBool,
    /// One more than there are bodies that lie here and are not in the catalog yet.
    pins: Pin,
}

/// Keeps an extent from being removed while a body in it waits for its place in the catalog.
pub type Pin = Arc<()>;

#[derive(Debug)]
pub struct Extents {
    files: Arc<Files>,
    /// For small bodies, and no others: they would wait for what large ones write.
    small: Lane,
    lanes: Vec<Lane>,
    next_lane: AtomicUsize,
    dying: Mutex<Vec<Arc<Extent>>>,
}

/// What the lanes share.
#[derive(Debug)]
struct Files {
    disk: Arc<dyn Disk>,
    handles: Arc<Handles>,
    dir: PathBuf,
    volume: u64,
    extent_bytes: u64,
    durability: Durability,
    space: Arc<Space>,
    map: RwLock<Arc<ExtentMap>>,
    next_id: AtomicU32,
    /// Extents of an earlier run that have room, with their lengths.
    spare: Mutex<Vec<(Arc<Extent>, u64)>>,
    /// An extent was closed since the last look for dead ones.
    closed_one: AtomicBool,
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
            next_id: AtomicU32::new(found.map.keys().chain(known.keys()).max().map_or(0, |id| id + 1)),
            map: RwLock::new(Arc::new(found.map)),
            spare: Mutex::new(found.spare),
            closed_one: AtomicBool::new(false),
        });
        let small = Lane::start(0, files.clone(), SMALL_QUEUE_MAX)?;
        let lanes = (1..=LANES).map(|number| Lane::start(number, files.clone(), QUEUE_MAX)).collect::<Result<_>>()?;
        Ok(Self { files, small, lanes, next_lane: AtomicUsize::new(0), dying: Mutex::default() })
    }

    /// A lane for a new body, of so many bytes where that is known. A body stays on one lane, so that one sync ends it.
    pub fn lane(&self, length: Option<u64>) -> Lane {
        // What is small costs its sync and little else: on one lane more of it shares each.
        if length.is_some_and(|length| length <= SMALL_BYTES_MAX) {
            return self.small.clone();
        }
        self.lanes[self.next_lane.fetch_add(1, Relaxed) % LANES].clone()
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
            let phase = if open { plan::Phase::Open } else { plan::Phase::Closed };
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
        std::iter::once(&self.small).chain(&self.lanes)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Closed,
}

/// Whether a transaction freed content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freed {
    Nothing,
    Some,
}

impl Extent {
    fn new(handles: Arc<Handles>, id: u32, path: PathBuf, length: u64, open: Phase) -> Self {
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

    fn is_dead(&self, known: &BTreeMap<u32, ExtentRow>) -> bool {
        // In this order: a body is pinned before its lane closes the extent, and it is counted in the catalog before it lets go.
        !self.suspect.load(Relaxed)
            && !self.open.load(std::sync::atomic::Ordering::Acquire)
            && Arc::strong_count(&self.pins) == 1
            && known.get(&self.id).is_none_or(|row| row.live == 0)
    }
}

impl Files {
    fn change_map(&self, change: impl FnOnce(&mut ExtentMap)) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut map));
    }

    /// A file to append to, and its length: one with room that an earlier run left, or a new one.
    fn open_extent(&self) -> Result<(Arc<Extent>, Box<dyn DiskFile>, u64)> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some((extent, length)) = spare else { return self.create_extent() };
        let file = self.disk.open(&extent.path, Mode::Write);
        let file = file.map_err(|error| StoreError::io("open", &extent.path, error))?;
        Ok((extent, file, length))
    }

    fn create_extent(&self) -> Result<(Arc<Extent>, Box<dyn DiskFile>, u64)> {
        let id = self.next_id.fetch_add(1, Relaxed);
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

    fn close_extent(&self, extent: &Extent) {
        extent.open.store(false, std::sync::atomic::Ordering::Release);
        self.closed_one.store(true, Relaxed);
    }
}

fn file_name(id: u32) -> String {
    format!("{id:08x}.ext")
}

fn file_header(volume: u64, id: u32) -> [u8; FILE_HEADER_BYTES as usize] {
    let mut header = [0; FILE_HEADER_BYTES as usize];
    header[..8].copy_from_slice(&FILE_MAGIC);
    header[8..16].copy_from_slice(&volume.to_le_bytes());
    header[16..20].copy_from_slice(&id.to_le_bytes());
    header
}
