//! All that was measured in a take, a row a value: what moved over time, and the figures that were left at its end.

use super::source::{Heard, Place};
use super::{ExportError, Source};
use crate::scrub::scrub;
use greenroom_show::demo::Demo;
use greenroom_show::unit::Unit;
use greenroom_show::{Event, Micros};
use std::collections::BTreeMap;

/// Names of the columns, in order.
pub const COLUMNS: [&str; 5] = ["time_s", "step", "metric", "unit", "value"];
/// Of one take: more than any demo has. What is beyond is left out.
const FIGURES_MAX: usize = 4_096;

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
    /// By demo and name: step, unit, value.
    figures: BTreeMap<(String, String), (String, Unit, f64)>,
}

impl Measured {
    fn hear(&mut self, heard: Heard, tell: &mut dyn FnMut(Row) -> Result<(), ExportError>) -> Result<(), ExportError> {
        let Heard { place, at, event, .. } = heard;
        match event {
            Event::Opened(opened) => self.demos = opened.demos,
            Event::Showed { show, .. } => {
                self.demos = show.demos;
                self.demo = show.active.unwrap_or_default();
                self.step = show.runs.get(&self.demo).and_then(|run| run.running());
            }
            Event::Begun { demo } => (self.demo, self.step) = (demo, None),
            Event::StepStarted { step, .. } => self.step = Some(step),
            Event::StepEnded { step, .. } if self.step == Some(step) => self.step = None,
            Event::Sample(values) if place == Place::Within => {
                for (metric, value) in values {
                    let unit = unit_name(self.unit(&metric));
                    tell(Row { time: Some(at), step: self.step(), metric: scrub(&metric), unit, value })?;
                }
            }
            Event::Figure { name, value, unit } if place == Place::Within => {
                let key = (self.demo.clone(), name);
                if self.figures.len() < FIGURES_MAX || self.figures.contains_key(&key) {
                    self.figures.insert(key, (self.step(), unit, value));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&self) -> String {
        let Some(step) = self.step else { return String::new() };
        let known = self.demos.get(&self.demo).and_then(|demo| demo.steps.get(step));
        known.map_or_else(|| format!("step {}", step + 1), |step| scrub(&step.text))
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
