//! Every call from a window to the director, and what is pushed back. One struct a call.

use crate::{
    Curtain, Micros, Show, Stamped,
    audience::Told,
    marks::{Ink, Pointer},
    planner,
    preflight::Check,
    rehearsal::Report,
    take::TakeInfo,
    tenants::{Act, Switch, Tenants},
    version::Version,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A request with one reply.
pub trait Call: Serialize + DeserializeOwned {
    const NAME: &'static str;
    type Reply: Serialize + DeserializeOwned;
}

/// Why a call did nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum CallError {
    #[error("there is no call '{name}'")]
    UnknownCall { name: String },
    #[error("{call}: {detail}")]
    BadArguments { call: String, detail: String },
    #[error("the audience's window may only listen")]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Push {
    Snapshot { now: Micros, show: Box<Show> },
    Events { now: Micros, events: Vec<Stamped> },
    Seen { now: Micros, told: Vec<Told> },
}

/// Which of the two a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Presenter,
    Audience,
}

/// Does what `Show::next_action` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Next {}
impl Call for Next {
    const NAME: &'static str = "next";
    type Reply = ();
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Previous {}
impl Call for Previous {
    const NAME: &'static str = "previous";
    type Reply = ();
}

/// Goes to a slide by index, from 0.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GoTo {
    pub slide: usize,
}
impl Call for GoTo {
    const NAME: &'static str = "go-to";
    type Reply = ();
}

/// Runs the steps of a group, one after the other, from its first that has not passed. A group that has passed runs again, whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunGroup {
    pub demo: String,
    pub group: String,
}
impl Call for RunGroup {
    const NAME: &'static str = "run-group";
    type Reply = ();
}

/// Runs one step, whatever ran before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunStep {
    pub demo: String,
    pub step: usize,
}
impl Call for RunStep {
    const NAME: &'static str = "run-step";
    type Reply = ();
}

/// Cancels the step that runs, with the tool that it started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stop {}
impl Call for Stop {
    const NAME: &'static str = "stop";
    type Reply = ();
}

/// Takes away what a demo has made, and makes it ready to run again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reset {
    pub demo: String,
}
impl Call for Reset {
    const NAME: &'static str = "reset";
    type Reply = ();
}

/// Draws this curtain, or opens it where it is drawn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleCurtain {
    pub curtain: Curtain,
}
impl Call for ToggleCurtain {
    const NAME: &'static str = "toggle-curtain";
    type Reply = ();
}

