//! What a take has where: its steps as bands, its checks as marks, and how much moved as a silhouette. For whoever looks for a place in it.

use crate::playback::Of;
use crate::{Event, Micros, Opened, Outcome, Position, Replay, Series, Stamped, StepState, demo, demo::Demo};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// About one for each second pixel of a wide line.
const SILHOUETTE_BUCKETS: usize = 400;
/// Steps and slides of a talk in which much is run again.
const BANDS_MAX: usize = 1_000;
/// What moves, in and out of the stack's clients.
const MOVES: [&str; 2] = [".bytes_in_per_s", ".bytes_out_per_s"];

/// By the clock that the take is played by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    pub length: Micros,
    /// In the order in which they began.
    pub steps: Vec<Band>,
    /// The slides that a talk was on.
    pub slides: Vec<Band>,
    pub checks: Vec<Check>,
    /// From 0 to 1, evenly spread over the length.
    pub silhouette: Vec<f32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Which step of its demo it is; none where it is a slide.
    pub step: Option<usize>,
    pub name: String,
    pub from: Micros,
    pub to: Micros,
    pub state: StepState,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What it proves.
    pub name: String,
    pub at: Micros,
    pub passed: bool,
}

impl Timeline {
    /// Where the step begins that comes after a place, or the slide where there are no steps; the end after the last one.
    pub fn next(&self, at: Micros) -> Micros {
        self.stops().find(|from| *from > at).unwrap_or(self.length)
    }

    /// Where the step began that runs at a place; the one before it where that has only just begun.
    pub fn previous(&self, at: Micros) -> Micros {
        /// Whoever presses twice wants to go back twice.
        const JUST: Micros = 1_000_000;
        self.stops().take_while(|from| from.saturating_add(JUST) < at).last().unwrap_or(0)
    }

    /// Where a step began, the last time that it ran.
    pub fn of_step(&self, step: usize) -> Option<Micros> {
        self.steps.iter().rev().find(|band| band.step == Some(step)).map(|band| band.from)
    }

    /// Where a step ended, the last time that it ran; none where the recording ends with it.
    pub fn end_of_step(&self, step: usize) -> Option<Micros> {
        let band = self.steps.iter().rposition(|band| band.step == Some(step))?;
        (band + 1 < self.steps.len()).then(|| self.steps[band].to)
    }

    fn stops(&self) -> impl Iterator<Item = Micros> + '_ {
        let bands = if self.steps.is_empty() { &self.slides } else { &self.steps };
        bands.iter().map(|band| band.from)
    }
}

/// Traces a take while it is read.
#[derive(Debug)]
pub struct Tracer {
    of: Of,
    demos: BTreeMap<String, Demo>,
    titles: Vec<String>,
    active: Option<String>,
    steps: Vec<Band>,
    /// Which band a step of the active demo has.
    open: BTreeMap<usize, usize>,
    slides: Vec<Band>,
    checks: Vec<Check>,
    rates: BTreeMap<String, f64>,
    moved: Series,
}

impl Tracer {
    pub fn new(of: Of) -> Tracer {
        Tracer {
            of,
            demos: BTreeMap::new(),
            titles: vec![],
            active: None,
            steps: vec![],
            open: BTreeMap::new(),
            slides: vec![],
            checks: vec![],
            rates: BTreeMap::new(),
            moved: Series::default(),
        }
    }

    pub fn hear(&mut self, due: Micros, stamped: &Stamped) {
        match &stamped.event {
            Event::Opened(opened) => self.opens(opened),
            Event::Showed { show, .. } => {
                self.demos = show.demos.clone();
                self.active = show.active.clone();
                self.titles = show.deck.iter().flat_map(|deck| &deck.slides).map(|slide| slide.title.clone()).collect();
                self.moves(due, show.position);
            }
            Event::Moved(position) if self.of == Of::Talk => self.moves(due, *position),
            Event::Begun { demo } => {
                self.active = Some(demo.clone());
                self.open.clear();
            }
            Event::StepStarted { step, .. } => self.begins(due, *step),
            Event::StepEnded { step, outcome } => self.ends(due, *step, outcome),
            Event::Sample(values) => self.samples(due, values),
            // What was measured elsewhere, and shown.
            Event::Replay(Replay::Events(events)) => {
                let samples = events.iter().filter_map(|stamped| match &stamped.event {
                    Event::Sample(values) => Some(values),
                    _ => None,
                });
                samples.for_each(|values| self.samples(due, values));
            }
            _ => {}
        }
    }

