//! Files and folders that only their owner may read.

pub use system::{create_dir, expect_own, options, sync_dir};

#[cfg(unix)]
mod system {
    use crate::fault::Fault;
    use std::fs::{DirBuilder, File, OpenOptions, metadata};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
    use std::path::Path;

    /// To write a file, which is made unless it is there; what is made, others may neither read nor write.
    pub fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.write(true).create(true).mode(0o600);
        options
    }

    /// Makes a folder, and those above it, where they are not there.
    pub fn create_dir(dir: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)
    }

    /// Err: `Foreign`, `Open`, `File`.
    pub fn expect_own(dir: &Path) -> Result<(), Fault> {
        let found = metadata(dir).map_err(|source| Fault::File { file: dir.to_owned(), source })?;
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(Fault::Foreign(dir.to_owned()));
        }
        if found.permissions().mode() & 0o077 != 0 {
            return Err(Fault::Open(dir.to_owned()));
        }
        Ok(())
    }

    /// What was made in a folder, or removed, is only sure to be found so again after this.
    pub fn sync_dir(dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

/// Rights are inherited from the folder above: below a user's own, they are that user's and the administrators'.
#[cfg(windows)]
mod system {
    use crate::fault::Fault;
    use std::fs::{DirBuilder, OpenOptions};
    use std::io;
    use std::path::Path;

    pub fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.write(true).create(true);
        options
    }

    pub fn create_dir(dir: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).create(dir)
    }

    pub fn expect_own(dir: &Path) -> Result<(), Fault> {
        let dir = dir.display();
        tracing::warn!(%dir, "on Windows nobody looks who else may read the keys in there: whoever may read the folder above");
        Ok(())
    }

    /// There is no such call, and no need of it.
    pub fn sync_dir(_dir: &Path) -> io::Result<()> {
        Ok(())
    }
}