/// Holds the audience where it is, or lets it follow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleFreeze {}
impl Call for ToggleFreeze {
    const NAME: &'static str = "toggle-freeze";
    type Reply = ();
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleClock {}
impl Call for ToggleClock {
    const NAME: &'static str = "toggle-clock";
    type Reply = ();
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResetClock {}
impl Call for ResetClock {
    const NAME: &'static str = "reset-clock";
    type Reply = ();
}

/// The charts of both windows change between the last minute and the whole run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleSpan {}
impl Call for ToggleSpan {
    const NAME: &'static str = "toggle-span";
    type Reply = ();
}

/// Takes of the demos of this deck, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListTakes {}
impl Call for ListTakes {
    const NAME: &'static str = "list-takes";
    type Reply = Vec<TakeInfo>;
}

/// Plays a take on stage, on the first slide that cues its demo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenTake {
    pub id: String,
}
impl Call for OpenTake {
    const NAME: &'static str = "open-take";
    type Reply = ();
}

/// From live to the newest take of this slide's demo that passed, or back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleRecorded {}
impl Call for ToggleRecorded {
    const NAME: &'static str = "toggle-recorded";
    type Reply = ();
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TogglePlay {}
impl Call for TogglePlay {
    const NAME: &'static str = "toggle-play";
    type Reply = ();
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestartTake {}
impl Call for RestartTake {
    const NAME: &'static str = "restart-take";
    type Reply = ();
}

/// Puts another version of the deck on stage: for another audience, or in fewer minutes. The slide stays where it is in both.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetVersion {
    pub version: Version,
}
impl Call for SetVersion {
    const NAME: &'static str = "set-version";
    type Reply = ();
}

/// Looks at everything that the talk needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preflight {}
impl Call for Preflight {
    const NAME: &'static str = "preflight";
    type Reply = Vec<Check>;
}

/// What past runs of the talk tell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadRehearsals {}
impl Call for ReadRehearsals {
    const NAME: &'static str = "read_rehearsals";
    type Reply = Report;
}

/// Takes one run away, for good.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeleteRehearsal {
    pub id: String,
}
impl Call for DeleteRehearsal {
    const NAME: &'static str = "delete_rehearsal";
    type Reply = ();
}

/// Writes the runs as a table, and answers with its path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportRehearsals {}
impl Call for ExportRehearsals {
    const NAME: &'static str = "export_rehearsals";
    type Reply = String;
}

/// Gives the section of this slide from its start, again and again; or lets the talk go on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleLoop {}
impl Call for ToggleLoop {
    const NAME: &'static str = "toggle_loop";
    type Reply = ();
}

/// How the tenants of the running stack do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadTenants {}
impl Call for ReadTenants {
    const NAME: &'static str = "read_tenants";
    type Reply = Tenants;
}

/// Keeps tenants apart, or no longer: at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetAdmission {
    pub switch: Switch,
}
impl Call for SetAdmission {
    const NAME: &'static str = "set_admission";
    type Reply = ();
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActOnTenant {
    pub tenant: String,
    pub act: Act,
}
impl Call for ActOnTenant {
    const NAME: &'static str = "act_on_tenant";
    type Reply = ();
}

/// Shows what is being said below the slide, or no longer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleCaptions {}
impl Call for ToggleCaptions {
    const NAME: &'static str = "toggle_captions";
    type Reply = ();
}

/// Lets the next pane of the slide fill the stage, and after the last one all of them again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ZoomPane {}
impl Call for ZoomPane {
    const NAME: &'static str = "zoom_pane";
    type Reply = ();
}

/// Shows where the speaker points, or takes the pointer away.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    pub pointer: Option<Pointer>,
}
impl Call for Point {
    const NAME: &'static str = "point";
    type Reply = ();
}

/// Draws on the slide that the audience sees.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DrawInk {
    pub ink: Ink,
}
impl Call for DrawInk {
    const NAME: &'static str = "draw-ink";
    type Reply = ();
}

/// Sets an input of the capacity planner; without a value it is measured, or an example, again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetPlan {
    pub key: planner::Key,
    pub value: Option<f64>,
}
impl Call for SetPlan {
    const NAME: &'static str = "set-plan";
    type Reply = ();
}

/// Writes the plan as a table and as pictures. Answers the folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportPlan {}
impl Call for ExportPlan {
    const NAME: &'static str = "export-plan";
    type Reply = String;
}

/// The speaker says yes to the steps of all demos on stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrustSteps {}
impl Call for TrustSteps {
    const NAME: &'static str = "trust-steps";
    type Reply = ();
}

/// Starts the stack again after it went down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestartStack {}
impl Call for RestartStack {
    const NAME: &'static str = "restart-stack";
    type Reply = ();
}

/// Calls that the shell answers by itself: they move windows and change nothing of the show.
pub mod window {
    use super::{Call, Deserialize, Serialize};
    use crate::preflight::Screen;

    /// The screens that there are, and which window is on which.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct ReadScreens {}
    impl Call for ReadScreens {
        const NAME: &'static str = "window/read-screens";
        type Reply = Vec<Screen>;
    }

    /// Full screen for the window that asks, or back.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct ToggleFullScreen {}
    impl Call for ToggleFullScreen {
        const NAME: &'static str = "window/toggle-full-screen";
        type Reply = ();
    }

    /// Presenter and audience change screens.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct SwapScreens {}
    impl Call for SwapScreens {
        const NAME: &'static str = "window/swap-screens";
        type Reply = ();
    }

    /// Opens the audience's window, or closes it.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct ToggleAudience {}
    impl Call for ToggleAudience {
        const NAME: &'static str = "window/toggle-audience";
        type Reply = ();
    }
}
