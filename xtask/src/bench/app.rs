//! The app in its window: how long until it shows, what it takes at rest, how smooth its charts are.

use super::report::{Report, table};
use crate::build::{self, NATIVE, Profile};
use crate::display::Display;
use crate::family::Limit;
use crate::requirement::{SLIDEV_VERSION, node_program};
use crate::setup::{self, Scope};
use crate::shell;
use anyhow::{Context, Result};
use std::time::Duration;

/// What the measuring test prints before its figures.
const MARK: &str = "GREENROOM_FIGURES ";
/// The measuring tests, as they are built and as they are run.
const TEST: &str = "test --release -q";
/// A run takes about a minute. One that takes this long hangs, and is ended.
const RUN_MAX: Duration = Duration::from_secs(600);

/// What is measured: of which test, its name there, what it is, and its unit.
const ROWS: [(Test, &str, &str, &str); 15] = [
    (Test::App, "window_s", "start to the first slide in the window", "s"),
    (Test::Slidev, "window_s", "start to the first slide, Slidev", "s"),
    (Test::App, "ready_s", "start to a stack that serves", "s"),
    (Test::App, "idle_pss_mib", "memory at rest, app and web processes (PSS)", "MiB"),
    (Test::Slidev, "idle_pss_mib", "memory at rest, Slidev's server and Chromium (PSS)", "MiB"),
    (Test::App, "idle_cpu_percent", "CPU at rest, of one core", "%"),
    (Test::Slidev, "idle_cpu_percent", "CPU at rest, Slidev, of one core", "%"),
    (Test::App, "change_ms", "from asking for a slide to its first frame", "ms"),
    (Test::App, "change_p95_ms", "the same, 95 of 100 within", "ms"),
    (Test::App, "audience_p95_ms", "the same in the audience's window, 95 of 100 within", "ms"),
    (Test::Slidev, "change_p95_ms", "from a key to the next slide's first frame, Slidev, 95 of 100 within", "ms"),
    (Test::App, "chart_draws_per_s", "draws of a chart while AzCopy uploads", "/s"),
    (
        Test::Charts,
        "full_told_per_s",
        "draws of each of four charts with 10,000 points as news come, the slowest",
        "/s",
    ),
    (Test::Charts, "full_draws_per_s", "the same, asked for in each frame", "/s"),
    (Test::Charts, "full_frames_per_s", "animation frames of the page meanwhile", "/s"),
];

/// A measuring test.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Test {
    App,
    Charts,
    Slidev,
}

impl Test {
    const ALL: [Test; 3] = [Test::App, Test::Charts, Test::Slidev];

    /// Of which test program it is, and its name there.
    fn place(self) -> (&'static str, &'static str) {
        match self {
            Test::App => ("window", "the_app_is_measured"),
            Test::Charts => ("window", "four_charts_are_measured"),
            Test::Slidev => ("exports", "slidev_is_measured"),
        }
    }
}

pub fn measure(repeats: u8) -> Result<Report> {
    setup::ensure(Scope::Test)?;
    setup::ensure(Scope::Bench)?;
    build::all(Profile::Release)?;
    shell::step("Build the measuring tests", || {
        shell::run(&mut shell::cargo(&format!("{TEST} {NATIVE} --test window --test exports --no-run")))
    })?;
    let display = Display::open()?;
    let mut runs = Vec::new();
    for repeat in 1..=repeats {
        let figures = shell::step(&format!("run {repeat} of {repeats}"), || one(&display))?;
        runs.push(figures);
    }
    let rows: Vec<Vec<String>> = ROWS
        .iter()
        .enumerate()
        .map(|(index, (_, _, what, unit))| {
            let mut values: Vec<f64> = runs.iter().map(|run| run[index]).collect();
            values.sort_by(f64::total_cmp);
            let say = |value: f64| format!("{value:.2} {unit}");
            let (low, high) = (say(values[0]), say(values[values.len() - 1]));
            vec![(*what).to_string(), say(values[values.len() / 2]), format!("{low} to {high}")]
        })
        .collect();
    Ok(Report {
        key: "bench app",
        title: "The app",
        command: format!("cargo xtask bench app --repeats {repeats}"),
        body: format!(
            "{}\nRelease build on a virtual display, the talk `ai-cloud`, driven through WebDriver, whose session start is part of both starts. \
             Beside it Slidev {SLIDEV_VERSION} with the words of the same talk (no demos, no charts, no second window), served by its own server, \
             its caches warm, in headless Chromium. 47 changes of slide each. Four charts have 24 lines, and are told of news 105 times a second.",
            table(&["what", "median", "range"], &rows)
        ),
    })
}

/// One run's figures, in the order of the rows.
fn one(display: &Display) -> Result<Vec<f64>> {
    let mut said = Vec::new();
    for test in Test::ALL {
        let (program, name) = test.place();
        let mut cargo = shell::cargo(&format!("{TEST} {NATIVE} --test {program} -- --ignored --nocapture {name}"));
        cargo.env("GREENROOM_SLIDEV", node_program("@slidev/cli", "slidev"));
        let words = shell::capture_within(display.lend(&mut cargo), Limit::Within(RUN_MAX))?;
        let line = words.lines().find_map(|line| Some(line.split_once(MARK)?.1.to_string()));
        said.push((test, line.with_context(|| format!("find the figures of {name}"))?));
    }
    let figure = |of: Test, name: &str| {
        let line = said.iter().find(|(test, _)| *test == of).map(|(_, line)| line.as_str()).unwrap_or_default();
        let value = line.split_once(&format!("\"{name}\":")).map(|(_, rest)| rest.trim_end_matches('}'));
        value
            .and_then(|rest| rest.split([',', '}']).next()?.trim().parse().ok())
            .with_context(|| format!("read '{name}'"))
    };
    ROWS.iter().map(|(test, name, _, _)| figure(*test, name)).collect()
}
