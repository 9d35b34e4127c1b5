//! How a take is played: what its lines say, when each is due, and where it stands. Pure, so that a director, a page and an exporter play alike.

use crate::{Event, Micros, Stamped};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// How long a recording rests after a step before the next one starts: the speaker's pauses are not the audience's.
const REST: Micros = 1_500_000;
/// Events of one batch; a take that holds more at one moment is spread over batches.
const BATCH_MAX: usize = 512;

/// A line of a take, after its header.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    Event(Box<Stamped>),
    /// Of another version: a channel that this one does not know.
    Unknown,
    /// No event at all.
    Damaged,
}

impl Line {
    pub fn read(text: &str) -> Line {
        let Ok((_, channel, _)) = serde_json::from_str::<(Micros, String, IgnoredAny)>(text) else {
            return Line::Damaged;
        };
        if !Event::VARIANTS.contains(&channel.as_str()) {
            return Line::Unknown;
        }
        serde_json::from_str(text).map_or(Line::Damaged, |stamped| Line::Event(Box::new(stamped)))
    }
}

/// What a take is of: a demo's is played without its pauses, a talk as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Demo,
    Talk,
}

/// Where a take stands, and since when it moves on by itself, on the clock of who asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playhead {
    at: Micros,
    since: Option<Micros>,
}

impl Playhead {
    /// At the beginning, and playing.
    pub fn start(now: Micros) -> Playhead {
        Playhead { at: 0, since: Some(now) }
    }

    pub fn at(&self, now: Micros) -> Micros {
        self.at + self.since.map_or(0, |since| now.saturating_sub(since))
    }

    pub fn plays(&self) -> bool {
        self.since.is_some()
    }

    pub fn play(&mut self, now: Micros) {
        self.since = self.since.or(Some(now));
    }

    pub fn pause(&mut self, now: Micros) {
        *self = Playhead { at: self.at(now), since: None };
    }

    /// Goes elsewhere, and goes on from there if it went on before.
    pub fn seek(&mut self, at: Micros, now: Micros) {
        *self = Playhead { at, since: self.since.map(|_| now) };
    }
}

/// When each event of a take is due on the replay's clock. It sees the events once, in order.
#[derive(Debug, Default)]
struct Pacer {
    last: Micros,
    due: Micros,
    running: usize,
    rested: Micros,
}

impl Pacer {
    fn due(&mut self, stamped: &Stamped, of: Of) -> Micros {
        if of == Of::Talk {
            return stamped.at;
        }
        let gap = stamped.at.saturating_sub(self.last);
        self.last = self.last.max(stamped.at);
        let gap = if self.running > 0 { gap } else { gap.min(REST.saturating_sub(self.rested)) };
        self.due += gap;
        self.rested += gap;
        match stamped.event {
            Event::StepStarted { .. } => self.running += 1,
            Event::StepEnded { .. } => {
                self.running = self.running.saturating_sub(1);
                self.rested = 0;
            }
            _ => {}
        }
        self.due
    }
}

/// The events of a take, each when it is due.
#[derive(Debug)]
pub struct Score<I> {
    of: Of,
    events: I,
    pacer: Pacer,
    next: Option<(Micros, Stamped)>,
}

impl<I: Iterator<Item = Stamped>> Score<I> {
    pub fn new(of: Of, events: I) -> Score<I> {
        let mut score = Score { of, events, pacer: Pacer::default(), next: None };
        score.advance();
        score
    }

    /// Nothing more is due, ever.
    pub fn ended(&self) -> bool {
        self.next.is_none()
    }

    /// What is due up to a position and was not before, or the first of it.
    pub fn due(&mut self, position: Micros) -> Vec<Stamped> {
        let mut batch = Vec::new();
        while batch.len() < BATCH_MAX && self.next.as_ref().is_some_and(|(due, _)| *due <= position) {
            batch.extend(self.next.take().map(|(_, stamped)| stamped));
            self.advance();
        }
        batch
    }

    /// Looks at the next event; in a demo's take those of the stage belong to the speaker, who is live.
    fn advance(&mut self) {
        self.next = None;
        for stamped in self.events.by_ref() {
            let due = self.pacer.due(&stamped, self.of);
            if self.of == Of::Talk || draws_a_run(&stamped.event) {
                self.next = Some((due, stamped));
                return;
            }
        }
    }
}

/// Of a run, or what it is drawn with.
fn draws_a_run(event: &Event) -> bool {
    event.is_of_run() || matches!(event, Event::Opened(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;

    fn stamped(at: Micros, event: Event) -> Stamped {
        Stamped { at, event }
    }

    #[test]
    fn steps_keep_their_pace_and_pauses_are_cut() {
        let passed = || Outcome::Passed { seen: String::new() };
        let script = [
            (0, Event::Begun { demo: "a".into() }),
            (10_000_000, Event::StepStarted { step: 0, timeout_ms: 1 }),
            (14_000_000, Event::Output("x".into())),
            (15_000_000, Event::StepEnded { step: 0, outcome: passed() }),
            (16_000_000, Event::Sample([].into())),
            (200_000_000, Event::Sample([].into())),
            (300_000_000, Event::StepStarted { step: 1, timeout_ms: 1 }),
            (300_500_000, Event::StepEnded { step: 1, outcome: passed() }),
        ];
        let mut pacer = Pacer::default();
        let due: Vec<_> = script.into_iter().map(|(at, event)| pacer.due(&stamped(at, event), Of::Demo)).collect();
        let after = |micros| REST + micros;
        let wanted =
            [0, REST, after(4_000_000), after(5_000_000), after(6_000_000), after(6_500_000), after(6_500_000)];
        assert_eq!(due[..7], wanted);
        assert_eq!(due[7], after(7_000_000));
    }

    #[test]
    fn a_paused_playhead_stands_still_however_long() {
        let mut head = Playhead::start(100);
        head.pause(2_100);
        assert_eq!(head.at(9_000_000), 2_000);
        head.play(9_000_000);
        head.play(9_000_500);
        assert_eq!(head.at(9_001_000), 3_000);
        head.seek(7, 9_002_000);
        assert_eq!(head.at(9_002_003), 10);
    }

    #[test]
    fn a_line_is_an_event_or_another_versions_or_damage() {
        let output = stamped(12, Event::Output("hi \"there\"\r\n".into()));
        let text = serde_json::to_string(&output).expect("plain values");
        assert_eq!(Line::read(&text), Line::Event(Box::new(output)));
        assert_eq!(Line::read(r#"[12,"keyframe",{"any":[1]}]"#), Line::Unknown);
        for bad in ["", "[12,\"o\"", "[12,\"o\",7]", "{}", "[\"o\",\"x\"]"] {
            assert_eq!(Line::read(bad), Line::Damaged, "{bad}");
        }
    }

    #[test]
    fn what_is_due_comes_in_order_and_in_bounded_batches() {
        let many = (0..2_000).map(|at| stamped(at, Event::Output(at.to_string())));
        let mut score = Score::new(Of::Talk, many);
        let mut seen = Vec::new();
        while !score.ended() {
            let batch = score.due(5_000);
            assert!(batch.len() <= BATCH_MAX);
            seen.extend(batch.into_iter().map(|stamped| stamped.at));
        }
        assert_eq!(seen, (0..2_000).collect::<Vec<_>>());
    }
}
