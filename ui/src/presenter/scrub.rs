//! The take on stage, under the stage: what moves it, and its time line, on which every place of it can be sought.

use super::{Console, hand_on::Forms};
use crate::{bridge, keys, pane::state_name, store::Part, time};
use greenroom_show::{
    Micros, Playing,
    call::{self, Call},
    playback::{Idle, To, Way},
    take::{Cut, Detail, TakeInfo},
    timeline::{Band, Timeline},
};
use leptos::{html, prelude::*, task::spawn_local};
use web_sys::PointerEvent;

/// Of the drawing, which is stretched to its room.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 40.0;
/// While the mouse is dragged, a place is asked for so often at most: each answer is a whole picture.
const DRAG_MS: f64 = 90.0;

/// What of a take changes the line that is drawn of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Drawn {
    id: String,
    idle: Idle,
}

/// What its buttons say.
#[derive(Debug, Clone, PartialEq)]
struct Moves {
    playing: bool,
    ended: bool,
    at: Micros,
    speed: Option<String>,
    idle: Idle,
    is_of_talk: bool,
}

#[component]
pub fn Scrubber() -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let drawn = Memo::new(move |_| {
        store.read(&[Part::Replay], |show| {
            show.playing(store.live_now()).map(|playing| Drawn { id: playing.take.id.clone(), idle: playing.idle })
        })
    });
    let timeline = RwSignal::new(None::<Timeline>);
    let detail = RwSignal::new(Detail::default());
    Effect::new(move || {
        console.cuts.track();
        let Some(wanted) = drawn.get() else { return timeline.set(None) };
        spawn_local(async move {
            let read = bridge::call(call::ReadTimeline {}).await.ok();
            let details = bridge::call(call::ReadDetails {}).await.unwrap_or_default();
            // Another take may have come on stage meanwhile.
            if drawn.get_untracked().as_ref() == Some(&wanted) {
                timeline.set(read);
                detail.set(details.get(&wanted.id).cloned().unwrap_or_default());
            }
        });
    });
    view! {
        <Show when=move || drawn.read().is_some()>
            <Transport timeline detail />
        </Show>
    }
}

#[component]
fn Transport(timeline: RwSignal<Option<Timeline>>, detail: RwSignal<Detail>) -> impl IntoView {
    let console = expect_context::<Console>();
    let store = console.store;
    let moves = Memo::new(move |_| {
        store.ticking();
        store.read(&[Part::Replay], |show| show.playing(store.live_now()).map(moves))
    });
    let read = move |read: fn(&Moves) -> String| moves.read().as_ref().map(read).unwrap_or_default();
    let words = move || {
        let timeline = timeline.read();
        let at = moves.read().as_ref().map_or(0, |moves| moves.at);
        let Some(timeline) = timeline.as_ref() else { return seconds(at) };
        format!("{} of {}", seconds(at.min(timeline.length)), seconds(timeline.length))
    };
    let opened = RwSignal::new(false);
    let here = move || {
        let at = moves.read().as_ref().map_or(0, |moves| moves.at);
        timeline.read().as_ref().and_then(|timeline| name_at(timeline, at)).unwrap_or_default()
    };
    view! {
        <section
            class="scrub"
            aria-label="Recording"
            data-testid="replay"
            data-playing=move || read(|moves| moves.playing.to_string())
            data-ended=move || read(|moves| moves.ended.to_string())
            data-at=move || read(|moves| moves.at.to_string())
        >
            <div class="transport">
                <b>"Recorded"</b>
                <Key name="Step back" key="[" word="◂" call=|| call::SeekTake { to: To::Step(Way::Back) } />
                <button class="play" title="Play or pause (,)" on:click=move |_| console.send(call::TogglePlay {})>
                    {move || read(|moves| play_word(moves).into())}
                </button>
                <Key name="Step on" key="]" word="▸" call=|| call::SeekTake { to: To::Step(Way::On) } />
                <span class="at">{words}</span>
                <button data-testid="to-live" on:click=move |_| console.send(call::ToggleRecorded {})>"Back to live"</button>
            </div>
            <Edges timeline moves detail />
            <div class="transport">
                <span class="here">{here}</span>
                <Key name="Slower" key="Ctrl+ArrowDown" word="−" call=|| call::PaceTake { way: Way::Back } />
                <span class="speed" data-testid="speed">{move || read(|moves| moves.speed.clone().unwrap_or_else(|| "1 x".into()))}</span>
                <Key name="Faster" key="Ctrl+ArrowUp" word="+" call=|| call::PaceTake { way: Way::On } />
                <Show when=move || !moves.read().as_ref().is_some_and(|moves| moves.is_of_talk)>
                    <button title="Pauses between steps (Shift Z)" on:click=move |_| console.send(call::ToggleIdle {})>
                        {move || read(|moves| idle_word(moves.idle).into())}
                    </button>
                </Show>
                <button aria-expanded=move || opened.get().to_string() on:click=move |_| opened.update(|opened| *opened = !*opened)>"Hand on"</button>
            </div>
            <Show when=move || opened.get()>
                <Forms />
            </Show>
            {move || cut_words(&detail.read()).map(|words| view! {
                <div class="transport cut" data-testid="cut">
                    <span class="here">{words}</span>
                    <button title="Take back the last cut (Ctrl U)" on:click=move |_| console.cut(Cut::Undo)>"Undo"</button>
                    <button title="Play all of it" on:click=move |_| console.cut(Cut::Whole)>"Whole"</button>
                </div>
            })}
        </section>
    }
}

