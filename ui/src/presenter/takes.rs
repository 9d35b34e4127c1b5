//! The takes of this talk and of its demos, newest first. Those of the slide's demo come before all others, and
//! whose they are stands above them.

use super::Console;
use crate::{
    bridge,
    pane::plain_cpu,
    store::{Part, Store},
    time,
};
use greenroom_show::order;
use greenroom_show::{
    Run, call,
    take::{Detail, Label, TakeAct, TakeInfo, Verdict},
    unit::Unit,
};
use leptos::{prelude::*, task::spawn_local};
use std::collections::BTreeMap;

/// All takes, and what is done with them in this window.
#[derive(Debug, Clone, Copy)]
struct Library {
    takes: RwSignal<Vec<TakeInfo>>,
    labels: RwSignal<BTreeMap<String, Label>>,
    details: RwSignal<BTreeMap<String, Detail>>,
    /// The take that was deleted last, which can be brought back.
    deleted: RwSignal<Option<TakeInfo>>,
    /// The take that is being renamed.
    renamed: RwSignal<Option<String>>,
    sought: RwSignal<String>,
    /// How often a take's picture was not to be had: with the next look at the list it is asked for anew.
    missed: StoredValue<BTreeMap<String, u32>>,
}

impl Library {
    fn read(self) {
        spawn_local(async move {
            let (takes, labels) = (bridge::call(call::ListTakes {}).await, bridge::call(call::ReadLabels {}).await);
            let details = bridge::call(call::ReadDetails {}).await;
            // What a list lacks for a moment, the next look brings.
            if let (Ok(takes), Ok(labels), Ok(details)) = (takes, labels, details) {
                self.takes.set(takes);
                self.labels.set(labels);
                self.details.set(details);
            }
        });
    }

    fn act(self, console: Console, take: &TakeInfo, act: TakeAct) {
        let take = take.clone();
        spawn_local(async move {
            let done = bridge::call(call::ActOnTake { id: take.id.clone(), act: act.clone() }).await;
            if done.is_ok() {
                match act {
                    TakeAct::Delete => self.deleted.set(Some(take)),
                    TakeAct::Undelete => self.deleted.set(None),
                    TakeAct::Star | TakeAct::Unstar | TakeAct::Rename(_) => {}
                }
            }
            console.refused.set(done.err().map(|error| error.to_string()));
            self.read();
        });
    }
}

