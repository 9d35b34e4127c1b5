//! Files below a folder, in the order of their names. Every step is by a folder that is open and follows no link, so that nothing leads out, whatever
//! is done to the tree meanwhile. Memory grows with the depth, not with the tree.

use greenroom_mirror::{Listed, TheirKind, There};
use greenroom_store::{HttpHeaders, Metadata, Tags, Timestamp};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, open, openat, statat};
use rustix::io::Errno;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Names of one folder that are held at once; a folder with more is read again for the next ones.
const NAMES_MAX: usize = 5_000;
/// Azure's limit on the parts of a name. What lies deeper could not be a blob.
const DEPTH_MAX: usize = 254;

/// How far down a list goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    Folder,
    Tree,
}

#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    pub fn root(path: &Path) -> io::Result<Self> {
        Ok(Self(open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// `None`: there is none, or it is no folder.
    fn enter(&self, name: &str) -> io::Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if ["", ".", ".."].contains(&name) {
            return Ok(None);
        }
        there_is(openat(&self.0, name, flags, Mode::empty())).map(|found| found.map(Self))
    }

    /// By a path that ends with a slash, or an empty one.
    fn descend(self, path: &str) -> io::Result<Option<Self>> {
        let mut folder = self;
        for part in path.split_terminator('/') {
            match folder.enter(part)? {
                Some(inner) => folder = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(folder))
    }

    /// Err: `NotFound` also for what is no file.
    pub fn file(self, name: &str) -> io::Result<(File, There)> {
        let none = || io::Error::from(io::ErrorKind::NotFound);
        let (path, last) = name.split_at(name.rfind('/').map_or(0, |slash| slash + 1));
        let folder = self.descend(path)?.ok_or_else(none)?;
        if ["", ".", ".."].contains(&last) {
            return Err(none());
        }
        // A pipe would be waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = there_is(openat(&folder.0, last, flags, Mode::empty()))?.ok_or_else(none)?;
        let there = there(name.to_owned(), &fstat(&file)?).ok_or_else(none)?;
        Ok((file.into(), there))
    }

    /// The first names in here that are wanted, folders with a slash; and whether there are more.
    fn names(&self, wanted: impl Fn(&str) -> bool) -> io::Result<(Vec<String>, bool)> {
        let (mut first, mut has_more) = (BinaryHeap::new(), false);
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let mut kind = entry.file_type();
            if kind == FileType::Unknown {
                let Some(stat) = there_is(statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW))? else { continue };
                kind = FileType::from_raw_mode(stat.st_mode);
            }
            let name = match kind {
                FileType::Directory if [".", ".."].contains(&name) => continue,
                FileType::Directory => format!("{name}/"),
                FileType::RegularFile => name.to_owned(),
                _ => continue,
            };
            if !wanted(&name) {
                continue;
            }
            first.push(name);
            if first.len() > NAMES_MAX {
                first.pop();
                has_more = true;
            }
        }
        Ok((first.into_sorted_vec(), has_more))
    }
}

/// A page of what begins with the prefix, after a name.
pub fn page(root: Folder, prefix: &str, depth: Depth, after: Option<&str>, max: usize) -> io::Result<Listed> {
    let mut page = Page { prefix, depth, after: after.unwrap_or_default(), max, listed: Listed::default() };
    let path = prefix.rfind('/').map_or("", |slash| &prefix[..=slash]);
    if let Some(folder) = root.descend(path)? {
        page.fill(&folder, path, path.matches('/').count())?;
    }
    Ok(page.listed)
}

struct Page<'a> {
    prefix: &'a str,
    depth: Depth,
    after: &'a str,
    max: usize,
    listed: Listed,
}

impl Page<'_> {
    /// From one folder, of which `path` is what its names begin with.
    fn fill(&mut self, folder: &Folder, path: &str, level: usize) -> io::Result<()> {
        let mut done = String::new();
        loop {
            let wanted = |name: &str| *name > *done && self.wants(&format!("{path}{name}"));
            let (names, has_more) = folder.names(wanted)?;
            for name in &names {
                self.take(folder, path, name, level)?;
                if self.listed.next.is_some() {
                    return Ok(());
                }
            }
            match names.last() {
                Some(last) if has_more => done.clone_from(last),
                _ => return Ok(()),
            }
        }
    }

    fn wants(&self, name: &str) -> bool {
        let is_begun = self.depth == Depth::Tree && name.ends_with('/') && self.after.starts_with(name);
        name.starts_with(self.prefix) && (name > self.after || is_begun)
    }

    /// One entry of a folder; with all in it, where that was asked for.
    fn take(&mut self, folder: &Folder, path: &str, name: &str, level: usize) -> io::Result<()> {
        if self.listed.blobs.len() + self.listed.folders.len() >= self.max {
            let last = self.listed.blobs.last().map(|blob| &blob.name).max(self.listed.folders.last());
            self.listed.next = last.cloned();
            return Ok(());
        }
        let whole = format!("{path}{name}");
        match name.strip_suffix('/') {
            Some(_) if self.depth == Depth::Folder => self.listed.folders.push(whole),
            Some(_) if level >= DEPTH_MAX => {}
            Some(inner) => {
                if let Some(inner) = folder.enter(inner)? {
                    self.fill(&inner, &whole, level + 1)?;
                }
            }
            None => {
                let found = there_is(statat(&folder.0, name, AtFlags::SYMLINK_NOFOLLOW))?;
                self.listed.blobs.extend(found.and_then(|stat| there(whole, &stat)));
            }
        }
        Ok(())
    }
}

pub fn etag_of(file: &File) -> io::Result<String> {
    Ok(etag(&fstat(file)?))
}

/// What a file is, when its inode changed last, and how long it is: another file, or another content, has another.
fn etag(stat: &Stat) -> String {
    format!("{:x}-{:x}.{:x}-{:x}", stat.st_ino, stat.st_ctime, stat.st_ctime_nsec, stat.st_size)
}

/// `None` for what is no file.
fn there(name: String, stat: &Stat) -> Option<There> {
    let micros = i64::try_from(stat.st_mtime_nsec).unwrap_or_default() / 1_000;
    let modified = Timestamp(stat.st_mtime.saturating_mul(1_000_000).saturating_add(micros));
    (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then(|| There {
        name,
        etag: etag(stat),
        length: u64::try_from(stat.st_size).unwrap_or_default(),
        kind: TheirKind::Block,
        created: modified,
        modified,
        headers: HttpHeaders::default(),
        metadata: Metadata::new(),
        tags: Tags::new(),
        tier: None,
        tier_changed: None,
    })
}

/// `None` where nothing has that name, or a link, or something else than was asked for.
fn there_is<T>(found: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::INVAL | Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
