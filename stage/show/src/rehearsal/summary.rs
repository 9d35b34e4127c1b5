//! Several runs of one talk, side by side.

use super::{Rehearsal, SlideTime};
use crate::order;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Several runs of one talk, slide by slide.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub slides: Vec<Spread>,
    pub sections: Vec<Spread>,
}

/// How long something took over all runs that came to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub title: String,
    pub planned_seconds: f64,
    pub runs: usize,
    pub median: f64,
    pub least: f64,
    pub most: f64,
    /// In the last run that came to it.
    pub last: f64,
    /// Of its narrative, in the last run.
    pub words: usize,
}

impl Spread {
    /// At which the narrative was said; `None` where there is none, or nobody came to it.
    pub fn words_per_minute(&self) -> Option<f64> {
        (self.words > 0 && self.median > 0.0).then(|| self.words as f64 * 60.0 / self.median)
    }
}

/// Sums runs up, oldest first, by the slides and the plan of the last one. Slides are known by title, and by which of that title.
pub fn summary(runs: &[Rehearsal]) -> Summary {
    let Some(last) = runs.last() else { return Summary::default() };
    let keyed: Vec<BTreeMap<(&str, usize), f64>> = runs.iter().map(|run| by_title(&run.slides)).collect();
    let mut nth: BTreeMap<&str, usize> = BTreeMap::new();
    let slides = last.slides.iter().map(|slide| {
        let key = (slide.title.as_str(), next(&mut nth, &slide.title));
        spread(
            &slide.title,
            (slide.planned_seconds, slide.words),
            keyed.iter().filter_map(|run| run.get(&key).copied()),
        )
    });
    let mut titles: Vec<&str> = last.slides.iter().map(|slide| slide.section.as_str()).collect();
    titles.dedup();
    let sections = titles.into_iter().map(|title| {
        let of = |run: &Rehearsal, value: fn(&SlideTime) -> f64| -> f64 {
            run.slides.iter().filter(|slide| slide.section == title).map(value).sum()
        };
        let times = runs.iter().map(|run| of(run, |slide| slide.seconds)).filter(|seconds| *seconds > 0.0);
        spread(title, (of(last, |slide| slide.planned_seconds), of(last, |slide| slide.words as f64) as usize), times)
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

fn spread(title: &str, (planned_seconds, words): (f64, usize), times: impl Iterator<Item = f64>) -> Spread {
    let times: Vec<f64> = times.collect();
    let mut sorted = times.clone();
    order::sort_by(&mut sorted, f64::total_cmp);
    Spread {
        title: title.to_string(),
        planned_seconds,
        runs: times.len(),
        median: median(&sorted),
        least: sorted.first().copied().unwrap_or(0.0),
        most: sorted.last().copied().unwrap_or(0.0),
        last: times.last().copied().unwrap_or(0.0),
        words,
    }
}

pub(super) fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(times: &[(&str, f64)]) -> Rehearsal {
        let slide = |(title, seconds): &(&str, f64)| SlideTime {
            title: (*title).into(),
            section: title[..1].into(),
            planned_seconds: 60.0,
            seconds: *seconds,
            words: 0,
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
