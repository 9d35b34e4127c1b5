//! How fast a folder goes to a target and comes back, packed as offload packs it, beside the same files copied one to one:
//! `cargo run --release -p greenroom-offload --example rate -- FOLDER URL`, where URL is an Azure container with its SAS, or `file:///DIR`.
//! `rate grow GIB URL` offloads content that is made up on the way, to see what memory does. `cargo xtask bench offload` reads the lines.

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use greenroom_offload::flash::{Adopted, Applied, Flash, FlashBlob, Found};
use greenroom_offload::format::footer::{About, Key, Place};
use greenroom_offload::log::{AuditHead, Known, State};
use greenroom_offload::offload::{Offload, Then};
use greenroom_offload::pack::Leaving;
use greenroom_offload::recall::{InOrder, Recall, Settings, View};
use greenroom_offload::seal::NoKeys;
use greenroom_offload::{Cloud, FlashError, Hash, Identity, Retry};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, WriteMultipart};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Copies one to one that run at a time, as AzCopy would.
const COPIES: usize = 16;
/// A file is copied in blocks of this length: AzCopy's default.
const BLOCK_BYTES: usize = 8 << 20;
const READ_BYTES: usize = 1 << 20;
/// One call to offload, as the node bounds it.
const BATCH_BYTES: u64 = 1 << 30;
/// Of content that is made up.
const GROW_BLOB_BYTES: u64 = 64 << 20;

#[tokio::main]
async fn main() -> Outcome {
    // All TLS is by one library, which has to be told once.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["grow", gib, url] => grow(gib.parse()?, url).await,
        [folder, url] => beside(Path::new(folder), url).await,
        _ => Err("usage: rate FOLDER URL | rate grow GIB URL".into()),
    }
}

/// The same files both ways, there and back.
async fn beside(folder: &Path, url: &str) -> Outcome {
    let store = open(url)?;
    let mut files = Vec::new();
    walk(folder, folder, &mut files)?;
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    let plain = Plain { store: store.clone(), folder: folder.to_path_buf() };

    let phase = Phase::begin("put", bytes)?;
    let puts = plain.put(&files).await?;
    phase.end(puts, bytes, files.len() as u64)?;

    let phase = Phase::begin("get", bytes)?;
    let back = plain.get(&files).await?;
    phase.end(files.len() as u64, bytes, files.len() as u64)?;

    let flash = Arc::new(Source { folder: folder.to_path_buf(), placed: Mutex::default(), known: Mutex::default() });
    let cloud = Cloud::new(store, ObjectPath::from("volume"), Retry::default());
    let offload = Offload::open(flash.clone(), cloud.clone(), Arc::new(NoKeys), &Identity::random()?, 0).await?;
    let before = cloud.traffic().puts.load(Relaxed);
    let phase = Phase::begin("offload", bytes)?;
    let (stored, objects) = send(&offload, &files).await?;
    phase.end(cloud.traffic().puts.load(Relaxed) - before, stored, objects)?;

    let view = View::Volume(offload.volume().clone());
    let recall = Recall::new(
        cloud.clone(),
        offload.volume().format().clone(),
        view,
        Settings::default(),
        Arc::new(NoKeys),
        InOrder::new(32),
    );
    let before = cloud.traffic().gets.load(Relaxed);
    let phase = Phase::begin("recall", bytes)?;
    let recalled = fetch(&recall, &flash, &files).await?;
    phase.end(cloud.traffic().gets.load(Relaxed) - before, cloud.traffic().bytes_in.load(Relaxed), objects)?;
    if (back != hashes(folder, &files)?) || (recalled != back) {
        return Err("what came back is not what went there".into());
    }
    Ok(())
}

/// Offloads `gib` GiB, a batch at a time.
async fn grow(gib: u64, url: &str) -> Outcome {
    let cloud = Cloud::new(open(url)?, ObjectPath::from(format!("volume-{gib}")), Retry::default());
    let flash = Arc::new(Source { folder: PathBuf::new(), placed: Mutex::default(), known: Mutex::default() });
    let offload = Offload::open(flash, cloud.clone(), Arc::new(NoKeys), &Identity::random()?, 0).await?;
    let blobs = (gib << 30) / GROW_BLOB_BYTES;
    let files: Vec<_> = (0..blobs).map(|number| (format!("made-up-{number:06}"), GROW_BLOB_BYTES)).collect();
    let phase = Phase::begin("grow", gib << 30)?;
    let (stored, objects) = send(&offload, &files).await?;
    phase.end(cloud.traffic().puts.load(Relaxed), stored, objects)
}

