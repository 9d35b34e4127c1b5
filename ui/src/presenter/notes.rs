//! The narrative of the slide: what was said quiet, what is said now bright and in view.

use super::Console;
use crate::store::Part;
use greenroom_show::{
    Show,
    deck::{Beat, Level},
};
use leptos::{html, prelude::*};

/// Pixels above the first line of what does not fit.
const ABOVE: f64 = 24.0;

#[component]
pub fn Notes() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let beats = Memo::new(move |_| {
        store.read(&[Part::Deck, Part::Position], |show| {
            show.slide().map(|slide| slide.beats.clone()).unwrap_or_default()
        })
    });
    let level = Memo::new(move |_| {
        store.read(&[Part::Deck], |show| show.deck.as_ref().map(|deck| deck.audience)).unwrap_or_default()
    });
    let current = Memo::new(move |_| {
        store.read(&[Part::Deck, Part::Position], |show| {
            show.slide().map_or(0, |slide| Show::beat(slide, show.position.reveal))
        })
    });
    let pane = NodeRef::<html::Section>::new();
    Effect::new(move || {
        beats.track();
        current.track();
        console.notes.track();
        // Once the browser has laid out what has changed.
        request_animation_frame(move || pane.get_untracked().into_iter().for_each(|pane| bring_into_view(&pane)));
    });
    let size = move || format!("font-size: {}px", console.notes_px());
    let words = move || {
        let (beats, level) = (beats.get(), level.get());
        if beats.iter().all(|beat| beat.paragraphs.is_empty()) {
            return view! { <p class="empty">"Nothing to say on this slide."</p> }.into_any();
        }
        let beats = beats.into_iter().enumerate();
        beats.map(|(index, beat)| spoken(index, beat, level, current)).collect::<Vec<_>>().into_any()
    };
    view! { <section class="notes" data-testid="notes" aria-label="Narrative" style=size node_ref=pane>{words}</section> }
}

fn spoken(index: usize, beat: Beat, level: Level, current: Memo<usize>) -> AnyView {
    let paragraphs: Vec<_> = beat
        .paragraphs
        .into_iter()
        .map(|spoken| {
            // What holds for the whole deck would stand before every paragraph.
            let differs = (spoken.level != level).then(|| spoken.level.as_str());
            view! { <p>{differs.map(|level| view! { <small class="level">{level}</small> })}{spoken.text}</p> }
        })
        .collect();
    view! {
        <div
            class="beat"
            data-beat=index
            class:past=move || index < current.get()
            class:current=move || index == current.get()
            aria-current=move || (index == current.get()).then_some("step")
        >
            {paragraphs}
        </div>
    }
    .into_any()
}

fn bring_into_view(pane: &web_sys::Element) {
    let Ok(Some(beat)) = pane.query_selector(".beat.current") else { return };
    let (pane_box, beat_box) = (pane.get_bounding_client_rect(), beat.get_bounding_client_rect());
    let top = beat_box.top() - pane_box.top() + f64::from(pane.scroll_top());
    pane.set_scroll_top(in_view(top, beat_box.height(), pane_box.height()) as i32);
}

/// How far a pane is scrolled for what lies in it at `top`: into the middle, and never past its first line.
fn in_view(top: f64, height: f64, room: f64) -> f64 {
    (top - ((room - height) / 2.0).max(ABOVE)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_now_is_in_the_middle_and_its_first_line_in_view() {
        for (top, height, room, scrolled) in [
            (20.0, 100.0, 300.0, 0.0),
            (20.0, 900.0, 300.0, 0.0),
            (500.0, 100.0, 300.0, 400.0),
            (500.0, 300.0, 300.0, 476.0),
            (500.0, 900.0, 300.0, 476.0),
        ] {
            let at = in_view(top, height, room);
            assert_eq!(at, scrolled, "{height} at {top} in {room}");
            assert!(at <= top, "the first line is above the pane");
        }
    }
}
