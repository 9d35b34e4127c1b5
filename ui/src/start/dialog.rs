//! What is asked before something is made, opened or handed on.

use super::{Leaving, Page, Section};
use greenroom_show::{
    deck::Level,
    start::{self, Folder, Origin},
    take::Form,
};
use leptos::{ev::SubmitEvent, html, prelude::*};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Talk,
    Demo,
}

#[component]
pub fn Frame(title: String, children: Children) -> impl IntoView {
    let page = expect_context::<Page>();
    let label = title.clone();
    view! {
        <div class="overlay" role="dialog" aria-label=label data-testid="dialog">
            <div class="board dialog">
                <header><h2>{title}</h2><button type="button" on:click=move |_| page.over.set(None)>"Close" <kbd>"Esc"</kbd></button></header>
                {children()}
                <Why />
            </div>
        </div>
    }
}

/// Why what was asked for was not done.
#[component]
fn Why() -> impl IntoView {
    let page = expect_context::<Page>();
    move || page.said.get().filter(|said| said.failed).map(|said| view! { <p class="why" role="alert">{said.text}</p> })
}

#[component]
pub fn New(kind: Kind, from: Option<String>) -> impl IntoView {
    let page = expect_context::<Page>();
    page.said.set(None);
    let name = NodeRef::<html::Input>::new();
    name.on_load(|input| {
        let _ = input.focus();
    });
    let talks = page.of(|lobby| {
        let talks = lobby.shelves.iter().flat_map(|shelf| &shelf.talks).filter(|talk| talk.cover.is_some());
        talks.map(|talk| (talk.slug.clone(), talk.title.clone())).collect::<Vec<_>>()
    });
    let chosen = RwSignal::new(from.clone().unwrap_or_default());
    let place = page.of(|lobby| lobby.shelves.first().map(|shelf| (shelf.folder.shown.clone(), shelf.origin)));
    let place = move || match place.get().flatten() {
        Some((shown, Origin::Own)) => format!("It will lie in {shown}."),
        _ => "It will lie in your own folder of talks, which opens then.".to_owned(),
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let name = name.get().map(|input| input.value()).unwrap_or_default();
        match kind {
            Kind::Talk => {
                let from = Some(chosen.get_untracked()).filter(|from| !from.is_empty());
                page.ask(start::NewTalk { name, from }, move |slug| {
                    page.section.set(Section::Talks);
                    page.wanted.set(String::new());
                    page.over.set(None);
                    page.tell(format!("slides/{slug}/deck.md is there: Edit opens it, Present shows it as it is"));
                });
            }
            Kind::Demo => page.ask(start::NewDemo { name }, move |slug| {
                page.section.set(Section::Demos);
                page.over.set(None);
                page.tell(format!("demos/{slug}/demo.md is there: Edit opens it, Open runs it as it is"));
            }),
        }
    };
    let like = (kind == Kind::Talk).then(|| {
        view! {
            <label>
                <span>"Begin with"</span>
                <select data-testid="from" on:change=move |event| chosen.set(event_target_value(&event))>
                    <option value="" selected=move || chosen.get().is_empty()>"Two slides and a demo, with words that teach"</option>
                    {move || talks.get().unwrap_or_default().into_iter().map(|(slug, title)| {
                        let is_chosen = chosen.get_untracked() == slug;
                        view! { <option value=slug selected=is_chosen>{format!("A copy of: {title}")}</option> }
                    }).collect_view()}
                </select>
            </label>
        }
    });
    let title = match (kind, from.is_some()) {
        (Kind::Talk, false) => "New talk",
        (Kind::Talk, true) => "Copy a talk",
        (Kind::Demo, _) => "New demo",
    };
    view! {
        <Frame title=title.to_owned()>
            <form on:submit=submit>
                <label><span>"Its title"</span><input node_ref=name data-testid="name" maxlength="200" placeholder="My customer" /></label>
                {like}
                <p class="note">{place}</p>
                <p class="acts"><button class="main" data-testid="make">"Make it"</button></p>
            </form>
        </Frame>
    }
}

#[component]
pub fn Open() -> impl IntoView {
    let page = expect_context::<Page>();
    page.said.set(None);
    let path = NodeRef::<html::Input>::new();
    path.on_load(|input| {
        let _ = input.focus();
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        page.open_folder(path.get().map(|input| input.value()).unwrap_or_default());
    };
    let recent = page.of(|lobby| lobby.recent.clone());
    let row = move |Folder { path, shown }: Folder| {
        let (open, gone) = (path.clone(), path);
        view! {
            <li>
                <button class="name" type="button" on:click=move |_| page.open_folder(open.clone())>{shown}</button>
                <button type="button" on:click=move |_| page.ask(start::ForgetFolder { path: gone.clone() }, |()| ())>"Forget"</button>
            </li>
        }
    };
    let recent = move || {
        let recent = recent.get().unwrap_or_default();
        (!recent.is_empty()).then(|| {
            view! { <h3>"Open before"</h3><ul class="recent" data-testid="recent">{recent.into_iter().map(row).collect_view()}</ul> }
        })
    };
    view! {
        <Frame title="Open folder".to_owned()>
            <form on:submit=submit>
                <label><span>"A project, or any file in it"</span><input node_ref=path data-testid="path" placeholder="~/Documents/Greenroom" spellcheck="false" /></label>
                <p class="note">"A project has a folder " <code>"slides"</code> " with a folder for each talk. Nothing is written into one that you only look at; it may be on a read-only or a network disk."</p>
                <p class="acts">
                    <button class="main" data-testid="open">"Open"</button>
                    <button type="button" on:click=move |_| page.choose_folder()>"Choose…"</button>
                </p>
            </form>
            {recent}
        </Frame>
    }
}

#[component]
pub fn Export(leaving: Leaving) -> impl IntoView {
    let page = expect_context::<Page>();
    page.said.set(None);
    let level = RwSignal::new(Level::Public);
    let (title, forms, levels) = match &leaving {
        Leaving::Talk { title, .. } => (title.clone(), page.of(|lobby| lobby.talk_forms.clone()), true),
        Leaving::Take { title, .. } => (title.clone(), page.of(|lobby| lobby.take_forms.clone()), false),
    };
    let levels = levels.then(|| {
        let choice = move |of: Level| {
            view! { <button type="button" aria-pressed=move || (level.get() == of).to_string() on:click=move |_| level.set(of)>{of.as_str()}</button> }
        };
        view! { <div class="choices"><span>"For"</span>{Level::ALL.map(choice).collect_view()}<p class="note">"Nothing above that leaves."</p></div> }
    });
    let row = move |Form { name, holds }: Form| {
        let (form, id, leaving) = (name.clone(), name.clone(), leaving.clone());
        let begin = move |_| {
            let form = form.clone();
            match leaving.clone() {
                Leaving::Talk { folder, deck, .. } => {
                    page.ask(start::ExportTalk { folder, deck, form, level: level.get_untracked() }, move |()| {
                        page.over.set(None)
                    });
                }
                Leaving::Take { folder, id, .. } => {
                    page.ask(start::ExportTake { folder, id, form }, move |()| page.over.set(None));
                }
            }
        };
        view! { <li><button type="button" data-form=id on:click=begin>{name}</button><span>{holds}</span></li> }
    };
    view! {
        <Frame title=format!("Export: {title}")>
            {levels}
            <ul class="forms">{move || forms.get().unwrap_or_default().into_iter().map(row.clone()).collect_view()}</ul>
        </Frame>
    }
}
