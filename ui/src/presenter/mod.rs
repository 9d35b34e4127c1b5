//! The presenter's window: everything the speaker needs, and the keys that drive the show.

mod differences;
mod faults;
mod foot;
mod hand;
mod hand_on;
mod head;
mod help;
mod mirrors;
mod next;
mod notes;
mod overview;
mod plan;
pub mod polled;
pub mod preflight;
mod rehearsals;
pub mod scrub;
mod steps;
mod takes;
mod tenants;
mod typed;

use crate::{
    audience::{AudienceView, CaptionLine, curtain_name},
    bridge, keys,
    marks::{MarksView, Tool},
    slide::{Draw, Slides},
    stage::Stage,
    store::{Part, Store},
    time::page_ms,
};
use greenroom_show::{
    NextAction, Show as ShowState, StepState,
    call::{self, Call, window::Face as Asked},
    deck::{Cue, Plays, Theme},
    playback::To,
    start::{
        ReadSettings, WriteSettings,
        settings::{Clock, Keys, NOTES_PX, Settings},
    },
    take::Cut,
};
use leptos::{ev, prelude::*, task::spawn_local};
use std::time::Duration;
use typed::{LAPSES_AFTER_MS, Typed};
use wasm_bindgen::JsCast;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    Differences,
    Help,
    Mirrors,
    Overview,
    Planner,
    Preflight,
    Rehearsals,
    Tenants,
}

/// What a single screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Console,
    Stage,
}

/// The state of this window that is no part of the show, and what its keys and buttons do.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    pub store: Store,
    pub face: RwSignal<Face>,
    pub overlay: RwSignal<Option<Overlay>>,
    pub typed: RwSignal<Typed>,
    /// Why the last call did nothing.
    pub refused: RwSignal<Option<String>>,
    /// What the mouse does on the slide.
    pub tool: RwSignal<Option<Tool>>,
    /// Whether the clock counts down.
    pub clock_down: RwSignal<bool>,
    pub profile: RwSignal<Keys>,
    /// How often a take was cut in this window.
    pub cuts: RwSignal<usize>,
    notes: RwSignal<usize>,
    theme: RwSignal<Option<Theme>>,
}

#[component]
pub fn Presenter(theme: RwSignal<Option<Theme>>) -> impl IntoView {
    let store = expect_context::<Store>();
    let console = Console {
        store,
        face: RwSignal::new(Face::Console),
        overlay: RwSignal::new(first_overlay()),
        typed: RwSignal::new(Typed::default()),
        refused: RwSignal::new(None),
        tool: RwSignal::new(None),
        clock_down: RwSignal::new(false),
        profile: RwSignal::new(Keys::default()),
        cuts: RwSignal::new(0),
        notes: RwSignal::new(Settings::default().notes_step()),
        theme,
    };
    console.settle();
    provide_context(console);
    provide_context(hand::Hand::new(console).mouse());
    listen_to_keys(console);
    let curtain = move || curtain_name(store.read(&[Part::Position], |show| show.curtain));
    let face = move || match console.face.get() {
        Face::Console => view! { <Desk /> }.into_any(),
        Face::Stage => view! { <AudienceView /> }.into_any(),
    };
    let overlay = move || match console.overlay.get() {
        None => ().into_any(),
        Some(Overlay::Differences) => view! { <differences::Differences /> }.into_any(),
        Some(Overlay::Help) => view! { <help::Help /> }.into_any(),
        Some(Overlay::Mirrors) => view! { <mirrors::MirrorsPage /> }.into_any(),
        Some(Overlay::Overview) => view! { <overview::Overview /> }.into_any(),
        Some(Overlay::Preflight) => view! { <preflight::Board /> }.into_any(),
        Some(Overlay::Rehearsals) => view! { <rehearsals::Rehearsals /> }.into_any(),
        Some(Overlay::Tenants) => view! { <tenants::TenantsPage /> }.into_any(),
        Some(Overlay::Planner) => view! { <plan::PlanDesk /> }.into_any(),
    };
    view! {
        <main
            class="presenter"
            data-testid="presenter"
            data-face=move || match console.face.get() {
                Face::Console => "console",
                Face::Stage => "stage",
            }
            data-curtain=curtain
            data-frozen=move || store.read(&[Part::Position], |show| show.frozen.is_some()).to_string()
        >
            {face}
            {overlay}
            <Show when=move || !console.typed.read().as_str().is_empty()>
                <p class="typed" role="status">"Go to slide " <b>{move || console.typed.read().as_str().to_string()}</b></p>
            </Show>
        </main>
    }
}

