//! The steps of the demo at hand: their state, time and deadline, what went wrong, and the buttons that run and stop them.

use super::{Console, Overlay};
use crate::{
    pane::{in_words, is_recorded, of_ghost, source_name, state_name},
    store::{Part, Store},
    time,
};
use greenroom_show::{
    Micros, Outcome, Run, Show, Source, StepState, call,
    deck::{Cue, Plays},
    demo::{Demo, Group, Step},
};
use leptos::prelude::*;

/// A step as it stands.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    state: StepState,
    elapsed: String,
    /// Part of the deadline that is used, in percent.
    used: u32,
    /// What was seen, or what went wrong.
    said: String,
}

#[component]
pub fn Steps() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let cue = Memo::new(move |_| console.cue());
    let here = Memo::new(move |_| store.read(&[Part::Position], |show| show.position.slide));
    move || {
        let Some((slide, cue)) = cue.get() else {
            return view! { <section class="steps"><p class="empty">"No demo from here on."</p></section> }.into_any();
        };
        let Some(demo) = store.read(&[Part::Deck, Part::Replay], |show| show.demo(&cue.demo).cloned()) else {
            return view! {
                <section class="steps" data-testid="not-runnable">
                    <h2>{format!("Not yet runnable: {}", cue.demo)}</h2>
                    <p class="empty">{format!("There is no demos/{}/demo.md, or it has faults. The slide shows its words.", cue.demo)}</p>
                </section>
            }
            .into_any();
        };
        let head =
            if slide == here.get() { demo.title.clone() } else { format!("On slide {}: {}", slide + 1, demo.title) };
        view! { <DemoSteps head demo cue /> }.into_any()
    }
}

#[component]
fn DemoSteps(head: String, demo: Demo, cue: Cue) -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let slug = demo.slug.clone();
    let source = Memo::new({
        let slug = slug.clone();
        move |_| store.read(&[Part::Steps, Part::Replay], |show| show.source(&slug))
    });
    let tools = {
        let slug = slug.clone();
        move || store.read(&[Part::Steps, Part::Replay], |show| tools(show.run(&slug)))
    };
    let groups: Vec<_> = demo
        .groups
        .iter()
        .filter(|group| cue.groups.is_empty() || cue.groups.contains(&group.name))
        .map(|group| view! { <GroupSteps demo=demo.clone() group=group.clone() /> })
        .collect();
    let ghost = {
        let slug = slug.clone();
        let under = Memo::new(move |_| {
            store.read(&[Part::Steps, Part::Curves], |show| Some(of_ghost(&show.ghost(&slug)?.badge)))
        });
        move || {
            let said = under.get()?;
            Some(view! {
                <p class="ghost-note" data-testid="ghost-note">
                    <i aria-hidden="true"></i>
                    <span>"Dashed: " {said}</span>
                    <button title="What differs, step by step (Shift D)" on:click=move |_| console.toggle(Overlay::Differences)>"Differences"</button>
                    <button title="Take it away (Shift H)" on:click=move |_| console.send(call::ToggleGhost {})>"Away"</button>
                </p>
            })
        }
    };
    let held = slug.clone();
    let played = slug.clone();
    let reset = move |_| console.send(call::Reset { demo: slug.clone() });
    view! {
        <section class="steps" data-testid="steps" data-demo=demo.slug data-badge=move || source_name(&source.read())>
            <header>
                <h2>{head}</h2>
                <Show when=move || source.get() == Source::Running>
                    <button class="stop" data-testid="stop" on:click=move |_| console.send(call::Stop {})>"Stop"</button>
                </Show>
                <button data-testid="reset" on:click=reset>"Reset"</button>
            </header>
            <PlaysChoice demo=played />
            <Show when={
                let slug = held;
                move || store.read(&[Part::Deck], |show| show.held.contains(&slug))
            }>
                <p class="held" data-testid="held">
                    <span>"Not trusted yet. These steps run programs with your rights: look at the lines that are listed, then press Shift Y. "</span>
                    <button on:click=move |_| console.trust()>"Let them run"</button>
                </p>
            </Show>
            <Show when=move || is_recorded(&source.read())>
                <p class="recorded-note"><span>{move || in_words(&source.read())}</span></p>
            </Show>
            {ghost}
            {groups}
            <p class="tools">{tools}</p>
        </section>
    }
}

/// What plays the demo: one of three, and what it means.
#[component]
fn PlaysChoice(demo: String) -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let plays = Memo::new({
        let demo = demo.clone();
        move |_| store.read(&[Part::Deck, Part::Position, Part::Steps], |show| show.plays(&demo))
    });
    let buttons = Plays::ALL.map(|one| {
        let demo = demo.clone();
        let set = move |_| console.send(call::SetPlays { demo: demo.clone(), plays: one });
        let (name, title) = plays_words(one);
        view! {
            <button role="radio" data-testid="plays" data-plays=one.as_str() title=title aria-checked=move || (plays.get() == one).to_string() on:click=set>
                <i aria-hidden="true"></i>{name}
            </button>
        }
    });
    view! { <div class="plays" role="radiogroup" aria-label="What plays this demo (Shift S)">{buttons.into_iter().collect_view()}</div> }
}

