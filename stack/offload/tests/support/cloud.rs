//! An object store that is away, slow, throttles, fails, forgets to answer, answers late, and cuts and bends bodies; and that looks at
//! every removal.

use super::lies::Lie;
use super::{Disk, GRACE, Life, ROOT, World, lock, retry};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use greenroom_offload::format::segment;
use greenroom_offload::{Cloud, Hash, log};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Faulty(pub Arc<Life>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Good,
    /// Fails, and nothing has happened.
    Fail,
    /// Has happened, and the answer is lost.
    Lost,
    /// Fails, and happens later.
    Late,
    /// Never answers.
    Hang,
    Cut,
    Bend,
    /// Something else answers.
    Lied(Lie),
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

fn failure(what: &'static str) -> Error {
    Error::Generic { store: "faulty", source: what.into() }
}

impl Faulty {
    pub fn cloud(life: &Arc<Life>) -> Cloud {
        Cloud::new(Arc::new(Faulty(life.clone())), Path::from(ROOT), retry())
    }

    pub fn world(&self) -> &Arc<World> {
        &self.0.world
    }

    async fn fate(&self, operation: &str, path: &Path) -> Fate {
        let world = self.world();
        world.note(&format!("{operation} {path}"));
        self.0.step("crash before").await;
        let away = lock(&world.away_until).is_some_and(|until| tokio::time::Instant::now() < until);
        if away {
            world.count("away");
            return Fate::Fail;
        }
        if world.below(100) >= world.fault_percent.load(SeqCst) {
            return Fate::Good;
        }
        // Half of the faults, where there are lies at all.
        if world.below(2) == 0
            && let Some(lie) = world.lie()
        {
            return Fate::Lied(lie);
        }
        let (name, fate) = match world.below(9) {
            0 => {
                let until = tokio::time::Instant::now() + Duration::from_millis(world.below(20_000));
                *lock(&world.away_until) = Some(until);
                ("outages", Fate::Fail)
            }
            1 => ("throttled", Fate::Fail),
            2 => ("errors", Fate::Fail),
            3 => ("answers lost", Fate::Lost),
            4 => ("late effects", Fate::Late),
            5 => ("hangs", Fate::Hang),
            6 => ("bodies cut", Fate::Cut),
            7 => ("bodies bent", Fate::Bend),
            _ => {
                tokio::time::sleep(Duration::from_millis(world.below(15_000))).await;
                ("slow", Fate::Good)
            }
        };
        world.count(name);
        fate
    }

    /// Runs `act` as fate has it. Acting itself takes no time.
    async fn act<T, F>(&self, fate: Fate, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        match fate {
            Fate::Good | Fate::Cut | Fate::Bend => {
                let done = act.await;
                self.0.step("crash after").await;
                done
            }
            Fate::Lied(_) => unreachable!("whoever acts asks for lies first"),
            Fate::Fail => Err(failure("it failed")),
            Fate::Hang => std::future::pending().await,
            Fate::Lost => {
                let _ = act.await;
                self.0.step("crash after").await;
                Err(failure("the answer was lost"))
            }
            Fate::Late => {
                let after = Duration::from_millis(self.world().below(8_000));
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    let _ = act.await;
                });
                Err(failure("it failed, it seems"))
            }
        }
    }
}

/// Remembers what was rightly asked to go: that may happen after the log has been told that it has.
async fn note_asked(world: &World, path: &Path) {
    let plain = Cloud::new(Arc::new(world.inner.clone()), Path::from(ROOT), retry());
    if let (Some(hash), Ok(state)) = (segment_of(path), log::load(&plain).await)
        && state.condemned.contains_key(&hash)
    {
        lock(&world.asked).insert(hash);
    }
}

