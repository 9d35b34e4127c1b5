//! A figure in a slide's text, bound to what a run measured: its value, its unit, and whether it is live or recorded.

use crate::{
    pane::{SourceBadge, in_words, is_recorded, source_name},
    store::{Part, Store},
};
use greenroom_show::{Bound, Show, Source};
use leptos::prelude::*;

#[derive(Debug, Clone, PartialEq)]
struct Shown {
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
        Some(Shown { value, unit, source }) => view! {
            <span class="figure" data-figure=shown.clone() data-source=source_name(&source) title=in_words(&source)>
                {value}
                <small>{unit}</small>
                <i class="source" class:recorded=is_recorded(&source)></i>
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
            found.map_or(Source::Waiting, |shown| shown.source)
        })
    });
    view! { <div class="provenance"><SourceBadge source /></div> }
}

fn find(show: &Show, name: &str, demo: Option<&str>) -> Option<Shown> {
    let Bound { figure, source } = show.bound(name, demo)?;
    let (value, unit) = figure.unit.format(figure.value);
    Some(Shown { value, unit, source })
}
