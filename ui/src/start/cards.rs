//! Talks, demos and takes, each with its state and what one does with it.

use super::{Leaving, Over, Page, heading, is_wanted};
use crate::{
    slide::{Draw, SlideView},
    stage::Stage,
    store::Store,
    time::{day, minutes_and_seconds, moment},
};
use greenroom_show::{
    Show,
    call::window::{Face, Staged},
    deck::Deck,
    start::{DemoCard, Origin, Saying, Shelf, TakeLine, TalkCard},
    take::Verdict,
};
use leptos::prelude::*;

#[component]
pub fn Talks() -> impl IntoView {
    let page = expect_context::<Page>();
    let shelves = page.of(|lobby| lobby.shelves.clone());
    let is_first_time = page.of(|lobby| lobby.is_first_time);
    view! {
        <Head title="Talks" new=Over::NewTalk { from: None } word="New talk" />
        <div class="scroll">
            {move || is_first_time.get().unwrap_or_default().then(|| view! { <Welcome /> })}
            {move || match shelves.get() {
                None => view! { <p class="empty" role="status">"Looking for talks"</p> }.into_any(),
                Some(shelves) => shelves.into_iter().enumerate().map(|(index, shelf)| view! { <TalkShelf index shelf /> }).collect_view().into_any(),
            }}
        </div>
    }
}

#[component]
fn Head(title: &'static str, new: Over, word: &'static str) -> impl IntoView {
    let page = expect_context::<Page>();
    view! {
        <header class="top">
            <h2>{title}</h2>
            <input
                type="search"
                placeholder="Find"
                aria-label="Find"
                data-testid="find"
                prop:value=move || page.wanted.get()
                on:input=move |event| page.wanted.set(event_target_value(&event))
            />
            <button class="new" data-testid="new" on:click=move |_| page.over.set(Some(new.clone()))>{word} <kbd>"N"</kbd></button>
        </header>
    }
}

/// What the first run does, before it does it.
#[component]
fn Welcome() -> impl IntoView {
    let page = expect_context::<Page>();
    /// What there is to see first, where it is there.
    const FIRST: &str = "azcopy-into-blob";
    let first = page.of(|lobby| {
        let demos = || lobby.shelves.iter().flat_map(|shelf| shelf.demos.iter().map(move |demo| (shelf, demo)));
        let chosen =
            demos().find(|(_, demo)| demo.slug == FIRST).or_else(|| demos().find(|(_, demo)| demo.faults.is_empty()));
        chosen.map(|(shelf, demo)| (shelf.folder.path.clone(), demo.clone()))
    });
    move || {
        first.get().flatten().map(|(folder, demo)| {
            let will: Vec<_> = demo.will.iter().map(|line| view! { <li>{line.clone()}</li> }).collect();
            let DemoCard { slug, title, .. } = demo;
            let shown = title.clone();
            let run = move |_| page.put_on_stage(folder.clone(), &title, Staged::Demo(slug.clone()), Face::Alone);
            view! {
                <section class="welcome" data-testid="welcome">
                    <div>
                        <h3>"See it run first"</h3>
                        <p>"The demo “" {shown} "” on this machine, offline. It:"</p>
                        <ul>{will}</ul>
                    </div>
                    <div class="acts">
                        <button class="main" data-testid="first-run" on:click=run>"Open the demo"</button>
                        <p>"There, " <kbd>"Page ↓"</kbd> " runs the next steps."</p>
                        <button on:click=move |_| page.over.set(Some(Over::NewTalk { from: None }))>"Make a talk of your own"</button>
                    </div>
                </section>
            }
        })
    }
}

