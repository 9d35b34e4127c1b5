//! A run in Markdown, to attach to a ticket: machine, versions, steps, checks, figures, and its charts as pictures beside it.

use super::source::{Heard, Place};
use super::{ExportError, Format, Source, Target};
use crate::scrub::scrub;
use crate::takes::{Ran, RunSummary, StepSummary, Stood, summary};
use greenroom_show::picture::chart;
use greenroom_show::take::Edition;
use greenroom_show::{Event, Micros, Outcome, Run, Terminal};
use std::collections::BTreeMap;
use std::io::Write;

/// Of the output of a step that failed.
const LAST_LINES: usize = 20;
/// Failed steps whose output is shown, and demos whose curves are: more than any talk has.
const FAILED_MAX: usize = 256;
const RUNS_MAX: usize = 64;
/// Charts of one report: more than any demo has.
pub(super) const CHARTS_MAX: usize = 64;

#[derive(Debug)]
pub struct Report;

impl Format for Report {
    fn name(&self) -> &'static str {
        "report"
    }

    fn extension(&self) -> &'static str {
        "md"
    }

    fn holds(&self) -> &'static str {
        "the run in Markdown for a ticket: machine, versions, steps, checks, figures, last words of what failed; its charts as SVG in a folder beside it"
    }

    fn export(&self, take: &mut Source<'_>, to: &mut Target) -> Result<(), ExportError> {
        let mut told = Told::default();
        take.each(&mut |heard| {
            told.hear(heard);
            Ok(())
        })?;
        let folded = take.fold()?;
        head(take, to)?;
        let mut charts = 0;
        for ran in &folded.runs {
            let run = within(summary(ran, folded.began), take);
            write_run(&run, &told.last_words, to)?;
            if let Some(played) = told.runs.get(&run.demo) {
                write_charts(ran, played, &mut charts, to)?;
            }
        }
        writeln!(to, "\n---\n\n{}", text(&take.provenance().say()))?;
        Ok(())
    }
}

/// What a fold to the end does not have.
#[derive(Default)]
pub(super) struct Told {
    demo: String,
    /// Of the step that runs, alone.
    terminal: Terminal,
    /// The last lines that steps printed which failed, by demo and step.
    last_words: BTreeMap<(String, usize), Vec<String>>,
    /// The curves of each demo as they are played: a pause of the speaker's would be most of a chart.
    pub(super) runs: BTreeMap<String, Run>,
}

impl Told {
    pub(super) fn hear(&mut self, heard: Heard) {
        let Heard { place, played, event, .. } = heard;
        match &event {
            Event::Begun { demo } => self.begin(demo.clone(), played),
            Event::Showed { show, .. } => self.begin(show.active.clone().unwrap_or_default(), played),
            Event::StepStarted { step, .. } => {
                self.last_words.remove(&(self.demo.clone(), *step));
                self.terminal = Terminal::default();
            }
            Event::Output(text) => return self.terminal.write(text),
            Event::StepEnded { step, outcome } if place == Place::Within => self.ended(*step, outcome),
            Event::Sample(_) if place == Place::Before => return,
            _ => {}
        }
        if let Some(run) = self.runs.get_mut(&self.demo) {
            run.apply(played, &event);
        }
    }

    fn begin(&mut self, demo: String, at: Micros) {
        if self.runs.len() < RUNS_MAX || self.runs.contains_key(&demo) {
            self.runs.insert(demo.clone(), Run::new(demo.clone(), at));
        }
        self.demo = demo;
    }

    fn ended(&mut self, step: usize, outcome: &Outcome) {
        match outcome {
            Outcome::Failed { .. } | Outcome::TimedOut { .. } if self.last_words.len() < FAILED_MAX => {
                let screen = scrub(&self.terminal.text());
                let lines: Vec<String> = screen.lines().map(String::from).collect();
                let last = lines[lines.len().saturating_sub(LAST_LINES)..].to_vec();
                self.last_words.insert((self.demo.clone(), step), last);
            }
            Outcome::Failed { .. } | Outcome::TimedOut { .. } | Outcome::Passed { .. } | Outcome::Cancelled => {}
        }
    }
}

/// The steps that are in what is handed on.
fn within(run: RunSummary, take: &Source<'_>) -> RunSummary {
    let ended = |step: &StepSummary| Some(step.started_us? + (step.seconds? * 1e6) as Micros);
    let is_within = |step: &StepSummary| take.begins == 0 || ended(step).is_none_or(|ended| ended >= take.begins);
    RunSummary { steps: run.steps.into_iter().filter(is_within).collect(), ..run }
}

fn head(take: &Source<'_>, to: &mut Target) -> Result<(), ExportError> {
    let header = &take.header;
    let listed = take.listed.as_ref();
    let title = listed.and_then(|take| take.name.as_ref().or(Some(&take.title)).filter(|title| !title.is_empty()));
    writeln!(to, "# {}\n", text(title.unwrap_or(&take.id)))?;
    let provenance = take.provenance();
    let of = if header.demo.is_empty() { "the whole talk" } else { &header.demo };
    writeln!(to, "| | |\n| --- | --- |")?;
    writeln!(to, "| Recorded | {} |", provenance.recorded)?;
    writeln!(to, "| Machine | {} |", text(&provenance.machine))?;
    writeln!(to, "| Greenroom | {} |", text(&provenance.greenroom))?;
    writeln!(to, "| Demo | {}, deck {} |", text(of), text(&header.deck))?;
    for (tool, version) in &header.tools {
        writeln!(to, "| {} | {} |", text(tool), text(version))?;
    }
    for warning in warnings(take) {
        writeln!(to, "\n> **Note:** {warning}")?;
    }
    Ok(())
}

