//! Time as a part: one monotonic clock for a show, and the wall clock where a date is written down.

use greenroom_show::Micros;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Counts from when it was made.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(&self) -> Micros {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }
}

/// Milliseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn wall_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Holds this thread, for those that need times finer than the runtime's.
#[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
pub fn pause(duration: std::time::Duration) {
    std::thread::sleep(duration);
}
