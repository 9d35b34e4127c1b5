//! The start page by keys: arrows go from card to card, a letter does what the card's button does.

use super::{Over, Page, Section, dialog::Frame};
use crate::keys;
use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;

const ARROWS: [&str; 4] = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

/// What the foot says.
pub fn hints(section: Section) -> &'static str {
    match section {
        Section::Talks => {
            "Arrows choose · Enter presents · R rehearses · P preflight · E edits · X exports · N new talk · ? all keys"
        }
        Section::Demos => "Arrows choose · Enter opens · E edits · N new demo · ? all keys",
        Section::Takes => "Arrows choose · Enter plays · X exports · ? all keys",
        Section::Settings | Section::Machine => "1 to 5 go to a page · ? all keys",
    }
}

const TABLE: [(&str, &str); 13] = [
    ("1 – 5", "Talks, demos, takes, settings, this machine"),
    ("← ↑ ↓ →", "From card to card"),
    ("Enter", "Present the talk, open the demo, play the take"),
    ("R", "Rehearse: without a window for the audience, with how past runs went"),
    ("P", "Preflight: all that the talk needs"),
    ("D", "The demo that the talk's card names: open it, to run it once"),
    ("E", "Edit: slides and faults as you save; of an example, copy it"),
    ("X", "Export: as PDF, PowerPoint, a page; of a take, films and tables too"),
    ("N", "New talk, or new demo"),
    ("O", "Open another folder"),
    ("/", "Find"),
    ("F or F11", "Full screen"),
    ("Esc", "Close what is open"),
];

#[component]
pub fn Help() -> impl IntoView {
    let row = |(key, what): &(&'static str, &'static str)| view! { <dt><kbd>{*key}</kbd></dt><dd>{*what}</dd> };
    view! { <Frame title="Keys".to_owned()><dl class="keys">{TABLE.iter().map(row).collect_view()}</dl></Frame> }
}

pub fn listen(page: Page) {
    let listener = window_event_listener(ev::keydown, move |event| {
        let Some(key) = keys::name(&event) else { return };
        let active = document().active_element();
        let is = |selector: &str| active.as_ref().is_some_and(|element| element.matches(selector).unwrap_or(false));
        if is("input, select, textarea") && key != "Escape" {
            return;
        }
        if event.repeat() && !ARROWS.contains(&key.as_str()) {
            return;
        }
        // A button that was reached by Tab takes its own.
        if matches!(key.as_str(), "Enter" | " ") && is("button:focus-visible") {
            return;
        }
        if press(page, &key) {
            event.prevent_default();
        }
    });
    let menu = window_event_listener(ev::contextmenu, |event| event.prevent_default());
    on_cleanup(move || {
        listener.remove();
        menu.remove();
    });
}

/// Whether it means anything here.
fn press(page: Page, key: &str) -> bool {
    if key == "Escape" {
        return back_out(page);
    }
    if page.over.read_untracked().is_some() {
        return false;
    }
    match key {
        "1" | "2" | "3" | "4" | "5" => {
            let index = key.parse::<usize>().unwrap_or(1) - 1;
            page.section.set(Section::ALL[index]);
        }
        "n" => page.over.set(Some(match page.section.get_untracked() {
            Section::Demos => Over::NewDemo,
            _ => Over::NewTalk { from: None },
        })),
        "o" => page.over.set(Some(Over::OpenFolder)),
        "?" | "F1" => page.over.set(Some(Over::Help)),
        "/" => return focus("input[type=search]"),
        "f" | "F11" => page.ask(greenroom_show::call::window::ToggleFullScreen {}, |()| ()),
        arrow if ARROWS.contains(&arrow) => return walk(arrow),
        key => return press_button(key),
    }
    true
}

fn back_out(page: Page) -> bool {
    if page.over.read_untracked().is_some() {
        page.over.set(None);
        page.said.set(None);
    } else if !page.wanted.read_untracked().is_empty() {
        page.wanted.set(String::new());
    } else if page.said.read_untracked().is_some() {
        page.said.set(None);
    } else if let Some(active) = html_element(document().active_element()) {
        return active.blur().is_ok();
    }
    true
}

