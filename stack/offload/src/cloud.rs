//! The target, with what every use of it needs: bounded retries, lengths that are checked, and writes that count once what they wrote has
//! been read back. Why: `docs/design/seen-in-the-cloud.md`.

use crate::error::{Error, Result};
use crate::hash::Hash;
use bytes::{Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, Digest};
use futures::{StreamExt, TryStreamExt};
use object_store::path::{Path, PathPart};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tracing::Instrument as _;

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

/// Whose bytes an object now holds that was to be created. They have been read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// Ours: written now, or by an attempt whose answer was lost.
    Ours,
    /// Others. They were there first, or ours were bent on the way.
    Theirs(Bytes),
}

/// Whether what was read is what was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Whole,
    /// Other bytes, or more or fewer.
    Other,
    Missing,
}

/// By what an object is known again, with its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// By its name: for what lies there from before.
    Hash(Hash),
    /// For what was sent a moment ago: a tenth of the work, and as good against whatever bends bytes by accident.
    Crc64(u64),
}

impl Mark {
    pub fn of_sent(bytes: &[u8]) -> Mark {
        Mark::Crc64(crc_fast::checksum(CrcAlgorithm::Crc64Nvme, bytes))
    }

    fn reader(self) -> MarkReader {
        match self {
            Mark::Hash(_) => MarkReader::Hash(Box::default()),
            Mark::Crc64(_) => MarkReader::Crc64(Box::new(Digest::new(CrcAlgorithm::Crc64Nvme))),
        }
    }
}

/// Reads a mark part by part.
enum MarkReader {
    Hash(Box<blake3::Hasher>),
    Crc64(Box<Digest>),
}

impl MarkReader {
    fn push(&mut self, part: &[u8]) {
        match self {
            MarkReader::Hash(hasher) => {
                hasher.update(part);
            }
            MarkReader::Crc64(digest) => digest.update(part),
        }
    }

    fn mark(self) -> Mark {
        match self {
            MarkReader::Hash(hasher) => Mark::Hash(Hash(hasher.finalize().into())),
            MarkReader::Crc64(digest) => Mark::Crc64(digest.finalize()),
        }
    }
}

