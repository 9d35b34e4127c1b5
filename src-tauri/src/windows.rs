//! The windows: where they open, and the calls that move them.

mod graphics;
mod process;
mod screens;

pub use screens::{Kept, Wish, watch};

use crate::{bridge, stage};
use greenroom_show::call::{
    CallError, Role,
    window::{Face, WindowRequest},
};
use greenroom_show::start::settings::Screens;
use screens::identity;
use serde_json::Value;
use std::time::Duration;
use tauri::{
    AppHandle, Manager, Monitor, WebviewUrl, WebviewWindow, WebviewWindowBuilder, webview::PageLoadEvent, window::Color,
};

pub const PRESENTER: &str = "presenter";
pub const AUDIENCE: &str = "audience";
pub const START: &str = "start";

const PRESENTER_SIZE: (f64, f64) = (1280.0, 800.0);
const PRESENTER_SIZE_MIN: (f64, f64) = (960.0, 600.0);
const AUDIENCE_SIZE: (f64, f64) = (1280.0, 720.0);
const AUDIENCE_SIZE_MIN: (f64, f64) = (480.0, 270.0);
/// The stage's ground: what shows before the page does.
const GROUND: Color = Color(0x0b, 0x0e, 0x14, 0xff);
/// A window manager takes a moment to leave full screen; beyond this it never will.
const LEAVE_MAX: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The presenter's window, and the audience's on the second screen where there is one and it is wanted.
pub fn open(app: &AppHandle, face: Face, screens: Screens) -> tauri::Result<()> {
    let page = format!("{PRESENTER}&face={}", face.as_str());
    let presenter = build(app, PRESENTER, &page, "Greenroom: presenter", PRESENTER_SIZE, PRESENTER_SIZE_MIN)?;
    if face != Face::Present || screens == Screens::Asked {
        // Nor when a screen is plugged in.
        app.state::<Wish>().closed();
        return Ok(());
    }
    app.state::<Wish>().opened();
    if let Some(screen) = other_screen(&presenter)? {
        open_audience(app, Some(&screen))?;
        presenter.set_focus()?;
    }
    Ok(())
}

/// The page before there is a show; as it was left, where it is behind one.
pub fn open_start(app: &AppHandle) -> tauri::Result<()> {
    if let Some(window) = app.get_webview_window(START) {
        window.show()?;
        return window.set_focus();
    }
    build(app, START, START, "Greenroom", PRESENTER_SIZE, PRESENTER_SIZE_MIN).map(|_| ())
}

/// Puts the start page behind a show, as it is.
pub fn hide_start(app: &AppHandle) -> tauri::Result<()> {
    app.get_webview_window(START).map_or(Ok(()), |window| window.hide())
}

/// Closes a window where it is open.
pub fn close(app: &AppHandle, label: &str) -> tauri::Result<()> {
    app.get_webview_window(label).map_or(Ok(()), |window| window.close())
}

/// Told of each window that is gone.
pub fn closed(app: &AppHandle, label: &str) {
    if label == AUDIENCE {
        app.state::<Wish>().closed();
    }
}

/// A window that says what is wrong. Its page reads the text before it looks for a show.
pub fn open_trouble(app: &AppHandle, trouble: &str) -> tauri::Result<()> {
    let script = format!("window.__GREENROOM_TROUBLE__ = {};", serde_json::Value::from(trouble));
    let (width, height) = PRESENTER_SIZE;
    builder(app, PRESENTER, PRESENTER, "Greenroom").inner_size(width, height).initialization_script(script).build()?;
    Ok(())
}

/// Answers the calls that move windows.
pub async fn call(window: &WebviewWindow, role: Role, request: WindowRequest) -> Result<Value, CallError> {
    let app = window.app_handle();
    let done = match (request, role) {
        (WindowRequest::ToggleFullScreen(_), _) => toggle_full_screen(window),
        (
            WindowRequest::ReadScreens(_)
            | WindowRequest::SwapScreens(_)
            | WindowRequest::ToggleAudience(_)
            | WindowRequest::LeaveShow(_),
            Role::Audience | Role::Start,
        )
        | (WindowRequest::OpenShow(_) | WindowRequest::ChooseFolder(_), Role::Audience | Role::Presenter) => {
            Err(CallError::NotAllowed)
        }
        (WindowRequest::LeaveShow(_), Role::Presenter) => window.close().map_err(failed),
        (WindowRequest::OpenShow(request), Role::Start) => stage::open(app, request).await,
        (WindowRequest::ChooseFolder(_), Role::Start) => {
            let folder =
                rfd::AsyncFileDialog::new().set_title("A project: a folder with slides and demos").pick_folder().await;
            let path = folder.map(|folder| folder.path().display().to_string());
            return serde_json::to_value(path).map_err(failed);
        }
        (WindowRequest::ReadScreens(_), Role::Presenter) => {
            let screens = screens::read(app).map_err(failed)?;
            return serde_json::to_value(screens).map_err(failed);
        }
        (WindowRequest::SwapScreens(_), Role::Presenter) => swap_screens(app).await,
        (WindowRequest::ToggleAudience(_), Role::Presenter) => toggle_audience(window),
    };
    done.map(|()| Value::Null)
}

