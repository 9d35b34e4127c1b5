//! The bridge to the director: a call goes out, pushes come in, both as JSON text. Knows no show.

use greenroom_show::call::{Call, CallError};
use js_sys::{JSON, Object, Reflect};
use leptos::{prelude::window, task::spawn_local};
use serde::de::DeserializeOwned;
use std::{cell::Cell, rc::Rc};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["window", "__TAURI__", "core"], catch)]
    async fn invoke(command: &str, args: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = ["window", "__TAURI__", "core"], js_name = convertFileSrc)]
    fn served(path: &str, scheme: &str) -> String;

    #[wasm_bindgen(js_namespace = ["window", "__TAURI__", "core"])]
    type Channel;
    #[wasm_bindgen(constructor, js_namespace = ["window", "__TAURI__", "core"])]
    fn new() -> Channel;
    #[wasm_bindgen(method, setter)]
    fn set_onmessage(this: &Channel, take: &Closure<dyn Fn(JsValue)>);
}

/// Why there is nothing to show: set by the shell before the page loads.
pub fn trouble() -> Option<String> {
    Reflect::get(&window(), &"__GREENROOM_TROUBLE__".into()).ok()?.as_string()
}

/// The reel that the page brought with it: its head, and its lines. Such a page has no director.
pub fn reel() -> Option<(String, String)> {
    let reel = Reflect::get(&window(), &"__GREENROOM_REEL__".into()).ok()?;
    let part = |name: &str| Reflect::get(&reel, &name.into()).ok()?.as_string();
    Some((part("head")?, part("lines")?))
}

/// Hands on what the director pushes, until the page goes away.
pub fn listen<T: DeserializeOwned + 'static>(read: Read<T>, take: impl Fn(T) + 'static) {
    if has_shell() {
        subscribe(read, Rc::new(take));
    }
}

/// Each push is acknowledged once the page has taken it. One that cannot be read would leave the page beside the show: it subscribes anew, and
/// begins with a snapshot. Where that is what cannot be read, another would not help.
fn subscribe<T: DeserializeOwned + 'static>(read: Read<T>, take: Rc<dyn Fn(T)>) {
    let was_read = Cell::new(false);
    let taken = Closure::<dyn Fn(JsValue)>::new(move |message: JsValue| {
        match read(message.as_string().as_deref().unwrap_or("null")) {
            Ok(push) => {
                was_read.set(true);
                take(push);
            }
            Err(error) => {
                report(error.into());
                if was_read.replace(false) {
                    return subscribe(read, take.clone());
                }
            }
        }
        spawn_local(async {
            if let Err(error) = invoke("acknowledge", &arguments([])).await {
                report(error);
            }
        });
    });
    let channel = Channel::new();
    channel.set_onmessage(&taken);
    // The subscription lives as long as the page.
    taken.forget();
    let args = arguments([("channel", channel.into())]);
    spawn_local(async move {
        if let Err(error) = invoke("subscribe", &args).await {
            report(error);
        }
    });
}

/// Calls are answered in the order in which they are made here, whichever comes first on its way.
pub async fn call<C: Call>(call: C) -> Result<C::Reply, CallError> {
    if !has_shell() {
        return Err(CallError::Failed { detail: "this page has no director".into() });
    }
    let failed = |detail: String| CallError::Failed { detail };
    match sent(call).await {
        Ok(reply) => by_value(&text(&reply)).map_err(failed),
        Err(error) => Err(by_value(&text(&error)).unwrap_or_else(|_| failed(text(&error)))),
    }
}

/// Calls, where nothing is to be said of the answer.
pub async fn tell<C: Call>(call: C) {
    if has_shell() {
        let _ = sent(call).await;
    }
}

async fn sent<C: Call>(call: C) -> Result<JsValue, JsValue> {
    thread_local! {
        static TURN: Cell<u32> = const { Cell::new(0) };
    }
    let request =
        serde_json::to_string(&call.request()).ok().and_then(|text| JSON::parse(&text).ok()).unwrap_or_default();
    let turn = TURN.replace(TURN.get() + 1);
    invoke("call", &arguments([("request", request), ("turn", turn.into())])).await
}

/// Where a picture of the deck is. Outside the shell the page has brought it.
pub fn picture_url(id: &str) -> String {
    if has_shell() {
        return served(id, "picture");
    }
    let pictures = Reflect::get(&window(), &"__GREENROOM_PICTURES__".into()).unwrap_or_default();
    Reflect::get(&pictures, &id.into()).ok().and_then(|url| url.as_string()).unwrap_or_default()
}

/// Where the picture of a take is. With another edition of it, it is asked for anew.
pub fn poster_url(id: &str, edition: &str) -> String {
    if has_shell() { format!("{}?{edition}", served(id, "poster")) } else { String::new() }
}

fn has_shell() -> bool {
    Reflect::has(&window(), &"__TAURI__".into()).unwrap_or(false)
}

fn arguments<const N: usize>(pairs: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in pairs {
        // A plain object takes any property.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}

fn text(value: &JsValue) -> String {
    JSON::stringify(value).ok().and_then(|text| text.as_string()).unwrap_or("null".into())
}

/// How a message is read.
pub type Read<T> = fn(&str) -> Result<T, String>;

/// By way of a value: events are read from values in any case, and one reader of each type is half the code of two.
pub fn by_value<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// What the audience is told holds no event.
pub fn straight<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

pub fn report(error: JsValue) {
    leptos::logging::error!("{error:?}");
}
