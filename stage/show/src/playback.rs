//! How a take is played: what its lines say, when each is due, and where it stands. Pure, so that a director, a page and an exporter play alike.

use crate::timeline::Timeline;
use crate::{Event, Micros, Stamped};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use strum::VariantNames;

/// How long a recording rests after a step before the next one starts: the speaker's pauses are not the audience's.
const REST: Micros = 1_500_000;
const FRAME: Micros = 1_000_000 / 30;
const LITTLE: Micros = 5_000_000;
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

/// What becomes of the pauses between the steps of a demo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Idle {
    /// The speaker's pauses are not the audience's.
    #[default]
    Cut,
    /// As it was.
    Kept,
}

impl Idle {
    pub fn of(of: Of) -> Idle {
        match of {
            Of::Demo => Idle::Cut,
            Of::Talk => Idle::Kept,
        }
    }

    pub fn other(self) -> Idle {
        match self {
            Idle::Cut => Idle::Kept,
            Idle::Kept => Idle::Cut,
        }
    }
}

/// A place of a take that a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum To {
    /// By the clock that the take is played by.
    At(Micros),
    /// From step to step.
    Step(Way),
    /// Where a step of the demo begins, by its number.
    Begin(usize),
    /// A thirtieth of a second, standing still.
    Frame(Way),
    /// Five seconds.
    Little(Way),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    Back,
    On,
}

impl To {
    /// From a place of a take to another one that it has.
    pub fn from(self, at: Micros, timeline: &Timeline) -> Micros {
        let moved = |by: Micros, way: Way| match way {
            Way::Back => at.saturating_sub(by),
            Way::On => at.saturating_add(by),
        };
        let to = match self {
            To::At(to) => to,
            To::Step(Way::Back) => timeline.previous(at),
            To::Step(Way::On) => timeline.next(at),
            To::Begin(step) => timeline.of_step(step).unwrap_or(at),
            To::Frame(way) => moved(FRAME, way),
            To::Little(way) => moved(LITTLE, way),
        };
        to.min(timeline.length)
    }
}

/// How fast a take is played, in quarters: what is reckoned with it stays whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Speed(u8);

impl Speed {
    pub const ALL: [Speed; 7] = [Speed(1), Speed(2), Speed(4), Speed(6), Speed(8), Speed(16), Speed(32)];
    const USUAL: Speed = Speed(4);

    pub fn faster(self) -> Speed {
        Speed::ALL.into_iter().find(|speed| *speed > self).unwrap_or(self)
    }

    pub fn slower(self) -> Speed {
        Speed::ALL.into_iter().rev().find(|speed| *speed < self).unwrap_or(self)
    }

    /// `0.25 x` to `8 x`; nothing at the pace at which it was.
    pub fn in_words(self) -> Option<String> {
        (self != Speed::USUAL).then(|| format!("{} x", f64::from(self.0) / 4.0))
    }

    fn of(self, elapsed: Micros) -> Micros {
        elapsed.saturating_mul(u64::from(self.0)) / 4
    }
}

impl Default for Speed {
    fn default() -> Self {
        Speed::USUAL
    }
}

/// Where a take stands, by the clock that it is played by, and since when it moves on by itself, on the clock of who asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playhead {
    at: Micros,
    since: Option<Micros>,
    #[serde(default)]
    speed: Speed,
}

impl Playhead {
    /// At the beginning, and playing.
    pub fn start(now: Micros) -> Playhead {
        Playhead { since: Some(now), ..Playhead::default() }
    }

    /// From the beginning again, as fast as before.
    pub fn restart(self, now: Micros) -> Playhead {
        Playhead { speed: self.speed, ..Playhead::start(now) }
    }

    pub fn at(&self, now: Micros) -> Micros {
        self.at.saturating_add(self.since.map_or(0, |since| self.speed.of(now.saturating_sub(since))))
    }

    pub fn plays(&self) -> bool {
        self.since.is_some()
    }

    pub fn speed(&self) -> Speed {
        self.speed
    }

    pub fn play(&mut self, now: Micros) {
        self.since = self.since.or(Some(now));
    }

    pub fn pause(&mut self, now: Micros) {
        *self = Playhead { at: self.at(now), since: None, ..*self };
    }

    /// Goes elsewhere, and goes on from there if it went on before.
    pub fn seek(&mut self, at: Micros, now: Micros) {
        *self = Playhead { at, since: self.since.map(|_| now), ..*self };
    }

    pub fn set_speed(&mut self, speed: Speed, now: Micros) {
        self.seek(self.at(now), now);
        self.speed = speed;
    }
}

