//! The show of this window: folds what is pushed, and tells each part of the page when its part of the show changed, so that a
//! sample does not draw a slide again.

use crate::{
    slide::FADE,
    time::{self, Offset},
};
use greenroom_show::{
    Curtain, Event, Micros, Replay, Show,
    audience::{Change, Ran},
    call::{ToAudience, ToPresenter},
};
use leptos::prelude::*;
use std::time::Duration;

/// A part of the show that changes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Deck,
    /// Slide and reveal, frozen position, curtain.
    Position,
    Clock,
    Stack,
    Notices,
    Steps,
    Terminal,
    Curves,
    Figures,
    Replay,
    /// What is set in the capacity planner.
    Plan,
    /// Pointer and ink.
    Marks,
}

impl Part {
    const ALL: [Part; 12] = [
        Part::Deck,
        Part::Position,
        Part::Clock,
        Part::Stack,
        Part::Notices,
        Part::Steps,
        Part::Terminal,
        Part::Curves,
        Part::Figures,
        Part::Replay,
        Part::Plan,
        Part::Marks,
    ];
    /// All that a run holds.
    const RUN: [Part; 4] = [Part::Steps, Part::Terminal, Part::Curves, Part::Figures];
}

/// How often clocks and large figures are read again: more often would flicker.
const TICK: Duration = Duration::from_millis(250);

#[derive(Debug, Clone, Copy)]
pub struct Store {
    show: StoredValue<Show>,
    changed: [Trigger; Part::ALL.len()],
    offset: StoredValue<Offset>,
    tick: Trigger,
}

impl Store {
    pub fn new() -> Self {
        let store = Self::still(Show::default());
        time::every(TICK, move || store.tick.notify());
        store
    }

    /// Of a picture: its time stands.
    pub fn still(show: Show) -> Self {
        Self {
            show: StoredValue::new(show),
            changed: std::array::from_fn(|_| Trigger::new()),
            offset: StoredValue::new(Offset::default()),
            tick: Trigger::new(),
        }
    }

    /// What the presenter's window is told.
    pub fn push(&self, push: ToPresenter) {
        match push {
            ToPresenter::Snapshot { now, show } => self.open(now, *show),
            ToPresenter::Events { now, events } => {
                self.offset.set_value(Offset::at(now));
                let mut touched = Touched::default();
                self.show.update_value(|show| {
                    for stamped in &events {
                        let before = show.replays_talk();
                        touched.by(&stamped.event);
                        show.apply(stamped.at, &stamped.event);
                        if before != show.replays_talk() {
                            touched = Touched::ALL;
                        }
                    }
                });
                self.tell(touched);
            }
        }
    }

    pub fn open(&self, now: Micros, show: Show) {
        self.offset.set_value(Offset::at(now));
        self.show.set_value(show);
        self.tell(Touched::ALL);
    }

    /// What the audience is told.
    pub fn hear(&self, ToAudience { now, told }: ToAudience) {
        self.offset.set_value(Offset::at(now));
        let mut touched = Touched::default();
        self.show.update_value(|show| {
            for told in told {
                touched.by_change(&told.change);
                show.hear(told);
            }
        });
        self.forget_once_covered();
        self.tell(touched);
    }

    fn tell(&self, touched: Touched) {
        for part in Part::ALL.into_iter().filter(|part| touched.has(*part)) {
            self.changed[part as usize].notify();
        }
    }

    /// The curtain falls before what is seen; then the window has nothing behind it.
    fn forget_once_covered(&self) {
        let store = *self;
        if store.peek(|show| show.curtain == Curtain::Open || show.deck.is_none()) {
            return;
        }
        let forget = move || {
            store.show.try_update_value(Show::forget_what_is_covered);
            store.tell(Touched::ALL);
        };
        time::after(FADE, forget);
    }

    /// Reads the show, again whenever one of `parts` changes.
    pub fn read<T>(&self, parts: &[Part], read: impl FnOnce(&Show) -> T) -> T {
        for part in parts {
            self.changed[*part as usize].track();
        }
        self.show.with_value(read)
    }

