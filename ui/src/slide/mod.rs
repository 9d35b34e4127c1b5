//! One slide, typeset.

mod block;
mod code;
mod diagram;
mod figure;
mod inline;
mod measure;
mod motif;

use crate::{
    pane::Panes,
    planner::PlanView,
    store::{Part, Store},
    time,
};
use block::Words;
pub use diagram::{DiagramView, Link, Moving};
use figure::FiguresBadge;
use greenroom_show::{
    Position,
    deck::{Block, Layout, Slide, plain},
};
use leptos::prelude::*;
use measure::Room;
use motif::MotifView;
use std::time::Duration;

/// How long a slide that leaves stays below the next one: as long as that takes to come, in `stage.css`.
pub const FADE: Duration = Duration::from_millis(250);

/// The lights of sections in their order, by the series of that colour. The first section has the stage's own.
const LIGHTS: [u8; 6] = [1, 3, 2, 3, 1, 4];
/// Where a section sets what it says in one sentence.
const PLACES: [&str; 3] = ["middle", "low", "high"];

/// Whether panes draw their run, or only keep their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    Whole,
    Preview,
}

/// A slide on its way in or out. Slides of another deck are other slides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Layer {
    deck: String,
    slide: usize,
}

/// The slide at a position; one that is left fades into the next.
#[component]
pub fn Slides(#[prop(into)] position: Signal<Position>, draw: Draw) -> impl IntoView {
    let store = expect_context::<Store>();
    let current = Memo::new(move |_| {
        let slide = position.get().slide;
        store.read(&[Part::Deck], |show| show.deck.as_ref().map(|deck| Layer { deck: deck.hash.clone(), slide }))
    });
    let layers = RwSignal::new(Vec::new());
    Effect::new(move || {
        // Without a deck there is nothing to fade from: what lies behind a curtain does not come back with it.
        let Some(layer) = current.get() else { return layers.set(vec![]) };
        layers.update(|layers: &mut Vec<Layer>| {
            layers.retain(|other| *other != layer);
            layers.push(layer);
        });
        time::after(FADE, move || {
            // The layer on top is the current one, whatever came in between.
            let _ = layers.try_update(|layers| layers.drain(..layers.len().saturating_sub(1)).count());
        });
    });
    view! {
        <div class="slides">
            <For each=move || layers.get() key=Layer::clone let(layer)>
                {
                    let slide = layer.slide;
                    let leaves = Memo::new(move |_| current.get().as_ref() != Some(&layer));
                    // A slide that leaves keeps the reveals that it had.
                    let reveal = Memo::new(move |before: Option<&usize>| match (position.get(), before) {
                        (Position { slide: now, .. }, Some(before)) if now != slide => *before,
                        (Position { reveal, .. }, _) => reveal,
                    });
                    view! {
                        <div class="layer" class:leaves=leaves aria-hidden=move || leaves.get().then_some("true")>
                            <SlideView index=slide reveal draw />
                        </div>
                    }
                }
            </For>
        </div>
    }
}

#[component]
pub fn SlideView(index: usize, #[prop(into)] reveal: Signal<usize>, draw: Draw) -> impl IntoView {
    let store = expect_context::<Store>();
    let (slide, deck_title, section, sections, count) = store.peek(|show| {
        let deck = show.deck.as_ref();
        let slide = deck.and_then(|deck| deck.slides.get(index)).cloned();
        let section = deck.and_then(|deck| deck.section_of(index)).map(|section| section.title.clone());
        let count = deck.map_or(0, |deck| deck.slides.len());
        let title = deck.map(|deck| deck.title.clone()).unwrap_or_default();
        let sections = deck.map_or(0, |deck| deck.sections.len());
        (slide, title, section.unwrap_or_default(), sections, count)
    });
    slide.map(|slide| {
        let runs = store.peek(|show| show.runs_demo(&slide));
        // A demo that is not there has no panes, and the audience need not know.
        let layout = match slide.layout {
            layout if layout.needs_demo() && !runs => Layout::Bullets,
            layout => layout,
        };
        let class = format!("slide layout-{} {} {}", layout.as_str(), look_of_section(slide.section), slide.class);
        let label = format!("Slide {} of {count}: {}", index + 1, slide.title);
        let names = slide.figures();
        let provenance = (slide.cue.is_none() && !names.is_empty()).then(|| view! { <FiguresBadge names /> });
        let here = slide.section;
        // One mark a section, the current one long: where the talk is, seen at a glance.
        let marks: Vec<_> =
            (0..sections).map(|index| view! { <i class:here=index == here class:done=index < here></i> }).collect();
        let progress = (sections > 1).then(|| view! { <span class="sections" aria-hidden="true">{marks}</span> });
        let motif = slide.motif.map(|motif| view! { <MotifView motif /> });
        let foot = if matches!(layout, Layout::Section) { deck_title } else { section };
        view! {
            <article
                class=class
                data-testid="slide"
                data-slide=index
                data-reveal=move || reveal.get()
                data-layout=layout.as_str()
                aria-label=label
            >
                {motif}
                {provenance}
                {content(slide, layout, reveal, draw)}
                <footer class="foot">
                    <span>{foot}</span>
                    {progress}
                    <span class="number">{index + 1}</span>
                </footer>
            </article>
        }
    })
}

