//! The file system as a part: all that a store reads and writes goes through here, so that a test can put a disk in its place that
//! fails, fills up or forgets what was never synced.

use crate::error::{Result, StoreError};
use crate::{lock, private};
use std::any::Any;
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Folders and files. Paths are those of the data folder and below.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Makes the folder if need be, and keeps others out of it while the guard lives. Err: `Locked`, `NotWritable`.
    fn lock(&self, dir: &Path) -> Result<Guard>;
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Names and lengths of the files in a folder.
    fn list(&self, dir: &Path) -> io::Result<Vec<(PathBuf, u64)>>;
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>>;
    /// The name is gone at once; the room may be free only a little later.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Whatever had the new name before is replaced, or nothing happens.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// A second name for a file: what is written under one is read under both, and it lives until both are gone.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// The folder must be empty.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;
    /// A new file, or the lack of a removed one, is only sure to be found again after this.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes that the file takes on disk: less than its length where it has holes. 0 where there is no file.
    fn allocated_bytes(&self, path: &Path) -> u64;
    /// Whether nobody but its owner may read what is in a folder.
    fn is_private(&self, dir: &Path) -> io::Result<bool>;
    /// From now on nobody else may.
    fn narrow(&self, path: &Path) -> io::Result<()>;
    fn free_bytes(&self, dir: &Path) -> u64;
}

/// An open file. What is written is durable after `sync`, and may be lost, as a whole or in part, before.
pub trait DiskFile: Debug + Send + Sync + 'static {
    fn length(&self) -> io::Result<u64>;
    /// Fills `into`. Err: `UnexpectedEof` where the file ends before.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
    /// As `read_at`, if all of it is in memory; false, and `into` undefined, where the disk would have to be waited for, or nobody can
    /// say. Does not block.
    fn read_cached(&self, _offset: u64, _into: &mut [u8]) -> io::Result<bool> {
        Ok(false)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn set_length(&self, length: u64) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
}

/// Dropping it lets go.
pub type Guard = Box<dyn Any + Send + Sync>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Read,
    /// The file must be there.
    Write,
    /// The file is made unless it is there.
    WriteOrCreate,
    /// The file must not be there.
    Create,
}

/// The machine's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileSystem;

impl Disk for FileSystem {
    fn lock(&self, dir: &Path) -> Result<Guard, StoreError> {
        Ok(Box::new(lock::lock(dir)?))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        private::create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        let entries = std::fs::read_dir(dir)?;
        entries
            .map(|entry| {
                let entry = entry?;
                Ok((entry.path(), entry.metadata()?.len()))
            })
            .collect()
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let mut options = private::options();
        options.read(true);
        match mode {
            Mode::Read => &mut options,
            Mode::Write => options.write(true),
            Mode::WriteOrCreate => options.write(true).create(true).truncate(false),
            Mode::Create => options.write(true).create_new(true),
        };
        Ok(Box::new(open_untimed(&mut options, path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        std::fs::remove_file(path)?;
        close_elsewhere(file);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::hard_link(from, to)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        std::fs::remove_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        // Windows has no such call, and no need of it.
        if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
    }

    #[cfg(unix)]
    fn allocated_bytes(&self, path: &Path) -> u64 {
        use std::os::unix::fs::MetadataExt;
        // Blocks are of 512 bytes here, whatever the file system's own are.
        path.metadata().map_or(0, |metadata| metadata.blocks() * 512)
    }

    #[cfg(not(unix))]
    fn allocated_bytes(&self, path: &Path) -> u64 {
        path.metadata().map_or(0, |metadata| metadata.len())
    }

    fn is_private(&self, dir: &Path) -> io::Result<bool> {
        private::is_private(dir)
    }

    fn narrow(&self, path: &Path) -> io::Result<()> {
        private::narrow(path)
    }

    fn free_bytes(&self, dir: &Path) -> u64 {
        // Where the system cannot say, a write that fails will.
        fs4::available_space(dir).unwrap_or(u64::MAX / 2)
    }
}

/// Files to be closed while nobody waits. No more than one queues: what they take is not free yet.
static TO_CLOSE: LazyLock<Option<SyncSender<File>>> = LazyLock::new(|| {
    let (sender, files) = sync_channel(1);
    let thread = std::thread::Builder::new().name("closer".to_owned()).spawn(move || files.into_iter().for_each(drop));
    thread.is_ok().then_some(sender)
});

/// To close the last handle of a removed file is to give its room back, which takes a file system a tenth of a second for a large one.
fn close_elsewhere(file: File) {
    match &*TO_CLOSE {
        // It closes the file itself where nobody takes it.
        Some(closer) => drop(closer.send(file)),
        None => drop(file),
    }
}

/// Opens a file of which no access times are kept: to note one, a read may have to wait while the file system commits what others have
/// written.
#[cfg(target_os = "linux")]
fn open_untimed(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    const NONE: i32 = 0;
    let opened = options.custom_flags(rustix::fs::OFlags::NOATIME.bits().cast_signed()).open(path);
    match opened {
        // Only who owns a file may ask for this.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => options.custom_flags(NONE).open(path),
        opened => opened,
    }
}

#[cfg(not(target_os = "linux"))]
fn open_untimed(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.open(path)
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, into, offset)
    }

    #[cfg(target_os = "linux")]
    fn read_cached(&self, offset: u64, into: &mut [u8]) -> io::Result<bool> {
        use rustix::io::{ReadWriteFlags, preadv2};
        let length = into.len();
        match preadv2(self, &mut [io::IoSliceMut::new(into)], offset, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(read == length),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(unix)]
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, mut offset: u64, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(self, into, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    into = &mut into[read..];
                    offset += read as u64;
                }
            }
        }
        Ok(())
    }

    #[cfg(windows)]
    fn write_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = std::os::windows::fs::FileExt::seek_write(self, bytes, offset)?;
            bytes = &bytes[written..];
            offset += written as u64;
        }
        Ok(())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
