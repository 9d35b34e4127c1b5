//! Every call from a window to the director, and what is pushed back. One struct a call.

use crate::{
    Curtain, Micros, Show, Stamped,
    audience::Told,
    deck::Plays,
    diff::Compared,
    marks::{Ink, Pointer},
    mirrors::{MirrorAct, Mirrors},
    planner,
    playback::{To, Way},
    preflight::Check,
    rehearsal::Report,
    start::StartRequest,
    take::{Cut, Detail, Form, Handing, Label, TakeAct, TakeInfo},
    tenants::{Act, Switch, Tenants},
    timeline::Timeline,
    version::Version,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// A request with one reply.
pub trait Call {
    type Reply: Serialize + DeserializeOwned;

    /// The request as it is sent.
    fn request(self) -> Request;
}

/// All calls of one kind: what is asked, and what is answered. A new one is a line.
macro_rules! calls {
    ($(#[$doc:meta])* $kind:ident($requests:ident):
        $($(#[$about:meta])* $name:ident { $($(#[$note:meta])* $field:ident: $type:ty),* $(,)? } -> $reply:ty;)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $requests {
            $($name($name),)*
        }
        $(
            $(#[$about])*
            #[derive(Debug, Clone, Serialize, Deserialize)]
            pub struct $name {
                $($(#[$note])* pub $field: $type,)*
            }
            impl $crate::call::Call for $name {
                type Reply = $reply;
                fn request(self) -> $crate::call::Request {
                    $crate::call::Request::$kind($requests::$name(self))
                }
            }
        )*
    };
}
pub(crate) use calls;

/// What a window asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Of the director.
    Show(ShowRequest),
    /// Of the shell.
    Window(window::WindowRequest),
    /// Of what there is before there is a show.
    Start(StartRequest),
}

/// Why a call did nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum CallError {
    /// It is none of the calls, or lacks what its call needs.
    #[error("this request cannot be read: {detail}")]
    BadRequest { detail: String },
    #[error("this window may not ask that")]
    NotAllowed,
    #[error("there is no {kind} '{name}'{}", nearest.as_ref().map(|near| format!("; did you mean '{near}'?")).unwrap_or_default())]
    NotFound { kind: String, name: String, nearest: Option<String> },
    #[error("'{demo}' is not trusted yet: look at its steps, then press Shift Y")]
    NotTrusted { demo: String },
    /// What is under way, and what to do.
    #[error("{what}")]
    Busy { what: String },
    #[error("{detail}")]
    Failed { detail: String },
}

/// What a window is told, first a snapshot and then what follows. A window that fell behind gets a snapshot again. To the audience's
/// goes what it may see, and nothing else; its snapshot is the stage as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Push {
    Presenter(ToPresenter),
    Audience(ToAudience),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToPresenter {
    Snapshot { now: Micros, show: Box<Show> },
    Events { now: Micros, events: Vec<Stamped> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToAudience {
    pub now: Micros,
    pub told: Vec<Told>,
}

/// Which one a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The page before there is a show.
    Start,
    Presenter,
    Audience,
}

calls! {
    /// Every call to the director.
    Show(ShowRequest):

    /// Does what `Show::next_action` says.
    Next {} -> ();
    Previous {} -> ();
    /// Goes to a slide by index, from 0.
    GoTo { slide: usize } -> ();
    /// Runs the steps of a group, one after the other, from its first that has not passed. A group that has passed runs again, whole.
    RunGroup { demo: String, group: String } -> ();
    /// Runs one step, whatever ran before.
    RunStep { demo: String, step: usize } -> ();
    /// Cancels the step that runs, with the tool that it started.
    Stop {} -> ();
    /// Takes away what a demo has made, and makes it ready to run again.
    Reset { demo: String } -> ();
    /// Draws this curtain, or opens it where it is drawn.
    ToggleCurtain { curtain: Curtain } -> ();
    /// Holds the audience where it is, or lets it follow.
    ToggleFreeze {} -> ();
    ToggleClock {} -> ();
    ResetClock {} -> ();
    /// The charts of both windows change between the last minute and the whole run.
    ToggleSpan {} -> ();
    /// Takes of the demos of this deck, newest first.
    ListTakes {} -> Vec<TakeInfo>;
    /// What the speaker has said of takes, by their ids.
    ReadLabels {} -> BTreeMap<String, Label>;
    /// Stars, names, deletes or brings back a take.
    ActOnTake { id: String, act: TakeAct } -> ();
    /// Keeps the last two minutes of what is recorded, or of the last run, as a take of its own. Answers with its name.
    KeepLast {} -> String;
    /// What else there is to know of the takes that are listed, by their ids.
    ReadDetails {} -> BTreeMap<String, Detail>;
    /// Says from where to where the take on stage is played and handed on.
    CutTake { cut: Cut } -> ();
    /// Lays a take under the charts of this slide's demo.
    LayGhost { id: String } -> ();
    /// Lays the take that V would show under the charts, or the next best where that one is drawn already; takes away what lies there.
    ToggleGhost {} -> ();
    /// What differs between what lies under the charts and what they draw.
    CompareGhost {} -> Compared;
    /// The forms in which a take can be handed on.
    ReadForms {} -> Vec<Form>;
    /// Begins to write the take on stage to `exports/` in a form that others open; where there is none, the deck. A notice says where it is.
    HandOn { form: String } -> ();
    /// What is being handed on.
    ReadHanding {} -> Option<Handing>;
    /// Breaks off what is being handed on: nothing of it stays.
    CancelHandOn {} -> ();
    /// Plays a take on stage, on the first slide that cues its demo.
    OpenTake { id: String } -> ();
    /// From live to the newest take of this slide's demo that passed, or back.
    ToggleRecorded {} -> ();
    /// What the steps of a demo are played by from now on.
    SetPlays { demo: String, plays: Plays } -> ();
    TogglePlay {} -> ();
    RestartTake {} -> ();
    /// To another place of the take on stage.
    SeekTake { to: To } -> ();
    /// Faster or slower.
    PaceTake { way: Way } -> ();
    /// Cuts the pauses between a demo's steps out of the take on stage, or keeps them.
    ToggleIdle {} -> ();
    /// What the take on stage has where.
    ReadTimeline {} -> Timeline;
    /// Puts another version of the deck on stage: for another audience, or in fewer minutes. The slide stays where it is in both.
    SetVersion { version: Version } -> ();
    /// Looks at everything that the talk needs.
    Preflight {} -> Vec<Check>;
    /// What past runs of the talk tell.
    ReadRehearsals {} -> Report;
    /// Takes one run away, for good.
    DeleteRehearsal { id: String } -> ();
    /// Writes the runs as a table, and answers with its path.
    ExportRehearsals {} -> String;
    /// Gives the section of this slide from its start, again and again; or lets the talk go on.
    ToggleLoop {} -> ();
    /// How the tenants of the running stack do.
    ReadTenants {} -> Tenants;
    /// Keeps tenants apart, or no longer: at once.
    SetAdmission { switch: Switch } -> ();
    ActOnTenant { tenant: String, act: Act } -> ();
    /// How the mirrors of the running stack stand.
    ReadMirrors {} -> Mirrors;
    /// Answers with what has come of it, as a sentence.
    ActOnMirror { account: String, mirror: String, act: MirrorAct } -> String;
    /// Shows what is being said below the slide, or no longer.
    ToggleCaptions {} -> ();
    /// Lets the next pane of the slide fill the stage, and after the last one all of them again.
    ZoomPane {} -> ();
    /// Shows where the speaker points, or takes the pointer away.
    Point { pointer: Option<Pointer> } -> ();
    /// Draws on the slide that the audience sees.
    DrawInk { ink: Ink } -> ();
    /// Sets an input of the capacity planner; without a value it is measured, or an example, again.
    SetPlan { key: planner::Key, value: Option<f64> } -> ();
    /// Writes the plan as a table and as pictures. Answers the folder.
    ExportPlan {} -> String;
    /// Lets slides and takes go round unattended, or no longer.
    ToggleBooth {} -> ();
    /// To the start of what goes round.
    RestartBooth {} -> ();
    /// The speaker says yes to the steps of all demos on stage.
    TrustSteps {} -> ();
    /// Starts the stack again after it went down.
    RestartStack {} -> ();
}

/// Calls that the shell answers by itself: they move windows and change nothing of the show.
pub mod window {
    use super::{Deserialize, Serialize};
    use crate::preflight::Screen;

    calls! {
        /// Every call to the shell.
        Window(WindowRequest):

        /// The screens that there are, and which window is on which.
        ReadScreens {} -> Vec<Screen>;
        /// Full screen for the window that asks, or back.
        ToggleFullScreen {} -> ();
        /// Presenter and audience change screens.
        SwapScreens {} -> ();
        /// Opens the audience's window, or closes it.
        ToggleAudience {} -> ();
        /// Puts a talk or a demo on stage, in place of the start page.
        OpenShow {
            /// Of the project.
            folder: String,
            what: Staged,
            /// What is open in the presenter's window at first.
            face: Face,
        } -> ();
        /// Takes the show off stage: what runs ends, and the start page comes back where it led here.
        LeaveShow {} -> ();
        /// Lets the user choose a folder. Answers none where they chose none.
        ChooseFolder {} -> Option<String>;
    }

    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Staged {
        Talk(String),
        Demo(String),
        /// A recording, by its id, on the stage of its talk or its demo.
        Take {
            deck: String,
            demo: String,
            id: String,
        },
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Face {
        /// For an audience: on the second screen, where there is one.
        Present,
        /// By oneself: how past runs went, and no window for an audience.
        Rehearse,
        /// The same without past runs: a demo, or a take.
        Alone,
        Preflight,
    }

    impl Face {
        pub fn as_str(self) -> &'static str {
            match self {
                Face::Present => "present",
                Face::Rehearse => "rehearse",
                Face::Alone => "alone",
                Face::Preflight => "preflight",
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json, to_value};

    #[test]
    fn a_request_is_sent_by_the_name_of_its_call() {
        let sent = |request: Request| to_value(request).expect("plain values");
        assert_eq!(sent(GoTo { slide: 2 }.request()), json!({ "show": { "go-to": { "slide": 2 } } }));
        assert_eq!(sent(window::SwapScreens {}.request()), json!({ "window": { "swap-screens": {} } }));
    }

    #[test]
    fn what_is_no_call_is_refused_by_name() {
        let refused = |value: Value| from_value::<Request>(value).expect_err("no call").to_string();
        let unknown = refused(json!({ "show": { "nonsense": {} } }));
        assert!(unknown.contains("`nonsense`") && unknown.contains("`go-to`"), "{unknown}");
        assert!(refused(json!({ "show": { "go-to": {} } })).contains("`slide`"));
        assert!(refused(json!({ "show": { "go-to": { "slide": "x" } } })).contains("\"x\""));
        assert!(refused(json!({ "window": { "next": {} } })).contains("`next`"), "the director's");
    }
}