#[component]
fn Desk() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let position = Memo::new(move |_| store.read(&[Part::Position], |show| show.position));
    // Without any, the slide has their place.
    let has_words = Memo::new(move |_| {
        let has =
            |show: &ShowState| show.deck.as_ref().is_some_and(|deck| deck.slides.iter().any(|slide| slide.words() > 0));
        store.read(&[Part::Deck], has)
    });
    view! {
        <div class="desk" data-words=move || has_words.get().to_string()>
            <head::Head />
            <faults::Faults />
            <section class="now" aria-label="Current slide">
                <div class="screen">
                    <Stage>
                        <Slides position draw=Draw::Whole />
                        <MarksView slide=Signal::derive(move || position.get().slide) />
                        <CaptionLine />
                    </Stage>
                </div>
                <scrub::Scrubber />
                <next::NextUp />
            </section>
            <notes::Notes />
            <aside class="side">
                <steps::Steps />
                <takes::Takes />
            </aside>
            <foot::Foot />
        </div>
    }
}

impl Console {
    /// Sends a call; what the director refuses is said at the foot of the window.
    pub fn send<C: Call + 'static>(self, call: C) {
        spawn_local(async move {
            let refused = bridge::call(call).await.err().map(|error| error.to_string());
            self.refused.set(refused);
        });
    }

    /// To another place of the take on stage.
    pub fn seek(self, to: To) {
        self.send(call::SeekTake { to });
    }

    /// From here on, or up to here, the take on stage is played.
    pub fn cut(self, cut: Cut) {
        spawn_local(async move {
            let refused = bridge::call(call::CutTake { cut }).await.err().map(|error| error.to_string());
            self.refused.set(refused);
            // The take has come on stage anew, with another line.
            self.cuts.update(|cuts| *cuts += 1);
        });
    }

    /// The demo on this slide, or else the next one to come, with its slide.
    pub fn cue(self) -> Option<(usize, Cue)> {
        self.store.read(&[Part::Deck, Part::Position], |show| {
            let slides = show.deck.as_ref()?.slides.iter().enumerate().skip(show.position.slide);
            slides.filter_map(|(index, slide)| Some((index, slide.cue.clone()?))).next()
        })
    }

    pub fn run_again(self) {
        let Some((_, cue)) = untrack(|| self.cue()) else { return };
        let group = self.store.peek(|show| {
            let demo = show.demos.get(&cue.demo)?;
            let run = match show.plays(&cue.demo) {
                Plays::Recorded => show.run(&cue.demo),
                Plays::Live | Plays::Auto => show.runs.get(&cue.demo),
            };
            let state = |group: &String| run.map(|run| run.group_state(demo, group));
            let open = cue.groups.iter().find(|group| state(group) != Some(StepState::Passed));
            open.or(cue.groups.last()).cloned()
        });
        if let Some(group) = group {
            self.send(call::RunGroup { demo: cue.demo, group });
        }
    }

    /// The demo at hand is played by the next of live, recorded and auto.
    pub fn next_plays(self) {
        if let Some((_, cue)) = untrack(|| self.cue()) {
            let plays = self.store.peek(|show| show.plays(&cue.demo)).next();
            self.send(call::SetPlays { demo: cue.demo, plays });
        }
    }

    /// On to the next slide that the pace keeps.
    pub fn skip(self) {
        let now = self.store.now();
        if let Some(slide) = self.store.peek(|show| show.next_kept(now)) {
            self.send(call::GoTo { slide });
        }
    }

    pub fn reset(self) {
        if let Some((_, cue)) = untrack(|| self.cue()) {
            self.send(call::Reset { demo: cue.demo });
        }
    }

    /// Says yes to the lines that are listed, and to nothing that is not.
    pub fn trust(self) {
        match self.store.peek(ShowState::next_action) {
            NextAction::Trust { .. } => self.send(call::TrustSteps {}),
            NextAction::Reveal(_)
            | NextAction::RunGroup { .. }
            | NextAction::Wait { .. }
            | NextAction::Slide(_)
            | NextAction::BackToLive
            | NextAction::End => {
                let nothing = "nothing here waits for your yes: the slide of a demo that does lists what it runs";
                self.refused.set(Some(nothing.into()));
            }
        }
    }

    pub fn toggle(self, overlay: Overlay) {
        self.overlay.update(|open| *open = if *open == Some(overlay) { None } else { Some(overlay) });
    }

    /// Takes a tool into the hand, or lays it down.
    pub fn take(self, tool: Tool) {
        self.tool.update(|held| *held = if *held == Some(tool) { None } else { Some(tool) });
        if self.tool.get_untracked().is_none_or(|held| held == Tool::Ink) {
            self.send(call::Point { pointer: None });
        }
    }

    /// To the first slide, or a booth to the start of its list.
    pub fn first(self) {
        match self.store.peek(|show| show.live().booth) {
            Some(_) => self.send(call::RestartBooth {}),
            None => self.go_to(0),
        }
    }

    /// To the last slide.
    pub fn last(self) {
        self.go_to(usize::MAX);
    }

    pub fn toggle_view(self) {
        self.face.update(|face| {
            *face = match face {
                Face::Console => Face::Stage,
                Face::Stage => Face::Console,
            }
        });
    }

    pub fn toggle_theme(self) {
        let current = self
            .theme
            .get_untracked()
            .unwrap_or_else(|| self.store.peek(|show| show.deck.as_ref().map(|deck| deck.theme).unwrap_or_default()));
        self.theme.set(Some(match current {
            Theme::Dark => Theme::Light,
            Theme::Light => Theme::Dark,
        }));
    }

    /// Size of the notes, in pixels.
    pub fn notes_px(self) -> u32 {
        NOTES_PX[self.notes.get()]
    }

    pub fn size_notes(self, by: isize) {
        self.notes.update(|size| *size = size.saturating_add_signed(by).min(NOTES_PX.len() - 1));
        let notes_px = NOTES_PX[self.notes.get_untracked()];
        keep(move |settings| settings.notes_px = notes_px);
    }

    pub fn turn_clock(self) {
        self.clock_down.update(|down| *down = !*down);
        let clock = if self.clock_down.get_untracked() { Clock::Down } else { Clock::Up };
        keep(move |settings| settings.clock = clock);
    }

    pub fn next_keys(self) {
        let keys = match self.profile.get_untracked() {
            Keys::Plain => Keys::Vi,
            Keys::Vi => Keys::Plain,
        };
        self.profile.set(keys);
        keep(move |settings| settings.keys = keys);
    }

    /// What is set on this machine. A file of settings that cannot be read is named, and all is as usual.
    fn settle(self) {
        spawn_local(async move {
            match bridge::call(ReadSettings {}).await {
                Ok(settings) => {
                    let notes = settings.notes_step();
                    let Settings { theme, keys, clock, .. } = settings;
                    self.theme.set(theme);
                    self.notes.set(notes);
                    self.profile.set(keys);
                    self.clock_down.set(clock == Clock::Down);
                }
                Err(error) => self.refused.set(Some(error.to_string())),
            }
        });
    }

    /// One thing at a press: what is typed, what is open, the tool in hand, what was refused, the freeze. Never the show.
    pub fn back_out(self) {
        if !self.typed.read_untracked().as_str().is_empty() {
            self.typed.set(Typed::default());
        } else if self.overlay.get_untracked().is_some() {
            self.overlay.set(None);
        } else if let Some(tool) = self.tool.get_untracked() {
            self.take(tool);
        } else if self.refused.read_untracked().is_some() {
            self.refused.set(None);
        } else if self.store.peek(|show| show.frozen.is_some()) {
            self.send(call::ToggleFreeze {});
        }
    }

    pub fn type_digit(self, digit: char) {
        self.typed.update(|typed| typed.push(digit, page_ms()));
        // A timer may fire a moment early by the clock that it is asked by.
        let lapses = Duration::from_millis(LAPSES_AFTER_MS as u64 + 20);
        set_timeout(move || self.typed.update(|typed| typed.lapse(page_ms())), lapses);
    }

    /// Whether a number was typed.
    pub fn go_to_typed(self) -> bool {
        let typed = self.typed.try_update(|typed| typed.take(page_ms())).flatten();
        let Some(number) = typed else { return false };
        self.go_to(number.saturating_sub(1));
        true
    }

    pub fn go_to(self, slide: usize) {
        self.overlay.set(None);
        let count = self.store.peek(|show| show.deck.as_ref().map_or(0, |deck| deck.slides.len()));
        self.send(call::GoTo { slide: slide.min(count.saturating_sub(1)) });
    }
}

