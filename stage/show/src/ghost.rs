//! A recorded run laid under the one at hand: the same curves, each part where the step begins that it belongs to.

use crate::order;
use crate::{
    Badge, Micros, Run, Series,
    demo::Demo,
    diff::{Side, pairs},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A recording that charts draw beside what they draw anyway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ghost {
    /// Id of the take; the speaker's alone.
    pub take: String,
    pub demo: String,
    pub badge: Badge,
    /// Its steps, by their numbers in the demo as it is now.
    pub steps: BTreeMap<usize, Stretch>,
    /// Of what charts draw.
    pub series: BTreeMap<String, Series>,
}

/// From when to when a step ran, on its recording's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    pub started: Micros,
    pub ended: Option<Micros>,
}

/// A part of a ghost, and where it falls in the run that it is laid under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// On the ghost's clock: from here on, and up to there.
    pub from: Micros,
    pub to: Micros,
    /// Where `from` falls, on the run's clock.
    pub at: Micros,
}

impl Part {
    /// Where a moment of the ghost falls.
    pub fn falls(&self, moment: Micros) -> Micros {
        moment.saturating_sub(self.from).saturating_add(self.at)
    }

    /// Where it ends, on the run's clock.
    pub fn ends(&self) -> Micros {
        self.falls(self.to)
    }
}

impl Ghost {
    /// Of a recorded run, for the demo as it is now.
    pub fn of(take: String, badge: Badge, then: Side<'_>, now: &Demo) -> Ghost {
        let beside = Run::default();
        let aligned = pairs(then, Side { demo: Some(now), run: &beside });
        let steps = aligned.into_iter().filter_map(|(recorded, drawn)| {
            let ran = then.run.steps.get(&recorded?)?;
            Some((drawn?, Stretch { started: ran.started, ended: ran.ended }))
        });
        let metrics = now.charts.iter().flat_map(|chart| &chart.series).map(|line| &line.metric);
        let series = metrics.filter_map(|metric| Some((metric.clone(), then.run.series.get(metric)?.clone())));
        Ghost { take, demo: now.slug.clone(), badge, steps: steps.collect(), series: series.collect() }
    }

    /// What of it is laid under a run: a part for each step that the run has started, as long as that step is the run's last. What the
    /// ghost did before its first step, and between steps for longer than the run, is left out.
    pub fn parts(&self, run: &Run) -> Vec<Part> {
        let mut begun: Vec<(Micros, usize)> = run.steps.iter().map(|(step, ran)| (ran.started, *step)).collect();
        order::sort_by(&mut begun, Ord::cmp);
        let mut parts = Vec::new();
        for (index, (at, step)) in begun.iter().enumerate() {
            let Some(from) = self.steps.get(step).map(|ran| ran.started) else { continue };
            let next = self.steps.values().map(|ran| ran.started).filter(|started| *started > from).min();
            let room = begun.get(index + 1).map_or(Micros::MAX, |(next, _)| next - at);
            let to = next.unwrap_or(Micros::MAX).min(from.saturating_add(room));
            parts.push(Part { from, to, at: *at });
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::tests::demo;
    use crate::{Event, Outcome};
    use proptest::prelude::*;

    fn ran(run: &mut Run, step: usize, started: Micros, ended: Option<Micros>) {
        run.apply(started, &Event::StepStarted { step, timeout_ms: 1 });
        if let Some(ended) = ended {
            run.apply(ended, &Event::StepEnded { step, outcome: Outcome::Passed { seen: String::new() } });
        }
    }

    fn ghost(steps: &[(usize, Micros)]) -> Ghost {
        let badge = Badge {
            at_unix_ms: 0,
            cpu: String::new(),
            cores: 1,
            edition: crate::take::Edition::Todays,
            on: crate::On::This,
        };
        let steps = steps.iter().map(|(step, started)| (*step, Stretch { started: *started, ended: None })).collect();
        Ghost { take: "a".into(), demo: "copy".into(), badge, steps, series: BTreeMap::new() }
    }

    fn run(steps: &[(usize, Micros)]) -> Run {
        let mut run = Run::new("copy", 0);
        steps.iter().for_each(|(step, started)| ran(&mut run, *step, *started, Some(*started + 1)));
        run
    }

    fn parts(of: &[(usize, Micros)], under: &[(usize, Micros)]) -> Vec<(Micros, Micros, Micros)> {
        ghost(of).parts(&run(under)).into_iter().map(|part| (part.from, part.to, part.at)).collect()
    }

    #[test]
    fn each_part_of_a_ghost_begins_where_its_step_does() {
        const END: Micros = Micros::MAX;
        // Nothing has run, and the ghost waits.
        assert_eq!(parts(&[(0, 5)], &[]), []);
        // The same pace, at another time.
        assert_eq!(parts(&[(0, 5), (1, 9)], &[(0, 105), (1, 109)]), [(5, 9, 105), (9, END, 109)]);
        // The ghost was slower: its part is cut where the next step of the run begins.
        assert_eq!(parts(&[(0, 5), (1, 90)], &[(0, 105), (1, 109)]), [(5, 9, 105), (90, END, 109)]);
        // The ghost was faster: its part ends early.
        assert_eq!(parts(&[(0, 5), (1, 7)], &[(0, 105), (1, 120)]), [(5, 7, 105), (7, END, 120)]);
        // A step that the ghost has not, and one that the run has not.
        assert_eq!(parts(&[(0, 5), (2, 9)], &[(0, 100), (1, 110)]), [(5, 9, 100)]);
        // A step that the run did again goes by its latest start.
        assert_eq!(parts(&[(0, 5), (1, 9)], &[(1, 100), (0, 200)]), [(9, 109, 100), (5, 9, 200)]);
    }

    #[test]
    fn steps_are_found_by_their_words_in_the_demo_as_it_is_now() {
        let (then, now) = (demo(&["make", "copy"]), demo(&["make", "warm", "copy"]));
        let recorded = run(&[(0, 10), (1, 20)]);
        let side = Side { demo: Some(&then), run: &recorded };
        let ghost = Ghost::of("a".into(), ghost(&[]).badge, side, &now);
        let started: Vec<_> = ghost.steps.iter().map(|(step, ran)| (*step, ran.started)).collect();
        assert_eq!(started, [(0, 10), (2, 20)]);
    }

    proptest! {
        /// Parts lie in the order of the run, never over each other, and none begins before its step.
        #[test]
        fn parts_never_overlap(
            of in prop::collection::btree_map(0_usize..6, 0_u64..1_000, 0..6),
            under in prop::collection::btree_map(0_usize..6, 0_u64..1_000, 0..6),
        ) {
            let (of, under): (Vec<_>, Vec<_>) = (of.into_iter().collect(), under.into_iter().collect());
            let run = run(&under);
            let parts = ghost(&of).parts(&run);
            for pair in parts.windows(2) {
                prop_assert!(pair[0].ends() <= pair[1].at, "{pair:?}");
            }
            for part in parts {
                prop_assert!(part.from <= part.to);
                prop_assert!(run.steps.values().any(|step| step.started == part.at));
            }
        }
    }
}
