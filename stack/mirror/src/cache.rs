//! Which mirrored content is kept on flash: what was read before, and what is pinned, as far as the mirror's cache goes.

use greenroom_model::{AccountName, BlobName, BlobPath, ContainerPath};
use greenroom_store::{Cached, Store, StoreError};
use std::cmp::Reverse;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Wishes that wait; what does not fit comes with the next read, or the next list.
const WANTED_MAX: usize = 4_096;
/// Room is made beyond what is needed at once, since finding what goes takes a walk.
const ROOM_PERCENT: u64 = 90;

/// Asks for content to be brought to flash. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Wants {
    wanted: Option<mpsc::Sender<BlobPath>>,
    pinned: Arc<[String]>,
}

impl Wants {
    /// Of a mirror that caches nothing.
    pub fn nothing() -> Self {
        Self { wanted: None, pinned: Arc::new([]) }
    }

    pub fn is_pinned(&self, name: &BlobName) -> bool {
        self.wanted.is_some() && self.pinned.iter().any(|prefix| name.as_str().starts_with(prefix))
    }

    pub fn want(&self, path: BlobPath) {
        if let Some(wanted) = &self.wanted {
            // Full: it comes with the next read.
            let _ = wanted.try_send(path);
        }
    }
}

/// The cache of one mirror.
#[derive(Debug)]
pub struct Cache {
    store: Store,
    account: AccountName,
    mirror: String,
    bytes_max: u64,
    pinned: Arc<[String]>,
    wanted: mpsc::Receiver<BlobPath>,
}

impl Cache {
    pub fn new(store: Store, account: AccountName, mirror: String, bytes_max: u64, pinned: &[String]) -> (Self, Wants) {
        let (wants, wanted) = mpsc::channel(WANTED_MAX);
        let pinned: Arc<[String]> = pinned.into();
        let wants = Wants { wanted: (bytes_max > 0).then_some(wants), pinned: pinned.clone() };
        (Self { store, account, mirror, bytes_max, pinned, wanted }, wants)
    }

    /// Brings what is asked for, one after the other, until nobody can ask any more.
    pub async fn keep(mut self) {
        while let Some(path) = self.wanted.recv().await {
            if let Err(error) = self.bring(&path).await {
                tracing::debug!(%path, %error, "a mirrored blob was not cached");
            }
        }
    }

    async fn bring(&self, path: &BlobPath) -> Result<(), StoreError> {
        let blob = self.store.blob(path).await?;
        let bytes = blob.props.length;
        if !blob.is_mirrored() || !blob.is_elsewhere() || bytes > self.bytes_max {
            return Ok(());
        }
        let etag = blob.props.etag;
        drop(blob);
        self.make_room(bytes).await?;
        self.store.bring_back(path, None, etag).await.map(drop)
    }

    async fn make_room(&self, bytes: u64) -> Result<(), StoreError> {
        let held = self.store.held_by_mirror(&self.account, &self.mirror).bytes;
        if held + bytes <= self.bytes_max {
            return Ok(());
        }
        let mut cached = Vec::new();
        for (container, _) in self.store.containers_of_mirror(&self.account, &self.mirror) {
            cached.extend(self.store.cached(&ContainerPath { account: self.account.clone(), container }).await?);
        }
        let keep = (self.bytes_max / 100 * ROOM_PERCENT).saturating_sub(bytes);
        let gone = victims(cached, &self.pinned, keep);
        if gone.is_empty() {
            let needed_bytes = bytes;
            return Err(StoreError::Full { needed_bytes, free_bytes: self.bytes_max.saturating_sub(held) });
        }
        self.store.forget_cached(gone).await.map(drop)
    }
}

/// What goes so that no more than so many bytes stay: what was read longest ago, and of what is pinned nothing. Pure.
fn victims(mut cached: Vec<Cached>, pinned: &[String], keep_bytes: u64) -> Vec<Cached> {
    let mut held: u64 = cached.iter().map(|cached| cached.bytes).sum();
    cached.retain(|cached| !pinned.iter().any(|prefix| cached.path.name.as_str().starts_with(prefix)));
    cached.sort_by_key(|cached| (cached.used, Reverse(cached.bytes)));
    cached.retain(|cached| {
        let goes = held > keep_bytes;
        if goes {
            held -= cached.bytes;
        }
        goes
    });
    cached
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_model::ContainerName;
    use greenroom_store::{ETag, Timestamp};

    #[test]
    fn what_was_read_longest_ago_goes_and_what_is_pinned_stays() {
        let container = ContainerPath {
            account: AccountName::new("photos").expect("a good name"),
            container: ContainerName::new("lake").expect("a good name"),
        };
        let cached = |name: &str, used: i64| Cached {
            path: container.clone().blob(BlobName::new(name).expect("a good name")),
            etag: ETag(1),
            bytes: 10,
            used: Timestamp(used),
        };
        let all = vec![cached("new", 9), cached("pin/old", 0), cached("old", 1), cached("older", 0)];
        let names = |keep: u64| {
            let gone = victims(all.clone(), &["pin/".to_owned()], keep);
            gone.into_iter().map(|cached| cached.path.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(40), [""; 0]);
        assert_eq!(names(30), ["older"]);
        assert_eq!(names(15), ["older", "old", "new"]);
        assert_eq!(names(0), ["older", "old", "new"]);
    }
}
