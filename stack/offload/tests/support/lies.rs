//! What answers in the target's place: a sign-in page, a broken target, a middlebox, a cache. As the object store's client would tell it, if
//! it believed every answer.

use super::cloud::{Faulty, segment_of};
use super::{World, lock};
use bytes::Bytes;
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta, ObjectStore, PutOptions, PutPayload,
    PutResult, Result,
};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// A page in the place of an answer, with a status that means that all went well.
    Html,
    /// It is done, but it is not; it is not there, but it is.
    Hollow,
    Flip,
    Truncate,
    /// Nobody answers any more: before it was done, or after.
    Drop,
    /// Done twice, the second time later.
    Duplicate,
    /// An answer of earlier.
    Stale,
    /// Followed to a page.
    Redirect,
    Hang,
}

impl Lie {
    pub const ALL: [Lie; 9] = [
        Lie::Html,
        Lie::Hollow,
        Lie::Flip,
        Lie::Truncate,
        Lie::Drop,
        Lie::Duplicate,
        Lie::Stale,
        Lie::Redirect,
        Lie::Hang,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Lie::Html => "lies: html",
            Lie::Hollow => "lies: hollow",
            Lie::Flip => "lies: flip",
            Lie::Truncate => "lies: truncate",
            Lie::Drop => "lies: drop",
            Lie::Duplicate => "lies: duplicate",
            Lie::Stale => "lies: stale",
            Lie::Redirect => "lies: redirect",
            Lie::Hang => "lies: hang",
        }
    }
}

/// What was answered last: a cache that mixes things up answers it again.
#[derive(Debug, Default)]
pub struct Before {
    got: Option<(Option<GetRange>, Bytes)>,
    listed: Vec<ObjectMeta>,
}

const PAGE: &[u8] =
    b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome to our network</body></html>";

fn dropped() -> Error {
    Error::Generic { store: "faulty", source: "the connection was dropped".into() }
}

/// Documents carry an MD5 that every make of target compares; what segments carry, some let pass.
fn is_verified(path: &Path, world: &World) -> bool {
    segment_of(path).is_none() || world.below(2) == 0
}

fn bend(bytes: &Bytes, at: usize) -> Bytes {
    let mut bent = bytes.to_vec();
    bent.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 4);
    bent.into()
}