/// A button that does what a key does.
#[component]
fn Key<C: Call + 'static>(name: &'static str, key: &'static str, word: &'static str, call: fn() -> C) -> impl IntoView {
    let console = expect_context::<Console>();
    let title = format!("{name} ({})", keys::cap(key));
    view! { <button class="key" title=title aria-label=name on:click=move |_| console.send(call())>{word}</button> }
}

/// The time line itself. The mouse seeks on it, and drags.
#[component]
pub fn Line(
    timeline: RwSignal<Option<Timeline>>,
    #[prop(into)] at: Signal<Micros>,
    #[prop(into)] seek: Callback<Micros>,
) -> impl IntoView {
    let line = NodeRef::<html::Div>::new();
    let dragged = RwSignal::new(None::<f64>);
    let asked = StoredValue::new(0.0_f64);
    let place = move |event: &PointerEvent| {
        let over = line.get_untracked()?.get_bounding_client_rect();
        let part = (f64::from(event.client_x()) - over.left()) / over.width().max(1.0);
        let length = timeline.read_untracked().as_ref()?.length;
        Some((part.clamp(0.0, 1.0), length))
    };
    let ask = move |event: &PointerEvent, always: bool| {
        let Some((part, length)) = place(event) else { return };
        dragged.set(Some(part));
        if always || time::page_ms() - asked.get_value() > DRAG_MS {
            asked.set_value(time::page_ms());
            seek.run((part * length as f64) as Micros);
        }
    };
    let down = move |event: PointerEvent| {
        if let Some(line) = line.get_untracked() {
            // Without it the mouse is lost where it leaves the line, and nothing else.
            let _ = line.set_pointer_capture(event.pointer_id());
        }
        ask(&event, true);
    };
    let up = move |event: PointerEvent| {
        if dragged.get_untracked().is_some() {
            ask(&event, true);
            dragged.set(None);
        }
    };
    let head = move || {
        let length = timeline.read().as_ref().map_or(0, |timeline| timeline.length);
        let part = dragged.get().unwrap_or_else(|| share(at.get(), length));
        format!("left: {:.3}%", part * 100.0)
    };
    view! {
        <div
            class="line"
            node_ref=line
            role="slider"
            aria-label="Place in the recording"
            aria-valuemin="0"
            aria-valuemax=move || timeline.read().as_ref().map_or(0, |timeline| timeline.length / 1_000_000).to_string()
            aria-valuenow=move || (at.get() / 1_000_000).to_string()
            data-testid="time-line"
            data-ready=move || timeline.read().is_some().to_string()
            on:pointerdown=down
            on:pointermove=move |event| if dragged.get_untracked().is_some() { ask(&event, false) }
            on:pointerup=up
            on:pointercancel=move |_| dragged.set(None)
        >
            {move || timeline.read().as_ref().map(picture)}
            <i class="playhead" style=head></i>
        </div>
    }
}

