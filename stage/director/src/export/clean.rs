//! Output without secrets, whichever way a tool has torn them in two: what may be the beginning of one waits for what follows.

use crate::scrub::{Scrubber, Secrets};
use greenroom_show::{Event, Micros, Replay, Stamped};
use std::path::Path;

/// Of the live runs, and of the recorded ones beside them.
#[derive(Debug, Default)]
pub struct Cleaner {
    live: Held,
    recorded: Held,
}

#[derive(Debug, Default)]
struct Held(Option<Scrubber>);

impl Cleaner {
    /// The event, after what was held and nothing more of follows.
    pub fn clean(&mut self, Stamped { at, event }: Stamped) -> Vec<Stamped> {
        match event {
            Event::Replay(Replay::Events(events)) => {
                let events = events.into_iter().flat_map(|stamped| self.recorded.clean(stamped)).collect();
                vec![Stamped { at, event: Event::Replay(Replay::Events(events)) }]
            }
            Event::Replay(replay) => {
                let mut clean = vec![];
                let rest: Vec<_> = self.recorded.finish(at).into_iter().collect();
                if !rest.is_empty() {
                    clean.push(Stamped { at, event: Event::Replay(Replay::Events(rest)) });
                }
                clean.push(Stamped { at, event: Event::Replay(replay) });
                clean
            }
            event => self.live.clean(Stamped { at, event }),
        }
    }

    /// What is held when the take ends.
    pub fn finish(&mut self, at: Micros) -> Option<Stamped> {
        self.live.finish(at)
    }
}

impl Held {
    fn clean(&mut self, Stamped { at, event }: Stamped) -> Vec<Stamped> {
        match event {
            Event::Output(text) => {
                // Nothing is known by value here: names such as `sig=` are the second net.
                let scrubber = self.0.get_or_insert_with(|| Scrubber::new(Secrets::default(), Path::new("")));
                let clean = scrubber.push(&text);
                if clean.is_empty() { vec![] } else { vec![Stamped { at, event: Event::Output(clean) }] }
            }
            Event::Begun { .. } | Event::StepStarted { .. } | Event::StepEnded { .. } => {
                self.finish(at).into_iter().chain([Stamped { at, event }]).collect()
            }
            event => vec![Stamped { at, event }],
        }
    }

    fn finish(&mut self, at: Micros) -> Option<Stamped> {
        let held = self.0.take()?.finish();
        (!held.is_empty()).then_some(Stamped { at, event: Event::Output(held) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_torn_is_masked_and_nothing_is_lost() {
        let mut cleaner = Cleaner::default();
        let output = |at, text: &str| Stamped { at, event: Event::Output(text.into()) };
        let script = [
            output(1, "GET http://h/a?se=1&si"),
            output(2, "g=c2VjcmV0"),
            output(3, "LXNlY3JldA%3D%3D HTTP\r\n"),
            Stamped { at: 4, event: Event::StepStarted { step: 0, timeout_ms: 1 } },
            output(5, "and on"),
        ];
        let mut clean: Vec<Stamped> = script.into_iter().flat_map(|stamped| cleaner.clean(stamped)).collect();
        clean.extend(cleaner.finish(6));
        let text = |stamped: &Stamped| match &stamped.event {
            Event::Output(text) => text.clone(),
            _ => "|".into(),
        };
        let all: String = clean.iter().map(text).collect();
        assert_eq!(all, "GET http://h/a?se=1&sig=••• HTTP\r\n|and on");
        assert!(clean.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }
}
