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

/// What a window asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Of the director.
    Show(ShowRequest),
    /// Of the shell.
    Window(WindowRequest),
    /// Of what there is before there is a show.
    Start(StartRequest),
}

/// Every call to the director.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShowRequest {
    Next(Next),
    Previous(Previous),
    GoTo(GoTo),
    RunGroup(RunGroup),
    RunStep(RunStep),
    Stop(Stop),
    Reset(Reset),
    ToggleCurtain(ToggleCurtain),
    ToggleFreeze(ToggleFreeze),
    ToggleClock(ToggleClock),
    ResetClock(ResetClock),
    ToggleSpan(ToggleSpan),
    ListTakes(ListTakes),
    ReadLabels(ReadLabels),
    ActOnTake(ActOnTake),
    KeepLast(KeepLast),
    ReadDetails(ReadDetails),
    CutTake(CutTake),
    LayGhost(LayGhost),
    ToggleGhost(ToggleGhost),
    CompareGhost(CompareGhost),
    ReadForms(ReadForms),
    HandOn(HandOn),
    ReadHanding(ReadHanding),
    CancelHandOn(CancelHandOn),
    OpenTake(OpenTake),
    ToggleRecorded(ToggleRecorded),
    SetPlays(SetPlays),
    TogglePlay(TogglePlay),
    RestartTake(RestartTake),
    SeekTake(SeekTake),
    PaceTake(PaceTake),
    ToggleIdle(ToggleIdle),
    ReadTimeline(ReadTimeline),
    SetVersion(SetVersion),
    Preflight(Preflight),
    ReadRehearsals(ReadRehearsals),
    DeleteRehearsal(DeleteRehearsal),
    ExportRehearsals(ExportRehearsals),
    ToggleLoop(ToggleLoop),
    ReadTenants(ReadTenants),
    SetAdmission(SetAdmission),
    ActOnTenant(ActOnTenant),
    ReadMirrors(ReadMirrors),
    ActOnMirror(ActOnMirror),
    ToggleCaptions(ToggleCaptions),
    ZoomPane(ZoomPane),
    Point(Point),
    DrawInk(DrawInk),
    SetPlan(SetPlan),
    ExportPlan(ExportPlan),
    ToggleBooth(ToggleBooth),
    RestartBooth(RestartBooth),
    TrustSteps(TrustSteps),
    RestartStack(RestartStack),
}

/// Every call to the shell.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowRequest {
    ReadScreens(window::ReadScreens),
    ToggleFullScreen(window::ToggleFullScreen),
    SwapScreens(window::SwapScreens),
    ToggleAudience(window::ToggleAudience),
    OpenShow(window::OpenShow),
    LeaveShow(window::LeaveShow),
    ChooseFolder(window::ChooseFolder),
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

/// Does what `Show::next_action` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Next {}
impl Call for Next {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::Next(self))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Previous {}
impl Call for Previous {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::Previous(self))
    }
}

/// Goes to a slide by index, from 0.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GoTo {
    pub slide: usize,
}
impl Call for GoTo {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::GoTo(self))
    }
}

/// Runs the steps of a group, one after the other, from its first that has not passed. A group that has passed runs again, whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunGroup {
    pub demo: String,
    pub group: String,
}
impl Call for RunGroup {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::RunGroup(self))
    }
}

/// Runs one step, whatever ran before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunStep {
    pub demo: String,
    pub step: usize,
}
impl Call for RunStep {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::RunStep(self))
    }
}

/// Cancels the step that runs, with the tool that it started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stop {}
impl Call for Stop {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::Stop(self))
    }
}

/// Takes away what a demo has made, and makes it ready to run again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reset {
    pub demo: String,
}
impl Call for Reset {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::Reset(self))
    }
}

/// Draws this curtain, or opens it where it is drawn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleCurtain {
    pub curtain: Curtain,
}
impl Call for ToggleCurtain {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ToggleCurtain(self))
    }
}

/// Holds the audience where it is, or lets it follow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleFreeze {}
impl Call for ToggleFreeze {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ToggleFreeze(self))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleClock {}
impl Call for ToggleClock {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ToggleClock(self))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResetClock {}
impl Call for ResetClock {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ResetClock(self))
    }
}

/// The charts of both windows change between the last minute and the whole run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleSpan {}
impl Call for ToggleSpan {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ToggleSpan(self))
    }
}

/// Takes of the demos of this deck, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListTakes {}
impl Call for ListTakes {
    type Reply = Vec<TakeInfo>;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ListTakes(self))
    }
}

/// What the speaker has said of takes, by their ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadLabels {}
impl Call for ReadLabels {
    type Reply = BTreeMap<String, Label>;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ReadLabels(self))
    }
}

