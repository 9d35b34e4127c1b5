//! A demo as its windows see it: what will run, in words, and what is drawn meanwhile. The argument lists stay with the director.

use crate::{diagram::Diagram, unit::Unit};
use serde::{Deserialize, Serialize};
use std::ops::Range;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Demo {
    /// Name of its folder under `demos/`.
    pub slug: String,
    pub title: String,
    pub minutes: f64,
    /// External tools that it runs, such as `azcopy`.
    pub tools: Vec<String>,
    pub charts: Vec<Chart>,
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    pub title: String,
    pub unit: Unit,
    pub series: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// A metric of the run, such as `photos.bytes_in_per_s`.
    pub metric: String,
    pub label: String,
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
    /// The metrics that its panes draw.
    pub fn metrics(&self) -> impl Iterator<Item = &String> {
        let charts = self.charts.iter().flat_map(|chart| &chart.series).map(|line| &line.metric);
        charts.chain(self.topology.iter().flat_map(Diagram::metrics))
    }

    /// The lines that run programs of this machine, each after its place: what the speaker says yes to.
    pub fn programs(&self) -> impl Iterator<Item = String> {
        let runs = self.steps.iter().filter(|step| step.text.split_whitespace().next() == Some("run"));
        runs.map(|step| format!("demos/{}/demo.md:{}: {}", self.slug, step.line, step.text))
    }

    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }
}
