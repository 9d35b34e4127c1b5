//! A take on stage. One of a demo folds into a run beside the live one; one of a whole talk folds into the show itself, and the live
//! show is kept until it comes back.

use crate::{Micros, Replay, Run, Show, take::TakeInfo};
use serde::{Deserialize, Serialize};

/// A take on stage: a run of its own, folded by the same rules as a live one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    pub take: TakeInfo,
    pub playing: bool,
    pub ended: bool,
    /// On the take's clock.
    pub at: Micros,
    pub run: Run,
    /// Where the take is of the whole talk, the show itself draws it. This is the live one, which goes on unseen and comes back.
    #[serde(default)]
    pub live: Option<Box<Show>>,
}

impl Show {
    /// The show itself, also while the recorded talk is drawn in its place.
    pub fn live(&self) -> &Show {
        self.recorded.as_ref().and_then(|recorded| recorded.live.as_deref()).unwrap_or(self)
    }

    /// Whether a recorded talk is drawn in place of the live one.
    pub fn replays_talk(&self) -> bool {
        self.recorded.as_ref().is_some_and(|recorded| recorded.live.is_some())
    }

    pub(crate) fn replay(&mut self, at: Micros, replay: &Replay) {
        match replay {
            Replay::Opened(take) => {
                self.leave_replay();
                let live = take.is_of_talk().then(|| Box::new(self.clone()));
                let run = Run::new(take.demo.clone(), 0);
                self.recorded = Some(Recorded { take: take.clone(), playing: true, ended: false, at: 0, run, live });
                self.empty_stage();
            }
            Replay::Closed => self.leave_replay(),
            Replay::Events(events) if self.replays_talk() => {
                // Clocks and curves of the talk run by the show's own clock.
                events.iter().for_each(|stamped| self.fold(at, &stamped.event));
                if let (Some(recorded), Some(last)) = (&mut self.recorded, events.last()) {
                    recorded.at = last.at;
                }
            }
            Replay::Events(_) | Replay::Played | Replay::Paused | Replay::Restarted | Replay::Ended => {
                if let Some(recorded) = &mut self.recorded {
                    recorded.apply(replay);
                }
                if *replay == Replay::Restarted {
                    self.empty_stage();
                }
            }
        }
    }

    /// The live show comes back, where a recorded talk stood in its place.
    fn leave_replay(&mut self) {
        if let Some(live) = self.recorded.take().and_then(|recorded| recorded.live) {
            *self = *live;
        }
    }

    /// For a recorded talk: it brings what it draws. The deck stays until then, so that no window goes empty.
    fn empty_stage(&mut self) {
        if !self.replays_talk() {
            return;
        }
        let empty = Show {
            deck: self.deck.take(),
            version: self.version,
            demos: std::mem::take(&mut self.demos),
            stack: self.stack.clone(),
            recorded: self.recorded.take(),
            ..Show::default()
        };
        *self = empty;
    }
}

impl Recorded {
    fn apply(&mut self, replay: &Replay) {
        match replay {
            Replay::Events(events) => {
                for stamped in events {
                    self.run.apply(stamped.at, &stamped.event);
                    self.at = self.at.max(stamped.at);
                }
            }
            Replay::Played => self.playing = true,
            Replay::Paused => self.playing = false,
            Replay::Restarted => {
                self.run = Run::new(self.take.demo.clone(), 0);
                self.at = 0;
                self.ended = false;
                self.playing = true;
            }
            Replay::Ended => {
                self.ended = true;
                self.playing = false;
            }
            Replay::Opened(_) | Replay::Closed => {}
        }
    }
}
