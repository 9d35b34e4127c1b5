//! The desktop shell: windows, and one bridge between them and the director. Decides nothing about the show.

mod bridge;
#[cfg(target_os = "linux")]
mod camera;
#[cfg(not(target_os = "linux"))]
#[path = "no_camera.rs"]
mod camera;
mod clipboard;
mod inbox;
mod signals;
mod stage;
mod windows;

use bridge::Listeners;
use clap::Parser;
use greenroom_director::{Director, Home, Library, Opening, Options, Places, Start, Trust, What, shipped};
use greenroom_show::{call::window::Face, deck::Level, version::Version};
use inbox::Inboxes;
use stage::{Afterwards, OnStage};
use std::{
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};
use tauri::{AppHandle, DragDropEvent, Manager, RunEvent, WindowEvent, Wry, async_runtime, ipc::Invoke};

/// Opens a talk in a presenter's and an audience's window; or the start page, from which one is opened.
#[derive(Debug, Parser)]
#[command(name = "greenroom-app", version)]
struct Args {
    /// The talk: a folder under `slides/` [default: the start page, where all are]
    #[arg(long)]
    deck: Option<String>,
    /// Leaves out what is above this level: public, partner or internal [default: the deck's own]
    #[arg(long, value_parser = level)]
    audience: Option<Level>,
    /// A shorter version of the talk: one of the minutes in the deck's 'cuts'
    #[arg(long)]
    minutes: Option<f64>,
    /// Lets the steps of its demos run this time, whoever wrote them
    #[arg(long)]
    trust: bool,
    /// Lets slides and takes go round unattended: what 'booth.yaml' beside the deck lists, or all of it
    #[arg(long)]
    booth: bool,
    /// The project folder, which holds `slides/` and `demos/` [default: the one around the current folder, or the user's own, or the one that came
    /// with Greenroom]
    #[arg(long)]
    root: Option<PathBuf>,
    /// Folder that holds all that Greenroom keeps, in place of the user's; also GREENROOM_HOME
    #[arg(long)]
    home: Option<PathBuf>,
    /// Takes pictures of a page for an export, and opens no window: the export itself says this
    #[arg(long, hide = true, value_name = "PAGE", requires = "size")]
    camera: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "WIDTHxHEIGHT", value_parser = size)]
    size: Option<(i32, i32)>,
}

fn size(text: &str) -> Result<(i32, i32), String> {
    let parsed = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    parsed.ok_or_else(|| "a size such as 1920x1080".into())
}

/// Of the talks that come with Greenroom, the one that a booth begins with.
const EXAMPLE: &str = "azcopy-field";
/// As a shell says of a program that Ctrl-C has ended.
const ENDED_AT_ONCE: i32 = 130;

fn main() -> ExitCode {
    let args = Args::parse();
    if !has_display() {
        eprintln!(
            "greenroom-app: there is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set).\n\
             To run a demo here in the terminal: greenroom demo run <demo> --headless"
        );
        return ExitCode::FAILURE;
    }
    if let (Some(page), Some(size)) = (&args.camera, args.size) {
        return camera::serve(page, size);
    }
    match async_runtime::block_on(open(args)) {
        Ok(opened) => show(opened),
        Err(trouble) => {
            eprintln!("greenroom-app: {trouble}");
            report(trouble)
        }
    }
}

fn level(name: &str) -> Result<Level, String> {
    Level::ALL
        .into_iter()
        .find(|level| level.as_str() == name)
        .ok_or_else(|| "levels are public, partner and internal".into())
}

/// What the app begins with.
struct Opened {
    start: Start,
    /// None with the start page.
    director: Option<Director>,
}

async fn open(args: Args) -> Result<Opened, String> {
    let places = Places::find(args.root, args.home.clone()).map_err(|error| error.to_string());
    let home = Home::find(args.home).map_err(|error| error.to_string())?;
    let clipboard = Some(clipboard::desktop());
    let wants_talk = args.deck.is_some() || args.booth;
    let places = match places {
        // A first talk is made from the start page.
        Err(_) if !wants_talk => Places::of(&home.talks, &home),
        places => places?,
    };
    let opening = Opening { home, places: places.clone(), trusts_all: args.trust, clipboard: clipboard.clone() };
    let start = Start::open(opening);
    if !wants_talk {
        return Ok(Opened { start, director: None });
    }
    let version = Version { level: args.audience, cut: args.minutes };
    let trust = if args.trust { Trust::Given } else { Trust::of_user(places.project()) };
    let what = What::Deck(args.deck.map_or_else(|| deck_of(&places), Ok)?);
    let options = Options { places, what, version, trust, stack: None, clipboard };
    let director = Director::open(options).await.map_err(|error| error.to_string())?;
    if args.booth {
        director.begin_booth().map_err(|error| error.to_string())?;
    }
    Ok(Opened { start, director: Some(director) })
}

/// Which talk goes round where nobody says which.
fn deck_of(places: &Places) -> Result<String, String> {
    let project = places.project();
    if shipped().as_deref() == Some(project) {
        return Ok(EXAMPLE.to_owned());
    }
    let latest = Library::new(project).latest().map_err(|error| error.to_string())?;
    latest.ok_or_else(|| {
        format!("there is no talk in {} yet: make one with 'greenroom new talk NAME'", project.display())
    })
}

