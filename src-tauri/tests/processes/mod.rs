//! For benchmarks: what is the same for the app and for what stands beside it, and what processes take of the machine.

use std::time::Duration;

/// The talk whose slides are gone to, and how many of them; it has more.
pub const TALK: &str = "ai-cloud";
pub const SLIDES: usize = 48;
/// Long enough for a page to come to rest.
pub const REST: Duration = Duration::from_secs(3);
/// On a slide, before the next one is asked for.
pub const STAY: Duration = Duration::from_millis(400);

/// Kernel ticks a second, of `/proc/<pid>/stat`.
const TICKS_A_SECOND: f64 = 100.0;
const CPU_WINDOW: Duration = Duration::from_secs(5);

/// Those that fit, and all that they have started, but for what is left out by name.
pub fn family(is_first: impl Fn(&str) -> bool, leaves_out: &str) -> Vec<String> {
    let mut all: Vec<String> = std::fs::read_dir("/proc")
        .expect("a /proc")
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.parse::<u32>().is_ok())
        .collect();
    let mut found = Vec::new();
    loop {
        let (more, rest): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|pid| is_first(pid) || found.contains(&parent(pid)));
        if more.is_empty() {
            found.retain(|pid| name(pid) != leaves_out);
            return found;
        }
        found.extend(more);
        all = rest;
    }
}

fn name(pid: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_string()
}

fn parent(pid: &str) -> String {
    stat(pid).get(1).cloned().unwrap_or_default()
}

/// Of one core, over some seconds.
pub async fn cpu_percent(processes: &[String]) -> f64 {
    let used = || processes.iter().map(|pid| cpu_seconds(pid)).sum::<f64>();
    let before = used();
    tokio::time::sleep(CPU_WINDOW).await;
    (used() - before) / CPU_WINDOW.as_secs_f64() * 100.0
}

fn cpu_seconds(pid: &str) -> f64 {
    let fields = stat(pid);
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS_A_SECOND
}

/// Memory with its share of what is shared.
pub fn pss_kib(pid: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The value below which so many of a hundred lie; of values in order.
pub fn percentile(values: &[f64], of_hundred: usize) -> f64 {
    values[(values.len() * of_hundred / 100).min(values.len() - 1)]
}

/// Fields of `/proc/<pid>/stat` after the name: state, parent, and so on.
fn stat(pid: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    rest.split_whitespace().map(String::from).collect()
}
