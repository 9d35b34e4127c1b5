//! What the audience's window is told: the stage as a whole where it becomes another, small changes while it stays, and nothing of
//! what else happens.

use super::{Look, Outcome, Scenery, Seen};
use crate::{
    Curtain, Event, Micros, Of, Replay, RunEvent, Show, Stamped,
    deck::Pane,
    marks::{Ink, Pointer},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// On the clock of what is drawn: the director's, or a take's.
    pub at: Micros,
    pub change: Change,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A moved slide comes with its content: no window ever waits for one.
    Stage(Seen),
    Look(Box<Look>),
    Pointed(Option<Pointer>),
    Inked(Ink),
    Ran(Ran),
}

/// What happened in the run that is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ran {
    StepStarted {
        step: usize,
    },
    StepEnded {
        step: usize,
        outcome: Outcome,
    },
    Output(String),
    /// Of the metrics that are drawn.
    Sample(BTreeMap<String, f64>),
    Tool {
        name: String,
        is: String,
    },
    /// Nothing that is drawn; but the run's time goes on.
    On,
}

/// What the audience's windows have been told so far. Those that come later are told `Seen::of` the show, which is the same.
#[derive(Debug, Default)]
pub struct Audience {
    curtain: Curtain,
    scenery: Option<Scenery>,
    look: Option<Look>,
}

/// What an event brings by itself; whatever else it changes is found by comparing.
enum News {
    /// Another stage, or another run on it.
    Stage,
    Changes(Vec<Told>),
}

impl Audience {
    /// What to tell of an event that the show has just folded.
    pub fn after(&mut self, show: &Show, at: Micros, event: &Event) -> Vec<Told> {
        let news = match event.of() {
            Of::Speaker => return vec![],
            // The live show goes on unseen while a recorded talk is drawn in its place.
            Of::Stage | Of::Run(_) if show.replays_talk() => return vec![],
            Of::Stage => staged(at, event),
            Of::Run(ran) => self.ran(show, at, ran),
            Of::Replay(replay) => self.replayed(show, replay),
        };
        // Steps move no scenery, and there are many of their events.
        let scenery = if matches!(event.of(), Of::Run(_)) { None } else { Some(Scenery::of(show)) };
        let is_same = show.curtain == self.curtain && scenery.is_none_or(|scenery| scenery == self.scenery);
        match news {
            News::Changes(changes) if is_same => self.changed(show, at, changes),
            // Nothing was to be seen, and nothing is.
            News::Stage if is_same && self.scenery.is_none() => vec![],
            News::Stage | News::Changes(_) => self.staged(show, at),
        }
    }

    fn staged(&mut self, show: &Show, at: Micros) -> Vec<Told> {
        let seen = Seen::of(show);
        let scene = seen.scene.as_deref();
        *self = Self {
            curtain: seen.curtain,
            scenery: scene.map(|scene| scene.scenery.clone()),
            look: scene.map(|scene| scene.look.clone()),
        };
        vec![Told { at, change: Change::Stage(seen) }]
    }

    fn changed(&mut self, show: &Show, at: Micros, mut changes: Vec<Told>) -> Vec<Told> {
        let Some(look) = Look::of(show).filter(|_| self.scenery.is_some()) else { return vec![] };
        if self.look.as_ref() != Some(&look) {
            changes.push(Told { at, change: Change::Look(Box::new(look.clone())) });
            self.look = Some(look);
        }
        changes
    }

    /// An event of the live run, which is drawn unless a take stands in its place.
    fn ran(&self, show: &Show, at: Micros, event: RunEvent<'_>) -> News {
        let is_drawn = |slug: &str| show.active.as_deref() == Some(slug) && show.recording(slug).is_none();
        match self.slug().filter(|slug| is_drawn(slug)) {
            Some(slug) => self.drawn(show, slug, at, event),
            None => News::Changes(vec![]),
        }
    }

