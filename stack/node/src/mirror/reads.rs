//! Reads of what is mirrored and not here.

use super::Mirrors;
use super::task::Task;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use greenroom_mirror::{OriginError, look_now};
use greenroom_model::{BlobPath, TenantName};
use greenroom_store::{Origins, Result, ShownIn, Store, StoreError};
use std::ops::Range;
use std::sync::{Arc, Weak};

#[derive(Debug)]
pub struct Reads(Weak<Mirrors>);

/// A mirrored blob, and what reaches it.
struct Found {
    store: Store,
    task: Arc<Task>,
    shown: ShownIn,
    blob: BlobPath,
}

impl Reads {
    /// Holds on to nothing: mirrors end before their store does.
    pub fn of(mirrors: &Arc<Mirrors>) -> Self {
        Self(Arc::downgrade(mirrors))
    }

    fn find(&self, blob: &BlobPath) -> Result<Found> {
        let away = |why: &str| StoreError::Away(why.into());
        let mirrors = self.0.upgrade().ok_or_else(|| away("the server is stopping"))?;
        let shown = mirrors.store.mirrored(&blob.container);
        let shown =
            shown.ok_or_else(|| away("the mirror that it came by is detached, and its content was not kept here"))?;
        let name = TenantName::new(shown.mirror.clone()).map_err(|_| away("its mirror has no good name"))?;
        let task = mirrors.task(&blob.container.account, &name);
        let task = task.ok_or_else(|| away("its mirror cannot be taken up"))?;
        Ok(Found { store: mirrors.store.clone(), task, shown, blob: blob.clone() })
    }
}

impl Origins for Reads {
    fn read(
        &self,
        blob: &BlobPath,
        etag: String,
        range: Range<u64>,
        again: bool,
    ) -> BoxFuture<'static, Result<BoxStream<'static, Result<Bytes>>>> {
        let found = self.find(blob);
        async move {
            let found = found?;
            let Found { task, shown, blob, .. } = &found;
            if again {
                task.wants.want(blob.clone());
            }
            task.standing.known().counts.reads += 1;
            match task.origin.read(&shown.there, blob.name.as_str(), &etag, range).await {
                Ok(content) => {
                    let standing = task.standing.clone();
                    let counted = content.map(move |part| match part {
                        Ok(bytes) => {
                            standing.known().counts.bytes_read += bytes.len() as u64;
                            Ok(bytes)
                        }
                        Err(error) => Err(away(&error)),
                    });
                    Ok(counted.boxed())
                }
                Err(OriginError::Changed | OriginError::Missing) => {
                    look(&found).await?;
                    Err(StoreError::OriginChanged)
                }
                Err(error) => Err(away(&error)),
            }
        }
        .boxed()
    }

    fn look(&self, blob: &BlobPath) -> BoxFuture<'static, Result<()>> {
        let found = self.find(blob);
        async move { look(&found?).await }.boxed()
    }
}

/// In its turn: what the mirror's task has asked for before is put down before.
async fn look(found: &Found) -> Result<()> {
    let Found { store, task, shown, blob } = found;
    let _one_at_a_time = task.turns.lock().await;
    let parts = (&*task.standing, &task.wants);
    look_now(store, &*task.origin, parts, shown, blob).await?.map_err(|error| away(&error))
}

fn away(error: &OriginError) -> StoreError {
    StoreError::Away(format!("the origin: {error}").into())
}
