//! Checks a data folder that no server uses, and mends what can be mended. A check reads every byte that is referred to, and every page of
//! the catalog, and changes nothing at all.

mod guarded;
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
use crate::extent::{self, ExtentMap};
use crate::overlay::Overlay;
use guarded::guarded;
use std::path::Path;
use std::sync::Arc;
use walk::{Found, Row, Walk};

/// How far a check has come, in content bytes; told about once for each blob.
pub type Progress<'p> = &'p mut dyn FnMut(Counts);

/// Blocks. Err: `Locked`, `NotWritable`, `FormatOld`, `FormatUnknown`, `GoingBack`, `Corrupt` where the catalog is none, `Io`, `Catalog`.
pub fn verify(disk: &Arc<dyn Disk>, dir: &Path, progress: Progress<'_>) -> Result<Report> {
    let _lock = lock(disk, dir)?;
    Ok(look(disk, dir, progress, |_, found| Ok(found.report))?.unwrap_or_else(|found| found.report))
}

/// What the catalog has noted of the audit log. Changes nothing. Err: as `verify`.
pub fn noted_audit(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Option<(u64, String)>> {
    let _lock = lock(disk, dir)?;
    let disk: Arc<dyn Disk> = Arc::new(Overlay(disk.clone()));
    let catalog = Catalog::open(disk, &dir.join(catalog::FILE), &Config::default(), Timestamp::default())?;
    Ok(catalog.snapshot()?.audit()?.map(|row| (row.seq, row.hash)))
}

/// A folder without a catalog is not made into a store.
fn lock(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Guard> {
    let file = dir.join(catalog::FILE);
    drop(disk.open(&file, Mode::Read).map_err(|error| StoreError::io("open", &file, error))?);
    disk.lock(dir)
}

/// Finds out all about a folder without changing it, and then does something with that and the folder. Ok(Err): nothing could be done,
/// since the catalog cannot be read: what was found is that.
fn look<T>(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    progress: Progress<'_>,
    then: impl FnOnce(&Folder, Found) -> Result<T>,
) -> Result<Result<T, Box<Found>>> {
    let disk: Arc<dyn Disk> = Arc::new(Overlay(disk.clone()));
    let file = dir.join(catalog::FILE);
    let damage = match guarded(|| catalog::check_pages(&*disk, &file, &Config::default())) {
        Ok(()) => None,
        Err(StoreError::Corrupt { what, .. }) => Some(pages_damaged(what)),
        Err(error) => return Err(error),
    };
    let mut folder = None;
    let known = damage.clone();
    let done = guarded(|| {
        let folder = folder.insert(Folder::open(&disk, dir)?);
        let mut found = folder.walk(progress)?;
        if let Some(damage) = known {
            found.report.damaged.push(damage);
            found.rows.push(Row::Catalog);
        }
        then(folder, found)
    });
    // The engine may not be able to close it either; what it writes goes nowhere.
    let closed = guarded(|| {
        drop(folder);
        Ok(())
    });
    match (done, damage) {
        (Ok(done), Some(_)) => Ok(Ok(done)),
        (Ok(done), None) => closed.map(|()| Ok(done)),
        (Err(error), None) => Err(error),
        (Err(error), Some(mut damage)) => {
            damage.why = format!("{}; not all of it can be read: {error}", damage.why);
            let mut found = Found::default();
            found.report.damaged.push(damage);
            found.rows.push(Row::Catalog);
            Ok(Err(Box::new(found)))
        }
    }
}

fn pages_damaged(what: String) -> Damage {
    let why = format!("a page of it is not what was written, and with it a name or a key may not be: {what}");
    Damage { what: Item::Catalog, length: None, ranges: Vec::new(), why, proof: Proof::Lost }
}

/// A folder that is open for a check, and locked by its opener.
struct Folder {
    catalog: Catalog,
    map: Arc<ExtentMap>,
}

impl Folder {
    fn open(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Self> {
        let catalog = Catalog::open(disk.clone(), &dir.join(catalog::FILE), &Config::default(), Timestamp::default())?;
        let volume = catalog.snapshot()?.books()?.head.volume;
        let map = Arc::new(extent::look(disk, &dir.join(extent::FOLDER), volume)?);
        Ok(Self { catalog, map })
    }

    fn walk(&self, progress: Progress<'_>) -> Result<Found> {
        Walk::new(self)?.all(progress)
    }
}
