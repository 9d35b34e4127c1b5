//! The built-in mover: does what a demo asks of AzCopy where AzCopy is not installed. It reads the same command lines, and says what it is.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use greenroom_show::unit::{Unit, grouped};
use object_store::azure::{AzureConfigKey, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::path::Path as BlobPath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, WriteMultipart};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// Files in flight: bounds memory, and keeps a laptop's cores busy.
const FILES_AT_ONCE: usize = 16;
/// Files above this go up in blocks of this size.
const BLOCK_BYTES: usize = 8 << 20;
/// Blocks of one file in flight.
const BLOCKS_AT_ONCE: usize = 4;

#[derive(Debug, thiserror::Error)]
pub enum MoverError {
    #[error(
        "the built-in mover cannot '{0}': it copies, lists and removes; 'greenroom tools fetch azcopy' fetches AzCopy"
    )]
    Unknown(String),
    #[error("'{0}' is neither a Blob URL nor a folder")]
    Place(String),
    /// In the library's words, whose URLs are signed.
    #[error("{0}")]
    Store(String),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("stopped")]
    Cancelled,
}

impl From<object_store::Error> for MoverError {
    fn from(error: object_store::Error) -> Self {
        MoverError::Store(crate::scrub::scrub(&error.to_string()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Command {
    Upload { from: PathBuf, to: String },
    Download { from: String, to: PathBuf },
    List { of: String },
    Remove { of: String },
}

/// Does what `args`, an AzCopy command line, asks for.
pub async fn run(args: &[String], show: impl Fn(String) + Sync, cancel: &CancellationToken) -> Result<(), MoverError> {
    let command = parse(args)?;
    let work = async {
        match &command {
            Command::Upload { from, to } => upload(from, to, &show).await,
            Command::Download { from, to } => download(from, to, &show).await,
            Command::List { of } => list(of, &show).await,
            Command::Remove { of } => remove(of, &show).await,
        }
    };
    tokio::select! {
        done = work => done,
        () = cancel.cancelled() => Err(MoverError::Cancelled),
    }
}

fn parse(args: &[String]) -> Result<Command, MoverError> {
    // Places come first: what follows an option may be its value.
    let mut places = args.iter().skip(1).take_while(|arg| !arg.starts_with("--"));
    let is_url = |place: &str| place.starts_with("http://") || place.starts_with("https://");
    match (args.first().map(String::as_str), places.next(), places.next()) {
        (Some("copy" | "cp"), Some(from), Some(to)) => match (is_url(from), is_url(to)) {
            (false, true) => Ok(Command::Upload { from: from.into(), to: to.clone() }),
            (true, false) => Ok(Command::Download { from: from.clone(), to: to.into() }),
            _ => Err(MoverError::Unknown("copy between two of a kind".into())),
        },
        (Some("list" | "ls"), Some(of), None) if is_url(of) => Ok(Command::List { of: of.clone() }),
        (Some("remove" | "rm"), Some(of), None) if is_url(of) => Ok(Command::Remove { of: of.clone() }),
        (verb, _, _) => Err(MoverError::Unknown(verb.unwrap_or_default().to_string())),
    }
}

/// A container, and the path in it that a URL names.
fn place(url: &str) -> Result<(MicrosoftAzure, String), MoverError> {
    let bad = || MoverError::Place(crate::scrub::scrub(url));
    let parsed = reqwest::Url::parse(url).map_err(|_| bad())?;
    let path = parsed.path().trim_start_matches('/').to_string();
    let mut parts = path.splitn(3, '/');
    let (Some(account), Some(container)) = (parts.next(), parts.next()) else { return Err(bad()) };
    let origin = parsed.origin().ascii_serialization();
    crate::http::one_library();
    let store = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(container)
        .with_endpoint(format!("{origin}/{account}"))
        .with_allow_http(parsed.scheme() == "http")
        .with_config(AzureConfigKey::SasKey, parsed.query().unwrap_or_default())
        .build()?;
    Ok((store, parts.next().unwrap_or_default().trim_end_matches('/').to_string()))
}

async fn upload(from: &Path, to: &str, show: &(impl Fn(String) + Sync)) -> Result<(), MoverError> {
    let (store, prefix) = place(to)?;
    let (root, files) = local_files(from).await?;
    let progress = Progress::new(files.len(), files.iter().map(|(_, bytes)| bytes).sum());
    let (store, progress) = (&store, &progress);
    let blobs = files.into_iter().map(|(path, bytes)| {
        let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        (BlobPath::from(if prefix.is_empty() { name } else { format!("{prefix}/{name}") }), path, bytes)
    });
    stream::iter(blobs)
        .map(|(name, path, bytes)| async move {
            put_file(store, &name, &path, bytes).await?;
            progress.advance(bytes).map(show);
            Ok::<_, MoverError>(())
        })
        .buffer_unordered(FILES_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    show(progress.finish("uploaded"));
    Ok(())
}

async fn put_file(store: &MicrosoftAzure, name: &BlobPath, path: &Path, bytes: u64) -> Result<(), MoverError> {
    let io = |source| MoverError::Io { path: path.to_path_buf(), source };
    if bytes <= BLOCK_BYTES as u64 {
        let content = tokio::fs::read(path).await.map_err(io)?;
        store.put(name, content.into()).await?;
        return Ok(());
    }
    let mut file = tokio::fs::File::open(path).await.map_err(io)?;
    let mut writer = WriteMultipart::new_with_chunk_size(store.put_multipart(name).await?, BLOCK_BYTES);
    let mut left = bytes;
    while left > 0 {
        let mut block = vec![0; BLOCK_BYTES.min(usize::try_from(left).unwrap_or(BLOCK_BYTES))];
        file.read_exact(&mut block).await.map_err(io)?;
        left -= block.len() as u64;
        writer.wait_for_capacity(BLOCKS_AT_ONCE).await?;
        writer.put(Bytes::from(block));
    }
    writer.finish().await?;
    Ok(())
}

async fn download(from: &str, to: &Path, show: &(impl Fn(String) + Sync)) -> Result<(), MoverError> {
    let (store, path) = place(from)?;
    let blobs = blobs(&store, &path).await?;
    // As AzCopy does, the last name of the source stands in the target.
    let parent = path.rsplit_once('/').map(|(parent, _)| format!("{parent}/")).unwrap_or_default();
    let progress = Progress::new(blobs.len(), blobs.iter().map(|blob| blob.size).sum());
    let (store, progress, parent) = (&store, &progress, &parent);
    stream::iter(blobs)
        .map(|blob| async move {
            let name = blob.location.as_ref();
            let target = to.join(name.strip_prefix(parent.as_str()).unwrap_or(name));
            get_file(store, &blob, &target).await?;
            progress.advance(blob.size).map(show);
            Ok::<_, MoverError>(())
        })
        .buffer_unordered(FILES_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    show(progress.finish("downloaded"));
    Ok(())
}

async fn get_file(store: &MicrosoftAzure, blob: &ObjectMeta, target: &Path) -> Result<(), MoverError> {
    let io = |source| MoverError::Io { path: target.to_path_buf(), source };
    if let Some(folder) = target.parent() {
        tokio::fs::create_dir_all(folder).await.map_err(io)?;
    }
    let mut file = tokio::fs::File::create(target).await.map_err(io)?;
    let mut content = store.get(&blob.location).await?.into_stream();
    while let Some(chunk) = content.try_next().await? {
        file.write_all(&chunk).await.map_err(io)?;
    }
    file.flush().await.map_err(io)
}

async fn list(of: &str, show: &(impl Fn(String) + Sync)) -> Result<(), MoverError> {
    let (store, path) = place(of)?;
    let blobs = blobs(&store, &path).await?;
    for blob in &blobs {
        show(format!("{}; Content Length: {}\r\n", blob.location, Unit::Bytes.say(blob.size as f64)));
    }
    let bytes: u64 = blobs.iter().map(|blob| blob.size).sum();
    show(format!("\r\nFile count: {}\r\nTotal file size: {}\r\n", blobs.len(), Unit::Bytes.say(bytes as f64)));
    Ok(())
}

async fn remove(of: &str, show: &(impl Fn(String) + Sync)) -> Result<(), MoverError> {
    let (store, path) = place(of)?;
    let blobs = blobs(&store, &path).await?;
    let progress = Progress::new(blobs.len(), 0);
    let (store, progress) = (&store, &progress);
    stream::iter(blobs)
        .map(|blob| async move {
            store.delete(&blob.location).await?;
            progress.advance(0).map(show);
            Ok::<_, MoverError>(())
        })
        .buffer_unordered(FILES_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    show(progress.finish("removed"));
    Ok(())
}

async fn blobs(store: &MicrosoftAzure, path: &str) -> Result<Vec<ObjectMeta>, MoverError> {
    let prefix = (!path.is_empty()).then(|| BlobPath::from(path));
    Ok(store.list(prefix.as_ref()).try_collect().await?)
}

/// The files of a folder with their lengths, and the folder that their names count from. As AzCopy does, `folder/*` leaves the
/// folder's own name out.
async fn local_files(from: &Path) -> Result<(PathBuf, Vec<(PathBuf, u64)>), MoverError> {
    let (folder, root) = match from.file_name().is_some_and(|name| name == "*") {
        true => (from.parent().unwrap_or(from), from.parent().unwrap_or(from)),
        false => (from, from.parent().unwrap_or(from)),
    };
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        let io = |source| MoverError::Io { path: path.clone(), source };
        let metadata = tokio::fs::metadata(&path).await.map_err(io)?;
        if metadata.is_file() {
            files.push((path, metadata.len()));
            continue;
        }
        let mut entries = tokio::fs::read_dir(&path).await.map_err(io)?;
        while let Some(entry) = entries.next_entry().await.map_err(io)? {
            open.push(entry.path());
        }
    }
    files.sort();
    Ok((root.to_path_buf(), files))
}

struct Progress {
    files: usize,
    bytes: u64,
    files_done: AtomicU64,
    bytes_done: AtomicU64,
}

impl Progress {
    fn new(files: usize, bytes: u64) -> Self {
        Self { files, bytes, files_done: AtomicU64::new(0), bytes_done: AtomicU64::new(0) }
    }

    /// Counts a file; a line to show at each whole percent.
    fn advance(&self, bytes: u64) -> Option<String> {
        let files = self.files_done.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.bytes_done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let percent = |files: u64| files * 100 / (self.files as u64).max(1);
        (percent(files) != percent(files - 1)).then(|| {
            let (done, all) = (grouped(files as f64), grouped(self.files as f64));
            format!("\r{} %, {done} of {all} files, {}\x1b[K", percent(files), Unit::Bytes.say(bytes as f64))
        })
    }

    fn finish(&self, verb: &str) -> String {
        let size = if self.bytes > 0 { format!(", {}", Unit::Bytes.say(self.bytes as f64)) } else { String::new() };
        format!("\r{} files {verb}{size}\x1b[K\r\n", grouped(self.files as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azcopys_command_lines_are_understood() {
        let read = |line: &str| parse(&line.split(' ').map(String::from).collect::<Vec<_>>());
        let url = "http://127.0.0.1:1/a/box/photos?sig=x";
        assert_eq!(
            read(&format!("copy /d/photos {url} --recursive")).expect("good"),
            Command::Upload { from: "/d/photos".into(), to: url.into() }
        );
        assert_eq!(
            read(&format!("copy {url} /d/back --recursive --log-level=ERROR")).expect("good"),
            Command::Download { from: url.into(), to: "/d/back".into() }
        );
        assert_eq!(read(&format!("list {url} --location Blob")).expect("good"), Command::List { of: url.into() });
        assert!(read("bench x").expect_err("unknown").to_string().contains("cannot 'bench'"));
        assert!(read(&format!("copy {url} {url}")).is_err());
    }

    #[test]
    fn a_url_that_names_no_container_is_refused_without_its_secret() {
        let said = place("http://127.0.0.1:1/a?sig=SECRET").expect_err("no container").to_string();
        assert!(!said.contains("SECRET"), "{said}");
    }
}