/// Looks at what is about to go: nothing that anyone needs, and not before its time.
async fn judge(world: &World, disk: &Mutex<Disk>, path: &Path) {
    let Some(hash) = segment_of(path) else { return world.broken(format!("{path} was removed")) };
    let plain = Cloud::new(Arc::new(world.inner.clone()), Path::from(ROOT), retry());
    match log::load(&plain).await {
        Err(error) => world.broken(format!("the log is broken when {path} goes: {error}")),
        Ok(state) => match state.condemned.get(&hash) {
            // A second attempt to remove what has gone, or one that came late.
            None if lock(&world.removed).contains(&hash) || lock(&world.asked).contains(&hash) => {}
            None => world.broken(format!("{path} was removed without being condemned")),
            Some(condemned) => {
                lock(&world.removed).insert(hash);
                let since = lock(&world.condemned).get(&hash).copied().unwrap_or(condemned.at);
                let waited = world.now() - since;
                if waited < GRACE.as_micros() as i64 {
                    world.broken(format!("{path} was removed {waited} us after it was condemned"));
                }
            }
        },
    }
    let footers = lock(&world.footers);
    for (key, row) in &lock(disk).rows {
        let Some(place) = row.place else { continue };
        let footer = &footers[&place.segment];
        let uses = |part| footer.chunk(part).is_some_and(|(lender, ..)| lender.unwrap_or(place.segment) == hash);
        if place.segment == hash || footer.recipes[place.recipe as usize].parts.iter().any(uses) {
            world.broken(format!("{path} was removed while {key} needed it"));
        }
    }
}

pub fn segment_of(path: &Path) -> Option<Hash> {
    path.filename()?.strip_suffix(".seg")?.parse().ok()
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let (world, to) = (self.world().clone(), path.clone());
        if let Some(hash) = segment_of(path) {
            let footer =
                segment::verify(&Bytes::from(payload.clone()), path.as_ref()).expect("what is written is whole");
            lock(&world.footers).insert(hash, footer);
        }
        match self.fate("put", path).await {
            Fate::Lied(lie) => {
                let answer = self.lie_to_put(lie, path, payload, options).await;
                self.0.step("crash after").await;
                answer
            }
            fate => self.act(fate, async move { world.inner.put_opts(&to, payload, options).await }).await,
        }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.world().inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let fate = self.fate("get", path).await;
        match fate {
            Fate::Fail | Fate::Lost | Fate::Late => return Err(failure("it failed")),
            Fate::Hang => std::future::pending().await,
            Fate::Lied(lie) => return self.lie_to_get(lie, path, options).await,
            Fate::Good | Fate::Cut | Fate::Bend => {}
        }
        let mut answer = self.world().inner.get_opts(path, options.clone()).await?;
        if !options.head {
            let body = self.world().inner.get_opts(path, options.clone()).await?.bytes().await?;
            self.remember(options.range.clone(), &body);
        }
        if matches!(fate, Fate::Cut | Fate::Bend) && !options.head {
            let body = self.world().inner.get_opts(path, options).await?.bytes().await?;
            let at = self.world().below(body.len() as u64) as usize;
            let body = if fate == Fate::Cut {
                body.slice(..at)
            } else {
                let mut bent = body.to_vec();
                bent.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 4);
                bent.into()
            };
            answer.payload = GetResultPayload::Stream(stream::iter([Ok(body)]).boxed());
        }
        Ok(answer)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        paths
            .and_then(move |path| {
                let this = this.clone();
                async move {
                    let (world, disk, to) = (this.world().clone(), this.0.disk.clone(), path.clone());
                    note_asked(&world, &path).await;
                    let delete = move || {
                        let (world, disk, to) = (world.clone(), disk.clone(), to.clone());
                        async move {
                            judge(&world, &disk, &to).await;
                            world.count("segments removed");
                            world.inner.delete(&to).await
                        }
                    };
                    match this.fate("delete", &path).await {
                        Fate::Lied(lie) => this.lie_to_delete(lie, delete).await?,
                        fate => this.act(fate, delete()).await?,
                    }
                    Ok(path)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned().unwrap_or_default());
        let list = async move {
            let fate = this.fate("list", &prefix).await;
            if let Fate::Lied(lie) = fate {
                return stream::iter(this.lie_to_list(lie, &prefix).await);
            }
            let mut found: Vec<_> = this.world().inner.list(Some(&prefix)).collect().await;
            if fate == Fate::Hang {
                std::future::pending::<()>().await;
            }
            this.remember_list(&found);
            if fate != Fate::Good {
                // Some of it arrives, and then it breaks off.
                found.truncate(this.world().below(found.len() as u64 + 1) as usize);
                found.push(Err(failure("the list broke off")));
            }
            stream::iter(found)
        };
        stream::once(list).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.world().inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.world().inner.copy_opts(from, to, options).await
    }
}
