//! Takes in what another store has written to the volume, before this one goes on with it: docs/design/who-may-write-a-volume.md. Nothing
//! goes but what a client has had go, here or there.

use crate::catalog::{News, Txn};
use crate::clock::Timestamp;
use crate::cloud::{At, CloudPlace, Placed};
use crate::error::{Result, StoreError};
use crate::lease::Lease;
use crate::props::{BlobKind, BlobProps, ContainerProps};
use crate::rows::{BlobRow, ContainerRow, List, Place, blob_key, decode, encode};
use crate::store::Store;
use crate::usage::{Owner, TenantUsage};
use greenroom_model::{BlobPath, ContainerPath};
use redb::ReadableTable as _;
use std::sync::Arc;
use std::time::Duration;

/// Rows that one transaction looks at: what a write may have to wait for it.
const ROWS_A_TRANSACTION: usize = 500;
/// How long what clients have deleted may take to be swept away, before it is known whether that is what was found.
const SWEEP_WAIT_MAX: Duration = Duration::from_secs(60);
const SWEEP_LOOK_EVERY: Duration = Duration::from_millis(20);

/// A recipe of the volume that counts.
#[derive(Debug, Clone)]
pub struct Found {
    pub kept: Kept,
    pub place: CloudPlace,
    /// It was moved from there, and has not changed.
    pub was: Option<CloudPlace>,
}

/// What it is of. Its container and its account are there.
#[derive(Debug, Clone)]
pub enum Kept {
    Blob { path: BlobPath, snapshot: Option<Timestamp>, props: Box<BlobProps> },
    Container { path: ContainerPath, props: ContainerProps, origin: Origin },
}

/// Where a container comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Clients of this store know it.
    Here,
    /// It was made to adopt what is in it.
    Adopted,
}

/// What became of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adopted {
    pub added: u64,
    /// A client of the other store has overwritten them.
    pub replaced: u64,
    /// They were never offloaded, and are snapshots now.
    pub kept: u64,
    /// A client of the other store has deleted them.
    pub dropped: u64,
    /// Snapshots whose blob only the other store has: the volume keeps them, and nothing here shows them.
    pub left: u64,
}

impl std::ops::AddAssign for Adopted {
    fn add_assign(&mut self, Adopted { added, replaced, kept, dropped, left }: Self) {
        self.added += added;
        self.replaced += replaced;
        self.kept += kept;
        self.dropped += dropped;
        self.left += left;
    }
}

/// Whether the volume's log counts a recipe.
pub type Counts = Arc<dyn Fn(CloudPlace) -> bool + Send + Sync>;

/// What one step of a transaction has come to.
enum Step<T> {
    Done(T),
    /// Clients have deleted what is still being swept: whether a place is needed is known when that is done.
    Sweeping,
}

impl Store {
    /// The newest recipe of each name, a snapshot's after its blob's. What is adopted already changes nothing.
    pub async fn adopt(&self, found: Vec<Found>) -> Result<Adopted> {
        let mut adopted = Adopted::default();
        for batch in found.chunks(ROWS_A_TRANSACTION) {
            let batch: Arc<[Found]> = batch.into();
            adopted += self
                .swept(move |txn| {
                    let mut adopted = Adopted::default();
                    for found in batch.iter() {
                        adopt(txn, found, &mut adopted)?;
                    }
                    Ok(adopted)
                })
                .await?;
        }
        Ok(adopted)
    }

    /// What another store has moved within the volume, while this one only reads it: rows of the same content learn the place.
    pub async fn follow(&self, found: Vec<Found>) -> Result<()> {
        for batch in found.chunks(ROWS_A_TRANSACTION) {
            let batch: Arc<[Found]> = batch.into();
            self.write(move |txn| batch.iter().try_for_each(|found| follow(txn, found))).await?;
        }
        Ok(())
    }

    /// Recipes whose names have newer ones: the cloud is to be told that nothing needs them.
    pub async fn outdated(&self, places: Vec<CloudPlace>) -> Result<()> {
        self.write(move |txn| places.into_iter().try_for_each(|place| txn.release(place))).await
    }

