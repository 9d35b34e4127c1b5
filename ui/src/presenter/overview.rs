//! All slides at once, to go to one.

use super::{Console, hand_on::Forms};
use crate::{
    slide::{Draw, SlideView},
    stage::Stage,
    store::Part,
};
use greenroom_show::{call::SetVersion, deck::Level, version::Version};
use leptos::prelude::*;

#[component]
pub fn Overview() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let slides = move || {
        store.read(&[Part::Deck], |show| show.deck.as_ref().map(|deck| deck.slides.clone()).unwrap_or_default())
    };
    let current = Memo::new(move |_| store.read(&[Part::Position], |show| show.position.slide));
    let thumbs = move || {
        slides()
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
            .collect::<Vec<_>>()
    };
    view! {
        <div class="overlay" data-testid="overview" role="dialog" aria-label="Overview">
            <Versions />
            <details class="hand-on"><summary>"Hand on"</summary><Forms /></details>
            <div class="thumbs">{thumbs}</div>
        </div>
    }
}

/// For whom, and in how many minutes.
#[component]
fn Versions() -> impl IntoView {
    let console = expect_context::<Console>();
    let offered = Memo::new(move |_| {
        console.store.read(&[Part::Deck], |show| {
            let deck = show.deck.as_ref();
            (deck.map(|deck| (deck.audience, deck.cuts.clone())).unwrap_or_default(), show.version)
        })
    });
    move || {
        let ((own, cuts), version) = offered.get();
        let levels = Level::ALL.into_iter().map(|level| {
            let chosen = version.level.unwrap_or(own) == level;
            let call = Version { level: Some(level), ..version };
            choice(console, level.as_str().to_string(), chosen, call)
        });
        let whole = choice(console, "Whole talk".into(), version.cut.is_none(), Version { cut: None, ..version });
        let cuts = cuts.into_iter().map(|minutes| {
            let chosen = version.cut == Some(minutes);
            choice(console, format!("{minutes} min"), chosen, Version { cut: Some(minutes), ..version })
        });
        let cuts: Vec<_> = std::iter::once(whole).chain(cuts).collect();
        view! {
            <nav class="versions" data-testid="versions">
                <span>"Audience"</span>
                {levels.collect::<Vec<_>>()}
                <span>"Length"</span>
                {cuts}
            </nav>
        }
    }
}

fn choice(console: Console, name: String, chosen: bool, version: Version) -> AnyView {
    let choose = move |_| console.send(SetVersion { version });
    view! { <button class:chosen=chosen aria-pressed=chosen.to_string() data-version=name.clone() on:click=choose>{name.clone()}</button> }
        .into_any()
}
