//! All that can happen in a show. What is not an event does not happen: windows, takes and exports fold the same list.

use crate::{
    Curtain, Micros, Position, Show, Span,
    deck::{Deck, Pane},
    demo::Demo,
    marks::{Ink, Pointer},
    planner::Settings,
    take::TakeInfo,
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
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What was seen, in a few words.
    Passed {
        seen: String,
    },
    /// What went wrong, with the tool's last lines where there is a tool.
    Failed {
        why: String,
    },
    TimedOut,
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
    /// Back to the start of the take.
    Restarted,
    /// Its last event has been shown.
    Ended,
    /// The speaker went on to another slide: what was shown stays shown where it is drawn.
    Left,
    /// Back to live.
    Closed,
}

impl Event {
    /// Of the run of the demo on stage, and of nothing else.
    pub fn is_of_run(&self) -> bool {
        match self {
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
            | Event::Replay(_)
            | Event::Showed { .. } => false,
        }
    }

    /// The event as the audience's window receives it; `None` where it is not theirs.
    pub fn for_audience(&self) -> Option<Event> {
        match self {
            Event::Notice(_) | Event::Faults(_) => None,
            Event::Showed { now, show } => Some(Event::Showed { now: *now, show: Box::new(show.for_audience()) }),
            Event::Replay(Replay::Events(events)) => {
                let seen = |stamped: &Stamped| Some(Stamped { at: stamped.at, event: stamped.event.for_audience()? });
                Some(Event::Replay(Replay::Events(events.iter().filter_map(seen).collect())))
            }
            Event::Opened(opened) => Some(Event::Opened(Box::new(Opened {
                deck: opened.deck.clone().for_audience(),
                demos: opened.demos.clone(),
                version: opened.version,
                held: BTreeSet::new(),
                faulty: false,
            }))),
            Event::Moved(_)
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
            | Event::Stack(_)
            | Event::Begun { .. }
            | Event::StepStarted { .. }
            | Event::StepEnded { .. }
            | Event::Output(_)
            | Event::Sample(_)
            | Event::Figure { .. }
            | Event::Tool { .. }
            | Event::Replay(_) => Some(self.clone()),
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
            Event::Zoomed(Some(Pane::Charts)),
            Event::Clock(ClockAct::Pause),
            Event::Clock(ClockAct::Set(5)),
            Event::Faults(vec![]),
            Event::StepEnded { step: 3, outcome: Outcome::TimedOut },
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
    fn the_audience_hears_of_a_recorded_talk_what_it_heard_of_the_talk() {
        let notice = Event::Notice(Notice { text: "for the speaker".into() });
        let events = [notice, Event::Output("hi".into())].map(|event| Stamped { at: 1, event }).to_vec();
        let seen = Event::Replay(Replay::Events(events.clone())).for_audience();
        assert_eq!(seen, Some(Event::Replay(Replay::Events(events[1..].to_vec()))));
    }

    #[test]
    fn a_line_that_is_no_event_is_an_error_and_not_a_guess() {
        for bad in ["[]", "[1,\"o\"]", "[1,\"nonsense\",null]", "[-1,\"o\",\"\"]", "{}"] {
            assert!(serde_json::from_str::<Stamped>(bad).is_err(), "{bad}");
        }
    }
}
