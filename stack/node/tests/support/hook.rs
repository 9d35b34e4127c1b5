//! A server with webhooks, each in a mood of its own, that keeps what it takes.

use super::{ACCOUNT, Stack};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use greenroom_model::feed::{Shape, Sink};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Only there so that a hang fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(90);
/// What a slow one works on a post: whoever sends without a pause is killed in the middle of one.
const WORKS: Duration = Duration::from_millis(150);
/// Longer than any sender waits.
const HANGS: Duration = Duration::from_secs(120);

/// How an endpoint answers.
#[derive(Debug, Clone, Default)]
pub enum Mood {
    #[default]
    Takes,
    /// Never agreed to get anything.
    Disagrees,
    /// As one that works on what it gets: a sender that is killed meanwhile has not been heard.
    Slow,
    Busy,
    Redirects(String),
    /// Has read it, and does not say so; then takes.
    HangsOnce,
    Hangs,
}

/// An HTTP server, with an endpoint at each path.
pub struct Endpoint {
    /// `HOST:PORT`.
    pub authority: String,
    hooks: Hooks,
}

type Hooks = Arc<Mutex<BTreeMap<String, Hook>>>;

#[derive(Debug, Default)]
struct Hook {
    mood: Mood,
    /// Batches that came, however they were answered.
    posts: usize,
    headers: HeaderMap,
    taken: Vec<Value>,
}

impl Endpoint {
    pub async fn start() -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let authority = listener.local_addr().expect("an address").to_string();
        let hooks = Hooks::default();
        let router = axum::Router::new().route("/{hook}", axum::routing::any(answer)).with_state(hooks.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Endpoint { authority, hooks }
    }

    /// Has a stack deliver to the endpoint that is named as the sink.
    pub async fn sink(&self, stack: &Stack, name: &str, shape: Shape) {
        put_sink(stack, name, &format!("http://{}/{name}?code=secret", self.authority), shape).await;
    }

    pub fn be(&self, hook: &str, mood: Mood) {
        self.with(hook, |hook| hook.mood = mood);
    }

    pub fn redirect(&self, hook: &str, to: String) {
        self.be(hook, Mood::Redirects(to));
    }

    pub fn taken(&self, hook: &str) -> Vec<Value> {
        self.with(hook, |hook| hook.taken.clone())
    }

    pub fn posts(&self, hook: &str) -> usize {
        self.with(hook, |hook| hook.posts)
    }

    pub fn headers(&self, hook: &str) -> HeaderMap {
        self.with(hook, |hook| hook.headers.clone())
    }

    pub async fn until(&self, hook: &str, is_enough: impl Fn(&[Value]) -> bool) {
        let waiting = async {
            while !is_enough(&self.taken(hook)) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(came.is_ok(), "{hook} has {} events", self.taken(hook).len());
    }

    fn with<T>(&self, hook: &str, look: impl FnOnce(&mut Hook) -> T) -> T {
        look(self.hooks.lock().expect("no panic").entry(hook.to_owned()).or_default())
    }
}

async fn answer(
    State(hooks): State<Hooks>,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let is_slow = matches!(hooks.lock().expect("no panic").get(&name), Some(Hook { mood: Mood::Slow, .. }));
    if is_slow {
        tokio::time::sleep(WORKS).await;
    }
    let mood = {
        let mut hooks = hooks.lock().expect("no panic");
        let hook = hooks.entry(name.clone()).or_default();
        match consent(&method, &headers, &body, &hook.mood) {
            Some(consent) => return consent,
            None => hook.posts += 1,
        }
        hook.headers = headers;
        let mood = hook.mood.clone();
        match mood {
            Mood::Takes | Mood::Slow => {
                hook.taken.extend(serde_json::from_slice::<Vec<Value>>(&body).expect("a list of events"))
            }
            Mood::HangsOnce => hook.mood = Mood::Takes,
            Mood::Disagrees | Mood::Busy | Mood::Redirects(_) | Mood::Hangs => {}
        }
        mood
    };
    match mood {
        Mood::Takes | Mood::Slow => StatusCode::OK.into_response(),
        Mood::Disagrees => StatusCode::FORBIDDEN.into_response(),
        Mood::Busy => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mood::Redirects(to) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
        Mood::HangsOnce | Mood::Hangs => {
            tokio::time::sleep(HANGS).await;
            StatusCode::OK.into_response()
        }
    }
}

/// The answer to a handshake; `None` to what is none.
fn consent(method: &Method, headers: &HeaderMap, body: &[u8], mood: &Mood) -> Option<Response> {
    let agrees = !matches!(mood, Mood::Disagrees);
    if *method == Method::OPTIONS {
        let origin = headers["webhook-request-origin"].clone();
        let allowed = agrees.then_some([("webhook-allowed-origin", origin)]);
        return Some(allowed.map_or_else(|| StatusCode::OK.into_response(), IntoResponse::into_response));
    }
    if headers.get("aeg-event-type")? != "SubscriptionValidation" {
        return None;
    }
    let asked: Value = serde_json::from_slice(body).expect("JSON");
    let code = if agrees { asked[0]["data"]["validationCode"].clone() } else { json!("no") };
    Some(axum::Json(json!({ "validationResponse": code })).into_response())
}

/// Makes a sink of `ACCOUNT`, which must be taken.
pub async fn put_sink(stack: &Stack, name: &str, url: &str, shape: Shape) {
    let sink = Sink::Webhook { url: url.to_owned(), shape };
    let made = stack.put(&format!("/v1/accounts/{ACCOUNT}/sinks/{name}"), &sink).await;
    assert!(made.status().is_success(), "{}", made.text().await.unwrap_or_default());
}