/// Stars, names, deletes or brings back a take.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActOnTake {
    pub id: String,
    pub act: TakeAct,
}
impl Call for ActOnTake {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ActOnTake(self))
    }
}

/// Keeps the last two minutes of what is recorded, or of the last run, as a take of its own. Answers with its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeepLast {}
impl Call for KeepLast {
    type Reply = String;
    fn request(self) -> Request {
        Request::Show(ShowRequest::KeepLast(self))
    }
}

/// What else there is to know of the takes that are listed, by their ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadDetails {}
impl Call for ReadDetails {
    type Reply = BTreeMap<String, Detail>;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ReadDetails(self))
    }
}

/// Says from where to where the take on stage is played and handed on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CutTake {
    pub cut: Cut,
}
impl Call for CutTake {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::CutTake(self))
    }
}

/// Lays a take under the charts of this slide's demo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LayGhost {
    pub id: String,
}
impl Call for LayGhost {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::LayGhost(self))
    }
}

/// Lays the take that V would show under the charts, or the next best where that one is drawn already; takes away what lies there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleGhost {}
impl Call for ToggleGhost {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ToggleGhost(self))
    }
}

/// What differs between what lies under the charts and what they draw.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CompareGhost {}
impl Call for CompareGhost {
    type Reply = Compared;
    fn request(self) -> Request {
        Request::Show(ShowRequest::CompareGhost(self))
    }
}

/// The forms in which a take can be handed on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadForms {}
impl Call for ReadForms {
    type Reply = Vec<Form>;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ReadForms(self))
    }
}

/// Begins to write the take on stage to `exports/` in a form that others open; where there is none, the deck. A notice says where it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HandOn {
    pub form: String,
}
impl Call for HandOn {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::HandOn(self))
    }
}

/// What is being handed on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadHanding {}
impl Call for ReadHanding {
    type Reply = Option<Handing>;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ReadHanding(self))
    }
}

/// Breaks off what is being handed on: nothing of it stays.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CancelHandOn {}
impl Call for CancelHandOn {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::CancelHandOn(self))
    }
}

/// Plays a take on stage, on the first slide that cues its demo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenTake {
    pub id: String,
}
impl Call for OpenTake {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::OpenTake(self))
    }
}

/// From live to the newest take of this slide's demo that passed, or back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleRecorded {}
impl Call for ToggleRecorded {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ToggleRecorded(self))
    }
}

/// What the steps of a demo are played by from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetPlays {
    pub demo: String,
    pub plays: Plays,
}
impl Call for SetPlays {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::SetPlays(self))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TogglePlay {}
impl Call for TogglePlay {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::TogglePlay(self))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestartTake {}
impl Call for RestartTake {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::RestartTake(self))
    }
}

/// To another place of the take on stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeekTake {
    pub to: To,
}
impl Call for SeekTake {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::SeekTake(self))
    }
}

/// Faster or slower.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PaceTake {
    pub way: Way,
}
impl Call for PaceTake {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::PaceTake(self))
    }
}

/// Cuts the pauses between a demo's steps out of the take on stage, or keeps them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleIdle {}
impl Call for ToggleIdle {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ToggleIdle(self))
    }
}

/// What the take on stage has where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadTimeline {}
impl Call for ReadTimeline {
    type Reply = Timeline;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ReadTimeline(self))
    }
}

/// Puts another version of the deck on stage: for another audience, or in fewer minutes. The slide stays where it is in both.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetVersion {
    pub version: Version,
}
impl Call for SetVersion {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::SetVersion(self))
    }
}

/// Looks at everything that the talk needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Preflight {}
impl Call for Preflight {
    type Reply = Vec<Check>;
    fn request(self) -> Request {
        Request::Show(ShowRequest::Preflight(self))
    }
}

/// What past runs of the talk tell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadRehearsals {}
impl Call for ReadRehearsals {
    type Reply = Report;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ReadRehearsals(self))
    }
}

/// Takes one run away, for good.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeleteRehearsal {
    pub id: String,
}
impl Call for DeleteRehearsal {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::DeleteRehearsal(self))
    }
}

/// Writes the runs as a table, and answers with its path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportRehearsals {}
impl Call for ExportRehearsals {
    type Reply = String;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ExportRehearsals(self))
    }
}

/// Gives the section of this slide from its start, again and again; or lets the talk go on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleLoop {}
impl Call for ToggleLoop {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ToggleLoop(self))
    }
}

/// How the tenants of the running stack do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadTenants {}
impl Call for ReadTenants {
    type Reply = Tenants;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ReadTenants(self))
    }
}

