//! What differs between the run that lies under the charts and the one that they draw, and what of it is more than noise.

use super::Console;
use crate::{
    bridge,
    pane::{of_ghost, state_name},
    store::Part,
};
use greenroom_show::{
    StepState, call,
    diff::{Came, Change, Compared, Diff, FigureDiff, Judged, RUNS_MIN, StepDiff},
    unit::Unit,
};
use leptos::{prelude::*, task::spawn_local};

#[component]
pub fn Differences() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let compared = RwSignal::new(None::<Result<Compared, String>>);
    // Another run, another ghost, or a step that ended.
    let moment = Memo::new(move |_| {
        store.read(&[Part::Steps, Part::Replay, Part::Curves], |show| {
            let ghost = show.ghost.as_ref()?;
            let run = show.run(&ghost.demo)?;
            let ended = run.steps.values().filter(|step| step.ended.is_some()).count();
            Some((ghost.take.clone(), run.began, ended, run.steps.len()))
        })
    });
    Effect::new(move || {
        moment.track();
        spawn_local(async move {
            let read = bridge::call(call::CompareGhost {}).await.map_err(|error| error.to_string());
            // The page may have been closed meanwhile.
            let _ = compared.try_set(Some(read));
        });
    });
    let before = move || {
        store.read(&[Part::Steps, Part::Curves], |show| show.ghost.as_ref().map(|ghost| of_ghost(&ghost.badge)))
    };
    let body = move || match compared.get() {
        None => view! { <p class="sentence" role="status">"Comparing"</p> }.into_any(),
        Some(Err(error)) => view! { <p class="sentence" role="status">{sentence(&error)}</p> }.into_any(),
        Some(Ok(compared)) => table(&compared, before().unwrap_or_default()).into_any(),
    };
    view! {
        <div class="overlay" data-testid="differences" role="dialog" aria-label="Differences">
            <div class="board differences">
                <header><h2>"Differences"</h2></header>
                {body}
            </div>
        </div>
    }
}

/// The first letter is a capital.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn table(compared: &Compared, before: String) -> impl IntoView + use<> {
    let Compared { notes, diff } = compared;
    let notes: Vec<_> = notes.iter().map(|note| view! { <p class="note">{sentence(note)}</p> }).collect();
    let steps: Vec<_> = diff.steps.iter().map(step).collect();
    let figures: Vec<_> = diff.figures.iter().map(figure).collect();
    view! {
        <p class="sentence" data-testid="verdict">{verdict(diff)}</p>
        {notes}
        <table>
            <thead><tr><th>"Step"</th><th>{before}</th><th>"Now"</th><th>"Change"</th><th></th></tr></thead>
            <tbody>{steps}</tbody>
            <tbody>{figures}</tbody>
        </table>
    }
}

fn verdict(diff: &Diff) -> String {
    let changes = || {
        let seconds = diff.steps.iter().filter_map(|step| step.seconds);
        seconds.chain(diff.figures.iter().filter_map(|figure| figure.change))
    };
    let differs = diff.steps.iter().any(|step| step.check_differs() && !is_open(step));
    let checks = if differs { "A check differs." } else { "No check differs." };
    let unknown = changes().find_map(|change| match change.judged {
        Judged::UnknownSpread { runs } => Some(runs),
        Judged::Same | Judged::WithinNoise | Judged::BeyondNoise => None,
    });
    let noise = match (diff.beyond_noise(), unknown) {
        (0, Some(runs)) => {
            format!("What is noise is not known yet: {runs} other runs on this machine, and {RUNS_MIN} tell.")
        }
        (0, None) => "Nothing differs by more than runs of this demo do anyhow.".into(),
        (1, _) => "One difference is beyond noise.".into(),
        (count, _) => format!("{count} differences are beyond noise."),
    };
    format!("{checks} {noise}")
}

/// What has not come to its end yet differs from nothing.
fn is_open(step: &StepDiff) -> bool {
    step.b.as_ref().is_some_and(|came| matches!(came.state, StepState::Pending | StepState::Running))
}

