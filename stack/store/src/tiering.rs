//! What whoever moves content between flash and the cloud asks of the store: facts to decide by, and the steps, each one transaction.

use crate::blob::{Blob, Source};
use crate::body::{Body, BodyWriter};
use crate::catalog::{News, Snapshot, Txn};
use crate::clock::Timestamp;
use crate::cloud::{Applied, At, CloudPlace, Cold, Described, Placed, Whereabouts};
use crate::encryption::Seal;
use crate::error::{Result, StoreError};
use crate::etag::ETag;
use crate::heat::Heat;
use crate::props::{BlobKind, BlobProps, ContainerProps, Tier};
use crate::quota::Growth;
use crate::rows::{BlobRow, ContainerRow, List, LogRow, Place, blob_key};
use crate::store::Store;
use crate::usage::TenantUsage;
use futures::TryStreamExt as _;
use greenroom_model::{AccountName, BlobName, BlobPath, ContainerPath, TenantName};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How often an operation that needs content on flash brings it there before it gives up: somebody may send it off again meanwhile.
pub const TRIES_MAX: usize = 3;
/// Blobs that one transaction frees or restores: what a write may have to wait for it.
const BLOBS_A_TRANSACTION: usize = 500;
/// How long a write waits for room that is being made. Tools give up on an answer after minutes.
const ROOM_WAIT_MAX: Duration = Duration::from_secs(60);
const ROOM_LOOK_EVERY: Duration = Duration::from_millis(50);

/// What the catalog knows of the log of its volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloudLog {
    /// The last manifest that it has heard of, 0 for none.
    pub number: u64,
    /// Its hash; `None` for none, and where an earlier version has kept the number only.
    pub last: Option<[u8; 32]>,
    /// Hashes of manifests that may have been written after it, by this store.
    pub meant: Vec<[u8; 32]>,
    /// The last manifest that others have written, and when this store adopted it.
    pub adopted: Option<(u64, Timestamp)>,
}

/// A blob or snapshot as whoever decides where it should be sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobFact {
    pub path: BlobPath,
    pub snapshot: Option<Timestamp>,
    pub etag: ETag,
    pub bytes: u64,
    /// Last read or write, whichever is later, as far as is known.
    pub used: Timestamp,
    pub tier: Option<Tier>,
    pub kind: BlobKind,
    pub at: Whereabouts,
    pub told: Told,
}

/// Whether the cloud knows what is said of a blob that it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    All,
    NotAll,
}

/// A container as it is to be told to the cloud.
#[derive(Debug, Clone)]
pub struct ContainerFact {
    pub path: ContainerPath,
    pub tenant: TenantName,
    pub props: ContainerProps,
    pub revision: u32,
    pub told: Told,
}

/// The catalog at one moment, gone through container by container.
#[derive(Debug)]
pub struct Survey<'s> {
    snapshot: &'s Snapshot,
    heat: &'s Heat,
}

