//! Checks a data folder that no server uses, and mends what can be mended. A check reads every byte that is referred to, and changes
//! nothing but what any opening does: the engine rolls an unfinished transaction back.

mod repair;
mod report;
mod walk;

pub use repair::{Apply, Kept, Repair, repair};
pub use report::{Counts, Damage, Item, Miscount, Proof, RANGES_MAX, Report, TenantCount};

use crate::catalog::{self, Catalog};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::disk::{Disk, Guard, Mode};
use crate::error::{Result, StoreError};
use crate::extent::ExtentMap;
use std::path::Path;
use std::sync::Arc;
use walk::{Found, Walk};

/// How far a check has come, in content bytes; told about once for each blob.
pub type Progress<'p> = &'p mut dyn FnMut(Counts);

/// A folder that is open for a check. Fields in the order in which they must go.
struct Folder {
    catalog: Catalog,
    map: Arc<ExtentMap>,
    _lock: Guard,
}

/// Blocks. Err: `Locked`, `NotWritable`, `FormatUnknown`, `Corrupt` where the catalog itself cannot be read, `Io`, `Catalog`.
pub fn verify(disk: &Arc<dyn Disk>, dir: &Path, progress: Progress<'_>) -> Result<Report> {
    let folder = Folder::open(disk, dir)?;
    Ok(Walk::new(&folder)?.all(progress)?.report)
}

impl Folder {
    fn open(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Self> {
        let file = dir.join(catalog::FILE);
        // A folder without a catalog is not made into a store.
        drop(disk.open(&file, Mode::Read).map_err(|error| StoreError::io("open", &file, error))?);
        let lock = disk.lock(dir)?;
        let catalog = Catalog::open(disk.clone(), &file, &Config::default(), Timestamp::default())?;
        let volume = catalog.snapshot()?.books()?.head.volume;
        let map = Arc::new(crate::extent::look(disk, &dir.join(crate::store::EXTENTS_FOLDER), volume)?);
        Ok(Self { catalog, map, _lock: lock })
    }

    fn walk(&self, progress: Progress<'_>) -> Result<Found> {
        Walk::new(self)?.all(progress)
    }
}
