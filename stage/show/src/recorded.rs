//! A take on stage. One of a demo folds into a run beside the live one; one of a whole talk folds into the show itself, and the live
//! show is kept until it comes back.

use crate::playback::{Idle, Playhead, Speed};
use crate::{Event, Micros, Replay, Run, Show, Stamped, demo::Demo, take::TakeInfo};
use serde::{Deserialize, Serialize};

/// The take of a demo: a run of its own, folded by the same rules as a live one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    pub take: TakeInfo,
    pub ended: bool,
    #[serde(default)]
    pub head: Playhead,
    #[serde(default)]
    pub idle: Idle,
    pub run: Run,
    /// The demo as it was then. Takes of the first format do not tell.
    #[serde(default)]
    pub demo: Option<Demo>,
}

/// The take of a talk: the show itself draws it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Talk {
    pub take: TakeInfo,
    pub ended: bool,
    pub head: Playhead,
    /// What the clock of that show told when the take began.
    pub began: Micros,
    /// Whether it has brought its deck: until then nothing of it can be drawn.
    #[serde(default)]
    pub drawn: bool,
    /// Goes on unseen, and comes back.
    pub live: Box<Show>,
}

/// Which take plays, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Playing<'a> {
    pub take: &'a TakeInfo,
    pub playing: bool,
    pub ended: bool,
    /// By the clock that it is played by.
    pub at: Micros,
    pub speed: Speed,
    pub idle: Idle,
}

/// A take as it stands at one place, folded from the take alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sought {
    /// By the clock that it is played by.
    pub to: Micros,
    pub idle: Idle,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Demo {
        run: Box<Run>,
        demo: Option<Box<Demo>>,
    },
    /// The show that it draws; what the clock of that show told when the take began; whether it has brought its deck.
    Talk {
        show: Box<Show>,
        began: Micros,
        drawn: bool,
    },
}

impl Show {
    /// The show itself, also while the recorded talk is drawn in its place.
    pub fn live(&self) -> &Show {
        self.talk.as_ref().map_or(self, |talk| &talk.live)
    }

    /// Whether a recorded talk is drawn in place of the live one.
    pub fn replays_talk(&self) -> bool {
        self.talk.is_some()
    }

    /// What time it is in what is drawn, by the live clock: a recorded talk has a clock of its own, which stands while it is paused.
    pub fn now(&self, live: Micros) -> Micros {
        self.talk.as_ref().map_or(live, |talk| talk.began + talk.head.at(live))
    }

