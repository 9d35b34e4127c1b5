//! Goes through the catalog, row by row, and reads all that it refers to.

use super::report::{Counts, Damage, Item, Miscount, Progress, Proof, RANGES_MAX, Report, TenantCount};
use crate::catalog::Snapshot;
use crate::catalog::books::Books;
use crate::catalog::holders::Holder;
use crate::catalog::tables::*;
use crate::clock::Timestamp;
use crate::crc;
use crate::error::{Result, StoreError};
use crate::extent::{ExtentMap, Keys, Reader, Span};
use crate::piece;
use crate::piece::Piece;
use crate::props::{BlobKind, BlobProps};
use crate::rows::*;
use crate::usage::{self, Held, TenantUsage};
use redb::ReadableTable;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// All that a check has found out.
#[derive(Debug, Default)]
pub struct Found {
    pub report: Report,
    /// The rows behind `report.damaged`, in the same order.
    pub rows: Vec<Row>,
    /// What the counters should say.
    pub extents: BTreeMap<u32, ExtentRow>,
    pub held: Held,
}

/// Where a damaged row lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    Catalog,
    Container,
    Blob(Vec<u8>),
    /// With the blob that it is a snapshot of.
    Snapshot(u64, Timestamp, Option<Vec<u8>>),
    /// What is said of all the blocks that are staged for a blob.
    Staging(Vec<u8>),
    Staged(u64, Vec<u8>, Option<Vec<u8>>),
}

pub struct Walk<'f> {
    map: &'f Arc<ExtentMap>,
    snapshot: Snapshot,
    reader: Reader,
    found: Found,
    /// Names and owners of what rows are keyed by.
    containers: BTreeMap<u64, Owner>,
    sets: BTreeMap<u64, (Option<Vec<u8>>, Owner)>,
    stagings: BTreeMap<u64, (Vec<u8>, Owner)>,
}

/// What is known of content as a whole.
#[derive(Debug, Clone, Copy)]
enum Whole {
    Checksum(u64),
    Pages { runs: u32 },
}

impl Whole {
    fn of(props: &BlobProps) -> Self {
        match props.kind {
            BlobKind::Block => Whole::Checksum(props.crc64),
            BlobKind::Page { runs, .. } => Whole::Pages { runs },
        }
    }
}

#[derive(Debug, Clone)]
struct Owner {
    path: String,
    /// Unknown where the container's row is lost.
    tenant: Option<usage::Owner>,
}

impl<'f> Walk<'f> {
    pub fn new(snapshot: Snapshot, map: &'f Arc<ExtentMap>) -> Self {
        Self {
            map,
            snapshot,
            // Without keys: what is sealed is checked as it lies there.
            reader: Reader::new(map.clone(), Keys::default()),
            found: Found::default(),
            containers: BTreeMap::new(),
            sets: BTreeMap::new(),
            stagings: BTreeMap::new(),
        }
    }

    pub fn all(mut self, progress: Progress<'_>) -> Result<Found> {
        self.containers()?;
        self.blobs(progress)?;
        self.snapshots(progress)?;
        self.staged(progress)?;
        self.content()?;
        self.books()?;
        Ok(self.found)
    }

    fn counts(&mut self) -> &mut Counts {
        &mut self.found.report.counts
    }

    fn containers(&mut self) -> Result<()> {
        for item in self.snapshot.txn.open_table(CONTAINERS)?.iter()? {
            let (key, row) = item?;
            let path = String::from_utf8_lossy(key.value()).replace('\0', "/");
            match decode::<ContainerRow>(row.value()) {
                Ok(row) => {
                    self.counts().containers += 1;
                    self.found.held.add(&row.tenant, row.usage());
                    self.containers.insert(row.id, Owner { path, tenant: Some(row.tenant) });
                }
                Err(error) => self.lost(Row::Container, Item::Container { row: path }, None, &error),
            }
        }
        for item in self.snapshot.txn.open_table(GARBAGE)?.iter()? {
            let owner = |tenant| Owner { path: "(deleted)".to_owned(), tenant: Some(tenant) };
            match decode(item?.1.value()) {
                Ok(GarbageRow::Container { id, tenant }) => drop(self.containers.insert(id, owner(tenant))),
                Ok(GarbageRow::Snapshots { set, tenant }) => drop(self.sets.insert(set, (None, owner(tenant)))),
                Ok(
                    GarbageRow::Staging(_) | GarbageRow::Pieces(_) | GarbageRow::BlockList(_) | GarbageRow::Draft(_),
                ) => {}
                // It only delays that room becomes free.
                Err(error) => tracing::error!(%error, "a row that says what is to be swept cannot be read"),
            }
        }
        Ok(())
    }