/// When each event of a take is due on the replay's clock. It sees the events once, in order.
#[derive(Debug, Clone)]
pub struct Pacer {
    idle: Idle,
    /// What is before it is due at once.
    begins: Micros,
    last: Micros,
    due: Micros,
    running: usize,
    rested: Micros,
}

impl Pacer {
    pub fn new(idle: Idle) -> Pacer {
        Pacer::from(idle, 0)
    }

    /// Of a take that is played from a place of the recording on.
    pub fn from(idle: Idle, begins: Micros) -> Pacer {
        Pacer { idle, begins, last: begins, due: 0, running: 0, rested: 0 }
    }

    pub fn idle(&self) -> Idle {
        self.idle
    }

    pub fn due(&mut self, stamped: &Stamped) -> Micros {
        if self.idle == Idle::Kept {
            // A clock that went back is that of a damaged line.
            self.due = self.due.max(stamped.at.saturating_sub(self.begins));
            return self.due;
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
    /// What is left of a take, with the pacer as it was there.
    pub fn new(of: Of, pacer: Pacer, events: I) -> Score<I> {
        let mut score = Score { of, events, pacer, next: None };
        score.advance();
        score
    }

    /// Nothing more is due, ever.
    pub fn ended(&self) -> bool {
        self.next.is_none()
    }

    /// When the next event is due.
    #[cfg(test)]
    pub(crate) fn next_due(&self) -> Option<Micros> {
        self.next.as_ref().map(|(due, _)| *due)
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

    /// Looks at the next event.
    fn advance(&mut self) {
        self.next = None;
        for stamped in self.events.by_ref() {
            let due = self.pacer.due(&stamped);
            if self.of.plays(&stamped.event) {
                self.next = Some((due, stamped));
                return;
            }
        }
    }
}

impl Of {
    /// Of a take by its demo, which is empty where it is of a talk.
    pub fn take(demo: &str) -> Of {
        if demo.is_empty() { Of::Talk } else { Of::Demo }
    }

    /// In a demo's take the events of the stage belong to the speaker, who is live.
    pub fn plays(self, event: &Event) -> bool {
        self == Of::Talk || draws_a_run(event)
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
        let mut pacer = Pacer::new(Idle::Cut);
        let due: Vec<_> = script.into_iter().map(|(at, event)| pacer.due(&stamped(at, event))).collect();
        let after = |micros| REST + micros;
        let wanted =
            [0, REST, after(4_000_000), after(5_000_000), after(6_000_000), after(6_500_000), after(6_500_000)];
        assert_eq!(due[..7], wanted);
        assert_eq!(due[7], after(7_000_000));
    }

    #[test]
    fn what_is_cut_off_before_its_beginning_is_due_at_once() {
        let started = |step| Event::StepStarted { step, timeout_ms: 1 };
        let script = [(0, started(0)), (4_000_000, Event::Output("x".into())), (9_000_000, Event::Output("y".into()))];
        for idle in [Idle::Cut, Idle::Kept] {
            let mut pacer = Pacer::from(idle, 5_000_000);
            let due: Vec<_> = script.iter().map(|(at, event)| pacer.due(&stamped(*at, event.clone()))).collect();
            assert_eq!(due, [0, 0, 4_000_000], "{idle:?}");
        }
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
    fn a_playhead_goes_on_faster_or_slower_from_where_it_stands() {
        let mut head = Playhead::start(0);
        head.set_speed(Speed::default().faster().faster(), 1_000);
        assert_eq!((head.at(1_000), head.at(2_000)), (1_000, 3_000));
        head.set_speed(Speed::ALL[0], 2_000);
        assert_eq!(head.at(2_400), 3_100);
        head.pause(2_400);
        assert_eq!((head.at(9_000), head.restart(9_000).at(9_400)), (3_100, 100));
        let words: Vec<_> = Speed::ALL.into_iter().filter_map(Speed::in_words).collect();
        assert_eq!(words, ["0.25 x", "0.5 x", "1.5 x", "2 x", "4 x", "8 x"]);
        assert_eq!((Speed::ALL[0].slower(), Speed::ALL[6].faster()), (Speed::ALL[0], Speed::ALL[6]));
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
        let mut score = Score::new(Of::Talk, Pacer::new(Idle::Kept), many);
        let mut seen = Vec::new();
        while !score.ended() {
            let batch = score.due(5_000);
            assert!(batch.len() <= BATCH_MAX);
            seen.extend(batch.into_iter().map(|stamped| stamped.at));
        }
        assert_eq!(seen, (0..2_000).collect::<Vec<_>>());
    }
}
