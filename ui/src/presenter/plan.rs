//! The capacity planner with its inputs to set, and its export.

use super::Console;
use crate::{
    bridge,
    planner::{Plots, input_view},
    store::Part,
};
use greenroom_show::{
    call::{ExportPlan, SetPlan},
    planner::{Key, Origin, ROWS, Row},
};
use leptos::{prelude::*, task::spawn_local};

#[component]
pub fn PlanDesk() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let outcome = move || store.read(&[Part::Plan, Part::Steps, Part::Replay], |show| show.plan().in_words());
    let exported = RwSignal::new(None::<String>);
    let export = move |_| {
        spawn_local(async move {
            exported.set(Some(match bridge::call(ExportPlan {}).await {
                Ok(folder) => format!("Written to {folder}"),
                Err(error) => error.to_string(),
            }));
        });
    };
    let sliders: Vec<_> = ROWS.into_iter().map(|row| view! { <Slider row /> }).collect();
    view! {
        <div class="overlay" data-testid="planner" role="dialog" aria-label="Capacity planner">
            <div class="plan-desk">
                <header>
                    <h2>"Capacity planner"</h2>
                    <p class="outcome" role="status">{outcome}</p>
                    <button class="action" on:click=export>"Export pictures and CSV"</button>
                </header>
                <Plots />
                <div class="sliders">{sliders}</div>
                <p class="said" role="status">
                    {move || exported.get().unwrap_or_else(|| "Prices are yours to set, in any currency: what is marked example is no market data.".into())}
                </p>
            </div>
        </div>
    }
}

#[component]
fn Slider(row: Row) -> impl IntoView {
    let console = expect_context::<Console>();
    let key: Key = row.key;
    let input = Memo::new(move |_| {
        let parts = [Part::Plan, Part::Steps, Part::Replay];
        console.store.read(&parts, |show| show.plan().inputs[key as usize])
    });
    let set = move |value: Option<f64>| console.send(SetPlan { key, value });
    view! {
        <label class="slider">
            <span class="words">{move || input_view(&input.read())}</span>
            <input
                type="range"
                min=row.least
                max=row.most
                step=row.step
                aria-label=row.name
                data-key=row.name
                prop:value=move || input.read().value
                on:input=move |event| set(event_target_value(&event).parse().ok())
            />
            <button
                class="reset"
                title="Measured, or an example, again"
                disabled=move || input.read().origin != Origin::Set
                on:click=move |_| set(None)
            >
                "Undo"
            </button>
        </label>
    }
}
