//! Brings the folder of extents in line with the catalog when a store opens.
//!
//! The catalog knows where the last acknowledged byte of each extent lies. What a crash left behind it, a torn frame or a whole body
//! whose operation never ended, is cut off; what the catalog has lost no sight of is never touched. A file to which it seems to refer
//! no more is not removed here: see `upkeep`.

use super::file::{Extent, ExtentMap, FILE_HEADER_BYTES, FILE_MAGIC, Phase, file_header, file_name};
use super::handles::Handles;
use crate::disk::{Disk, Mode};
use crate::error::{Result, StoreError};
use crate::rows::ExtentRow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

#[derive(Debug, Default)]
pub struct Found {
    pub map: ExtentMap,
    pub spare: Vec<(Arc<Extent>, u64)>,
    pub bytes: u64,
}

pub fn recover(
    handles: &Arc<Handles>,
    dir: &Path,
    volume: u64,
    extent_bytes: u64,
    known: &mut BTreeMap<u32, ExtentRow>,
) -> Result<Found> {
    let io = |error| StoreError::io("read", dir, error);
    let disk = handles.disk();
    let files = files(disk, dir)?;
    let mut found = Found::default();
    for (id, length) in files {
        let row = known.get(&id).copied().unwrap_or_default();
        recover_file(handles, dir.join(file_name(id)), volume, extent_bytes, (id, length), row, &mut found)?;
    }
    known.retain(|id, row| {
        let present = found.map.contains_key(id);
        if !present && row.live > 0 {
            tracing::error!(extent = id, bytes = row.live, "an extent is missing: its content cannot be read");
        }
        present || row.live > 0
    });
    disk.sync_dir(dir).map_err(io)?;
    Ok(found)
}

/// The extents as they lie there: nothing is cut, nothing is appended to.
pub fn look(disk: &Arc<dyn Disk>, dir: &Path, volume: u64) -> Result<ExtentMap> {
    let (mut map, handles) = (ExtentMap::new(), Handles::new(disk.clone()));
    for (id, length) in files(&**disk, dir)? {
        let path = dir.join(file_name(id));
        // Without its header nothing says that the content is ours; what is read is checked frame by frame all the same.
        if read_header(&**disk, &path)? != file_header(volume, id) {
            tracing::error!(file = %path.display(), "an extent's header is damaged");
        }
        map.insert(id, Arc::new(Extent::new(handles.clone(), id, path, length, Phase::Closed)));
    }
    Ok(map)
}

/// Ids and lengths.
fn files(disk: &dyn Disk, dir: &Path) -> Result<BTreeMap<u32, u64>> {
    let mut files = BTreeMap::new();
    for (path, length) in disk.list(dir).map_err(|error| StoreError::io("read", dir, error))? {
        match path.file_name().and_then(|name| extent_id(&name.to_string_lossy())) {
            Some(id) => drop(files.insert(id, length)),
            None => tracing::warn!(file = %path.display(), "a file that is no extent lies among them"),
        }
    }
    Ok(files)
}

fn recover_file(
    handles: &Arc<Handles>,
    path: PathBuf,
    volume: u64,
    extent_bytes: u64,
    (id, length): (u32, u64),
    row: ExtentRow,
    found: &mut Found,
) -> Result<()> {
    let disk = handles.disk();
    let header = read_header(disk, &path)?;
    if header[..8] == FILE_MAGIC && header[8..16] != volume.to_le_bytes() {
        let what = "extent belongs to another catalog".to_owned();
        return Err(StoreError::Corrupt { file: path, offset: 8, what });
    }
    if row.live == 0 {
        let extent = Extent::new(handles.clone(), id, path, length, Phase::Closed);
        extent.suspect.store(true, Relaxed);
        found.map.insert(id, Arc::new(extent));
        found.bytes += length;
        return Ok(());
    }
    let whole = header == file_header(volume, id) && length >= row.end;
    if !whole {
        tracing::error!(file = %path.display(), length, expected = row.end, "an extent is damaged");
    }
    let length = if length > row.end { cut(disk, &path, row.end)? } else { length };
    let phase = if whole && length < extent_bytes { Phase::Open } else { Phase::Closed };
    let extent = Arc::new(Extent::new(handles.clone(), id, path, length, phase));
    if phase == Phase::Open {
        found.spare.push((extent.clone(), length));
    }
    found.map.insert(id, extent);
    found.bytes += length;
    Ok(())
}

fn cut(disk: &dyn Disk, path: &Path, end: u64) -> Result<u64> {
    let cut = || {
        let file = disk.open(path, Mode::Write)?;
        file.set_length(end)?;
        file.sync()
    };
    cut().map_err(|error| StoreError::io("cut the tail of", path, error))?;
    Ok(end)
}

/// Shorter files read as zeros: a crash may have come before the header reached the disk, and with it anything else.
fn read_header(disk: &dyn Disk, path: &Path) -> Result<[u8; FILE_HEADER_BYTES as usize]> {
    let read = || {
        let file = disk.open(path, Mode::Read)?;
        let mut header = [0; FILE_HEADER_BYTES as usize];
        let length = file.length()?.min(FILE_HEADER_BYTES) as usize;
        file.read_at(0, &mut header[..length])?;
        Ok(header)
    };
    read().map_err(|error| StoreError::io("read", path, error))
}

fn extent_id(file_name: &str) -> Option<u32> {
    let digits = file_name.strip_suffix(".ext")?;
    (digits.len() == 8).then(|| u32::from_str_radix(digits, 16).ok())?
}
