//! Pointer, spotlight and ink over a slide: drawn in both windows, made by the mouse on the presenter's slide.

use crate::{
    stage::{HEIGHT, WIDTH},
    store::{Part, Store},
};
use greenroom_show::marks::{Pointer, PointerKind, Spot};
use leptos::{ev, prelude::*};
use std::fmt::Write as _;

/// What the mouse does on the presenter's slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    Laser,
    Spotlight,
    Ink,
}

/// What the mouse does over a slide, where it does anything: given as a context.
#[derive(Debug, Clone, Copy)]
pub struct Mouse {
    pub tool: Signal<Option<Tool>>,
    pub does: Callback<(Touch, ev::PointerEvent)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    Down,
    Moves,
    Up,
    Leaves,
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
    let mouse = use_context::<Mouse>();
    let held = move || mouse.and_then(|mouse| mouse.tool.get());
    let holds = move || held().is_some();
    let tool = move || held().map(|tool| format!("{tool:?}").to_lowercase());
    let does = move |touch: Touch, event: ev::PointerEvent| {
        if let Some(mouse) = mouse {
            mouse.does.run((touch, event));
        }
    };
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
            class:idle=move || !holds() && strokes.read().is_empty() && pointer.get().is_none()
            data-testid="marks"
            data-tool=tool
            viewBox=format!("0 0 {WIDTH} {HEIGHT}")
            aria-hidden="true"
            on:pointerdown=move |event| does(Touch::Down, event)
            on:pointermove=move |event| does(Touch::Moves, event)
            on:pointerup=move |event| does(Touch::Up, event)
            on:pointerleave=move |event| does(Touch::Leaves, event)
        >
            {ink}
            {light}
        </svg>
    }
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
