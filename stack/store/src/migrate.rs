//! A data folder of an older format is brought to today's, and can be had back until an operator says that the way back may go.
//! Nothing is changed in place: see `docs/design/from-one-format-to-the-next.md` for the order of acts, and why no crash is in between.

use crate::catalog::migrate::{FORMAT, GOING, OLDEST, way_back};
use crate::catalog::tables::BLOBS;
use crate::catalog::{self, Catalog};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::disk::{Disk, Mode};
use crate::error::{Result, StoreError};
use crate::extent;
use crate::overlay::Overlay;
use crate::rows::{BlobRow, decode};
pub use crate::space::Held;
use crate::space::Linked;
use redb::ReadableTable as _;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The new catalog, until it takes the old one's name.
const NEXT: &str = "catalog/catalog.next";
const COPY_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayBack {
    Keep,
    /// For a file system without hard links, and a folder of which there is a copy.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Migrated {
    pub from: u32,
    pub to: u32,
}

/// How a folder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub format: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way_back: Option<Held>,
}

/// What is lost on the way back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lost {
    pub to: u32,
    /// Blobs that were written, or of which something else was said, since the folder was brought up; what they were before comes back.
    pub blobs: u64,
    pub bytes: u64,
}

/// A data folder that no server uses, for whoever changes its format. `kept` are other files of the folder that belong to a format: they
/// come back too.
#[derive(Debug)]
pub struct Folder<'f> {
    pub disk: Arc<dyn Disk>,
    pub dir: &'f Path,
    pub kept: &'f [&'f str],
}

