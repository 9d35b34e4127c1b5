//! The capacity planner as it is drawn: two plots, the outcome, and the inputs with where they come from.

use crate::store::{Part, Store};
use greenroom_show::planner::{Input, picture};
use leptos::prelude::*;

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
    let pictures = move || {
        let plan = store.read(&[Part::Plan, Part::Steps, Part::Replay], |show| show.plan());
        let label = plan.in_words();
        view! {
            <div role="img" aria-label=format!("Capacity over time: {label}") inner_html=themed(picture::capacity(&plan))></div>
            <div role="img" aria-label=format!("Cost over time: {label}") inner_html=themed(picture::cost(&plan))></div>
        }
    };
    view! { <div class="plan-plots">{pictures}</div> }
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

/// Puts the theme's colours in the place of paper's.
fn themed(picture: String) -> String {
    let names = [
        (picture::TEXT, "--text"),
        (picture::QUIET, "--quiet"),
        (picture::LINES, "--line"),
        (picture::FLASH, "--series-4"),
        (picture::HDD, "--series-3"),
        (picture::BLOB, "--series-1"),
    ];
    names.into_iter().fold(picture, |text, (color, name)| text.replace(&picture::hex(color), &format!("var({name})")))
}
