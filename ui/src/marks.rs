//! Pointer, spotlight and ink over a slide: drawn in both windows, made by the mouse on the presenter's slide.

use crate::{
    bridge,
    presenter::Console,
    stage::{HEIGHT, WIDTH},
    store::{Part, Store},
};
use greenroom_show::{
    call::{DrawInk, Point},
    marks::{Ink, Pointer, PointerKind, Spot},
};
use leptos::{ev, prelude::*, task::spawn_local};
use std::fmt::Write as _;

/// What the mouse does on the presenter's slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    Laser,
    Spotlight,
    Ink,
}

/// Radius of the spotlight on the stage.
const SPOTLIGHT: f32 = 260.0;
const LASER: f32 = 13.0;

#[component]
pub fn MarksView(#[prop(into)] slide: Signal<usize>) -> impl IntoView {
    let store = expect_context::<Store>();
    let pointer = Memo::new(move |_| store.read(&[Part::Marks], |show| show.marks.pointer));
    let strokes = Memo::new(move |_| {
        let slide = slide.get();
        store.read(&[Part::Marks, Part::Deck], |show| show.marks.strokes(slide).to_vec())
    });
    let hand = use_context::<Console>().map(Hand::new);
    let holds = move || hand.is_some_and(|hand| hand.console.tool.get().is_some());
    let tool = move || hand.and_then(|hand| hand.console.tool.get()).map(|tool| format!("{tool:?}").to_lowercase());
    let ink =
        move || strokes.read().iter().map(|stroke| view! { <path class="ink" d=path(stroke) /> }).collect::<Vec<_>>();
    let light = move || {
        let Pointer { kind, at: (x, y) } = pointer.get()?;
        Some(match kind {
            PointerKind::Laser => view! { <circle class="laser" cx=x cy=y r=LASER /> }.into_any(),
            // The stage with a round hole in it.
            PointerKind::Spotlight => {
                let hole = format!(
                    "M 0 0 H {WIDTH} V {HEIGHT} H 0 Z M {} {y} a {SPOTLIGHT} {SPOTLIGHT} 0 1 0 {} 0 a {SPOTLIGHT} {SPOTLIGHT} 0 1 0 -{} 0 Z",
                    x - SPOTLIGHT,
                    2.0 * SPOTLIGHT,
                    2.0 * SPOTLIGHT,
                );
                view! { <path class="dim" fill-rule="evenodd" d=hole /> }.into_any()
            }
        })
    };
    view! {
        <svg
            class="marks"
            class:held=holds
            data-testid="marks"
            data-tool=tool
            viewBox=format!("0 0 {WIDTH} {HEIGHT}")
            aria-hidden="true"
            on:pointerdown=move |event| hand.into_iter().for_each(|hand| hand.down(&event))
            on:pointermove=move |event| hand.into_iter().for_each(|hand| hand.moves(&event))
            on:pointerup=move |_| hand.into_iter().for_each(Hand::up)
            on:pointerleave=move |_| hand.into_iter().for_each(Hand::leaves)
        >
            {ink}
            {light}
        </svg>
    }
}

/// The presenter's hand. One call is under way at a time; what the mouse does meanwhile goes with the next.
#[derive(Debug, Clone, Copy)]
struct Hand {
    console: Console,
    draws: StoredValue<bool>,
    calls: StoredValue<bool>,
    along: StoredValue<Vec<Spot>>,
    at: StoredValue<Option<Pointer>>,
}

impl Hand {
    fn new(console: Console) -> Self {
        Self {
            console,
            draws: StoredValue::new(false),
            calls: StoredValue::new(false),
            along: StoredValue::new(vec![]),
            at: StoredValue::new(None),
        }
    }

    fn down(self, event: &ev::PointerEvent) {
        if self.console.tool.get_untracked() == Some(Tool::Ink)
            && let Some(spot) = spot(event)
        {
            self.draws.set_value(true);
            self.console.send(DrawInk { ink: Ink::Down(spot) });
        }
    }

    fn moves(self, event: &ev::PointerEvent) {
        let Some(spot) = spot(event) else { return };
        match self.console.tool.get_untracked() {
            Some(Tool::Ink) if self.draws.get_value() => self.along.update_value(|along| along.push(spot)),
            Some(Tool::Laser) => self.at.set_value(Some(Pointer { kind: PointerKind::Laser, at: spot })),
            Some(Tool::Spotlight) => self.at.set_value(Some(Pointer { kind: PointerKind::Spotlight, at: spot })),
            _ => return,
        }
        self.say();
    }

    fn up(self) {
        self.draws.set_value(false);
    }

    fn leaves(self) {
        self.up();
        if matches!(self.console.tool.get_untracked(), Some(Tool::Laser | Tool::Spotlight)) {
            self.at.set_value(None);
            self.console.send(Point { pointer: None });
        }
    }

    fn say(self) {
        if self.calls.get_value() {
            return;
        }
        self.calls.set_value(true);
        spawn_local(async move {
            loop {
                let along = self.along.try_update_value(std::mem::take).unwrap_or_default();
                let pointer = self.at.try_update_value(Option::take).flatten();
                // What is refused here is said by the next call that a key makes.
                if !along.is_empty() {
                    let _ = bridge::call(DrawInk { ink: Ink::Along(along) }).await;
                } else if pointer.is_some() {
                    let _ = bridge::call(Point { pointer }).await;
                } else {
                    break;
                }
            }
            let _ = self.calls.try_set_value(false);
        });
    }
}

/// Where on the stage a mouse is.
fn spot(event: &ev::PointerEvent) -> Option<Spot> {
    let over = event_target::<web_sys::Element>(event).closest("svg").ok()??.get_bounding_client_rect();
    let part = |at: f64, start: f64, length: f64| ((at - start) / length.max(1.0)).clamp(0.0, 1.0);
    let x = part(f64::from(event.client_x()), over.left(), over.width()) * WIDTH;
    let y = part(f64::from(event.client_y()), over.top(), over.height()) * HEIGHT;
    Some((x as f32, y as f32))
}

fn path(stroke: &[Spot]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in stroke.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(path, "{} {x:.0} {y:.0} ", if index == 0 { "M" } else { "L" });
    }
    if let [(x, y)] = stroke {
        let _ = write!(path, "l 0.1 0 M {x} {y}");
    }
    path
}