impl Folder<'_> {
    /// Brings the folder to today's format; `None` where it is, or where there is none. Err: as `Store::open`, `NoLinks`.
    pub fn bring_up(&self, how: WayBack) -> Result<Option<Migrated>> {
        if !self.exists(&self.dir.join(catalog::FILE))? {
            return Ok(None);
        }
        let _lock = self.disk.lock(self.dir)?;
        let from = self.format()?;
        if from == FORMAT {
            return Ok(None);
        }
        self.narrow()?;
        let back = way_back(self.dir, FORMAT);
        self.clear(&back)?;
        if how == WayBack::Keep {
            tracing::info!(from, to = FORMAT, "the way back is laid");
            self.lay(&back)?;
        }
        let (file, next) = (self.dir.join(catalog::FILE), self.dir.join(NEXT));
        tracing::info!(from, to = FORMAT, bytes = self.disk.allocated_bytes(&file), "the catalog is brought up");
        self.copy(&file, &next)?;
        // Dropped before it gets its name: what the engine writes when it closes is synced.
        Catalog::open_any(self.disk.clone(), &next, &Config::default())?.bring_up()?;
        self.sync(&folder_of(&next))?;
        self.rename(&next, &file)?;
        Ok(Some(Migrated { from, to: FORMAT }))
    }

    /// What is lost on the way back. Changes nothing. Err: `NoWayBack`.
    pub fn ask_back(&self) -> Result<Lost> {
        let (file, back) = (self.dir.join(catalog::FILE), way_back(self.dir, FORMAT));
        let old = back.join(catalog::FILE);
        if !self.exists(&file)? || !self.exists(&old)? {
            return Err(StoreError::NoWayBack { dir: self.dir.to_owned() });
        }
        let _lock = self.disk.lock(self.dir)?;
        let look: Arc<dyn Disk> = Arc::new(Overlay(self.disk.clone()));
        let (to, _, etag) = Catalog::open_any(look.clone(), &old, &Config::default())?.beginnings()?;
        let mut lost = Lost { to, ..Lost::default() };
        let catalog = Catalog::open_any(look, &file, &Config::default())?;
        for item in catalog.snapshot()?.txn.open_table(BLOBS)?.iter()? {
            let row: BlobRow = decode(item?.1.value())?;
            if row.props.etag.0 > etag {
                lost.blobs += 1;
                lost.bytes += row.props.length;
            }
        }
        Ok(lost)
    }

    /// Goes back to the format before, or goes on with it. What was written since is gone. Err: `NoWayBack`.
    pub fn go_back(&self) -> Result<Lost> {
        let back = way_back(self.dir, FORMAT);
        let lost = self.ask_back()?;
        let _lock = self.disk.lock(self.dir)?;
        self.write(&back.join(GOING))?;
        self.sync(&back)?;
        let [here, there] = [self.dir, &back].map(|folder| folder.join(extent::FOLDER));
        let [now, then] = [self.names(&here)?, self.names(&there)?];
        for name in then.difference(&now) {
            self.link(&there.join(name), &here.join(name))?;
        }
        for name in now.difference(&then) {
            self.remove(&here.join(name))?;
        }
        self.sync(&here)?;
        for name in self.kept {
            let (now, then) = (self.dir.join(name), back.join(name));
            if self.exists(&then)? {
                let beside = now.with_extension("next");
                self.copy(&then, &beside)?;
                self.rename(&beside, &now)?;
            } else if self.exists(&now)? {
                self.remove(&now)?;
            }
        }
        self.sync(self.dir)?;
        // Last: before, no program but this one opens the folder, and after it the folder is whole.
        let next = self.dir.join(NEXT);
        if self.exists(&next)? {
            self.remove(&next)?;
        }
        self.link(&back.join(catalog::FILE), &next)?;
        self.sync(&folder_of(&next))?;
        self.rename(&next, &self.dir.join(catalog::FILE))?;
        self.clear(&back)?;
        Ok(lost)
    }

    /// Takes the ways back away. Err: `GoingBack`.
    pub fn confirm(&self) -> Result<Standing> {
        let _lock = self.disk.lock(self.dir)?;
        let standing = Standing { format: self.format()?, way_back: self.held()? };
        for format in OLDEST + 1..=FORMAT {
            self.clear(&way_back(self.dir, format))?;
        }
        Ok(standing)
    }

    /// Changes nothing, and needs no lock.
    fn held(&self) -> Result<Option<Held>> {
        Ok(self.linked()?.map(|linked| Held { to: linked.to, bytes: linked.alone_bytes }))
    }

    /// What the ways back hold together.
    pub(crate) fn linked(&self) -> Result<Option<Linked>> {
        let mut linked: Option<Linked> = None;
        for format in (OLDEST + 1..=FORMAT).rev() {
            let back = way_back(self.dir, format);
            if !self.exists(&back.join(catalog::FILE))? {
                continue;
            }
            let to = Catalog::format_of(self.disk.clone(), &back.join(catalog::FILE), &Config::default())?;
            let Linked { alone_bytes, extents, .. } =
                linked.get_or_insert_with(|| Linked { to, alone_bytes: 0, extents: BTreeSet::new() });
            *alone_bytes += self.disk.allocated_bytes(&back.join(catalog::FILE));
            let (folder, live) = (back.join(extent::FOLDER), self.names(&self.dir.join(extent::FOLDER))?);
            for name in self.names(&folder)? {
                if !live.contains(&name) && !extents.contains(&name) {
                    *alone_bytes += self.disk.allocated_bytes(&folder.join(&name));
                }
                extents.insert(name);
            }
        }
        Ok(linked)
    }

    /// Err: `GoingBack`, `FormatUnknown`.
    fn format(&self) -> Result<u32> {
        let file = self.dir.join(catalog::FILE);
        match Catalog::open(self.disk.clone(), &file, &Config::default(), Timestamp::default()) {
            Ok(_) => Ok(FORMAT),
            Err(StoreError::FormatOld { found, .. }) => Ok(found),
            Err(error) => Err(error),
        }
    }

    /// Versions before this one left it to the machine who may read a folder.
    fn narrow(&self) -> Result<()> {
        let catalog = folder_of(&self.dir.join(catalog::FILE));
        for folder in [self.dir, &catalog, &self.dir.join(extent::FOLDER)] {
            self.disk.narrow(folder).map_err(|error| StoreError::io("protect", folder, error))?;
            for name in self.names(folder)? {
                let path = folder.join(name);
                self.disk.narrow(&path).map_err(|error| StoreError::io("protect", &path, error))?;
            }
        }
        Ok(())
    }

    /// Links to all that stays as it is, and copies of what is written anew.
    fn lay(&self, back: &Path) -> Result<()> {
        let (extents, catalog) = (back.join(extent::FOLDER), folder_of(&back.join(catalog::FILE)));
        for folder in [back, &extents, &catalog] {
            self.disk.create_dir(folder).map_err(|error| StoreError::io("create", folder, error))?;
        }
        let here = self.dir.join(extent::FOLDER);
        for name in self.names(&here)? {
            self.link(&here.join(&name), &extents.join(&name))?;
        }
        for name in self.kept {
            if self.exists(&self.dir.join(name))? {
                self.copy(&self.dir.join(name), &back.join(name))?;
            }
        }
        // The old catalog's file is never written again once the new one has its name.
        self.link(&self.dir.join(catalog::FILE), &back.join(catalog::FILE))?;
        for folder in [&extents, &catalog, back, self.dir] {
            self.sync(folder)?;
        }
        Ok(())
    }

    /// Removes a way back, whole or not, or nothing. The catalog first: without it, it is none.
    fn clear(&self, back: &Path) -> Result<()> {
        let catalog = folder_of(&back.join(catalog::FILE));
        let mut found = false;
        for folder in [&catalog, &back.join(extent::FOLDER), back] {
            for name in self.names(folder)? {
                found = true;
                let path = folder.join(name);
                // The folders in it are gone by now.
                self.remove(&path)?;
            }
            match self.disk.remove_dir(folder) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(StoreError::io("remove", folder, error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        if found { self.sync(self.dir) } else { Ok(()) }
    }

    fn exists(&self, file: &Path) -> Result<bool> {
        match self.disk.open(file, Mode::Read) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(StoreError::io("open", file, error)),
        }
    }

    /// Of what lies in a folder; nothing where there is none.
    fn names(&self, folder: &Path) -> Result<BTreeSet<PathBuf>> {
        match self.disk.list(folder) {
            Ok(files) => Ok(files.iter().filter_map(|(path, _)| path.file_name().map(PathBuf::from)).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(StoreError::io("read", folder, error)),
        }
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.disk.link(from, to).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::Unsupported | ErrorKind::CrossesDevices => {
                StoreError::NoLinks { dir: self.dir.to_owned(), source: Arc::new(error) }
            }
            _ => StoreError::io("link", from, error),
        })
    }

    /// Whatever was there before is replaced. Synced, but for its name.
    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let copied = || -> io::Result<()> {
            let (from, into) = (self.disk.open(from, Mode::Read)?, self.disk.open(to, Mode::WriteOrCreate)?);
            into.set_length(0)?;
            let (length, mut buffer) = (from.length()?, vec![0; COPY_BYTES]);
            for offset in (0..length).step_by(COPY_BYTES) {
                let part = &mut buffer[..(length - offset).min(COPY_BYTES as u64) as usize];
                from.read_at(offset, part)?;
                into.write_at(offset, part)?;
            }
            into.sync()
        };
        copied().map_err(|error| StoreError::io("write", to, error))
    }

    /// An empty file.
    fn write(&self, path: &Path) -> Result<()> {
        let made = self.disk.open(path, Mode::WriteOrCreate).and_then(|file| file.sync());
        made.map_err(|error| StoreError::io("write", path, error))
    }

    /// Within a folder, which is synced.
    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.disk.rename(from, to).map_err(|error| StoreError::io("rename", from, error))?;
        self.sync(&folder_of(to))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.disk.remove(path).map_err(|error| StoreError::io("remove", path, error))
    }

    fn sync(&self, folder: &Path) -> Result<()> {
        self.disk.sync_dir(folder).map_err(|error| StoreError::io("sync", folder, error))
    }
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new(".")).to_owned()
}