#[component]
fn TalkShelf(index: usize, shelf: Shelf) -> impl IntoView {
    let page = expect_context::<Page>();
    let title = heading(index, &shelf).map(|title| view! { <h3 class="shelf">{title}</h3> });
    let Shelf { folder, origin, talks, trouble, .. } = shelf;
    let trouble = trouble.map(|trouble| view! { <p class="empty failed" role="alert">{trouble}</p> });
    let empty = (talks.is_empty() && trouble.is_none() && index == 0).then(|| {
        view! {
            <div class="empty" data-testid="no-talks">
                <h3>"No talk here yet"</h3>
                <p>"A talk is a folder with a " <code>"deck.md"</code> ", in Markdown: slides, what you say, and the steps of demos that really run."</p>
                <p>
                    <button class="main" on:click=move |_| page.over.set(Some(Over::NewTalk { from: None }))>"New talk" <kbd>"N"</kbd></button>
                    " makes one of two slides, with a demo of its own, which runs as it is."
                </p>
                <p>
                    <button on:click=move |_| page.over.set(Some(Over::OpenFolder))>"Open folder" <kbd>"O"</kbd></button>
                    " opens talks that lie elsewhere; a folder can be dropped here, too."
                </p>
            </div>
        }
    });
    let found = Memo::new(move |_| {
        let wanted = page.wanted.get();
        let is_found = |talk: &&TalkCard| is_wanted(&wanted, &[&talk.title, &talk.slug]);
        talks.iter().filter(is_found).cloned().collect::<Vec<_>>()
    });
    let cards = move || {
        let folder = folder.path.clone();
        found.get().into_iter().map(|talk| view! { <Talk folder=folder.clone() origin talk /> }).collect_view()
    };
    view! {
        {title}
        {trouble}
        {empty}
        <div class="cards" data-testid="talks">{cards}</div>
    }
}

#[component]
fn Talk(folder: String, origin: Origin, talk: TalkCard) -> impl IntoView {
    let page = expect_context::<Page>();
    let readiness = talk.readiness();
    let Saying { says, todo, demo } = talk.says();
    let facts = facts_of(&talk);
    let TalkCard { slug, title, cover, .. } = talk;
    let todo = match demo {
        Some(demo) => {
            let (folder, shown) = (folder.clone(), demo.clone());
            let run = move |_| page.put_on_stage(folder.clone(), &demo, Staged::Demo(demo.clone()), Face::Alone);
            view! { <p class="todo"><button data-key="d" tabindex="-1" on:click=run>"Open "{shown}" and run it"</button></p> }.into_any()
        }
        None => view! { <p class="todo">{todo}</p> }.into_any(),
    };
    let act = {
        let (folder, title, slug) = (folder.clone(), title.clone(), slug.clone());
        move |face| page.put_on_stage(folder.clone(), &title, Staged::Talk(slug.clone()), face)
    };
    let (present, rehearse, preflight) = (act.clone(), act.clone(), act);
    let leaving = Leaving::Talk { folder: folder.clone(), deck: slug.clone(), title: title.clone() };
    let change = match origin {
        Origin::Own => {
            let draft = Over::Draft { folder: folder.clone(), deck: slug.clone() };
            view! { <button data-key="e" tabindex="-1" on:click=move |_| page.over.set(Some(draft.clone()))>"Edit"</button> }.into_any()
        }
        Origin::Example | Origin::ReadOnly => {
            let copy = Over::NewTalk { from: Some(slug.clone()) };
            view! { <button data-key="e" tabindex="-1" on:click=move |_| page.over.set(Some(copy.clone()))>"Copy"</button> }.into_any()
        }
    };
    let label = format!("{title}: {says}");
    let is_broken = cover.is_none();
    let picture = match cover {
        Some(deck) => view! { <Cover deck=*deck /> }.into_any(),
        None => view! { <p class="none">"This talk cannot be read"</p> }.into_any(),
    };
    view! {
        <article class="card" tabindex="0" data-testid="talk" data-slug=slug data-state=readiness.as_str() aria-label=label>
            <div class="screen">{picture}</div>
            <h4>{title}</h4>
            <p class="facts">{facts}</p>
            <p class="state"><i aria-hidden="true"></i><span>{says}</span></p>
            {todo}
            <div class="acts">
                <button class="main" data-key="Enter" tabindex="-1" disabled=is_broken on:click=move |_| present(Face::Present)>"Present"</button>
                <button data-key="r" tabindex="-1" disabled=is_broken on:click=move |_| rehearse(Face::Rehearse)>"Rehearse"</button>
                <button data-key="p" tabindex="-1" disabled=is_broken on:click=move |_| preflight(Face::Preflight)>"Preflight"</button>
                {change}
                <button data-key="x" tabindex="-1" disabled=is_broken on:click=move |_| page.over.set(Some(Over::Export(leaving.clone())))>"Export"</button>
            </div>
        </article>
    }
}

