//! The bridge: one command for all calls, one for all that is pushed. A window's label says which role calls.

use crate::windows;
use futures::StreamExt;
use greenroom_director::Director;
use greenroom_show::call::{CallError, Role};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};
use tauri::http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use tauri::{AppHandle, Manager, State, WebviewWindow, async_runtime::JoinHandle, ipc::Channel};

/// What feeds each window: a window that subscribes anew leaves its old feed.
#[derive(Debug, Default)]
pub struct Listeners(Mutex<BTreeMap<String, JoinHandle<()>>>);

/// Windows are the shell's, all else is the director's.
#[tauri::command]
pub async fn call(
    window: WebviewWindow,
    director: State<'_, Director>,
    name: String,
    args: Value,
) -> Result<Value, CallError> {
    let role = role(window.label());
    match windows::call(&window, role, &name).await {
        Some(done) => done,
        None => director.call(role, &name, args).await,
    }
}

/// Pushes go as JSON text: the page reads them with the types that wrote them.
#[tauri::command]
pub async fn subscribe(
    window: WebviewWindow,
    director: State<'_, Director>,
    listeners: State<'_, Listeners>,
    channel: Channel<String>,
) -> Result<(), CallError> {
    let mut pushes = Box::pin(director.subscribe(role(window.label())));
    let feed = tauri::async_runtime::spawn(async move {
        while let Some(push) = pushes.next().await {
            let sent = serde_json::to_string(&push).map(|push| channel.send(push));
            if !matches!(sent, Ok(Ok(()))) {
                break;
            }
        }
    });
    listeners.set(window.label(), Some(feed));
    Ok(())
}

/// A picture of the deck on stage, by the id that a slide gives it. It is shown, and never run: an SVG may be a page with scripts.
pub fn picture(app: &AppHandle, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let id = request.uri().path().trim_start_matches('/');
    let picture = app.state::<Director>().picture(id);
    let response =
        Response::builder().header("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'");
    let response = match picture {
        Some(picture) => response.header(CONTENT_TYPE, picture.kind.media_type()).body(picture.bytes.to_vec()),
        None => response.status(StatusCode::NOT_FOUND).body(vec![]),
    };
    response.expect("headers are plain words")
}

/// Stops feeding a window that is gone.
pub fn forget(app: &AppHandle, label: &str) {
    app.state::<Listeners>().set(label, None);
}

impl Listeners {
    fn set(&self, label: &str, feed: Option<JoinHandle<()>>) {
        let mut feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = match feed {
            Some(feed) => feeds.insert(label.to_string(), feed),
            None => feeds.remove(label),
        };
        if let Some(old) = old {
            old.abort();
        }
    }
}

fn role(label: &str) -> Role {
    if label == windows::PRESENTER { Role::Presenter } else { Role::Audience }
}
