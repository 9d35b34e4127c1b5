//! A talk while it is written: its slides as they are on disk now, what is wrong beside them, and a way into the user's editor at the line.

use super::Page;
use crate::{
    bridge, paint_theme,
    slide::{Draw, SlideView},
    stage::Stage,
    store::Store,
};
use greenroom_show::{
    Show,
    call::window::{Face, Staged},
    deck::Deck,
    start::{Draft, Place, ReadDraft},
};
use leptos::{ev, prelude::*, task::spawn_local};
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(400);

#[component]
pub fn Desk(folder: String, deck: String) -> impl IntoView {
    let page = expect_context::<Page>();
    page.said.set(None);
    let draft = RwSignal::new(None::<Draft>);
    let failed = RwSignal::new(None::<String>);
    let at = RwSignal::new(0_usize);
    let asked = StoredValue::new((folder.clone(), deck.clone()));
    let is_asking = StoredValue::new(false);
    let look = move || {
        if is_asking.try_get_value() != Some(false) {
            return;
        }
        is_asking.set_value(true);
        spawn_local(async move {
            let Some((folder, deck)) = asked.try_get_value() else { return };
            let read = bridge::call(ReadDraft { folder, deck }).await;
            let _ = is_asking.try_set_value(false);
            match read {
                Ok(read) => {
                    let _ = failed.try_set(None);
                    if draft.try_read_untracked().is_some_and(|draft| draft.as_ref() != Some(&read)) {
                        if let (Some(Some(old)), Some(new)) = (draft.try_get_untracked(), &read.deck)
                            && let Some(changed) = old.deck.and_then(|old| changed(&old, new))
                        {
                            let _ = at.try_set(changed);
                        }
                        let _ = draft.try_set(Some(read));
                    }
                }
                Err(error) => {
                    let _ = failed.try_set(Some(error.to_string()));
                }
            }
        });
    };
    look();
    if let Ok(timer) = set_interval_with_handle(look, LOOK_EVERY) {
        on_cleanup(move || timer.clear());
    }
    let count = Memo::new(move |_| {
        draft.read().as_ref().and_then(|draft| draft.deck.as_ref()).map_or(0, |deck| deck.slides.len())
    });
    let go = move |by: isize| {
        at.update(|at| *at = at.saturating_add_signed(by).min(count.get_untracked().saturating_sub(1)))
    };
    let keys = window_event_listener(ev::keydown, move |event| match event.key().as_str() {
        "ArrowRight" | "PageDown" => go(1),
        "ArrowLeft" | "PageUp" => go(-1),
        _ => {}
    });
    on_cleanup(move || keys.remove());
    let theme = page.settings.get_untracked().theme;
    // The slide is as the deck says; the page goes back to what is set.
    on_cleanup(move || paint_theme(theme.unwrap_or_default()));
    let title =
        Memo::new(move |_| draft.read().as_ref().and_then(|draft| draft.deck.as_ref()).map(|deck| deck.title.clone()));
    let named = deck.clone();
    let shown = move || {
        let index = at.get().min(count.get().saturating_sub(1));
        let state = draft.read().as_ref().and_then(|draft| Some((draft.deck.clone()?, draft.demos.clone())));
        match state {
            Some((deck, demos)) => {
                paint_theme(theme.unwrap_or(deck.theme));
                view! { <Preview deck=*deck demos index /> }.into_any()
            }
            None => view! { <p class="none">"Nothing of it can be shown yet"</p> }.into_any(),
        }
    };
    let (own, other) = (folder.clone(), folder.clone());
    let line = Memo::new(move |_| {
        let index = at.get();
        draft.read().as_ref().and_then(|draft| Some(draft.deck.as_ref()?.slides.get(index)?.line)).unwrap_or(1)
    });
    let file = format!("slides/{deck}/deck.md");
    let open = move |_| page.edit(own.clone(), file.clone(), line.get_untracked());
    let present = move |_| page.put_on_stage(other.clone(), &deck, Staged::Talk(deck.clone()), Face::Present);
    let list = {
        let folder = folder.clone();
        move || draft.get().map(|draft| view! { <Wrong folder=folder.clone() draft /> })
    };
    view! {
        <div class="overlay draft" role="dialog" aria-label="Edit" data-testid="draft">
            <header>
                <h2>{move || title.get().unwrap_or_else(|| named.clone())}</h2>
                <p class="place">{move || format!("slide {} of {}", at.get() + 1, count.get())}</p>
                <button on:click=move |_| go(-1) aria-label="Slide before">"←"</button>
                <button on:click=move |_| go(1) aria-label="Slide after">"→"</button>
                <button class="main" data-testid="edit-here" on:click=open>{move || format!("Edit here: line {}", line.get())}</button>
                <button on:click=present>"Present"</button>
                <button on:click=move |_| page.over.set(None)>"Close" <kbd>"Esc"</kbd></button>
            </header>
            <div class="screen">{shown}</div>
            <aside>
                {move || failed.get().map(|error| view! { <p class="why" role="alert">{error}</p> })}
                {list}
            </aside>
        </div>
    }
}

/// The slide that was edited: the first that differs.
fn changed(old: &Deck, new: &Deck) -> Option<usize> {
    let same = |index: &usize| {
        let (old, new) = (old.slides.get(*index), new.slides.get(*index));
        // One that has only moved down is the same.
        match (old, new) {
            (Some(old), Some(new)) => {
                old.title == new.title && old.body == new.body && old.cue == new.cue && old.layout == new.layout
            }
            _ => false,
        }
    };
    (0..new.slides.len()).find(|index| !same(index))
}

#[component]
fn Preview(
    deck: Deck,
    demos: std::collections::BTreeMap<String, greenroom_show::demo::Demo>,
    index: usize,
) -> impl IntoView {
    let clicks = deck.slides.get(index).map(|slide| slide.clicks()).unwrap_or_default();
    provide_context(Store::still(Show { deck: Some(deck), demos, ..Show::default() }));
    view! { <Stage><SlideView index reveal=Signal::stored(clicks) draw=Draw::Preview /></Stage> }
}

/// Faults, then warnings, then the files; each leads into the editor.
#[component]
fn Wrong(folder: String, draft: Draft) -> impl IntoView {
    let page = expect_context::<Page>();
    let row = {
        let folder = folder.clone();
        move |Place { file, line, message }: Place| {
            let (folder, shown) = (folder.clone(), format!("{file}:{line}"));
            view! {
                <li><button on:click=move |_| page.edit(folder.clone(), file.clone(), line)>{shown}</button><span>{message}</span></li>
            }
        }
    };
    let Draft { faults, warnings, files, .. } = draft;
    let verdict = match (faults.len(), warnings.len()) {
        (0, 0) => ("ready", "No faults".to_owned()),
        (0, warnings) => ("amber", super::cards::many(warnings, "warning")),
        (faults, _) => ("red", super::cards::many(faults, "fault")),
    };
    let file = move |file: String| {
        let (folder, shown) = (folder.clone(), file.clone());
        view! { <li><button on:click=move |_| page.edit(folder.clone(), file.clone(), 1)>{shown}</button></li> }
    };
    view! {
        <p class="state" data-state=verdict.0 data-testid="draft-state"><i aria-hidden="true"></i><span>{verdict.1}</span></p>
        <ul class="wrong" data-testid="faults">{faults.into_iter().chain(warnings).map(row).collect_view()}</ul>
        <h3>"Files"</h3>
        <ul class="files">{files.into_iter().map(file).collect_view()}</ul>
        <p class="note">"Save a file, and the slide that changed is shown here."</p>
    }
}