    fn drawn(&self, show: &Show, slug: &str, at: Micros, event: RunEvent<'_>) -> News {
        let (Some(scenery), Some(run)) = (&self.scenery, show.run(slug)) else { return News::Changes(vec![]) };
        let is_terminal = scenery.draws(Pane::Terminal);
        let ran = match event {
            RunEvent::Begun { demo: _ } => return News::Stage,
            RunEvent::StepStarted { step, timeout_ms: _ } => Ran::StepStarted { step },
            RunEvent::StepEnded { step, outcome } => Ran::StepEnded { step, outcome: scenery.outcome(step, outcome) },
            RunEvent::Output(text) if is_terminal => Ran::Output(text.to_string()),
            RunEvent::Tool { name, is } if is_terminal => Ran::Tool { name: name.to_string(), is: is.to_string() },
            RunEvent::Sample(values) => {
                let mut metrics = scenery.metrics();
                // A run has a bound of its own for its curves.
                metrics.retain(|metric| run.series.contains_key(*metric));
                let drawn = values.iter().filter(|(metric, _)| metrics.contains(metric.as_str()));
                Ran::Sample(drawn.map(|(metric, value)| (metric.clone(), *value)).collect())
            }
            // Figures that the slide binds are part of its look.
            RunEvent::Output(_) | RunEvent::Tool { .. } | RunEvent::Figure { .. } => Ran::On,
        };
        News::Changes(vec![Told { at, change: Change::Ran(ran) }])
    }

    fn replayed(&self, show: &Show, replay: &Replay) -> News {
        match replay {
            Replay::Opened(_) | Replay::Closed | Replay::Left | Replay::Restarted | Replay::Sought(_) => News::Stage,
            Replay::Played | Replay::Paused | Replay::Paced(_) | Replay::Ended => News::Changes(vec![]),
            Replay::Events(events) if show.replays_talk() => self.talk(show, events),
            Replay::Events(events) => {
                let is_played =
                    |slug: &&str| show.recorded.as_ref().is_some_and(|recorded| recorded.take.demo == *slug);
                let slug = self.slug().filter(is_played);
                let Some(slug) = slug else { return News::Changes(vec![]) };
                together(events.iter().map(|stamped| match stamped.event.of() {
                    Of::Run(event) => self.drawn(show, slug, stamped.at, event),
                    // The demo as it was then is scenery.
                    Of::Stage | Of::Speaker | Of::Replay(_) => News::Changes(vec![]),
                }))
            }
        }
    }

    /// Events of a recorded talk, all folded by now: what leads to another slide and back would be told of the wrong one.
    fn talk(&self, show: &Show, events: &[Stamped]) -> News {
        let began = show.talk.as_ref().map_or(0, |talk| talk.began);
        let moves = |event: &Event| {
            matches!(event, Event::Showed { .. } | Event::Moved(_) | Event::Frozen(_) | Event::Curtain(_))
        };
        together(events.iter().map(|Stamped { at, event }| (began.saturating_add(*at), event)).map(|(at, event)| {
            match event.of() {
                Of::Stage if moves(event) => News::Stage,
                Of::Stage => staged(at, event),
                // Another take within the talk may stand for a run, or no longer.
                Of::Run(RunEvent::Begun { demo: _ }) | Of::Replay(_) => News::Stage,
                Of::Run(event) => self.ran(show, at, event),
                Of::Speaker => News::Changes(vec![]),
            }
        }))
    }

    /// The demo whose panes are drawn.
    fn slug(&self) -> Option<&str> {
        self.scenery.as_ref()?.demo.as_ref().map(|demo| demo.slug.as_str())
    }
}

/// What an event of the stage brings that no comparison finds.
fn staged(at: Micros, event: &Event) -> News {
    let told = |change| News::Changes(vec![Told { at, change }]);
    match event {
        // The same slides may have other demos behind them, which begin anew.
        Event::Opened(_) | Event::Ghosted(_) => News::Stage,
        Event::Pointed(pointer) => told(Change::Pointed(*pointer)),
        Event::Inked(ink) => told(Change::Inked(ink.clone())),
        // Whatever else it is: what the audience may see of it has been compared.
        _ => News::Changes(vec![]),
    }
}

fn together(all: impl Iterator<Item = News>) -> News {
    let mut changes = Vec::new();
    for news in all {
        match news {
            News::Stage => return News::Stage,
            News::Changes(more) => changes.extend(more),
        }
    }
    News::Changes(changes)
}
