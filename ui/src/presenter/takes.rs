//! The takes of this talk and of its demos, newest first. Those of the slide's demo come before all others, and
//! whose they are stands above them.

use super::Console;
use crate::{
    bridge,
    store::{Part, Store},
    time,
};
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
    let here = Memo::new(move |_| {
        store.read(&[Part::Deck, Part::Position], |show| Some(show.slide()?.cue.as_ref()?.demo.clone()))
    });
    Effect::new(move || {
        if moment.get().0.is_some() {
            spawn_local(async move {
                if let Ok(listed) = bridge::call(call::ListTakes {}).await {
                    takes.set(listed);
                }
            });
        }
    });
    view! {
        <section class="takes" data-testid="takes">
            <h3>"Takes"</h3>
            <Show when=move || takes.read().is_empty()>
                <p class="empty">"None yet. Every run of a demo is one, and every talk whose clock runs."</p>
            </Show>
            {move || {
                let shelves = shelves(&takes.read(), here.read().as_deref()).into_iter().map(|shelf| {
                    let of = shelf.of.clone().unwrap_or_default();
                    let name = name(store, shelf.of.as_deref());
                    let takes: Vec<_> = shelf.takes.into_iter().map(|take| view! { <OneTake take name=name.clone() /> }).collect();
                    view! { <h4>{name}</h4><ul data-testid="takes-of" data-demo=of>{takes}</ul> }
                });
                shelves.collect::<Vec<_>>()
            }}
        </section>
    }
}

/// Takes of one demo, or of the talk where it is of none.
#[derive(Debug, PartialEq)]
struct Shelf {
    of: Option<String>,
    takes: Vec<TakeInfo>,
}

/// Takes by what they are of: first of the demo that is here, then of the talk, then of the other demos, the latest recorded first.
/// On each shelf they stay in the order in which they come.
fn shelves(takes: &[TakeInfo], here: Option<&str>) -> Vec<Shelf> {
    let mut shelves: Vec<Shelf> = Vec::new();
    for take in takes {
        let of = (!take.is_of_talk()).then(|| take.demo.clone());
        match shelves.iter_mut().find(|shelf| shelf.of == of) {
            Some(shelf) => shelf.takes.push(take.clone()),
            None => shelves.push(Shelf { of, takes: vec![take.clone()] }),
        }
    }
    // Sorting keeps the order of equals.
    shelves.sort_by_key(|shelf| match &shelf.of {
        Some(demo) if Some(demo.as_str()) == here => 0,
        None => 1,
        Some(_) => 2,
    });
    shelves
}

/// What takes are of, in the speaker's words.
fn name(store: Store, demo: Option<&str>) -> String {
    let Some(demo) = demo else { return "The talk".into() };
    let title = store.peek(|show| show.demos.get(demo).map(|demo| demo.title.clone()));
    title.filter(|title| !title.is_empty()).unwrap_or_else(|| demo.into())
}

#[component]
fn OneTake(take: TakeInfo, name: String) -> impl IntoView {
    let console = expect_context::<Console>();
    let (state, word) = match take.verdict {
        Verdict::Passed => ("passed", "passed"),
        Verdict::Failed => ("failed", "failed"),
        Verdict::Partial => ("cancelled", "partial"),
    };
    let id = take.id.clone();
    let open = move |_| console.send(call::OpenTake { id: id.clone() });
    let duration = time::minutes_and_seconds(take.duration_ms as f64 / 1e3);
    view! {
        <li data-testid="take" data-take=take.id data-state=state title=name>
            <i class="mark" aria-hidden="true"></i>
            <span>{time::moment(take.at_unix_ms)}</span>
            <small>{word} ", " {duration}</small>
            <button on:click=open>"Show"</button>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_show::take::{Edition, Machine};

    fn take(id: &str, demo: &str) -> TakeInfo {
        TakeInfo {
            id: id.into(),
            demo: demo.into(),
            at_unix_ms: 0,
            duration_ms: 1,
            machine: Machine::default(),
            verdict: Verdict::Passed,
            edition: Edition::Todays,
        }
    }

    fn shown(takes: &[TakeInfo], here: Option<&str>) -> Vec<(String, Vec<String>)> {
        let shelf = |shelf: Shelf| {
            let ids = shelf.takes.into_iter().map(|take| take.id).collect();
            (shelf.of.unwrap_or_else(|| "the talk".into()), ids)
        };
        shelves(takes, here).into_iter().map(shelf).collect()
    }

    #[test]
    fn the_takes_of_the_slides_demo_come_first_and_all_say_whose_they_are() {
        let takes = [take("5", "load"), take("4", "copy"), take("3", ""), take("2", "load"), take("1", "copy")];
        let shelf = |of: &str, ids: &[&str]| (of.to_string(), ids.iter().map(ToString::to_string).collect());
        let (load, copy, talk) = (shelf("load", &["5", "2"]), shelf("copy", &["4", "1"]), shelf("the talk", &["3"]));
        let expected = [copy.clone(), talk.clone(), load.clone()];
        assert_eq!(shown(&takes, Some("copy")), expected);
        assert_eq!(shown(&takes, None), [talk.clone(), load.clone(), copy.clone()]);
        assert_eq!(shown(&takes, Some("other")), [talk, load, copy]);
        assert_eq!(shown(&[], Some("copy")), []);
    }
}
