//! What the catalog knows of content in the cloud, as it changes: a commit there is heard of in one transaction, and what is needed no
//! more queues until the cloud has been told.

use super::books::{read_head, read_log};
use super::snapshot::Snapshot;
use super::tables::*;
use super::txn::Txn;
use crate::clock::Timestamp;
use crate::cloud::{Applied, At, CloudPlace, Described, Placed, Placement};
use crate::error::{Result, StoreError};
use crate::etag::ETag;
use crate::rows::*;
use crate::usage::Owner;
use greenroom_model::{BlobPath, ContainerPath};
use redb::ReadableTable;

impl Txn<'_> {
    /// The cloud is to be told that nothing here needs a place any more.
    pub fn release(&mut self, place: CloudPlace) -> Result<()> {
        self.dirty = true;
        self.releases.insert(place.key().as_slice(), [].as_slice())?;
        Ok(())
    }

    /// Hears of a commit in the cloud. One that it has heard of changes nothing.
    pub fn apply(&mut self, applied: Applied) -> Result<()> {
        let cloud = self.books.head.cloud.ok_or(StoreError::VolumeTaken)?;
        if applied.number <= cloud.applied {
            return Ok(());
        }
        if applied.number != cloud.applied + 1 {
            return Err(StoreError::ManifestLeftOut { applied: cloud.applied, found: applied.number });
        }
        self.dirty = true;
        for placement in applied.placements {
            let place = placement.place;
            if !self.place(placement)? {
                self.release(place)?;
            }
        }
        for (segment, recipes) in applied.released {
            self.forget_releases(segment, &*recipes)?;
        }
        self.books.head.cloud = Some(CloudRow { applied: applied.number, ..cloud });
        let adopted = self.books.log.take().and_then(|log| log.adopted);
        self.books.log = Some(LogRow { number: applied.number, last: Some(applied.hash), meant: Vec::new(), adopted });
        Ok(())
    }

    /// The volume, and where its log ends for all that is known here: others have written it.
    pub fn adopt_log(&mut self, volume: [u8; 16], number: u64, last: Option<[u8; 32]>) {
        self.dirty = true;
        self.books.head.cloud = Some(CloudRow { volume, applied: number });
        self.books.log = Some(LogRow { number, last, meant: Vec::new(), adopted: Some((number, self.now)) });
    }

    fn forget_releases(&mut self, segment: [u8; 32], holds: &(dyn Fn(u32) -> bool + Send)) -> Result<()> {
        let first = CloudPlace { segment, recipe: 0 }.key();
        let last = CloudPlace { segment, recipe: u32::MAX }.key();
        self.releases.retain_in(first.as_slice()..=last.as_slice(), |key, _| {
            CloudPlace::from_key(key).is_none_or(|place| !holds(place.recipe))
        })?;
        Ok(())
    }

    /// Whether the placement is that of something that is still here.
    fn place(&mut self, placement: Placement) -> Result<bool> {
        let Placement { of, etag, place, was, told } = placement;
        match of {
            None => Ok(false),
            Some(Described::Container(path)) => {
                let Some(mut row) = self.find_container(&path)? else { return Ok(false) };
                let Some(old) = fits(row.placed, row.props.etag, etag, was) else { return Ok(false) };
                row.placed = Some(Placed { place, told: told_of(row.placed, was, told) });
                self.release_old(old, place)?;
                self.containers.insert(container_key(&path).as_slice(), encode(&row).as_slice())?;
                Ok(true)
            }
            Some(Described::Blob(path, at)) => {
                let Some(container) = self.find_container(&path.container)? else { return Ok(false) };
                let key = blob_key(container.id, path.name.as_str());
                let Some(row) = self.blob(&key)? else { return Ok(false) };
                let at = match at {
                    None => Place::Base(key),
                    Some(time) => match row.snapshots {
                        Some(set) => Place::Snapshot(set, time),
                        None => return Ok(false),
                    },
                };
                let Some(mut row) = self.row(&at)?.filter(|row| row.origin().is_none()) else { return Ok(false) };
                let Some(old) = fits(row.placed(), row.props.etag, etag, was) else { return Ok(false) };
                let counted = row.usage();
                row.at = At::Cloud(Placed { place, told: told_of(row.placed(), was, told) });
                self.books.recount(&container.tenant, counted, row.usage());
                self.release_old(old, place)?;
                self.rewrite(&at, &row)?;
                Ok(true)
            }
        }
    }

    fn release_old(&mut self, old: Option<CloudPlace>, new: CloudPlace) -> Result<()> {
        match old.filter(|old| *old != new) {
            Some(old) => self.release(old),
            None => Ok(()),
        }
    }

    pub fn row(&self, at: &Place) -> Result<Option<BlobRow>> {
        match at {
            Place::Base(key) => self.blob(key),
            Place::Snapshot(set, time) => self.snapshot(*set, *time),
        }
    }

    /// Whose the row of a blob or of its snapshot is, while that is in its container still.
    pub fn owner(&self, path: &BlobPath, at: &Place) -> Result<Option<Owner>> {
        let Some(container) = self.find_container(&path.container)? else { return Ok(None) };
        let key = blob_key(container.id, path.name.as_str());
        let is_there = match at {
            Place::Base(base) => *base == key,
            Place::Snapshot(set, _) => self.blob(&key)?.is_some_and(|row| row.snapshots == Some(*set)),
        };
        Ok(is_there.then_some(container.tenant))
    }

    /// Lets go of the pieces of a row whose content is at a place in the cloud too. Returns the bytes freed.
    pub fn free_placed(&mut self, owner: &Owner, at: &Place, place: CloudPlace) -> Result<u64> {
        let Some(mut row) = self.row(at)?.filter(|row| row.place() == Some(place)) else { return Ok(0) };
        let was = row.usage();
        let pieces = std::mem::replace(&mut row.pieces, List::Here(Vec::new()));
        if pieces == row.pieces {
            return Ok(0);
        }
        self.books.recount(owner, was, row.usage());
        self.free(pieces)?;
        self.rewrite(at, &row)?;
        Ok(row.props.length)
    }
}

