//! What machine a figure was measured on. Generic facts only: no host name, no user.

use greenroom_show::take::Machine;

pub fn describe() -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str, parts: char| {
        text.lines().find_map(|line| {
            line.strip_prefix(name)?.trim_start().strip_prefix(parts).map(|value| value.trim().to_string())
        })
    };
    let memory_kb = field(&read("/proc/meminfo"), "MemTotal", ':')
        .and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok());
    Machine {
        cpu: field(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_else(|| std::env::consts::ARCH.to_string()),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_bytes: memory_kb.unwrap_or(0) * 1024,
        system: field(&read("/etc/os-release"), "PRETTY_NAME", '=')
            .map_or_else(|| std::env::consts::OS.to_string(), |name| name.trim_matches('"').to_string()),
    }
}