/// Bytes and objects that are stored for it.
async fn send(offload: &Offload<Source>, files: &[(String, u64)]) -> Outcome<(u64, u64)> {
    let (mut stored, mut segments) = (0, 0);
    let mut rest = files;
    while !rest.is_empty() {
        let filled = rest.iter().scan(0, |sum, (_, own)| {
            *sum += own;
            Some(*sum)
        });
        let count = filled.take_while(|sum| *sum < BATCH_BYTES).count().max(1);
        let (batch, after) = rest.split_at(count);
        rest = after;
        let leaving = batch.iter().map(|(name, _)| Leaving { key: key(name), etag: ETAG.into() }).collect();
        let outcome = offload.offload(leaving, Then::Keep, 0).await?;
        if let Some((key, why)) = outcome.skipped.first() {
            return Err(format!("{key} was skipped: {why}").into());
        }
        stored += outcome.figures.bytes_stored;
        segments += outcome.figures.segments;
    }
    Ok((stored, segments))
}

/// Every file, as many at a time as a plain copy reads; its hash.
async fn fetch(recall: &Recall, flash: &Source, files: &[(String, u64)]) -> Outcome<Vec<blake3::Hash>> {
    let one = async |(name, bytes): &(String, u64)| -> Outcome<blake3::Hash> {
        let place = lock(&flash.placed).get(name).copied().ok_or("not placed")?;
        hash(recall.read("gold", place, 0..*bytes).await?.map_err(Into::into).boxed()).await
    };
    stream::iter(files).map(one).buffered(COPIES).try_collect().await
}

/// Copies one to one.
struct Plain {
    store: Arc<dyn ObjectStore>,
    folder: PathBuf,
}

impl Plain {
    /// Requests that it took.
    async fn put(&self, files: &[(String, u64)]) -> Outcome<u64> {
        let one = async |(name, bytes): &(String, u64)| -> Outcome<u64> {
            let path = self.path(name);
            let mut content = read(self.folder.join(name));
            if *bytes <= BLOCK_BYTES as u64 {
                let mut whole = Vec::with_capacity(*bytes as usize);
                while let Some(part) = content.try_next().await? {
                    whole.extend_from_slice(&part);
                }
                self.store.put(&path, whole.into()).await?;
                return Ok(1);
            }
            let mut writer = WriteMultipart::new_with_chunk_size(self.store.put_multipart(&path).await?, BLOCK_BYTES);
            while let Some(part) = content.try_next().await? {
                writer.wait_for_capacity(COPIES).await?;
                writer.put(part);
            }
            writer.finish().await?;
            Ok(bytes.div_ceil(BLOCK_BYTES as u64) + 1)
        };
        stream::iter(files).map(one).buffer_unordered(COPIES).try_fold(0, async |sum, puts| Ok(sum + puts)).await
    }

    async fn get(&self, files: &[(String, u64)]) -> Outcome<Vec<blake3::Hash>> {
        let one = async |(name, _): &(String, u64)| -> Outcome<blake3::Hash> {
            let body = self.store.get(&self.path(name)).await?.into_stream();
            hash(body.map_err(Into::into).boxed()).await
        };
        stream::iter(files).map(one).buffered(COPIES).try_collect().await
    }

    fn path(&self, name: &str) -> ObjectPath {
        ObjectPath::from(format!("plain/{name}"))
    }
}

/// A folder in the place of flash; without one, content is made up.
struct Source {
    folder: PathBuf,
    placed: Mutex<BTreeMap<String, Place>>,
    known: Mutex<Known>,
}

const ETAG: &str = "0x1";

fn key(name: &str) -> Key {
    Key { tenant: "bench".into(), account: "bench".into(), container: "data".into(), name: name.into(), snapshot: None }
}

impl Flash for Source {
    async fn known(&self) -> Result<Known, FlashError> {
        Ok(lock(&self.known).clone())
    }

    async fn audit(&self) -> Result<Option<AuditHead>, FlashError> {
        Ok(None)
    }

    async fn mean(&self, hash: Hash) -> Result<(), FlashError> {
        lock(&self.known).mean(hash);
        Ok(())
    }

    async fn read(&self, key: &Key, etag: &str) -> Result<Option<FlashBlob>, FlashError> {
        let about = |length| About { etag: etag.to_owned(), length, ..About::default() };
        if self.folder.as_os_str().is_empty() {
            return Ok(Some(FlashBlob { about: about(GROW_BLOB_BYTES), seal: None, content: made_up(&key.name) }));
        }
        let path = self.folder.join(&key.name);
        let length = fs::metadata(&path).map_err(|error| error.to_string())?.len();
        Ok(Some(FlashBlob { about: about(length), seal: None, content: read(path) }))
    }

