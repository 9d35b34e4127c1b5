//! Makes a reel of a take, event by event.

use super::Line;
use crate::audience::{Audience, Change, Seen, Told};
use crate::deck::Level;
use crate::playback::{Idle, Of, Pacer};
use crate::take::TakeInfo;
use crate::timeline::{Band, Timeline, Tracer};
use crate::version::up_to;
use crate::{Event, Micros, Opened, Replay, Show, Stamped};
use std::collections::BTreeSet;

/// Watches a take as an audience of one level does. Where the stage shows what is above the level, the reel is cut.
#[derive(Debug)]
pub struct Camera {
    level: Level,
    of: Of,
    take: TakeInfo,
    /// On the recording's clock, where the reel begins.
    begins: Micros,
    pacer: Pacer,
    show: Show,
    audience: Audience,
    tracer: Tracer,
    /// Names that an audience reads, of slides, steps and checks.
    read: BTreeSet<String>,
    /// Of the recording as it is played, and how much of that is cut.
    last: Micros,
    cut: Micros,
    /// What it had come to before the first line of the reel.
    opens: Opens,
    is_drawn: bool,
}

/// Whether the first line is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opens {
    Yes,
    No,
}

impl Camera {
    /// Of a take from `begins` on.
    pub fn new(take: &TakeInfo, level: Level, idle: Idle, begins: Micros) -> Camera {
        let of = Of::take(&take.demo);
        let pacer = match of {
            Of::Demo => Pacer::from(idle, begins),
            // A talk's pauses are the talk.
            Of::Talk => Pacer::from(Idle::Kept, begins),
        };
        let mut camera = Camera {
            level,
            of,
            take: take.clone(),
            begins,
            pacer,
            show: Show::default(),
            audience: Audience::default(),
            tracer: Tracer::new(of),
            read: BTreeSet::new(),
            last: 0,
            cut: 0,
            opens: Opens::Yes,
            is_drawn: false,
        };
        if of == Of::Talk {
            camera.show.apply(0, &Event::Replay(Replay::Opened(take.clone())));
        }
        camera
    }

    /// The next event of the take; what its audience is told of it.
    pub fn hear(&mut self, mut stamped: Stamped) -> Vec<Line> {
        let withheld = self.withholds();
        let played = self.pacer.due(&stamped).max(self.last);
        if withheld {
            self.cut += played - self.last;
        }
        self.last = played;
        if !self.of.plays(&stamped.event) {
            return vec![];
        }
        self.lower(&mut stamped.event);
        if let (Of::Demo, Event::Opened(opened)) = (self.of, &stamped.event) {
            self.opens_demo(opened);
        }
        let (at, due) = (stamped.at, played - self.cut);
        if !(withheld && matches!(stamped.event, Event::Sample(_))) {
            self.tracer.hear(due, &stamped);
        }
        let event = Event::Replay(Replay::Events(vec![stamped]));
        self.show.apply(0, &event);
        let told = self.audience.after(&self.show, 0, &event);
        if at < self.begins {
            return vec![];
        }
        if self.withholds() {
            return vec![];
        }
        // Whoever comes back to what may be seen has seen nothing of what led there.
        let told = if withheld || self.opens == Opens::Yes { vec![self.stage()] } else { told };
        self.opens = Opens::No;
        self.note(&told);
        told.into_iter().map(|told| Line(due, at, told)).collect()
    }

    /// Whether it has seen anything that it may show.
    pub fn is_drawn(&self) -> bool {
        self.is_drawn
    }

    /// Of what is in the reel; complete once the take is.
    pub fn timeline(&self) -> Timeline {
        let mut timeline = self.tracer.timeline(self.last - self.cut);
        for band in timeline.steps.iter_mut().chain(&mut timeline.slides) {
            if !self.read.contains(&band.name) {
                band.name.clear();
            }
        }
        // What has neither a name nor a length was cut.
        let stays = |band: &Band| band.from < band.to || !band.name.is_empty();
        timeline.steps.retain(stays);
        timeline.slides.retain(stays);
        timeline.checks.retain(|check| self.read.contains(&check.name));
        timeline
    }

    /// A demo's take brings the slide that draws it.
    fn opens_demo(&mut self, opened: &Opened) {
        if self.show.deck.is_some() {
            return;
        }
        let opens = Event::Opened(Box::new(opened.clone()));
        let stands = Event::Replay(Replay::Opened(self.take.clone()));
        for event in [opens, stands] {
            self.show.apply(0, &event);
            self.audience.after(&self.show, 0, &event);
        }
    }

    /// Takes out of an event what is above the level.
    fn lower(&self, event: &mut Event) {
        match event {
            Event::Opened(opened) => opened.deck = up_to(&opened.deck, self.level),
            Event::Showed { show, .. } => {
                show.deck = show.deck.take().map(|deck| up_to(&deck, self.level));
                // What is said there is said anew, of what may be heard.
                show.caption = show.caption.take().and_then(|caption| {
                    let text = show.said()?;
                    Some(crate::Caption { text, ..caption })
                });
            }
            Event::Captioned(text) => {
                let said = self.show.said();
                *text = text.take().and(said);
            }
            _ => {}
        }
    }

    /// Whether what is on stage is above the level.
    fn withholds(&self) -> bool {
        let Some(deck) = &self.show.deck else { return false };
        deck.slides.get(self.show.audience_position().slide).is_some_and(|slide| slide.level > self.level)
    }

    fn stage(&self) -> Told {
        Told { at: 0, change: Change::Stage(Seen::of(&self.show)) }
    }

    fn note(&mut self, told: &[Told]) {
        for told in told {
            let Change::Stage(Seen { scene: Some(scene), .. }) = &told.change else { continue };
            self.is_drawn = true;
            self.read.insert(scene.scenery.slide.title.clone());
            for step in scene.scenery.demo.iter().flat_map(|demo| &demo.steps) {
                self.read.extend([Some(step.name.clone()), step.proves.clone()].into_iter().flatten());
            }
        }
    }
}
