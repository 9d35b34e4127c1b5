//! Places of a take from which it can be folded on, so that a seek need not begin at its start. Made in one pass, and bounded: where
//! there would be too many, every second one goes.

use crate::playback::{Idle, Of, Pacer, Score};
use crate::timeline::{Timeline, Tracer};
use crate::{Event, Micros, Replay, Show, Sought, Stamped, take::TakeInfo};

/// Each holds a folded state, which is a few hundred KiB.
pub(crate) const KEYFRAMES_MAX: usize = 96;
/// A second of a busy take is folded in less than a millisecond.
const FIRST_STRIDE: Micros = 10_000_000;

/// Where to read on, and what the take had come to there.
#[derive(Debug, Clone)]
struct Keyframe {
    /// Of the line that comes next, as the reader counts.
    place: u64,
    /// When the event before it was due: all that was due by then is in the state.
    due: Micros,
    pacer: Pacer,
    show: Show,
}

#[derive(Debug)]
pub struct Keyframes {
    of: Of,
    idle: Idle,
    stride: Micros,
    frames: Vec<Keyframe>,
    last: Keyframe,
    tracer: Tracer,
}

impl Keyframes {
    /// Of a take that comes on stage before `live`: what of a show stays in sight until a take has brought its own.
    pub fn new(take: &TakeInfo, pacer: Pacer, live: &Show) -> Keyframes {
        let mut show = live.clone();
        show.apply(0, &Event::Replay(Replay::Opened(take.clone())));
        let (of, idle) = (Of::take(&take.demo), pacer.idle());
        let start = Keyframe { place: 0, due: 0, pacer, show };
        Keyframes { of, idle, stride: FIRST_STRIDE, frames: vec![start.clone()], last: start, tracer: Tracer::new(of) }
    }

    /// The next event of the take; `after` is the place of what follows it.
    pub fn take_in(&mut self, stamped: Stamped, after: u64) {
        let pacer = self.last.pacer.clone();
        let due = self.last.pacer.due(&stamped);
        if due / self.stride != self.last.due / self.stride {
            self.frames.push(Keyframe { pacer, ..self.last.clone() });
            if self.frames.len() > KEYFRAMES_MAX {
                self.stride *= 2;
                keep_every_second(&mut self.frames);
            }
        }
        (self.last.due, self.last.place) = (due, after);
        self.tracer.hear(due, &stamped);
        if self.of.plays(&stamped.event) {
            fold(&mut self.last.show, stamped);
        }
    }

    /// Where to begin for a place of the clock that the take is played by.
    fn before(&self, to: Micros) -> &Keyframe {
        let after = self.frames.partition_point(|frame| frame.due <= to);
        &self.frames[after.saturating_sub(1)]
    }

    /// The take as it stands at a place, and the rest of it. `open` gives its events from a keyframe's place on.
    pub fn seek<I, E>(
        &self,
        to: Micros,
        open: impl FnOnce(u64) -> Result<I, E>,
    ) -> Result<Option<(Sought, Score<I>)>, E>
    where
        I: Iterator<Item = Stamped>,
    {
        let Keyframe { place, pacer, mut show, .. } = self.before(to).clone();
        let mut score = Score::new(self.of, pacer, open(place)?);
        loop {
            let due = score.due(to);
            if due.is_empty() {
                return Ok(show.stands(to, self.idle).map(|sought| (sought, score)));
            }
            due.into_iter().for_each(|stamped| fold(&mut show, stamped));
        }
    }

    pub fn timeline(&self) -> Timeline {
        self.tracer.timeline(self.last.due)
    }
}

/// And the first, which is the start.
pub(crate) fn keep_every_second<T>(frames: &mut Vec<T>) {
    let mut index = 0;
    frames.retain(|_| {
        index += 1;
        index % 2 == 1
    });
}