    async fn apply(&self, applied: Applied) -> Result<(), FlashError> {
        let placed = applied
            .placements
            .into_iter()
            .map(|placed| (placed.of.map(|(key, _)| key.name).unwrap_or_default(), placed.place));
        lock(&self.placed).extend(placed);
        lock(&self.known).apply(applied.number, applied.hash);
        Ok(())
    }

    async fn adopt(&self, _found: Vec<Found>) -> Result<Adopted, FlashError> {
        Ok(Adopted::default())
    }

    async fn follow(&self, _found: Vec<Found>) -> Result<(), FlashError> {
        Ok(())
    }

    async fn end_adoption(&self, _state: Arc<State>, _now: i64) -> Result<Adopted, FlashError> {
        Ok(Adopted::default())
    }

    async fn releases(&self, _max: usize) -> Result<Vec<Place>, FlashError> {
        Ok(Vec::new())
    }

    async fn free(&self, _blobs: &[(Key, Place)]) -> Result<u64, FlashError> {
        Ok(0)
    }
}

/// Half of each piece compresses, and nothing repeats.
fn made_up(name: &str) -> BoxStream<'static, Result<Bytes, FlashError>> {
    let mut reader = blake3::Hasher::new().update(name.as_bytes()).finalize_xof();
    let parts = (0..GROW_BLOB_BYTES / READ_BYTES as u64).map(move |_| {
        let mut part = vec![0; READ_BYTES];
        reader.fill(&mut part[..READ_BYTES / 2]);
        Ok(Bytes::from(part))
    });
    stream::iter(parts).boxed()
}

/// A file in pieces.
fn read(path: PathBuf) -> BoxStream<'static, Result<Bytes, FlashError>> {
    stream::try_unfold(None, move |open: Option<fs::File>| {
        let path = path.clone();
        async move {
            let read = tokio::task::spawn_blocking(move || -> std::io::Result<_> {
                let mut file = match open {
                    Some(file) => file,
                    None => fs::File::open(path)?,
                };
                let mut part = Vec::with_capacity(READ_BYTES);
                std::io::Read::read_to_end(&mut std::io::Read::take(&mut file, READ_BYTES as u64), &mut part)?;
                Ok((!part.is_empty()).then(|| (Bytes::from(part), Some(file))))
            });
            Ok(read.await??)
        }
    })
    .boxed()
}

async fn hash(mut content: BoxStream<'_, Outcome<Bytes>>) -> Outcome<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    while let Some(part) = content.try_next().await? {
        hasher.update(&part);
    }
    Ok(hasher.finalize())
}

fn hashes(folder: &Path, files: &[(String, u64)]) -> Outcome<Vec<blake3::Hash>> {
    files.iter().map(|(name, _)| Ok(blake3::hash(&fs::read(folder.join(name))?))).collect()
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<(String, u64)>) -> Outcome {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            walk(root, &path, files)?;
        } else {
            files.push((path.strip_prefix(root)?.to_string_lossy().into_owned(), entry.metadata()?.len()));
        }
    }
    Ok(())
}

/// `http://HOST/ACCOUNT/CONTAINER?SAS`, or `file:///DIR`.
fn open(url: &str) -> Outcome<Arc<dyn ObjectStore>> {
    if let Some(folder) = url.strip_prefix("file://") {
        fs::create_dir_all(folder)?;
        return Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true)));
    }
    let (address, sas) = url.split_once('?').ok_or("the URL has no SAS")?;
    let (endpoint, container) = address.trim_end_matches('/').rsplit_once('/').ok_or("the URL names no container")?;
    let account = endpoint.rsplit_once('/').map_or("", |(_, account)| account);
    let builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(container)
        .with_endpoint(endpoint.to_owned())
        .with_allow_http(true)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .with_config(AzureConfigKey::SasKey, sas);
    Ok(Arc::new(builder.build()?))
}

/// One line: what, seconds, bytes of content, requests, bytes and objects at the target, peak of memory.
struct Phase {
    name: &'static str,
    bytes: u64,
    begun: Instant,
}

impl Phase {
    fn begin(name: &'static str, bytes: u64) -> Outcome<Phase> {
        // "5" resets the peak of the resident set, see proc_pid_clear_refs(5).
        fs::write("/proc/self/clear_refs", "5")?;
        Ok(Phase { name, bytes, begun: Instant::now() })
    }

    fn end(self, requests: u64, stored: u64, objects: u64) -> Outcome {
        let seconds = self.begun.elapsed().as_secs_f64();
        let status = fs::read_to_string("/proc/self/status")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
        let kib: f64 = peak.split_whitespace().next().unwrap_or("0").parse()?;
        let Phase { name, bytes, .. } = self;
        println!("{name} {seconds:.3} {bytes} {requests} {stored} {objects} {:.0}", kib / 1024.0);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
