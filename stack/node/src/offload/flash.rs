//! The store as offload wants it: names, places and records put into the other's words.

use super::background::Background;
use super::record;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use greenroom_model::{BlobPath, ContainerPath};
use greenroom_offload::FlashError;
use greenroom_offload::flash::{Applied, Flash, FlashBlob, Place};
use greenroom_offload::format::footer::Key;
use greenroom_store::{self as store, BlobKind, Described, ETag, Leaving, Store, StoreError, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The store, as flash.
#[derive(Debug)]
pub struct StoreFlash {
    store: Store,
    background: Background,
    /// Revisions of what is being packed: a commit says what of them the cloud has been told. Gone after a crash, and then whatever was
    /// under way is told once more.
    read: Mutex<HashMap<Key, u32>>,
}

impl StoreFlash {
    pub fn new(store: Store, background: Background) -> Self {
        Self { store, background, read: Mutex::default() }
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
            Err(StoreError::BlobMissing | StoreError::ContainerMissing) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let about = record::about(&blob.props);
        if about.etag != etag || tenant.as_str() != key.tenant || blob.props.kind != BlobKind::Block {
            return Ok(None);
        }
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
        Ok(Some(FlashBlob { about, content: content.boxed() }))
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
        self.note(key, fact.revision);
        Ok(Some(FlashBlob { about, content: stream::empty().boxed() }))
    }
}

impl Flash for StoreFlash {
    async fn applied(&self) -> Result<u64, FlashError> {
        Ok(self.store.cloud_volume()?.map_or(0, |(_, applied)| applied))
    }

    async fn read(&self, key: &Key, etag: &str) -> Result<Option<FlashBlob>, FlashError> {
        match record::described(key) {
            Some(Described::Blob(path, at)) => self.read_blob(key, &path, at, etag).await,
            Some(Described::Container(path)) => self.read_container(key, &path, etag).await,
            None => Ok(None),
        }
    }

    async fn apply(&self, applied: Applied) -> Result<(), FlashError> {
        let Applied { number, placements, released } = applied;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let keys: Vec<Key> = placements.iter().map(|placement| placement.key.clone()).collect();
        let placements = placements.into_iter().map(|placement| store::Placement {
            of: record::described(&placement.key),
            etag: ETag::parse(&placement.etag),
            place: record::cloud_place(placement.place),
            was: placement.was.map(record::cloud_place),
            told: read.remove(&placement.key),
        });
        let released = released.into_iter().map(|dead| {
            let recipes = dead.recipes;
            (dead.segment.0, Box::new(move |recipe| recipes.contains(recipe)) as store::Recipes)
        });
        let (placements, released) = (placements.collect(), released.collect());
        self.store.apply(store::Applied { number, placements, released }).await?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().for_each(|key| _ = read.remove(key));
        Ok(())
    }

    async fn releases(&self, max: usize) -> Result<Vec<Place>, FlashError> {
        Ok(self.store.releases(max).await?.into_iter().map(record::place).collect())
    }

    async fn free(&self, blobs: &[(Key, Place)]) -> Result<u64, FlashError> {
        let blob = |(key, place): &(Key, Place)| match record::described(key)? {
            Described::Blob(path, at) => Some((path, at, record::cloud_place(*place))),
            Described::Container(_) => None,
        };
        Ok(self.store.free(blobs.iter().filter_map(blob).collect()).await?)
    }
}