fn facts_of(talk: &TalkCard) -> String {
    let TalkCard { minutes, slides, demos, rehearsed_unix_ms, runs, .. } = talk;
    let mut facts = Vec::new();
    if *slides > 0 {
        facts.push(format!("{minutes} min"));
        facts.push(many(*slides, "slide"));
    }
    if *demos > 0 {
        facts.push(many(*demos, "demo"));
    }
    facts.push(match rehearsed_unix_ms {
        Some(at) => format!("{} to {}", many(*runs, "run"), moment(*at)),
        None => "never rehearsed".into(),
    });
    facts.join(" · ")
}

pub fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The first slide, as the audience has it.
#[component]
fn Cover(deck: Deck) -> impl IntoView {
    let clicks = deck.slides.first().map(|slide| slide.clicks()).unwrap_or_default();
    let theme = match deck.theme {
        greenroom_show::deck::Theme::Dark => "dark",
        greenroom_show::deck::Theme::Light => "light",
    };
    provide_context(Store::still(Show { deck: Some(deck), ..Show::default() }));
    view! {
        <div class="cover" data-theme=theme aria-hidden="true">
            <Stage><SlideView index=0 reveal=Signal::stored(clicks) draw=Draw::Preview /></Stage>
        </div>
    }
}

#[component]
pub fn Demos() -> impl IntoView {
    let page = expect_context::<Page>();
    let shelves = page.of(|lobby| lobby.shelves.clone());
    view! {
        <Head title="Demos" new=Over::NewDemo word="New demo" />
        <div class="scroll">
            {move || shelves.get().map(|shelves| shelves.into_iter().enumerate().map(|(index, shelf)| view! { <DemoShelf index shelf /> }).collect_view())}
        </div>
    }
}

#[component]
fn DemoShelf(index: usize, shelf: Shelf) -> impl IntoView {
    let page = expect_context::<Page>();
    let title = heading(index, &shelf).map(|title| view! { <h3 class="shelf">{title}</h3> });
    let Shelf { folder, demos, .. } = shelf;
    let empty = (demos.is_empty() && index == 0).then(|| {
        view! {
            <div class="empty">
                <h3>"No demo here yet"</h3>
                <p>"A demo is a Markdown file whose steps really run: a slide cues it, and its figures stand on slides."</p>
                <p><button class="main" on:click=move |_| page.over.set(Some(Over::NewDemo))>"New demo" <kbd>"N"</kbd></button> " makes one that runs as it is."</p>
            </div>
        }
    });
    let rows = move || {
        let wanted = page.wanted.get();
        let found = demos.iter().filter(|demo| is_wanted(&wanted, &[&demo.title, &demo.slug]));
        found.cloned().map(|demo| view! { <Demo folder=folder.path.clone() demo /> }).collect_view()
    };
    view! { {title} {empty} <div class="rows" data-testid="demos">{rows}</div> }
}

