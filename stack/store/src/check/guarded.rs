//! The one place where a panic becomes an error: the engine may give up on a file that was changed behind its back.

use crate::error::Result;
use crate::rows::corrupt;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// What is caught here is told as an error, and not as a panic too.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Err: `Corrupt` where the engine has panicked. What `act` leaves behind is to be used no more then, and let go of in here as well.
pub fn guarded<T>(act: impl FnOnce() -> Result<T>) -> Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    QUIET.set(true);
    let done = catch_unwind(AssertUnwindSafe(act));
    QUIET.set(false);
    done.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
        Err(corrupt(&format!("the engine cannot go on with it: {}", said.unwrap_or_default())))
    })
}
