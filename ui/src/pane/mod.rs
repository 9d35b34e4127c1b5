//! The panes of a demo slide: charts, topology, the tool's terminal, the strip of checks. Each says whether what it shows is live or recorded.

mod badge;
mod chart;
mod checks;
mod compare;
mod curve;
mod plot;
mod range;
mod sheet;
mod shot;
mod terminal;
mod topology;

pub use badge::{SourceBadge, in_words, is_recorded, of_ghost, plain_cpu, source_name};
pub use checks::state_name;
pub use compare::Bars;
pub use terminal::TerminalView;

use crate::{
    slide::Draw,
    store::{Part, Store},
};
use badge::Badge;
use greenroom_show::order;
use greenroom_show::{
    Span,
    deck::{Cue, Pane},
    demo::Demo,
};
use leptos::prelude::*;
use plot::Form;

/// The panes of a slide, drawn anew where another edition of its demo comes on stage with its take.
#[component]
pub fn Panes(cue: Cue, draw: Draw) -> impl IntoView {
    let store = expect_context::<Store>();
    let slug = cue.demo.clone();
    let edition = Memo::new(move |_| {
        store.read(&[Part::Deck, Part::Replay], |show| show.demo(&slug).map(|demo| demo.hash.clone()))
    });
    move || {
        edition.track();
        view! { <EditionPanes cue=cue.clone() draw /> }
    }
}

/// As the demo is directed; or all of them, as they are declared from above, whatever order a slide names them in. Checks along the bottom.
#[component]
fn EditionPanes(cue: Cue, draw: Draw) -> impl IntoView {
    let store = expect_context::<Store>();
    let drawn = |pane: &Pane| {
        let demo = cue.demo.clone();
        match pane {
            Pane::Charts => view! { <ChartsPane demo draw /> }.into_any(),
            Pane::Topology => {
                let alone = cue.panes.iter().all(|pane| matches!(pane, Pane::Topology | Pane::Checks));
                let room = if alone { topology::ROOM_ALONE } else { topology::ROOM_SHARED };
                view! { <topology::TopologyPane demo room draw /> }.into_any()
            }
            Pane::Terminal => view! { <TerminalPane demo draw /> }.into_any(),
            Pane::Checks => view! { <checks::Checks cue=cue.clone() /> }.into_any(),
        }
    };
    let mut panes = cue.panes.clone();
    order::sort_by(&mut panes, Ord::cmp);
    panes.dedup();
    let (along_the_bottom, above): (Vec<_>, Vec<_>) = panes.iter().partition(|pane| **pane == Pane::Checks);
    let above = match shot::is_directed(store, &cue) {
        true => view! { <shot::OnStage cue=cue.clone() draw /> }.into_any(),
        false => above.into_iter().map(drawn).collect_view().into_any(),
    };
    let zoomed = Memo::new(move |_| {
        let zoomed = store.read(&[Part::Position], |show| show.zoomed.filter(|_| show.frozen.is_none()));
        zoomed.filter(|_| draw == Draw::Whole).map(Pane::as_str)
    });
    view! {
        <div class="panes" data-zoomed=zoomed>{above}</div>
        {along_the_bottom.into_iter().map(drawn).collect_view()}
    }
}

#[component]
fn TerminalPane(demo: String, draw: Draw) -> impl IntoView {
    let store = expect_context::<Store>();
    let slug = StoredValue::new(demo.clone());
    let heading = move || {
        let tools = store.read(&[Part::Steps, Part::Replay], |show| {
            let tools = &show.run(&slug.get_value())?.tools;
            Some(tools.iter().map(|(name, is)| tool(name, is)).collect::<Vec<_>>().join(", "))
        });
        tools.filter(|tools| !tools.is_empty()).unwrap_or("Terminal".into())
    };
    view! {
        <Frame kind="terminal" demo=demo.clone() heading>
            {(draw == Draw::Whole).then(|| view! { <TerminalView demo /> })}
        </Frame>
    }
}

#[component]
fn ChartsPane(demo: String, draw: Draw) -> impl IntoView {
    let store = expect_context::<Store>();
    let charts = store.peek(|show| show.demo(&demo).map(|demo| demo.charts.len())).unwrap_or(0);
    let heading = move || match store.read(&[Part::Curves], |show| show.span) {
        Span::LastMinute => "Latest steps".to_string(),
        Span::WholeRun => "Whole run".to_string(),
    };
    let plots: Vec<_> =
        (0..charts).map(|index| view! { <chart::ChartView demo=demo.clone() index form=Form::Usual draw /> }).collect();
    view! {
        <Frame kind="charts" demo=demo.clone() heading>
            <div class="plots">{plots}</div>
        </Frame>
    }
}

/// What every pane has: a heading on the left, the badge on the right, the pane below. Charts say what lies under them.
#[component]
fn Frame(
    #[prop(into)] kind: Signal<&'static str>,
    demo: String,
    #[prop(into)] heading: Signal<String>,
    children: Children,
) -> impl IntoView {
    let slug = StoredValue::new(demo.clone());
    let under = move || (kind.get() == "charts").then(|| view! { <badge::GhostName demo=slug.get_value() /> });
    let name = move || format!("pane-{}", kind.get());
    view! {
        <section class=move || format!("pane {}", name()) data-testid=name aria-label=kind>
            <header>
                <span class="heading">{heading}</span>
                {under}
                <Badge demo />
            </header>
            <div class="inside">{children()}</div>
        </section>
    }
}

fn tool(name: &str, is: &str) -> String {
    if is.contains(name) { is.to_string() } else { format!("{name} {is}") }
}

/// The demo that a pane draws, read once: another version of it comes with another version of the deck.
fn demo_of(store: Store, slug: &str) -> Option<Demo> {
    store.peek(|show| show.demo(slug).cloned())
}
