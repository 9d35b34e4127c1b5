//! A figure in a slide's text, bound to what a run measured: its value, its unit, and whether it is live or recorded.

use crate::{
    pane::{Source, SourceBadge},
    store::{Part, Store},
};
use greenroom_show::{Figure, Run, Show};
use leptos::prelude::*;

#[derive(Debug, Clone, PartialEq)]
struct Bound {
    value: String,
    unit: &'static str,
    source: Source,
}

#[component]
pub fn BoundFigure(name: String, demo: Option<String>) -> impl IntoView {
    let store = expect_context::<Store>();
    let shown = name.clone();
    let bound = Memo::new(move |_| {
        // Metrics change more often than an eye reads.
        store.ticking();
        store.read(&[Part::Figures, Part::Replay, Part::Deck], |show| find(show, &name, demo.as_deref()))
    });
    move || match bound.get() {
        Some(Bound { value, unit, source }) => view! {
            <span class="figure" data-figure=shown.clone() data-source=source.as_str() title=source.in_words()>
                {value}
                <small>{unit}</small>
                <i class="source" class:recorded=source.is_recorded()></i>
            </span>
        }
        .into_any(),
        None => view! {
            <span class="figure open" data-figure=shown.clone() data-source="none" title="not measured yet">"–"</span>
        }
        .into_any(),
    }
}

/// The badge of a slide that has figures and no panes: where panes have theirs.
#[component]
pub fn FiguresBadge(names: Vec<String>) -> impl IntoView {
    let store = expect_context::<Store>();
    let source = Memo::new(move |_| {
        store.read(&[Part::Figures, Part::Steps, Part::Replay], |show| {
            let found = names.iter().find_map(|name| find(show, name, None));
            found.map_or(Source::Waiting, |bound| bound.source)
        })
    });
    view! { <div class="provenance"><SourceBadge source /></div> }
}

/// In the runs of the slide's own demo first, then in those of every other.
fn find(show: &Show, name: &str, demo: Option<&str>) -> Option<Bound> {
    demo.into_iter().chain(show.demos.keys().map(String::as_str)).find_map(|demo| {
        let figure = measured(show, show.run(demo)?, name)?;
        let (value, unit) = figure.unit.format(figure.value);
        Some(Bound { value, unit, source: Source::of(show, demo) })
    })
}

/// A figure that a step left, or the latest value of a metric that a chart draws.
fn measured(show: &Show, run: &Run, name: &str) -> Option<Figure> {
    if let Some(figure) = run.figures.get(name) {
        return Some(*figure);
    }
    let charts = &show.demo(&run.demo)?.charts;
    let chart = charts.iter().find(|chart| chart.series.iter().any(|line| line.metric == name))?;
    Some(Figure { value: run.series.get(name)?.last()?.value, unit: chart.unit })
}