    /// The owner of what lies under a blob's key, with the blob's path.
    fn owner(&self, key: &[u8]) -> Owner {
        let id = key.first_chunk().map(|id| u64::from_be_bytes(*id)).unwrap_or_default();
        let name = String::from_utf8_lossy(key.get(size_of::<u64>()..).unwrap_or_default());
        let unknown = || Owner { path: format!("(container {id})"), tenant: None };
        let owner = self.containers.get(&id).cloned().unwrap_or_else(unknown);
        Owner { path: format!("{}/{name}", owner.path), ..owner }
    }

    fn blobs(&mut self, progress: Progress<'_>) -> Result<()> {
        for item in self.snapshot.txn.open_table(BLOBS)?.iter()? {
            let (key, row) = item?;
            let key = key.value().to_vec();
            let owner = self.owner(&key);
            let what = Item::Blob { path: owner.path.clone() };
            match decode::<BlobRow>(row.value()) {
                Ok(row) => {
                    if let Some(set) = row.snapshots {
                        self.sets.insert(set, (Some(key.clone()), owner.clone()));
                    }
                    self.counts().blobs += 1;
                    self.count(owner.tenant.as_ref(), &row);
                    if row.on_flash().is_ok() {
                        self.read(Row::Blob(key), what, &row.pieces, row.props.length, Whole::of(&row.props));
                    } else {
                        self.counts().in_cloud += 1;
                    }
                }
                Err(error) => self.lost(Row::Blob(key), what, None, &error),
            }
            progress(self.found.report.counts);
        }
        Ok(())
    }

    fn snapshots(&mut self, progress: Progress<'_>) -> Result<()> {
        for item in self.snapshot.txn.open_table(SNAPSHOTS)?.iter()? {
            let (key, row) = item?;
            let (set, time) = (key.value().0, Timestamp(key.value().1));
            let (base, owner) = match self.sets.get(&set).cloned() {
                Some((base, owner)) => (base, Some(owner)),
                None => (None, None),
            };
            let path = owner.as_ref().map_or_else(|| format!("(set {set})"), |owner| owner.path.clone());
            let (place, what) = (Row::Snapshot(set, time, base), Item::Snapshot { path, time });
            match decode::<BlobRow>(row.value()) {
                Ok(row) => {
                    self.counts().snapshots += 1;
                    if let Some(owner) = &owner {
                        self.count(owner.tenant.as_ref(), &row);
                    }
                    if row.on_flash().is_ok() {
                        self.read(place, what, &row.pieces, row.props.length, Whole::of(&row.props));
                    } else {
                        self.counts().in_cloud += 1;
                    }
                }
                Err(error) => self.lost(place, what, None, &error),
            }
            progress(self.found.report.counts);
        }
        Ok(())
    }

    fn staged(&mut self, progress: Progress<'_>) -> Result<()> {
        for item in self.snapshot.txn.open_table(STAGINGS)?.iter()? {
            let (key, row) = item?;
            let owner = self.owner(key.value());
            match decode::<StagingRow>(row.value()) {
                Ok(row) => {
                    self.found.held.add(&row.tenant, row.usage());
                    self.stagings.insert(row.id, (key.value().to_vec(), owner));
                }
                Err(error) => {
                    let what = Item::StagedBlock { path: owner.path, id: "(all)".to_owned() };
                    self.lost(Row::Staging(key.value().to_vec()), what, None, &error);
                }
            }
        }
        for item in self.snapshot.txn.open_table(STAGED)?.iter()? {
            let (key, row) = item?;
            let (staging, id) = (key.value().0, key.value().1.to_vec());
            // What was discarded waits for the sweep, and is nobody's loss.
            let Some((blob, owner)) = self.stagings.get(&staging).cloned() else { continue };
            let what = Item::StagedBlock { path: owner.path, id: String::from_utf8_lossy(&id).into_owned() };
            let place = Row::Staged(staging, id, Some(blob));
            match decode::<StagedRow>(row.value()) {
                Ok(row) => {
                    self.counts().staged_blocks += 1;
                    self.read(place, what, &row.pieces, row.length, Whole::Checksum(row.crc64));
                }
                Err(error) => self.lost(place, what, None, &error),
            }
            progress(self.found.report.counts);
        }
        Ok(())
    }

