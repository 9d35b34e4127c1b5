//! The store as offload wants it: names, places and records put into the other's words.

use super::background::Background;
use super::homes::Homes;
use super::record;
use super::sealing::CloudKeys;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use greenroom_model::{BlobPath, ContainerPath, TenantName};
use greenroom_offload::flash::{Adopted, Applied, Flash, FlashBlob, Found, Placement, Rank};
use greenroom_offload::format::footer::{Key, Place};
use greenroom_offload::log::{AuditHead, Known, Since, State};
use greenroom_offload::seal::Seal;
use greenroom_offload::{FlashError, Hash};
use greenroom_store::adopt::{self, Kept, Origin};
use greenroom_store::{self as store, BlobKind, CloudLog, Described, ETag, Leaving, Store, StoreError, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The store, as flash.
#[derive(Debug)]
pub struct StoreFlash {
    store: Store,
    background: Background,
    keys: Arc<CloudKeys>,
    /// Revisions of what is being packed: a commit says what of them the cloud has been told. Gone after a crash, and then whatever was
    /// under way is told once more.
    read: Mutex<HashMap<Key, u32>>,
    adoption: tokio::sync::Mutex<Adoption>,
}

/// What is known while the log is adopted.
#[derive(Debug, Default)]
struct Adoption {
    homes: Homes,
    /// Until all blobs are there.
    snapshots: Vec<adopt::Found>,
}

impl Adoption {
    /// Makes what it lies in. Err: its name or its record is none of a store of ours, and nothing is concluded from it.
    async fn kept(&mut self, store: &Store, found: &Found) -> Result<Kept, FlashError> {
        let unknown = || format!("what the volume says of {} cannot be read", found.key);
        match record::described(&found.key).ok_or_else(unknown)? {
            Described::Container(path) => {
                let props = record::container_props(&found.about).ok_or_else(unknown)?;
                self.homes.ensure(store, &found.key, &path).await?;
                let origin = if self.homes.has_made(&path) { Origin::Adopted } else { Origin::Here };
                Ok(Kept::Container { path, props, origin })
            }
            Described::Blob(path, snapshot) => {
                let props = Box::new(record::props(&found.about).ok_or_else(unknown)?);
                self.homes.ensure(store, &found.key, &path.container).await?;
                Ok(Kept::Blob { path, snapshot, props })
            }
        }
    }
}

fn said(adopted: adopt::Adopted) -> Adopted {
    let adopt::Adopted { added, replaced, kept, dropped, left } = adopted;
    Adopted { added, replaced, kept, dropped, left }
}

impl StoreFlash {
    pub fn new(store: Store, background: Background, keys: Arc<CloudKeys>) -> Self {
        Self { store, background, keys, read: Mutex::default(), adoption: tokio::sync::Mutex::default() }
    }

    fn note(&self, key: &Key, revision: u32) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), revision);
    }

    /// Forgets what was read and never committed.
    pub fn forget(&self) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn read_blob(
        &self,
        key: &Key,
        path: &BlobPath,
        at: Option<Timestamp>,
        etag: &str,
    ) -> Result<Option<FlashBlob>, FlashError> {
        let Leaving { blob, tenant, revision } = match self.store.leaving(path, at).await {
            Ok(leaving) => leaving,
            Err(StoreError::BlobMissing | StoreError::ContainerMissing | StoreError::StaysSealed) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let about = record::about(&blob.props);
        if about.etag != etag || tenant.as_str() != key.tenant || blob.props.kind != BlobKind::Block {
            return Ok(None);
        }
        let Some(seal) = self.seal(&tenant).await? else { return Ok(None) };
        self.note(key, revision);
        let length = blob.props.length;
        let background = self.background.clone();
        let content = blob.read(0..length)?.map_err(FlashError::from).and_then(move |part| {
            let background = background.clone();
            async move {
                background.turn(part.len() as u64).await;
                Ok(part)
            }
        });
        Ok(Some(FlashBlob { about, seal, content: content.boxed() }))
    }

    async fn read_container(
        &self,
        key: &Key,
        path: &ContainerPath,
        etag: &str,
    ) -> Result<Option<FlashBlob>, FlashError> {
        let fact = match self.store.leaving_container(path).await {
            Ok(fact) => fact,
            Err(StoreError::ContainerMissing) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let about = record::container_about(&fact.props);
        if about.etag != etag || fact.tenant.as_str() != key.tenant {
            return Ok(None);
        }
        let Some(seal) = self.seal(&fact.tenant).await? else { return Ok(None) };
        self.note(key, fact.revision);
        Ok(Some(FlashBlob { about, seal, content: stream::empty().boxed() }))
    }

    /// `None` where nothing of the tenant may leave yet.
    async fn seal(&self, tenant: &TenantName) -> Result<Option<Option<Arc<dyn Seal>>>, FlashError> {
        match self.keys.seal(tenant).await {
            Ok(seal) => Ok(Some(seal)),
            Err(StoreError::StaysSealed) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Flash for StoreFlash {
    async fn known(&self) -> Result<Known, FlashError> {
        let CloudLog { number, last, meant, adopted } = self.store.cloud_log()?;
        let adopted = adopted.map(|(number, at)| Since { number, at: at.0 });
        Ok(Known { number, last: last.map(Hash), meant: meant.into_iter().map(Hash).collect(), adopted })
    }

    async fn audit(&self) -> Result<Option<AuditHead>, FlashError> {
        Ok(self.store.noted_audit()?.map(|(seq, hash)| AuditHead { seq, hash }))
    }

    async fn mean(&self, hash: Hash) -> Result<(), FlashError> {
        let mut known = self.known().await?;
        known.mean(hash);
        Ok(self.store.mean(known.meant.into_iter().map(|hash| hash.0).collect()).await?)
    }

    async fn read(&self, key: &Key, etag: &str) -> Result<Option<FlashBlob>, FlashError> {
        match record::described(key) {
            Some(Described::Blob(path, at)) => self.read_blob(key, &path, at, etag).await,
            Some(Described::Container(path)) => self.read_container(key, &path, etag).await,
            None => Ok(None),
        }
    }

    async fn apply(&self, applied: Applied) -> Result<(), FlashError> {
        let Applied { number, hash, placements, released } = applied;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let named = placements.iter().filter_map(|placement| placement.of.as_ref());
        let keys: Vec<Key> = named.map(|(key, _)| key.clone()).collect();
        let sealed = placements.iter().filter(|placement| placement.of.is_none()).filter_map(|placement| placement.was);
        let moved = self.store.described_at(sealed.map(record::cloud_place).collect()).await?;
        let placements = placements.into_iter().map(|Placement { of, place, was }| {
            let (place, was) = (record::cloud_place(place), was.map(record::cloud_place));
            match of {
                Some((key, etag)) => {
                    let (of, etag) = (record::described(&key), ETag::parse(&etag));
                    store::Placement { of, etag, place, was, told: read.remove(&key) }
                }
                None => {
                    let of = was.and_then(|was| moved.get(&was).cloned());
                    store::Placement { of, etag: None, place, was, told: None }
                }
            }
        });
        let released = released.into_iter().map(|dead| {
            let recipes = dead.recipes;
            (dead.segment.0, Box::new(move |recipe| recipes.contains(recipe)) as store::Recipes)
        });
        let (placements, released) = (placements.collect(), released.collect());
        self.store.apply(store::Applied { number, hash: hash.0, placements, released }).await?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().for_each(|key| _ = read.remove(key));
        Ok(())
    }

    async fn releases(&self, max: usize) -> Result<Vec<Place>, FlashError> {
        Ok(self.store.releases(max).await?.into_iter().map(record::place).collect())
    }

    async fn adopt(&self, found: Vec<Found>) -> Result<Adopted, FlashError> {
        let mut adoption = self.adoption.lock().await;
        let (mut rows, mut outdated) = (Vec::new(), Vec::new());
        for found in found {
            let place = record::cloud_place(found.place);
            match found.rank {
                Rank::Outdated => outdated.push(place),
                Rank::First => {
                    let kept = adoption.kept(&self.store, &found).await?;
                    let row = adopt::Found { kept, place, was: found.was.map(record::cloud_place) };
                    let is_snapshot = matches!(row.kept, Kept::Blob { snapshot: Some(_), .. });
                    if is_snapshot { adoption.snapshots.push(row) } else { rows.push(row) }
                }
            }
        }
        let adopted = self.store.adopt(rows).await?;
        self.store.outdated(outdated).await?;
        Ok(said(adopted))
    }

    async fn follow(&self, found: Vec<Found>) -> Result<(), FlashError> {
        // What no store of ours has written is no row of this one.
        let row = |found: Found| {
            let Described::Blob(path, snapshot) = record::described(&found.key)? else { return None };
            let kept = Kept::Blob { path, snapshot, props: Box::new(record::props(&found.about)?) };
            let was = found.was.map(record::cloud_place);
            Some(adopt::Found { kept, place: record::cloud_place(found.place), was })
        };
        Ok(self.store.follow(found.into_iter().filter_map(row).collect()).await?)
    }

    async fn end_adoption(&self, state: Arc<State>, _now: i64) -> Result<Adopted, FlashError> {
        let Adoption { snapshots, homes } = std::mem::take(&mut *self.adoption.lock().await);
        if !homes.new_accounts.is_empty() {
            tracing::warn!(accounts = ?homes.new_accounts, "accounts have new keys: keys are not kept in the cloud");
        }
        let mut adopted = self.store.adopt(snapshots).await?;
        let (number, last) = (state.number, state.last.map(|last| last.0));
        let counts = move |place| state.counts(&record::place(place));
        adopted += self.store.end_adoption(number, last, Arc::new(counts)).await?;
        Ok(said(adopted))
    }

    async fn free(&self, blobs: &[(Key, Place)]) -> Result<u64, FlashError> {
        let blob = |(key, place): &(Key, Place)| match record::described(key)? {
            Described::Blob(path, at) => Some((path, at, record::cloud_place(*place))),
            Described::Container(_) => None,
        };
        Ok(self.store.free(blobs.iter().filter_map(blob).collect()).await?)
    }
}