fn focus(selector: &str) -> bool {
    let found = html_element(document().query_selector(selector).ok().flatten());
    found.is_some_and(|element| element.focus().is_ok())
}

/// The button of the chosen card that a key stands for.
fn press_button(key: &str) -> bool {
    let card = document().active_element().filter(|element| element.matches(".card").unwrap_or(false));
    let button = card.and_then(|card| card.query_selector(&format!("button[data-key='{key}']")).ok().flatten());
    let Some(button) = html_element(button) else { return false };
    button.click();
    true
}

fn html_element(element: Option<web_sys::Element>) -> Option<web_sys::HtmlElement> {
    element?.dyn_into().ok()
}

/// To the nearest card that way; to the first where none is chosen.
fn walk(arrow: &str) -> bool {
    let Ok(list) = document().query_selector_all(".card") else { return false };
    let cards: Vec<_> =
        (0..list.length()).filter_map(|index| list.get(index)?.dyn_into::<web_sys::HtmlElement>().ok()).collect();
    let boxes: Vec<_> = cards
        .iter()
        .map(|card| {
            let found = card.get_bounding_client_rect();
            (found.left() + found.width() / 2.0, found.top() + found.height() / 2.0)
        })
        .collect();
    let active = document().active_element();
    let from = cards.iter().position(|card| active.as_ref().is_some_and(|active| active.is_same_node(Some(card))));
    let Some(to) = next(&boxes, from, arrow) else { return from.is_some() };
    cards[to].focus().is_ok()
}

fn next(centres: &[(f64, f64)], from: Option<usize>, arrow: &str) -> Option<usize> {
    let Some(from) = from else { return (!centres.is_empty()).then_some(0) };
    let (x, y) = centres[from];
    let way = |index: usize| {
        let (dx, dy) = (centres[index].0 - x, centres[index].1 - y);
        match arrow {
            "ArrowLeft" => (-dx, dy),
            "ArrowRight" => (dx, dy),
            "ArrowUp" => (-dy, dx),
            _ => (dy, dx),
        }
    };
    // To the side counts three times: a card straight below goes before one that is nearer and beside.
    let far = |index: &usize| {
        let (ahead, aside) = way(*index);
        ahead + 3.0 * aside.abs()
    };
    let there = (0..centres.len()).filter(|index| way(*index).0 > 1.0);
    let in_line = there.clone().filter(|index| way(*index).1.abs() < 1.0 || matches!(arrow, "ArrowUp" | "ArrowDown"));
    in_line.min_by(|a, b| far(a).total_cmp(&far(b))).or_else(|| match arrow {
        // At the end of a line the next one begins.
        "ArrowRight" => (from + 1 < centres.len()).then_some(from + 1),
        "ArrowLeft" => from.checked_sub(1),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn arrows_go_to_the_nearest_card_that_way() {
        // Three in a line, two below.
        let cards = [(1.0, 1.0), (5.0, 1.0), (9.0, 1.0), (1.0, 5.0), (5.0, 5.0)].map(|(x, y)| (x * 100.0, y * 100.0));
        for (from, arrow, to) in [
            (None, "ArrowDown", Some(0)),
            (Some(0), "ArrowRight", Some(1)),
            (Some(0), "ArrowDown", Some(3)),
            (Some(2), "ArrowDown", Some(4)),
            (Some(2), "ArrowRight", Some(3)),
            (Some(3), "ArrowLeft", Some(2)),
            (Some(4), "ArrowUp", Some(1)),
            (Some(0), "ArrowUp", None),
            (Some(4), "ArrowRight", None),
            (Some(0), "ArrowLeft", None),
        ] {
            assert_eq!(next(&cards, from, arrow), to, "{from:?} {arrow}");
        }
        assert_eq!(next(&[], None, "ArrowDown"), None);
    }
}
