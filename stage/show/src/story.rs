//! A run as a directed chart draws it: its groups beside each other, without the time between them; and what is on stage of it.

use crate::demo::{Demo, Group, Hero, Shot};
use crate::order;
use crate::{Micros, Run, StepState, ghost};

/// Kept before a group's first step and after its last, so that curves begin and end at rest.
const BEFORE: Micros = 300_000;
const AFTER: Micros = 1_000_000;

/// The groups that have begun, in the order in which they did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Story {
    pub parts: Vec<Part>,
}

/// A group, on the run's clock and on the story's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Index of the group in its demo.
    pub group: usize,
    pub from: Micros,
    pub to: Micros,
    /// Where it begins on the story's clock.
    pub at: Micros,
    /// How long its steps took, or have taken so far.
    pub took: Micros,
}

impl Story {
    pub fn of(run: &Run, demo: &Demo) -> Story {
        let mut parts: Vec<Part> = demo
            .groups
            .iter()
            .enumerate()
            .filter_map(|(group, Group { steps, .. })| {
                let ran = || run.steps.range(steps.clone()).map(|(_, step)| step);
                let began = ran().map(|step| step.started).min()?;
                let ended = ran().map(|step| step.ended.unwrap_or(run.now)).max()?;
                let to = (ended + AFTER).min(run.now.max(ended));
                let took = ended.saturating_sub(began);
                Some(Part { group, from: began.saturating_sub(BEFORE).max(run.began), to, at: 0, took })
            })
            .collect();
        order::sort_by_key(&mut parts, |part| part.from);
        let (mut at, mut free) = (0, 0);
        for part in &mut parts {
            // A moment belongs to one group, also where one was run again within another.
            part.from = part.from.max(free).min(part.to);
            (part.at, free) = (at, part.to);
            at += part.to - part.from;
        }
        Story { parts }
    }

    /// As parts of a ghost are, for what draws both.
    pub fn cuts(&self) -> Vec<ghost::Part> {
        self.parts.iter().map(|Part { from, to, at, .. }| ghost::Part { from: *from, to: *to, at: *at }).collect()
    }

    /// How long it is, on its own clock.
    pub fn length(&self) -> Micros {
        self.parts.last().map_or(0, |part| part.at + (part.to - part.from))
    }

    /// The part that a moment of the run belongs to, and where that moment is on the story's clock.
    pub fn place(&self, at: Micros) -> Option<(usize, Micros)> {
        let after = self.parts.partition_point(|part| part.from <= at);
        let index = after.checked_sub(1)?;
        let part = self.parts.get(index).filter(|part| at <= part.to)?;
        Some((index, part.at + (at - part.from)))
    }
}

/// What is on stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnStage<'a> {
    pub group: usize,
    pub shot: &'a Shot,
    pub hero: Hero,
}

