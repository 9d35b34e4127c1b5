//! Along the top: the talk's clock against its plan, what covers the audience, the stack.

use super::Console;
use crate::{store::Part, time};
use greenroom_show::{Curtain, StackState, call, pace::CALM_SECONDS};
use leptos::prelude::*;

#[component]
pub fn Head() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let elapsed = Memo::new(move |_| {
        store.ticking();
        let now = store.now();
        store.read(&[Part::Clock], |show| (show.clock.elapsed(now) / 1_000_000, show.clock.runs()))
    });
    let planned =
        Memo::new(move |_| store.read(&[Part::Deck], |show| show.deck.as_ref().map_or(0.0, |deck| deck.minutes)));
    let clock = move || {
        let elapsed = elapsed.get().0 as f64;
        let left = planned.get() * 60.0 - elapsed;
        match (console.clock_down.get(), left < 0.0) {
            (false, _) => time::minutes_and_seconds(elapsed),
            (true, false) => time::minutes_and_seconds(left),
            (true, true) => format!("−{}", time::minutes_and_seconds(-left)),
        }
    };
    let wall = Memo::new(move |_| {
        store.ticking();
        time::wall_clock()
    });
    view! {
        <header class="head">
            <div class="clock" class:paused=move || !elapsed.get().1 data-testid="clock" role="timer">
                <b>{clock}</b>
                <span>{move || if console.clock_down.get() { "left".into() } else { format!("of {}", time::minutes_and_seconds(planned.get() * 60.0)) }}</span>
                <span class="state">{move || if elapsed.get().1 { "" } else { "paused: T" }}</span>
            </div>
            <PaceSign />
            <Timeline />
            <div class="signs"><Covers /> <Stack /></div>
            <div class="wall">{wall}</div>
        </header>
    }
}

/// How the talk stands, when it will end, and what to leave out to end on time.
#[component]
fn PaceSign() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let pace = Memo::new(move |_| {
        store.ticking();
        let now = store.now();
        store.read(&[Part::Clock, Part::Position, Part::Deck], |show| {
            let started = show.clock.elapsed(now) > 0;
            show.pace(now).filter(|_| started)
        })
    });
    let words = Memo::new(move |_| match pace.get().map(|pace| pace.behind) {
        None => String::new(),
        Some(behind) if behind.abs() < 1.0 => "on time".to_string(),
        Some(behind) if behind > 0.0 => format!("{} behind", time::minutes_and_seconds(behind)),
        Some(behind) => format!("{} ahead", time::minutes_and_seconds(-behind)),
    });
    let off = Memo::new(move |_| pace.get().is_some_and(|pace| pace.behind.abs() > CALM_SECONDS));
    let finish =
        Memo::new(move |_| pace.get().map(|pace| format!("ends at {}", time::minutes_and_seconds(pace.finish))));
    let skip = Memo::new(move |_| pace.get().map(|pace| pace.skip).unwrap_or_default());
    let titles = move || {
        let skip = skip.get();
        let titles = store.peek(|show| {
            let slides = show.deck.as_ref().map(|deck| deck.slides.as_slice()).unwrap_or_default();
            skip.iter()
                .filter_map(|index| Some(format!("{}. {}", index + 1, slides.get(*index)?.title)))
                .collect::<Vec<_>>()
        });
        (!titles.is_empty()).then(|| {
            let words = format!("Skip {}", titles.len());
            view! {
                <button class="skip" data-testid="skip" title=titles.join("\n") on:click=move |_| console.skip()>{words} <kbd>"J"</kbd></button>
            }
        })
    };
    view! {
        <div class="pace" class:off=off data-testid="pace">
            <b>{words}</b>
            <small>{finish}</small>
        </div>
        {titles}
    }
}

