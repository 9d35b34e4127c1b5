//! Draws the show: the audience's stage and the presenter's console. Knows only `show`: no file, no network, no decision.

mod audience;
mod bridge;
mod keys;
mod marks;
mod pane;
mod planner;
mod player;
mod presenter;
mod slide;
mod stage;
mod store;
mod time;
mod trouble;

use greenroom_show::deck::Theme;
use leptos::prelude::*;
use store::{Part, Store};

/// Which of the two windows this page fills. The shell says it in the page's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Presenter,
    Audience,
}

fn main() {
    console_error_panic_hook::set_once();
    if let Some((head, lines)) = bridge::reel() {
        return mount_to_body(move || player::open(&head, lines));
    }
    mount_to_body(|| match bridge::trouble() {
        Some(trouble) => trouble::Trouble(trouble::TroubleProps { trouble }).into_any(),
        None => Window(WindowProps { view: view() }).into_any(),
    });
}

fn view() -> View {
    let query = window().location().search().unwrap_or_default();
    match web_sys::UrlSearchParams::new_with_str(&query).ok().and_then(|query| query.get("view")).as_deref() {
        Some("audience") => View::Audience,
        _ => View::Presenter,
    }
}

#[component]
fn Window(view: View) -> impl IntoView {
    let store = Store::new();
    provide_context(store);
    bridge::listen(move |push| store.push(push));
    let theme = RwSignal::new(None);
    Effect::new(move || paint_theme(theme.get().unwrap_or_else(|| store.deck_theme())));
    match view {
        View::Presenter => presenter::Presenter(presenter::PresenterProps { theme }).into_any(),
        View::Audience => audience::AudienceWindow().into_any(),
    }
}

fn paint_theme(theme: Theme) {
    let name = match theme {
        Theme::Dark => "dark",
        Theme::Light => "light",
    };
    if let Some(root) = document().document_element() {
        // An attribute of the page's own root element is always writable.
        let _ = root.set_attribute("data-theme", name);
    }
}

impl Store {
    fn deck_theme(&self) -> Theme {
        self.read(&[Part::Deck], |show| show.deck.as_ref().map(|deck| deck.theme).unwrap_or_default())
    }
}
