//! Threads that stand behind those that answer. Who only has to notice a request, and needs a core for a moment, finds one while these are
//! at work.

use std::{io, thread};

/// A third of the weight of the others where all cores are wanted, and all of a core where one is free. Source: Linux,
/// `sched_prio_to_weight`.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// Starts such a thread.
pub(crate) fn thread(name: String, work: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name).spawn(move || {
        stand_behind();
        work();
    })
}

/// From now on this thread stands behind the others; so do the threads that it starts.
pub fn stand_behind() {
    // Elsewhere niceness is the process's, not the thread's. Refused, the thread merely stays among the others.
    #[cfg(target_os = "linux")]
    if rustix::process::getpriority_process(None).is_ok_and(|nice| nice < NICE) {
        rustix::process::setpriority_process(None, NICE).ok();
    }
}
