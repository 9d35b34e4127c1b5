//! Two runs compared, aligned by their steps: what each step came to and took, what was measured, and which differences are more than
//! runs of this demo differ by anyhow.

use crate::demo::{self, Demo, Step};
use crate::rehearsal::Trial;
use crate::unit::Unit;
use crate::{Outcome, Run, StepRun, StepState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Fewer past runs tell of no spread.
pub const RUNS_MIN: usize = 3;
/// Of Student's distribution, two-sided, at 99 %, by degrees of freedom from 2 on: how many standard deviations of so few runs a
/// difference may reach by chance in one of a hundred.
const T_99: [f64; 29] = [
    9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947, 2.921, 2.898,
    2.878, 2.861, 2.845, 2.831, 2.819, 2.807, 2.797, 2.787, 2.779, 2.771, 2.763, 2.756, 2.750,
];

/// One of the two.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// As it was then; takes of the first format do not tell.
    pub demo: Option<&'a Demo>,
    pub run: &'a Run,
}

/// What other runs of the demo took and measured: how much they differ is noise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Past {
    /// Of the steps that passed, by their words.
    seconds: BTreeMap<String, Vec<f64>>,
    figures: BTreeMap<String, Vec<f64>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    pub demo: String,
    /// In the order of the second run.
    pub steps: Vec<StepDiff>,
    pub figures: Vec<FigureDiff>,
}

