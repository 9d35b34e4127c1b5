//! What a take comes to: its events folded up to a place, by the same rules as on stage.

use super::Reader;
use greenroom_show::demo::{self, Demo};
use greenroom_show::playback::Of;
use greenroom_show::{Event, Micros, Run, Show};

#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// The last run of each demo: one, but in the take of a talk.
    pub runs: Vec<Ran>,
    /// What the clock of the runs told when the recording began.
    pub began: Micros,
    /// When the last event fell, on the recording's clock.
    pub at: Micros,
}

/// A run, and the demo as it was then. Takes of the first format do not tell of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    pub demo: Option<Demo>,
    pub run: Run,
}

impl Ran {
    /// The words of a step; its number where the take does not tell.
    pub fn step(&self, step: usize) -> String {
        demo::words(self.demo.as_ref(), step)
    }
}

/// Folds what happened up to a time of the recording.
pub fn fold(reader: Reader, until: Micros) -> Folded {
    let of = reader.of();
    let demo = reader.header.demo.clone();
    // Times of a take that was tampered with may run backwards: the first line beyond the place ends it.
    let events = reader.take_while(|stamped| stamped.at <= until);
    match of {
        Of::Demo => {
            let mut ran = Ran { demo: None, run: Run::new(demo.clone(), 0) };
            let mut at = 0;
            for stamped in events {
                at = at.max(stamped.at);
                match stamped.event {
                    Event::Opened(mut opened) => ran.demo = opened.demos.remove(&demo),
                    event => ran.run.apply(stamped.at, &event),
                }
            }
            Folded { runs: vec![ran], began: 0, at }
        }
        Of::Talk => {
            let (mut show, mut began, mut at) = (Show::default(), 0, 0);
            for stamped in events {
                at = at.max(stamped.at);
                match stamped.event {
                    Event::Showed { now, show: showed } => {
                        began = now.saturating_sub(stamped.at);
                        show = Show { talk: None, ..*showed };
                    }
                    event => show.apply(began.saturating_add(stamped.at), &event),
                }
            }
            let mut demos = show.demos;
            let runs = show.runs.into_iter().map(|(slug, run)| Ran { demo: demos.remove(&slug), run });
            Folded { runs: runs.collect(), began, at }
        }
    }
}
