//! What one client may cost: connections, patience, and the least that it must move to keep its place.

use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at once. Where all places are taken, the connection that has been idle longest makes room for the next one;
    /// while none is idle, that one waits.
    pub connections_max: usize,
    /// From the first byte of a request until its headers are complete, and for a TLS handshake.
    pub headers_max: Duration,
    /// How long a connection may stay open between requests.
    pub idle_max: Duration,
    /// A client that is waited for so long in total must have moved `stall_bytes_min` in that time.
    pub stall_max: Duration,
    pub stall_bytes_min: u64,
    /// How long requests in flight may go on once the server was asked to stop.
    pub drain_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // AzCopy opens up to a few hundred.
            connections_max: 2048,
            // Headers are a few packets: a client that takes longer is not there, or not well-meaning.
            headers_max: Duration::from_secs(20),
            // Longer than the idle time of Go's and Python's pools, so that it is the client that closes and no request is
            // lost to a race.
            idle_max: Duration::from_secs(120),
            // About 1 KiB a second, which is slower than what Azure lets pass (ten minutes a MiB).
            stall_max: Duration::from_secs(60),
            stall_bytes_min: 64 * 1024,
            drain_max: Duration::from_secs(20),
        }
    }
}