    /// Reads the show once.
    pub fn peek<T>(&self, read: impl FnOnce(&Show) -> T) -> T {
        self.show.with_value(read)
    }

    /// What time it is in what is drawn.
    pub fn now(&self) -> Micros {
        let live = self.live_now();
        self.show.with_value(|show| show.now(live))
    }

    /// The director's clock.
    pub fn live_now(&self) -> Micros {
        self.offset.get_value().now()
    }

    /// Reads again four times a second.
    pub fn ticking(&self) {
        self.tick.track();
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Touched(u16);

impl Touched {
    const ALL: Touched = Touched(u16::MAX);

    fn has(self, part: Part) -> bool {
        self.0 & (1 << part as u16) != 0
    }

    fn add(&mut self, parts: &[Part]) {
        for part in parts {
            self.0 |= 1 << *part as u16;
        }
    }

    fn by(&mut self, event: &Event) {
        match event {
            Event::Opened(_) => *self = Touched::ALL,
            Event::Moved(_) | Event::Curtain(_) | Event::Frozen(_) => self.add(&[Part::Position]),
            Event::Clock(_) => self.add(&[Part::Clock]),
            Event::Stack(_) => self.add(&[Part::Stack]),
            Event::Notice(_) | Event::Faults(_) => self.add(&[Part::Notices]),
            Event::Pointed(_) | Event::Inked(_) => self.add(&[Part::Marks]),
            Event::Planned(_) => self.add(&[Part::Plan]),
            Event::Looped(_) | Event::Zoomed(_) | Event::Captioned(_) => self.add(&[Part::Position]),
            Event::Begun { .. } => self.add(&Part::RUN),
            // Steps are bands in the charts, too.
            Event::StepStarted { .. } | Event::StepEnded { .. } => self.add(&[Part::Steps, Part::Curves]),
            Event::Output(_) => self.add(&[Part::Terminal]),
            Event::Sample(_) | Event::Span(_) => self.add(&[Part::Curves]),
            Event::Figure { .. } => self.add(&[Part::Figures]),
            Event::Tool { .. } | Event::Late { .. } | Event::Chosen { .. } => self.add(&[Part::Steps]),
            Event::Hosted(_) => self.add(&[Part::Replay]),
            Event::Unattended(_) => self.add(&[Part::Position]),
            Event::Ghosted(_) => self.add(&[Part::Steps, Part::Curves]),
            Event::Replay(Replay::Events(events)) => events.iter().for_each(|stamped| self.by(&stamped.event)),
            Event::Replay(Replay::Played | Replay::Paused | Replay::Paced(_) | Replay::Ended) => {
                self.add(&[Part::Replay])
            }
            Event::Replay(Replay::Restarted | Replay::Sought(_)) => *self = Touched::ALL,
            Event::Showed { .. } => *self = Touched::ALL,
            Event::Replay(Replay::Opened(_) | Replay::Left | Replay::Closed) => {
                self.add(&Part::RUN);
                self.add(&[Part::Replay]);
            }
        }
    }
    fn by_change(&mut self, change: &Change) {
        match change {
            Change::Stage(_) => *self = Touched::ALL,
            Change::Look(_) => {
                self.add(&[Part::Position, Part::Steps, Part::Curves, Part::Figures, Part::Plan]);
            }
            Change::Pointed(_) | Change::Inked(_) => self.add(&[Part::Marks]),
            Change::Ran(Ran::StepStarted { .. } | Ran::StepEnded { .. }) => self.add(&[Part::Steps, Part::Curves]),
            Change::Ran(Ran::Output(_)) => self.add(&[Part::Terminal]),
            Change::Ran(Ran::Sample(_)) => self.add(&[Part::Curves]),
            Change::Ran(Ran::Tool { .. }) => self.add(&[Part::Steps]),
            Change::Ran(Ran::On) => {}
        }
    }
}
