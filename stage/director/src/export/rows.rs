//! All that was measured in a take, a row a value: what moved over time, and the figures that were left at its end.

use super::source::{Heard, Place};
use super::{ExportError, Source};
use crate::scrub::scrub;
use greenroom_show::demo::{self, Demo};
use greenroom_show::unit::Unit;
use greenroom_show::{Event, Micros};
use std::collections::BTreeMap;

/// Names of the columns, in order.
pub const COLUMNS: [&str; 5] = ["time_s", "step", "metric", "unit", "value"];
/// Of one take: more than any demo has. What is beyond is left out.
const FIGURES_MAX: usize = 4_096;
/// Metrics whose scrubbed names are remembered: an hour of samples names few of them, and each thousands of times.
const NAMES_MAX: usize = 1_024;

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Of the recording, counted from where what is handed on begins; none for a figure.
    pub time: Option<Micros>,
    /// The step that ran; empty between steps.
    pub step: String,
    pub metric: String,
    pub unit: String,
    pub value: f64,
}

/// Tells every row: values in the order of their times, then figures by name.
pub fn each(take: &mut Source<'_>, tell: &mut dyn FnMut(Row) -> Result<(), ExportError>) -> Result<(), ExportError> {
    let mut measured = Measured::default();
    take.each(&mut |heard| measured.hear(heard, tell))?;
    for ((_, name), (step, unit, value)) in std::mem::take(&mut measured.figures) {
        tell(Row { time: None, step, metric: scrub(&name), unit: unit_name(unit), value })?;
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Measured {
    demos: BTreeMap<String, Demo>,
    demo: String,
    step: Option<usize>,
    /// Its words; empty between steps.
    text: String,
    /// The name and unit under which a metric is told.
    names: BTreeMap<String, (String, String)>,
    /// By demo and name: step, unit, value.
    figures: BTreeMap<(String, String), (String, Unit, f64)>,
}

impl Measured {
    fn hear(&mut self, heard: Heard, tell: &mut dyn FnMut(Row) -> Result<(), ExportError>) -> Result<(), ExportError> {
        let Heard { place, at, event, .. } = heard;
        match event {
            Event::Opened(opened) => {
                self.demos = opened.demos;
                self.names.clear();
            }
            Event::Showed { show, .. } => {
                self.demos = show.demos;
                let demo = show.active.unwrap_or_default();
                let step = show.runs.get(&demo).and_then(|run| run.running());
                self.begin(demo, step);
            }
            Event::Begun { demo } => self.begin(demo, None),
            Event::StepStarted { step, .. } => self.runs(Some(step)),
            Event::StepEnded { step, .. } if self.step == Some(step) => self.runs(None),
            Event::Sample(values) if place == Place::Within => {
                for (metric, value) in values {
                    let (metric, unit) = self.told(&metric);
                    tell(Row { time: Some(at), step: self.text.clone(), metric, unit, value })?;
                }
            }
            Event::Figure { name, value, unit } if place == Place::Within => {
                let key = (self.demo.clone(), name);
                if self.figures.len() < FIGURES_MAX || self.figures.contains_key(&key) {
                    self.figures.insert(key, (self.text.clone(), unit, value));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, demo: String, step: Option<usize>) {
        self.demo = demo;
        self.names.clear();
        self.runs(step);
    }

    fn runs(&mut self, step: Option<usize>) {
        self.step = step;
        let text = step.map(|step| scrub(&demo::words(self.demos.get(&self.demo), step)));
        self.text = text.unwrap_or_default();
    }

    fn told(&mut self, metric: &str) -> (String, String) {
        if let Some(told) = self.names.get(metric) {
            return told.clone();
        }
        let told = (scrub(metric), unit_name(self.unit(metric)));
        if self.names.len() < NAMES_MAX {
            self.names.insert(metric.to_string(), told.clone());
        }
        told
    }

    /// As a chart of the demo draws it, else as its name tells.
    fn unit(&self, metric: &str) -> Unit {
        let charts = self.demos.get(&self.demo).map(|demo| demo.charts.as_slice()).unwrap_or_default();
        let chart = charts.iter().find(|chart| chart.series.iter().any(|line| line.metric == metric));
        chart.map_or_else(|| Unit::of_metric(metric), |chart| chart.unit)
    }
}

/// As it is written in a demo.
fn unit_name(unit: Unit) -> String {
    serde_json::to_value(unit).ok().and_then(|name| name.as_str().map(String::from)).unwrap_or_default()
}
