//! How long to wait before what has failed is tried again. Pure.

use std::time::Duration;

/// After so many failures in a row: `first`, doubled by each one after the first, and `max` at most.
pub fn after(failures: u32, first: Duration, max: Duration) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(doubled).min(max)
}