    pub fn timeline(&self, length: Micros) -> Timeline {
        let until = |bands: &[Band]| {
            let ended = bands
                .iter()
                .map(|band| Band { to: if band.to == Micros::MAX { length } else { band.to }, ..band.clone() });
            ended.collect::<Vec<_>>()
        };
        Timeline {
            length,
            steps: until(&self.steps),
            slides: until(&self.slides),
            checks: self.checks.clone(),
            silhouette: self.silhouette(length),
        }
    }

    fn opens(&mut self, opened: &Opened) {
        self.demos = opened.demos.clone();
        self.titles = opened.deck.slides.iter().map(|slide| slide.title.clone()).collect();
    }

    fn moves(&mut self, due: Micros, position: Position) {
        let name = self.titles.get(position.slide).cloned().unwrap_or_default();
        if let Some(last) = self.slides.last_mut() {
            if last.name == name {
                return;
            }
            last.to = due;
        }
        push(&mut self.slides, Band { step: None, name, from: due, to: Micros::MAX, state: StepState::Passed });
    }

    fn begins(&mut self, due: Micros, step: usize) {
        let name = self.step(step).map_or_else(|| demo::numbered(step), |step| step.name());
        self.open.insert(step, self.steps.len());
        push(&mut self.steps, Band { step: Some(step), name, from: due, to: Micros::MAX, state: StepState::Running });
    }

    fn ends(&mut self, due: Micros, step: usize, outcome: &Outcome) {
        let state = outcome.state();
        if let Some(band) = self.open.remove(&step).and_then(|index| self.steps.get_mut(index)) {
            (band.to, band.state) = (due, state);
        }
        let proves = self.step(step).and_then(|step| step.proves.clone());
        if let Some(name) = proves.filter(|_| state != StepState::Cancelled && self.checks.len() < BANDS_MAX) {
            self.checks.push(Check { name, at: due, passed: state == StepState::Passed });
        }
    }

    /// Of the active demo, where the take tells of it.
    fn step(&self, step: usize) -> Option<&demo::Step> {
        self.demos.get(self.active.as_ref()?)?.steps.get(step)
    }

    fn samples(&mut self, due: Micros, values: &BTreeMap<String, f64>) {
        let moving = values.iter().filter(|(metric, _)| {
            // One tenant's, and not one kind of its operations.
            MOVES.iter().any(|ending| metric.strip_suffix(ending).is_some_and(|of| !of.contains('.')))
        });
        let before = self.rates.len();
        let mut changed = false;
        for (metric, value) in moving {
            if before < BANDS_MAX || self.rates.contains_key(metric) {
                self.rates.insert(metric.clone(), *value);
                changed = true;
            }
        }
        if changed {
            self.moved.push(due, self.rates.values().sum());
        }
    }

    fn silhouette(&self, length: Micros) -> Vec<f32> {
        let bucket = |at: Micros| {
            let part = u128::from(at.min(length)) * (SILHOUETTE_BUCKETS as u128 - 1) / u128::from(length.max(1));
            part as usize
        };
        let mut peaks = [0.0_f64; SILHOUETTE_BUCKETS];
        let points: Vec<_> = self.moved.whole().collect();
        for (index, point) in points.iter().enumerate() {
            // Only what changed was noted: it stands until the next.
            let until = points.get(index + 1).map_or(length, |next| next.at);
            for peak in &mut peaks[bucket(point.at)..=bucket(until)] {
                *peak = peak.max(point.value);
            }
        }
        let highest = peaks.iter().copied().fold(0.0, f64::max);
        if highest <= 0.0 {
            return vec![];
        }
        peaks.iter().map(|peak| (peak / highest) as f32).collect()
    }
}

fn push(bands: &mut Vec<Band>, band: Band) {
    if bands.len() < BANDS_MAX {
        bands.push(band);
    }
}
