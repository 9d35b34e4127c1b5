//! Figures of the app: time to its window, memory at rest, how soon a slide is there in both windows, and how often its charts are drawn
//! while AzCopy runs.
//! Prints one line of JSON for `cargo xtask bench app`; asserts no time.

use crate::support::{App, ENTER, PAGE_DOWN, project};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Long enough for the page to come to rest.
const REST: Duration = Duration::from_secs(3);
const CPU_WINDOW: Duration = Duration::from_secs(5);
/// Changes of slide that are timed: fewer than the deck has slides.
const CHANGES: u64 = 7;
/// Notes when a slide's first frame is drawn, by the machine's clock, which is the same for both windows.
const WATCH_SLIDES: &str = "window.seen = {};
    window.clock = () => performance.timeOrigin + performance.now();
    const look = () => document.querySelectorAll('.layer [data-slide]').forEach(({ dataset: { slide } }) => {
        if (slide in window.seen) return;
        window.seen[slide] = null;
        requestAnimationFrame(() => window.seen[slide] = window.clock());
    });
    look();
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
    return true";
/// Places that are sought.
const SEEKS: u64 = 20;
/// Kernel ticks a second, of `/proc/<pid>/stat`.
const TICKS_A_SECOND: f64 = 100.0;

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask bench app' brings one"]
async fn the_app_is_measured() {
    let root = project();
    let begun = Instant::now();
    let app = App::open("measure", root.path(), "azcopy-field").await;
    app.until("[data-testid=presenter] [data-testid=slide]").await;
    let window_s = begun.elapsed().as_secs_f64();
    app.until("[data-testid=stack][data-state=ready]").await;
    let ready_s = begun.elapsed().as_secs_f64();

    tokio::time::sleep(REST).await;
    let processes = app_processes();
    assert!(!processes.is_empty(), "the app runs");
    let idle_mib = processes.iter().map(|pid| pss_kib(pid)).sum::<u64>() / 1024;
    let before: f64 = processes.iter().map(|pid| cpu_seconds(pid)).sum();
    tokio::time::sleep(CPU_WINDOW).await;
    let after: f64 = processes.iter().map(|pid| cpu_seconds(pid)).sum();
    let idle_cpu_percent = (after - before) / CPU_WINDOW.as_secs_f64() * 100.0;

    let (change_ms, lag_ms) = changes(&app).await;
    app.press(&format!("4{ENTER}")).await;
    app.press(PAGE_DOWN).await;
    app.until("[data-testid=group][data-group=prepare][data-state=passed]").await;
    app.press(PAGE_DOWN).await;
    app.until("[data-testid=group][data-group=upload][data-state=running]").await;
    let (draws_per_s, frames_per_s) = rates(&app).await;
    app.until("[data-testid=group][data-group=upload][data-state=passed]").await;
    app.close(root.path()).await;
    assert!(draws_per_s > 0.0, "the charts move while AzCopy runs");
    let figures = json!({
        "window_s": window_s, "ready_s": ready_s, "idle_pss_mib": idle_mib, "idle_cpu_percent": idle_cpu_percent,
        "change_ms": change_ms, "lag_ms": lag_ms, "chart_draws_per_s": draws_per_s, "frames_per_s": frames_per_s,
    });
    println!("GREENROOM_FIGURES {figures}");
}

/// Of a take that the benchmark names: how soon it is open with its time line, and how soon the picture of any place of it is there.
#[tokio::test]
#[ignore = "needs a display and a take: 'cargo xtask bench capture' brings both"]
async fn a_seek_is_measured() {
    let take = std::env::var_os("GREENROOM_TAKE").expect("GREENROOM_TAKE names a take");
    let root = project();
    std::fs::create_dir_all(root.path().join("takes")).expect("a folder");
    std::fs::copy(take, root.path().join("takes/hour.take.ndjson")).expect("copied");
    let app = App::open("measure-seek", root.path(), "azcopy-field").await;
    app.until("[data-testid=presenter] [data-testid=slide]").await;
    let begun = Instant::now();
    app.eval(
        "window.__TAURI__.core.invoke('call', { request: { show: { 'open-take': { id: 'hour' } } } }); return true",
    )
    .await;
    app.until("[data-testid=time-line][data-ready=true]").await;
    let open_ms = begun.elapsed().as_secs_f64() * 1e3;
    app.eval("window.__TAURI__.core.invoke('call', { request: { show: { 'toggle-play': {} } } }); return true").await;
    app.until("[data-testid=replay][data-playing=false]").await;
    let mut times = Vec::new();
    for turn in 0..SEEKS {
        // Back and forth over the hour.
        let to = (turn * 7 % SEEKS) * 3_500_000_000 / SEEKS + 1_000_000;
        let script = format!(
            "const done = arguments[0];
             const began = performance.now();
             const there = () => Number(document.querySelector('[data-testid=replay]').dataset.at) === {to};
             const look = () => there() ? requestAnimationFrame(() => done(performance.now() - began)) : setTimeout(look, 1);
             window.__TAURI__.core.invoke('call', {{ request: {{ show: {{ 'seek-take': {{ to: {{ at: {to} }} }} }} }} }});
             look();"
        );
        let ms = app.client.execute_async(&script, vec![]).await.expect("the page answers");
        times.push(ms.as_f64().expect("a time"));
    }
    app.close(root.path()).await;
    times.sort_by(f64::total_cmp);
    let figures =
        json!({ "open_ms": open_ms, "seek_ms": times[times.len() / 2], "seek_max_ms": times[times.len() - 1] });
    println!("GREENROOM_FIGURES {figures}");
}

