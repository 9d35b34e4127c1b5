//! Where the time of a talk went, and what several runs of it tell.

mod readiness;
mod steps;
mod summary;

pub use readiness::{Report, RunLine, report};
pub use steps::{Reliability, Trial, reliability};
pub use summary::{Spread, Summary, summary};

use crate::deck::Deck;
use crate::version::{Version, slide_minutes};
use crate::{Micros, NextAction, Show};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One run of a talk: while its clock ran, how long each slide was shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    pub deck: String,
    pub deck_hash: String,
    pub version: Version,
    /// Milliseconds since the Unix epoch, when its clock started.
    pub at_unix_ms: u64,
    /// In the order of the deck, those that were not shown among them.
    pub slides: Vec<SlideTime>,
    /// Seconds in which a step ran; the rest was talk.
    pub demo_seconds: f64,
    /// Of these, the seconds in which the speaker could only wait for it: nothing was left to say on the slide.
    #[serde(default)]
    pub waiting_seconds: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SlideTime {
    pub title: String,
    pub section: String,
    pub planned_seconds: f64,
    pub seconds: f64,
    /// Of its narrative.
    #[serde(default)]
    pub words: usize,
}

impl Rehearsal {
    pub fn seconds(&self) -> f64 {
        self.slides.iter().map(|slide| slide.seconds).sum()
    }

    pub fn planned_seconds(&self) -> f64 {
        self.slides.iter().map(|slide| slide.planned_seconds).sum()
    }

    /// Share of the slides that were shown.
    pub fn coverage(&self) -> f64 {
        let shown = self.slides.iter().filter(|slide| slide.seconds > 0.0).count();
        shown as f64 / self.slides.len().max(1) as f64
    }
}

/// Counts while a show goes on: told before each change of the show what it was until then.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timing {
    slides: BTreeMap<usize, Micros>,
    demo: Micros,
    waiting: Micros,
    until: Micros,
}

impl Timing {
    /// Adds the time since the last call to what `show` shows, where its clock runs.
    pub fn advance(&mut self, show: &Show, at: Micros) {
        let passed = at.saturating_sub(self.until);
        self.until = at;
        if !show.clock.runs() {
            return;
        }
        *self.slides.entry(show.position.slide).or_default() += passed;
        if show.active.as_ref().and_then(|demo| show.runs.get(demo)).is_some_and(|run| run.running().is_some()) {
            self.demo += passed;
            if matches!(show.next_action(), NextAction::Wait { .. }) {
                self.waiting += passed;
            }
        }
    }

    /// Forgets what was counted; time goes on from here.
    pub fn restart(&mut self) {
        *self = Timing { until: self.until, ..Timing::default() };
    }

    /// What was counted so far, against the plan of `deck`.
    pub fn rehearsal(&self, deck: &Deck, version: Version, at_unix_ms: u64) -> Rehearsal {
        let planned = slide_minutes(deck);
        let slides = deck.slides.iter().enumerate().zip(planned);
        let slides = slides.map(|((index, slide), minutes)| SlideTime {
            title: slide.title.clone(),
            section: deck.sections.get(slide.section).map(|section| section.title.clone()).unwrap_or_default(),
            planned_seconds: minutes * 60.0,
            seconds: self.slides.get(&index).copied().unwrap_or(0) as f64 / 1e6,
            words: slide.words(),
        });
        Rehearsal {
            deck: deck.slug.clone(),
            deck_hash: deck.hash.clone(),
            version,
            at_unix_ms,
            slides: slides.collect(),
            demo_seconds: self.demo as f64 / 1e6,
            waiting_seconds: self.waiting as f64 / 1e6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClockAct, Event, Position};

    fn at(show: &mut Show, timing: &mut Timing, seconds: u64, event: &Event) {
        timing.advance(show, seconds * 1_000_000);
        show.apply(seconds * 1_000_000, event);
    }

    fn moved(slide: usize) -> Event {
        Event::Moved(Position { slide, reveal: 0 })
    }

    #[test]
    fn time_counts_for_the_slide_that_was_shown_while_the_clock_ran() {
        let (mut show, mut timing) = (Show::default(), Timing::default());
        for (seconds, event) in [
            (5, moved(1)),
            (10, Event::Clock(ClockAct::Start)),
            (20, moved(2)),
            (50, moved(1)),
            (55, Event::Clock(ClockAct::Pause)),
            (100, Event::Clock(ClockAct::Start)),
            (101, moved(0)),
        ] {
            at(&mut show, &mut timing, seconds, &event);
        }
        let seconds: Vec<_> = timing.slides.iter().map(|(slide, micros)| (*slide, micros / 1_000_000)).collect();
        assert_eq!(seconds, [(1, 16), (2, 30)]);
        timing.restart();
        timing.advance(&show, 103_000_000);
        assert_eq!(timing.slides, [(0, 2_000_000)].into());
    }
}
