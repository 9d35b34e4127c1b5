//! How past runs of the talk went: whether its speaker is ready, where the time went, where it runs over, which steps fail.

use super::{Console, preflight::line};
use crate::{bridge, time::minutes_and_seconds, time::moment};
use greenroom_show::{
    call::{DeleteRehearsal, ExportRehearsals, ReadRehearsals},
    rehearsal::{Reliability, Report, RunLine, Spread},
};
use leptos::{prelude::*, task::spawn_local};

/// Runs that the plot has room for.
const RUNS_DRAWN: usize = 24;
/// Over its plan by more than this is marked.
const OVER_SECONDS: f64 = 15.0;
/// The plot of runs, in its own units.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 190.0;
/// Above the tallest bar.
const HEADROOM: f64 = 1.15;

/// What the page knows of past runs, and how it reads them again.
#[derive(Debug, Clone, Copy)]
struct History {
    report: RwSignal<Option<Result<Report, String>>>,
    said: RwSignal<Option<String>>,
    /// Whether it says how fast you spoke.
    paced: RwSignal<bool>,
}

impl History {
    fn read(self) {
        spawn_local(async move {
            let report = bridge::call(ReadRehearsals {}).await.map_err(|error| error.to_string());
            // The page may have been closed meanwhile.
            let _ = self.report.try_set(Some(report));
        });
    }

    fn delete(self, id: String) {
        spawn_local(async move {
            if let Err(error) = bridge::call(DeleteRehearsal { id }).await {
                let _ = self.said.try_set(Some(error.to_string()));
            }
            self.read();
        });
    }

    fn export(self) {
        spawn_local(async move {
            let said = match bridge::call(ExportRehearsals {}).await {
                Ok(file) => format!("Written to {file}"),
                Err(error) => error.to_string(),
            };
            let _ = self.said.try_set(Some(said));
        });
    }
}

#[component]
pub fn Rehearsals() -> impl IntoView {
    let console = expect_context::<Console>();
    let history = History { report: RwSignal::new(None), said: RwSignal::new(None), paced: RwSignal::new(false) };
    history.read();
    let body = move || match history.report.get() {
        None => view! { <p class="sentence" role="status">"Reading past runs"</p> }.into_any(),
        Some(Err(error)) => view! { <p class="sentence" role="alert">{error}</p> }.into_any(),
        Some(Ok(report)) => body(history, report).into_any(),
    };
    view! {
        <div class="overlay" data-testid="rehearsals" role="dialog" aria-label="Rehearsals">
            <div class="board rehearsals" class:with-pace=history.paced>
                <header>
                    <h2>"Rehearsals"</h2>
                    <button on:click=move |_| console.send(greenroom_show::call::ToggleLoop {})>"Loop this section " <kbd>"M"</kbd></button>
                    <button
                        aria-pressed=move || history.paced.get().to_string()
                        title="How many words of your narrative you said in a minute: from its length, nobody listens"
                        on:click=move |_| history.paced.update(|paced| *paced = !*paced)
                    >"Words a minute"</button>
                    <button on:click=move |_| history.export()>"Export CSV"</button>
                </header>
                {body}
                <p class="said" role="status">
                    {move || history.said.get().unwrap_or_else(|| "Kept on this machine alone.".into())}
                </p>
            </div>
        </div>
    }
}

fn body(history: History, report: Report) -> impl IntoView {
    let card: Vec<_> = report.readiness.into_iter().map(line).collect();
    let trend = (!report.runs.is_empty()).then(|| {
        let runs = listed(history, &report.runs);
        view! {
            <section class="trend">
                <h3>"Runs"</h3>
                {trend(&report.runs)}
                <ul class="run-list">{runs}</ul>
            </section>
        }
    });
    let spreads = (!report.summary.slides.is_empty()).then(|| {
        view! {
            <section>
                <h3>"Where the time goes"</h3>
                {spreads("Section", &report.summary.sections)}
                {spreads("Slide", &report.summary.slides)}
            </section>
        }
    });
    let steps = (!report.steps.is_empty()).then(|| steps(&report.steps));
    view! {
        <ul class="card">{card}</ul>
        <div class="columns">
            <div>{trend} {steps}</div>
            {spreads}
        </div>
    }
}

