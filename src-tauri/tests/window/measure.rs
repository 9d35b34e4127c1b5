//! Figures of the app: time to its window, memory at rest, how soon a slide is there in both windows, and how often its charts are drawn
//! while AzCopy runs.
//! Prints one line of JSON for `cargo xtask bench app`; asserts no time.

use crate::processes::{REST, SLIDES, STAY, TALK, cpu_percent, family, percentile, pss_kib};
use crate::support::{App, ENTER, PAGE_DOWN, called, project};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Until the last minute of each curve is full.
const MINUTE: Duration = Duration::from_secs(64);
/// As the goal has it.
const POINTS: f64 = 10_000.0;
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

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask bench app' brings one"]
async fn the_app_is_measured() {
    let root = project();
    let begun = Instant::now();
    let app = App::open("measure", root.path(), TALK).await;
    app.until("[data-testid=presenter] [data-testid=slide]").await;
    let window_s = begun.elapsed().as_secs_f64();
    app.until("[data-testid=stack][data-state=ready]").await;
    let ready_s = begun.elapsed().as_secs_f64();

    tokio::time::sleep(REST).await;
    // The stack is measured by itself.
    let own = Path::new(env!("CARGO_BIN_EXE_greenroom-app"));
    let is_own = |pid: &str| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == own);
    let processes = family(is_own, "greenroom-stack");
    assert!(!processes.is_empty(), "the app runs");
    let idle_mib = processes.iter().map(|pid| pss_kib(pid)).sum::<u64>() / 1024;
    let idle_cpu_percent = cpu_percent(&processes).await;

    let [here, there] = changes(&app).await;
    app.press(&format!("29{ENTER}")).await;
    app.press(PAGE_DOWN).await;
    app.until("[data-testid=group][data-group=prepare][data-state=passed]").await;
    app.press(PAGE_DOWN).await;
    app.until("[data-testid=group][data-group=upload][data-state=running]").await;
    let (draws, frames_per_s) = rates(&app, Asked::Nothing).await;
    let draws_per_s = draws.into_iter().fold(0.0, f64::max);
    app.until("[data-testid=group][data-group=upload][data-state=passed]").await;
    app.close(root.path()).await;
    assert!(draws_per_s > 0.0, "the charts move while AzCopy runs");
    let figures = json!({
        "window_s": window_s, "ready_s": ready_s, "idle_pss_mib": idle_mib, "idle_cpu_percent": idle_cpu_percent,
        "change_ms": percentile(&here, 50), "change_p95_ms": percentile(&here, 95),
        "audience_ms": percentile(&there, 50), "audience_p95_ms": percentile(&there, 95),
        "chart_draws_per_s": draws_per_s, "frames_per_s": frames_per_s,
    });
    println!("GREENROOM_FIGURES {figures}");
}

/// A demo whose four charts have a full minute each, and are told of news faster than a screen draws: by the stack 25 times a second, by each
/// of sixteen loads five times.
fn busy_talk(root: &Path) {
    let charts =
        [("bytes-per-second", "bytes_in_per_s", "bytes_out_per_s"), ("milliseconds", "put.p99_ms", "get.p99_ms")];
    let charts = charts.into_iter().chain([
        ("ops-per-second", "put.ops_per_s", "get.ops_per_s"),
        ("bytes-per-second", "bytes_out_per_s", "bytes_in_per_s"),
    ]);
    let charts: String = charts
        .enumerate()
        .map(|(index, (unit, one, other))| {
            let of_load = if unit == "milliseconds" { "get.p99_ms" } else { "ops_per_s" };
            let metrics = [format!("busy.{one}"), format!("busy.{other}")];
            let loads = (4 * index..4 * index + 4).map(|load| format!("l{load}.{of_load}"));
            let metrics = metrics.into_iter().chain(loads);
            let lines: Vec<_> = metrics.map(|metric| format!("{{ metric: {metric}, label: {metric} }}")).collect();
            format!("  - title: Chart {index}\n    unit: {unit}\n    series: [{}]\n", lines.join(", "))
        })
        .collect();
    let loads: String = (0..16)
        .map(|load| {
            // The last one holds the step: curves go on while one runs.
            let rest = if load < 15 { " --in-background" } else { " --timeout 100s" };
            format!("load l{load} --tenant busy --put 1 --get 1 --size 4KiB --rate 2/s --for 80s{rest}\n")
        })
        .collect();
    let demo = format!("---\ntitle: Busy\ncharts:\n{charts}---\n```steps go\ntenant create busy\n{loads}```\n");
    let deck = "---\ntitle: Busy\naudience: public\nsection: Busy\nminutes: 1\nlayout: demo\ndemo: busy\nsteps: [go]\npanes: [charts]\n---\n# Busy\n";
    for (path, text) in [("demos/busy/demo.md", demo.as_str()), ("slides/busy/deck.md", deck)] {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }
}

