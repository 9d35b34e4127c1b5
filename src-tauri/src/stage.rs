//! Which show is on, where one is: put there from the command line or from the start page, and taken off again.

use crate::{
    clipboard,
    windows::{self, Kept, failed},
};
use greenroom_director::{Director, Options, Start, What, awake::Awake, settings};
use greenroom_show::{
    call::{
        CallError, OpenTake, Role, ShowRequest,
        window::{Face, OpenShow, Staged},
    },
    version::Version,
};
use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tauri::{AppHandle, Manager, async_runtime};

/// What happens when the presenter's window closes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Afterwards {
    #[default]
    End,
    StartPage,
}

#[derive(Debug, Default)]
pub struct OnStage(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    show: Option<Show>,
    afterwards: Afterwards,
    /// Whether one window goes and another comes.
    changes: bool,
}

#[derive(Debug)]
struct Show {
    director: Director,
    /// As long as it is on.
    _awake: Awake,
}

fn state(on_stage: &OnStage) -> MutexGuard<'_, State> {
    on_stage.0.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn director(app: &AppHandle) -> Option<Director> {
    state(&app.state::<OnStage>()).show.as_ref().map(|show| show.director.clone())
}

pub fn is_on(app: &AppHandle) -> bool {
    director(app).is_some()
}

pub fn leads_back(app: &AppHandle) -> bool {
    state(&app.state::<OnStage>()).afterwards == Afterwards::StartPage
}

/// Whether there may be no window for a moment.
pub fn changes(app: &AppHandle) -> bool {
    state(&app.state::<OnStage>()).changes
}

/// Puts a show on stage, in its windows.
pub fn put(app: &AppHandle, director: Director, face: Face, afterwards: Afterwards) -> tauri::Result<()> {
    let settings = settings::of(director.places());
    app.state::<Kept>().turn_to(director.places().state("screen"));
    *state(&app.state::<OnStage>()) =
        State { show: Some(Show { director, _awake: Awake::keep() }), afterwards, changes: false };
    windows::open(app, face, settings.screens)
}

/// What the start page asks for, in its place.
pub async fn open(app: &AppHandle, asked: OpenShow) -> Result<(), CallError> {
    let OpenShow { folder, what, face } = asked;
    {
        let on_stage = app.state::<OnStage>();
        let mut state = state(&on_stage);
        if state.show.is_some() || state.changes {
            return Err(failed("a show is being opened or closed: wait a moment"));
        }
        state.changes = true;
    }
    let opened = opened(app, &folder, what).await;
    let put = match opened {
        Ok(director) => {
            app.state::<Start>().staged(Path::new(&folder));
            put(app, director, face, Afterwards::StartPage).map_err(failed)
        }
        Err(error) => Err(error),
    };
    state(&app.state::<OnStage>()).changes = false;
    put?;
    windows::hide_start(app).map_err(failed)
}

async fn opened(app: &AppHandle, folder: &str, what: Staged) -> Result<Director, CallError> {
    let start = app.state::<Start>().inner().clone();
    let project = Path::new(folder);
    let places = start.places_of(project);
    let (what, take) = match what {
        Staged::Talk(deck) => (What::Deck(deck), None),
        Staged::Demo(demo) => (What::Demo(demo), None),
        Staged::Take { deck, demo, id } if demo.is_empty() => (What::Deck(deck), Some(id)),
        Staged::Take { demo, id, .. } => (What::Demo(demo), Some(id)),
    };
    let options = Options {
        places,
        what,
        version: Version::default(),
        trust: start.trust_in(project),
        stack: None,
        clipboard: Some(clipboard::desktop()),
    };
    let director = Director::open(options).await.map_err(failed)?;
    if let Some(id) = take
        && let Err(error) = director.call(Role::Presenter, ShowRequest::OpenTake(OpenTake { id })).await
    {
        director.close().await;
        return Err(error);
    }
    Ok(director)
}

/// The presenter's window is gone: the start page comes back, while steps, tools and the stack end.
pub fn leave(app: &AppHandle) {
    state(&app.state::<OnStage>()).changes = true;
    let app = app.clone();
    async_runtime::spawn(async move {
        if let Err(error) = windows::open_start(&app) {
            eprintln!("greenroom-app: the start page does not open: {error}");
        }
        // The audience's window has nothing to show any more.
        if let Err(error) = windows::close(&app, windows::AUDIENCE) {
            eprintln!("greenroom-app: the audience's window does not close: {error}");
        }
        if let Some(director) = director(&app) {
            director.close().await;
        }
        *state(&app.state::<OnStage>()) = State { afterwards: Afterwards::StartPage, ..State::default() };
        app.state::<Start>().wake();
        // It may have been closed while the show ended.
        if app.get_webview_window(windows::START).is_none() {
            app.exit(0);
        }
    });
}
