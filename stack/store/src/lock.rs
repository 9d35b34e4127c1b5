//! One process a data folder.

use crate::error::{Result, StoreError};
use crate::private;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

const LOCK_FILE: &str = "lock";

/// Makes the folder if need be and locks it until the file is dropped; the system lets go of it too when the process dies.
pub fn lock(dir: &Path) -> Result<File> {
    let unwritable = |source| StoreError::NotWritable { dir: dir.to_owned(), source: Arc::new(source) };
    private::create_dir(dir).map_err(unwritable)?;
    let open = private::options().read(true).write(true).create(true).truncate(false).open(dir.join(LOCK_FILE));
    let mut file = open.map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Only to help: the lock is held whether or not its holder can be named.
            let _ = file.read_to_string(&mut pid);
            return Err(StoreError::Locked { dir: dir.to_owned(), pid: pid.trim().parse().ok() });
        }
        Err(TryLockError::Error(source)) => return Err(unwritable(source)),
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(unwritable)?;
    writeln!(file, "{}", std::process::id()).map_err(unwritable)?;
    Ok(file)
}
