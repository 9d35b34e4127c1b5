//! Drops what is provably lost, and nothing else: a blob whose content fails its checksum twice or is not there, a row that cannot be
//! read. Then it sets the counters right.

use super::folder::{Folder, lock, look};
use super::guarded::guarded;
use super::report::{Damage, Progress, Proof, Report};
use super::walk::{Found, Row};
use crate::catalog::tables::SNAPSHOTS;
use crate::catalog::{Catalog, Txn};
use crate::clock::Timestamp;
use crate::disk::Disk;
use crate::error::Result;
use crate::piece::Piece;
use crate::rows::{BlobRow, CommittedBlock, List, Place, StagedRow, decode, encode, snapshot_range};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// A name has no checksum of its own.
const NAMES_UNKNOWN: &str = "which of the names in that page are right cannot be told: put a backup of the folder in its place, or rebuild it \
                             from the cloud; what is kept of it has been read and is what its rows say";

/// What was done, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    pub dropped: Vec<Damage>,
    pub kept: Vec<Kept>,
    /// As it was found before.
    pub report: Report,
}

/// Damaged, and left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub damage: Damage,
    pub because: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apply {
    /// Only say what would be done.
    No,
    Yes,
}

/// Blocks. `announce` is told what will be dropped before anything is, and stops it by an error. Err: as `verify`.
pub fn repair(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    apply: Apply,
    progress: Progress<'_>,
    announce: &mut dyn FnMut(&Repair) -> Result<()>,
) -> Result<Repair> {
    let _lock = lock(disk, dir)?;
    let looked = look(disk, dir, progress, |folder, found| decide(&folder.catalog, &found))?;
    let (repair, rows) = looked.unwrap_or_else(|found| {
        let kept = found.report.damaged.iter().map(|damage| kept(damage, NAMES_UNKNOWN)).collect();
        (Repair { kept, report: found.report, ..Repair::default() }, Vec::new())
    });
    announce(&repair)?;
    if apply == Apply::Yes && !(rows.is_empty() && repair.report.miscounts.is_empty()) {
        guarded(|| carry_out(&Folder::open(disk, dir)?, &rows))?;
    }
    Ok(repair)
}

fn carry_out(folder: &Folder, rows: &[Row]) -> Result<()> {
    folder.catalog.change(|txn| rows.iter().try_for_each(|row| remove(txn, row)))?;
    // What the rows that are left refer to is counted anew, from what is on disk now.
    let Found { extents, held, rows, .. } = folder.walk(&mut |_| {})?;
    // Without a container's row nobody knows whose its blobs are.
    let held = if rows.contains(&Row::Container) { None } else { Some(held) };
    folder.catalog.change(|txn| {
        txn.dirty = true;
        txn.books.replace(extents, held);
        Ok(())
    })
}

fn kept(damage: &Damage, because: &str) -> Kept {
    Kept { damage: damage.clone(), because: because.to_owned() }
}

fn decide(catalog: &Catalog, found: &Found) -> Result<(Repair, Vec<Row>)> {
    let snapshot = catalog.snapshot()?;
    let sets = snapshot.txn.open_table(SNAPSHOTS)?;
    let mut repair = Repair { report: found.report.clone(), ..Repair::default() };
    let mut rows = Vec::new();
    for (damage, row) in found.report.damaged.iter().zip(&found.rows) {
        let because = match (damage.proof, row) {
            (_, Row::Catalog) => Some(NAMES_UNKNOWN),
            (Proof::Unread, _) => Some("the disk did not answer, which proves nothing: try again on a sound disk"),
            (Proof::Lost, Row::Container) => {
                Some("what lies in it cannot be told from what does not: restore the catalog")
            }
            (Proof::Lost, Row::Blob(key)) => match snapshot.blob(key) {
                Ok(Some(blob)) => match blob.snapshots {
                    Some(set) if sets.range(snapshot_range(set))?.next().is_some() => {
                        Some("it has snapshots, which would go with it: write over it, or copy a snapshot to it")
                    }
                    Some(_) | None => None,
                },
                Ok(None) | Err(_) => None,
            },
            (Proof::Lost, Row::Snapshot(..) | Row::Staging(_) | Row::Staged(..)) => None,
        };
        match because {
            Some(because) => repair.kept.push(kept(damage, because)),
            None => {
                repair.dropped.push(damage.clone());
                rows.push(row.clone());
            }
        }
    }
    Ok((repair, rows))
}

/// Removes one row. Its content is freed by the recount that follows.
fn remove(txn: &mut Txn<'_>, row: &Row) -> Result<()> {
    txn.dirty = true;
    match row {
        Row::Catalog | Row::Container => {}
        Row::Blob(key) => {
            if let Ok(Some(blob)) = txn.blob(key) {
                forget(txn, &blob)?;
                remove_lists(txn, &blob.pieces, &blob.blocks)?;
            }
            txn.drop_row(key)?;
        }
        Row::Staging(key) => {
            txn.stagings.remove(key.as_slice())?;
        }
        Row::Snapshot(set, time, base) => {
            if let Ok(Some(blob)) = txn.snapshot(*set, *time) {
                forget(txn, &blob)?;
                remove_lists(txn, &blob.pieces, &blob.blocks)?;
            }
            txn.remove_snapshot(*set, *time)?;
            if txn.last_snapshot(*set)?.is_none()
                && let Some(key) = base
                && let Ok(Some(mut blob)) = txn.blob(key)
            {
                blob.snapshots = None;
                txn.rewrite(&Place::Base(key.clone()), &blob)?;
            }
        }
        Row::Staged(staging, id, blob) => {
            let row = txn.staged.remove((*staging, id.as_slice()))?;
            let row = row.and_then(|row| decode::<StagedRow>(row.value()).ok());
            let length = row.as_ref().map_or(0, |row| row.length);
            if let Some(row) = row {
                remove_lists(txn, &row.pieces, &List::Here(Vec::new()))?;
            }
            if let Some(key) = blob
                && let Ok(Some(mut staging)) = txn.staging(key)
            {
                staging.blocks = staging.blocks.saturating_sub(1);
                staging.bytes = staging.bytes.saturating_sub(length);
                txn.stagings.insert(key.as_slice(), encode(&staging).as_slice())?;
            }
        }
    }
    Ok(())
}

/// What the cloud keeps of a blob that is dropped is released like that of one that is deleted.
fn forget(txn: &mut Txn<'_>, blob: &BlobRow) -> Result<()> {
    if let Some(place) = blob.place() {
        txn.release(place)?;
    }
    Ok(())
}

fn remove_lists(txn: &mut Txn<'_>, pieces: &List<Piece>, blocks: &List<CommittedBlock>) -> Result<()> {
    if let List::Rows(list) = pieces {
        txn.pieces.retain_in((*list, 0)..=(*list, u64::MAX), |_, _| false)?;
    }
    if let List::Rows(list) = blocks {
        txn.blocks.retain_in((*list, 0)..=(*list, u64::MAX), |_, _| false)?;
    }
    Ok(())
}

impl Catalog {
    /// One transaction of its own, for a folder that no store has open.
    fn change(&self, change: impl FnOnce(&mut Txn<'_>) -> Result<()>) -> Result<()> {
        let mut books = self.snapshot()?.books()?;
        let write = self.begin_write()?;
        let mut txn = Txn::begin(&write, &mut books, Timestamp::default())?;
        change(&mut txn)?;
        drop(txn);
        books.write(&write)?;
        write.commit()?;
        Ok(())
    }
}