fn toggle_full_screen(window: &WebviewWindow) -> Result<(), CallError> {
    let is_full = window.is_fullscreen().map_err(failed)?;
    window.set_fullscreen(!is_full).map_err(failed)
}

fn toggle_audience(presenter: &WebviewWindow) -> Result<(), CallError> {
    let app = presenter.app_handle();
    if let Some(audience) = app.get_webview_window(AUDIENCE) {
        return audience.close().map_err(failed);
    }
    let screen = other_screen(presenter).map_err(failed)?;
    open_audience(app, screen.as_ref()).map_err(failed)?;
    match screen {
        Some(_) => presenter.set_focus().map_err(failed),
        // On the presenter's own screen it would vanish behind the presenter's window.
        None => Ok(()),
    }
}

async fn swap_screens(app: &AppHandle) -> Result<(), CallError> {
    let missing = |detail: &str| CallError::Failed { detail: detail.to_string() };
    let window = |label| app.get_webview_window(label);
    let (Some(presenter), Some(audience)) = (window(PRESENTER), window(AUDIENCE)) else {
        return Err(missing("the audience's window is not open: A opens it"));
    };
    let screen = |window: &WebviewWindow| window.current_monitor().map_err(failed);
    let (Some(left), Some(right)) = (screen(&presenter)?, screen(&audience)?) else {
        return Err(missing("the screens cannot be told apart here: move the windows by hand"));
    };
    if left.position() == right.position() {
        return Err(missing("both windows are on one screen: there is none to swap with"));
    }
    put(&presenter, &right).await.map_err(failed)?;
    put(&audience, &left).await.map_err(failed)?;
    app.state::<Kept>().keep(&identity(&left));
    presenter.set_focus().map_err(failed)
}

/// Moves a window to a screen; one that filled its screen fills this one.
async fn put(window: &WebviewWindow, screen: &Monitor) -> tauri::Result<()> {
    if window.is_fullscreen()? {
        window.set_fullscreen(false)?;
        // A full screen window cannot be moved.
        let leaves = async {
            while window.is_fullscreen().unwrap_or(false) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // Where it stays full screen, it is asked to fill the other one all the same.
        let _ = tokio::time::timeout(LEAVE_MAX, leaves).await;
        window.set_position(*screen.position())?;
        return window.set_fullscreen_on_monitor(screen.position().cast());
    }
    window.set_position(*screen.position())
}

fn open_audience(app: &AppHandle, screen: Option<&Monitor>) -> tauri::Result<()> {
    let audience = build(app, AUDIENCE, AUDIENCE, "Greenroom", AUDIENCE_SIZE, AUDIENCE_SIZE_MIN)?;
    app.state::<Wish>().opened();
    if let Some(screen) = screen {
        audience.set_position(*screen.position())?;
        audience.set_fullscreen_on_monitor(screen.position().cast())?;
    }
    Ok(())
}

/// Where the audience looks: the screen that they had last, or else the first one that the presenter has not.
fn other_screen(presenter: &WebviewWindow) -> tauri::Result<Option<Monitor>> {
    let screens = presenter.available_monitors()?;
    let own = match presenter.current_monitor()? {
        Some(screen) => Some(screen),
        None => presenter.primary_monitor()?,
    };
    let own = own.or_else(|| screens.first().cloned()).map(|screen| *screen.position());
    let own = screens.iter().position(|screen| Some(*screen.position()) == own);
    let identities: Vec<_> = screens.iter().map(identity).collect();
    let kept = presenter.state::<Kept>().last();
    Ok(screens::choose(&identities, own, kept.as_deref()).and_then(|index| screens.into_iter().nth(index)))
}

fn build(
    app: &AppHandle,
    label: &str,
    page: &str,
    title: &str,
    (width, height): (f64, f64),
    (width_min, height_min): (f64, f64),
) -> tauri::Result<WebviewWindow> {
    let window = builder(app, label, page, title)
        .inner_size(width, height)
        .min_inner_size(width_min, height_min)
        // A page that begins counts its calls anew, and subscribes anew.
        .on_page_load(|window, page| match page.event() {
            PageLoadEvent::Started => bridge::forget(window.app_handle(), window.label()),
            PageLoadEvent::Finished => {}
        })
        .build()?;
    graphics::choose(&window)?;
    process::keep(&window)?;
    Ok(window)
}

/// `page`: which of the pages, and what is open in it at first.
fn builder<'a>(
    app: &'a AppHandle,
    label: &str,
    page: &str,
    title: &str,
) -> WebviewWindowBuilder<'a, tauri::Wry, AppHandle> {
    let page = WebviewUrl::App(format!("index.html?view={page}").into());
    WebviewWindowBuilder::new(app, label, page)
        .title(title)
        .background_color(GROUND)
        // The show is one page: nothing leads out of it.
        .on_navigation(|url| matches!((url.scheme(), url.host_str()), ("tauri", _) | ("http", Some("tauri.localhost"))))
}

pub fn failed(error: impl std::fmt::Display) -> CallError {
    CallError::Failed { detail: error.to_string() }
}
