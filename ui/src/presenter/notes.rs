//! The narrative of the slide: what was said quiet, what is said now bright and in view.

use super::Console;
use crate::store::Part;
use greenroom_show::{Show, deck::Level};
use leptos::{html, prelude::*};
use web_sys::{ScrollIntoViewOptions, ScrollLogicalPosition};

#[component]
pub fn Notes() -> impl IntoView {
    let store = expect_context::<Console>().store;
    let beats = Memo::new(move |_| {
        store.read(&[Part::Deck, Part::Position], |show| {
            show.slide().map(|slide| slide.beats.clone()).unwrap_or_default()
        })
    });
    let current = Memo::new(move |_| {
        store.read(&[Part::Deck, Part::Position], |show| {
            show.slide().map_or(0, |slide| Show::beat(slide, show.position.reveal))
        })
    });
    move || {
        let beats = beats.get();
        if beats.iter().all(|beat| beat.paragraphs.is_empty()) {
            return view! { <p class="empty">"Nothing to say on this slide."</p> }.into_any();
        }
        let beats = beats.into_iter().enumerate();
        beats
            .map(|(index, beat)| {
                let place = NodeRef::<html::Div>::new();
                Effect::new(move || {
                    if current.get() == index
                        && let Some(beat) = place.get()
                    {
                        let options = ScrollIntoViewOptions::new();
                        options.set_block(ScrollLogicalPosition::Center);
                        beat.scroll_into_view_with_scroll_into_view_options(&options);
                    }
                });
                let paragraphs: Vec<_> = beat
                    .paragraphs
                    .into_iter()
                    .map(|spoken| {
                        let level = match spoken.level {
                            Level::Public => None,
                            Level::Partner => Some("partner"),
                            Level::Internal => Some("internal"),
                        };
                        view! { <p>{level.map(|level| view! { <small class="level">{level}</small> })}{spoken.text}</p> }
                    })
                    .collect();
                view! {
                    <div
                        class="beat"
                        node_ref=place
                        data-beat=index
                        class:past=move || index < current.get()
                        class:current=move || index == current.get()
                        aria-current=move || (index == current.get()).then_some("step")
                    >
                        {paragraphs}
                    </div>
                }
            })
            .collect::<Vec<_>>()
            .into_any()
    }
}