    /// What has a place that does not count goes; then the log is known up to `number`, whose hash is `last`.
    /// Err: some of it may have gone, and what is known of the log is as before. `VolumeTaken` where the store belongs to none.
    pub async fn end_adoption(&self, number: u64, last: Option<[u8; 32]>, counts: Counts) -> Result<Adopted> {
        let mut adopted = Adopted::default();
        let gone = {
            let counts = counts.clone();
            self.read_many(move |snapshot| {
                let mut gone = Vec::new();
                let mut containers = Vec::new();
                snapshot.containers(|path, row| {
                    containers.push((path, row.id));
                    Ok(())
                })?;
                for (path, id) in containers {
                    snapshot.blobs_of(id, |name, snapshot, row| {
                        if row.place().is_some_and(|place| !counts(place)) {
                            gone.push((path.clone(), name.to_owned(), snapshot));
                        }
                        Ok(())
                    })?;
                }
                Ok(gone)
            })
            .await?
        };
        for batch in gone.chunks(ROWS_A_TRANSACTION) {
            let (batch, counts): (Arc<[_]>, _) = (batch.into(), counts.clone());
            let dropped = self.swept(move |txn| {
                let mut dropped = 0;
                for (path, name, snapshot) in batch.iter() {
                    dropped += u64::from(drop_dead(txn, path, name, *snapshot, &counts)?);
                }
                Ok(dropped)
            });
            adopted.dropped += dropped.await?;
        }
        let ended = self.swept(move |txn| {
            let cloud = txn.books.head.cloud.ok_or(StoreError::VolumeTaken)?;
            let dropped = drop_dead_containers(txn, &counts)?;
            // What does not count any more needs no release.
            txn.releases.retain(|key, _| CloudPlace::from_key(key).is_some_and(|place| counts(place)))?;
            txn.adopt_log(cloud.volume, number, last);
            Ok(dropped)
        });
        adopted.dropped += ended.await?;
        Ok(adopted)
    }

    /// A transaction that begins when nothing is left to sweep: all places that clients have let go of are in the queue then.
    async fn swept<T: Send + 'static>(
        &self,
        act: impl Fn(&mut Txn<'_>) -> Result<T> + Clone + Send + Sync + 'static,
    ) -> Result<T> {
        let wait = async {
            loop {
                let act = act.clone();
                let step = self.write(move |txn| match txn.books.garbage {
                    true => Ok(Step::Sweeping),
                    false => act(txn).map(Step::Done),
                });
                match step.await? {
                    Step::Done(done) => return Ok(done),
                    Step::Sweeping => tokio::time::sleep(SWEEP_LOOK_EVERY).await,
                }
            }
        };
        let late = |_| StoreError::Away("what clients have deleted is still being swept away".into());
        tokio::time::timeout(SWEEP_WAIT_MAX, wait).await.map_err(late)?
    }
}

fn adopt(txn: &mut Txn<'_>, found: &Found, adopted: &mut Adopted) -> Result<()> {
    for place in [Some(found.place), found.was].into_iter().flatten() {
        if txn.releases.get(place.key().as_slice())?.is_some() {
            // A client of this store has had it go, and the cloud is yet to be told.
            return txn.release(found.place);
        }
    }
    match &found.kept {
        Kept::Container { path, props, origin } => adopt_container(txn, path, props, *origin, found),
        Kept::Blob { path, snapshot: None, props } => adopt_blob(txn, path, props, found, adopted),
        Kept::Blob { path, snapshot: Some(time), props } => adopt_snapshot(txn, path, *time, props, found, adopted),
    }
}

fn follow(txn: &mut Txn<'_>, found: &Found) -> Result<()> {
    let Kept::Blob { path, snapshot, props } = &found.kept else { return Ok(()) };
    let Some(container) = txn.find_container(&path.container)? else { return Ok(()) };
    let key = blob_key(container.id, path.name.as_str());
    let at = match snapshot {
        None => Place::Base(key),
        Some(time) => match txn.blob(&key)?.and_then(|base| base.snapshots) {
            Some(set) => Place::Snapshot(set, *time),
            None => return Ok(()),
        },
    };
    let Some(row) = txn.row(&at)?.filter(|row| row.placed().is_some()) else { return Ok(()) };
    match same(&row, props, found) {
        Some(placed) => txn.move_to(&container.tenant, &at, row, placed),
        None => Ok(()),
    }
}