/// The talk as a strip of its sections, as wide as their minutes, with the clock and the place in the talk on it.
#[component]
fn Timeline() -> impl IntoView {
    let store = expect_context::<Console>().store;
    let sections = Memo::new(move |_| {
        store.read(&[Part::Deck], |show| show.deck.as_ref().map(|deck| deck.sections.clone()).unwrap_or_default())
    });
    let current = Memo::new(move |_| {
        store.read(&[Part::Position, Part::Deck], |show| show.slide().map_or(0, |slide| slide.section))
    });
    let total = move || sections.read().iter().map(|section| section.minutes).sum::<f64>().max(f64::MIN_POSITIVE);
    let part = Memo::new(move |_| {
        store.ticking();
        let minutes = store.read(&[Part::Clock], |show| show.clock.elapsed(store.now())) as f64 / 60e6;
        // A thousandth of the strip is less than a pixel.
        ((minutes / total()).min(1.0) * 1000.0).round() / 10.0
    });
    let budget = move || {
        store.ticking();
        let elapsed = store.read(&[Part::Clock], |show| show.clock.elapsed(store.now())) as f64 / 1e6;
        let sections = sections.read();
        let section = sections.get(current.get())?;
        let end: f64 = sections.iter().take(current.get() + 1).map(|section| section.minutes * 60.0).sum();
        let left = end - elapsed;
        let words = if left >= 0.0 { "left in" } else { "over in" };
        Some(format!("{} {words} {}", time::minutes_and_seconds(left.abs()), section.title))
    };
    let blocks = move || {
        let current = current.get();
        let blocks = sections.get().into_iter().enumerate();
        blocks
            .map(|(index, section)| {
                let style = format!("flex-grow: {}", section.minutes.max(0.1));
                view! { <i style=style class:current=index == current class:past=index < current title=section.title></i> }
            })
            .collect::<Vec<_>>()
    };
    view! {
        <div class="timeline" data-testid="section">
            <span class="budget">{budget}</span>
            <div class="strip">{blocks}<b style=move || format!("left: {}%", part.get())></b></div>
        </div>
    }
}

/// What keeps the audience from seeing what the speaker sees.
#[component]
fn Covers() -> impl IntoView {
    let store = expect_context::<Console>().store;
    let curtain = Memo::new(move |_| store.read(&[Part::Position], |show| show.curtain));
    let frozen = Memo::new(move |_| store.read(&[Part::Position], |show| show.frozen));
    let looped = Memo::new(move |_| {
        store.read(&[Part::Position, Part::Deck], |show| {
            Some(show.deck.as_ref()?.sections.get(show.looped?)?.title.clone())
        })
    });
    view! {
        {move || match curtain.get() {
            Curtain::Open => ().into_any(),
            Curtain::Black => view! { <span class="sign black">"Audience: black"</span> }.into_any(),
            Curtain::White => view! { <span class="sign white">"Audience: white"</span> }.into_any(),
        }}
        {move || looped.get().map(|title| view! { <span class="sign looped" data-testid="looped">{format!("Looping: {title}")}</span> })}
        {move || frozen.get().map(|at| view! { <span class="sign frozen">{format!("Frozen at slide {}", at.slide + 1)}</span> })}
    }
}

#[component]
fn Stack() -> impl IntoView {
    let console = expect_context::<Console>();
    let state = Memo::new(move |_| console.store.read(&[Part::Stack], |show| show.stack.clone()));
    view! {
        <div class="stack" data-testid="stack" data-state=move || match state.get() {
            StackState::Starting => "starting",
            StackState::Ready { .. } => "ready",
            StackState::Down { .. } => "down",
        }>
            {move || match state.get() {
                StackState::Starting => view! { <i class="dot"></i> "Stack starts" }.into_any(),
                StackState::Ready { version, blob } => {
                    view! { <span title=format!("greenroom-stack {version}")><i class="dot"></i> "Stack ready, " {without_scheme(&blob)}</span> }
                        .into_any()
                }
                StackState::Down { reason } => view! {
                    <span class="failed" title=reason.clone()>"✕ Stack down"</span>
                    <button on:click=move |_| console.send(call::RestartStack {})>"Restart"</button>
                }
                .into_any(),
            }}
        </div>
    }
}

fn without_scheme(address: &str) -> String {
    address.split_once("://").map_or(address, |(_, rest)| rest).trim_end_matches('/').to_string()
}
