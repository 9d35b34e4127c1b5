//! What has been fetched lately, and what is being fetched: each thing once for all who want it, and no longer than anybody does.

use super::memory::Memory;
use crate::error::{Error, Result};
use crate::volume::lock;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Mutex;
use tokio::sync::oneshot;
use tracing::Instrument as _;

/// What comes to all who wait for it; to drop it is to wait no longer.
pub type Coming<T> = Shared<BoxFuture<'static, Result<T>>>;

/// Things `V` that are kept, and fetches that bring a `T` with one or more of them: one lock decides which a reader gets.
#[derive(Debug)]
pub struct Known<K, V, T: Clone> {
    pub kept: Memory<K, V>,
    coming: HashMap<K, WeakShared<BoxFuture<'static, Result<T>>>>,
}

impl<K: Hash + Eq + Copy, V: Clone, T: Clone> Known<K, V, T> {
    pub fn new(bytes_max: usize) -> Self {
        Self { kept: Memory::new(bytes_max), coming: HashMap::new() }
    }

    /// As long as somebody waits for it.
    pub fn coming(&self, key: &K) -> Option<Coming<T>> {
        self.coming.get(key).and_then(WeakShared::upgrade)
    }

    pub fn expect(&mut self, key: K, coming: &Coming<T>) {
        self.coming.extend(coming.downgrade().map(|coming| (key, coming)));
    }
}

/// Carries a fetch out in a task of its own: it goes on while its reader's client is slow, and ends, wherever it is, once nobody waits.
pub fn fetched<T: Clone + Send + Sync + 'static>(fetch: impl Future<Output = Result<T>> + Send + 'static) -> Coming<T> {
    let (mut got, coming) = oneshot::channel();
    let fetching = async move {
        tokio::select! {
            biased;
            () = got.closed() => {}
            // Whoever has gone this very moment hears nothing.
            outcome = fetch => drop(got.send(outcome)),
        }
    };
    // Of whoever wants it first.
    tokio::spawn(fetching.in_current_span());
    async move { coming.await.unwrap_or(Err(Error::Away("a request was lost".into()))) }.boxed().shared()
}

/// Takes a fetch out of those that are coming, however it ends.
pub struct Forget<'k, K: Hash + Eq + Copy, V: Clone, T: Clone> {
    pub known: &'k Mutex<Known<K, V, T>>,
    pub keys: Vec<K>,
    /// And was not given up.
    pub has_ended: bool,
}

impl<K: Hash + Eq + Copy, V: Clone, T: Clone> Drop for Forget<'_, K, V, T> {
    fn drop(&mut self) {
        let mut known = lock(self.known);
        for key in &self.keys {
            // Somebody who came a moment after the last one had gone has asked again: that is another fetch, and stays.
            if self.has_ended || known.coming(key).is_none() {
                known.coming.remove(key);
            }
        }
    }
}
