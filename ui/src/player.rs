//! The page that plays a reel which it has brought with it: no director, no shell, no request to anywhere. For whoever opens it by a
//! double click; for a camera that takes its pictures one by one; for paper.

use crate::{
    audience::AudienceView,
    keys, paint_theme,
    presenter::scrub::{Line, name_at, seconds},
    store::{Part, Store},
    time,
};
use greenroom_show::{
    Micros,
    call::ToAudience,
    playback::{Playhead, To, Way},
    reel::{Due, Head, Kind, PAGE, Projector, ReelError},
    timeline::Timeline,
};
use js_sys::{Object, Promise, Reflect};
use leptos::{ev, prelude::*};
use std::time::Duration;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

/// So much of a reel is looked through at a time, while pictures are drawn between.
const LINES_AT_A_TIME: usize = 400;
/// The bar goes away so long after the mouse has come to rest, where the page fills the screen.
const BAR_RESTS: Duration = Duration::from_secs(3);
/// Nothing else is asked of the page's address.
const FILM: &str = "#film";

#[derive(Clone, Copy)]
struct Player {
    store: Store,
    projector: StoredValue<Projector, LocalStorage>,
    kind: Kind,
    timeline: RwSignal<Option<Timeline>>,
    head: RwSignal<Playhead>,
    at: RwSignal<Micros>,
    /// Until it is first played, what it comes to is shown.
    is_poster: RwSignal<bool>,
    trouble: RwSignal<Option<String>>,
}

pub fn open(head: &str, lines: String) -> AnyView {
    let is_film = window().location().hash().is_ok_and(|hash| hash == FILM);
    if is_film {
        time::hold();
    }
    match Projector::open(head, lines) {
        Ok(projector) if is_film => view! { <Film projector /> }.into_any(),
        Ok(projector) => view! { <Page projector /> }.into_any(),
        Err(error) => view! { <Broken error=error.to_string() /> }.into_any(),
    }
}

#[component]
fn Broken(error: String) -> impl IntoView {
    view! {
        <main class="trouble" data-testid="trouble" role="alert">
            <h1>"This recording cannot be played"</h1>
            <pre>{error}</pre>
            <p>"Export it again, or ask whoever sent this page to you for another copy."</p>
        </main>
    }
}

impl Player {
    fn new(projector: Projector) -> Player {
        let store = Store::new();
        provide_context(store);
        Effect::new(move || paint_theme(store.deck_theme()));
        let Head { kind, timeline, .. } = projector.head.clone();
        Player {
            store,
            projector: StoredValue::new_local(projector),
            kind,
            timeline: RwSignal::new(Some(timeline)),
            head: RwSignal::new(Playhead::default()),
            at: RwSignal::new(0),
            is_poster: RwSignal::new(kind == Kind::Film),
            trouble: RwSignal::new(None),
        }
    }

    fn length(self) -> Micros {
        self.timeline.read_untracked().as_ref().map_or(0, |timeline| timeline.length)
    }

    /// The last place that there is: of pages, where the last one begins.
    fn last(self) -> Micros {
        match self.kind {
            Kind::Film => self.length(),
            Kind::Pages => self.length().saturating_sub(PAGE),
        }
    }

    fn plays(self) -> bool {
        self.head.read().plays()
    }

    fn ended(self) -> bool {
        self.at.get() >= self.last()
    }

    /// Shows what is due by now.
    fn tick(self) {
        let at = self.head.read_untracked().at(now()).min(self.last());
        self.show(at);
        if at >= self.last() && self.head.read_untracked().plays() {
            self.head.update(|head| head.pause(now()));
        }
    }

    /// Whether there was anything to show.
    fn show(self, at: Micros) -> bool {
        self.at.set(at);
        let due = self.projector.try_update_value(|projector| projector.due(at));
        let Some(Due { now, told }) = self.heard(due) else { return false };
        let is_anything = !told.is_empty();
        self.store.hear(ToAudience { now, told });
        is_anything
    }

    fn seek(self, to: Micros) {
        self.is_poster.set(false);
        self.look(to);
    }

    fn look(self, to: Micros) {
        let to = to.min(self.last());
        let sought = self.projector.try_update_value(|projector| projector.seek(to));
        let Some((at, show)) = self.heard(sought) else { return };
        self.store.open(at, show);
        self.head.update(|head| head.seek(to, now()));
        self.at.set(to);
    }

    fn go(self, to: To) {
        if let Some(to) =
            self.timeline.read_untracked().as_ref().map(|timeline| to.from(self.at.get_untracked(), timeline))
        {
            self.seek(to);
        }
    }

