//! Runs of a talk, listed, compared, exported, deleted.

use greenroom_director::Places;
use greenroom_director::{Library, rehearsals};
use greenroom_show::rehearsal::{Rehearsal, Spread, summary};
use std::process::ExitCode;

/// Over its plan by more than this is worth a mark.
const OVER_SECONDS: f64 = 15.0;
/// Letters of a bar that fill a plan.
const BAR: f64 = 20.0;

/// The runs of a deck that there is; a deck without runs teaches how to make one.
fn runs(places: &Places, deck: &str) -> anyhow::Result<Vec<(String, Rehearsal)>> {
    Library::new(places.project()).talk(deck)?;
    let runs = rehearsals::list(places, deck);
    if runs.is_empty() {
        println!("No rehearsal of '{deck}' yet: open it, press T to start the clock, and give the talk.");
    }
    Ok(runs)
}

pub fn list(places: &Places, deck: &str) -> anyhow::Result<ExitCode> {
    for (id, run) in runs(places, deck)? {
        let cut = run.version.cut.map(|minutes| format!(", {minutes} min version")).unwrap_or_default();
        println!(
            "{id}  {} of {} planned, {:.0} % of the slides, demos {} of which waiting {}{cut}",
            clock(run.seconds()),
            clock(run.planned_seconds()),
            run.coverage() * 100.0,
            clock(run.demo_seconds),
            clock(run.waiting_seconds)
        );
    }
    Ok(ExitCode::SUCCESS)
}

pub fn show(places: &Places, deck: &str) -> anyhow::Result<ExitCode> {
    let runs: Vec<_> = runs(places, deck)?.into_iter().map(|(_, run)| run).collect();
    let summary = summary(&runs);
    if let Some(last) = runs.last() {
        println!("{} runs; the last took {} of {}\n", runs.len(), clock(last.seconds()), clock(last.planned_seconds()));
        print("Sections", &summary.sections);
        print("Slides", &summary.slides);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(title: &str, spreads: &[Spread]) {
    println!("{title:<44} {:>6} {:>6} {:>13} {:>6}", "plan", "median", "spread", "last");
    for spread in spreads {
        let name: String = spread.title.chars().take(42).collect();
        if spread.runs == 0 {
            println!("{name:<44} {:>6} {:>6}", clock(spread.planned_seconds), "-");
            continue;
        }
        let over = spread.median - spread.planned_seconds;
        let mark = if over > OVER_SECONDS { format!("  over by {}", clock(over)) } else { String::new() };
        let range = format!("{}-{}", clock(spread.least), clock(spread.most));
        let bar = bar(spread.median, spread.planned_seconds);
        println!(
            "{name:<44} {:>6} {:>6} {range:>13} {:>6}  {bar}{mark}",
            clock(spread.planned_seconds),
            clock(spread.median),
            clock(spread.last)
        );
    }
    println!();
}

/// As long as the time that it takes; the plan is a line in it.
fn bar(seconds: f64, planned: f64) -> String {
    let length = (seconds / planned.max(1.0) * BAR).min(BAR * 2.0).round() as usize;
    (0..length.max(BAR as usize))
        .map(|at| {
            if at as f64 == BAR - 1.0 {
                '|'
            } else if at < length {
                '='
            } else {
                ' '
            }
        })
        .collect()
}

pub fn export(places: &Places, deck: &str) -> anyhow::Result<ExitCode> {
    print!("{}", rehearsals::csv(places, deck));
    Ok(ExitCode::SUCCESS)
}

pub fn delete(places: &Places, deck: &str, id: Option<&str>) -> anyhow::Result<ExitCode> {
    println!("{} deleted", rehearsals::delete(places, deck, id)?);
    Ok(ExitCode::SUCCESS)
}

fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