fn cold_row(props: &BlobProps, place: CloudPlace) -> BlobRow {
    let at = At::Cloud(Placed { place, told: Some(0) });
    BlobRow { at, ..BlobRow::new(props.clone(), List::Here(Vec::new()), List::Here(Vec::new()), None) }
}

/// The place that a row is to have, if it is of the same content as the recipe; `None` for another content.
fn same(row: &BlobRow, props: &BlobProps, found: &Found) -> Option<Placed> {
    let is_moved = row.place().is_some_and(|place| place == found.place || Some(place) == found.was);
    let told = row.placed().filter(|_| is_moved).and_then(|placed| placed.told);
    (is_moved || row.props.etag == props.etag).then_some(Placed { place: found.place, told })
}

fn adopt_blob(
    txn: &mut Txn<'_>,
    path: &BlobPath,
    props: &BlobProps,
    found: &Found,
    adopted: &mut Adopted,
) -> Result<()> {
    let (container, key, row) = txn.look_up(path)?;
    let tenant = container.tenant;
    txn.dirty = true;
    txn.books.head.etag = txn.books.head.etag.max(props.etag.0);
    let Some(row) = row else {
        adopted.added += 1;
        txn.put_row(&tenant, &key, cold_row(props, found.place), 0, News::None)?;
        return Ok(());
    };
    if row.origin().is_some() {
        adopted.kept += 1;
        return Ok(());
    }
    if let Some(placed) = same(&row, props, found) {
        return txn.move_to(&tenant, &Place::Base(key), row, placed);
    }
    let mut new = cold_row(props, found.place);
    new.props.lease = row.props.lease;
    new.snapshots = row.snapshots;
    if row.placed().is_some() {
        adopted.replaced += 1;
        txn.free_blob(&tenant, row)?;
    } else {
        adopted.kept += 1;
        new.snapshots = Some(keep_as_snapshot(txn, row)?);
    }
    txn.put_row(&tenant, &key, new, 0, News::None)?;
    Ok(())
}

/// A version that only this store has stays, under the moment at which it was written. It is counted already.
fn keep_as_snapshot(txn: &mut Txn<'_>, mut row: BlobRow) -> Result<u64> {
    let set = match row.snapshots.take() {
        Some(set) => set,
        None => txn.next_id(),
    };
    row.props.lease = Lease::Free;
    let mut time = row.props.modified;
    while txn.snapshot(set, time)?.is_some() {
        time = Timestamp(time.0 + 1);
    }
    txn.rewrite(&Place::Snapshot(set, time), &row)?;
    Ok(set)
}

fn adopt_snapshot(
    txn: &mut Txn<'_>,
    path: &BlobPath,
    time: Timestamp,
    props: &BlobProps,
    found: &Found,
    adopted: &mut Adopted,
) -> Result<()> {
    let (container, key, base) = txn.look_up(path)?;
    let Some(mut base) = base else {
        adopted.left += 1;
        return Ok(());
    };
    txn.dirty = true;
    txn.books.head.etag = txn.books.head.etag.max(props.etag.0);
    let set = match base.snapshots {
        Some(set) => set,
        None => txn.next_id(),
    };
    let at = Place::Snapshot(set, time);
    if let Some(row) = txn.snapshot(set, time)? {
        // A moment names one snapshot, whose content never changes.
        let placed = same(&row, props, found).unwrap_or(Placed { place: found.place, told: None });
        return txn.move_to(&container.tenant, &at, row, placed);
    }
    let row = cold_row(props, found.place);
    adopted.added += 1;
    txn.books.count_blob(&container.tenant, &row);
    txn.rewrite(&at, &row)?;
    if base.snapshots.is_none() {
        base.snapshots = Some(set);
        txn.rewrite(&Place::Base(key), &base)?;
    }
    Ok(())
}