/// From asking for a slide to its first frame in the presenter's window, and from there to that in the audience's: medians.
async fn changes(app: &App) -> (f64, f64) {
    // With one screen there is no audience's window until the speaker asks for it.
    app.press("a").await;
    app.switch_to("audience").await;
    app.eval(WATCH_SLIDES).await;
    app.switch_to("presenter").await;
    app.eval(WATCH_SLIDES).await;
    let mut asked = Vec::new();
    for slide in 1..=CHANGES {
        let call = format!(
            "const asked = window.clock();
             window.__TAURI__.core.invoke('call', {{ request: {{ show: {{ 'go-to': {{ slide: {slide} }} }} }} }});
             return asked"
        );
        asked.push(app.eval(&call).await.as_f64().expect("a time"));
        app.until_true(&format!("slide {} comes", slide + 1), &format!("return !!window.seen[{slide}]")).await;
    }
    let seen = async || {
        let last = format!("return !!window.seen[{CHANGES}]");
        app.until_true("the last slide comes", &last).await;
        let seen = app.eval("return window.seen").await;
        (1..=CHANGES).map(|slide| seen[slide.to_string()].as_f64().expect("a time")).collect::<Vec<_>>()
    };
    let here = seen().await;
    app.switch_to("audience").await;
    let there = seen().await;
    app.switch_to("presenter").await;
    let median = |from: &[f64], to: &[f64]| {
        let mut gaps: Vec<f64> = from.iter().zip(to).map(|(from, to)| to - from).collect();
        gaps.sort_by(f64::total_cmp);
        gaps[gaps.len() / 2]
    };
    (median(&asked, &here), median(&here, &there))
}

/// Draws of the busiest chart, and animation frames of the page, over two seconds of the run.
async fn rates(app: &App) -> (f64, f64) {
    let script = "const done = arguments[0];
        const drawn = () => Math.max(0, ...[...document.querySelectorAll('[data-drawn]')].map(c => +c.dataset.drawn));
        const first = drawn(), start = performance.now();
        let frames = 0;
        const tick = () => {
            frames += 1;
            const s = (performance.now() - start) / 1000;
            if (s < 2) requestAnimationFrame(tick); else done([(drawn() - first) / s, frames / s]);
        };
        requestAnimationFrame(tick);";
    let rates = app.client.execute_async(script, vec![]).await.expect("the page answers");
    (rates[0].as_f64().unwrap_or(0.0), rates[1].as_f64().unwrap_or(0.0))
}

/// The app and WebKit's processes under it. The stack is measured by itself.
fn app_processes() -> Vec<String> {
    let ids: Vec<String> = std::fs::read_dir("/proc")
        .expect("a /proc")
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.parse::<u32>().is_ok())
        .collect();
    let name = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_string();
    let own = Path::new(env!("CARGO_BIN_EXE_greenroom-app"));
    let is_app = |pid: &String| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == own);
    let apps: Vec<String> = ids.iter().filter(|pid| is_app(pid)).cloned().collect();
    let children =
        ids.iter().filter(|pid| name(pid).starts_with("WebKit") && !name(pid).starts_with("WebKitWebDriver"));
    let children = children.filter(|pid| apps.contains(&parent(pid))).cloned();
    apps.iter().cloned().chain(children).collect()
}

fn parent(pid: &str) -> String {
    stat(pid).get(1).cloned().unwrap_or_default()
}

fn cpu_seconds(pid: &str) -> f64 {
    let fields = stat(pid);
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS_A_SECOND
}

/// Fields of `/proc/<pid>/stat` after the name: state, parent, and so on.
fn stat(pid: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    rest.split_whitespace().map(String::from).collect()
}

/// Memory with its share of what is shared.
fn pss_kib(pid: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
