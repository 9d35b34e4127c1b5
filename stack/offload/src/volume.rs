//! A volume opened for writing: one writer at a time, which a number in the log decides.

use crate::cloud::{Cloud, Created, Mark, Seen};
use crate::error::{Error, Result};
use crate::format::document::{self, Kind};
use crate::format::segment::{Origin, Sealed, SegmentInfo};
use crate::hash::{Hash, TenantKey};
use crate::log::{self, AuditHead, Change, Format, Manifest, State};
use crate::seal::Seal;
use crate::{format, layout};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Random numbers that come in from outside, so that a test can decide them.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// Of this process: no other writer has it.
    pub writer: [u8; 16],
    /// For a volume that is made now.
    pub volume: [u8; 16],
    pub id_key: [u8; 32],
}

impl Identity {
    /// Err: the system gives no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes)?;
        Ok(Self { writer: format::take(&bytes, 0), volume: format::take(&bytes, 16), id_key: format::take(&bytes, 32) })
    }
}

#[derive(Debug)]
pub struct Volume {
    cloud: Cloud,
    format: Format,
    id: [u8; 16],
    epoch: u64,
    writer: String,
    /// Held while a commit runs: manifests are written one after the other.
    commits: tokio::sync::Mutex<()>,
    state: Mutex<Arc<State>>,
    /// Why no commit can follow.
    ended: Mutex<Option<Error>>,
    sequence: AtomicU64,
    /// Segments that are being written or wait for their commit: not in the log, and yet no garbage.
    in_flight: Mutex<BTreeSet<Hash>>,
    /// Segments that this process has read back from the target, whole.
    seen: Mutex<BTreeSet<Hash>>,
}

/// Keeps a segment from being taken for garbage, until dropped.
#[derive(Debug)]
pub struct InFlight {
    volume: Arc<Volume>,
    pub info: SegmentInfo,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.volume.in_flight).remove(&self.info.hash);
    }
}

/// A volume about to be taken over: the manifest that does it is decided, and not written.
#[derive(Debug)]
pub struct Claim {
    cloud: Cloud,
    format: Format,
    /// As it is once the manifest is there.
    state: State,
    manifest: Manifest,
    bytes: Bytes,
    hash: Hash,
}

impl Claim {
    /// Of a volume whose log ends at `state`. `audit` and `now` as in manifests.
    pub fn new(
        cloud: Cloud,
        format: Format,
        mut state: State,
        identity: &Identity,
        audit: Option<AuditHead>,
        now: i64,
    ) -> Result<Self> {
        let writer = format!("{:032x}", u128::from_be_bytes(identity.writer));
        let manifest = Manifest { audit, ..next(&state, state.epoch + 1, &writer, now, Change::default()) };
        let bytes = Bytes::from(manifest.encode()?);
        let hash = Hash::of(&bytes);
        state.apply(&manifest, hash)?;
        Ok(Self { cloud, format, state, manifest, bytes, hash })
    }

    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Whoever wrote to the volume before can no longer commit. `None` where another entry was faster: the log is to be read again.
    pub async fn take(self) -> Result<Option<Arc<Volume>>> {
        let Self { cloud, format, state, manifest, bytes, .. } = self;
        if let Created::Theirs(_) = cloud.create(&layout::manifest(manifest.number), bytes.clone()).await? {
            return Ok(None);
        }
        log::write_copy(&cloud, manifest.number, bytes).await;
        Ok(Some(Arc::new(Volume {
            id: format.volume_id()?,
            cloud,
            format,
            epoch: manifest.epoch,
            writer: manifest.writer,
            commits: tokio::sync::Mutex::default(),
            state: Mutex::new(Arc::new(state)),
            ended: Mutex::default(),
            sequence: AtomicU64::new(0),
            in_flight: Mutex::default(),
            seen: Mutex::default(),
        })))
    }
}

/// A change about to be committed. Dropped before it is written, it has not been.
#[derive(Debug)]
pub struct Prepared<'a> {
    volume: &'a Volume,
    _one_at_a_time: tokio::sync::MutexGuard<'a, ()>,
    /// As it is once the manifest is there.
    state: State,
    bytes: Bytes,
    hash: Hash,
}

