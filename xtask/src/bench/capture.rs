//! Recording and what becomes of it: what it costs, how large it is beside what other tools record, how soon a place of an hour is there,
//! and how fast and large each form is.

use super::data::ground;
use super::report::{Report, table};
use crate::build::{self, NATIVE, Profile};
use crate::display::Display;
use crate::family::Limit;
use crate::setup::{self, Scope};
use crate::{paths, shell};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// It moves data for as long as AzCopy takes, with charts, terminal and checks.
const DEMO: &str = "azcopy-into-blob";
const HOUR_US: u64 = 3_600_000_000;
/// What hangs is ended.
const RUN_MAX: Duration = Duration::from_secs(900);
/// What the measuring test prints before its figures.
const MARK: &str = "GREENROOM_FIGURES ";
const FORMS: [&str; 12] =
    ["html", "png", "charts", "mp4", "webm", "gif", "webp", "cast2", "cast3", "csv", "parquet", "report"];

pub fn measure(repeats: u8) -> Result<Report> {
    setup::ensure(Scope::Bench)?;
    build::all(Profile::Release)?;
    shell::step("Build the measuring test", || {
        shell::run(&mut shell::cargo(&format!("test --release -q {NATIVE} --test window --no-run")))
    })?;
    let display = Display::open()?;
    let root = project("on")?;
    let without = project("off")?;
    // Where no take can be written, the run goes on without one.
    fs::write(without.join("takes"), "").context("keep takes from being written")?;
    let mut rates: [Vec<[f64; 2]>; 2] = [vec![], vec![]];
    for repeat in 1..=repeats {
        for (rates, root) in rates.iter_mut().zip([&root, &without]) {
            let said = shell::step(&format!("run {repeat} of {repeats}"), || run(root))?;
            rates.push([rate(&said, "upload")?, rate(&said, "download")?]);
        }
    }
    let take = newest(&root)?;
    let seconds = length(&root, &take)?;
    let forms: Vec<Made> = FORMS.iter().map(|form| export(&root, &take, form, &display)).collect::<Result<_>>()?;
    let film = forms.iter().find(|made| made.form == "mp4").map_or(0, |made| made.bytes);
    let body = [
        overhead(&rates),
        sizes(&root, &take, seconds, film)?,
        hour(&root, &take, &display)?,
        exports(&forms, seconds),
    ];
    paths::remove_folder(&root)?;
    paths::remove_folder(&without)?;
    Ok(Report {
        key: "bench capture",
        title: "Recording, and what is handed on",
        command: format!("cargo xtask bench capture --repeats {repeats}"),
        body: body.join("\n"),
    })
}

/// A project of its own, with this one's decks, demos, tools and page.
fn project(name: &str) -> Result<PathBuf> {
    let root = ground().join("capture").join(name);
    paths::remove_folder(&root)?;
    fs::create_dir_all(&root).context("make a project")?;
    for shared in ["slides", "demos", ".tools", "ui"] {
        symlink(paths::root().join(shared), root.join(shared)).with_context(|| format!("link {shared}"))?;
    }
    Ok(root)
}

fn greenroom(root: &Path) -> Command {
    let mut command = Command::new(paths::target().join("release/greenroom"));
    command.arg("--root").arg(root).env("GREENROOM_HOME", root).current_dir(root);
    command
}

fn run(root: &Path) -> Result<String> {
    let mut command = greenroom(root);
    shell::capture_within(command.args(["demo", "run", DEMO, "--headless", "--trust"]), Limit::Within(RUN_MAX))
}

/// Bytes a second of a step, as the run has printed them.
fn rate(said: &str, step: &str) -> Result<f64> {
    let name = format!("{step}.bytes_per_s");
    let line = said.lines().find_map(|line| line.trim().strip_prefix(&name)).with_context(|| format!("find {name}"))?;
    let mut words = line.split_whitespace();
    let value: f64 = words.next().and_then(|word| word.parse().ok()).with_context(|| format!("read {name}"))?;
    let by = match words.next() {
        Some("GB/s") => 1e9,
        Some("MB/s") => 1e6,
        Some("KB/s") => 1e3,
        _ => 1.0,
    };
    Ok(value * by)
}

