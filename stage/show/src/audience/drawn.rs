//! What the audience's window draws: a show of blank slides but the one that it sees, so that both windows draw with the same code.

use super::{Change, Frozen, Look, Outcome, Ran, Run, Scene, Scenery, Seen, TakeClock, Told};
use crate::{
    Badge, Micros, Position, Recorded, RunEvent, Show, Source, Talk,
    deck::{Beat, Deck, Level, Section, Slide},
    demo::{Demo, Group, Step},
    marks::Marks,
    playback::{Idle, Playhead},
    take::{Edition, Machine, TakeInfo, Verdict},
};
use std::collections::BTreeMap;

impl Show {
    /// Takes in what the audience's window is told.
    pub fn hear(&mut self, told: Told) {
        match told.change {
            Change::Stage(Seen { curtain, scene: Some(scene) }) => {
                let left = std::mem::replace(self, Show::from(*scene));
                self.curtain = curtain;
                self.keep_what_fades(left);
            }
            // What was seen stays, so that the curtain has something to fall before.
            Change::Stage(Seen { curtain, scene: None }) => self.curtain = curtain,
            Change::Look(look) => self.look(*look),
            Change::Pointed(pointer) => self.marks.pointer = pointer,
            Change::Inked(ink) => {
                let slide = self.position.slide;
                self.marks.apply(told.at, slide, &ink);
            }
            Change::Ran(ran) => self.ran(told.at, &ran),
        }
    }

    /// Lets go of what lies behind the curtain, once it has fallen.
    pub fn forget_what_is_covered(&mut self) {
        if self.curtain != crate::Curtain::Open {
            *self = Show { curtain: self.curtain, ..Show::default() };
        }
    }

    fn look(&mut self, look: Look) {
        let Look { reveal, frozen, span, zoomed, caption, clock, settings, given } = look;
        self.position.reveal = reveal;
        self.frozen = match frozen {
            Frozen::Yes => Some(self.position),
            Frozen::No => None,
        };
        self.span = span;
        self.zoomed = zoomed;
        self.caption = caption;
        self.talk = clock.map(talk);
        self.settings = settings.unwrap_or_default();
        self.given = Some(given);
    }

    fn ran(&mut self, at: Micros, ran: &Ran) {
        let Some(slug) = self.slide().and_then(|slide| slide.cue.as_ref()).map(|cue| cue.demo.clone()) else { return };
        let run = match &mut self.recorded {
            Some(recorded) if recorded.take.demo == slug => Some(&mut recorded.run),
            _ => self.runs.get_mut(&slug),
        };
        let Some(run) = run else { return };
        match ran {
            Ran::StepStarted { step } => run.fold(at, RunEvent::StepStarted { step: *step, timeout_ms: 0 }),
            Ran::StepEnded { step, outcome } => {
                run.fold(at, RunEvent::StepEnded { step: *step, outcome: &outcome.clone().into() });
            }
            Ran::Output(text) => run.fold(at, RunEvent::Output(text)),
            Ran::Sample(values) => run.fold(at, RunEvent::Sample(values)),
            Ran::Tool { name, is } => run.fold(at, RunEvent::Tool { name, is }),
            Ran::On => run.fold(at, RunEvent::Sample(&BTreeMap::new())),
        }
    }

    /// A slide that is left is drawn until it has faded, with the panes that it had.
    fn keep_what_fades(&mut self, mut left: Show) {
        let Some(slug) = left.slide().and_then(|slide| slide.cue.as_ref()).map(|cue| cue.demo.clone()) else { return };
        if self.demos.contains_key(&slug) {
            return;
        }
        if let Some(demo) = left.demos.remove(&slug) {
            self.demos.insert(slug.clone(), demo);
        }
        if let Some(run) = left.runs.remove(&slug) {
            self.runs.insert(slug, run);
        } else if self.recorded.is_none() {
            self.recorded = left.recorded;
        }
    }
}

