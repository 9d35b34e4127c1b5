//! Along the bottom: what the next key does, and what the director has to say.

use super::Console;
use crate::{keys, store::Part};
use greenroom_show::{NextAction, Show, deck::Plays};
use leptos::prelude::*;

#[component]
pub fn Foot() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let next = Memo::new(move |_| store.read(&[Part::Deck, Part::Position, Part::Steps, Part::Replay], words));
    let late = Memo::new(move |_| store.read(&[Part::Position, Part::Steps, Part::Replay], is_late));
    let notice =
        Memo::new(move |_| store.read(&[Part::Notices], |show| show.notices.back().map(|notice| notice.text.clone())));
    let place = Memo::new(move |_| {
        store.read(&[Part::Deck, Part::Position], |show| {
            let count = show.deck.as_ref().map_or(0, |deck| deck.slides.len());
            format!("{} / {count}", show.position.slide + 1)
        })
    });
    view! {
        <footer class="desk-foot">
            <span class="place">{place}</span>
            <span class="does" class:late=late data-testid="next-action"><kbd>{keys::cap(" ")}</kbd> {next}</span>
            <span class="notice" role="status" data-testid="notice" title=notice>{notice}</span>
            <span class="refused" role="alert" data-testid="refused">{move || console.refused.get()}</span>
            <span class="keys"><kbd>{keys::cap("?")}</kbd> "keys"</span>
        </footer>
    }
}

/// Whether the step that is waited for takes longer than it ever should.
fn is_late(show: &Show) -> bool {
    let NextAction::Wait { step } = show.next_action() else { return false };
    if is_recorded(show) {
        return false;
    }
    let run = show.slide().and_then(|slide| show.runs.get(&slide.cue.as_ref()?.demo));
    run.and_then(|run| run.steps.get(&step)).is_some_and(|step| step.late)
}

/// Whether the demo of this slide is played from its recording.
fn is_recorded(show: &Show) -> bool {
    let cue = show.slide().and_then(|slide| slide.cue.as_ref());
    cue.is_some_and(|cue| show.plays(&cue.demo) == Plays::Recorded)
}

fn words(show: &Show) -> String {
    if let Some(item) = show.live().booth {
        return format!("is for the booth, which shows item {}: Shift B ends it, Home starts it over", item + 1);
    }
    match show.next_action() {
        NextAction::Reveal(_) => "shows the next point".into(),
        NextAction::RunGroup { demo, group } => {
            let group = show.demos.get(&demo).and_then(|demo| demo.group(&group));
            let about = group.map(|group| if group.about.is_empty() { &group.name } else { &group.about });
            let does = if is_recorded(show) { "plays the recording" } else { "runs" };
            format!("{does}: {}", about.map(String::as_str).unwrap_or_default())
        }
        NextAction::Trust { demo } => {
            format!("waits for Shift Y, your yes to '{demo}'")
        }
        NextAction::Wait { step } => {
            let demo = show.slide().and_then(|slide| show.demo(&slide.cue.as_ref()?.demo));
            let step = demo.and_then(|demo| demo.steps.get(step)).map(|step| step.text.as_str());
            if is_late(show) {
                return format!("late: V shows the recording from here on: {}", step.unwrap_or_default());
            }
            if is_recorded(show) {
                return format!("waits for the recorded step (] goes to the next): {}", step.unwrap_or_default());
            }
            format!("waits for the step that runs (K stops it): {}", step.unwrap_or_default())
        }
        NextAction::Slide(at) => {
            let title = show.deck.as_ref().and_then(|deck| deck.slides.get(at.slide)).map(|slide| slide.title.as_str());
            match title {
                Some(title) if !title.is_empty() => format!("goes on to: {title}"),
                _ => format!("goes on to slide {}", at.slide + 1),
            }
        }
        NextAction::BackToLive => "waits: a recorded talk is on stage, and V goes back to live".into(),
        NextAction::End => "does nothing: this is the end".into(),
    }
}
