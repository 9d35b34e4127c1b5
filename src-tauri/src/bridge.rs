//! The bridge: one command for all calls, one for all that is pushed, and one by which a page acknowledges a push. A window's label
//! says which role calls.

use crate::{
    inbox::{Inboxes, Job},
    stage, windows,
};
use bytes::Bytes;
use futures::StreamExt;
use greenroom_director::{Director, Start};
use greenroom_show::call::{self as asked, CallError, Role};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tauri::http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use tauri::{
    AppHandle, Manager, State, UriSchemeResponder, WebviewWindow, async_runtime::JoinHandle, ipc::Channel, ipc::Invoke,
    ipc::InvokeBody,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// Pushes on their way to a window: one that it folds and draws, and the one after it.
const UNDER_WAY_MAX: usize = 2;
/// A window that takes longer is behind: it gets the show as it stands, and not what has piled up meanwhile.
const BEHIND_AFTER: Duration = Duration::from_millis(500);

/// What feeds each window: a window that subscribes anew leaves its old feed.
#[derive(Debug, Default)]
pub struct Listeners(Mutex<BTreeMap<String, Listener>>);

#[derive(Debug)]
struct Listener {
    feed: JoinHandle<()>,
    road: Arc<Road>,
}

/// The way to a window, with room for so many pushes.
#[derive(Debug)]
struct Road {
    room: Semaphore,
    /// Whether its page acknowledges pushes. One that is not ours may not.
    acknowledged: AtomicBool,
}

/// Whether a window is ready for the next push in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Kept,
    Lost,
}

/// A call as the page sends it.
#[derive(Debug, Deserialize)]
struct Asked {
    request: asked::Request,
    /// How many calls its page has made before.
    #[serde(default)]
    turn: Option<u64>,
}

/// Puts a call into its window's inbox. No command of Tauri's: each of those is a task of its own, and they overtake each other.
pub fn call(invoke: Invoke) {
    let Invoke { message, resolver, .. } = invoke;
    let (app, label) = (message.webview_ref().app_handle().clone(), message.webview_ref().label().to_string());
    let InvokeBody::Json(payload) = message.payload() else {
        return resolver.reject(CallError::BadRequest { detail: "it is no JSON".into() });
    };
    let Asked { request, turn } = match serde_json::from_value(payload.clone()) {
        Ok(asked) => asked,
        Err(error) => {
            return resolver.reject(CallError::BadRequest { detail: error.to_string() });
        }
    };
    let Some(window) = app.get_webview_window(&label) else { return };
    let answer = resolver.clone();
    let work = Box::pin(async move {
        match answered(&window, request).await {
            Ok(reply) => answer.resolve(reply),
            Err(error) => answer.reject(error),
        }
    });
    if app.state::<Inboxes>().put(&label, Job { turn, work }).is_err() {
        let detail = "too many calls wait for an answer: wait a moment, then try again".into();
        resolver.reject(CallError::Failed { detail });
    }
}

/// Windows are the shell's, a show is the director's, and the rest is what there is before one.
async fn answered(window: &WebviewWindow, request: asked::Request) -> Result<Value, CallError> {
    let role = role(window.label());
    match request {
        asked::Request::Window(request) => windows::call(window, role, request).await,
        asked::Request::Show(request) => on_stage(window.app_handle())?.call(role, request).await,
        asked::Request::Start(request) => {
            let start = window.state::<Start>().inner().clone();
            start.call(role, request).await
        }
    }
}

/// Pushes go as JSON text: the page reads them with the types that wrote them.
#[tauri::command]
pub async fn subscribe(
    window: WebviewWindow,
    listeners: State<'_, Listeners>,
    channel: Channel<String>,
) -> Result<(), CallError> {
    // Before there is a show there is nothing to hear.
    if role(window.label()) == Role::Start {
        return Err(CallError::NotAllowed);
    }
    let director = on_stage(window.app_handle())?;
    let road = Arc::new(Road { room: Semaphore::new(UNDER_WAY_MAX), acknowledged: AtomicBool::new(false) });
    let label = window.label().to_string();
    let feed = tauri::async_runtime::spawn(feed(director, window, channel, road.clone()));
    listeners.set(&label, Some(Listener { feed, road }));
    Ok(())
}