impl Volume {
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    pub fn format(&self) -> &Format {
        &self.format
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What names the chunks of a tenant, sealed by its key or not at all.
    pub fn chunk_names(&self, tenant: &str, seal: Option<&Arc<dyn Seal>>) -> TenantKey {
        match seal {
            Some(seal) => seal.chunk_names(),
            None => TenantKey::derive(&self.format.id_key.0, tenant),
        }
    }

    /// As of the last commit.
    pub fn state(&self) -> Arc<State> {
        lock(&self.state).clone()
    }

    /// For the next segment: no other has it.
    pub fn origin(&self) -> Origin {
        Origin { volume: self.id, epoch: self.epoch, sequence: self.sequence.fetch_add(1, Relaxed) }
    }

    pub(crate) fn is_in_flight(&self, hash: &Hash) -> bool {
        lock(&self.in_flight).contains(hash)
    }

    /// Writes a segment, and reads it back: `uploading` is let go of in between, when its bytes are. It counts for nothing until a commit
    /// adds it.
    pub async fn upload<P>(self: &Arc<Self>, sealed: Sealed, uploading: P) -> Result<InFlight> {
        let Sealed { info, bytes, .. } = sealed;
        lock(&self.in_flight).insert(info.hash);
        let guard = InFlight { volume: self.clone(), info };
        let name = layout::segment(&guard.info.hash);
        let sent = Mark::of_sent(&bytes);
        self.cloud.put(&name, bytes.into()).await?;
        drop(uploading);
        match self.cloud.see(&name, sent, guard.info.bytes).await? {
            Seen::Whole => {
                lock(&self.seen).insert(guard.info.hash);
                Ok(guard)
            }
            Seen::Other => Err(Error::bent(&name)),
            Seen::Missing => Err(Error::kept_nothing(&name)),
        }
    }

    /// Whether the target holds a segment. What this process has seen once is not looked at again.
    pub(crate) async fn see(&self, info: &SegmentInfo) -> Result<Seen> {
        if lock(&self.seen).contains(&info.hash) {
            return Ok(Seen::Whole);
        }
        let seen = self.cloud.see(&layout::segment(&info.hash), Mark::Hash(info.hash), info.bytes).await?;
        if seen == Seen::Whole {
            lock(&self.seen).insert(info.hash);
        }
        Ok(seen)
    }

    /// Decides the next manifest. `still_valid` is asked under the lock, about the state that the change is going to follow.
    /// Err: `Fenced`, `InDoubt` where this volume has ended; `Log` and `Stale` refuse the change.
    pub async fn prepare(
        &self,
        change: Change,
        audit: Option<AuditHead>,
        now: i64,
        still_valid: impl FnOnce(&State) -> Result<()>,
    ) -> Result<Prepared<'_>> {
        let one_at_a_time = self.commits.lock().await;
        if let Some(error) = lock(&self.ended).clone() {
            return Err(error);
        }
        let mut state = State::clone(&self.state());
        still_valid(&state)?;
        let manifest = Manifest { audit, ..next(&state, self.epoch, &self.writer, now, change) };
        let bytes = Bytes::from(manifest.encode()?);
        let hash = Hash::of(&bytes);
        // Before it is written: what cannot be read back must not get into the log.
        state.apply(&manifest, hash)?;
        Ok(Prepared { volume: self, _one_at_a_time: one_at_a_time, state, bytes, hash })
    }
}

impl Prepared<'_> {
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The commit point: once this returns, the change is part of the volume, and what it adds can be rebuilt from the cloud alone.
    /// Err: `Fenced`, `InDoubt` end the volume for good.
    pub async fn commit(self) -> Result<Arc<State>> {
        let Self { volume, state, bytes, .. } = &self;
        let in_doubt = EndedUnless { ended: &volume.ended, armed: true };
        let outcome = volume.cloud.create(&layout::manifest(state.number), bytes.clone()).await;
        match outcome {
            Ok(Created::Ours) => {}
            Ok(Created::Theirs(theirs)) => {
                return Err(in_doubt.end(match Manifest::decode(&theirs, "log") {
                    Ok(theirs) if theirs.number == state.number => Error::Fenced { epoch: theirs.epoch },
                    // Of no writer: ours, bent on its way, or the answer to some other question.
                    Ok(_) | Err(_) => Error::InDoubt,
                }));
            }
            // It may still arrive. Only a new epoch decides whether it did.
            Err(error) => {
                tracing::warn!(%error, "the outcome of a commit is unknown");
                return Err(in_doubt.end(Error::InDoubt));
            }
        }
        in_doubt.disarm();
        let state = Arc::new(state.clone());
        *lock(&volume.state) = state.clone();
        lock(&volume.seen).retain(|hash| state.segments.contains_key(hash) || volume.is_in_flight(hash));
        log::write_copy(&volume.cloud, state.number, bytes.clone()).await;
        if state.number.is_multiple_of(log::CHECKPOINT_EVERY)
            && let Err(error) = log::write_checkpoint(&volume.cloud, &state).await
        {
            tracing::warn!(%error, "no checkpoint was written; the next one will do");
        }
        Ok(state)
    }
}

/// A commit that is dropped half way has an unknown outcome too.
struct EndedUnless<'a> {
    ended: &'a Mutex<Option<Error>>,
    armed: bool,
}

impl EndedUnless<'_> {
    fn end(mut self, error: Error) -> Error {
        self.armed = false;
        *lock(self.ended) = Some(error.clone());
        error
    }

    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for EndedUnless<'_> {
    fn drop(&mut self) {
        if self.armed {
            *lock(self.ended) = Some(Error::InDoubt);
        }
    }
}

fn next(state: &State, epoch: u64, writer: &str, now: i64, change: Change) -> Manifest {
    let (number, writer, previous) = (state.number + 1, writer.into(), state.last);
    Manifest { number, epoch, writer, previous, at: now, audit: None, change }
}

/// What the volume is, which is made if there is none.
pub async fn make_or_load(cloud: &Cloud, identity: &Identity) -> Result<Format> {
    match log::load_format(cloud).await {
        Err(Error::Missing(_)) => {}
        Ok(format) => {
            log::write_format_copy(cloud, &format).await;
            return Ok(format);
        }
        Err(error) => return Err(error),
    }
    if !(cloud.list(layout::SEGMENTS).await?.is_empty() && cloud.list(layout::LOG).await?.is_empty()) {
        return match log::load_format(cloud).await {
            Err(Error::Missing(_)) => {
                Err(Error::log("there are segments or manifests, and FORMAT is missing with its copy"))
            }
            // Another node has just made it.
            read => read,
        };
    }
    let volume = format!("{:032x}", u128::from_be_bytes(identity.volume));
    let made = Format { format: format::FORMAT, volume, id_key: Hash(identity.id_key) };
    let bytes = document::encode(Kind::Format, &made)?;
    match cloud.create(layout::FORMAT, bytes.into()).await? {
        Created::Ours => {
            log::write_format_copy(cloud, &made).await;
            Ok(made)
        }
        // Another node was faster: it is its volume, and ours to join.
        Created::Theirs(_) => log::load_format(cloud).await,
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What these guard is changed in one step: a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
