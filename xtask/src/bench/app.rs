//! The app in its window: how long until it shows, what it takes at rest, how smooth its charts are.

use super::report::{Report, table};
use crate::build::{self, NATIVE, Profile};
use crate::display::Display;
use crate::family::Limit;
use crate::setup::{self, Scope};
use crate::shell;
use anyhow::{Context, Result};
use std::time::Duration;

/// What the measuring test prints before its figures.
const MARK: &str = "GREENROOM_FIGURES ";
/// The measuring test, as it is built and as it is run.
const TEST: &str = "test --release -q";
/// A run takes about a minute. One that takes this long hangs, and is ended.
const RUN_MAX: Duration = Duration::from_secs(600);

const ROWS: [(&str, &str, &str); 8] = [
    ("window_s", "start to the first slide in the window", "s"),
    ("ready_s", "start to a stack that serves", "s"),
    ("idle_pss_mib", "memory at rest, app and web processes (PSS)", "MiB"),
    ("idle_cpu_percent", "CPU at rest, of one core", "%"),
    ("change_ms", "from asking for a slide to its first frame", "ms"),
    ("lag_ms", "from there to its first frame in the audience's window", "ms"),
    ("chart_draws_per_s", "draws of a chart while AzCopy uploads", "/s"),
    ("frames_per_s", "animation frames of the page meanwhile", "/s"),
];

pub fn measure(repeats: u8) -> Result<Report> {
    setup::ensure(Scope::Test)?;
    build::all(Profile::Release)?;
    shell::step("Build the measuring test", || {
        shell::run(&mut shell::cargo(&format!("{TEST} {NATIVE} --test window --no-run")))
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
        .map(|(index, (_, what, unit))| {
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
            "{}\nRelease build on a virtual display, driven through WebDriver, whose session start is part of the first two rows.",
            table(&["what", "median", "range"], &rows)
        ),
    })
}

/// One run's figures, in the order of the rows.
fn one(display: &Display) -> Result<Vec<f64>> {
    let mut cargo =
        shell::cargo(&format!("{TEST} {NATIVE} --test window -- --ignored --nocapture the_app_is_measured"));
    let said = shell::capture_within(display.lend(&mut cargo), Limit::Within(RUN_MAX))?;
    let line = said
        .lines()
        .find_map(|line| Some(line.split_once(MARK)?.1))
        .context("find the figures in the test's output")?;
    let figure = |name: &str| {
        let value = line.split_once(&format!("\"{name}\":")).map(|(_, rest)| rest.trim_end_matches('}'));
        value
            .and_then(|rest| rest.split([',', '}']).next()?.trim().parse().ok())
            .with_context(|| format!("read '{name}'"))
    };
    ROWS.iter().map(|(name, _, _)| figure(name)).collect()
}
