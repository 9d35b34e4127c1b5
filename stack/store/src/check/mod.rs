//! Checks a data folder that no server uses, and mends what can be mended. A check reads every byte that is referred to, and every page of
//! the catalog, and changes nothing at all.

mod folder;
mod guarded;
mod repair;
mod report;
mod walk;

pub use repair::{Apply, Kept, Repair, repair};
pub use report::{Counts, Damage, Item, Miscount, Progress, Proof, RANGES_MAX, Report, TenantCount};

use crate::catalog::{self, Catalog};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::disk::Disk;
use crate::error::Result;
use crate::overlay::Overlay;
use folder::{lock, look};
use std::path::Path;
use std::sync::Arc;

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