fn adopt_container(
    txn: &mut Txn<'_>,
    path: &ContainerPath,
    props: &ContainerProps,
    origin: Origin,
    found: &Found,
) -> Result<()> {
    let mut row = txn.container(path)?;
    txn.dirty = true;
    txn.books.head.etag = txn.books.head.etag.max(props.etag.0);
    let old = row.placed.map(|placed| placed.place);
    let is_known = old.is_some_and(|old| old == found.place || Some(old) == found.was) || row.props.etag == props.etag;
    row.placed = match (is_known, origin) {
        (true, _) => Some(Placed { place: found.place, told: row.placed.and_then(|placed| placed.told) }),
        (false, Origin::Adopted) => {
            row.props = props.clone();
            Some(Placed { place: found.place, told: Some(row.revision) })
        }
        (false, Origin::Here) => {
            // Clients of both have said who may read it: it is as open as both allow.
            let public = row.props.acl.public.min(props.acl.public);
            let lease = row.props.lease;
            row.props = ContainerProps { lease, ..props.clone() };
            row.props.acl.public = public;
            Some(Placed { place: found.place, told: None })
        }
    };
    txn.put_container(path, &row)
}

/// Whether the row went: it may have changed since it was looked at.
fn drop_dead(
    txn: &mut Txn<'_>,
    path: &ContainerPath,
    name: &str,
    snapshot: Option<(u64, Timestamp)>,
    counts: &Counts,
) -> Result<bool> {
    let is_dead = |row: &BlobRow| row.place().is_some_and(|place| !counts(place));
    let Some(container) = txn.find_container(path)? else { return Ok(false) };
    let key = blob_key(container.id, name);
    let Some(mut base) = txn.blob(&key)? else { return Ok(false) };
    match snapshot {
        None if is_dead(&base) => {
            if let Some(set) = base.snapshots {
                txn.discard_snapshots(&container.tenant, set)?;
            }
            txn.remove_row(&container.tenant, &key, &base, News::None)?;
            txn.free_blob(&container.tenant, base)?;
        }
        Some((set, time)) if base.snapshots == Some(set) => {
            let Some(row) = txn.snapshot(set, time)?.filter(is_dead) else { return Ok(false) };
            txn.remove_snapshot(set, time)?;
            txn.free_blob(&container.tenant, row)?;
            if txn.last_snapshot(set)?.is_none() {
                base.snapshots = None;
                txn.rewrite(&Place::Base(key), &base)?;
            }
        }
        None | Some(_) => return Ok(false),
    }
    Ok(true)
}

/// Containers that the other store's clients have deleted, where nothing of this store's own is left in them.
fn drop_dead_containers(txn: &mut Txn<'_>, counts: &Counts) -> Result<u64> {
    let mut dead = Vec::new();
    for item in txn.containers.iter()? {
        let (key, row) = item?;
        let row: ContainerRow = decode(row.value())?;
        if row.placed.is_some_and(|placed| !counts(placed.place)) {
            dead.push((key.value().to_vec(), row));
        }
    }
    let mut dropped = 0;
    for (key, mut row) in dead {
        let (begin, end) = (row.id.to_be_bytes(), (row.id + 1).to_be_bytes());
        let is_empty = txn.all_blobs().range(begin.as_slice()..end.as_slice())?.next().is_none()
            && txn.stagings.range(begin.as_slice()..end.as_slice())?.next().is_none();
        txn.dirty = true;
        if is_empty {
            txn.containers.remove(key.as_slice())?;
            txn.books.recount(&row.tenant, row.usage(), TenantUsage::default());
            dropped += 1;
        } else {
            row.placed = None;
            txn.containers.insert(key.as_slice(), encode(&row).as_slice())?;
        }
    }
    Ok(dropped)
}

impl Txn<'_> {
    /// A row's content is at a place in the cloud now. Where it was before is not queued for release: the queue says what clients have had
    /// go, and the cloud knows of moves.
    fn move_to(&mut self, tenant: &Owner, at: &Place, mut row: BlobRow, placed: Placed) -> Result<()> {
        if row.placed() == Some(placed) || row.origin().is_some() || row.props.kind != BlobKind::Block {
            return Ok(());
        }
        let was = row.usage();
        row.at = At::Cloud(placed);
        self.books.recount(tenant, was, row.usage());
        self.rewrite(at, &row)
    }
}
