//! Live or recorded: said on every pane, in one place, by form and word and not by colour alone.

use crate::{
    store::{Part, Store},
    time,
};
use greenroom_show::{On, Source, take::Edition};
use leptos::prelude::*;

/// For style and for tests.
pub fn source_name(source: &Source) -> &'static str {
    match source {
        Source::Waiting => "waiting",
        Source::Live | Source::Running => "live",
        Source::Recorded(_) => "recorded",
    }
}

pub fn is_recorded(source: &Source) -> bool {
    matches!(source, Source::Recorded(_))
}

pub fn in_words(source: &Source) -> String {
    match source {
        Source::Waiting => "Not run yet".into(),
        Source::Live | Source::Running => "Live".into(),
        Source::Recorded(badge) => {
            let differs: String = differs(badge).into_iter().map(|differs| format!(", {differs}")).collect();
            format!("Recorded {}, {}{differs}", time::day(badge.at_unix_ms), machine(badge))
        }
    }
}

fn machine(badge: &greenroom_show::Badge) -> String {
    let cores = if badge.cores == 1 { "1 core".into() } else { format!("{} cores", badge.cores) };
    let cpu = plain_cpu(&badge.cpu);
    if cpu.is_empty() { cores } else { format!("{cpu}, {cores}") }
}

/// What makes a recording another one than a run here and now would be.
fn differs(badge: &greenroom_show::Badge) -> Vec<&'static str> {
    let edition = (badge.edition == Edition::Earlier).then_some("earlier edition");
    let on = (badge.on == On::Another).then_some("another machine");
    edition.into_iter().chain(on).collect()
}

/// What the dashed lines of a chart are.
pub fn of_ghost(badge: &greenroom_show::Badge) -> String {
    let differs: String = differs(badge).into_iter().map(|differs| format!(", {differs}")).collect();
    time::moment(badge.at_unix_ms) + &differs
}

/// What the dashed lines of the charts are, where there are some.
#[component]
pub fn GhostName(demo: String) -> impl IntoView {
    let store = expect_context::<Store>();
    let said =
        Memo::new(move |_| store.read(&[Part::Curves, Part::Steps], |show| Some(of_ghost(&show.ghost(&demo)?.badge))));
    move || {
        said.get().map(|said| view! { <span class="ghost" data-testid="ghost"><i aria-hidden="true"></i>{said}</span> })
    }
}

/// The badge of a demo's pane.
#[component]
pub fn Badge(demo: String) -> impl IntoView {
    let store = expect_context::<Store>();
    let source = Memo::new(move |_| store.read(&[Part::Steps, Part::Replay], |show| show.source(&demo)));
    view! { <SourceBadge source /> }
}

#[component]
pub fn SourceBadge(source: Memo<Source>) -> impl IntoView {
    view! {
        <span
            class="badge"
            class:running=move || source.get() == Source::Running
            data-testid="badge"
            data-badge=move || source_name(&source.read())
            role="status"
        >
            {move || match source.get() {
                Source::Waiting => ().into_any(),
                Source::Live | Source::Running => view! { <i class="dot"></i> "Live" }.into_any(),
                Source::Recorded(badge) => {
                    let (day, machine) = (time::day(badge.at_unix_ms), machine(&badge));
                    let differs: Vec<_> = differs(&badge).into_iter().map(|differs| view! { <span class="edition">{differs}</span> }).collect();
                    view! { <i class="hatch"></i> <b>"Recorded"</b> <span>{day}</span> {differs} <span class="machine">{machine}</span> }.into_any()
                }
            }}
        </span>
    }
}

/// A processor's name without trade marks and clock rate.
pub fn plain_cpu(cpu: &str) -> String {
    let name = cpu.split('@').next().unwrap_or_default();
    let name =
        name.replace("(R)", "").replace("(TM)", "").replace("(tm)", "").replace("CPU", "").replace("Processor", "");
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom_show::Badge;

    #[test]
    fn a_recording_of_another_machine_or_edition_says_so() {
        let badge = Badge {
            at_unix_ms: 0,
            cpu: "Fast(R) CPU @ 3 GHz".into(),
            cores: 8,
            edition: Edition::Todays,
            on: On::This,
        };
        assert_eq!(machine(&badge), "Fast, 8 cores");
        assert_eq!(differs(&badge), [""; 0]);
        let other = Badge { edition: Edition::Earlier, on: On::Another, ..badge };
        assert_eq!(differs(&other), ["earlier edition", "another machine"]);
    }
}
