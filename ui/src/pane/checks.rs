//! The strip of checks: one cell for each step that proves something, filled in as they pass.

use super::{badge::Badge, demo_of};
use crate::store::{Part, Store};
use greenroom_show::{Outcome, StepState, deck::Cue};
use leptos::prelude::*;

/// Cells that are legible side by side. Of more, those around the step that runs are shown.
const SHOWN_MAX: usize = 3;

#[derive(Debug, Clone, PartialEq)]
struct Check {
    state: StepState,
    /// What was seen, or why it was not.
    seen: String,
}

#[component]
pub fn Checks(cue: Cue) -> impl IntoView {
    let store = expect_context::<Store>();
    let Some(demo) = demo_of(store, &cue.demo) else { return ().into_any() };
    let of_slide = |step: usize| {
        cue.groups.is_empty()
            || cue.groups.iter().filter_map(|group| demo.group(group)).any(|group| group.steps.contains(&step))
    };
    let proofs: Vec<(usize, String)> = demo
        .steps
        .iter()
        .enumerate()
        .filter(|(index, _)| of_slide(*index))
        .filter_map(|(index, step)| Some((index, step.proves.clone()?)))
        .collect();
    let slug = demo.slug.clone();
    let steps: Vec<usize> = proofs.iter().map(|(step, _)| *step).collect();
    let count = proofs.len();
    let states = Memo::new({
        let slug = slug.clone();
        move |_| steps.iter().map(|step| check(store, &slug, *step).state).collect::<Vec<_>>()
    });
    let passed = Memo::new(move |_| states.read().iter().filter(|state| **state == StepState::Passed).count());
    let first = Memo::new(move |_| {
        let begun = states.read().iter().filter(|state| **state != StepState::Pending).count();
        // The next one is in view, too.
        (begun + 1).saturating_sub(SHOWN_MAX).min(count.saturating_sub(SHOWN_MAX))
    });
    let cells: Vec<_> = proofs
        .into_iter()
        .enumerate()
        .map(|(index, (step, proves))| {
            let shown = move || (first.get()..first.get() + SHOWN_MAX).contains(&index);
            let slug = slug.clone();
            let check = Memo::new(move |_| check(store, &slug, step));
            view! {
                <li class="check" data-testid="check" data-step=step hidden=move || !shown() data-state=move || state_name(check.read().state)>
                    <i class="mark" aria-label=move || state_name(check.read().state)></i>
                    <span class="proves">{proves}</span>
                    <span class="seen">{move || check.get().seen}</span>
                </li>
            }
        })
        .collect();
    view! {
        <section class="pane pane-checks" data-testid="pane-checks" data-passed=move || passed.get() data-count=count>
            <header>
                <span class="heading">"Checks " <b>{move || passed.get()}</b> " of " {count}</span>
                <Badge demo=slug />
            </header>
            <ol class="inside" aria-live="polite">{cells}</ol>
        </section>
    }
    .into_any()
}

/// The word of a step's state, for style, for tests, and for those who do not see the mark.
pub fn state_name(state: StepState) -> &'static str {
    match state {
        StepState::Pending => "pending",
        StepState::Running => "running",
        StepState::Passed => "passed",
        StepState::Failed => "failed",
        StepState::Cancelled => "cancelled",
    }
}

fn check(store: Store, demo: &str, step: usize) -> Check {
    store.read(&[Part::Steps, Part::Replay], |show| {
        let Some(run) = show.run(demo) else { return Check { state: StepState::Pending, seen: String::new() } };
        let seen = match run.steps.get(&step).and_then(|step| step.outcome.as_ref()) {
            None => "",
            Some(Outcome::Passed { seen }) => seen,
            Some(Outcome::Failed { .. }) => "failed",
            Some(Outcome::TimedOut { .. }) => "out of time",
            Some(Outcome::Cancelled) => "stopped",
        };
        Check { state: run.state(step), seen: seen.to_string() }
    })
}