/// Folds an event of a take in, as it is folded on stage.
fn fold(show: &mut Show, stamped: Stamped) {
    show.apply(0, &Event::Replay(Replay::Events(vec![stamped])));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::take::{Edition, Machine, Verdict};
    use crate::{ClockAct, Outcome, Position, Span};
    use proptest::prelude::*;

    fn take(demo: &str) -> TakeInfo {
        TakeInfo {
            id: "t".into(),
            demo: demo.into(),
            at_unix_ms: 0,
            duration_ms: 0,
            machine: Machine::default(),
            verdict: Verdict::Passed,
            edition: Edition::Todays,
        }
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0..4_usize).prop_map(|step| Event::StepStarted { step, timeout_ms: 9 }),
            (0..4_usize).prop_map(|step| Event::StepEnded { step, outcome: Outcome::Passed { seen: "1".into() } }),
            r"[a-z\x1b\[0-9m\r\n]{0,30}".prop_map(Event::Output),
            (0..3_u8, 0.0..9.0_f64)
                .prop_map(|(name, value)| Event::Sample([(format!("m{name}.bytes_in_per_s"), value)].into())),
            (0..3_usize).prop_map(|slide| Event::Moved(Position { slide, reveal: 0 })),
            Just(Event::Clock(ClockAct::Pause)),
            Just(Event::Span(Span::WholeRun)),
            Just(Event::Begun { demo: "copy".into() }),
        ]
    }

    fn script() -> impl Strategy<Value = Vec<Stamped>> {
        let gap = prop_oneof![Just(0), 0..50_000_u64, 5_000_000..40_000_000_u64];
        proptest::collection::vec((gap, event()), 1..120).prop_map(|steps| {
            let mut at = 0;
            let begun = Stamped { at, event: Event::Begun { demo: "copy".into() } };
            let rest = steps.into_iter().map(|(gap, event)| {
                at += gap;
                Stamped { at, event }
            });
            std::iter::once(begun).chain(rest).collect()
        })
    }

    /// What is drawn, without the clock of whoever watches.
    fn drawn(show: &Show) -> Option<Sought> {
        show.stands(0, Idle::Cut)
    }

    proptest! {
        #[test]
        fn whoever_seeks_and_plays_on_sees_what_whoever_plays_sees(
            script in script(),
            of_talk in any::<bool>(),
            kept in any::<bool>(),
            strays in 0..20_usize,
        ) {
            let take = take(if of_talk { "" } else { "copy" });
            let of = if of_talk { Of::Talk } else { Of::Demo };
            let idle = if kept { Idle::Kept } else { Idle::Cut };
            let live = Show::default();
            let opened = || {
                let mut show = live.clone();
                show.apply(0, &Event::Replay(Replay::Opened(take.clone())));
                show
            };
            let mut keyframes = Keyframes::new(&take, Pacer::new(idle), &live);
            for (index, stamped) in script.iter().enumerate() {
                keyframes.take_in(stamped.clone(), index as u64 + 1);
            }
            prop_assert!(keyframes.frames.len() <= KEYFRAMES_MAX);
            let from = |place: u64| Ok::<_, std::convert::Infallible>(script.iter().skip(place as usize).cloned());
            let mut played = opened();
            let mut score = Score::new(of, Pacer::new(idle), script.iter().cloned());
            // Whoever seeks had played something else before.
            let mut sought = opened();
            script.iter().take(strays).for_each(|stamped| fold(&mut sought, stamped.clone()));
            while let Some(to) = score.next_due() {
                score.due(to).into_iter().for_each(|stamped| fold(&mut played, stamped));
                if score.next_due() == Some(to) {
                    continue;
                }
                let (stands, rest) = keyframes.seek(to, from).expect("in memory").expect("a take is on stage");
                prop_assert_eq!(rest.next_due(), score.next_due());
                sought.apply(7, &Event::Replay(Replay::Sought(Box::new(stands))));
                prop_assert_eq!(drawn(&sought), drawn(&played));
            }
            // And on from the first keyframe's to the end, event by event.
            let (stands, mut rest) = keyframes.seek(0, from).expect("in memory").expect("a take is on stage");
            sought.apply(8, &Event::Replay(Replay::Sought(Box::new(stands))));
            while let Some(to) = rest.next_due() {
                rest.due(to).into_iter().for_each(|stamped| fold(&mut sought, stamped));
            }
            prop_assert_eq!(drawn(&sought), drawn(&played));
        }
    }

    #[test]
    fn an_hour_has_no_more_keyframes_than_a_minute_needs() {
        let mut keyframes = Keyframes::new(&take(""), Pacer::new(Idle::Kept), &Show::default());
        for second in 0..36_000_u32 {
            let event = Event::Sample([("a.bytes_in_per_s".to_string(), f64::from(second))].into());
            keyframes.take_in(Stamped { at: u64::from(second) * 1_000_000, event }, u64::from(second));
        }
        assert!(keyframes.frames.len() <= KEYFRAMES_MAX && keyframes.frames.len() > KEYFRAMES_MAX / 4);
        let frame = keyframes.before(20_000_000_000);
        assert!(frame.due <= 20_000_000_000 && frame.due + 2 * keyframes.stride > 20_000_000_000);
        let silhouette = keyframes.timeline().silhouette;
        assert!(silhouette.windows(2).all(|pair| pair[0] <= pair[1]), "{silhouette:?}");
    }
}
