//! What the systems call differently: rights, room and identity of files, and where a user is at home.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{HANDED_ON, Mark, USER_HOME, disk_free, file_as_any, folder_as_any, is_writable, mark, sync_folder};
#[cfg(windows)]
pub use windows::{HANDED_ON, Mark, USER_HOME, disk_free, file_as_any, folder_as_any, is_writable, mark, sync_folder};