    fn count(&mut self, owner: Option<&usage::Owner>, row: &BlobRow) {
        let Some(owner) = owner else { return };
        self.found.held.add(owner, row.usage());
    }

    /// Reads content, twice where it is wrong the first time.
    fn read(&mut self, row: Row, what: Item, pieces: &List<Piece>, length: u64, whole: Whole) {
        let mut check = || match (whole, pieces) {
            (Whole::Checksum(crc64), _) => self.check(pieces, length, crc64),
            (Whole::Pages { runs }, List::Rows(list)) => {
                self.check_pages(*list, length, runs).err().map(|error| Bad::whole(&error))
            }
            (Whole::Pages { .. }, List::Here(_)) => Some(Bad::whole(&corrupt("a page blob has no list of pages"))),
        };
        let bad = check().and_then(|_| check());
        self.counts().bytes += length;
        if let Some(bad) = bad {
            self.report(row, what, Some(length), bad);
        }
    }

    /// What is wrong with content, all of it.
    fn check(&mut self, pieces: &List<Piece>, length: u64, crc64: u64) -> Option<Bad> {
        let found = if length == 0 { Ok((0, Vec::new())) } else { self.snapshot.pieces(pieces, &(0..length)) };
        let pieces = match found {
            Ok((_, pieces)) => pieces,
            Err(error) => return Some(Bad::whole(&error)),
        };
        if pieces.iter().map(|piece| u64::from(piece.length)).sum::<u64>() != length {
            return Some(Bad::whole(&corrupt("its pieces do not add up to its length")));
        }
        let (mut digest, mut bad, mut at, mut sealed) = (crc::digest(), None::<Bad>, 0, 0);
        for piece in pieces {
            let mut span = Span::new(piece, 0, u64::from(piece.length));
            while !span.is_empty() {
                let mut frame = span.split_frame();
                let length = frame.length();
                match self.reader.read(&mut frame) {
                    Ok(slices) => slices.iter().for_each(|slice| digest.update(slice)),
                    Err(StoreError::KeyLocked(_)) => sealed += length,
                    Err(error) => bad.get_or_insert_with(|| Bad::whole(&error)).add(&error, at..at + length),
                }
                at += length;
            }
        }
        self.counts().sealed_bytes += sealed;
        if bad.is_none() && sealed == 0 && digest.finalize() != crc64 {
            return Some(Bad::whole(&corrupt("its content is not what was written under its name")));
        }
        bad
    }

    /// Pages have no checksum as a whole: each frame has its own.
    fn check_pages(&mut self, list: u64, length: u64, runs: u32) -> Result<()> {
        let (mut end, mut found, mut sealed) = (0, 0, 0);
        for (begin, pieces) in self.snapshot.page_runs(list, &(0..u64::MAX))? {
            if begin < end {
                return Err(corrupt("two runs of its pages overlap"));
            }
            (end, found) = (begin, found + 1);
            for piece in pieces {
                let mut span = Span::new(piece, 0, u64::from(piece.length));
                while !span.is_empty() {
                    let mut frame = span.split_frame();
                    let length = frame.length();
                    match self.reader.read(&mut frame) {
                        Ok(_) => {}
                        Err(StoreError::KeyLocked(_)) => sealed += length,
                        Err(error) => return Err(error),
                    }
                }
                end += u64::from(piece.length);
            }
        }
        self.counts().sealed_bytes += sealed;
        if end > length || found != runs {
            return Err(corrupt("its pages are not as many as were written"));
        }
        Ok(())
    }

    fn lost(&mut self, row: Row, what: Item, length: Option<u64>, error: &StoreError) {
        self.report(row, what, length, Bad::whole(error));
    }

    fn report(&mut self, row: Row, what: Item, length: Option<u64>, bad: Bad) {
        let Bad { why, proof, ranges } = bad;
        self.found.report.damaged.push(Damage { what, length, ranges, why, proof });
        self.found.rows.push(row);
    }