/// A push has been taken, and there is room for another.
#[tauri::command]
pub fn acknowledge(window: WebviewWindow, listeners: State<'_, Listeners>) {
    let listeners = listeners.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(Listener { road, .. }) = listeners.get(window.label()) {
        road.acknowledged.store(true, Ordering::Relaxed);
        // What an earlier subscription of the page has sent may come late.
        if road.room.available_permits() < UNDER_WAY_MAX {
            road.room.add_permits(1);
        }
    }
}

async fn feed(director: Director, window: WebviewWindow, channel: Channel<String>, road: Arc<Road>) {
    let role = role(window.label());
    let mut pushes = Box::pin(director.subscribe(role));
    while let Some(mut push) = pushes.next().await {
        if road.enter(&window).await == Pace::Lost {
            // A subscription begins with a snapshot.
            pushes = Box::pin(director.subscribe(role));
            let Some(snapshot) = pushes.next().await else { return };
            push = snapshot;
        }
        let sent = serde_json::to_string(&push).map(|push| channel.send(push));
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

impl Road {
    /// Waits until there is room for another push.
    async fn enter(&self, window: &WebviewWindow) -> Pace {
        if timeout(BEHIND_AFTER, self.pass()).await.is_ok() {
            return Pace::Kept;
        }
        if self.acknowledged.load(Ordering::Relaxed) {
            self.pass().await;
        } else {
            // Another page than ours: whoever answers a script is done with what came before it.
            answers(window).await;
        }
        Pace::Lost
    }

    /// Takes room for one push, until the page acknowledges it.
    async fn pass(&self) {
        self.room.acquire().await.expect("it is never closed").forget();
    }
}

/// Waits until the page answers a script, or has none to answer.
async fn answers(window: &WebviewWindow) {
    let (answered, mut answer) = mpsc::channel::<()>(1);
    let asked = window.eval_with_callback("0", move |_| {
        answered.try_send(()).ok();
    });
    if asked.is_ok() {
        answer.recv().await;
    }
}

/// A picture of the deck on stage, or of what the start page shows, by the id that a slide gives it. It is shown, and never run: an SVG may be a page with scripts.
pub fn picture(app: &AppHandle, label: &str, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let id = asked_for(request);
    let picture = match role(label) {
        Role::Start => app.state::<Start>().picture(&id),
        Role::Presenter | Role::Audience => stage::director(app).and_then(|director| director.picture(&id)),
    };
    served(picture.map(|picture| (picture.kind.media_type(), picture.bytes)))
}

/// The picture of a take, for the list of them in the presenter's window. One that has to be drawn comes when it is.
pub fn poster(app: &AppHandle, label: &str, request: &Request<Vec<u8>>, answer: UriSchemeResponder) {
    if role(label) != Role::Presenter {
        return answer.respond(served(None));
    }
    let Some(director) = stage::director(app) else { return answer.respond(served(None)) };
    let id = asked_for(request);
    tauri::async_runtime::spawn(async move {
        let picture = director.poster(&id).await;
        answer.respond(served(picture.map(|picture| ("image/png", picture))));
    });
}

/// The page encodes it as a part of an address.
fn asked_for(request: &Request<Vec<u8>>) -> String {
    percent_decode_str(request.uri().path().trim_start_matches('/')).decode_utf8_lossy().into_owned()
}

fn served(picture: Option<(&str, Bytes)>) -> Response<Vec<u8>> {
    let response =
        Response::builder().header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'");
    let response = match picture {
        Some((media_type, bytes)) => response.header(CONTENT_TYPE, media_type).body(bytes.to_vec()),
        None => response.status(StatusCode::NOT_FOUND).body(vec![]),
    };
    response.expect("headers are plain words")
}

/// Stops feeding a window whose page is gone, or begins anew.
pub fn forget(app: &AppHandle, label: &str) {
    app.state::<Listeners>().set(label, None);
    app.state::<Inboxes>().renew(label);
}

impl Listeners {
    fn set(&self, label: &str, listener: Option<Listener>) {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = match listener {
            Some(listener) => listeners.insert(label.to_string(), listener),
            None => listeners.remove(label),
        };
        if let Some(old) = old {
            old.feed.abort();
        }
    }
}

fn role(label: &str) -> Role {
    match label {
        windows::PRESENTER => Role::Presenter,
        windows::START => Role::Start,
        _ => Role::Audience,
    }
}

fn on_stage(app: &AppHandle) -> Result<Director, CallError> {
    stage::director(app).ok_or_else(|| CallError::Failed { detail: "there is no show on stage".into() })
}
