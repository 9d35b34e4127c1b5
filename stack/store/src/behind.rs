//! Threads that stand behind those that answer. Who only has to notice a request, and needs a core for a moment, finds one while these are
//! at work.

use std::cell::Cell;
use std::{io, thread};
use tokio::task::JoinHandle;

/// A third of the weight of the others where all cores are wanted, and all of a core where one is free. Source: Linux,
/// `sched_prio_to_weight`.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// Runs what blocks, or takes long, on such a thread.
pub(crate) fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    tokio::task::spawn_blocking(move || {
        stand();
        work()
    })
}

/// Starts such a thread.
pub(crate) fn thread(name: String, work: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name).spawn(move || {
        stand();
        work();
    })
}

/// From now on this thread stands behind the others.
fn stand() {
    thread_local!(static STANDS: Cell<bool> = const { Cell::new(false) });
    if !STANDS.replace(true) {
        // Elsewhere niceness is the process's, not the thread's. Refused, the thread merely stays among the others.
        #[cfg(target_os = "linux")]
        rustix::process::nice(NICE).ok();
    }
}
