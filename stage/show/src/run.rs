//! One run of one demo, folded from its events: live, or from a take.

use crate::{Event, Micros, Of, Outcome, RunEvent, Series, Terminal, demo::Demo, unit::Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Metrics that a run keeps curves of: more than any demo declares.
const SERIES_MAX: usize = 64;
/// Figures that one keeps.
pub const FIGURES_MAX: usize = 256;
/// Curves rest this long after the last step. What follows is not drawn, and must not push the steps out of the last minute while the
/// speaker talks about them.
const AFTER: Micros = 2_000_000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub demo: String,
    /// When it began, and when its last event fell: what charts take for now.
    pub began: Micros,
    pub now: Micros,
    /// One for each step of the demo that has started.
    pub steps: BTreeMap<usize, StepRun>,
    pub terminal: Terminal,
    pub series: BTreeMap<String, Series>,
    pub figures: BTreeMap<String, Figure>,
    /// Name of a tool, and what ran in its place or its version.
    pub tools: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    pub started: Micros,
    pub ended: Option<Micros>,
    pub timeout_ms: u64,
    pub outcome: Option<Outcome>,
    /// It takes, or took, longer than it ever should. Known of live runs alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub value: f64,
    pub unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    Pending,
    Running,
    Passed,
    Failed,
    Cancelled,
}

impl StepRun {
    /// How long it took, once it has ended.
    pub fn seconds(&self) -> Option<f64> {
        Some(self.ended?.saturating_sub(self.started) as f64 / 1e6)
    }
}

impl Run {
    pub fn new(demo: impl Into<String>, at: Micros) -> Self {
        Self { demo: demo.into(), began: at, now: at, ..Self::default() }
    }

    /// Folds one event in. Whatever is no event of a run leaves it as it is.
    pub fn apply(&mut self, at: Micros, event: &Event) {
        if let Of::Run(event) = event.of() {
            self.fold(at, event);
        }
    }

    pub(crate) fn fold(&mut self, at: Micros, event: RunEvent<'_>) {
        match event {
            RunEvent::Begun { demo } => *self = Run::new(demo, at),
            RunEvent::StepStarted { step, timeout_ms } => {
                let run = StepRun { started: at, ended: None, timeout_ms, outcome: None, late: false };
                self.steps.insert(step, run);
                self.terminal.begin_step();
            }
            RunEvent::StepEnded { step, outcome } => {
                if let Some(run) = self.steps.get_mut(&step) {
                    run.ended = Some(at);
                    run.outcome = Some(outcome.clone());
                }
            }
            RunEvent::Output(text) => self.terminal.write(text),
            RunEvent::Sample(values) => self.sample(at, values),
            RunEvent::Figure { name, value, unit } => {
                if self.figures.len() < FIGURES_MAX || self.figures.contains_key(name) {
                    self.figures.insert(name.to_string(), Figure { value, unit });
                }
            }
            RunEvent::Tool { name, is } => {
                self.tools.insert(name.to_string(), is.to_string());
            }
        }
        self.now = self.now.max(at);
    }

    pub fn state(&self, step: usize) -> StepState {
        match self.steps.get(&step).map(|run| &run.outcome) {
            None => StepState::Pending,
            Some(None) => StepState::Running,
            Some(Some(outcome)) => outcome.state(),
        }
    }

    pub fn running(&self) -> Option<usize> {
        self.steps.iter().find(|(_, run)| run.outcome.is_none()).map(|(step, _)| *step)
    }

    /// The step at which it stands: the one that runs, or else the last one where that has not passed.
    pub fn stands(&self) -> Option<usize> {
        let last = || self.steps.iter().max_by_key(|(_, run)| run.started).map(|(step, _)| *step);
        self.running().or_else(|| last().filter(|step| self.state(*step) != StepState::Passed))
    }

    /// The state of a group of steps: that of the first step which has not passed.
    pub fn group_state(&self, demo: &Demo, group: &str) -> StepState {
        let Some(group) = demo.group(group) else { return StepState::Pending };
        let states: Vec<_> = group.steps.clone().map(|step| self.state(step)).collect();
        let first_open = states.iter().copied().find(|state| *state != StepState::Passed);
        match first_open {
            None => StepState::Passed,
            Some(StepState::Pending) if states.contains(&StepState::Passed) => StepState::Running,
            Some(state) => state,
        }
    }

    fn rests(&self, at: Micros) -> bool {
        let last_end = self.steps.values().filter_map(|step| step.ended).max();
        self.running().is_none() && last_end.is_some_and(|end| end + AFTER < at)
    }

    fn sample(&mut self, at: Micros, values: &BTreeMap<String, f64>) {
        if self.rests(at) {
            return;
        }
        for (metric, value) in values {
            if !self.series.contains_key(metric) && self.series.len() >= SERIES_MAX {
                continue;
            }
            self.series.entry(metric.clone()).or_default().push(at, *value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_keep_the_last_steps_however_long_the_speaker_talks() {
        let mut run = Run::new("demo", 0);
        let sample = |value: f64| Event::Sample([("a.bytes_in_per_s".to_string(), value)].into());
        run.apply(0, &Event::StepStarted { step: 0, timeout_ms: 1_000 });
        run.apply(1_000_000, &sample(7.0));
        run.apply(2_000_000, &Event::StepEnded { step: 0, outcome: Outcome::Passed { seen: String::new() } });
        for second in 3..600 {
            run.apply(second * 1_000_000, &sample(0.0));
        }
        let values = |run: &Run| run.series["a.bytes_in_per_s"].recent().map(|point| point.value).collect::<Vec<_>>();
        assert_eq!(values(&run), [7.0, 0.0, 0.0]);
        run.apply(600_000_000, &Event::StepStarted { step: 1, timeout_ms: 1_000 });
        run.apply(601_000_000, &sample(9.0));
        assert_eq!(values(&run), [9.0]);
    }
}