impl From<Scene> for Show {
    fn from(scene: Scene) -> Show {
        let Scene { scenery, look, run, ghost, pointer, ink } = scene;
        let index = scenery.slide.index;
        let slug = scenery.demo.as_ref().map(|demo| demo.slug.clone());
        // Collected, it would bring a sort along.
        let mut demos = BTreeMap::new();
        if let Some(demo) = &scenery.demo {
            demos.insert(demo.slug.clone(), demo.clone().into());
        }
        let mut show = Show {
            position: Position { slide: index, reveal: look.reveal },
            marks: Marks::of(pointer, index, ink),
            demos,
            deck: Some(scenery.into()),
            ..Show::default()
        };
        show.ghost = slug.as_ref().zip(ghost).map(|(slug, super::Ghost { badge, steps, series })| {
            Box::new(crate::Ghost { take: String::new(), demo: slug.clone(), badge, steps, series })
        });
        if let (Some(slug), Some(run)) = (slug, run) {
            let run = crate::Run { demo: slug.clone(), ..run.into() };
            match look.given.sources.get(&slug) {
                Some(Source::Recorded(badge)) => show.recorded = Some(recorded(slug, badge.clone(), run)),
                Some(Source::Waiting | Source::Live | Source::Running) | None => {
                    show.runs.insert(slug, run);
                }
            }
        }
        show.look(look);
        show
    }
}

impl From<Scenery> for Deck {
    fn from(scenery: Scenery) -> Deck {
        let super::Slide { index, section, title, layout, class, motif, body, clicks, cue } = scenery.slide;
        let seen = Slide {
            section,
            title,
            layout,
            class,
            motif,
            body,
            cue,
            beats: vec![Beat::default(); clicks + 1],
            ..Slide::blank()
        };
        let mut slides = vec![Slide::blank(); scenery.slides];
        if let Some(slide) = slides.get_mut(index) {
            *slide = seen;
        }
        let mut sections = vec![Section { title: String::new(), minutes: 0.0, first: 0 }; scenery.sections];
        if let Some(section) = sections.get_mut(section) {
            section.title = scenery.section;
        }
        Deck {
            slug: String::new(),
            title: scenery.talk,
            theme: scenery.theme,
            audience: Level::Public,
            minutes: 0.0,
            cuts: vec![],
            fallback: crate::deck::Fallback::Ask,
            sections,
            slides,
            hash: scenery.edition,
        }
    }
}

impl From<super::Demo> for Demo {
    fn from(demo: super::Demo) -> Demo {
        let steps = demo.steps.into_iter().map(|super::Step { name, proves }| Step {
            text: name,
            proves,
            timeout_ms: 0,
            if_fails: None,
            line: 0,
        });
        let groups = demo.groups.into_iter().map(|super::Group { name, steps, shot }| Group {
            name,
            about: String::new(),
            steps,
            shot,
        });
        Demo {
            slug: demo.slug,
            title: String::new(),
            minutes: 0.0,
            tools: vec![],
            charts: demo.charts,
            comparisons: demo.comparisons,
            topology: demo.topology,
            groups: groups.collect(),
            steps: steps.collect(),
            hash: String::new(),
        }
    }
}

impl From<Run> for crate::Run {
    fn from(run: Run) -> crate::Run {
        let Run { began, now, steps, terminal, series, tools } = run;
        let steps = steps.into_iter().map(|(index, super::StepRun { started, ended, outcome })| {
            (index, crate::StepRun { started, ended, timeout_ms: 0, outcome: outcome.map(Into::into), late: false })
        });
        // One by one, as above.
        let mut all = BTreeMap::new();
        all.extend(steps);
        crate::Run { began, now, steps: all, terminal, series, tools, ..crate::Run::default() }
    }
}

impl From<Outcome> for crate::Outcome {
    fn from(outcome: Outcome) -> crate::Outcome {
        match outcome {
            Outcome::Passed { seen } => crate::Outcome::Passed { seen },
            Outcome::Failed => crate::Outcome::Failed { why: String::new() },
            Outcome::TimedOut => crate::Outcome::TimedOut { why: String::new() },
            Outcome::Cancelled => crate::Outcome::Cancelled,
        }
    }
}

fn recorded(demo: String, badge: Badge, run: crate::Run) -> Recorded {
    // Of which machine it is, what was given says.
    let Badge { at_unix_ms, cpu, cores, edition, on: _ } = badge;
    let machine = Machine { cpu, cores, ..Machine::default() };
    let take = TakeInfo { demo, at_unix_ms, machine, edition, ..no_take() };
    Recorded { take, ended: false, head: Playhead::default(), idle: Idle::Cut, run, demo: None }
}

/// A recorded talk, for its clock alone.
fn talk(TakeClock { head, began }: TakeClock) -> Talk {
    Talk { take: no_take(), ended: false, head, began, drawn: true, live: Box::default() }
}

fn no_take() -> TakeInfo {
    TakeInfo {
        id: String::new(),
        demo: String::new(),
        at_unix_ms: 0,
        duration_ms: 0,
        machine: Machine::default(),
        verdict: Verdict::Partial,
        edition: Edition::default(),
    }
}
