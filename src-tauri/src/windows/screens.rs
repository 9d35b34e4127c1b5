//! Screens: which one the audience has, also after it was unplugged, and in the next show.

use super::{AUDIENCE, PRESENTER, open_audience, other_screen, put};
use greenroom_show::preflight::{Holds, Screen};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tauri::{AppHandle, Manager, Monitor, WebviewWindow, async_runtime};

/// A projector that is plugged in shows the talk this soon.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The audience's screen, as it was put last: kept from one show of a project to the next.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    file: PathBuf,
    screen: Option<String>,
}

impl Kept {
    /// Of another project from now on.
    pub fn turn_to(&self, file: PathBuf) {
        *self.lock() = Last { screen: std::fs::read_to_string(&file).ok(), file };
    }

    pub fn last(&self) -> Option<String> {
        self.lock().screen.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it cannot be kept, the next show asks the desktop again.
    pub fn keep(&self, identity: &str) {
        let file = {
            let mut last = self.lock();
            last.screen = Some(identity.to_string());
            last.file.clone()
        };
        let identity = identity.to_string();
        async_runtime::spawn_blocking(move || {
            let folder = file.parent().map_or(Ok(()), std::fs::create_dir_all);
            if let Err(error) = folder.and_then(|()| std::fs::write(&file, identity)) {
                eprintln!("greenroom-app: {} cannot be written: {error}", file.display());
            }
        });
    }
}

/// What the speaker wants of the audience's window: it comes with a screen of its own, until they close it.
#[derive(Debug, Default)]
pub struct Wish(AtomicBool);

impl Wish {
    pub fn opened(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub fn closed(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn audience(&self, window: Option<WebviewWindow>) -> Audience<WebviewWindow> {
        match window {
            Some(window) => Audience::Open(window),
            None if self.0.load(Ordering::Relaxed) => Audience::Closed,
            None => Audience::NotYet,
        }
    }
}

/// The audience's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience<W> {
    Open(W),
    /// The speaker has closed it.
    Closed,
    /// There was no screen for it.
    NotYet,
}

/// What becomes of the audience's window when screens have come or gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follow<W, S> {
    Move(W, S),
    Open(S),
    PutAway(W),
    Stay,
}

fn follow<W, S>(screen: Option<S>, audience: Audience<W>) -> Follow<W, S> {
    match (screen, audience) {
        (Some(screen), Audience::Open(window)) => Follow::Move(window, screen),
        (Some(screen), Audience::NotYet) => Follow::Open(screen),
        // Whoever was shown out is not let in by a cable.
        (Some(_), Audience::Closed) | (None, Audience::Closed | Audience::NotYet) => Follow::Stay,
        (None, Audience::Open(window)) => Follow::PutAway(window),
    }
}

/// What stays when a screen is plugged in again: its name and its size.
pub fn identity(screen: &Monitor) -> String {
    let size = screen.size();
    format!("{} {}x{}", screen.name().map_or("screen", String::as_str), size.width, size.height)
}

/// The audience's screen among those that there are: the one kept, or else the first one that is not the presenter's own.
pub fn choose(screens: &[String], own: Option<usize>, kept: Option<&str>) -> Option<usize> {
    let others = || (0..screens.len()).filter(|index| Some(*index) != own);
    others().find(|index| Some(screens[*index].as_str()) == kept).or_else(|| others().next())
}

/// The screens as preflight judges them.
pub fn read(app: &AppHandle) -> tauri::Result<Vec<Screen>> {
    let at = |label: &str| -> tauri::Result<_> {
        let window = app.get_webview_window(label);
        Ok(window.map(|window| window.current_monitor()).transpose()?.flatten().map(|screen| *screen.position()))
    };
    let (presenter, audience) = (at(PRESENTER)?, at(AUDIENCE)?);
    let screens = app.available_monitors()?.into_iter().map(|screen| {
        let place = Some(*screen.position());
        let holds = match () {
            () if place == audience && audience != presenter => Holds::Audience,
            () if place == presenter => Holds::Presenter,
            () => Holds::Nothing,
        };
        let size = screen.size();
        Screen { identity: identity(&screen), width: size.width, height: size.height, holds }
    });
    Ok(screens.collect())
}

/// Puts the audience's window where it belongs whenever a screen comes or goes.
pub fn watch(app: AppHandle) {
    async_runtime::spawn(async move {
        let there = || app.available_monitors().map(|screens| screens.iter().map(identity).collect::<Vec<_>>());
        let mut known = there().unwrap_or_default();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Ok(screens) = there() else { continue };
            if screens == known {
                continue;
            }
            known = screens;
            if let Err(error) = place(&app).await {
                eprintln!("greenroom-app: the screens have changed, and the windows cannot follow: {error}");
            }
        }
    });
}

async fn place(app: &AppHandle) -> tauri::Result<()> {
    let Some(presenter) = app.get_webview_window(PRESENTER) else { return Ok(()) };
    let audience = app.state::<Wish>().audience(app.get_webview_window(AUDIENCE));
    match follow(other_screen(&presenter)?, audience) {
        Follow::Move(audience, screen) => {
            // It was put away when its screen went.
            audience.unminimize()?;
            put(&audience, &screen).await?;
            audience.set_fullscreen_on_monitor(screen.position().cast())?;
        }
        Follow::Open(screen) => open_audience(app, Some(&screen))?,
        // Its screen is gone: it must not cover the presenter's window.
        Follow::PutAway(audience) => {
            audience.set_fullscreen(false)?;
            audience.minimize()?;
        }
        Follow::Stay => {}
    }
    presenter.set_focus()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_gets_the_screen_it_had_or_else_one_that_is_free() {
        let screens = ["eDP-1 2560x1600", "HDMI-1 1920x1080", "DP-2 1280x720"].map(String::from);
        for (there, own, kept, chosen) in [
            (3, Some(0), None, Some(1)),
            (3, Some(0), Some("DP-2 1280x720"), Some(2)),
            (3, Some(2), Some("DP-2 1280x720"), Some(0)),
            (3, Some(1), Some("VGA-1 800x600"), Some(0)),
            (1, Some(0), Some("eDP-1 2560x1600"), None),
            (2, None, None, Some(0)),
        ] {
            assert_eq!(choose(&screens[..there], own, kept), chosen, "{there} screens, own {own:?}, kept {kept:?}");
        }
    }

    #[test]
    fn a_screen_that_is_plugged_in_shows_the_talk_unless_the_speaker_has_closed_it() {
        for (screen, audience, follows) in [
            (Some("HDMI-1"), Audience::Open("window"), Follow::Move("window", "HDMI-1")),
            (Some("HDMI-1"), Audience::NotYet, Follow::Open("HDMI-1")),
            (Some("HDMI-1"), Audience::Closed, Follow::Stay),
            (None, Audience::Open("window"), Follow::PutAway("window")),
            (None, Audience::NotYet, Follow::Stay),
            (None, Audience::Closed, Follow::Stay),
        ] {
            assert_eq!(follow(screen, audience), follows, "{screen:?}, {audience:?}");
        }
    }
}
