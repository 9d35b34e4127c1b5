//! Time as a part: what decides is told it.

use std::time::UNIX_EPOCH;

/// Milliseconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "this is the part through which time comes in")]
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds since the epoch, as keys' attributes have them.
pub fn now_s() -> i64 {
    i64::try_from(now_ms() / 1000).unwrap_or(i64::MAX)
}