#[component]
pub fn Takes() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let library = Library {
        takes: RwSignal::new(vec![]),
        labels: RwSignal::new(BTreeMap::new()),
        details: RwSignal::new(BTreeMap::new()),
        deleted: RwSignal::new(None),
        renamed: RwSignal::new(None),
        sought: RwSignal::new(String::new()),
        missed: StoredValue::new(BTreeMap::new()),
    };
    provide_context(library);
    let takes = library.takes;
    // A take is new when a demo has come to rest, another deck is on stage, or what was done with takes is said.
    let moment = Memo::new(move |_| {
        store.read(&[Part::Deck, Part::Steps, Part::Replay, Part::Notices], |show| {
            let running = show.runs.values().filter_map(Run::running).next();
            let said = show.notices.back().map(|notice| notice.text.clone());
            (show.deck.as_ref().map(|deck| deck.hash.clone()), running, show.active.clone(), said)
        })
    });
    let here = Memo::new(move |_| {
        store.read(&[Part::Deck, Part::Position], |show| Some(show.slide()?.cue.as_ref()?.demo.clone()))
    });
    Effect::new(move || {
        if moment.get().0.is_some() {
            library.read();
        }
    });
    view! {
        <section class="takes" data-testid="takes">
            <header>
                <h3>"Takes"</h3>
                <button class="booth" data-testid="booth" title="Slides and takes go round unattended, or no longer (Shift B)" on:click=move |_| console.send(call::ToggleBooth {})>
                    {move || if store.read(&[Part::Position, Part::Replay], |show| show.live().booth.is_some()) { "End booth" } else { "Booth" }}
                </button>
                <Show when=move || !takes.read().is_empty()>
                    <input
                        type="search"
                        placeholder="Search"
                        aria-label="Search takes"
                        data-testid="search-takes"
                        on:input=move |event| library.sought.set(event_target_value(&event))
                    />
                </Show>
            </header>
            {move || library.deleted.get().map(|take| {
                let undo = move |_| library.act(console, &take, TakeAct::Undelete);
                view! { <p class="deleted" data-testid="deleted">"Deleted. " <button on:click=undo>"Undo"</button></p> }
            })}
            <Show when=move || takes.read().is_empty()>
                <p class="empty">"None yet. Every run of a demo is one, and every talk whose clock runs."</p>
            </Show>
            {move || {
                let sought = library.sought.read();
                let found: Vec<_> = {
                    let (takes, labels, details) = (takes.read(), library.labels.read(), library.details.read());
                    let of = |take: &TakeInfo| name(store, (!take.is_of_talk()).then_some(take.demo.as_str()));
                    let is_found = |take: &&TakeInfo| {
                        let words = format!("{} {}", of(take), details.get(&take.id).map(|detail| detail.deck.as_str()).unwrap_or_default());
                        is_found(take, labels.get(&take.id), &words, &sought)
                    };
                    takes.iter().filter(is_found).cloned().collect()
                };
                let shelves = shelves(&found, here.read().as_deref()).into_iter().map(|shelf| {
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

/// Whether all words that are sought stand in what is said of a take.
fn is_found(take: &TakeInfo, label: Option<&Label>, of: &str, sought: &str) -> bool {
    let (verdict, label) = (take.verdict.as_str(), label.cloned().unwrap_or_default());
    let star = if label.starred { "starred" } else { "" };
    let said = format!("{of} {} {verdict} {star} {} {}", label.name.unwrap_or_default(), take.machine.cpu, take.id);
    let said = said.to_lowercase();
    sought.to_lowercase().split_whitespace().all(|word| said.contains(word))
}

fn is_cut(detail: &Detail) -> bool {
    detail.begins.is_some() || detail.ends.is_some()
}

/// Of which deck, and on which machine.
fn origin(take: &TakeInfo, detail: &Detail) -> String {
    let machine = &take.machine;
    let cores = if machine.cores == 1 { "1 core".to_string() } else { format!("{} cores", machine.cores) };
    let words = [detail.deck.clone(), plain_cpu(&machine.cpu), cores];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
}

/// For style.
fn state(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed | Verdict::Failed => verdict.as_str(),
        Verdict::Partial => "cancelled",
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
    order::sort_by_key(&mut shelves, |shelf| match &shelf.of {
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
    let library = expect_context::<Library>();
    let (state, word) = (state(take.verdict), take.verdict.as_str());
    let label = library.labels.read().get(&take.id).cloned().unwrap_or_default();
    let duration = time::minutes_and_seconds(take.duration_ms as f64 / 1e3);
    let moment = time::moment(take.at_unix_ms);
    let detail = library.details.read().get(&take.id).cloned().unwrap_or_default();
    let length = if is_cut(&detail) { format!("cut, of {duration}") } else { duration };
    let size = Unit::Bytes.say(detail.bytes as f64);
    let (title, said) = match &label.name {
        // What it is of stands above it.
        Some(own) => (
            own.strip_prefix(&format!("{name}, ")).unwrap_or(own).to_string(),
            format!("{moment}, {word}, {length}, {size}"),
        ),
        None => (moment, format!("{word}, {length}, {size}")),
    };
    let from = origin(&take, &detail);
    let open = {
        let id = take.id.clone();
        move |_| console.send(call::OpenTake { id: id.clone() })
    };
    let acts = |act: fn() -> TakeAct| {
        let take = take.clone();
        move |_| library.act(console, &take, act())
    };
    let compare = {
        let id = take.id.clone();
        let lies = {
            let id = id.clone();
            Memo::new(move |_| {
                console.store.read(&[Part::Steps, Part::Curves, Part::Replay], |show| {
                    show.ghost.as_ref().is_some_and(|ghost| ghost.take == id)
                })
            })
        };
        let lay = move |_| match lies.get_untracked() {
            true => console.send(call::ToggleGhost {}),
            false => console.send(call::LayGhost { id: id.clone() }),
        };
        move || {
            view! {
                <button class="compare" data-testid="compare" aria-label="Compare" title="Compare: lay it under the charts (Shift H)" aria-pressed=move || lies.get().to_string() on:click=lay.clone()>
                    <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M2 13c4 0 5-8 9-8 3 0 4 4 7 4" /><path class="dashed" d="M2 17c4 0 5-6 9-6 3 0 4 3 7 3" /></svg>
                </button>
            }
        }
    };
    let (star, delete) =
        (if label.starred { acts(|| TakeAct::Unstar) } else { acts(|| TakeAct::Star) }, acts(|| TakeAct::Delete));
    let named = {
        let (take, own) = (take.clone(), label.name.clone().unwrap_or_default());
        move || {
            let id = take.id.clone();
            if library.renamed.read().as_ref() != Some(&id) {
                return view! { <button class="name" title="Rename" on:click=move |_| library.renamed.set(Some(id.clone()))>{title.clone()}</button> }.into_any();
            }
            let (take, before) = (take.clone(), own.clone());
            let said = move |event: web_sys::Event| {
                library.renamed.set(None);
                let name = event_target_value(&event);
                if name.trim() != before {
                    library.act(console, &take, TakeAct::Rename(name));
                }
            };
            view! { <input class="name" aria-label="Name" prop:value=own.clone() autofocus on:change=said on:blur=move |_| library.renamed.set(None) /> }.into_any()
        }
    };
    let poster = {
        let missed = library.missed.with_value(|missed| missed.get(&take.id).copied().unwrap_or_default());
        let level = console.store.peek(|show| show.version.level);
        let (length, cut) = (take.duration_ms, (detail.begins, detail.ends));
        bridge::poster_url(&take.id, &format!("{missed}-{level:?}-{length}-{cut:?}"))
    };
    let (is_drawn, id) = (RwSignal::new(false), take.id.clone());
    let is_missed = move |_| library.missed.update_value(|missed| *missed.entry(id.clone()).or_default() += 1);
    view! {
        <li data-testid="take" data-take=take.id.clone() data-state=state data-starred=label.starred.to_string() title=name>
            <button class="poster" data-testid="open-take" aria-label="Show" title="Show it on stage" on:click=open>
                <img src=poster alt="" loading="lazy" data-drawn=move || is_drawn.get().to_string() on:load=move |_| is_drawn.set(true) on:error=is_missed />
            </button>
            <i class="mark" aria-hidden="true"></i>
            <div>{named}<small>{said} <span>{from}</span></small></div>
            {compare}
            <button class="star" aria-label="Star" title="Kept, and shown by V before others" aria-pressed=label.starred.to_string() on:click=star>
                <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M10 2.2l2.4 5 5.4.7-4 3.8 1 5.4-4.8-2.7-4.8 2.7 1-5.4-4-3.8 5.4-.7z" /></svg>
            </button>
            <button class="delete" aria-label="Delete" title="Delete; it can be brought back" on:click=delete>"×"</button>
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
    fn a_take_is_found_by_any_words_that_are_said_of_it() {
        let take = take("20261129T101500Z-copy", "copy");
        let label = Label { name: Some("Before the keynote".into()), starred: true };
        for found in ["", "keynote", "azcopy passed", "STARRED before", "20261129"] {
            assert!(is_found(&take, Some(&label), "AzCopy into Blob", found), "{found}");
        }
        assert!(!is_found(&take, Some(&label), "AzCopy into Blob", "keynote failed"));
        assert!(!is_found(&take, None, "AzCopy into Blob", "starred"));
    }

    #[test]
    fn a_take_says_where_it_is_from_and_whether_it_is_cut() {
        let machine = Machine { cpu: "Fast(R) CPU @ 3 GHz".into(), cores: 8, ..Machine::default() };
        let take = TakeInfo { machine, ..take("1", "copy") };
        let mut detail = Detail { deck: "azcopy-field".into(), bytes: 12_000_000, begins: None, ends: None };
        assert_eq!(origin(&take, &detail), "azcopy-field, Fast, 8 cores");
        assert!(!is_cut(&detail));
        detail.ends = Some(5);
        assert!(is_cut(&detail));
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
