//! The machine in one line: enough to judge a figure by, nothing that names the owner.

use std::fs;

pub fn line() -> String {
    let cpu = value("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory_kib: u64 = value("/proc/meminfo", "MemTotal")
        .and_then(|words| words.split(' ').next().and_then(|number| number.parse().ok()))
        .unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux").trim_matches('"');
    let gib = memory_kib.div_ceil(1024 * 1024);
    format!("{cpu}, {cores} cores, {gib} GiB of memory, {system}, kernel {}", kernel.trim())
}

/// The value of the first `name: value` line of a file of the kernel's.
pub fn value(file: &str, name: &str) -> Option<String> {
    let words = fs::read_to_string(file).ok()?;
    let line = words.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