/// The classes by which the slides of a section belong together.
fn look_of_section(section: usize) -> String {
    let place = PLACES[section % PLACES.len()];
    match section.checked_sub(1) {
        None => format!("place-{place}"),
        Some(after) => format!("place-{place} light light-{}", LIGHTS[after % LIGHTS.len()]),
    }
}

fn content(slide: Slide, layout: Layout, reveal: Signal<usize>, draw: Draw) -> AnyView {
    let cue = slide.cue.clone();
    let words = Words::new(slide, reveal);
    match (layout, cue) {
        (Layout::Demo | Layout::Pane, Some(cue)) => view! {
            <div class="words">{words.blocks(&words.slide.body)}</div>
            <Panes cue draw />
        }
        .into_any(),
        (Layout::Planner, _) => view! {
            <div class="words">{words.blocks(&words.slide.body)}</div>
            <PlanView />
        }
        .into_any(),
        (
            Layout::TwoColumns
            | Layout::Bullets
            | Layout::Table
            | Layout::Cards
            | Layout::Figure
            | Layout::Code
            | Layout::BigNumber,
            _,
        ) => titled(&words, layout),
        (
            Layout::Cover
            | Layout::Section
            | Layout::Statement
            | Layout::Quote
            | Layout::Story
            | Layout::Picture
            | Layout::Demo
            | Layout::Pane,
            _,
        ) => spoken(&words, layout),
    }
}

/// One sentence, and what belongs to it.
fn spoken(words: &Words, layout: Layout) -> AnyView {
    let body = &words.slide.body;
    let said = match layout {
        // Who wants it stands above what they want.
        Layout::Story => body.get(1).or(body.first()),
        _ => body.first(),
    };
    let said = said.map(|block| measure::lines_of(std::slice::from_ref(block)).join(" ")).unwrap_or_default();
    let style = measure::sentence(layout, &said).map(measure::Set::style);
    view! { <div class="words" style=style>{words.blocks(body)}</div> }.into_any()
}

/// The title above; below it the rest, in the middle of the room that is left.
fn titled(words: &Words, layout: Layout) -> AnyView {
    let body = &words.slide.body;
    let head = usize::from(matches!(body.first(), Some(Block::Heading { depth: 1, .. })));
    let (title, rest) = body.split_at(head);
    let room = Room::under(&match title {
        [Block::Heading { text, .. }] => plain(text),
        _ => String::new(),
    });
    let set = match layout {
        Layout::TwoColumns => {
            let lines = |blocks: &[Block]| measure::text(&measure::lines_of(blocks), room.column());
            let sides = rest.split(|block| *block == Block::Column).map(lines);
            sides.min_by_key(|set| set.size)
        }
        Layout::Cards => Some(measure::cards(&measure::lines_of(rest), room)),
        _ if measure::is_text(rest) => Some(measure::text(&measure::lines_of(rest), room)),
        _ => None,
    };
    let rest = if layout == Layout::TwoColumns { columns(words, rest) } else { words.blocks(rest).into_any() };
    view! {
        <div class="words">
            {words.blocks(title)}
            <div class="room" style=set.map(measure::Set::style)>{rest}</div>
        </div>
    }
    .into_any()
}

/// Left and right of the column mark.
fn columns(words: &Words, blocks: &[Block]) -> AnyView {
    let mut sides = blocks.split(|block| *block == Block::Column);
    let left = sides.next().unwrap_or_default();
    let right = sides.next().unwrap_or_default();
    view! {
        <div class="columns">
            <div>{words.blocks(left)}</div>
            <div>{words.blocks(right)}</div>
        </div>
    }
    .into_any()
}
