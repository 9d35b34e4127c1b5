//! The takes of this talk and of its demos, newest first, and the one on stage.

use super::Console;
use crate::{bridge, store::Part, time};
use greenroom_show::{
    Run, call,
    take::{TakeInfo, Verdict},
};
use leptos::{prelude::*, task::spawn_local};

#[component]
pub fn Takes() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let takes = RwSignal::new(Vec::<TakeInfo>::new());
    // A take is new when a demo has come to rest, or another deck is on stage.
    let moment = Memo::new(move |_| {
        store.read(&[Part::Deck, Part::Steps, Part::Replay], |show| {
            let running = show.runs.values().filter_map(Run::running).next();
            (show.deck.as_ref().map(|deck| deck.hash.clone()), running, show.active.clone())
        })
    });
    Effect::new(move || {
        if moment.get().0.is_some() {
            spawn_local(async move {
                if let Ok(listed) = bridge::call(&call::ListTakes {}).await {
                    takes.set(listed);
                }
            });
        }
    });
    view! {
        <section class="takes" data-testid="takes">
            <OnStage />
            <h3>"Takes"</h3>
            <Show when=move || takes.read().is_empty()>
                <p class="empty">"None yet. Every run of a demo is one, and every talk whose clock runs."</p>
            </Show>
            <ul>
                <For each=move || takes.get() key=|take| (take.id.clone(), take.duration_ms) let(take)>
                    <OneTake take />
                </For>
            </ul>
        </section>
    }
}

/// The recorded take on stage, with what moves it.
#[component]
fn OnStage() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let id = Memo::new(move |_| {
        store.read(&[Part::Replay], |show| show.playing(store.live_now()).map(|playing| playing.take.id.clone()))
    });
    let state = Memo::new(move |_| {
        store.ticking();
        store.read(&[Part::Replay], |show| {
            show.playing(store.live_now()).map(|playing| {
                let at = time::minutes_and_seconds(playing.at as f64 / 1e6);
                let of = time::minutes_and_seconds(playing.take.duration_ms as f64 / 1e3);
                (playing.playing, playing.ended, format!("{at} of {of}"))
            })
        })
    });
    let word = move || match state.get() {
        Some((true, _, _)) => "Pause",
        _ => "Play",
    };
    view! {
        <Show when=move || id.read().is_some()>
            <div class="on-stage" data-testid="replay" data-playing=move || state.get().is_some_and(|state| state.0).to_string() data-ended=move || state.get().is_some_and(|state| state.1).to_string()>
                <b>"Recorded on stage"</b>
                <span>{move || state.get().map(|state| state.2)}</span>
                <button on:click=move |_| console.send(call::TogglePlay {})>{word}</button>
                <button on:click=move |_| console.send(call::RestartTake {})>"Restart"</button>
                <button data-testid="to-live" on:click=move |_| console.send(call::ToggleRecorded {})>"Back to live"</button>
            </div>
        </Show>
    }
}

#[component]
fn OneTake(take: TakeInfo) -> impl IntoView {
    let console = expect_context::<Console>();
    let (state, word) = match take.verdict {
        Verdict::Passed => ("passed", "passed"),
        Verdict::Failed => ("failed", "failed"),
        Verdict::Partial => ("cancelled", "partial"),
    };
    let of_talk = take.is_of_talk();
    let id = take.id.clone();
    let open = move |_| console.send(call::OpenTake { id: id.clone() });
    let duration = time::minutes_and_seconds(take.duration_ms as f64 / 1e3);
    view! {
        <li data-testid="take" data-take=take.id data-state=state title=take.demo>
            <i class="mark" aria-hidden="true"></i>
            <span>{of_talk.then_some("Talk, ")} {time::moment(take.at_unix_ms)}</span>
            <small>{word} ", " {duration}</small>
            <button on:click=open>"Show"</button>
        </li>
    }
}
