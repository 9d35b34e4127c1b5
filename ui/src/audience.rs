//! What the audience sees: the slide, and the curtain over it.

use crate::{
    bridge, keys,
    marks::MarksView,
    slide::{Draw, Slides},
    stage::Stage,
    store::{Part, Store},
};
use greenroom_show::{Curtain, call::window::ToggleFullScreen};
use leptos::{ev, prelude::*, task::spawn_local};

/// The audience's window: it listens, and knows one key.
#[component]
pub fn AudienceWindow() -> impl IntoView {
    let keys = window_event_listener(ev::keydown, |event| {
        if matches!(keys::name(&event).as_deref(), Some("f" | "F11")) {
            event.prevent_default();
            if event.repeat() {
                return;
            }
            // Where a window cannot fill its screen, it stays as it is.
            spawn_local(bridge::tell(ToggleFullScreen {}));
        }
    });
    on_cleanup(move || keys.remove());
    view! { <main class="audience" data-testid="audience"><AudienceView /></main> }
}

#[component]
pub fn AudienceView() -> impl IntoView {
    let store = expect_context::<Store>();
    let position = Memo::new(move |_| store.read(&[Part::Position], |show| show.audience_position()));
    let curtain = Memo::new(move |_| store.read(&[Part::Position], |show| show.curtain));
    let frozen = Memo::new(move |_| store.read(&[Part::Position], |show| show.frozen.is_some()));
    let is_open = Memo::new(move |_| store.read(&[Part::Deck], |show| show.deck.is_some()));
    view! {
        <div
            class="audience-view"
            data-testid="audience-view"
            data-curtain=move || curtain_name(curtain.get())
            data-frozen=move || frozen.get().to_string()
        >
            <Stage>
                <Slides position draw=Draw::Whole />
                <MarksView slide=Signal::derive(move || position.get().slide) />
                <CaptionLine />
                <Show when=move || !is_open.get()>
                    <p class="opening" data-testid="opening">"Greenroom"</p>
                </Show>
            </Stage>
            <div class="curtain" aria-hidden="true"></div>
        </div>
    }
}

/// What is being said, over the foot of the slide.
#[component]
pub fn CaptionLine() -> impl IntoView {
    let store = expect_context::<Store>();
    let said = Memo::new(move |_| {
        store.ticking();
        let now = store.now();
        store.read(&[Part::Position], |show| show.caption.as_ref().map(|caption| caption.now(now)))
    });
    move || said.get().map(|said| view! { <p class="caption" data-testid="caption" aria-live="off">{said}</p> })
}

pub fn curtain_name(curtain: Curtain) -> &'static str {
    match curtain {
        Curtain::Open => "open",
        Curtain::Black => "black",
        Curtain::White => "white",
    }
}