/// What the start page asked for is open at first.
fn first_overlay() -> Option<Overlay> {
    let asked = window().location().search().unwrap_or_default();
    let is_asked = |face: Asked| asked.contains(&format!("face={}", face.as_str()));
    match () {
        () if is_asked(Asked::Preflight) => Some(Overlay::Preflight),
        () if is_asked(Asked::Rehearse) => Some(Overlay::Rehearsals),
        () => None,
    }
}

/// For the next talk, too. What cannot be kept is as it is now until this window closes; the settings' page says why.
fn keep(change: impl FnOnce(&mut Settings) + 'static) {
    spawn_local(async move {
        if let Ok(mut settings) = bridge::call(ReadSettings {}).await {
            change(&mut settings);
            bridge::tell(WriteSettings { settings }).await;
        }
    });
}

fn listen_to_keys(console: Console) {
    let keys = window_event_listener(ev::keydown, move |event| {
        // A button that was reached by Tab takes its own Enter and Space.
        let on_button =
            document().active_element().is_some_and(|element| element.matches("button:focus-visible").unwrap_or(false));
        let Some(key) = keys::name(&event) else { return };
        // A slider takes its own keys, but for the one that leads out.
        let on_input = document().active_element().is_some_and(|element| element.matches("input").unwrap_or(false));
        if on_input && key != "Escape" {
            return;
        }
        // A clicker that is held down must not run through the slides, nor start a demo on its way.
        if event.repeat() && !keys::may_be_held(&key) {
            event.prevent_default();
            return;
        }
        if on_button && matches!(key.as_str(), "Enter" | " ") {
            return;
        }
        if keys::press(console, &key) {
            event.prevent_default();
            if let Some(button) =
                document().active_element().and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok())
            {
                // Else Space would press the button last clicked.
                let _ = button.blur();
            }
        }
    });
    let menu = window_event_listener(ev::contextmenu, |event| event.prevent_default());
    on_cleanup(move || {
        keys.remove();
        menu.remove();
    });
}