    /// To a page before or after; of a film, to its steps.
    fn turn(self, way: Way) {
        match (self.kind, way) {
            (Kind::Film, way) => self.go(To::Step(way)),
            (Kind::Pages, Way::On) => self.seek(self.at.get_untracked() + PAGE),
            (Kind::Pages, Way::Back) => self.seek(self.at.get_untracked().saturating_sub(PAGE)),
        }
    }

    fn toggle(self) {
        if self.kind == Kind::Pages {
            return self.turn(Way::On);
        }
        if untrack(|| self.ended()) {
            self.seek(0);
        }
        self.head.update(|head| if head.plays() { head.pause(now()) } else { head.play(now()) });
        self.keep_on();
    }

    fn pace(self, way: Way) {
        self.head.update(|head| {
            let speed = match way {
                Way::Back => head.speed().slower(),
                Way::On => head.speed().faster(),
            };
            head.set_speed(speed, now());
        });
    }

    /// Frame by frame while it plays.
    fn keep_on(self) {
        if self.head.try_read_untracked().is_some_and(|head| head.plays()) {
            time::at_next_frame(move || {
                self.tick();
                self.keep_on();
            });
        }
    }

    /// Looks through the whole of it, a portion at a time.
    fn look_on(self) {
        let more = self.projector.try_update_value(|projector| projector.look_on(LINES_AT_A_TIME));
        if self.heard(more) == Some(true) {
            set_timeout(move || self.look_on(), Duration::ZERO);
        }
    }

    fn heard<T>(self, heard: Option<Result<T, ReelError>>) -> Option<T> {
        match heard? {
            Ok(heard) => Some(heard),
            Err(error) => {
                self.trouble.set(Some(error.to_string()));
                None
            }
        }
    }
}

fn now() -> Micros {
    (time::page_ms() * 1e3) as Micros
}

/// The page as somebody opens it.
#[component]
fn Page(projector: Projector) -> impl IntoView {
    let Head { title, provenance, .. } = projector.head.clone();
    document().set_title(&title);
    let player = Player::new(projector);
    player.look(if player.kind == Kind::Film { Micros::MAX } else { 0 });
    player.look_on();
    // What goes by the clock stands while the reel does.
    time::every(Duration::from_millis(250), move || {
        if !player.head.read_untracked().plays() {
            player.tick();
        }
    });
    let keys = window_event_listener(ev::keydown, move |event| {
        if keys::name(&event).is_some_and(|key| press(player, &key)) {
            event.prevent_default();
        }
    });
    on_cleanup(move || keys.remove());
    let bar = RwSignal::new(0_u32);
    let is_awake = Memo::new(move |_| bar.get() > 0 || !player.plays());
    let wake = move |_| {
        bar.update(|bar| *bar += 1);
        time::after(BAR_RESTS, move || bar.update(|bar| *bar = bar.saturating_sub(1)));
    };
    view! {
        <main
            class="player"
            class:asleep=move || !is_awake.get()
            data-testid="player"
            data-playing=move || player.plays().to_string()
            data-at=move || player.at.get().to_string()
            on:pointermove=wake
        >
            <div class="picture" on:click=move |_| player.toggle()>
                <AudienceView />
                <Show when=move || player.is_poster.get()>
                    <p class="begin" data-testid="begin"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 4.5v15l13-7.5z" /></svg></p>
                </Show>
            </div>
            {move || player.trouble.get().map(|trouble| view! { <p class="broken" role="alert">{trouble}</p> })}
            <Bar player provenance />
        </main>
    }
}