/// Keeps tenants apart, or no longer: at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetAdmission {
    pub switch: Switch,
}
impl Call for SetAdmission {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::SetAdmission(self))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActOnTenant {
    pub tenant: String,
    pub act: Act,
}
impl Call for ActOnTenant {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ActOnTenant(self))
    }
}

/// How the mirrors of the running stack stand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReadMirrors {}
impl Call for ReadMirrors {
    type Reply = Mirrors;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ReadMirrors(self))
    }
}

/// Answers with what has come of it, as a sentence.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActOnMirror {
    pub account: String,
    pub mirror: String,
    pub act: MirrorAct,
}
impl Call for ActOnMirror {
    type Reply = String;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ActOnMirror(self))
    }
}

/// Shows what is being said below the slide, or no longer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleCaptions {}
impl Call for ToggleCaptions {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ToggleCaptions(self))
    }
}

/// Lets the next pane of the slide fill the stage, and after the last one all of them again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ZoomPane {}
impl Call for ZoomPane {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ZoomPane(self))
    }
}

/// Shows where the speaker points, or takes the pointer away.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    pub pointer: Option<Pointer>,
}
impl Call for Point {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::Point(self))
    }
}

/// Draws on the slide that the audience sees.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DrawInk {
    pub ink: Ink,
}
impl Call for DrawInk {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::DrawInk(self))
    }
}

/// Sets an input of the capacity planner; without a value it is measured, or an example, again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetPlan {
    pub key: planner::Key,
    pub value: Option<f64>,
}
impl Call for SetPlan {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::SetPlan(self))
    }
}

/// Writes the plan as a table and as pictures. Answers the folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportPlan {}
impl Call for ExportPlan {
    type Reply = String;
    fn request(self) -> Request {
        Request::Show(ShowRequest::ExportPlan(self))
    }
}

/// Lets slides and takes go round unattended, or no longer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToggleBooth {}
impl Call for ToggleBooth {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::ToggleBooth(self))
    }
}

/// To the start of what goes round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestartBooth {}
impl Call for RestartBooth {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::RestartBooth(self))
    }
}

/// The speaker says yes to the steps of all demos on stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrustSteps {}
impl Call for TrustSteps {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::TrustSteps(self))
    }
}

/// Starts the stack again after it went down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestartStack {}
impl Call for RestartStack {
    type Reply = ();
    fn request(self) -> Request {
        Request::Show(ShowRequest::RestartStack(self))
    }
}

/// Calls that the shell answers by itself: they move windows and change nothing of the show.
pub mod window {
    use super::{Call, Deserialize, Request, Serialize, WindowRequest};
    use crate::preflight::Screen;

    /// The screens that there are, and which window is on which.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct ReadScreens {}
    impl Call for ReadScreens {
        type Reply = Vec<Screen>;
        fn request(self) -> Request {
            Request::Window(WindowRequest::ReadScreens(self))
        }
    }

    /// Full screen for the window that asks, or back.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct ToggleFullScreen {}
    impl Call for ToggleFullScreen {
        type Reply = ();
        fn request(self) -> Request {
            Request::Window(WindowRequest::ToggleFullScreen(self))
        }
    }

    /// Presenter and audience change screens.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct SwapScreens {}
    impl Call for SwapScreens {
        type Reply = ();
        fn request(self) -> Request {
            Request::Window(WindowRequest::SwapScreens(self))
        }
    }

    /// Opens the audience's window, or closes it.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct ToggleAudience {}
    impl Call for ToggleAudience {
        type Reply = ();
        fn request(self) -> Request {
            Request::Window(WindowRequest::ToggleAudience(self))
        }
    }

    /// Puts a talk or a demo on stage, in place of the start page.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct OpenShow {
        /// Of the project.
        pub folder: String,
        pub what: Staged,
        /// What is open in the presenter's window at first.
        pub face: Face,
    }
    impl Call for OpenShow {
        type Reply = ();
        fn request(self) -> Request {
            Request::Window(WindowRequest::OpenShow(self))
        }
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
        Preflight,
    }

    impl Face {
        pub fn as_str(self) -> &'static str {
            match self {
                Face::Present => "present",
                Face::Rehearse => "rehearse",
                Face::Preflight => "preflight",
            }
        }
    }

    /// Takes the show off stage: what runs ends, and the start page comes back where it led here.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct LeaveShow {}
    impl Call for LeaveShow {
        type Reply = ();
        fn request(self) -> Request {
            Request::Window(WindowRequest::LeaveShow(self))
        }
    }

    /// Lets the user choose a folder. Answers none where they chose none.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct ChooseFolder {}
    impl Call for ChooseFolder {
        type Reply = Option<String>;
        fn request(self) -> Request {
            Request::Window(WindowRequest::ChooseFolder(self))
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