/// The line of a take that is cut on it: where it has the keys, I and O do; the mouse moves its edges.
#[component]
fn Edges(timeline: RwSignal<Option<Timeline>>, moves: Memo<Option<Moves>>, detail: RwSignal<Detail>) -> impl IntoView {
    let console = expect_context::<Console>();
    let line = NodeRef::<html::Div>::new();
    // Elsewhere these keys have other meanings.
    let cut = move |event: web_sys::KeyboardEvent| {
        let cut = match keys::name(&event).as_deref() {
            Some("i") => Cut::In(None),
            Some("o") => Cut::Out(None),
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        console.cut(cut);
    };
    view! {
        <div class="edges" node_ref=line tabindex="0" data-testid="edges" title="I: it begins here. O: it ends here." on:keydown=cut>
            <Line
                timeline
                at=Signal::derive(move || moves.read().as_ref().map_or(0, |moves| moves.at))
                seek=move |to| console.send(call::SeekTake { to: To::At(to) })
            />
            <EdgeMark edge=Edge::In line timeline moves detail />
            <EdgeMark edge=Edge::Out line timeline moves detail />
        </div>
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    In,
    Out,
}

/// Where the take begins or ends, which the mouse moves.
#[component]
fn EdgeMark(
    edge: Edge,
    line: NodeRef<html::Div>,
    timeline: RwSignal<Option<Timeline>>,
    moves: Memo<Option<Moves>>,
    detail: RwSignal<Detail>,
) -> impl IntoView {
    let console = expect_context::<Console>();
    let mark = NodeRef::<html::I>::new();
    let dragged = RwSignal::new(None::<f64>);
    let part = move |event: &PointerEvent| {
        let over = line.get_untracked()?.get_bounding_client_rect();
        Some(((f64::from(event.client_x()) - over.left()) / over.width().max(1.0)).clamp(0.0, 1.0))
    };
    let down = move |event: PointerEvent| {
        event.stop_propagation();
        if let Some(mark) = mark.get_untracked() {
            // Without it the mouse is lost where it leaves the mark, and nothing else.
            let _ = mark.set_pointer_capture(event.pointer_id());
        }
        dragged.set(part(&event));
    };
    let over = move |event: PointerEvent| {
        event.stop_propagation();
        if dragged.get_untracked().is_some() {
            dragged.set(part(&event));
        }
    };
    let up = move |event: PointerEvent| {
        event.stop_propagation();
        let Some(part) = dragged.get_untracked() else { return };
        dragged.set(None);
        let Some(length) = timeline.read_untracked().as_ref().map(|timeline| timeline.length) else { return };
        let to = Some((part * length as f64) as Micros);
        console.cut(match edge {
            Edge::In => Cut::In(to),
            Edge::Out => Cut::Out(to),
        });
    };
    // A demo's line is that of what is played; a talk's is that of the whole recording.
    let begins = move || {
        let is_of_talk = moves.read().as_ref().is_some_and(|moves| moves.is_of_talk);
        detail.read().begins.filter(|_| is_of_talk).unwrap_or(0)
    };
    let stands = move || match edge {
        Edge::In => share(begins(), timeline.read().as_ref().map_or(0, |timeline| timeline.length)),
        Edge::Out => 1.0,
    };
    let (class, title) = match edge {
        Edge::In => ("edge in", "It begins here: drag"),
        Edge::Out => ("edge out", "It ends here: drag"),
    };
    view! {
        <i
            class=class
            node_ref=mark
            title=title
            data-testid="edge"
            style=move || format!("left: {:.3}%", dragged.get().unwrap_or_else(&stands) * 100.0)
            on:pointerdown=down
            on:pointermove=over
            on:pointerup=up
            on:pointercancel=move |_| dragged.set(None)
        ></i>
    }
}

/// From where to where it is played, where it is cut: by the recording's clock.
fn cut_words(detail: &Detail) -> Option<String> {
    let ends = || detail.ends.map_or_else(|| "its end".to_string(), seconds);
    (detail.begins.is_some() || detail.ends.is_some())
        .then(|| format!("Cut: {} of the recording to {}", seconds(detail.begins.unwrap_or(0)), ends()))
}

fn picture(timeline: &Timeline) -> impl IntoView + use<> {
    let length = timeline.length;
    let bands = if timeline.steps.is_empty() { &timeline.slides } else { &timeline.steps };
    let bands: Vec<_> = bands
        .iter()
        .map(|band| {
            let (left, width) = (share(band.from, length), share(band.to - band.from, length));
            let title = format!("{}, {}", band.name, seconds(band.to - band.from));
            let style = format!("left: {:.3}%; width: {:.3}%", left * 100.0, width * 100.0);
            view! { <i class="band" style=style title=title data-state=state_name(band.state)></i> }
        })
        .collect();
    let checks: Vec<_> = timeline
        .checks
        .iter()
        .map(|check| {
            let style = format!("left: {:.3}%", share(check.at, length) * 100.0);
            let state = if check.passed { "passed" } else { "failed" };
            view! { <i class="check" style=style title=check.name.clone() data-state=state></i> }
        })
        .collect();
    let outline = outline(&timeline.silhouette);
    view! {
        <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" aria-hidden="true"><path d=outline /></svg>
        {bands}
        {checks}
    }
}

/// What moved when, as a shape that stands on the line.
fn outline(silhouette: &[f32]) -> String {
    if silhouette.is_empty() {
        return String::new();
    }
    let step = WIDTH / silhouette.len() as f64;
    let mut path = format!("M0 {HEIGHT}");
    for (index, part) in silhouette.iter().enumerate() {
        let (x, y) = (index as f64 * step, HEIGHT * (1.0 - 0.9 * f64::from(*part)));
        path.push_str(&format!("L{x:.1} {y:.1}L{:.1} {y:.1}", x + step));
    }
    path.push_str(&format!("L{WIDTH} {HEIGHT}Z"));
    path
}

fn moves(playing: Playing<'_>) -> Moves {
    let Playing { take, playing, ended, at, speed, idle } = playing;
    Moves { playing, ended, at, speed: speed.in_words(), idle, is_of_talk: TakeInfo::is_of_talk(take) }
}

fn play_word(moves: &Moves) -> &'static str {
    match (moves.playing, moves.ended) {
        (true, _) => "Pause",
        (false, true) => "Again",
        (false, false) => "Play",
    }
}

fn idle_word(idle: Idle) -> &'static str {
    match idle {
        Idle::Cut => "Pauses cut",
        Idle::Kept => "Pauses kept",
    }
}

