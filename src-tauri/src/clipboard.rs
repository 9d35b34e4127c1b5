//! The desktop's clipboard, for lines that the speaker pastes.

use greenroom_director::Clipboard;
use std::sync::{Mutex, PoisonError};

#[cfg(target_os = "macos")]
use arboard::SetExtApple as _;
#[cfg(target_os = "linux")]
use arboard::SetExtLinux as _;
#[cfg(target_os = "windows")]
use arboard::SetExtWindows as _;

/// Opened when it is used first, and kept: under X11 what is pasted comes from the program that has put it there. What goes through
/// here is secret for a while, so it is marked as nothing for a clipboard manager to keep.
pub fn desktop() -> Clipboard {
    let open = Mutex::new(None);
    Clipboard::new(move |text| {
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        let clipboard = match &mut *open {
            Some(clipboard) => clipboard,
            none => none.insert(arboard::Clipboard::new().map_err(|error| error.to_string())?),
        };
        clipboard.set().exclude_from_history().text(text).map_err(|error| error.to_string())
    })
}
