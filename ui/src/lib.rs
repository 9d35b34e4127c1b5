//! Draws the show: the audience's stage and the presenter's console. Knows only `show`: no file, no network, no decision.
//! A program for each window: what the audience sees, and what is handed on, holds nothing of the console.

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
mod start;
mod store;
mod time;
mod trouble;

use greenroom_show::deck::Theme;
use leptos::prelude::*;
use store::{Part, Store};

/// Fills the audience's window; or plays a reel, where the page has brought one.
pub fn audience() {
    console_error_panic_hook::set_once();
    if let Some((head, lines)) = bridge::reel() {
        return mount_to_body(move || player::open(&head, lines));
    }
    fill(|store| {
        bridge::listen(bridge::straight, move |told| store.hear(told));
        Effect::new(move || paint_theme(store.deck_theme()));
        audience::AudienceWindow().into_any()
    });
}

/// Fills the presenter's window.
pub fn presenter() {
    console_error_panic_hook::set_once();
    fill(|store| {
        bridge::listen(bridge::by_value, move |push| store.push(push));
        let theme = RwSignal::new(None);
        Effect::new(move || paint_theme(theme.get().unwrap_or_else(|| store.deck_theme())));
        presenter::Presenter(presenter::PresenterProps { theme }).into_any()
    });
}

/// Fills the start page.
pub fn start() {
    console_error_panic_hook::set_once();
    mount_to_body(|| {
        let theme = RwSignal::new(None);
        Effect::new(move || paint_theme(theme.get().unwrap_or_default()));
        view! { <start::StartPage theme /> }
    });
}

/// With the show; or with why there is none.
fn fill(window: fn(Store) -> AnyView) {
    mount_to_body(move || match bridge::trouble() {
        Some(trouble) => trouble::Trouble(trouble::TroubleProps { trouble }).into_any(),
        None => {
            let store = Store::new();
            provide_context(store);
            window(store)
        }
    });
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
