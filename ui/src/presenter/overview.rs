//! All slides at once, to go to one.

use super::Console;
use crate::{
    slide::{Draw, SlideView},
    stage::Stage,
    store::Part,
};
use leptos::prelude::*;

#[component]
pub fn Overview() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let slides = store.peek(|show| show.deck.as_ref().map(|deck| deck.slides.clone()).unwrap_or_default());
    let current = Memo::new(move |_| store.read(&[Part::Position], |show| show.position.slide));
    let thumbs: Vec<_> = slides
        .into_iter()
        .enumerate()
        .map(|(index, slide)| {
            let label = format!("Go to slide {}: {}", index + 1, slide.title);
            let reveal = Signal::stored(slide.clicks());
            view! {
                <button
                    class="thumb"
                    class:current=move || current.get() == index
                    data-testid="thumb"
                    aria-label=label
                    on:click=move |_| console.go_to(index)
                >
                    <div class="screen">
                        <Stage><SlideView index reveal draw=Draw::Preview /></Stage>
                    </div>
                </button>
            }
        })
        .collect();
    view! { <div class="overlay" data-testid="overview" role="dialog" aria-label="Overview"><div class="thumbs">{thumbs}</div></div> }
}
