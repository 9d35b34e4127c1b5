//! A demo as its windows see it: what will run, in words, and what is drawn meanwhile. The argument lists stay with the director.

use crate::{diagram::Diagram, unit::Unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Range};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Demo {
    /// Name of its folder under `demos/`.
    pub slug: String,
    pub title: String,
    pub minutes: f64,
    /// External tools that it runs, such as `azcopy`.
    pub tools: Vec<String>,
    pub charts: Vec<Chart>,
    /// Figures that belong beside each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
    /// What talks to what, with what moves between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<Diagram>,
    pub groups: Vec<Group>,
    pub steps: Vec<Step>,
    /// Of the file it was parsed from, hexadecimal.
    pub hash: String,
}

/// The steps of one fence: what a click runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The word after `steps` on the fence, unique in the demo.
    pub name: String,
    /// First sentence of the prose before the fence: what the audience is about to see.
    pub about: String,
    /// Indices into the demo's steps.
    pub steps: Range<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shot: Option<Shot>,
}

/// What is on stage while a group runs, and after it until another begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shot {
    /// The group's name on charts, in the speaker's words; and a shorter one.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<String>,
    pub hero: Hero,
    /// In its place once the group has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Hero>,
    /// Charts, made small.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiles: Vec<usize>,
    /// A figure that the group comes to, beside its name on charts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

/// What fills the stage. A new kind is a variant here, a row where shots are parsed, and an arm where panes are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hero {
    /// One of the demo's charts.
    Chart(usize),
    /// One of its comparisons.
    Compare(usize),
    Topology,
    Terminal,
}

/// Quiet charts beside a hero.
pub const TILES_MAX: usize = 3;

/// Figures that a comparison has room for.
pub const SIDES_MAX: usize = 5;

/// Figures side by side, in one scale: each against the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    pub title: String,
    pub unit: Unit,
    pub sides: Vec<Side>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// A figure that a step leaves, such as `off.get.p99_ms`.
    pub figure: String,
    pub label: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// As written, without the options that only the director reads.
    pub text: String,
    /// Whether it proves something: such steps fill the strip of checks.
    pub proves: Option<String>,
    pub timeout_ms: u64,
    /// What the speaker does when it fails.
    pub if_fails: Option<String>,
    /// Line of the demo file, from 1.
    pub line: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    pub title: String,
    pub unit: Unit,
    pub series: Vec<Line>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
}

/// A line across a chart, with its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    pub label: String,
    /// A value; or how often the figure.
    #[serde(default = "once")]
    pub at: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<String>,
}

fn once() -> f64 {
    1.0
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// A metric of the run, such as `photos.bytes_in_per_s`.
    pub metric: String,
    pub label: String,
}

impl Chart {
    /// All that it draws: its lines' metrics, and what the lines across it are multiples of.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.series.iter().map(|line| &line.metric).chain(self.across())
    }

    /// What the lines across it are multiples of: figures, or metrics.
    pub fn across(&self) -> impl Iterator<Item = &String> {
        self.thresholds.iter().filter_map(|threshold| threshold.figure.as_ref())
    }
}

/// Words of a step that name it.
const NAME_WORDS_MAX: usize = 3;

impl Step {
    /// Its verb and object, as charts name it: `run azcopy copy {data:…} …` is `azcopy copy`.
    pub fn name(&self) -> String {
        let words = self.text.split_whitespace().skip_while(|word| *word == "run");
        let plain = words.take_while(|word| !word.starts_with(['-', '{', '/', '"', '\'']));
        plain.take(NAME_WORDS_MAX).collect::<Vec<_>>().join(" ")
    }
}

/// The words of a step; its number where the demo is not known.
pub fn words(demo: Option<&Demo>, step: usize) -> String {
    let known = demo.and_then(|demo| demo.steps.get(step));
    known.map_or_else(|| numbered(step), |step| step.text.clone())
}

/// What stands for the words of a step that nobody knows.
pub fn numbered(step: usize) -> String {
    format!("step {}", step + 1)
}

impl Demo {
    /// The metrics that its panes draw. What a threshold is a multiple of may be one, and what is compared.
    pub fn metrics(&self) -> impl Iterator<Item = &String> {
        let charts = self.charts.iter().flat_map(Chart::names);
        charts.chain(self.sides()).chain(self.topology.iter().flat_map(Diagram::metrics))
    }

    fn sides(&self) -> impl Iterator<Item = &String> {
        self.comparisons.iter().flat_map(|comparison| &comparison.sides).map(|side| &side.figure)
    }

    /// The unit of what its panes draw by this name.
    pub fn unit(&self, name: &str) -> Option<Unit> {
        let chart = self.charts.iter().find(|chart| chart.names().any(|drawn| drawn == name)).map(|chart| chart.unit);
        let is_side = |comparison: &&Comparison| comparison.sides.iter().any(|side| side.figure == name);
        chart.or_else(|| self.comparisons.iter().find(is_side).map(|comparison| comparison.unit))
    }

    /// What its lines stand at while nothing of it runs: of tenants and loads that are not there yet, nothing moves and nothing is stored.
    pub fn at_rest(&self) -> BTreeMap<String, f64> {
        let rests = |chart: &&Chart| chart.unit.rests_at_zero();
        let firsts = self.charts.iter().filter(rests).flat_map(|chart| {
            // Metrics of one label come after each other: one of them rests for all.
            let first = |label: &str| chart.series.iter().find(|line| line.label == label);
            chart.series.iter().filter(move |line| first(&line.label).is_some_and(|first| first == *line))
        });
        firsts.map(|line| (line.metric.clone(), 0.0)).collect()
    }

    /// The lines that run programs of this machine, or all where none does, each after its place: what the speaker says yes to.
    pub fn programs(&self) -> impl Iterator<Item = String> {
        let runs = |step: &Step| step.text.split_whitespace().next() == Some("run");
        let runs_none = !self.steps.iter().any(runs);
        let lines = self.steps.iter().filter(move |step| runs_none || runs(step));
        lines.map(|step| format!("demos/{}/demo.md:{}: {}", self.slug, step.line, step.text))
    }

    /// The figures that its panes draw.
    pub fn figures(&self) -> impl Iterator<Item = &String> {
        let results = self.groups.iter().filter_map(|group| group.shot.as_ref()?.result.as_ref());
        self.sides().chain(self.charts.iter().flat_map(Chart::across)).chain(results)
    }

    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }
}
