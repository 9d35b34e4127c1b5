//! Live or recorded: said on every pane, in one place, by form and word and not by colour alone.

use crate::{
    store::{Part, Store},
    time,
};
use greenroom_show::{
    Show,
    take::{Edition, TakeInfo},
};
use leptos::prelude::*;

/// Where what a pane shows comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nothing ran yet.
    Waiting,
    /// Ran in this show.
    Live,
    /// Runs now.
    Running,
    Recorded {
        day: String,
        machine: String,
        edition: Edition,
    },
}

impl Source {
    pub fn of(show: &Show, demo: &str) -> Source {
        let talk = show.talk.as_ref().map(|talk| &talk.take);
        let take = talk.or_else(|| show.recording(demo).map(|recorded| &recorded.take));
        match (take, show.runs.get(demo)) {
            (Some(take), _) => Source::recorded(take),
            (_, None) => Source::Waiting,
            (_, Some(run)) if run.steps.is_empty() && run.series.is_empty() => Source::Waiting,
            (_, Some(run)) if run.running().is_some() => Source::Running,
            (_, Some(_)) => Source::Live,
        }
    }

    /// For style and for tests.
    pub fn as_str(&self) -> &'static str {
        match self {
            Source::Waiting => "waiting",
            Source::Live | Source::Running => "live",
            Source::Recorded { .. } => "recorded",
        }
    }

    pub fn is_recorded(&self) -> bool {
        matches!(self, Source::Recorded { .. })
    }

    pub fn in_words(&self) -> String {
        match self {
            Source::Waiting => "Not run yet".into(),
            Source::Live | Source::Running => "Live".into(),
            Source::Recorded { day, machine, edition: Edition::Todays } => format!("Recorded {day}, {machine}"),
            Source::Recorded { day, machine, edition: Edition::Earlier } => {
                format!("Recorded {day}, {machine}, of an earlier edition")
            }
        }
    }

    fn recorded(take: &TakeInfo) -> Source {
        let machine = &take.machine;
        let cores = if machine.cores == 1 { "1 core".into() } else { format!("{} cores", machine.cores) };
        let cpu = plain_cpu(&machine.cpu);
        let machine = if cpu.is_empty() { cores } else { format!("{cpu}, {cores}") };
        Source::Recorded { day: time::day(take.at_unix_ms), machine, edition: take.edition }
    }
}

/// The badge of a demo's pane.
#[component]
pub fn Badge(demo: String) -> impl IntoView {
    let store = expect_context::<Store>();
    let source = Memo::new(move |_| store.read(&[Part::Steps, Part::Replay], |show| Source::of(show, &demo)));
    view! { <SourceBadge source /> }
}

#[component]
pub fn SourceBadge(source: Memo<Source>) -> impl IntoView {
    view! {
        <span
            class="badge"
            class:running=move || source.get() == Source::Running
            data-testid="badge"
            data-badge=move || source.read().as_str()
            role="status"
        >
            {move || match source.get() {
                Source::Waiting => ().into_any(),
                Source::Live | Source::Running => view! { <i class="dot"></i> "Live" }.into_any(),
                Source::Recorded { day, machine, edition } => {
                    let edition = (edition == Edition::Earlier).then_some(view! { <span class="edition">"earlier edition"</span> });
                    view! { <i class="hatch"></i> <b>"Recorded"</b> <span>{day}</span> {edition} <span class="machine">{machine}</span> }.into_any()
                }
            }}
        </span>
    }
}

/// A processor's name without trade marks and clock rate.
fn plain_cpu(cpu: &str) -> String {
    let name = cpu.split('@').next().unwrap_or_default();
    let name =
        name.replace("(R)", "").replace("(TM)", "").replace("(tm)", "").replace("CPU", "").replace("Processor", "");
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}
