//! The target, with what every use of it needs: bounded retries, lengths that are checked, and writes whose outcome is looked up.

use crate::error::{Error, Result};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use object_store::path::{Path, PathPart};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How patiently one operation is tried. The work as a whole is tried again by its owner, later.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    pub attempts: u32,
    /// Before the second attempt; doubled for each one after.
    pub pause: Duration,
    pub pause_max: Duration,
    /// Of one attempt: a request that hangs is one that failed.
    pub timeout: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            pause: Duration::from_millis(200),
            pause_max: Duration::from_secs(5),
            timeout: Duration::from_secs(120),
        }
    }
}

/// What the target was asked for and what crossed the wire, failed attempts included.
#[derive(Debug, Default)]
pub struct Traffic {
    pub puts: AtomicU64,
    pub gets: AtomicU64,
    pub lists: AtomicU64,
    pub deletes: AtomicU64,
    pub bytes_out: AtomicU64,
    pub bytes_in: AtomicU64,
    pub retries: AtomicU64,
}

/// Whose bytes an object now holds that was to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// Ours: written now, or by an attempt whose answer was lost.
    Ours,
    /// Someone else's. They were there first.
    Theirs(Bytes),
}

/// One volume's folder in a target.
#[derive(Debug, Clone)]
pub struct Cloud {
    store: Arc<dyn ObjectStore>,
    root: Path,
    retry: Retry,
    traffic: Arc<Traffic>,
}

impl Cloud {
    /// `root` is the folder that holds `FORMAT`.
    pub fn new(store: Arc<dyn ObjectStore>, root: Path, retry: Retry) -> Self {
        Self { store, root, retry, traffic: Arc::default() }
    }

    /// The same folder, asked with other patience; what is counted is counted together.
    pub fn with_retry(&self, retry: Retry) -> Self {
        Self { retry, ..self.clone() }
    }

    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Writes an object unless it is there. A write that finds it there reads it back: it may be its own, done by an attempt whose
    /// answer was lost. Err: `Away` leaves open whether it was written, now or later.
    pub async fn create(&self, name: &str, bytes: Bytes) -> Result<Created> {
        let path = self.path(name);
        let mut pause = self.pauses();
        loop {
            self.traffic.puts.fetch_add(1, Relaxed);
            self.traffic.bytes_out.fetch_add(bytes.len() as u64, Relaxed);
            let put = self.store.put_opts(&path, PutPayload::from(bytes.clone()), PutMode::Create.into());
            let error = match self.timed(put).await {
                Ok(_) => return Ok(Created::Ours),
                Err(Fault::Exists) => {
                    let found = self.get(name).await?;
                    return Ok(if found == bytes { Created::Ours } else { Created::Theirs(found) });
                }
                Err(fault) => fault.into_error(name),
            };
            pause.after(error).await?;
        }
    }

    /// Writes an object, whatever was there. For hints only.
    pub async fn overwrite(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.traffic.puts.fetch_add(1, Relaxed);
        self.traffic.bytes_out.fetch_add(bytes.len() as u64, Relaxed);
        let path = self.path(name);
        let put = self.store.put_opts(&path, PutPayload::from(bytes), PutMode::Overwrite.into());
        self.timed(put).await.map(drop).map_err(|fault| fault.into_error(name))
    }

    pub async fn get(&self, name: &str) -> Result<Bytes> {
        self.fetch(name, None).await
    }

