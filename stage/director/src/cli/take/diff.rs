//! Two takes compared, in words.

use super::{list, time};
use greenroom_director::takes::compare::{notes, pairs, past, side};
use greenroom_director::takes::library::{Listed, Takes};
use greenroom_director::takes::{Folded, fold};
use greenroom_show::StepState;
use greenroom_show::diff::{Came, Change, Diff, FigureDiff, Judged, RUNS_MIN, StepDiff, diff};
use greenroom_show::take::Header;
use greenroom_show::{Micros, unit::Unit};
use serde::Serialize;
use std::process::ExitCode;

#[derive(Debug, Serialize)]
struct Compared {
    a: Option<Listed>,
    b: Option<Listed>,
    /// What makes them hard to compare.
    notes: Vec<String>,
    check_differs: bool,
    /// One for each demo that both ran.
    runs: Vec<Diff>,
}

pub fn run(takes: &Takes, a: &str, b: &str, json: bool) -> anyhow::Result<ExitCode> {
    let (a, b) = (takes.find(a)?, takes.find(b)?);
    let open = |id: &str| -> anyhow::Result<(Header, Folded)> {
        let reader = takes.reader(id)?;
        let ends = takes.about(id).0.ends.unwrap_or(Micros::MAX);
        Ok((reader.header.clone(), fold(reader, ends)))
    };
    let ((header_a, folded_a), (header_b, folded_b)) = (open(&a)?, open(&b)?);
    let pairs = pairs(&folded_a, &folded_b);
    if pairs.is_empty() {
        anyhow::bail!("{a} and {b} have no demo in common: there is nothing to compare");
    }
    let runs: Vec<Diff> = pairs
        .into_iter()
        .map(|(first, second)| {
            let past = past(takes, &[(&header_a, first), (&header_b, second)], &[&a, &b]);
            diff(side(first), side(second), &past)
        })
        .collect();
    let compared = Compared {
        a: takes.listed_as(&a),
        b: takes.listed_as(&b),
        notes: notes(&header_a, &header_b),
        check_differs: runs.iter().any(Diff::check_differs),
        runs,
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&compared)?);
    } else {
        print(&a, &b, &compared);
    }
    Ok(if compared.check_differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(a: &str, b: &str, compared: &Compared) {
    for (letter, id, listed) in [("A", a, &compared.a), ("B", b, &compared.b)] {
        let told = listed.as_ref().map(|take| {
            let machine = &take.machine;
            let length = time::say(take.duration_us / 1_000_000 * 1_000_000);
            format!("{} UTC, {length}, {}, {} cores", list::date(take.at_unix_ms), machine.cpu, machine.cores)
        });
        println!("{letter}  {id}  {}", told.unwrap_or_default());
    }
    for note in &compared.notes {
        println!("note: {note}");
    }
    for run in &compared.runs {
        print_run(run);
    }
    let verdict = if compared.check_differs { "A check differs." } else { "No check differs." };
    println!("\n{verdict}");
}

fn print_run(run: &Diff) {
    println!("\n{}", run.demo);
    for step in &run.steps {
        print_step(step);
    }
    if !run.figures.is_empty() {
        println!("\n  Figures");
        for figure in &run.figures {
            print_figure(figure);
        }
    }
    let changes = run.steps.iter().filter_map(|step| step.seconds.as_ref());
    let changes: Vec<_> = changes.chain(run.figures.iter().filter_map(|figure| figure.change.as_ref())).collect();
    if let Some(runs) = changes.iter().filter_map(|change| unknown(change)).max() {
        println!(
            "\n  Unknown spread: {runs} past runs, and {RUNS_MIN} tell what is noise. Run the demo more often on this machine."
        );
    }
}

fn unknown(change: &Change) -> Option<usize> {
    match change.judged {
        Judged::UnknownSpread { runs } => Some(runs),
        Judged::Same | Judged::WithinNoise | Judged::BeyondNoise => None,
    }
}

fn print_step(step: &StepDiff) {
    let number = step.b.as_ref().or(step.a.as_ref()).map_or(0, |came| came.step + 1);
    let change = step.seconds.map(|change| said(&change, Unit::Seconds)).unwrap_or_default();
    println!("  {number:>3}  {}  {change}", step.text);
    let of = |came: &Option<Came>| match came {
        None => "not in this demo".to_string(),
        Some(came) if came.seen.is_empty() => state(came.state).to_string(),
        Some(came) => format!("{} ({})", state(came.state), came.seen.lines().next().unwrap_or_default()),
    };
    let (a, b) = (of(&step.a), of(&step.b));
    if step.outcome_differs() {
        let what = if step.proves.is_some() { "CHECK DIFFERS" } else { "differs" };
        println!("       {what}: {a}, then {b}");
    } else if step.proves.is_some() && a != b {
        println!("       {a}, then {b}");
    }
}

fn print_figure(figure: &FigureDiff) {
    let FigureDiff { name, unit, a, b, change } = figure;
    let of = |value: &Option<f64>| value.map_or_else(|| "not measured".to_string(), |value| unit.say(value));
    let told = change.map_or_else(|| format!("{}, then {}", of(a), of(b)), |change| said(&change, *unit));
    println!("    {name:<40} {told}");
}

fn said(change: &Change, unit: Unit) -> String {
    let percent = change.percent().map(|percent| format!(" ({percent:+.1} %)")).unwrap_or_default();
    let (a, b) = (unit.say(change.a), unit.say(change.b));
    match change.judged {
        Judged::Same => format!("{a} in both"),
        Judged::WithinNoise => format!("{a}, then {b}{percent}: within noise"),
        Judged::BeyondNoise => format!("{a}, then {b}{percent}: BEYOND NOISE"),
        Judged::UnknownSpread { .. } => format!("{a}, then {b}{percent}: unknown spread"),
    }
}

fn state(state: StepState) -> &'static str {
    match state {
        StepState::Pending => "never ran",
        StepState::Running => "was running",
        StepState::Passed => "passed",
        StepState::Failed => "failed",
        StepState::Cancelled => "cancelled",
    }
}