impl Survey<'_> {
    pub fn containers(&self, mut show: impl FnMut(ContainerFact)) -> Result<()> {
        let mirrored = self.snapshot.mirrored()?;
        self.snapshot.containers(|path, row| {
            // What is mirrored is in a cloud already, and comes back with its mirror.
            if !mirrored.contains_key(&row.id) {
                show(container_fact(path, row));
            }
            Ok(())
        })
    }

    /// Every blob, and before it its snapshots, with the tenant that they belong to.
    pub fn blobs(&self, mut show: impl FnMut(&TenantName, BlobFact)) -> Result<()> {
        let mut containers = Vec::new();
        self.snapshot.containers(|path, row| {
            containers.push((path, row.id, row.tenant.tenant));
            Ok(())
        })?;
        for (path, id, tenant) in containers {
            self.snapshot.blobs_of(id, |name, snapshot, row| {
                // Nobody here has the key that would open it elsewhere.
                if row.props.encryption.is_some() {
                    return Ok(());
                }
                // A name that cannot be one is told of by a check.
                let Ok(blob) = BlobName::new(name) else { return Ok(()) };
                let place = match snapshot {
                    None => Place::Base(blob_key(id, name)),
                    Some((set, time)) => Place::Snapshot(set, time),
                };
                let path = path.blob(blob);
                show(&tenant, fact(path, snapshot.map(|(_, time)| time), row, self.heat.last(&place)));
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn told(placed: Option<Placed>, revision: u32) -> Told {
    if placed.is_some_and(|placed| placed.told == Some(revision)) { Told::All } else { Told::NotAll }
}

fn container_fact(path: ContainerPath, row: ContainerRow) -> ContainerFact {
    let told = told(row.placed, row.revision);
    ContainerFact { path, tenant: row.tenant.tenant, props: row.props, revision: row.revision, told }
}

fn fact(path: BlobPath, snapshot: Option<Timestamp>, row: BlobRow, read: Option<Timestamp>) -> BlobFact {
    let (at, told) = (row.whereabouts(), told(row.placed(), row.revision));
    let BlobProps { etag, length: bytes, modified, tier, kind, .. } = row.props;
    let used = modified.max(row.used).max(read.unwrap_or_default());
    BlobFact { path, snapshot, etag, bytes, used, tier, kind, at, told }
}

/// A blob that the cloud has kept, as it comes back into a store that has lost it.
#[derive(Debug, Clone)]
pub struct Restored {
    pub path: BlobPath,
    pub snapshot: Option<Timestamp>,
    pub props: BlobProps,
    pub place: CloudPlace,
}

/// What a blob is, for whoever takes it into the cloud.
#[derive(Debug)]
pub struct Leaving {
    pub blob: Blob,
    pub tenant: TenantName,
    pub revision: u32,
}

impl Store {
    /// Where cold content comes from. Once.
    pub fn attach(&self, cold: Arc<dyn Cold>) {
        self.heat().watch();
        if self.cold_part().set(cold).is_err() {
            tracing::error!("a store has one cloud, and keeps the first");
        }
    }

    pub(crate) fn cold(&self) -> Result<&Arc<dyn Cold>> {
        self.cold_part().get().ok_or_else(|| StoreError::Away("the server runs without a target to offload to".into()))
    }

    /// The volume that the catalog belongs to.
    pub fn cloud_volume(&self) -> Result<Option<[u8; 16]>> {
        Ok(self.snapshot()?.head()?.cloud.map(|cloud| cloud.volume))
    }

    /// What the catalog knows of the volume's log. Nothing is known where it belongs to none.
    pub fn cloud_log(&self) -> Result<CloudLog> {
        let snapshot = self.snapshot()?;
        let number = snapshot.head()?.cloud.map_or(0, |cloud| cloud.applied);
        let log = snapshot.log()?.unwrap_or_default();
        Ok(CloudLog { number, last: log.last, meant: log.meant, adopted: log.adopted })
    }

    /// Ties the catalog to a volume, as of a manifest and its hash. Err: `VolumeTaken` where it belongs to another.
    pub async fn bind_cloud(&self, volume: [u8; 16], applied: u64, last: Option<[u8; 32]>) -> Result<()> {
        self.write(move |txn| match txn.books.head.cloud {
            Some(cloud) if cloud.volume == volume => Ok(()),
            Some(_) => Err(StoreError::VolumeTaken),
            None => {
                txn.adopt_log(volume, applied, last);
                Ok(())
            }
        })
        .await
    }

    /// Notes the hashes of manifests that may be written after the last one that is known. Err: `VolumeTaken` where it belongs to none.
    pub async fn mean(&self, meant: Vec<[u8; 32]>) -> Result<()> {
        self.write(move |txn| {
            let cloud = txn.books.head.cloud.ok_or(StoreError::VolumeTaken)?;
            txn.dirty = true;
            let log = txn.books.log.take().unwrap_or_default();
            txn.books.log = Some(LogRow { number: cloud.applied, meant, ..log });
            Ok(())
        })
        .await
    }

    /// Hears of a commit in the cloud. Err: `ManifestLeftOut`, `VolumeTaken`.
    pub async fn apply(&self, applied: Applied) -> Result<()> {
        self.write(move |txn| txn.apply(applied)).await
    }

    /// Places that nothing here needs any more.
    pub async fn releases(&self, max: usize) -> Result<Vec<CloudPlace>> {
        self.read_many(move |snapshot| snapshot.releases(max)).await
    }

    /// Frees what these have on flash, where their content is at the place given. Returns the bytes freed.
    pub async fn free(&self, blobs: Vec<(BlobPath, Option<Timestamp>, CloudPlace)>) -> Result<u64> {
        let mut freed = 0;
        for batch in blobs.chunks(BLOBS_A_TRANSACTION) {
            let batch = batch.to_vec();
            freed += self
                .write(move |txn| {
                    let mut freed = 0;
                    for (path, at, place) in batch {
                        let Some(container) = txn.find_container(&path.container)? else { continue };
                        let key = blob_key(container.id, path.name.as_str());
                        let at = match at {
                            None => Some(Place::Base(key)),
                            Some(time) => {
                                let set = txn.blob(&key)?.and_then(|row| row.snapshots);
                                set.map(|set| Place::Snapshot(set, time))
                            }
                        };
                        if let Some(at) = at {
                            freed += txn.free_placed(&container.tenant, &at, place)?;
                        }
                    }
                    Ok(freed)
                })
                .await?;
        }
        Ok(freed)
    }

    /// Goes through the catalog at one moment, off the async threads.
    pub async fn survey<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Survey<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let heat = self.heat().clone();
        self.read_many(move |snapshot| look(&Survey { snapshot, heat: &heat })).await
    }

    /// What of these places is content of, or says something of: one walk through the catalog. Those that nothing here knows are left out.
    pub async fn described_at(&self, places: BTreeSet<CloudPlace>) -> Result<BTreeMap<CloudPlace, Described>> {
        if places.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.read_many(move |snapshot| {
            let mut found = BTreeMap::new();
            let mut containers = Vec::new();
            snapshot.containers(|path, row| {
                if let Some(placed) = row.placed.filter(|placed| places.contains(&placed.place)) {
                    found.insert(placed.place, Described::Container(path.clone()));
                }
                containers.push((path, row.id));
                Ok(())
            })?;
            for (path, id) in containers {
                snapshot.blobs_of(id, |name, at, row| {
                    if let Some(place) = row.place().filter(|place| places.contains(place))
                        && let Ok(name) = BlobName::new(name)
                    {
                        found.insert(place, Described::Blob(path.blob(name), at.map(|(_, time)| time)));
                    }
                    Ok(())
                })?;
            }
            Ok(found)
        })
        .await
    }

    /// What takes a blob into the cloud reads. `None` where it has changed or its content is not to be had from flash, unless the cloud
    /// has it and only lacks what is said of it. Err: `ContainerMissing`, `BlobMissing`.
    pub async fn leaving(&self, path: &BlobPath, at: Option<Timestamp>) -> Result<Leaving> {
        let (snapshot, extents) = {
            let extents = self.extents().map();
            (self.snapshot()?, extents.clone())
        };
        let container = snapshot.container(&path.container)?;
        let key = blob_key(container.id, path.name.as_str());
        let base = snapshot.blob(&key)?.ok_or(StoreError::BlobMissing)?;
        let (row, place) = match at {
            None => (base, Place::Base(key)),
            Some(time) => {
                let set = base.snapshots.ok_or(StoreError::BlobMissing)?;
                (snapshot.blob_snapshot(set, time)?.ok_or(StoreError::BlobMissing)?, Place::Snapshot(set, time))
            }
        };
        if row.props.encryption.is_some() {
            return Err(StoreError::StaysSealed);
        }
        let revision = row.revision;
        let mut blob = self.opened(path.clone(), place, row, snapshot, extents);
        // That it leaves is no use of it.
        blob.heat = Arc::default();
        Ok(Leaving { tenant: container.tenant.tenant, revision, blob })
    }

    /// As `leaving`, for a container. Err: `ContainerMissing`.
    pub async fn leaving_container(&self, path: &ContainerPath) -> Result<ContainerFact> {
        Ok(container_fact(path.clone(), self.snapshot()?.container(path)?))
    }

    /// Brings content back to flash, if there is room, and leaves it in the cloud as well. Returns the bytes that came; 0 where it was here.
    /// Err: `BlobMissing`, `SourceChanged` where it is no longer what was asked for, `Full`, `Away`, `CloudDamaged`.
    pub async fn bring_back(&self, path: &BlobPath, at: Option<Timestamp>, etag: ETag) -> Result<u64> {
        let blob = self.look_up(path, at)?;
        if blob.props.etag != etag {
            return Err(StoreError::SourceChanged);
        }
        let writer = self.begin_body_of(&path.container.account, Some(blob.props.length)).await?;
        self.bring(blob, writer).await
    }

    async fn bring(&self, mut blob: Blob, mut writer: BodyWriter) -> Result<u64> {
        if !blob.is_elsewhere() {
            return Ok(0);
        }
        let is_mirrored = blob.origin.is_some();
        // That it comes back is no use of it.
        blob.heat = Arc::default();
        let (props, Source { path, place, .. }) = (blob.props.clone(), blob.source());
        let mut content = pin!(blob.read(0..props.length)?);
        while let Some(bytes) = content.try_next().await? {
            writer.write(bytes).await?;
        }
        let body = writer.finish().await?;
        if !is_mirrored && body.crc64() != props.crc64 {
            return Err(StoreError::CloudDamaged("it is not what was written under its name".into()));
        }
        self.write(move |txn| {
            let row = txn.row(&place)?.filter(|row| row.props.etag == props.etag);
            let mut row = row.ok_or(StoreError::SourceChanged)?;
            if row.on_flash().is_ok() {
                return Ok(0);
            }
            let owner = txn.owner(&path, &place)?.ok_or(StoreError::SourceChanged)?;
            let was = row.usage();
            if is_mirrored {
                let cached = TenantUsage { bytes: props.length, ..was };
                txn.afford(&owner, Growth::from(was, cached))?;
                row.props.crc64 = body.crc64();
            }
            row.pieces = txn.keep(body.pieces().to_vec())?;
            txn.books.recount(&owner, was, row.usage());
            txn.rewrite(&place, &row)?;
            Ok(props.length)
        })
        .await
    }

    /// Brings a blob's content to flash, waiting for room: for what has answered `InCloud`, and is then to be tried again, `TRIES_MAX` times
    /// at most. That takes as long as the cloud does: whoever calls had better hold nothing that others wait for.
    pub async fn bring_here(&self, path: &BlobPath) -> Result<()> {
        self.bring_when_room(self.look_up(path, None)?).await
    }

    async fn bring_when_room(&self, blob: Blob) -> Result<()> {
        let account = &blob.path.container.account;
        // What is elsewhere is sealed by its tenant's key at most.
        let writer = self.begin_body_when_room(account, &Seal::Tenants, Some(blob.props.length)).await?;
        self.bring(blob, writer).await.map(drop)
    }

    /// Does what needs content on flash, and brings it there where it is not.
    pub(crate) async fn with_content_here<T, F: Future<Output = Result<T>>>(
        &self,
        act: impl Fn() -> F,
        find: impl Fn() -> Result<Blob>,
    ) -> Result<T> {
        for _ in 0..TRIES_MAX {
            match act().await {
                Err(StoreError::InCloud) => self.bring_when_room(find()?).await?,
                done => return done,
            }
        }
        Err(StoreError::Away("flash lets go of it as soon as it is there".into()))
    }

    /// As `begin_body_of`, but waits, then and later, where there is no room yet and some is being made, or comes of what is dead.
    /// Err: as well `ScopeMissing`.
    pub async fn begin_body_when_room(
        &self,
        account: &AccountName,
        seal: &Seal,
        length: Option<u64>,
    ) -> Result<BodyWriter> {
        let key = self.key_of(account, seal).await?;
        let writer = self.when_room(|| self.begin_sealed(key.clone(), length)).await?;
        Ok(writer.sealed_by(seal).patient(self.clone()))
    }

    /// Tries what may be answered `Full` until there is room, or none is being made, or it has taken too long.
    pub(crate) async fn when_room<T>(&self, mut act: impl FnMut() -> Result<T>) -> Result<T> {
        let wait = async {
            loop {
                match act() {
                    Err(full @ StoreError::Full { .. }) => {
                        if !self.reclaim().await? && !self.is_making_room() {
                            return Err(full);
                        }
                        tokio::time::sleep(ROOM_LOOK_EVERY).await;
                    }
                    done => return done,
                }
            }
        };
        match tokio::time::timeout(ROOM_WAIT_MAX, wait).await {
            Ok(done) => done,
            Err(_) => act(),
        }
    }

    /// Compacts, and says whether that brought anything nearer to being free.
    async fn reclaim(&self) -> Result<bool> {
        if self.shrink_catalog().await? {
            return Ok(true);
        }
        let usage = self.usage();
        if usage.flash_used_bytes - usage.flash_live_bytes < self.extents().extent_bytes() {
            return Ok(false);
        }
        let done = self.compact().await?;
        Ok(done.extents > 0 || done.closed > 0)
    }

    /// Writes down when blobs were last read, so that it is known after a restart. Returns how many rows that changed.
    pub async fn settle_heat(&self) -> Result<usize> {
        let reads = self.heat().unsettled();
        for batch in reads.chunks(BLOBS_A_TRANSACTION) {
            let batch = batch.to_vec();
            self.write(move |txn| {
                for (place, time) in batch {
                    if let Some(mut row) = txn.row(&place)?.filter(|row| row.used < time) {
                        row.used = time;
                        txn.rewrite(&place, &row)?;
                    }
                }
                Ok(())
            })
            .await?;
        }
        Ok(reads.len())
    }

    /// Puts back what the cloud has kept; the containers must be there, and a snapshot's blob before it. What is there already stays.
    /// Returns those that could not be put back: snapshots without a blob.
    pub async fn restore(&self, blobs: Vec<Restored>) -> Result<Vec<Restored>> {
        let mut left = Vec::new();
        let mut rest = blobs.into_iter().peekable();
        while rest.peek().is_some() {
            let batch: Vec<_> = rest.by_ref().take(BLOBS_A_TRANSACTION).collect();
            left.extend(self.write(move |txn| restore(txn, batch)).await?);
        }
        Ok(left)
    }

    /// Whether it was not there before. Err: `AccountMissing`.
    pub async fn make_container(&self, path: &ContainerPath) -> Result<bool> {
        match self.create_container(path, crate::props::Metadata::new()).await {
            Ok(_) => Ok(true),
            Err(StoreError::ContainerExists) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts back a blob with content that is on flash now. What is there already stays. Err: `ContainerMissing`.
    pub async fn restore_content(&self, path: &BlobPath, props: BlobProps, body: Body) -> Result<()> {
        let path = path.clone();
        self.write(move |txn| {
            let (container, key, base) = txn.look_up(&path)?;
            if base.is_some() {
                return Ok(());
            }
            let pieces = txn.keep(body.pieces().to_vec())?;
            txn.books.head.etag = txn.books.head.etag.max(props.etag.0);
            let row = BlobRow::new(props, pieces, List::Here(Vec::new()), None);
            txn.put_row(&container.tenant, &key, row, 0, News::None).map(drop)
        })
        .await
    }

    /// Puts a container back, or says of it what the cloud has kept. Err: `AccountMissing`.
    pub async fn restore_container(
        &self,
        path: &ContainerPath,
        kept: Option<(ContainerProps, CloudPlace)>,
    ) -> Result<()> {
        self.make_container(path).await?;
        let (path, Some((props, place))) = (path.clone(), kept) else { return Ok(()) };
        self.write(move |txn| {
            let mut row = txn.container(&path)?;
            txn.books.head.etag = txn.books.head.etag.max(props.etag.0);
            (row.props, row.placed) = (props, Some(Placed { place, told: Some(row.revision) }));
            txn.put_container(&path, &row)
        })
        .await
    }
}

fn restore(txn: &mut Txn<'_>, blobs: Vec<Restored>) -> Result<Vec<Restored>> {
    let mut left = Vec::new();
    for restored in blobs {
        let (container, key, base) = txn.look_up(&restored.path)?;
        let Restored { snapshot, props, place, .. } = restored.clone();
        let empty = || List::Here(Vec::new());
        let at = At::Cloud(Placed { place, told: Some(0) });
        let row = BlobRow { at, ..BlobRow::new(props, empty(), List::Here(Vec::new()), None) };
        txn.dirty = true;
        txn.books.head.etag = txn.books.head.etag.max(row.props.etag.0);
        match (snapshot, base) {
            (None, Some(_)) => continue,
            (None, None) => {
                txn.put_row(&container.tenant, &key, row, 0, News::None)?;
            }
            (Some(_), None) => left.push(restored),
            (Some(time), Some(mut base)) => {
                let set = match base.snapshots {
                    Some(set) => set,
                    None => txn.next_id(),
                };
                if txn.snapshot(set, time)?.is_some() {
                    continue;
                }
                txn.books.count_blob(&container.tenant, &row);
                txn.rewrite(&Place::Snapshot(set, time), &row)?;
                if base.snapshots.is_none() {
                    base.snapshots = Some(set);
                    txn.rewrite(&Place::Base(key), &base)?;
                }
            }
        }
    }
    Ok(left)
}