    /// Exactly the bytes of the range, or an error.
    pub async fn get_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        self.fetch(name, Some(range)).await
    }

    async fn fetch(&self, name: &str, range: Option<Range<u64>>) -> Result<Bytes> {
        let path = self.path(name);
        let mut pause = self.pauses();
        loop {
            self.traffic.gets.fetch_add(1, Relaxed);
            let error = match self.timed(self.fetch_once(&path, range.clone())).await {
                Ok(Some(bytes)) => {
                    self.traffic.bytes_in.fetch_add(bytes.len() as u64, Relaxed);
                    return Ok(bytes);
                }
                Ok(None) => Error::Away(format!("'{name}' came cut short").into()),
                Err(fault) => fault.into_error(name),
            };
            pause.after(error).await?;
        }
    }

    /// `None` where the body is shorter or longer than the answer's head says it is, or than was asked for.
    async fn fetch_once(&self, path: &Path, range: Option<Range<u64>>) -> object_store::Result<Option<Bytes>> {
        let options = GetOptions { range: range.clone().map(GetRange::Bounded), ..GetOptions::default() };
        let answer = self.store.get_opts(path, options).await?;
        let wanted = range.map_or(answer.meta.size, |range| range.end - range.start);
        let mut body = answer.into_stream();
        let mut bytes = BytesMut::new();
        while let Some(part) = body.try_next().await? {
            if (bytes.len() + part.len()) as u64 > wanted {
                return Ok(None);
            }
            bytes.extend_from_slice(&part);
        }
        Ok((bytes.len() as u64 == wanted).then(|| bytes.freeze()))
    }

    /// Length of an object.
    pub async fn length(&self, name: &str) -> Result<u64> {
        let path = self.path(name);
        let mut pause = self.pauses();
        loop {
            self.traffic.gets.fetch_add(1, Relaxed);
            match self.timed(self.store.head(&path)).await {
                Ok(meta) => return Ok(meta.size),
                Err(fault) => pause.after(fault.into_error(name)).await?,
            }
        }
    }

    /// Every object in a folder, by its name below the root, and its length. Any error is the list's: part of a list is none.
    pub async fn list(&self, folder: &str) -> Result<Vec<(String, u64)>> {
        let path = self.path(folder);
        let mut pause = self.pauses();
        loop {
            self.traffic.lists.fetch_add(1, Relaxed);
            let listing = self.store.list(Some(&path)).try_collect::<Vec<ObjectMeta>>();
            match self.timed(listing).await {
                Ok(found) => {
                    let named = found.into_iter().filter_map(|meta| Some((self.name(&meta.location)?, meta.size)));
                    return Ok(named.collect());
                }
                Err(fault) => pause.after(fault.into_error(folder)).await?,
            }
        }
    }

    /// Removes an object; one that is gone already counts as removed.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        let mut pause = self.pauses();
        loop {
            self.traffic.deletes.fetch_add(1, Relaxed);
            let mut deleted = self.store.delete_stream(futures::stream::iter([Ok(path.clone())]).boxed());
            let delete = async { deleted.try_next().await };
            match self.timed(delete).await.map_err(|fault| fault.into_error(name)) {
                Ok(_) | Err(Error::Missing(_)) => return Ok(()),
                Err(error) => pause.after(error).await?,
            }
        }
    }

    fn path(&self, name: &str) -> Path {
        self.root.parts().chain(name.split('/').map(PathPart::from)).collect()
    }

    fn name(&self, path: &Path) -> Option<String> {
        let parts: Vec<_> = path.prefix_match(&self.root)?.map(|part| part.as_ref().to_owned()).collect();
        Some(parts.join("/"))
    }

    async fn timed<T>(&self, attempt: impl Future<Output = object_store::Result<T>>) -> Result<T, Fault> {
        match tokio::time::timeout(self.retry.timeout, attempt).await {
            Ok(outcome) => outcome.map_err(Fault::from),
            Err(_) => Err(Fault::Other(Error::Away("no answer in time".into()))),
        }
    }

    fn pauses(&self) -> Pauses<'_> {
        Pauses { retry: &self.retry, traffic: &self.traffic, failed: 0 }
    }
}

/// What an attempt failed with, as far as it matters here.
enum Fault {
    Exists,
    Missing,
    Other(Error),
}

impl Fault {
    fn into_error(self, name: &str) -> Error {
        match self {
            Fault::Exists => Error::Log(format!("'{name}' is there already").into()),
            Fault::Missing => Error::Missing(name.into()),
            Fault::Other(error) => error,
        }
    }
}

impl From<object_store::Error> for Fault {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error as E;
        match error {
            E::AlreadyExists { .. } | E::Precondition { .. } => Fault::Exists,
            E::NotFound { .. } => Fault::Missing,
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
                Fault::Other(Error::Refused(error.to_string().into()))
            }
            // Whatever else there is or will be: nothing is known to have happened, and time may heal it.
            error => Fault::Other(Error::Away(error.to_string().into())),
        }
    }
}

struct Pauses<'a> {
    retry: &'a Retry,
    traffic: &'a Traffic,
    failed: u32,
}

impl Pauses<'_> {
    /// Waits before the next attempt, or gives the error back: at once where trying again is no use.
    async fn after(&mut self, error: Error) -> Result<()> {
        self.failed += 1;
        if self.failed >= self.retry.attempts || !matches!(error, Error::Away(_)) {
            return Err(error);
        }
        self.traffic.retries.fetch_add(1, Relaxed);
        let pause = self.retry.pause.saturating_mul(1 << (self.failed - 1).min(16)).min(self.retry.pause_max);
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