fn step(step: &StepDiff) -> impl IntoView + use<> {
    let came = |came: &Option<Came>| {
        let said = match came {
            None => "not there".to_string(),
            Some(came) => came.seconds.map_or_else(String::new, |seconds| Unit::Seconds.say(seconds)),
        };
        // A time says that it passed; what else it came to is said.
        let state = came.as_ref().map(|came| state_name(came.state)).filter(|state| *state != "passed");
        let seen = came.as_ref().map(|came| came.seen.lines().next().unwrap_or_default().to_string());
        let seen = seen.filter(|seen| !seen.is_empty()).map(|seen| view! { <small>{seen}</small> });
        view! { <td><span>{[Some(said), state.map(String::from)].into_iter().flatten().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")}</span>{seen}</td> }
    };
    let differs =
        if step.check_differs() { Some("check differs") } else { step.outcome_differs().then_some("differs") };
    let differs = differs.filter(|_| !is_open(step));
    let (percent, word) = match (differs, step.seconds) {
        (Some(word), change) => (change.map(percent).unwrap_or_default(), word),
        (None, Some(change)) => (percent(change), judged(change)),
        (None, None) => (String::new(), ""),
    };
    view! {
        <tr data-judged=word.replace(' ', "-")>
            <th scope="row"><code>{step.text.clone()}</code></th>
            {came(&step.a)}
            {came(&step.b)}
            <td class="percent">{percent}</td>
            <td class="judged">{word}</td>
        </tr>
    }
}

fn figure(figure: &FigureDiff) -> impl IntoView + use<> {
    let FigureDiff { name, unit, a, b, change } = figure;
    let of = |value: &Option<f64>| value.map_or_else(|| "not measured".to_string(), |value| unit.say(value));
    let word = change.map(judged).unwrap_or_default();
    view! {
        <tr data-judged=word.replace(' ', "-")>
            <th scope="row">{name.clone()}</th>
            <td>{of(a)}</td>
            <td>{of(b)}</td>
            <td class="percent">{change.map(percent)}</td>
            <td class="judged">{word}</td>
        </tr>
    }
}

fn percent(change: Change) -> String {
    change.percent().map(|percent| format!("{percent:+.0} %")).unwrap_or_default()
}

fn judged(change: Change) -> &'static str {
    match change.judged {
        Judged::Same => "the same",
        Judged::WithinNoise => "within noise",
        Judged::BeyondNoise => "beyond noise",
        Judged::UnknownSpread { .. } => "unknown spread",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(judged: Judged) -> Diff {
        let change = Change { a: 1.0, b: 1.5, judged };
        let figure = FigureDiff {
            name: "p99".into(),
            unit: Unit::Milliseconds,
            a: Some(1.0),
            b: Some(1.5),
            change: Some(change),
        };
        Diff { demo: "copy".into(), steps: vec![], figures: vec![figure] }
    }

    #[test]
    fn a_check_that_is_still_to_come_differs_from_nothing() {
        let came = |state| Some(Came { step: 0, state, seen: String::new(), seconds: None });
        let verdict = |now| {
            let (a, b, proves) = (came(StepState::Passed), came(now), Some("It holds".into()));
            let step = StepDiff { text: "expect a == 1".into(), proves, a, b, seconds: None };
            verdict(&Diff { demo: "copy".into(), steps: vec![step], figures: vec![] })
        };
        assert!(verdict(StepState::Failed).starts_with("A check differs."));
        for open in [StepState::Pending, StepState::Running] {
            assert!(verdict(open).starts_with("No check differs"), "{open:?}");
        }
    }

    #[test]
    fn the_verdict_says_what_is_beyond_noise_and_when_nobody_can_know() {
        let said = |judged| verdict(&diff(judged));
        assert_eq!(said(Judged::BeyondNoise), "No check differs. One difference is beyond noise.");
        assert!(said(Judged::WithinNoise).ends_with("than runs of this demo do anyhow."));
        assert!(said(Judged::UnknownSpread { runs: 2 }).contains("2 other runs on this machine, and 3 tell"));
        assert_eq!(percent(Change { a: 2.0, b: 3.0, judged: Judged::Same }), "+50 %");
        assert_eq!(percent(Change { a: 0.0, b: 3.0, judged: Judged::Same }), "");
    }
}
