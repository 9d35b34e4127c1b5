//! What comes next: the next reveal or slide as the audience will see it, or the steps that the next click runs.

use super::Console;
use crate::{
    pane::TerminalView,
    slide::{Draw, SlideView},
    stage::Stage,
    store::Part,
};
use greenroom_show::{NextAction, Position};
use leptos::prelude::*;

#[component]
pub fn NextUp() -> impl IntoView {
    let store = expect_context::<Console>().store;
    let next = Memo::new(move |_| {
        store.read(&[Part::Deck, Part::Position, Part::Steps, Part::Replay], |show| show.next_action())
    });
    let deck = Memo::new(move |_| store.read(&[Part::Deck], |show| show.deck.as_ref().map(|deck| deck.hash.clone())));
    view! {
        <div class="next" data-testid="next">
            {move || {
                deck.track();
                match next.get() {
                    NextAction::Reveal(at) | NextAction::Slide(at) => preview(at).into_any(),
                    NextAction::RunGroup { demo, group } => {
                        let (about, steps) = store.peek(|show| {
                            let demo = show.demos.get(&demo)?;
                            let group = demo.group(&group)?;
                            let steps = group.steps.clone().filter_map(|step| demo.steps.get(step));
                            Some((group.about.clone(), steps.map(|step| step.text.clone()).collect::<Vec<_>>()))
                        }).unwrap_or_default();
                        let steps: Vec<_> = steps.into_iter().map(|step| view! { <li>{step}</li> }).collect();
                        view! { <div class="runs"><h3>"Next click runs"</h3><p>{about}</p><ol>{steps}</ol></div> }.into_any()
                    }
                    NextAction::Trust { .. } => {
                        // One yes is for all demos of this version that wait for one: their lines are all here.
                        let lines = store.peek(|show| {
                            let held = show.held.iter().filter_map(|demo| show.demos.get(demo));
                            held.flat_map(|demo| demo.programs()).collect::<Vec<_>>()
                        });
                        let lines: Vec<_> = lines.into_iter().map(|line| view! { <li>{line}</li> }).collect();
                        view! {
                            <div class="runs" data-testid="trust">
                                <h3>"Waits for your yes (Shift Y)"</h3>
                                <p>"It is for these lines, and for the scripts and tools of the project that they run:"</p>
                                <ol>{lines}</ol>
                            </div>
                        }.into_any()
                    }
                    NextAction::Wait { .. } => {
                        let demo = store.peek(|show| show.slide().and_then(|slide| slide.cue.as_ref()).map(|cue| cue.demo.clone()));
                        let terminal = demo.map(|demo| view! { <TerminalView demo /> });
                        view! { <div class="runs">{terminal}</div> }.into_any()
                    }
                    NextAction::BackToLive => view! { <div class="runs"><h3>"A recorded talk"</h3></div> }.into_any(),
                    NextAction::End => view! { <div class="runs"><h3>"End of the deck"</h3></div> }.into_any(),
                }
            }}
        </div>
    }
}

fn preview(at: Position) -> impl IntoView {
    view! {
        <div class="screen" aria-label="Next">
            <Stage><SlideView index=at.slide reveal=Signal::stored(at.reveal) draw=Draw::Preview /></Stage>
        </div>
    }
}
