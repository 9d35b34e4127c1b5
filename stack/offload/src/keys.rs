//! Tenants' data keys, wrapped, where what they seal lies: `docs/OFFLOAD_FORMAT.md`.

use crate::cloud::{Cloud, Created};
use crate::error::{Error, Result};
use crate::format::document::{self, Kind};
use crate::format::footer::Base64;
use crate::layout;
use crate::seal::KeyId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A data key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptKey {
    pub id: KeyId,
    pub tenant: String,
    /// Counts the keys of the tenant, from 1.
    pub generation: u32,
    /// Who wraps it.
    pub by: String,
    pub algorithm: String,
    pub wrapped: Base64,
    /// Microseconds since the Unix epoch.
    pub created: i64,
}

/// What a volume keeps of keys: of each the latest, with its number.
#[derive(Debug, Clone, Default)]
pub struct KeptKeys(BTreeMap<KeyId, (u64, KeptKey)>);

impl KeptKeys {
    pub async fn load(cloud: &Cloud) -> Result<Self> {
        let mut latest: BTreeMap<KeyId, u64> = BTreeMap::new();
        for (name, _) in cloud.list(layout::KEYS).await? {
            let Some((id, number)) = layout::key_of(&name) else { continue };
            let known = latest.entry(id).or_default();
            *known = number.max(*known);
        }
        let mut kept = Self::default();
        for (id, number) in latest {
            match read(cloud, id, number).await {
                Ok(key) => _ = kept.0.insert(id, (number, key)),
                // It has been erased, or wrapped anew, meanwhile: whoever needs it asks again.
                Err(Error::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }

    pub fn all(&self) -> impl Iterator<Item = &KeptKey> {
        self.0.values().map(|(_, key)| key)
    }

    pub fn has(&self, id: KeyId) -> bool {
        self.0.contains_key(&id)
    }

    /// Keeps a key as it is wrapped now. What there was of it before goes once this one has been read back.
    pub async fn keep(&mut self, cloud: &Cloud, key: &KeptKey) -> Result<()> {
        let before = match self.0.get(&key.id) {
            Some((_, known)) if known == key => return Ok(()),
            Some((number, _)) => *number,
            None => 0,
        };
        let number = before + 1;
        let bytes = document::encode(Kind::Key, key)?;
        // Of somebody who has wrapped it at the same time, or ours, of an attempt whose answer was lost: what is read back decides.
        let (Created::Ours | Created::Theirs(_)) = cloud.create(&layout::key(key.id, number), bytes.into()).await?;
        if read(cloud, key.id, number).await? != *key {
            return Err(Error::Away(format!("key {} has been wrapped anew by somebody else", key.id).into()));
        }
        self.0.insert(key.id, (number, key.clone()));
        self.remove(cloud, key.id, |other| other < number).await
    }

    /// Nothing that it has sealed can be read by this volume again.
    pub async fn erase(&mut self, cloud: &Cloud, id: KeyId) -> Result<()> {
        self.remove(cloud, id, |_| true).await?;
        self.0.remove(&id);
        Ok(())
    }

    async fn remove(&self, cloud: &Cloud, id: KeyId, goes: impl Fn(u64) -> bool) -> Result<()> {
        for (name, _) in cloud.list(&layout::key_folder(id)).await? {
            if layout::key_of(&name).is_some_and(|(other, number)| other == id && goes(number)) {
                cloud.delete(&name).await?;
            }
        }
        Ok(())
    }
}

async fn read(cloud: &Cloud, id: KeyId, number: u64) -> Result<KeptKey> {
    let name = layout::key(id, number);
    let key: KeptKey = document::decode(Kind::Key, &cloud.get(&name).await?, &name)?;
    if key.id == id { Ok(key) } else { Err(Error::damaged(&name, "it is another key")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Retry;
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use std::sync::Arc;

    fn key(byte: u8, wrapped: u8) -> KeptKey {
        KeptKey {
            id: KeyId([byte; 16]),
            tenant: "gold".into(),
            generation: 1,
            by: "node".into(),
            algorithm: "A256GCM".into(),
            wrapped: Base64(vec![wrapped; 60]),
            created: 7,
        }
    }

    #[tokio::test]
    async fn the_latest_of_each_is_kept_until_it_is_erased() {
        let cloud = Cloud::new(Arc::new(InMemory::new()), Path::from("v1/main"), Retry::default());
        let mut kept = KeptKeys::load(&cloud).await.expect("there are none");
        assert_eq!(kept.all().count(), 0);
        for key in [key(1, 1), key(1, 1), key(2, 2), key(1, 3)] {
            kept.keep(&cloud, &key).await.expect("kept");
        }
        let names = async || cloud.list(layout::KEYS).await.expect("a list").len();
        assert_eq!(names().await, 2, "what was before is gone");
        let mut again = KeptKeys::load(&cloud).await.expect("loaded");
        assert_eq!(again.all().cloned().collect::<Vec<_>>(), [key(1, 3), key(2, 2)]);
        // One who knows less than what is there does not undo it.
        let mut stale = KeptKeys(BTreeMap::from([(key(1, 1).id, (1, key(1, 1)))]));
        assert!(matches!(stale.keep(&cloud, &key(1, 4)).await, Err(Error::Away(_))));
        again.erase(&cloud, key(1, 3).id).await.expect("erased");
        assert_eq!(names().await, 1);
        assert!(!again.has(key(1, 3).id) && KeptKeys::load(&cloud).await.expect("loaded").has(key(2, 2).id));
    }
}