    /// The take that the speaker's keys move, at a time of the live clock.
    pub fn playing(&self, live: Micros) -> Option<Playing<'_>> {
        let talk = self.talk.as_ref().map(|talk| Playing {
            take: &talk.take,
            playing: talk.head.plays(),
            ended: talk.ended,
            at: talk.head.at(live),
            speed: talk.head.speed(),
            idle: Idle::Kept,
        });
        talk.or_else(|| self.recorded.as_ref().map(|recorded| recorded.playing(live)))
    }

    /// The recording that stands for a demo's run: the one on stage, or one that was left behind on its slide.
    pub fn recording(&self, demo: &str) -> Option<&Recorded> {
        let on_stage = self.recorded.as_ref().filter(|recorded| recorded.take.demo == demo);
        on_stage.or_else(|| self.shown.get(demo))
    }

    /// A demo as its panes draw it: as it was recorded, where a recording stands for it.
    pub fn demo(&self, slug: &str) -> Option<&Demo> {
        self.recording(slug).and_then(|recorded| recorded.demo.as_ref()).or_else(|| self.demos.get(slug))
    }

    /// A talk comes on stage. It brings what it draws; the deck stays until then, so that no window goes empty.
    pub(crate) fn open_talk(&mut self, at: Micros, take: &TakeInfo) {
        self.close_talk();
        let live = Box::new(self.clone());
        *self = Show { deck: self.deck.take(), version: self.version, stack: self.stack.clone(), ..Show::default() };
        self.talk =
            Some(Talk { take: take.clone(), ended: false, head: Playhead::start(at), began: 0, drawn: false, live });
    }

    pub(crate) fn play_talk(&mut self, at: Micros, replay: &Replay) {
        match replay {
            Replay::Opened(_) | Replay::Closed | Replay::Left => self.close_talk(),
            Replay::Events(events) => events.iter().for_each(|stamped| self.play_event(at, stamped)),
            Replay::Restarted => {
                let Some(Talk { take, live, head, .. }) = self.talk.take() else { return };
                *self = *live;
                self.open_talk(at, &take);
                self.talk.iter_mut().for_each(|talk| talk.head = head.restart(at));
            }
            Replay::Sought(sought) => self.seek_talk(at, sought),
            Replay::Played | Replay::Paused | Replay::Ended | Replay::Paced(_) => {
                let Some(talk) = &mut self.talk else { return };
                talk.ended |= *replay == Replay::Ended;
                move_head(&mut talk.head, at, replay);
            }
        }
    }

    fn seek_talk(&mut self, at: Micros, sought: &Sought) {
        let (Some(talk), State::Talk { show, began, drawn }) = (self.talk.take(), &sought.state) else { return };
        let mut head = talk.head;
        head.seek(sought.to, at);
        *self = Show { talk: None, ..Show::clone(show) };
        self.talk = Some(Talk { ended: false, head, began: *began, drawn: *drawn, ..talk });
    }

    /// What a take on stage has come to, where one is.
    pub fn stands(&self, to: Micros, idle: Idle) -> Option<Sought> {
        let state = match (&self.talk, &self.recorded) {
            (Some(talk), _) => State::Talk {
                show: Box::new(Show { talk: None, ..self.clone() }),
                began: talk.began,
                drawn: talk.drawn,
            },
            (None, Some(recorded)) => {
                State::Demo { run: Box::new(recorded.run.clone()), demo: recorded.demo.clone().map(Box::new) }
            }
            (None, None) => return None,
        };
        Some(Sought { to, idle, state })
    }

    /// On the clock of the show that was recorded.
    fn play_event(&mut self, at: Micros, stamped: &Stamped) {
        let Some(mut talk) = self.talk.take() else { return };
        talk.head.seek(stamped.at, at);
        talk.drawn |= matches!(stamped.event, Event::Showed { .. } | Event::Opened(_));
        match &stamped.event {
            Event::Showed { now, show } => {
                talk.began = now.saturating_sub(stamped.at);
                *self = Show { talk: None, ..Show::clone(show) };
                self.stay_within();
            }
            event => self.fold(talk.began.saturating_add(stamped.at), event),
        }
        self.talk = Some(talk);
    }

    /// The live show comes back, where a recorded talk stood in its place.
    fn close_talk(&mut self) {
        if let Some(talk) = self.talk.take() {
            *self = *talk.live;
        }
    }

    /// What becomes of the take of a demo.
    pub(crate) fn replay(&mut self, at: Micros, replay: &Replay) {
        match replay {
            Replay::Opened(take) => {
                self.shown.remove(&take.demo);
                self.recorded = Some(Recorded::new(take.clone(), Playhead::start(at)));
            }
            Replay::Closed => {
                if let Some(closed) = self.recorded.take() {
                    self.shown.remove(&closed.take.demo);
                } else if let Some(cue) = self.slide().and_then(|slide| slide.cue.clone()) {
                    self.shown.remove(&cue.demo);
                }
            }
            Replay::Left => {
                if let Some(mut left) = self.recorded.take() {
                    left.head.pause(at);
                    self.shown.insert(left.take.demo.clone(), left);
                }
            }
            Replay::Events(_)
            | Replay::Played
            | Replay::Paused
            | Replay::Restarted
            | Replay::Ended
            | Replay::Paced(_)
            | Replay::Sought(_) => {
                if let Some(recorded) = &mut self.recorded {
                    recorded.apply(at, replay);
                }
            }
        }
    }
}

impl Recorded {
    fn new(take: TakeInfo, head: Playhead) -> Recorded {
        let run = Run::new(take.demo.clone(), 0);
        Recorded { take, ended: false, head, idle: Idle::Cut, run, demo: None }
    }

    fn playing(&self, live: Micros) -> Playing<'_> {
        Playing {
            take: &self.take,
            playing: self.head.plays(),
            ended: self.ended,
            at: self.head.at(live),
            speed: self.head.speed(),
            idle: self.idle,
        }
    }

    fn apply(&mut self, at: Micros, replay: &Replay) {
        match replay {
            Replay::Events(events) => {
                for stamped in events {
                    match &stamped.event {
                        Event::Opened(opened) => self.demo = opened.demos.get(&self.take.demo).cloned(),
                        event => self.run.apply(stamped.at, event),
                    }
                }
            }
            Replay::Restarted => {
                *self = Recorded { idle: self.idle, ..Recorded::new(self.take.clone(), self.head.restart(at)) };
            }
            Replay::Sought(sought) => {
                let State::Demo { run, demo } = &sought.state else { return };
                self.head.seek(sought.to, at);
                (self.ended, self.idle) = (false, sought.idle);
                (self.run, self.demo) = (Run::clone(run), demo.as_deref().cloned());
            }
            Replay::Played | Replay::Paused | Replay::Paced(_) => move_head(&mut self.head, at, replay),
            Replay::Ended => {
                self.ended = true;
                move_head(&mut self.head, at, replay);
            }
            Replay::Opened(_) | Replay::Closed | Replay::Left => {}
        }
    }
}

fn move_head(head: &mut Playhead, at: Micros, replay: &Replay) {
    match replay {
        Replay::Played => head.play(at),
        Replay::Paced(speed) => head.set_speed(*speed, at),
        _ => head.pause(at),
    }
}