/// How often four charts are drawn that show 10,000 points.
#[tokio::test]
#[ignore = "needs a display: 'cargo xtask bench app' brings one"]
async fn four_charts_are_measured() {
    let root = tempfile::tempdir().expect("a folder");
    busy_talk(root.path());
    let app = App::open("measure-charts", root.path(), "busy").await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.press(PAGE_DOWN).await;
    app.until("[data-testid=group][data-group=go][data-state=running]").await;
    tokio::time::sleep(MINUTE).await;
    let points = app
        .eval("return [...document.querySelectorAll('[data-samples]')].reduce((sum, chart) => sum + +chart.dataset.samples, 0)")
        .await
        .as_f64()
        .expect("a sum");
    let (told, _) = rates(&app, Asked::Nothing).await;
    let (draws, frames_per_s) = rates(&app, Asked::EachFrame).await;
    app.close(root.path()).await;
    assert!(points >= POINTS && draws.len() == 4, "{points} points in {} charts", draws.len());
    let slowest = |draws: Vec<f64>| draws.into_iter().fold(f64::INFINITY, f64::min);
    let figures = json!({ "full_told_per_s": slowest(told), "full_draws_per_s": slowest(draws), "full_frames_per_s": frames_per_s });
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
    app.call(json!({ "open-take": { "id": "hour" } })).await;
    app.until("[data-testid=time-line][data-ready=true]").await;
    let open_ms = begun.elapsed().as_secs_f64() * 1e3;
    app.call(json!({ "toggle-play": {} })).await;
    app.until("[data-testid=replay][data-playing=false]").await;
    let mut times = Vec::new();
    for turn in 0..SEEKS {
        // Back and forth over the hour.
        let to = (turn * 7 % SEEKS) * 3_500_000_000 / SEEKS + 1_000_000;
        let seek = called(&json!({ "seek-take": { "to": { "at": to } } }));
        let script = format!(
            "const done = arguments[0];
             const began = performance.now();
             const there = () => Number(document.querySelector('[data-testid=replay]').dataset.at) === {to};
             const look = () => there() ? requestAnimationFrame(() => done(performance.now() - began)) : setTimeout(look, 1);
             {seek};
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

/// From asking for each slide to its first frame, in the presenter's window and in the audience's, in milliseconds and in order.
async fn changes(app: &App) -> [Vec<f64>; 2] {
    // With one screen there is no audience's window until the speaker asks for it.
    app.press("a").await;
    app.switch_to("audience").await;
    app.eval(WATCH_SLIDES).await;
    app.switch_to("presenter").await;
    app.eval(WATCH_SLIDES).await;
    let mut asked = Vec::new();
    for slide in 1..SLIDES {
        let go = called(&json!({ "go-to": { "slide": slide } }));
        let call = format!("const asked = window.clock(); {go}; return asked");
        asked.push(app.eval(&call).await.as_f64().expect("a time"));
        app.until_true(&format!("slide {} comes", slide + 1), &format!("return !!window.seen[{slide}]")).await;
        // A speaker stays, and what fades has faded.
        tokio::time::sleep(STAY).await;
    }
    let mut both = [vec![], vec![]];
    for (window, gaps) in ["presenter", "audience"].into_iter().zip(&mut both) {
        app.switch_to(window).await;
        let last = format!("return !!window.seen[{}]", SLIDES - 1);
        app.until_true("the last slide comes", &last).await;
        let seen = app.eval("return window.seen").await;
        let seen = (1..SLIDES).map(|slide| seen[slide.to_string()].as_f64().expect("a time"));
        gaps.extend(seen.zip(&asked).map(|(seen, asked)| seen - asked));
        gaps.sort_by(f64::total_cmp);
    }
    app.switch_to("presenter").await;
    both
}

/// What draws charts beside what is told of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// The stage becomes a pixel wider and narrower in each frame: all charts are drawn anew, on canvases of another size.
    EachFrame,
}

/// Draws a second of each chart, and animation frames of the page, over some seconds.
async fn rates(app: &App, asked: Asked) -> (Vec<f64>, f64) {
    let shakes = asked == Asked::EachFrame;
    let script = "const done = arguments[0];
        const shaken = SHAKES ? [...document.querySelectorAll('.stage-frame')].filter(frame => frame.querySelector('canvas')) : [];
        const widths = shaken.map(frame => frame.clientWidth);
        const drawn = () => [...document.querySelectorAll('[data-drawn]')].map(canvas => +canvas.dataset.drawn);
        const first = drawn(), start = performance.now();
        let frames = 0;
        const tick = () => {
            frames += 1;
            shaken.forEach((frame, index) => frame.style.width = `${widths[index] - frames % 2}px`);
            const s = (performance.now() - start) / 1000;
            if (s < 3) return requestAnimationFrame(tick);
            done([drawn().map((now, chart) => (now - (first[chart] ?? 0)) / s), frames / s]);
        };
        requestAnimationFrame(tick);"
        .replace("SHAKES", &shakes.to_string());
    let rates = app.client.execute_async(&script, vec![]).await.expect("the page answers");
    let draws = rates[0].as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64).collect();
    (draws, rates[1].as_f64().unwrap_or(0.0))
}