/// The windows, until the last of them closes or a signal ends the show.
fn show(Opened { start, director }: Opened) -> ExitCode {
    let afterwards = if director.is_some() { Afterwards::End } else { Afterwards::StartPage };
    let begun = director.clone();
    let built = tauri::Builder::default()
        .manage(start)
        .manage(OnStage::default())
        .manage(Listeners::default())
        .manage(Inboxes::default())
        .manage(windows::Kept::default())
        .manage(windows::Wish::default())
        .invoke_handler(asked)
        .register_uri_scheme_protocol("picture", |context, request| {
            bridge::picture(context.app_handle(), context.webview_label(), &request)
        })
        .register_asynchronous_uri_scheme_protocol("poster", |context, request, answer| {
            bridge::poster(context.app_handle(), context.webview_label(), &request, answer);
        })
        .setup(move |app| {
            match begun {
                Some(director) => stage::put(app.handle(), director, Face::Present, afterwards)?,
                None => windows::open_start(app.handle())?,
            }
            windows::watch(app.handle().clone());
            end_on_signal(app.handle().clone(), end);
            Ok(())
        })
        .build(tauri::generate_context!());
    let app = match built {
        Ok(app) => app,
        Err(error) => {
            if let Some(director) = director {
                async_runtime::block_on(director.close());
            }
            return cannot_open(&error);
        }
    };
    let code = app.run_return(|app, event| match event {
        RunEvent::WindowEvent { label, event: WindowEvent::Destroyed, .. } => {
            bridge::forget(app, &label);
            windows::closed(app, &label);
            match label.as_str() {
                windows::PRESENTER if stage::leads_back(app) => stage::leave(app),
                windows::PRESENTER => end(app),
                windows::START if !stage::is_on(app) => end(app),
                _ => {}
            }
        }
        RunEvent::WindowEvent { label, event: WindowEvent::DragDrop(event), .. } if label == windows::START => {
            dropped(app, &event);
        }
        // Asked for by the desktop, or for want of a window while another one opens; not by `end`.
        RunEvent::ExitRequested { code: None, api, .. } => {
            api.prevent_exit();
            if !stage::changes(app) {
                end(app);
            }
        }
        _ => {}
    });
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// A folder that is dropped on the start page is opened; the page shows that it would be.
fn dropped(app: &AppHandle, event: &DragDropEvent) {
    let hovers = match event {
        DragDropEvent::Enter { .. } => "true",
        DragDropEvent::Over { .. } => return,
        DragDropEvent::Drop { paths, .. } => {
            if let Some(path) = paths.first() {
                app.state::<Start>().dropped(path);
            }
            "false"
        }
        _ => "false",
    };
    if let Some(window) = app.get_webview_window(windows::START) {
        // Where its page is gone, it is dropped on nothing.
        window.eval(format!("document.documentElement.dataset.drop = '{hovers}'")).ok();
    }
}

/// What a page may ask for: calls keep their order, the rest is Tauri's.
fn asked(invoke: Invoke) -> bool {
    let others: fn(Invoke<Wry>) -> bool = tauri::generate_handler![bridge::subscribe, bridge::acknowledge];
    match invoke.message.command() {
        "call" => {
            bridge::call(invoke);
            true
        }
        _ => others(invoke),
    }
}

/// Steps, tools and the stack end before this process does. Its windows go on meanwhile: who waits for an answer of theirs gets it, and
/// would keep the director from ending.
fn end(app: &AppHandle) {
    static ENDING: AtomicBool = AtomicBool::new(false);
    if ENDING.swap(true, Ordering::SeqCst) {
        return;
    }
    let app = app.clone();
    async_runtime::spawn(async move {
        app.state::<Start>().close();
        if let Some(director) = stage::director(&app) {
            director.close().await;
        }
        app.exit(0);
    });
}

/// One window that says why there is no show.
fn report(trouble: String) -> ExitCode {
    let built = tauri::Builder::default()
        .setup(move |app| {
            windows::open_trouble(app.handle(), &trouble)?;
            end_on_signal(app.handle().clone(), |app| app.exit(0));
            Ok(())
        })
        .build(tauri::generate_context!());
    match built {
        Ok(app) => {
            app.run_return(|_, _| {});
        }
        Err(error) => return cannot_open(&error),
    }
    ExitCode::FAILURE
}

fn cannot_open(error: &tauri::Error) -> ExitCode {
    eprintln!("greenroom-app: cannot open a window: {error}");
    ExitCode::FAILURE
}

fn end_on_signal(app: AppHandle, end: fn(&AppHandle)) {
    async_runtime::spawn(async move {
        let Ok(mut wishes) = signals::listen() else {
            return eprintln!("greenroom-app: cannot listen for signals: close the presenter's window to end the show");
        };
        wishes.next().await;
        end(&app);
        // Whoever asks twice does not want to wait. The stack ends with this process, and the next show takes away what is left.
        wishes.next().await;
        greenroom_director::kill_steps();
        std::process::exit(ENDED_AT_ONCE);
    });
}

/// A desktop of another kind is there without being named.
fn has_display() -> bool {
    !cfg!(target_os = "linux")
        || ["WAYLAND_DISPLAY", "DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
