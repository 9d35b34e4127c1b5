//! A folder as a check has it: locked, and looked at through a disk that keeps every change to itself.

use super::guarded::guarded;
use super::report::{Damage, Item, Progress, Proof};
use super::walk::{Found, Row, Walk};
use crate::catalog::{self, Catalog};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::disk::{Disk, Guard, Mode};
use crate::error::{Result, StoreError};
use crate::extent::{self, ExtentMap};
use crate::overlay::Overlay;
use std::path::Path;
use std::sync::Arc;

/// A folder without a catalog is not made into a store.
pub fn lock(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Guard> {
    let file = dir.join(catalog::FILE);
    drop(disk.open(&file, Mode::Read).map_err(|error| StoreError::io("open", &file, error))?);
    disk.lock(dir)
}

/// Finds out all about a folder without changing it, and then does something with that and the folder. Ok(Err): nothing could be done,
/// since the catalog cannot be read: what was found is that.
pub fn look<T>(
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
pub struct Folder {
    pub catalog: Catalog,
    map: Arc<ExtentMap>,
}

impl Folder {
    pub fn open(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Self> {
        let catalog = Catalog::open(disk.clone(), &dir.join(catalog::FILE), &Config::default(), Timestamp::default())?;
        let volume = catalog.snapshot()?.books()?.head.volume;
        let map = Arc::new(extent::look(disk, &dir.join(extent::FOLDER), volume)?);
        Ok(Self { catalog, map })
    }

    pub fn walk(&self, progress: Progress<'_>) -> Result<Found> {
        Walk::new(self.catalog.snapshot()?, &self.map).all(progress)
    }
}
