//! The capacity planner as it is drawn: two plots, the outcome, and the inputs with where they come from.

use crate::store::{Part, Store};
use greenroom_show::planner::{
    Input,
    picture::{self, Ink},
};
use leptos::prelude::*;
use plotters::style::RGBColor;

/// What the audience sees: all of it, and nothing to press.
#[component]
pub fn PlanView() -> impl IntoView {
    let store = expect_context::<Store>();
    let plan = Memo::new(move |_| store.read(&[Part::Plan, Part::Steps, Part::Replay], |show| show.plan()));
    let inputs = move || {
        let plan = plan.read();
        plan.inputs.iter().map(|input| view! { <li>{input_view(input)}</li> }).collect::<Vec<_>>()
    };
    view! {
        <section class="plan" data-testid="plan" aria-label="Capacity plan">
            <Plots />
            <p class="outcome" role="status">{move || plan.read().in_words()}</p>
            <ul class="inputs">{inputs}</ul>
        </section>
    }
}

/// Capacity and cost, side by side, in the stage's colours.
#[component]
pub fn Plots() -> impl IntoView {
    let store = expect_context::<Store>();
    let place = NodeRef::<leptos::html::Div>::new();
    let pictures = move || {
        let plan = store.read(&[Part::Plan, Part::Steps, Part::Replay, Part::Deck], |show| show.plan());
        // Colours are known once the place is on the page.
        let ink = place.get().map(|place| ink(&place))?;
        let label = plan.in_words();
        Some(view! {
            <div role="img" aria-label=format!("Capacity over time: {label}") inner_html=picture::capacity(&plan, &ink)></div>
            <div role="img" aria-label=format!("Cost over time: {label}") inner_html=picture::cost(&plan, &ink)></div>
        })
    };
    view! { <div class="plan-plots" node_ref=place>{pictures}</div> }
}

/// Name, value, and whether it is an example, measured or set.
pub fn input_view(input: &Input) -> impl IntoView + use<> {
    view! {
        <span class="name">{input.row.name}</span>
        <b>{said(input)} <small>{input.row.unit}</small></b>
        <i class=format!("origin {}", input.origin.as_str())>{input.origin.as_str()}</i>
    }
}

fn said(input: &Input) -> String {
    let text = format!("{:.1}", input.value);
    text.strip_suffix(".0").map_or(text.clone(), str::to_string)
}

fn ink(place: &web_sys::Element) -> Ink {
    let style = window().get_computed_style(place).ok().flatten();
    let color = |name: &str| {
        let value = style.as_ref().and_then(|style| style.get_property_value(name).ok()).unwrap_or_default();
        let digits = value.trim().trim_start_matches('#');
        let part = |at: usize| digits.get(at..at + 2).and_then(|part| u8::from_str_radix(part, 16).ok()).unwrap_or(0);
        RGBColor(part(0), part(2), part(4))
    };
    Ink {
        text: color("--text"),
        quiet: color("--quiet"),
        line: color("--line"),
        ground: None,
        flash: color("--series-4"),
        hdd: color("--series-3"),
        blob: color("--series-1"),
    }
}
