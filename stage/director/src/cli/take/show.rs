//! What a take holds, whole or up to a place.

use super::{list, time};
use greenroom_director::takes::library::{Listed, Takes};
use greenroom_director::takes::{RunSummary, StepSummary, Stood, fold, summary};
use greenroom_show::Micros;
use greenroom_show::take::Header;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Debug, Serialize)]
struct Shown {
    take: Option<Listed>,
    header: Header,
    /// What was read: to the place that was asked for, or to the end.
    at_us: Micros,
    runs: Vec<RunSummary>,
}

pub fn run(takes: &Takes, id: &str, at: Option<Micros>, json: bool) -> anyhow::Result<ExitCode> {
    let id = takes.find(id)?;
    let reader = takes.reader(&id)?;
    let header = reader.header.clone();
    let folded = fold(reader, at.unwrap_or(Micros::MAX));
    let runs = folded.runs.iter().map(|ran| summary(ran, folded.began)).collect();
    let shown = Shown { take: takes.listed_as(&id), header, at_us: at.unwrap_or(folded.at), runs };
    if json {
        println!("{}", serde_json::to_string_pretty(&shown)?);
    } else {
        print(&id, &shown);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(id: &str, shown: &Shown) {
    let header = &shown.header;
    println!("{id}");
    if let Some(take) = &shown.take {
        if let Some(name) = &take.name {
            println!("  named     {name}");
        }
        println!("  came to   {}, {}", take.outcome.as_str(), time::say(take.duration_us));
        println!(
            "  holds     {}, {} lines of other versions, {} damaged",
            list::bytes(take.bytes),
            take.unknown_lines,
            take.damaged_lines
        );
    }
    let of = if header.demo.is_empty() { "the whole talk" } else { &header.demo };
    println!("  of        {of}, deck {}", header.deck);
    println!("  recorded  {} UTC by Greenroom {}", list::date(header.at_unix_ms), header.greenroom);
    let machine = &header.machine;
    println!(
        "  on        {}, {} cores, {}, {}",
        machine.cpu,
        machine.cores,
        list::bytes(machine.memory_bytes),
        machine.system
    );
    for (tool, version) in &header.tools {
        println!("  with      {tool}: {version}");
    }
    println!("  shown at  {}", time::say(shown.at_us));
    for run in &shown.runs {
        print_run(run);
    }
}

fn print_run(run: &RunSummary) {
    println!("\n{} ({})", run.demo, if run.title.is_empty() { "its steps are not in the take" } else { &run.title });
    for step in &run.steps {
        print_step(step);
    }
    if !run.figures.is_empty() {
        println!("\n  Figures");
        for (name, figure) in &run.figures {
            println!("    {name:<40} {}", figure.unit.say(figure.value));
        }
    }
    if !run.screen.is_empty() {
        println!("\n  Screen");
        for line in run.screen.lines() {
            println!("    {line}");
        }
    }
}

fn print_step(step: &StepSummary) {
    let check = if step.proves.is_some() { "check" } else { "" };
    let seconds = step.seconds.map(|seconds| format!("{seconds:.2} s")).unwrap_or_default();
    println!("  {:>3}  {:<9} {seconds:>10}  {check:<5} {}", step.step + 1, step.outcome.as_str(), step.text);
    let is_told = matches!(step.outcome, Stood::Failed | Stood::TimedOut) || step.proves.is_some();
    for line in step.said.lines().filter(|_| is_told) {
        println!("{:33} {line}", "");
    }
}