#[component]
fn Demo(folder: String, demo: DemoCard) -> impl IntoView {
    let page = expect_context::<Page>();
    let DemoCard { slug, title, minutes, steps, will, faults, passed_unix_ms, takes } = demo;
    let (state, says) = match (faults.first(), passed_unix_ms) {
        (Some(fault), _) => ("red", format!("{}:{} {}", fault.file, fault.line, fault.message)),
        (None, Some(at)) => ("ready", format!("passed {}, {}", moment(at), many(takes, "take"))),
        (None, None) => ("amber", "never passed here: there is no recording to fall back on".into()),
    };
    let is_broken = !faults.is_empty();
    let at = faults.first().map_or(1, |fault| fault.line);
    let run = {
        let (folder, title, slug) = (folder.clone(), title.clone(), slug.clone());
        move |_| page.put_on_stage(folder.clone(), &title, Staged::Demo(slug.clone()), Face::Alone)
    };
    let file = format!("demos/{slug}/demo.md");
    let edit = move |_| page.edit(folder.clone(), file.clone(), at);
    let facts = format!("{minutes} min · {}", many(steps, "step"));
    view! {
        <article class="card row" tabindex="0" data-testid="demo" data-slug=slug data-state=state>
            <div>
                <h4>{title}</h4>
                <p class="facts">{facts}</p>
                <p class="state"><i aria-hidden="true"></i><span>{says}</span></p>
                <p class="will">"It " {will.join("; it ")} "."</p>
            </div>
            <div class="acts">
                <button class="main" data-key="Enter" tabindex="-1" disabled=is_broken on:click=run>"Open"</button>
                <button data-key="e" tabindex="-1" on:click=edit>"Edit"</button>
            </div>
        </article>
    }
}

#[component]
pub fn Takes() -> impl IntoView {
    let page = expect_context::<Page>();
    let takes = page.of(|lobby| (lobby.takes.clone(), lobby.more_takes));
    let rows = move || {
        let (takes, more) = takes.get()?;
        if takes.is_empty() {
            return Some(
                view! {
                    <div class="empty">
                        <h3>"No take here yet"</h3>
                        <p>"Every run of a demo is recorded, and every talk whose clock runs. A take plays again on the same slide when a step fails, and can be handed on as a page, a film or a report."</p>
                        <p>"Open a demo and press " <kbd>"Page ↓"</kbd> "."</p>
                    </div>
                }
                .into_any(),
            );
        }
        let wanted = page.wanted.get();
        let found = takes
            .into_iter()
            .filter(|take| is_wanted(&wanted, &[&take.title, &take.id, take.name.as_deref().unwrap_or_default()]));
        let rows = found.map(|take| view! { <Take take /> }).collect_view();
        let more = (more > 0).then(
            || view! { <p class="empty">{format!("and {more} older ones: ")} <code>"greenroom take list"</code></p> },
        );
        Some(view! { <div class="rows" data-testid="takes">{rows}</div>{more} }.into_any())
    };
    view! {
        <Head title="Takes" new=Over::NewTalk { from: None } word="New talk" />
        <div class="scroll">{rows}</div>
    }
}

#[component]
fn Take(take: TakeLine) -> impl IntoView {
    let page = expect_context::<Page>();
    let TakeLine { folder, id, title, name, demo, deck, at_unix_ms, seconds, bytes, verdict, starred } = take;
    let state = match verdict {
        Verdict::Passed => "ready",
        Verdict::Failed => "red",
        Verdict::Partial => "amber",
    };
    let what = if demo.is_empty() { "talk" } else { "demo" };
    let star = if starred { "★ " } else { "" };
    let shown = name.unwrap_or_else(|| title.clone());
    let facts = format!(
        "{} · {} of a {what} · {:.1} MB · {}",
        day(at_unix_ms),
        minutes_and_seconds(seconds),
        bytes as f64 / 1e6,
        verdict.as_str()
    );
    let staged = Staged::Take { deck, demo, id: id.clone() };
    let title = shown.clone();
    let leaving = Leaving::Take { folder: folder.clone(), id: id.clone(), title: shown.clone() };
    let play = move |_| page.put_on_stage(folder.clone(), &title, staged.clone(), Face::Alone);
    view! {
        <article class="card row" tabindex="0" data-testid="take" data-id=id data-state=state>
            <div>
                <h4>{star}{shown}</h4>
                <p class="state"><i aria-hidden="true"></i><span>{facts}</span></p>
            </div>
            <div class="acts">
                <button class="main" data-key="Enter" tabindex="-1" on:click=play>"Play"</button>
                <button data-key="x" tabindex="-1" on:click=move |_| page.over.set(Some(Over::Export(leaving.clone())))>"Export"</button>
            </div>
        </article>
    }
}
