//! Figures that slides bind: what a run measured, and whether it is live or recorded.

use crate::{
    Figure, Run, Show,
    take::{Edition, Machine, TakeInfo},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The metric by which offload says how much smaller data has become.
const REDUCTION: &str = "offload.reduction";

/// Where what a pane or a figure shows comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Nothing ran yet.
    Waiting,
    /// Ran in this show.
    Live,
    /// Runs now.
    Running,
    Recorded(Badge),
}

/// What is said of a recording: when, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Badge {
    pub at_unix_ms: u64,
    pub cpu: String,
    pub cores: usize,
    pub edition: Edition,
    #[serde(default)]
    pub on: On,
}

/// Which machine a recording is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    #[default]
    This,
    Another,
}

impl On {
    /// A machine stays what it is when its system is renewed, and when that keeps some of its memory for itself.
    fn of(recorded: &Machine, host: Option<&Machine>) -> On {
        const GIB: u64 = 1 << 30;
        let known = |machine: &Machine| (machine.cpu.clone(), machine.cores, machine.memory_bytes.div_ceil(GIB));
        let differs = host.is_some_and(|host| known(host) != known(recorded));
        if differs { On::Another } else { On::This }
    }
}

/// A figure as a slide shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    pub figure: Figure,
    pub source: Source,
}

/// What a slide says of runs, apart from its panes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// Of the demo whose panes it draws.
    pub sources: BTreeMap<String, Source>,
    /// By name; what was not measured yet is absent.
    pub figures: BTreeMap<String, Bound>,
    /// For the capacity planner.
    pub reduction: Option<f64>,
}

impl Badge {
    /// `host` is the machine that shows it, where that is known.
    pub fn of(take: &TakeInfo, host: Option<&Machine>) -> Self {
        let TakeInfo { machine, at_unix_ms, edition, .. } = take;
        let on = On::of(machine, host);
        Self { at_unix_ms: *at_unix_ms, cpu: machine.cpu.clone(), cores: machine.cores, edition: *edition, on }
    }
}

impl Show {
    /// Where what the panes of `demo` draw comes from.
    pub fn source(&self, demo: &str) -> Source {
        if let Some(source) = self.given.as_ref().and_then(|given| given.sources.get(demo)) {
            return source.clone();
        }
        let talk = self.talk.as_ref().map(|talk| &talk.take);
        let take = talk.or_else(|| self.recording(demo).map(|recorded| &recorded.take));
        match (take, self.runs.get(demo)) {
            (Some(take), _) => Source::Recorded(Badge::of(take, self.live().host.as_ref())),
            (_, None) => Source::Waiting,
            (_, Some(run)) if run.steps.is_empty() => Source::Waiting,
            (_, Some(run)) if run.running().is_some() => Source::Running,
            (_, Some(_)) => Source::Live,
        }
    }

    /// What a figure was measured as: in the runs of the slide's own demo first, then in those of every other.
    pub fn bound(&self, name: &str, demo: Option<&str>) -> Option<Bound> {
        if let Some(given) = &self.given {
            return given.figures.get(name).cloned();
        }
        demo.into_iter().chain(self.demos.keys().map(String::as_str)).find_map(|demo| {
            let figure = self.measured(self.run(demo)?, name)?;
            Some(Bound { figure, source: self.source(demo) })
        })
    }

    /// How much smaller offload has made data, where a run has measured it.
    pub(crate) fn measured_reduction(&self) -> Option<f64> {
        if let Some(given) = &self.given {
            return given.reduction;
        }
        let measured = |run: &Run| Some(run.series.get(REDUCTION)?.last()?.value);
        let recordings = self.recorded.iter().chain(self.shown.values());
        let recorded = recordings.map(|recorded| &recorded.run).find_map(measured);
        recorded.or_else(|| self.runs.values().find_map(measured))
    }

    /// A figure that a step left, or the latest value of a metric that a pane draws.
    fn measured(&self, run: &Run, name: &str) -> Option<Figure> {
        if let Some(figure) = run.figures.get(name) {
            return Some(*figure);
        }
        let unit = self.demo(&run.demo)?.unit(name)?;
        Some(Figure { value: run.series.get(name)?.last()?.value, unit })
    }
}