/// The step that runs at a place, or the slide.
pub fn name_at(timeline: &Timeline, at: Micros) -> Option<String> {
    let holds = |band: &&Band| band.from <= at && at <= band.to;
    let step = timeline.steps.iter().rev().find(holds);
    step.or_else(|| timeline.slides.iter().rev().find(holds)).map(|band| band.name.clone())
}

fn share(at: Micros, length: Micros) -> f64 {
    (at as f64 / length.max(1) as f64).min(1.0)
}

pub fn seconds(micros: Micros) -> String {
    time::minutes_and_seconds(micros as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_stands_on_the_line_and_stays_within_it() {
        assert_eq!(outline(&[]), "");
        assert_eq!(outline(&[0.0, 1.0]), "M0 40L0.0 40.0L500.0 40.0L500.0 4.0L1000.0 4.0L1000 40Z");
    }

    #[test]
    fn a_take_that_is_cut_says_from_where_to_where() {
        let mut detail = Detail::default();
        assert_eq!(cut_words(&detail), None);
        detail.begins = Some(12_000_000);
        assert_eq!(cut_words(&detail).expect("cut"), "Cut: 0:12 of the recording to its end");
        (detail.begins, detail.ends) = (None, Some(100_000_000));
        assert_eq!(cut_words(&detail).expect("cut"), "Cut: 0:00 of the recording to 1:40");
    }

    #[test]
    fn a_place_is_named_after_what_runs_there() {
        let band = |name: &str, from, to| Band {
            step: None,
            name: name.into(),
            from,
            to,
            state: greenroom_show::StepState::Passed,
        };
        let steps = vec![band("copy", 0, 5), band("list", 7, 9)];
        let timeline = Timeline { length: 9, steps, slides: vec![band("Opening", 0, 9)], ..Timeline::default() };
        let name = |at| name_at(&timeline, at).unwrap_or_default();
        assert_eq!([name(3), name(6), name(8)], ["copy", "Opening", "list"]);
        assert_eq!((share(5, 10), share(20, 10), share(0, 0)), (0.5, 1.0, 0.0));
    }
}
