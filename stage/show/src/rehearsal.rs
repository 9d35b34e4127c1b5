//! Where the time of a talk went, and what several runs of it tell.

use crate::deck::Deck;
use crate::version::{Version, slide_minutes};
use crate::{Micros, Show};
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
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SlideTime {
    pub title: String,
    pub section: String,
    pub planned_seconds: f64,
    pub seconds: f64,
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
        });
        Rehearsal {
            deck: deck.slug.clone(),
            deck_hash: deck.hash.clone(),
            version,
            at_unix_ms,
            slides: slides.collect(),
            demo_seconds: self.demo as f64 / 1e6,
        }
    }
}

/// Several runs of one talk, slide by slide.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    pub slides: Vec<Spread>,
    pub sections: Vec<Spread>,
}

/// How long something took over all runs that came to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    pub title: String,
    pub planned_seconds: f64,
    pub runs: usize,
    pub median: f64,
    pub least: f64,
    pub most: f64,
    /// In the last run that came to it.
    pub last: f64,
}

/// Sums runs up, oldest first, by the slides and the plan of the last one. Slides are known by title, and by which of that title.
pub fn summary(runs: &[Rehearsal]) -> Summary {
    let Some(last) = runs.last() else { return Summary::default() };
    let keyed: Vec<BTreeMap<(&str, usize), f64>> = runs.iter().map(|run| by_title(&run.slides)).collect();
    let mut nth: BTreeMap<&str, usize> = BTreeMap::new();
    let slides = last.slides.iter().map(|slide| {
        let key = (slide.title.as_str(), next(&mut nth, &slide.title));
        spread(&slide.title, slide.planned_seconds, keyed.iter().filter_map(|run| run.get(&key).copied()))
    });
    let mut titles: Vec<&str> = last.slides.iter().map(|slide| slide.section.as_str()).collect();
    titles.dedup();
    let sections = titles.into_iter().map(|title| {
        let of = |run: &Rehearsal, value: fn(&SlideTime) -> f64| -> f64 {
            run.slides.iter().filter(|slide| slide.section == title).map(value).sum()
        };
        let times = runs.iter().map(|run| of(run, |slide| slide.seconds)).filter(|seconds| *seconds > 0.0);
        spread(title, of(last, |slide| slide.planned_seconds), times)
    });
    Summary { slides: slides.collect(), sections: sections.collect() }
}

fn by_title(slides: &[SlideTime]) -> BTreeMap<(&str, usize), f64> {
    let mut nth = BTreeMap::new();
    let keyed = slides.iter().map(|slide| ((slide.title.as_str(), next(&mut nth, &slide.title)), slide.seconds));
    keyed.filter(|(_, seconds)| *seconds > 0.0).collect()
}

/// Counts up per title.
fn next<'a>(nth: &mut BTreeMap<&'a str, usize>, title: &'a str) -> usize {
    let count = nth.entry(title).or_default();
    *count += 1;
    *count
}

fn spread(title: &str, planned_seconds: f64, times: impl Iterator<Item = f64>) -> Spread {
    let times: Vec<f64> = times.collect();
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    Spread {
        title: title.to_string(),
        planned_seconds,
        runs: times.len(),
        median: median(&sorted),
        least: sorted.first().copied().unwrap_or(0.0),
        most: sorted.last().copied().unwrap_or(0.0),
        last: times.last().copied().unwrap_or(0.0),
    }
}

fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
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

    fn run(times: &[(&str, f64)]) -> Rehearsal {
        let slide = |(title, seconds): &(&str, f64)| SlideTime {
            title: (*title).into(),
            section: title[..1].into(),
            planned_seconds: 60.0,
            seconds: *seconds,
        };
        Rehearsal { slides: times.iter().map(slide).collect(), ..Rehearsal::default() }
    }

    #[test]
    fn runs_are_summed_up_by_the_last_ones_slides() {
        let runs = [
            run(&[("a", 10.0), ("b", 90.0), ("gone", 5.0)]),
            run(&[("a", 30.0), ("b", 0.0), ("a", 7.0)]),
            run(&[("a", 20.0), ("b", 70.0), ("a", 0.0), ("new", 1.0)]),
        ];
        let summary = summary(&runs);
        let found: Vec<_> = summary
            .slides
            .iter()
            .map(|slide| (slide.title.as_str(), slide.runs, slide.median, slide.least, slide.most, slide.last))
            .collect();
        assert_eq!(
            found,
            [
                ("a", 3, 20.0, 10.0, 30.0, 20.0),
                ("b", 2, 80.0, 70.0, 90.0, 70.0),
                ("a", 1, 7.0, 7.0, 7.0, 7.0),
                ("new", 1, 1.0, 1.0, 1.0, 1.0),
            ]
        );
        assert_eq!(summary.sections[0].median, 20.0, "a section counts all its slides");
        assert_eq!(runs[2].coverage(), 0.75);
        assert_eq!(summary_of_none(), Summary::default());
    }

    fn summary_of_none() -> Summary {
        summary(&[])
    }
}