/// A bar for each run, oldest first: talk, demo, waiting; the plan is a line across.
fn trend(runs: &[RunLine]) -> impl IntoView + use<> {
    let drawn = &runs[runs.len().saturating_sub(RUNS_DRAWN)..];
    let most = drawn.iter().flat_map(|run| [run.seconds, run.planned_seconds]).fold(1.0, f64::max) * HEADROOM;
    let slot = WIDTH / drawn.len().max(8) as f64;
    let high = |seconds: f64| seconds / most * HEIGHT;
    let bars: Vec<_> = drawn
        .iter()
        .enumerate()
        .map(|(index, run)| {
            let waiting = run.waiting_seconds.min(run.seconds);
            let demo = (run.demo_seconds - waiting).clamp(0.0, run.seconds - waiting);
            let talk = (run.seconds - run.demo_seconds).max(0.0);
            let mut under = 0.0;
            let parts = [("talk", talk), ("demo", demo), ("waiting", waiting)].map(|(class, seconds)| {
                let top = HEIGHT - high(under + seconds);
                under += seconds;
                view! { <rect class=class x=slot * (index as f64 + 0.18) y=top width=slot * 0.64 height=high(seconds) /> }
            });
            let plan = HEIGHT - high(run.planned_seconds);
            let (left, right) = (slot * index as f64, slot * (index + 1) as f64);
            view! {
                <g>
                    <title>{told(run)}</title>
                    {parts.into_iter().collect::<Vec<_>>()}
                    <line class="planned" x1=left x2=right y1=plan y2=plan />
                </g>
            }
        })
        .collect();
    let label = format!("The last {} runs: {}", drawn.len(), drawn.iter().map(told).collect::<Vec<_>>().join("; "));
    view! {
        <svg class="runs" viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label=label>{bars}</svg>
        <p class="legend"><i class="talk"></i> "talk" <i class="demo"></i> "demo" <i class="waiting"></i> "waiting" <i class="planned"></i> "plan"</p>
    }
}

fn told(run: &RunLine) -> String {
    format!(
        "{}: {} of {}, demos {}, waiting {}",
        moment(run.at_unix_ms),
        minutes_and_seconds(run.seconds),
        minutes_and_seconds(run.planned_seconds),
        minutes_and_seconds(run.demo_seconds),
        minutes_and_seconds(run.waiting_seconds)
    )
}

fn listed(history: History, runs: &[RunLine]) -> Vec<impl IntoView + use<>> {
    let lines = runs.iter().rev().map(|run| {
        let id = run.id.clone();
        let cut = run.version.cut.map(|minutes| format!(", {minutes} min version")).unwrap_or_default();
        let words = format!(
            "{} of {}, {:.0} % of the slides{cut}",
            minutes_and_seconds(run.seconds),
            minutes_and_seconds(run.planned_seconds),
            run.coverage * 100.0
        );
        view! {
            <li data-run=run.id.clone()>
                <span>{moment(run.at_unix_ms)}</span>
                <small>{words}</small>
                <button on:click=move |_| history.delete(id.clone())>"Delete"</button>
            </li>
        }
    });
    lines.collect()
}

/// Plan, median, spread and last run of each; what runs over its plan is marked.
fn spreads(kind: &'static str, spreads: &[Spread]) -> impl IntoView + use<> {
    let most = spreads.iter().flat_map(|spread| [spread.most, spread.planned_seconds]).fold(1.0, f64::max);
    let rows: Vec<_> = spreads.iter().map(|spread| spread_row(spread, most)).collect();
    view! {
        <table class="spreads">
            <thead>
                <tr>
                    <th>{kind}</th><th>"plan"</th><th>"median"</th><th>"last"</th>
                    <th class="paced">"words/min"</th>
                    <th aria-label="spread"></th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn spread_row(spread: &Spread, most: f64) -> impl IntoView + use<> {
    let over = spread.runs > 0 && spread.median - spread.planned_seconds > OVER_SECONDS;
    let share = |seconds: f64| format!("{:.2}%", seconds / most * 100.0);
    let said = |seconds: f64| if spread.runs == 0 { "–".to_string() } else { minutes_and_seconds(seconds) };
    let range = format!("left: {}; width: {}", share(spread.least), share(spread.most - spread.least));
    let drawn = (spread.runs > 0).then(|| {
        view! { <i class="range" style=range></i> <i class="median" style=format!("left: {}", share(spread.median))></i> }
    });
    view! {
        <tr class:over=over>
            <td>{spread.title.clone()}</td>
            <td>{minutes_and_seconds(spread.planned_seconds)}</td>
            <td>{said(spread.median)}</td>
            <td>{said(spread.last)}</td>
            <td class="paced">{spread.words_per_minute().map_or("–".to_string(), |pace| format!("{pace:.0}"))}</td>
            <td><div class="strip-plot" aria-hidden="true"><i class="planned" style=format!("left: {}", share(spread.planned_seconds))></i> {drawn}</div></td>
        </tr>
    }
}

fn steps(steps: &[Reliability]) -> impl IntoView + use<> {
    let rows: Vec<_> = steps
        .iter()
        .map(|step| {
            view! {
                <tr class:over=step.failed.gt(&0) title=step.demo.clone()>
                    <td>{step.text.clone()}</td>
                    <td>{step.runs}</td>
                    <td>{step.failed}</td>
                    <td>{tenths(step.p50_seconds)}</td>
                    <td>{tenths(step.p95_seconds)}</td>
                    <td>{tenths(step.timeout_ms as f64 / 1e3)}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <section>
            <h3>"Steps of the demos"</h3>
            <table class="spreads steps-table">
                <thead>
                    <tr><th>"Step"</th><th>"runs"</th><th>"failed"</th><th>"p50 s"</th><th>"p95 s"</th><th>"gives up, s"</th></tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
}

fn tenths(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.1}") } else { format!("{seconds:.0}") }
}
