//! A run in words and figures: its steps with what each came to, what was measured, and what its screen said last.

use super::Ran;
use greenroom_show::{Figure, Micros, Outcome, StepRun};
use serde::Serialize;
use std::collections::BTreeMap;

/// Its JSON is the command line's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    pub demo: String,
    /// Empty where the take does not tell.
    pub title: String,
    /// Those of the demo that never ran among them, where the take tells of them.
    pub steps: Vec<StepSummary>,
    pub figures: BTreeMap<String, Figure>,
    pub tools: BTreeMap<String, String>,
    /// The last text of the terminal.
    pub screen: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepSummary {
    /// From 0.
    pub step: usize,
    pub text: String,
    /// What it proves, where it is a check.
    pub proves: Option<String>,
    pub outcome: Stood,
    /// What was seen, or why it failed.
    pub said: String,
    /// On the recording's clock.
    pub started_us: Option<Micros>,
    pub seconds: Option<f64>,
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stood {
    Pending,
    Running,
    Passed,
    Failed,
    TimedOut,
    Cancelled,
}

/// Sums up a run whose clock told `began` when the recording began.
pub fn summary(ran: &Ran, began: Micros) -> RunSummary {
    let known = ran.demo.as_ref().map_or(0, |demo| demo.steps.len());
    let steps = (0..known).chain(ran.run.steps.keys().copied().filter(|step| *step >= known));
    RunSummary {
        demo: ran.run.demo.clone(),
        title: ran.demo.as_ref().map(|demo| demo.title.clone()).unwrap_or_default(),
        steps: steps.map(|step| step_summary(ran, step, began)).collect(),
        figures: ran.run.figures.clone(),
        tools: ran.run.tools.clone(),
        screen: ran.run.terminal.text(),
    }
}

fn step_summary(ran: &Ran, step: usize, began: Micros) -> StepSummary {
    let run = ran.run.steps.get(&step);
    let said = run.and_then(|run| run.outcome.as_ref()).map(Outcome::said).unwrap_or_default();
    let known = ran.demo.as_ref().and_then(|demo| demo.steps.get(step));
    StepSummary {
        step,
        text: ran.step(step),
        proves: known.and_then(|step| step.proves.clone()),
        outcome: stood(run),
        said: said.to_string(),
        started_us: run.map(|run| run.started.saturating_sub(began)),
        seconds: run.and_then(StepRun::seconds),
    }
}

fn stood(run: Option<&StepRun>) -> Stood {
    match run.map(|run| &run.outcome) {
        None => Stood::Pending,
        Some(None) => Stood::Running,
        Some(Some(Outcome::Passed { .. })) => Stood::Passed,
        Some(Some(Outcome::Failed { .. })) => Stood::Failed,
        Some(Some(Outcome::TimedOut { .. })) => Stood::TimedOut,
        Some(Some(Outcome::Cancelled)) => Stood::Cancelled,
    }
}

impl Stood {
    pub fn as_str(self) -> &'static str {
        match self {
            Stood::Pending => "pending",
            Stood::Running => "running",
            Stood::Passed => "passed",
            Stood::Failed => "failed",
            Stood::TimedOut => "timed out",
            Stood::Cancelled => "cancelled",
        }
    }
}