impl Faulty {
    pub async fn lie_to_put(
        &self,
        lie: Lie,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let world = self.world().clone();
        let well = PutResult { e_tag: Some("\"1\"".into()), version: None, extensions: Default::default() };
        match lie {
            Lie::Html | Lie::Hollow | Lie::Stale | Lie::Redirect => Ok(well),
            Lie::Flip | Lie::Truncate => {
                if is_verified(path, &world) {
                    return Err(Error::Generic { store: "faulty", source: "400 Md5Mismatch".into() });
                }
                let sent = Bytes::from(payload);
                let at = world.below(sent.len() as u64) as usize;
                let sent = if lie == Lie::Flip { bend(&sent, at) } else { sent.slice(..at) };
                world.inner.put_opts(path, sent.into(), options).await
            }
            Lie::Drop => {
                if world.below(2) == 0 {
                    let _ = world.inner.put_opts(path, payload, options).await;
                }
                Err(dropped())
            }
            Lie::Duplicate => {
                let done = world.inner.put_opts(path, payload.clone(), options.clone()).await;
                let (path, after) = (path.clone(), Duration::from_millis(world.below(8_000)));
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    let _ = world.inner.put_opts(&path, payload, options).await;
                });
                done
            }
            Lie::Hang => std::future::pending().await,
        }
    }

    pub async fn lie_to_get(&self, lie: Lie, path: &Path, options: GetOptions) -> Result<GetResult> {
        let world = self.world();
        let missing = || Error::NotFound { path: path.to_string(), source: "404 BlobNotFound".into() };
        let (head, range) = (options.head, options.range.clone());
        // The client refuses an answer to a range that is none.
        let refused = || Error::Generic { store: "faulty", source: "not the range that was asked for".into() };
        let body = match lie {
            Lie::Html | Lie::Redirect if head || range.is_some() => return Err(refused()),
            Lie::Html | Lie::Redirect => Bytes::from_static(PAGE),
            Lie::Hollow => return Err(missing()),
            Lie::Drop => return Err(dropped()),
            Lie::Hang => std::future::pending().await,
            Lie::Duplicate => return world.inner.get_opts(path, options).await,
            Lie::Flip | Lie::Truncate => {
                let body = world.inner.get_opts(path, options).await?.bytes().await?;
                let at = world.below(body.len() as u64) as usize;
                if lie == Lie::Flip { bend(&body, at) } else { body.slice(..at) }
            }
            // What was asked before, of another object too; or from before the object was there.
            Lie::Stale => match lock(&world.before).got.clone() {
                Some((asked, body)) if asked == range && !head => body,
                _ => return Err(missing()),
            },
        };
        let size = body.len() as u64;
        let meta = ObjectMeta {
            location: path.clone(),
            last_modified: Default::default(),
            size,
            e_tag: Some("\"1\"".into()),
            version: None,
        };
        let payload = GetResultPayload::Stream(stream::iter([Ok(body)]).boxed());
        Ok(GetResult { payload, meta, range: 0..size, attributes: Default::default(), extensions: Default::default() })
    }

    /// A whole answer is kept, for `Stale`.
    pub fn remember(&self, range: Option<GetRange>, body: &Bytes) {
        lock(&self.world().before).got = Some((range, body.clone()));
    }

    pub async fn lie_to_list(&self, lie: Lie, prefix: &Path) -> Vec<Result<ObjectMeta>> {
        let world = self.world();
        let mut found: Vec<Result<ObjectMeta>> = world.inner.list(Some(prefix)).collect().await;
        match lie {
            Lie::Html | Lie::Hollow | Lie::Redirect => Vec::new(),
            Lie::Truncate => {
                found.truncate(world.below(found.len() as u64 + 1) as usize);
                found
            }
            Lie::Drop => vec![Err(dropped())],
            Lie::Duplicate => {
                let again: Vec<_> = found.iter().flatten().cloned().map(Ok).collect();
                found.into_iter().chain(again).collect()
            }
            Lie::Flip => {
                let at = world.below(found.len() as u64) as usize;
                for meta in found.iter_mut().skip(at).take(1).flatten() {
                    meta.location = Path::from(meta.location.as_ref().replacen('a', "c", 1));
                }
                found
            }
            Lie::Stale => lock(&world.before).listed.iter().cloned().map(Ok).collect(),
            Lie::Hang => std::future::pending().await,
        }
    }

    pub fn remember_list(&self, found: &[Result<ObjectMeta>]) {
        lock(&self.world().before).listed = found.iter().flatten().cloned().collect();
    }

    /// `delete` removes it, and looks whether it may.
    pub async fn lie_to_delete<F>(&self, lie: Lie, delete: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        match lie {
            Lie::Html | Lie::Hollow | Lie::Stale | Lie::Redirect => Ok(()),
            Lie::Flip | Lie::Truncate => Err(Error::Generic { store: "faulty", source: "400 InvalidInput".into() }),
            Lie::Drop => {
                if self.world().below(2) == 0 {
                    let _ = delete().await;
                }
                Err(dropped())
            }
            Lie::Duplicate => {
                let (again, after) = (delete(), Duration::from_millis(self.world().below(8_000)));
                let done = delete().await;
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    let _ = again.await;
                });
                done
            }
            Lie::Hang => std::future::pending().await,
        }
    }
}

/// Which lies are told.
#[derive(Debug, Clone, Copy)]
pub enum Lying {
    No,
    Now(Lie),
    Mixed,
}

impl World {
    pub fn lie(self: &Arc<Self>) -> Option<Lie> {
        let lie = match self.lying {
            Lying::No => return None,
            Lying::Now(lie) => lie,
            Lying::Mixed => Lie::ALL[self.below(Lie::ALL.len() as u64) as usize],
        };
        self.count(lie.name());
        Some(lie)
    }
}
