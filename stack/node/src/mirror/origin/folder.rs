//! A folder of this machine. Not through the object store library: that follows links, knows not every name, and lists all of a folder at once.

mod walk;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use greenroom_mirror::{Content, Listed, Origin, OriginError};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;
use walk::Folder as Open;

/// Read at once.
const PART_BYTES: usize = 256 * 1024;
const PAGE_MAX: usize = 5_000;

#[derive(Debug)]
pub struct Folder {
    /// What stands for a container.
    name: String,
    path: PathBuf,
}

impl Folder {
    /// Err: what is wrong, as a sentence.
    pub fn new(path: &Path) -> Result<Self, String> {
        let path = path.canonicalize().map_err(|error| format!("{} cannot be opened: {error}", path.display()))?;
        Open::root(&path).map_err(|error| format!("{} cannot be opened: {error}", path.display()))?;
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or("it has no name that a container could have")?.to_owned();
        Ok(Self { name, path })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Does what blocks, with the folder open.
    async fn with<T: Send + 'static>(
        &self,
        container: &str,
        work: impl FnOnce(Open) -> Result<T, OriginError> + Send + 'static,
    ) -> Result<T, OriginError> {
        if container != self.name {
            return Err(OriginError::Missing);
        }
        let path = self.path.clone();
        let done = spawn_blocking(move || {
            // A disk that is not mounted is away: nothing is known of what lies on it.
            let root = Open::root(&path).map_err(|error| away("the folder cannot be opened", &error))?;
            work(root)
        });
        done.await.map_err(|error| OriginError::Away(error.to_string()))?
    }
}

#[async_trait]
impl Origin for Folder {
    async fn containers(&self, _after: Option<String>) -> Result<(Vec<String>, Option<String>), OriginError> {
        Ok((vec![self.name.clone()], None))
    }

    async fn list(
        &self,
        container: &str,
        prefix: &str,
        rolled_up: bool,
        after: Option<String>,
        max: usize,
    ) -> Result<Listed, OriginError> {
        let (prefix, max) = (prefix.to_owned(), max.clamp(1, PAGE_MAX));
        let depth = if rolled_up { walk::Depth::Folder } else { walk::Depth::Tree };
        let list = move |root| walk::page(root, &prefix, depth, after.as_deref(), max);
        self.with(container, move |root| list(root).map_err(|error| away("it cannot be listed", &error))).await
    }

    async fn whole(&self, container: &str, name: &str, bytes_max: u64) -> Result<Bytes, OriginError> {
        let name = name.to_owned();
        let read = move |root: Open| {
            let (file, there) = root.file(&name).map_err(|error| lost(&error))?;
            if there.length > bytes_max {
                return Err(OriginError::Away(format!("it has more than {bytes_max} bytes")));
            }
            let mut bytes = Vec::new();
            file.take(there.length).read_to_end(&mut bytes).map_err(|error| lost(&error))?;
            Ok(Bytes::from(bytes))
        };
        self.with(container, read).await
    }

    async fn read(&self, container: &str, name: &str, etag: &str, range: Range<u64>) -> Result<Content, OriginError> {
        let (name, etag) = (name.to_owned(), etag.to_owned());
        let open = move |root: Open| {
            let (mut file, there) = root.file(&name).map_err(|error| lost(&error))?;
            if there.etag != etag {
                return Err(OriginError::Changed);
            }
            file.seek(SeekFrom::Start(range.start)).map_err(|error| lost(&error))?;
            Ok(Reading { file, etag, left: range.end.saturating_sub(range.start) })
        };
        let reading = self.with(container, open).await?;
        let parts = stream::unfold(Some(reading), |reading| async move {
            let reading = reading.filter(|reading| reading.left > 0)?;
            match spawn_blocking(move || reading.part()).await {
                Ok(Ok((bytes, rest))) => Some((Ok(bytes), Some(rest))),
                Ok(Err(error)) => Some((Err(error), None)),
                Err(error) => Some((Err(OriginError::Away(error.to_string())), None)),
            }
        });
        Ok(parts.boxed())
    }
}

/// A file under way.
struct Reading {
    file: File,
    etag: String,
    left: u64,
}

impl Reading {
    /// The next part, of a file that is still as it was after it was read: it may be written in place.
    fn part(mut self) -> Result<(Bytes, Self), OriginError> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(PART_BYTES);
        let mut bytes = vec![0; length];
        let read = self.file.read_exact(&mut bytes);
        let now = walk::etag_of(&self.file).map_err(|error| lost(&error))?;
        match read {
            _ if now != self.etag => Err(OriginError::Changed),
            Ok(()) => {
                self.left -= length as u64;
                Ok((bytes.into(), self))
            }
            Err(error) => Err(lost(&error)),
        }
    }
}

fn lost(error: &io::Error) -> OriginError {
    match error.kind() {
        io::ErrorKind::NotFound => OriginError::Missing,
        io::ErrorKind::PermissionDenied => OriginError::Refused(format!("it cannot be read: {error}")),
        _ => away("it cannot be read", error),
    }
}

fn away(what: &str, error: &io::Error) -> OriginError {
    OriginError::Away(format!("{what}: {error}"))
}