#[component]
fn Bar(player: Player, provenance: String) -> impl IntoView {
    let word = move || match (player.plays(), player.ended() && !player.is_poster.get()) {
        (true, _) => "Pause",
        (false, true) => "Again",
        (false, false) => "Play",
    };
    let timeline = player.timeline;
    let here = move || {
        let at = player.at.get();
        match player.kind {
            Kind::Film => timeline.read().as_ref().and_then(|timeline| name_at(timeline, at)).unwrap_or_default(),
            Kind::Pages => player.store.read(&[Part::Position, Part::Deck], |show| {
                show.slide().map(|slide| slide.title.clone()).unwrap_or_default()
            }),
        }
    };
    let place = move || match player.kind {
        Kind::Film => format!("{} of {}", seconds(player.at.get()), seconds(player.length())),
        Kind::Pages => format!("{} of {}", player.at.get() / PAGE + 1, player.length() / PAGE),
    };
    let speed = move || player.head.read().speed().in_words().unwrap_or_else(|| "1 x".into());
    let is_film = player.kind == Kind::Film;
    view! {
        <footer class="bar scrub">
            <Line timeline at=player.at seek=move |to| player.seek(page_at(player.kind, to)) />
            <div class="transport">
                <button title="Back ([)" aria-label="Back" data-testid="back" on:click=move |_| player.turn(Way::Back)>"◂"</button>
                {is_film.then(|| view! {
                    <button class="play" title="Play or pause (Space)" data-testid="play" on:click=move |_| player.toggle()>{word}</button>
                })}
                <button title="On (])" aria-label="On" data-testid="on" on:click=move |_| player.turn(Way::On)>"▸"</button>
                <span class="at">{place}</span>
                <span class="here">{here}</span>
                <span class="provenance" title=provenance.clone()>{provenance.clone()}</span>
                {is_film.then(|| view! {
                    <button title="Slower (<)" aria-label="Slower" on:click=move |_| player.pace(Way::Back)>"−"</button>
                    <span class="speed" data-testid="speed">{speed}</span>
                    <button title="Faster (>)" aria-label="Faster" on:click=move |_| player.pace(Way::On)>"+"</button>
                })}
                <button title="Full screen (F)" data-testid="full" on:click=move |_| fill_screen()>"Full screen"</button>
            </div>
        </footer>
    }
}

/// Of pages a whole one.
fn page_at(kind: Kind, at: Micros) -> Micros {
    match kind {
        Kind::Film => at,
        Kind::Pages => at / PAGE * PAGE,
    }
}

/// Whether the key meant something.
fn press(player: Player, key: &str) -> bool {
    match key {
        " " | "k" | "Enter" => player.toggle(),
        "ArrowRight" if player.kind == Kind::Film => player.go(To::Little(Way::On)),
        "ArrowLeft" if player.kind == Kind::Film => player.go(To::Little(Way::Back)),
        "]" | "PageDown" | "ArrowRight" | "ArrowDown" | "n" => player.turn(Way::On),
        "[" | "PageUp" | "ArrowLeft" | "ArrowUp" | "p" => player.turn(Way::Back),
        ")" => player.go(To::Frame(Way::On)),
        "(" => player.go(To::Frame(Way::Back)),
        ">" => player.pace(Way::On),
        "<" => player.pace(Way::Back),
        "Home" => player.seek(0),
        "End" => player.seek(Micros::MAX),
        "f" => fill_screen(),
        _ => return false,
    }
    true
}

fn fill_screen() {
    // A browser that may not fill the screen stays as it is.
    if document().fullscreen_element().is_some() {
        document().exit_fullscreen();
    } else if let Some(root) = document().document_element() {
        let _ = root.request_fullscreen();
    }
}

/// The page as a camera opens it: nothing but the picture, and time is handed in.
#[component]
fn Film(projector: Projector) -> impl IntoView {
    let length = projector.head.timeline.length;
    let player = Player::new(projector);
    let camera = Object::new();
    let frame =
        Closure::<dyn Fn(f64, f64) -> Promise>::new(move |ms: f64, at: f64| future_to_promise(frame(player, ms, at)));
    for (name, value) in [("length", JsValue::from_f64(length as f64 / 1e3)), ("frame", frame.into_js_value())] {
        // A plain object takes any property, and so does the window.
        let _ = Reflect::set(&camera, &name.into(), &value);
    }
    let _ = Reflect::set(&window(), &"greenroom".into(), &camera);
    view! { <main class="player film"><AudienceView /></main> }
}

/// The picture at a time of the page and a place of the reel, both in milliseconds: whether it is another one than before.
async fn frame(player: Player, ms: f64, at: f64) -> Result<JsValue, JsValue> {
    JsFuture::from(document().fonts().ready()?).await?;
    let timers = time::run_timers(ms);
    let told = player.show((at * 1e3).round() as Micros);
    if let Some(trouble) = player.trouble.get_untracked() {
        return Err(trouble.into());
    }
    settle().await?;
    let drawn = time::run_frames();
    settle().await?;
    let moved = time::set_animations();
    Ok((timers || told || drawn || moved).into())
}

/// What was set off has been drawn into the page: all of it is done before a message that was sent to itself comes.
async fn settle() -> Result<(), JsValue> {
    let wait = |resolve: js_sys::Function, _| {
        // Without a timer nothing would ever settle; the page has one.
        let _ = window().set_timeout_with_callback(&resolve);
    };
    JsFuture::from(Promise::new(&mut { wait })).await.map(|_| ())
}