fn warnings(take: &Source<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    match take.edition() {
        Some(Edition::Todays) => {}
        Some(Edition::Earlier) => {
            warnings.push("this is of an earlier edition of the demo than there is today.".into())
        }
        None => warnings.push("there is no such demo here today.".into()),
    }
    if let Some(listed) = &take.listed {
        if listed.damaged_lines > 0 {
            warnings.push(format!("{} damaged lines of the take were passed over.", listed.damaged_lines));
        }
        if listed.unknown_lines > 0 {
            warnings.push(format!("{} lines of another version were passed over.", listed.unknown_lines));
        }
    }
    if take.begins > 0 || take.ends != Micros::MAX {
        warnings.push("this is a part of the take: somebody said where it begins or ends.".into());
    }
    warnings
}

fn write_run(
    run: &RunSummary,
    failed: &BTreeMap<(String, usize), Vec<String>>,
    to: &mut Target,
) -> Result<(), ExportError> {
    let title = if run.title.is_empty() { &run.demo } else { &run.title };
    writeln!(to, "\n## {}\n", text(title))?;
    writeln!(to, "| | Step | Came to | Seconds |\n| ---: | --- | --- | ---: |")?;
    for step in &run.steps {
        let seconds = step.seconds.map(|seconds| format!("{seconds:.2}")).unwrap_or_default();
        writeln!(to, "| {} | {} | {} | {seconds} |", step.step + 1, code(&step.text), step.outcome.as_str())?;
    }
    let checks: Vec<_> = run.steps.iter().filter_map(|step| Some((step, step.proves.as_ref()?))).collect();
    if !checks.is_empty() {
        writeln!(to, "\n### Checks\n\n| What it proves | Came to | Seen |\n| --- | --- | --- |")?;
        for (step, proves) in checks {
            writeln!(to, "| {} | {} | {} |", text(proves), step.outcome.as_str(), text(&step.said))?;
        }
    }
    if !run.figures.is_empty() {
        writeln!(to, "\n### Figures\n\n| Figure | Value |\n| --- | ---: |")?;
        for (name, figure) in &run.figures {
            writeln!(to, "| {} | {} |", code(name), figure.unit.say(figure.value))?;
        }
    }
    for step in run.steps.iter().filter(|step| matches!(step.outcome, Stood::Failed | Stood::TimedOut)) {
        writeln!(to, "\n### Step {} {}\n\n{}", step.step + 1, step.outcome.as_str(), text(&step.said))?;
        if let Some(lines) = failed.get(&(run.demo.clone(), step.step)).filter(|lines| !lines.is_empty()) {
            fence(lines, to)?;
        }
    }
    Ok(())
}

fn write_charts(ran: &Ran, played: &Run, charts: &mut usize, to: &mut Target) -> Result<(), ExportError> {
    for (title, picture) in drawings(ran, played).take(CHARTS_MAX - *charts) {
        *charts += 1;
        let link = to.picture(&format!("{charts}.svg"), &picture)?;
        writeln!(to, "\n![{}]({})", text(title), link.replace(' ', "%20"))?;
    }
    Ok(())
}

/// The charts of a run of which something was measured: title, and SVG.
pub(super) fn drawings<'a>(ran: &'a Ran, played: &'a Run) -> impl Iterator<Item = (&'a str, String)> {
    let declared = ran.demo.iter().flat_map(|demo| &demo.charts);
    declared.filter_map(|declared| Some((declared.title.as_str(), scrub(&chart(declared, played)?))))
}

/// What a page shows as it is: nothing in it is Markdown, HTML or the end of a cell.
fn text(text: &str) -> String {
    let mut shown = String::new();
    for char in scrub(text).chars() {
        match char {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => shown.extend(['\\', char]),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            char if char.is_control() => shown.push(' '),
            char => shown.push(char),
        }
    }
    shown
}

/// The same in the letters of a program. A bar would end the cell of a table in there, too.
fn code(text: &str) -> String {
    let shown = scrub(text).replace('|', "\\|").replace(char::is_control, " ");
    let ticks = "`".repeat(longest_ticks(&shown) + 1);
    let pad = if shown.starts_with('`') || shown.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{shown}{pad}{ticks}")
}

fn fence(lines: &[String], to: &mut Target) -> Result<(), ExportError> {
    let longest = lines.iter().map(|line| longest_ticks(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    writeln!(to, "\n{fence}text")?;
    for line in lines {
        writeln!(to, "{line}")?;
    }
    writeln!(to, "{fence}")?;
    Ok(())
}

fn longest_ticks(text: &str) -> usize {
    text.split(|char| char != '`').map(str::len).max().unwrap_or(0)
}