fn plays_words(plays: Plays) -> (&'static str, &'static str) {
    match plays {
        Plays::Live => ("Live", "Steps run; V shows the recording (Shift S)"),
        Plays::Recorded => ("Recorded", "Each click plays the recording of its steps; nothing runs (Shift S)"),
        Plays::Auto => ("Auto", "Steps run; the recording goes on by itself where one is late or fails (Shift S)"),
    }
}

#[component]
fn GroupSteps(demo: Demo, group: Group) -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let name = group.name.clone();
    let state = Memo::new({
        let (demo, name) = (demo.clone(), name.clone());
        move |_| {
            store.read(&[Part::Steps, Part::Replay], |show| {
                show.run(&demo.slug).map_or(StepState::Pending, |run| run.group_state(&demo, &name))
            })
        }
    });
    let run = {
        let (demo, group) = (demo.slug.clone(), name.clone());
        move |_| console.send(call::RunGroup { demo: demo.clone(), group: group.clone() })
    };
    let label = move || match state.get() {
        StepState::Pending => "Run",
        StepState::Running => "Runs",
        StepState::Passed | StepState::Failed | StepState::Cancelled => "Again",
    };
    let steps: Vec<_> = group
        .steps
        .clone()
        .filter_map(|index| Some((index, demo.steps.get(index)?.clone())))
        .map(|(index, step)| view! { <OneStep demo=demo.slug.clone() index step /> })
        .collect();
    view! {
        <div class="group" data-testid="group" data-group=name data-state=move || state_name(state.get())>
            <header>
                <h3>{if group.about.is_empty() { group.name } else { group.about }}</h3>
                <button data-testid="run-group" disabled=move || state.get() == StepState::Running on:click=run>{label}</button>
            </header>
            <ol>{steps}</ol>
        </div>
    }
}

#[component]
fn OneStep(demo: String, index: usize, step: Step) -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let timeout_ms = step.timeout_ms;
    let standing = Memo::new({
        let demo = demo.clone();
        move |_| standing(store, &demo, index, timeout_ms)
    });
    let state = Memo::new(move |_| standing.read().state);
    let run = move |_| console.send(call::RunStep { demo: demo.clone(), step: index });
    let hint = step.if_fails;
    let said = move || {
        let said = standing.read().said.clone();
        let failed = matches!(state.get(), StepState::Failed);
        (!said.is_empty()).then(|| view! { <pre class="said" class:failed=failed>{said}</pre> })
    };
    let hint = move || {
        let failed = matches!(state.get(), StepState::Failed);
        hint.clone().filter(|_| failed).map(|hint| view! { <p class="hint">{hint}</p> })
    };
    view! {
        <li class="step" data-testid="step" data-step=index data-state=move || state_name(state.get())>
            <i class="mark" aria-label=move || state_name(state.get())></i>
            <code title=step.text.clone()>{step.text.clone()}</code>
            <span class="time">{move || standing.read().elapsed.clone()} " / " {seconds(timeout_ms as f64 / 1e3)}</span>
            <button aria-label="Run this step" data-testid="run-step" disabled=move || state.get() == StepState::Running on:click=run>"▸"</button>
            <Show when=move || state.get() == StepState::Running>
                <div class="used"><i style=move || format!("width: {}%", standing.read().used)></i></div>
            </Show>
            {said}
            {hint}
        </li>
    }
}

fn standing(store: Store, demo: &str, index: usize, timeout_ms: u64) -> Standing {
    let read = |show: &Show, now: Micros| {
        let run = show.run(demo)?;
        let step = run.steps.get(&index)?;
        // A take stands where it was paused.
        let now = show.recording(demo).map_or(now, |recorded| recorded.run.now);
        let elapsed = step.ended.unwrap_or(now).saturating_sub(step.started) as f64 / 1e6;
        let said = match &step.outcome {
            None => String::new(),
            Some(Outcome::Passed { seen }) => seen.clone(),
            Some(Outcome::Failed { why }) => why.clone(),
            Some(Outcome::TimedOut { why }) if why.is_empty() => "Out of time: stopped at its deadline.".into(),
            Some(Outcome::TimedOut { why }) => format!("Out of time: {why}"),
            Some(Outcome::Cancelled) => "Stopped.".into(),
        };
        let used = (elapsed * 1e5 / timeout_ms.max(1) as f64).min(100.0) as u32;
        Some(Standing { state: run.state(index), elapsed: seconds(elapsed), used, said })
    };
    let running = store.read(&[Part::Steps, Part::Replay], |show| show.run(demo).and_then(Run::running) == Some(index));
    if running {
        store.ticking();
    }
    let pending = Standing { state: StepState::Pending, elapsed: "–".into(), used: 0, said: String::new() };
    store.peek(|show| read(show, store.now())).unwrap_or(pending)
}

fn tools(run: Option<&Run>) -> String {
    let tools = run.into_iter().flat_map(|run| &run.tools);
    tools.map(|(name, is)| format!("{name}: {is}")).collect::<Vec<_>>().join(", ")
}

fn seconds(seconds: f64) -> String {
    match seconds {
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ => time::minutes_and_seconds(seconds),
    }
}
