//! Processes that a test watches.

/// Whether a process runs; one that has ended and waits to be reaped does not.
pub fn is_alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
