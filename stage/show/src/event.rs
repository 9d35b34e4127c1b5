//! All that can happen in a show. What is not an event does not happen: windows, takes and exports fold the same list.

use crate::{
    Curtain, Micros, Position, Show, Span, StepState,
    deck::{Deck, Pane, Plays},
    demo::Demo,
    ghost::Ghost,
    marks::{Ink, Pointer, Spot},
    planner::Settings,
    playback::Speed,
    recorded::Sought,
    take::{Machine, TakeInfo},
    unit::Unit,
    version::Version,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// On the wire and in a take: `[at, channel, payload]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamped {
    pub at: Micros,
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Event {
    /// A deck is on stage, with every demo that its slides cue.
    Opened(Box<Opened>),
    Moved(Position),
    Curtain(Curtain),
    /// The audience stays where it is while the speaker browses; `None` lets it follow again.
    Frozen(Option<Position>),
    Clock(ClockAct),
    /// How much of a run the charts show, in both windows.
    Span(Span),
    Stack(StackState),
    /// For the speaker alone.
    Notice(Notice),
    /// What is wrong in the files of the talk, for the speaker alone: all that is known now, nothing once it is mended.
    Faults(Vec<String>),
    Pointed(Option<Pointer>),
    /// On the slide that the audience sees.
    Inked(Ink),
    /// What the presenter has set in the capacity planner.
    Planned(Settings),
    /// One section is given again and again; `None` lets the talk go on.
    Looped(Option<usize>),
    /// A recorded run is laid under the charts of its demo; `None` takes it away.
    Ghosted(Option<Box<Ghost>>),
    /// What the speaker wants a demo's steps to be played by. For the speaker alone.
    Chosen {
        demo: String,
        plays: Plays,
    },
    /// A booth shows this item of its list, from 0; `None` where there is none. For the speaker alone.
    Unattended(Option<usize>),
    /// The machine that the show runs on: what was recorded on another one says so. For the speaker alone.
    Hosted(Machine),
    /// What is being said, for those who would rather read it; `None` where captions are off or nothing is said.
    Captioned(Option<String>),
    /// One pane of the slide fills the stage; `None` brings the others back.
    Zoomed(Option<Pane>),

    /// A demo starts anew: its steps are pending, its panes empty. What follows belongs to it until the next `Begun`.
    Begun {
        demo: String,
    },
    StepStarted {
        step: usize,
        timeout_ms: u64,
    },
    StepEnded {
        step: usize,
        outcome: Outcome,
    },
    /// Terminal bytes, as in an asciicast.
    #[serde(rename = "o")]
    #[strum(serialize = "o")]
    Output(String),
    /// Metrics that changed.
    Sample(BTreeMap<String, f64>),
    Figure {
        name: String,
        value: f64,
        unit: Unit,
    },
    /// What runs a tool's steps: its version, or the built-in mover in its place.
    Tool {
        name: String,
        is: String,
    },
    /// A step takes longer than it ever should, by past runs. For the speaker alone.
    Late {
        step: usize,
    },

    Replay(Replay),
    /// All that was on stage when the recording of a talk began, at that show's own time. In takes alone.
    Showed {
        now: Micros,
        show: Box<Show>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Of this version: what is above its level or cut is not in it.
    pub deck: Deck,
    pub demos: BTreeMap<String, Demo>,
    #[serde(default)]
    pub version: Version,
    /// Demos whose steps do not run before the speaker has said yes to them.
    #[serde(default)]
    pub held: BTreeSet<String>,
    /// Whether its files have faults, and this is what they leave of it.
    #[serde(default)]
    pub faulty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockAct {
    Start,
    Pause,
    Reset,
    /// What was counted before the show was opened again.
    Set(Micros),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackState {
    Starting,
    /// Its version, and how its Blob endpoint is reached.
    Ready {
        version: String,
        blob: String,
    },
    /// Why, and what to do.
    Down {
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", remote = "Self")]
pub enum Outcome {
    /// What was seen, in a few words.
    Passed {
        seen: String,
    },
    /// What went wrong, with the tool's last lines where there is a tool.
    Failed {
        why: String,
    },
    /// What was known last: what was seen of what was wanted, or a tool's last lines. Empty where nothing is.
    TimedOut {
        why: String,
    },
    Cancelled,
}

/// A take played on stage beside the live show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replay {
    Opened(TakeInfo),
    /// The recorded events due, by the take's own clock.
    Events(Vec<Stamped>),
    Played,
    Paused,
    /// Faster or slower from now on.
    Paced(Speed),
    /// Back to the start of the take.
    Restarted,
    /// To another place of the take.
    Sought(Box<Sought>),
    /// Its last event has been shown.
    Ended,
    /// The speaker went on to another slide: what was shown stays shown where it is drawn.
    Left,
    /// Back to live.
    Closed,
}

/// Whose an event is. The one list that runs, takes and windows go by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Of<'a> {
    /// The talk's: what stands on stage, and how it is shown.
    Stage,
    /// The active demo's.
    Run(RunEvent<'a>),
    /// The speaker's alone: in no take, and in no other window.
    Speaker,
    /// A take's that is on stage.
    Replay(&'a Replay),
}

/// An event of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RunEvent<'a> {
    Begun { demo: &'a str },
    StepStarted { step: usize, timeout_ms: u64 },
    StepEnded { step: usize, outcome: &'a Outcome },
    Output(&'a str),
    Sample(&'a BTreeMap<String, f64>),
    Figure { name: &'a str, value: f64, unit: Unit },
    Tool { name: &'a str, is: &'a str },
}

impl Event {
    /// Of the run of the demo on stage, and of nothing else.
    pub fn is_of_run(&self) -> bool {
        matches!(self.of(), Of::Run(_))
    }

    pub fn of(&self) -> Of<'_> {
        match self {
            Event::Opened(_)
            | Event::Moved(_)
            | Event::Curtain(_)
            | Event::Frozen(_)
            | Event::Clock(_)
            | Event::Span(_)
            | Event::Pointed(_)
            | Event::Inked(_)
            | Event::Planned(_)
            | Event::Looped(_)
            | Event::Zoomed(_)
            | Event::Captioned(_)
            | Event::Ghosted(_)
            | Event::Showed { .. } => Of::Stage,
            // Why the stack is down is said in lines of its log.
            Event::Stack(_)
            | Event::Notice(_)
            | Event::Faults(_)
            | Event::Late { .. }
            | Event::Chosen { .. }
            | Event::Unattended(_)
            | Event::Hosted(_) => Of::Speaker,
            Event::Begun { demo } => Of::Run(RunEvent::Begun { demo }),
            Event::StepStarted { step, timeout_ms } => {
                Of::Run(RunEvent::StepStarted { step: *step, timeout_ms: *timeout_ms })
            }
            Event::StepEnded { step, outcome } => Of::Run(RunEvent::StepEnded { step: *step, outcome }),
            Event::Output(text) => Of::Run(RunEvent::Output(text)),
            Event::Sample(values) => Of::Run(RunEvent::Sample(values)),
            Event::Figure { name, value, unit } => Of::Run(RunEvent::Figure { name, value: *value, unit: *unit }),
            Event::Tool { name, is } => Of::Run(RunEvent::Tool { name, is }),
            Event::Replay(replay) => Of::Replay(replay),
        }
    }

    /// The event with numbers alone in it; `None` where nothing is left. Infinity and what is no number have no form in JSON: a push or
    /// a line of a take that held one could not be read back.
    pub fn finite(self) -> Option<Event> {
        let drawn = |(x, y): &Spot| x.is_finite() && y.is_finite();
        match self {
            Event::Sample(mut values) => {
                let before = values.len();
                values.retain(|_, value| value.is_finite());
                (before == 0 || !values.is_empty()).then_some(Event::Sample(values))
            }
            Event::Figure { value, .. } if !value.is_finite() => None,
            Event::Pointed(Some(pointer)) if !drawn(&pointer.at) => None,
            Event::Inked(Ink::Down(spot)) if !drawn(&spot) => None,
            Event::Inked(Ink::Along(mut spots)) => {
                spots.retain(drawn);
                Some(Event::Inked(Ink::Along(spots)))
            }
            Event::Replay(Replay::Events(events)) => {
                let finite = |Stamped { at, event }| Some(Stamped { at, event: event.finite()? });
                Some(Event::Replay(Replay::Events(events.into_iter().filter_map(finite).collect())))
            }
            Event::Opened(_)
            | Event::Moved(_)
            | Event::Curtain(_)
            | Event::Frozen(_)
            | Event::Clock(_)
            | Event::Span(_)
            | Event::Stack(_)
            | Event::Notice(_)
            | Event::Faults(_)
            | Event::Pointed(_)
            | Event::Inked(_)
            | Event::Planned(_)
            | Event::Looped(_)
            | Event::Captioned(_)
            | Event::Zoomed(_)
            | Event::Begun { .. }
            | Event::StepStarted { .. }
            | Event::StepEnded { .. }
            | Event::Output(_)
            | Event::Figure { .. }
            | Event::Tool { .. }
            | Event::Late { .. }
            | Event::Chosen { .. }
            | Event::Unattended(_)
            | Event::Hosted(_)
            | Event::Ghosted(_)
            | Event::Replay(_)
            | Event::Showed { .. } => Some(self),
        }
    }
}

impl Serialize for Stamped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        // Serde writes a variant with content as an object of one entry: its name, and the content.
        let event = serde_json::to_value(&self.event).map_err(S::Error::custom)?;
        match event {
            serde_json::Value::Object(entry) if entry.len() == 1 => {
                let (channel, payload) = entry.into_iter().next().unwrap_or_default();
                (self.at, channel, payload).serialize(serializer)
            }
            _ => Err(S::Error::custom("an event without content")),
        }
    }
}

impl Outcome {
    pub fn state(&self) -> StepState {
        match self {
            Outcome::Passed { .. } => StepState::Passed,
            Outcome::Failed { .. } | Outcome::TimedOut { .. } => StepState::Failed,
            Outcome::Cancelled => StepState::Cancelled,
        }
    }

    /// What was seen, or why it failed.
    pub fn said(&self) -> &str {
        match self {
            Outcome::Passed { seen } => seen,
            Outcome::Failed { why } | Outcome::TimedOut { why } => why,
            Outcome::Cancelled => "",
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Outcome::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let value = serde_json::Value::deserialize(deserializer)?;
        // Takes of older editions have no words for it.
        if value == "timed-out" {
            return Ok(Outcome::TimedOut { why: String::new() });
        }
        Outcome::deserialize(value).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Stamped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let (at, channel, payload) = <(Micros, String, serde_json::Value)>::deserialize(deserializer)?;
        let event = serde_json::Value::Object([(channel, payload)].into_iter().collect());
        Ok(Stamped { at, event: serde_json::from_value(event).map_err(D::Error::custom)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_three_values_on_the_wire() {
        let output = Stamped { at: 12, event: Event::Output("hi\r\n".into()) };
        assert_eq!(serde_json::to_string(&output).expect("plain values"), r#"[12,"o","hi\r\n"]"#);
        for event in [
            output.event.clone(),
            Event::Frozen(None),
            Event::Looped(None),
            Event::Captioned(Some("said".into())),
            Event::Ghosted(None),
            Event::Unattended(None),
            Event::Zoomed(Some(Pane::Charts)),
            Event::Chosen { demo: "copy".into(), plays: Plays::Recorded },
            Event::Clock(ClockAct::Pause),
            Event::Clock(ClockAct::Set(5)),
            Event::Faults(vec![]),
            Event::StepEnded { step: 3, outcome: Outcome::TimedOut { why: "3, wanted 4".into() } },
            Event::StepEnded { step: 3, outcome: Outcome::Cancelled },
            Event::Sample([("a.b".to_string(), 0.5)].into()),
            Event::Replay(Replay::Events(vec![output.clone()])),
            Event::Replay(Replay::Closed),
        ] {
            let sent = Stamped { at: 7, event };
            let wire = serde_json::to_string(&sent).expect("plain values");
            assert_eq!(serde_json::from_str::<Stamped>(&wire).expect(&wire), sent);
        }
    }

    #[test]
    fn an_event_is_sent_without_what_is_no_number() {
        let figure = |value| Event::Figure { name: "p99".into(), value, unit: Unit::Count };
        let sample = |values: &[f64]| {
            Event::Sample(values.iter().enumerate().map(|(index, value)| (format!("m{index}"), *value)).collect())
        };
        let pointed = |at| Event::Pointed(Some(Pointer { kind: crate::marks::PointerKind::Laser, at }));
        for none in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(figure(none).finite(), None);
            assert_eq!(sample(&[none]).finite(), None);
            assert_eq!(sample(&[1.5, none]).finite(), Some(sample(&[1.5])));
            assert_eq!(pointed((0.0, none as f32)).finite(), None);
            assert_eq!(Event::Inked(Ink::Down((none as f32, 0.0))).finite(), None);
            let stroke = |spots: &[Spot]| Event::Inked(Ink::Along(spots.to_vec()));
            assert_eq!(stroke(&[(1.0, 1.0), (none as f32, 1.0)]).finite(), Some(stroke(&[(1.0, 1.0)])));
            let played = |events: &[Event]| {
                let stamped = events.iter().map(|event| Stamped { at: 1, event: event.clone() });
                Event::Replay(Replay::Events(stamped.collect()))
            };
            let sent = played(&[figure(none), sample(&[2.0, none])]).finite().expect("the sample");
            assert_eq!(sent, played(&[sample(&[2.0])]));
            let wire = serde_json::to_string(&Stamped { at: 1, event: sent.clone() }).expect("plain values");
            assert_eq!(serde_json::from_str::<Stamped>(&wire).expect("what was written").event, sent);
        }
        for whole in [figure(f64::MAX), figure(-0.0), sample(&[]), pointed((3.0, 4.0)), Event::Output("NaN".into())] {
            assert_eq!(whole.clone().finite(), Some(whole));
        }
    }

    #[test]
    fn a_time_out_without_words_is_read_as_older_takes_hold_it() {
        let read: Stamped = serde_json::from_str(r#"[7,"step-ended",{"step":3,"outcome":"timed-out"}]"#).expect("good");
        let outcome = Outcome::TimedOut { why: String::new() };
        assert_eq!(read.event, Event::StepEnded { step: 3, outcome });
    }

    #[test]
    fn a_line_that_is_no_event_is_an_error_and_not_a_guess() {
        for bad in ["[]", "[1,\"o\"]", "[1,\"nonsense\",null]", "[-1,\"o\",\"\"]", "{}"] {
            assert!(serde_json::from_str::<Stamped>(bad).is_err(), "{bad}");
        }
    }
}