/// A run beside the one that is laid under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// What makes them hard to compare.
    pub notes: Vec<String>,
    pub diff: Diff,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepDiff {
    pub text: String,
    /// What it proves, where it is a check in either.
    pub proves: Option<String>,
    /// None where that demo has no such step.
    pub a: Option<Came>,
    pub b: Option<Came>,
    /// Where both ran to an end.
    pub seconds: Option<Change>,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Came {
    /// From 0.
    pub step: usize,
    pub state: StepState,
    /// What was seen, or why it failed.
    pub seen: String,
    pub seconds: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureDiff {
    pub name: String,
    pub unit: Unit,
    pub a: Option<f64>,
    pub b: Option<f64>,
    /// Where both measured it in the same unit.
    pub change: Option<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub a: f64,
    pub b: f64,
    pub judged: Judged,
}

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    Same,
    WithinNoise,
    BeyondNoise,
    /// There are fewer past runs than tell of a spread.
    UnknownSpread {
        runs: usize,
    },
}

impl Past {
    /// Adds what steps of a demo took in its past runs.
    pub fn hear_trials(&mut self, demo: &Demo, trials: &[Trial]) {
        let passed = trials.iter().filter(|trial| trial.passed && trial.demo == demo.slug);
        for trial in passed {
            if let Some(step) = demo.steps.get(trial.step) {
                self.seconds.entry(step.text.clone()).or_default().push(trial.seconds);
            }
        }
    }

    /// Adds the figures of one past run.
    pub fn hear_figures(&mut self, figures: &BTreeMap<String, f64>) {
        for (name, value) in figures {
            self.figures.entry(name.clone()).or_default().push(*value);
        }
    }
}

impl Diff {
    /// Whether something that is proved came to something else.
    pub fn check_differs(&self) -> bool {
        self.steps.iter().any(StepDiff::check_differs)
    }
}

impl StepDiff {
    pub fn outcome_differs(&self) -> bool {
        self.a.as_ref().map(|came| came.state) != self.b.as_ref().map(|came| came.state)
    }

    pub fn check_differs(&self) -> bool {
        self.proves.is_some() && self.outcome_differs()
    }
}

impl Diff {
    /// How many times and figures differ by more than noise.
    pub fn beyond_noise(&self) -> usize {
        let seconds = self.steps.iter().filter_map(|step| step.seconds);
        let figures = self.figures.iter().filter_map(|figure| figure.change);
        seconds.chain(figures).filter(|change| change.judged == Judged::BeyondNoise).count()
    }
}

impl Change {
    /// Of the first, in percent; `None` where that is zero.
    pub fn percent(&self) -> Option<f64> {
        (self.a != 0.0).then(|| (self.b - self.a) / self.a.abs() * 100.0).filter(|percent| percent.is_finite())
    }
}

/// Compares two runs.
pub fn diff(a: Side<'_>, b: Side<'_>, past: &Past) -> Diff {
    let steps = pairs(a, b).into_iter().map(|pair| step_diff(pair, (a, b), past)).collect();
    let names: BTreeSet<&String> = a.run.figures.keys().chain(b.run.figures.keys()).collect();
    let figures = names.into_iter().filter_map(|name| figure_diff(name, (a.run, b.run), past)).collect();
    Diff { demo: b.run.demo.clone(), steps, figures }
}

/// The steps of two sides that belong together.
pub(crate) fn pairs(a: Side<'_>, b: Side<'_>) -> Vec<Pair> {
    align(&texts(a), &texts(b))
}

/// The steps of a side with their words: those of its demo, and those that ran beyond them.
fn texts(side: Side<'_>) -> Vec<(usize, String)> {
    let known = side.demo.map(|demo| demo.steps.as_slice()).unwrap_or_default();
    let told = known.iter().enumerate().map(|(index, step)| (index, step.text.clone()));
    let beyond = side.run.steps.keys().filter(|step| **step >= known.len());
    told.chain(beyond.map(|step| (*step, demo::numbered(*step)))).collect()
}

type Pair = (Option<usize>, Option<usize>);

/// Steps of the same words belong together, the first with the first; then those left over that stand in the same place.
fn align(a: &[(usize, String)], b: &[(usize, String)]) -> Vec<Pair> {
    let mut left: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (step, text) in a.iter().rev() {
        left.entry(text).or_default().push(*step);
    }
    let mut pairs: Vec<Pair> = Vec::new();
    for (step, text) in b {
        pairs.push((left.get_mut(text.as_str()).and_then(Vec::pop), Some(*step)));
    }
    let mut alone: BTreeSet<usize> = left.into_values().flatten().collect();
    for pair in pairs.iter_mut().filter(|pair| pair.0.is_none()) {
        pair.0 = pair.1.filter(|step| alone.remove(step));
    }
    for step in alone {
        let place = pairs.iter().position(|(_, other)| other.is_some_and(|other| other > step)).unwrap_or(pairs.len());
        pairs.insert(place, (Some(step), None));
    }
    pairs
}

fn step_diff((first, second): Pair, (a, b): (Side<'_>, Side<'_>), past: &Past) -> StepDiff {
    let known = |side: Side<'_>, step: Option<usize>| side.demo.and_then(|demo| demo.steps.get(step?)).cloned();
    let (known_a, known_b) = (known(a, first), known(b, second));
    let number = second.or(first).unwrap_or(0);
    let text = |step: &Option<Step>| step.as_ref().map(|step| step.text.clone());
    let text = text(&known_b).or(text(&known_a)).unwrap_or_else(|| demo::numbered(number));
    let proves = known_b.and_then(|step| step.proves).or(known_a.and_then(|step| step.proves));
    let came_a = first.map(|step| came(a.run, step));
    let came_b = second.map(|step| came(b.run, step));
    let seconds = |came: &Option<Came>| came.as_ref().and_then(|came| came.seconds);
    let change = seconds(&came_a).zip(seconds(&came_b));
    let seconds = change.map(|(a, b)| change_of(a, b, past.seconds.get(&text).map(Vec::as_slice).unwrap_or_default()));
    StepDiff { text, proves, a: came_a, b: came_b, seconds }
}

fn came(run: &Run, step: usize) -> Came {
    let ran = run.steps.get(&step);
    let seen = ran.and_then(|ran| ran.outcome.as_ref()).map(Outcome::said).unwrap_or_default().to_string();
    Came { step, state: run.state(step), seen, seconds: ran.and_then(StepRun::seconds) }
}

fn figure_diff(name: &str, (a, b): (&Run, &Run), past: &Past) -> Option<FigureDiff> {
    let (a, b) = (a.figures.get(name), b.figures.get(name));
    let unit = b.or(a)?.unit;
    let both = a.zip(b).filter(|(a, b)| a.unit == b.unit);
    let spread = past.figures.get(name).map(Vec::as_slice).unwrap_or_default();
    let change = both.map(|(a, b)| change_of(a.value, b.value, spread));
    Some(FigureDiff { name: name.into(), unit, a: a.map(|a| a.value), b: b.map(|b| b.value), change })
}

fn change_of(a: f64, b: f64, past: &[f64]) -> Change {
    Change { a, b, judged: judge(a, b, past) }
}

/// Two runs of the same thing differ by the square root of two of what one differs from their mean.
fn judge(a: f64, b: f64, past: &[f64]) -> Judged {
    if a == b {
        return Judged::Same;
    }
    if past.len() < RUNS_MIN {
        return Judged::UnknownSpread { runs: past.len() };
    }
    let count = past.len() as f64;
    let mean = past.iter().sum::<f64>() / count;
    let deviation = (past.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
    let times = T_99[(past.len() - RUNS_MIN).min(T_99.len() - 1)];
    if (b - a).abs() > times * deviation * std::f64::consts::SQRT_2 { Judged::BeyondNoise } else { Judged::WithinNoise }
}

#[cfg(test)]
pub(crate) mod tests;
