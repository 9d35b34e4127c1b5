//! What leaves: the take on stage, or the deck, in a form that others open; how far it is, and a way to break it off.

use super::Console;
use crate::{bridge, store::Part};
use greenroom_show::{
    call,
    deck::Level,
    take::{Form, Handing},
};
use leptos::{prelude::*, task::spawn_local};

/// The forms in which it can be handed on, each with what it will hold.
#[component]
pub fn Forms() -> impl IntoView {
    let console = expect_context::<Console>();
    let forms = RwSignal::new(Vec::<Form>::new());
    let under_way = RwSignal::new(None::<Handing>);
    Effect::new(move || {
        // Another take has other forms.
        console.store.read(&[Part::Replay], |_| ());
        spawn_local(async move {
            if let Ok(read) = bridge::call(call::ReadForms {}).await {
                forms.set(read);
            }
        });
    });
    Effect::new(move || {
        console.store.ticking();
        spawn_local(async move {
            let read = bridge::call(call::ReadHanding {}).await.unwrap_or_default();
            if *under_way.read_untracked() != read {
                under_way.set(read);
            }
        });
    });
    let level = move || {
        console.store.read(&[Part::Deck], |show| {
            let own = show.deck.as_ref().map(|deck| deck.audience).unwrap_or_default();
            show.version.level.unwrap_or(own)
        })
    };
    let button = move |form: Form| {
        let Form { name, holds } = form;
        let asked = name.clone();
        let hand_on = move |_| console.send(call::HandOn { form: asked.clone() });
        view! {
            <li>
                <button data-testid="form" disabled=move || under_way.read().is_some() on:click=hand_on>{name}</button>
                <span>{holds}</span>
            </li>
        }
    };
    view! {
        <div class="handing" data-testid="handing">
            {move || match under_way.get() {
                Some(work) => view! { <Progress work /> }.into_any(),
                None => view! { <p>{move || for_whom(level())}</p> }.into_any(),
            }}
            <ul class="forms">{move || forms.get().into_iter().map(button).collect::<Vec<_>>()}</ul>
        </div>
    }
}

#[component]
fn Progress(work: Handing) -> impl IntoView {
    let console = expect_context::<Console>();
    let Handing { form, level, share } = work;
    let percent = (share * 100.0).round();
    view! {
        <p class="progress" data-testid="progress">
            <span>{format!("Writing {form} for {}: {percent} %", level.as_str())}</span>
            <progress max="1" value=share></progress>
            <button data-testid="cancel" on:click=move |_| console.send(call::CancelHandOn {})>"Cancel"</button>
        </p>
    }
}

fn for_whom(level: Level) -> String {
    format!("For {}: nothing above that leaves, and each says where it came from. Written to exports/.", level.as_str())
}