    /// Adds up what all rows refer to.
    fn content(&mut self) -> Result<()> {
        let mut runs: BTreeMap<u32, BTreeSet<(u32, u32)>> = BTreeMap::new();
        let extents = &mut self.found.extents;
        self.snapshot.holders(|_: Holder, pieces| {
            // A row that cannot be read is in the report already.
            for piece in pieces.unwrap_or_default() {
                let row = extents.entry(piece.extent).or_default();
                row.live += piece.disk_bytes();
                row.end = row.end.max(u64::from(piece.end()));
                runs.entry(piece.extent).or_default().insert((piece.offset, piece.end()));
            }
            Ok(())
        })?;
        let counts = &mut self.found.report.counts;
        for runs in runs.values() {
            counts.live_bytes += piece::join(runs).iter().map(|(from, to)| u64::from(to - from)).sum::<u64>();
        }
        for (id, extent) in self.map.iter() {
            counts.extents += 1;
            counts.extent_bytes += extent.length();
            if !runs.contains_key(id) {
                self.found.report.idle_extents.push(*id);
            }
        }
        Ok(())
    }

    /// Compares the counters with what was found.
    fn books(&mut self) -> Result<()> {
        let Books { extents, held: Held { tenants, containers, .. }, .. } = self.snapshot.books()?;
        let found = &mut self.found;
        let mut compare = |what: String, counted: u64, is: u64| {
            if counted != is {
                found.report.miscounts.push(Miscount { what, counted, found: is });
            }
        };
        for id in extents.keys().chain(found.extents.keys()).collect::<BTreeSet<_>>() {
            let counted = extents.get(id).map_or(0, |row| row.live);
            compare(format!("live bytes of extent {id:08x}"), counted, found.extents.get(id).map_or(0, |row| row.live));
        }
        let mut books = Vec::new();
        for tenant in tenants.keys().chain(found.held.tenants.keys()).collect::<BTreeSet<_>>() {
            let counted = tenants.get(tenant).copied().unwrap_or_default();
            let is = found.held.tenants.get(tenant).copied().unwrap_or_default();
            compare(format!("blobs of tenant {tenant}"), counted.blobs, is.blobs);
            compare(format!("bytes of tenant {tenant}"), counted.bytes, is.bytes);
            compare(format!("uncommitted blocks of tenant {tenant}"), counted.staged_blocks, is.staged_blocks);
            compare(format!("uncommitted bytes of tenant {tenant}"), counted.staged_bytes, is.staged_bytes);
            compare(format!("blobs in the cloud of tenant {tenant}"), counted.cloud_blobs, is.cloud_blobs);
            compare(format!("bytes in the cloud of tenant {tenant}"), counted.cloud_bytes, is.cloud_bytes);
            compare(
                format!("bytes of what is kept besides content of tenant {tenant}"),
                counted.record_bytes,
                is.record_bytes,
            );
            let only = (counted.cloud_only_bytes, is.cloud_only_bytes);
            compare(format!("bytes only in the cloud of tenant {tenant}"), only.0, only.1);
            books.push(TenantCount { tenant: tenant.clone(), counted, found: is });
        }
        for id in containers.keys().chain(found.held.containers.keys()).collect::<BTreeSet<_>>() {
            let total = |held: Option<&(usage::Owner, TenantUsage)>| {
                held.map_or((0, 0), |(_, held)| (held.blobs, held.counted_bytes()))
            };
            let (counted, is) = (total(containers.get(id)), total(found.held.containers.get(id)));
            compare(format!("blobs of container number {id}"), counted.0, is.0);
            compare(format!("bytes of container number {id}"), counted.1, is.1);
        }
        found.report.tenants = books;
        Ok(())
    }
}

/// What is wrong with one thing.
struct Bad {
    why: String,
    proof: Proof,
    ranges: Vec<Range<u64>>,
}

impl Bad {
    /// Nobody knows which part of it.
    fn whole(error: &StoreError) -> Self {
        Self { why: error.to_string(), proof: proof(error), ranges: Vec::new() }
    }

    fn add(&mut self, error: &StoreError, range: Range<u64>) {
        // As long as the disk has not answered everywhere, nothing is proven.
        if proof(error) == Proof::Unread && self.proof == Proof::Lost {
            (self.why, self.proof) = (error.to_string(), Proof::Unread);
        }
        let full = self.ranges.len() == RANGES_MAX;
        match self.ranges.last_mut() {
            Some(last) if full || last.end == range.start => last.end = range.end,
            Some(_) | None => self.ranges.push(range),
        }
    }
}

fn proof(error: &StoreError) -> Proof {
    match error {
        StoreError::Corrupt { .. } => Proof::Lost,
        _ => Proof::Unread,
    }
}
