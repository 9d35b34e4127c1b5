//! When each event falls in what is handed on: as in playback, the pauses between the steps of a demo are cut, or kept.

use greenroom_show::{Event, Micros};

/// As in playback.
const REST: Micros = 1_500_000;

/// It hears the events once, in order.
#[derive(Debug, Default)]
pub struct Pacer {
    last: Micros,
    due: Micros,
    running: usize,
    rested: Micros,
}

impl Pacer {
    pub fn due(&mut self, at: Micros, event: &Event) -> Micros {
        let gap = at.saturating_sub(self.last);
        self.last = self.last.max(at);
        let gap = if self.running > 0 { gap } else { gap.min(REST.saturating_sub(self.rested)) };
        self.due += gap;
        self.rested += gap;
        match event {
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

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_show::playback::{Of, Score};
    use greenroom_show::{Outcome, Stamped};
    use proptest::prelude::*;

    fn events() -> impl Strategy<Value = Vec<Stamped>> {
        let event = prop_oneof![
            Just(Event::StepStarted { step: 0, timeout_ms: 1 }),
            Just(Event::StepEnded { step: 0, outcome: Outcome::Cancelled }),
            Just(Event::Output("x".into())),
        ];
        proptest::collection::vec((0u64..5_000_000, event), 1..40).prop_map(|gaps| {
            let mut at = 0;
            let stamp = |(gap, event)| {
                at += gap;
                Stamped { at, event }
            };
            gaps.into_iter().map(stamp).collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_handed_on_is_paced_as_what_is_played(events in events()) {
            let mut pacer = Pacer::default();
            let dues: Vec<Micros> = events.iter().map(|stamped| pacer.due(stamped.at, &stamped.event)).collect();
            let mut score = Score::new(Of::Demo, events.into_iter());
            for (index, due) in dues.iter().enumerate() {
                let before = dues[..index].iter().filter(|other| *other == due).count();
                if before > 0 {
                    continue;
                }
                let early = due.checked_sub(1).map_or(0, |early| score.due(early).len());
                prop_assert_eq!(early, 0);
                prop_assert_eq!(score.due(*due).len(), dues.iter().filter(|other| *other == due).count());
            }
            prop_assert!(score.ended());
        }
    }
}