fn overhead([on, off]: &[Vec<[f64; 2]>; 2]) -> String {
    let row = |name: &str, index: usize| {
        let of = |runs: &[[f64; 2]]| median(runs.iter().map(|run| run[index]).collect());
        let (on, off) = (of(on), of(off));
        vec![name.to_string(), format!("{:.1}", off / 1e6), format!("{:.1}", on / 1e6), format!("**{:.3}**", on / off)]
    };
    let rows = [row("AzCopy uploads 570 MB", 0), row("AzCopy downloads them", 1)];
    format!(
        "{}\nThe demo `{DEMO}`, recorded and not, in turns; medians.\n",
        table(&["what the gateway serves", "not recorded, MB/s", "recorded, MB/s", "recorded / not"], &rows)
    )
}

fn newest(root: &Path) -> Result<String> {
    let names = fs::read_dir(root.join("takes")).context("list takes")?.flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let ids = names.filter_map(|name| name.strip_suffix(".take.ndjson").map(String::from));
    ids.max().context("find the take")
}

/// In seconds, as it was recorded.
fn length(root: &Path, take: &str) -> Result<f64> {
    let lines = fs::read_to_string(path(root, take)).context("read the take")?;
    let last: Value = serde_json::from_str(lines.lines().last().unwrap_or_default()).context("read its last line")?;
    last[0].as_f64().map(|at| at / 1e6).context("read its length")
}

fn path(root: &Path, take: &str) -> PathBuf {
    root.join("takes").join(format!("{take}.take.ndjson"))
}

/// Beside what asciinema records of the same run's terminal, and a film of its stage.
fn sizes(root: &Path, take: &str, seconds: f64, film: u64) -> Result<String> {
    let cast = root.join("run.cast");
    let mut words = vec![greenroom(root).get_program().to_string_lossy().into_owned()];
    words.extend(["--root".into(), root.display().to_string(), "--home".into(), root.display().to_string()]);
    words.extend(["demo", "run", DEMO, "--headless", "--trust"].map(String::from));
    let mut command = Command::new("asciinema");
    command.args(["rec", "--quiet", "--overwrite", "-c", &words.join(" ")]).arg(&cast);
    let began = Instant::now();
    shell::step("asciinema records a run", || {
        shell::capture_within(command.current_dir(root).env("TERM", "xterm-256color"), Limit::Within(RUN_MAX))
    })?;
    let ran = began.elapsed().as_secs_f64();
    let size = |path: &Path| fs::metadata(path).map(|found| found.len()).context("look at a size");
    let row = |name: &str, holds: &str, bytes: u64, seconds: f64| {
        vec![name.to_string(), holds.to_string(), format!("{:.0}", bytes as f64 / 1024.0 * 60.0 / seconds)]
    };
    let rows = [
        row("a take", "slide, terminal, charts, steps, checks, figures", size(&path(root, take))?, seconds),
        row("`asciinema rec`", "what the command line prints", size(&cast)?, ran),
        row("a film of 1080p30 (H.264)", "pixels", film, seconds),
    ];
    Ok(table(&["recording", "holds", "KiB a minute"], &rows))
}

