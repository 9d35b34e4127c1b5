//! Plays a take on stage at its own pace; one of a demo without the minutes between two clicks.

use crate::takes::Reader;
use greenroom_show::{Event, Micros, Replay, Stamped};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long a recording rests after a step before the next one starts: the speaker's pauses are not the audience's.
const REST: Micros = 1_500_000;
/// Events leave in batches of this long.
const TICK: Duration = Duration::from_millis(33);
/// Events of one batch; a take that holds more at one moment is spread over ticks.
const BATCH_MAX: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    TogglePlay,
    Restart,
}

/// What a take is of: a demo's is played without its pauses, and without what the speaker did meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Demo,
    Talk,
}

/// When each event of a take is due on the replay's clock. Pure: it sees the events once, in order.
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
        self.last = stamped.at;
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

/// Plays until the take ends and its commands do. `open` gives the take from its start; `emit` puts events on stage.
pub async fn play<E>(
    open: impl Fn() -> Result<Reader, E>,
    emit: impl Fn(Replay),
    mut commands: mpsc::Receiver<Command>,
) -> Result<(), E> {
    loop {
        let mut reader = open()?.peekable_due();
        let mut position: Micros = 0;
        let mut playing = true;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut before = tokio::time::Instant::now();
        loop {
            tokio::select! {
                now = ticks.tick(), if playing => {
                    position += u64::try_from((now - before).as_micros()).unwrap_or(0);
                    before = now;
                    let batch = reader.take_due(position);
                    if !batch.is_empty() {
                        emit(Replay::Events(batch));
                    }
                    if reader.ended() {
                        playing = false;
                        emit(Replay::Ended);
                    }
                }
                command = commands.recv() => match command {
                    None => return Ok(()),
                    Some(Command::Restart) => {
                        emit(Replay::Restarted);
                        break;
                    }
                    Some(Command::TogglePlay) if reader.ended() => {
                        emit(Replay::Restarted);
                        break;
                    }
                    Some(Command::TogglePlay) => {
                        playing = !playing;
                        before = tokio::time::Instant::now();
                        emit(if playing { Replay::Played } else { Replay::Paused });
                    }
                }
            }
        }
    }
}

/// A take with the next event looked at.
struct Due {
    of: Of,
    reader: Reader,
    pacer: Pacer,
    next: Option<(Micros, Stamped)>,
}

impl Reader {
    fn peekable_due(self) -> Due {
        let of = if self.header.demo.is_empty() { Of::Talk } else { Of::Demo };
        let mut due = Due { of, reader: self, pacer: Pacer::default(), next: None };
        due.advance();
        due
    }
}

impl Due {
    fn ended(&self) -> bool {
        self.next.is_none()
    }

    fn take_due(&mut self, position: Micros) -> Vec<Stamped> {
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
        for stamped in self.reader.by_ref() {
            let due = self.pacer.due(&stamped, self.of);
            if self.of == Of::Talk || is_of_run(&stamped.event) {
                self.next = Some((due, stamped));
                return;
            }
        }
    }
}

pub fn is_of_run(event: &Event) -> bool {
    match event {
        Event::Begun { .. }
        | Event::StepStarted { .. }
        | Event::StepEnded { .. }
        | Event::Output(_)
        | Event::Sample(_)
        | Event::Figure { .. }
        | Event::Tool { .. } => true,
        Event::Opened(_)
        | Event::Moved(_)
        | Event::Curtain(_)
        | Event::Frozen(_)
        | Event::Span(_)
        | Event::Clock(_)
        | Event::Stack(_)
        | Event::Notice(_)
        | Event::Faults(_)
        | Event::Pointed(_)
        | Event::Inked(_)
        | Event::Planned(_)
        | Event::Looped(_)
        | Event::Zoomed(_)
        | Event::Captioned(_)
        | Event::Replay(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_show::Outcome;

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
        let due: Vec<_> = script.into_iter().map(|(at, event)| pacer.due(&Stamped { at, event }, Of::Demo)).collect();
        let start = REST;
        assert_eq!(
            due,
            [
                0,
                start,
                start + 4_000_000,
                start + 5_000_000,
                start + 6_000_000,
                start + 6_500_000,
                start + 6_500_000,
                start + 7_000_000
            ]
        );
    }
}
