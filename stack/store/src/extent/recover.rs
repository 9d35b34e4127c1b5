//! Brings the folder of extents in line with the catalog when a store opens.
//!
//! The catalog knows where the last acknowledged byte of each extent lies. What a crash left behind it, a torn frame or a whole body
//! whose operation never ended, is cut off; what the catalog has lost no sight of is never touched.

use super::{Extent, ExtentMap, ExtentRow, FILE_HEADER_BYTES, FILE_MAGIC, Phase, file_header, file_name, sync_dir};
use crate::error::{Result, StoreError};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug, Default)]
pub struct Found {
    pub map: ExtentMap,
    pub spare: Vec<(Arc<Extent>, u64)>,
    pub bytes: u64,
}

pub fn recover(dir: &Path, volume: u64, extent_bytes: u64, known: &mut BTreeMap<u32, ExtentRow>) -> Result<Found> {
    let io = |error| StoreError::io("read", dir, error);
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        match extent_id(&entry.file_name().to_string_lossy()) {
            Some(id) => drop(files.insert(id, entry.metadata().map_err(io)?.len())),
            None => tracing::warn!(file = %entry.path().display(), "a file that is no extent lies among them"),
        }
    }
    let mut found = Found::default();
    for (id, length) in files {
        let row = known.get(&id).copied().unwrap_or_default();
        recover_file(dir, volume, extent_bytes, (id, length), row, &mut found)?;
    }
    known.retain(|id, row| {
        let present = found.map.contains_key(id);
        if !present && row.live > 0 {
            tracing::error!(extent = id, bytes = row.live, "an extent is missing: its content cannot be read");
        }
        present || row.live > 0
    });
    sync_dir(dir).map_err(io)?;
    Ok(found)
}

fn recover_file(
    dir: &Path,
    volume: u64,
    extent_bytes: u64,
    (id, length): (u32, u64),
    row: ExtentRow,
    found: &mut Found,
) -> Result<()> {
    let path = dir.join(file_name(id));
    let header = read_header(&path)?;
    if header[..8] == FILE_MAGIC && header[8..16] != volume.to_le_bytes() {
        let what = "extent belongs to another catalog".to_owned();
        return Err(StoreError::Corrupt { file: path, offset: 8, what });
    }
    if row.live == 0 {
        return std::fs::remove_file(&path).map_err(|error| StoreError::io("remove", &path, error));
    }
    let whole = header == file_header(volume, id) && length >= row.end;
    if !whole {
        tracing::error!(file = %path.display(), length, expected = row.end, "an extent is damaged");
    }
    let length = if length > row.end { cut(&path, row.end)? } else { length };
    let phase = if whole && length < extent_bytes { Phase::Open } else { Phase::Closed };
    let extent = Arc::new(Extent::new(id, path, phase));
    if phase == Phase::Open {
        found.spare.push((extent.clone(), length));
    }
    found.map.insert(id, extent);
    found.bytes += length;
    Ok(())
}

fn cut(path: &Path, end: u64) -> Result<u64> {
    let cut = || {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(end)?;
        file.sync_all()
    };
    cut().map_err(|error| StoreError::io("cut the tail of", path, error))?;
    Ok(end)
}

/// Shorter files read as zeros: a crash may have come before the header reached the disk, and with it anything else.
fn read_header(path: &Path) -> Result<[u8; FILE_HEADER_BYTES as usize]> {
    let mut header = Vec::new();
    let file = File::open(path).map_err(|error| StoreError::io("open", path, error))?;
    file.take(FILE_HEADER_BYTES).read_to_end(&mut header).map_err(|error| StoreError::io("read", path, error))?;
    header.resize(FILE_HEADER_BYTES as usize, 0);
    Ok(header.try_into().expect("resized to its length"))
}

fn extent_id(file_name: &str) -> Option<u32> {
    let digits = file_name.strip_suffix(".ext")?;
    (digits.len() == 8).then(|| u32::from_str_radix(digits, 16).ok())?
}