/// The run again and again, until it is an hour long.
fn hour(root: &Path, take: &str, display: &Display) -> Result<String> {
    let text = fs::read_to_string(path(root, take)).context("read the take")?;
    let mut lines = text.lines();
    let header = lines.next().context("read its header")?;
    let events: Vec<Value> = lines.map(serde_json::from_str).collect::<Result<_, _>>().context("read its events")?;
    let length = events.last().and_then(|last| last[0].as_u64()).unwrap_or(1) + 1;
    let long = path(root, "hour");
    let mut file = BufWriter::new(File::create(&long).context("write an hour")?);
    writeln!(file, "{header}")?;
    for turn in 0..HOUR_US / length {
        // What draws it comes once.
        for event in events.iter().filter(|event| turn == 0 || !matches!(event[1].as_str(), Some("opened" | "begun"))) {
            let at = event[0].as_u64().unwrap_or(0) + turn * length;
            writeln!(file, "{}", Value::from(vec![at.into(), event[1].clone(), event[2].clone()]))?;
        }
    }
    file.flush().context("write an hour")?;
    let bytes = fs::metadata(&long).context("look at its size")?.len();
    let timed = |words: &[&str]| -> Result<f64> {
        let mut times = Vec::new();
        for _ in 0..3 {
            let began = Instant::now();
            shell::capture_within(greenroom(root).args(words), Limit::Within(RUN_MAX))?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        Ok(median(times))
    };
    let shown = timed(&["take", "show", "hour", "--at", "30:00"])?;
    let verified = timed(&["take", "verify", "hour"])?;
    let mut cargo =
        shell::cargo(&format!("test --release -q {NATIVE} --test window -- --ignored --nocapture a_seek_is_measured"));
    cargo.env("GREENROOM_TAKE", &long);
    let said =
        shell::step("seek in an hour", || shell::capture_within(display.lend(&mut cargo), Limit::Within(RUN_MAX)))?;
    let figures = said.lines().find_map(|line| Some(line.split_once(MARK)?.1)).context("find the test's figures")?;
    let figures: Value = serde_json::from_str(figures.trim()).context("read the test's figures")?;
    let of = |name: &str| figures[name].as_f64().map(|ms| format!("{ms:.0}")).context("read a figure");
    let rows = [
        vec!["in the window: opened, its time line there".into(), of("open_ms")?],
        vec!["in the window: from asking for a place to its frame, median of 20".into(), of("seek_ms")?],
        vec!["in the window: the same, the slowest".into(), of("seek_max_ms")?],
        vec!["`take show --at 30:00`, a process".into(), format!("{shown:.0}")],
        vec!["`take verify`, every line of it".into(), format!("{verified:.0}")],
    ];
    let size = format!("An hour of {:.0} MiB, by repeating the run.", bytes as f64 / f64::from(1 << 20));
    Ok(format!("{}\n{size}\n", table(&["a take of an hour", "ms"], &rows)))
}

struct Made {
    form: &'static str,
    seconds: f64,
    bytes: u64,
}

fn export(root: &Path, take: &str, form: &'static str, display: &Display) -> Result<Made> {
    let to = root.join("exports").join(format!("run.{form}"));
    let mut command = greenroom(root);
    command.args(["take", "export", take, "--as", form, "--out"]).arg(&to);
    let began = Instant::now();
    shell::step(form, || shell::capture_within(display.lend(&mut command), Limit::Within(RUN_MAX)))?;
    let bytes = fs::metadata(&to).with_context(|| format!("look at {form}"))?.len();
    Ok(Made { form, seconds: began.elapsed().as_secs_f64(), bytes })
}

fn exports(forms: &[Made], length: f64) -> String {
    let row = |Made { form, seconds, bytes }: &Made| {
        vec![
            (*form).to_string(),
            format!("{seconds:.1}"),
            format!("{:.1}x", length / seconds),
            format!("{:.0}", *bytes as f64 / 1024.0),
        ]
    };
    let rows: Vec<_> = forms.iter().map(row).collect();
    format!(
        "{}\nOf the run above, {length:.0} s long. Films are 1920 by 1080 at 30 frames a second, drawn one by one; GIF and WebP are cut from such \
         a film.\n",
        table(&["form", "seconds", "of real time", "KiB"], &rows)
    )
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_a_run_prints_it() {
        let said = "upload.bytes                   570 MB\nupload.bytes_per_s             69.3 MB/s\n";
        assert!((rate(said, "upload").expect("there") - 69.3e6).abs() < 1.0);
        assert!(rate(said, "download").is_err());
    }
}