/// What comes back bent may have been bent on its way back: it is read so often before that is believed.
const LOOKS_MAX: u32 = 3;

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

    /// Writes an object unless it is there, and reads it back: whatever answered the write, what counts is what the target holds. What is
    /// found may be our own, of an attempt whose answer was lost. Err: `Away` leaves open whether it was written, now or later.
    pub async fn create(&self, name: &str, bytes: Bytes) -> Result<Created> {
        let mut pause = self.pauses();
        loop {
            self.put(name, bytes.clone()).await?;
            let error = match self.look(name, &bytes).await {
                Ok(None) => return Ok(Created::Ours),
                Ok(Some(found)) => return Ok(Created::Theirs(found)),
                Err(Error::Missing(_)) => Error::kept_nothing(name),
                Err(error) => return Err(error),
            };
            pause.after(error).await?;
        }
    }

    /// Writes an object unless it is there, and nothing more is known when this returns: `see` tells.
    pub(crate) async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        let path = self.path(name);
        let mut pause = self.pauses();
        loop {
            self.traffic.puts.fetch_add(1, Relaxed);
            self.traffic.bytes_out.fetch_add(bytes.len() as u64, Relaxed);
            let put = self.store.put_opts(&path, PutPayload::from(bytes.clone()), PutMode::Create.into());
            match self.timed("put", put).await {
                Ok(_) | Err(Fault::Exists) => return Ok(()),
                Err(fault) => pause.after(fault.into_error(name)).await?,
            }
        }
    }

    /// Writes an object, whatever was there, and reads it back. For hints only: another writer's may come between.
    pub async fn overwrite(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.traffic.puts.fetch_add(1, Relaxed);
        self.traffic.bytes_out.fetch_add(bytes.len() as u64, Relaxed);
        let path = self.path(name);
        let put = self.store.put_opts(&path, PutPayload::from(bytes.clone()), PutMode::Overwrite.into());
        self.timed("put", put).await.map_err(|fault| fault.into_error(name))?;
        match self.look(name, &bytes).await? {
            None => Ok(()),
            Some(_) => Err(Error::bent(name)),
        }
    }

    /// `None` where the object holds those bytes; else what it holds.
    async fn look(&self, name: &str, bytes: &Bytes) -> Result<Option<Bytes>> {
        let mut looks = 1;
        loop {
            let found = self.get(name).await?;
            if found == *bytes {
                return Ok(None);
            }
            if looks == LOOKS_MAX {
                return Ok(Some(found));
            }
            looks += 1;
        }
    }

    /// Reads an object through, and compares its mark. Nothing of it is kept.
    pub(crate) async fn see(&self, name: &str, mark: Mark, length: u64) -> Result<Seen> {
        let path = self.path(name);
        let (mut pause, mut looks) = (self.pauses(), 1);
        loop {
            self.traffic.gets.fetch_add(1, Relaxed);
            match self.timed("get", self.mark_once(&path, mark, length)).await {
                Ok(found) if found == Some(mark) => return Ok(Seen::Whole),
                Ok(_) if looks == LOOKS_MAX => return Ok(Seen::Other),
                Ok(_) => looks += 1,
                Err(Fault::Missing) => return Ok(Seen::Missing),
                Err(fault) => pause.after(fault.into_error(name)).await?,
            }
        }
    }

    /// `None` where it is not that long.
    async fn mark_once(&self, path: &Path, mark: Mark, length: u64) -> object_store::Result<Option<Mark>> {
        let answer = self.store.get_opts(path, GetOptions::default()).await?;
        let (mut reader, mut read) = (mark.reader(), 0);
        let mut body = answer.into_stream();
        while let Some(part) = body.try_next().await? {
            read += part.len() as u64;
            self.traffic.bytes_in.fetch_add(part.len() as u64, Relaxed);
            if read > length {
                return Ok(None);
            }
            reader.push(&part);
        }
        Ok((read == length).then(|| reader.mark()))
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
            let error = match self.timed("get", self.fetch_once(&path, range.clone())).await {
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
            match self.timed("head", self.store.head(&path)).await {
                Ok(meta) => return Ok(meta.size),
                Err(fault) => pause.after(fault.into_error(name)).await?,
            }
        }
    }

    /// Every object in a folder, by its name below the root, and its length. Any error is the list's: part of a list is none, and one with
    /// something else in it is that of another folder.
    pub async fn list(&self, folder: &str) -> Result<Vec<(String, u64)>> {
        let path = self.path(folder);
        let mut pause = self.pauses();
        loop {
            self.traffic.lists.fetch_add(1, Relaxed);
            let listing = self.store.list(Some(&path)).try_collect::<Vec<ObjectMeta>>();
            match self.timed("list", listing).await {
                Ok(found) => match self.names(folder, found) {
                    Some(named) => return Ok(named.into_iter().collect()),
                    None => pause.after(Error::Away(format!("what came is no list of '{folder}'").into())).await?,
                },
                Err(Fault::Missing) => {
                    pause.after(Error::Away(format!("the target has no place for '{folder}'").into())).await?;
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
            match self.timed("delete", delete).await.map_err(|fault| fault.into_error(name)) {
                Ok(_) | Err(Error::Missing(_)) => return Ok(()),
                Err(error) => pause.after(error).await?,
            }
        }
    }

    fn path(&self, name: &str) -> Path {
        self.root.parts().chain(name.split('/').map(PathPart::from)).collect()
    }

    /// Each once. `None` where one is not in the folder.
    fn names(&self, folder: &str, found: Vec<ObjectMeta>) -> Option<BTreeMap<String, u64>> {
        let named = found.into_iter().map(|meta| {
            let name = self.name(&meta.location)?;
            let within = name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
            within.then_some((name, meta.size))
        });
        named.collect()
    }

    fn name(&self, path: &Path) -> Option<String> {
        let parts: Vec<_> = path.prefix_match(&self.root)?.map(|part| part.as_ref().to_owned()).collect();
        Some(parts.join("/"))
    }

    async fn timed<T>(
        &self,
        operation: &'static str,
        attempt: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Fault> {
        let span = tracing::debug_span!("cloud", otel.kind = "client", operation, status = tracing::field::Empty);
        match tokio::time::timeout(self.retry.timeout, attempt).instrument(span).await {
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
