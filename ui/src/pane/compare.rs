//! Figures side by side: a bar each, filled in as steps leave them, and how often the first each is.

use super::demo_of;
use crate::store::{Part, Store};
use greenroom_show::comparison::{Bar, Scale, bars};
use greenroom_show::demo::{Comparison, Side};
use leptos::prelude::*;

/// One of a demo's own.
#[component]
pub fn CompareView(demo: String, index: usize) -> impl IntoView {
    let comparison = demo_of(expect_context::<Store>(), &demo).and_then(|demo| demo.comparisons.get(index).cloned());
    comparison.map(|comparison| view! { <Bars comparison demo=Some(demo) /> })
}

/// What its sides are bound to is looked for in that demo first.
#[component]
pub fn Bars(comparison: Comparison, demo: Option<String>) -> impl IntoView {
    let store = expect_context::<Store>();
    let sides = comparison.sides.clone();
    let title = comparison.title.clone();
    let values = Memo::new(move |_| {
        store.read(&[Part::Steps, Part::Figures, Part::Replay, Part::Deck], |show| {
            let value = |side: &Side| Some(show.bound(&side.figure, demo.as_deref())?.figure.value);
            sides.iter().map(value).collect::<Vec<_>>()
        })
    });
    let rows = move || {
        let (scale, bars) = bars(&comparison, &values.read());
        let decades = (scale == Scale::Decades)
            .then(|| view! { <p class="scale">"Each bar as long again is ten times as much"</p> });
        view! { <ol>{bars.into_iter().map(row).collect_view()}</ol> {decades} }
    };
    view! {
        <div class="compare" data-testid="compare">
            <h2>{title}</h2>
            {rows}
        </div>
    }
}

fn row(bar: Bar) -> impl IntoView {
    let state = if bar.value.is_some() { "measured" } else { "waits" };
    let value = bar.value.map(|(value, unit)| view! { <b>{value}</b> <small>{unit}</small> });
    let against = bar.against.map(|(times, of)| view! { <strong>{times}</strong> " " {of} });
    view! {
        <li data-testid="side" data-state=state>
            <span class="label">{bar.label}</span>
            <span class="bar"><i style=format!("transform: scaleX({:.4})", bar.part)></i></span>
            <span class="value">{value}</span>
            <span class="against">{against}</span>
        </li>
    }
}