/// The place that it had before, where the placement is of what is there now.
fn fits(placed: Option<Placed>, is: ETag, etag: Option<ETag>, was: Option<CloudPlace>) -> Option<Option<CloudPlace>> {
    let old = placed.map(|placed| placed.place);
    match was {
        Some(_) => (old == was).then_some(old),
        None => (etag == Some(is)).then_some(old),
    }
}

/// What moved within the cloud is told as it was.
fn told_of(placed: Option<Placed>, was: Option<CloudPlace>, told: Option<u32>) -> Option<u32> {
    if was.is_some() { placed.and_then(|placed| placed.told) } else { told }
}

impl Snapshot {
    pub fn row(&self, at: &Place) -> Result<Option<BlobRow>> {
        match at {
            Place::Base(key) => self.blob(key),
            Place::Snapshot(set, time) => self.blob_snapshot(*set, *time),
        }
    }

    pub fn head(&self) -> Result<HeadRow> {
        read_head(&self.txn)
    }

    pub fn log(&self) -> Result<Option<LogRow>> {
        read_log(&self.txn, &self.head()?)
    }

    pub fn releases(&self, max: usize) -> Result<Vec<CloudPlace>> {
        let table = self.txn.open_table(RELEASES)?;
        let place = |key: &[u8]| CloudPlace::from_key(key).ok_or_else(|| corrupt("a key holds no place"));
        table.iter()?.take(max).map(|item| place(item?.0.value())).collect()
    }

    /// Every container, by its id.
    pub fn containers(&self, mut show: impl FnMut(ContainerPath, ContainerRow) -> Result<()>) -> Result<()> {
        for item in self.txn.open_table(CONTAINERS)?.iter()? {
            let (key, row) = item?;
            show(container_path(key.value())?, decode(row.value())?)?;
        }
        Ok(())
    }

    /// Every blob of a container, each after its snapshots.
    pub fn blobs_of(
        &self,
        container: u64,
        mut show: impl FnMut(&str, Option<(u64, Timestamp)>, BlobRow) -> Result<()>,
    ) -> Result<()> {
        let (begin, end) = (container.to_be_bytes(), (container + 1).to_be_bytes());
        let snapshots = self.txn.open_table(SNAPSHOTS)?;
        for item in self.txn.open_table(BLOBS)?.range(begin.as_slice()..end.as_slice())? {
            let (key, row) = item?;
            let name = blob_name(key.value())?;
            let row: BlobRow = decode(row.value())?;
            if let Some(set) = row.snapshots {
                for item in snapshots.range(snapshot_range(set))? {
                    let (key, row) = item?;
                    show(name, Some((set, Timestamp(key.value().1))), decode(row.value())?)?;
                }
            }
            show(name, None, row)?;
        }
        Ok(())
    }
}

fn container_path(key: &[u8]) -> Result<ContainerPath> {
    let bad = || corrupt("a key holds no container's name");
    let text = std::str::from_utf8(key).map_err(|_| bad())?;
    let (account, container) = text.split_once('\0').ok_or_else(bad)?;
    let account = greenroom_model::AccountName::new(account).map_err(|_| bad())?;
    Ok(ContainerPath { account, container: greenroom_model::ContainerName::new(container).map_err(|_| bad())? })
}