/// The shot of the group that began last, among those of the slide, which are all where none is named; of the first before any did.
/// A group without one leaves the shot before it on stage.
pub fn on_stage<'a>(demo: &'a Demo, run: Option<&Run>, groups: &[String]) -> Option<OnStage<'a>> {
    let is_here = |group: &Group| groups.is_empty() || groups.contains(&group.name);
    let here = || demo.groups.iter().enumerate().filter(|(_, group)| is_here(group));
    let began = |group: &Group| run?.steps.range(group.steps.clone()).map(|(_, step)| step.started).max();
    let last = here().filter_map(|(index, group)| Some((began(group)?, index))).max().map(|(_, index)| index);
    let latest = match last {
        Some(last) => here().take_while(|(index, _)| *index <= last).filter(|(_, group)| group.shot.is_some()).last(),
        None => None,
    };
    let (index, group) = latest.or_else(|| here().find(|(_, group)| group.shot.is_some()))?;
    let shot = group.shot.as_ref()?;
    let has_passed = run.is_some_and(|run| run.group_state(demo, &group.name) == StepState::Passed);
    let hero = shot.then.filter(|_| has_passed).unwrap_or(shot.hero);
    Some(OnStage { group: index, shot, hero })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, StepRun};
    use proptest::prelude::*;

    fn demo(groups: usize) -> Demo {
        let group = |index: usize| Group {
            name: format!("g{index}"),
            about: String::new(),
            steps: index * 2..index * 2 + 2,
            shot: (index != 1).then(|| Shot {
                name: format!("group {index}"),
                short: None,
                hero: Hero::Chart(0),
                then: Some(Hero::Compare(0)),
                tiles: vec![],
                result: None,
            }),
        };
        Demo { groups: (0..groups).map(group).collect(), ..Demo::default() }
    }

    fn step(started: Micros, ended: Option<Micros>) -> StepRun {
        let outcome = ended.map(|_| Outcome::Passed { seen: String::new() });
        StepRun { started, ended, outcome, timeout_ms: 1, late: false }
    }

    fn run(steps: &[(usize, Micros, Option<Micros>)], now: Micros) -> Run {
        let steps = steps.iter().map(|(index, from, to)| (*index, step(*from, *to))).collect();
        Run { steps, now, ..Run::new("d", 0) }
    }

    #[test]
    fn the_time_between_groups_is_left_out() {
        let second = 1_000_000;
        let run = run(
            &[(0, 10 * second, Some(12 * second)), (1, 12 * second, Some(14 * second)), (2, 200 * second, None)],
            203 * second,
        );
        let story = Story::of(&run, &demo(2));
        let parts: Vec<_> = story.parts.iter().map(|part| (part.group, part.at, part.took)).collect();
        assert_eq!(parts, [(0, 0, 4 * second), (1, 4 * second + BEFORE + AFTER, 3 * second)]);
        assert_eq!(story.length(), 4 * second + BEFORE + AFTER + 3 * second + BEFORE);
        assert_eq!(story.place(11 * second), Some((0, second + BEFORE)));
        assert_eq!(story.place(100 * second), None, "the speaker talked");
        assert_eq!(story.place(second), None, "nothing ran");
    }

    #[test]
    fn the_group_that_began_last_says_what_is_on_stage_and_its_contrast_comes_at_its_end() {
        let demo = demo(3);
        let hero = |run: Option<&Run>, groups: &[&str]| {
            let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
            on_stage(&demo, run, &groups).map(|on| (on.group, on.hero))
        };
        assert_eq!(hero(None, &[]), Some((0, Hero::Chart(0))));
        assert_eq!(hero(None, &["g2"]), Some((2, Hero::Chart(0))));
        let begun = run(&[(0, 1, None)], 5);
        assert_eq!(hero(Some(&begun), &[]), Some((0, Hero::Chart(0))));
        let passed = run(&[(0, 1, Some(2)), (1, 2, Some(3))], 5);
        assert_eq!(hero(Some(&passed), &[]), Some((0, Hero::Compare(0))));
        let second = run(&[(0, 1, Some(2)), (1, 2, Some(3)), (2, 4, None)], 5);
        assert_eq!(hero(Some(&second), &[]), Some((0, Hero::Compare(0))), "one without a shot leaves the one before");
        let again = run(&[(0, 9, None), (4, 5, Some(6))], 9);
        assert_eq!(hero(Some(&again), &[]), Some((0, Hero::Chart(0))), "run again");
        assert_eq!(hero(Some(&again), &["g2"]), Some((2, Hero::Chart(0))), "of this slide");
    }

    proptest! {
        #[test]
        fn a_story_goes_on_and_no_moment_is_in_it_twice(times in proptest::collection::vec((0_u64..50, 0_u64..20), 1..9)) {
            let second = 1_000_000;
            let steps: Vec<_> = times.iter().enumerate().map(|(index, (from, took))| {
                (index, from * second, Some((from + took) * second))
            }).collect();
            let story = Story::of(&run(&steps, 80 * second), &demo(5));
            for pair in story.parts.windows(2) {
                prop_assert!(pair[0].to <= pair[1].from || pair[1].from == pair[1].to);
                prop_assert_eq!(pair[0].at + (pair[0].to - pair[0].from), pair[1].at);
            }
            let mut before = 0;
            for at in (0..70 * second).step_by(500_000) {
                if let Some((_, place)) = story.place(at) {
                    prop_assert!(before <= place && place <= story.length());
                    before = place;
                }
            }
        }
    }
}
