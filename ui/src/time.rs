//! The page's clock, its timers, and the director's clock as this window follows it between two pushes. The one place where the page
//! reads a clock: where a film is made of it, time is handed in.

use greenroom_show::Micros;
use leptos::prelude::{document, request_animation_frame, set_interval, set_timeout, window};
use std::cell::RefCell;
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue};

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// A clock that somebody else moves.
#[derive(Default)]
struct Held {
    now_ms: f64,
    timers: Vec<Timer>,
    frames: Vec<Box<dyn FnOnce()>>,
    /// What the style moves, and when it began to.
    moving: Vec<(web_sys::Animation, f64)>,
}

struct Timer {
    due_ms: f64,
    then: Then,
}

enum Then {
    Once(Box<dyn FnOnce()>),
    Every(f64, Box<dyn Fn()>),
}

/// Milliseconds since the page was opened.
pub fn page_ms() -> f64 {
    let held = HELD.with_borrow(|held| held.as_ref().map(|held| held.now_ms));
    held.unwrap_or_else(|| window().performance().map_or(0.0, |performance| performance.now()))
}

pub fn after(time: Duration, act: impl FnOnce() + 'static) {
    let ms = time.as_secs_f64() * 1e3;
    match with_held(act, |held, act| {
        held.timers.push(Timer { due_ms: held.now_ms + ms, then: Then::Once(Box::new(act)) });
    }) {
        Ok(()) => {}
        Err(act) => set_timeout(act, time),
    }
}

pub fn every(time: Duration, act: impl Fn() + 'static) {
    let ms = time.as_secs_f64() * 1e3;
    match with_held(act, |held, act| {
        held.timers.push(Timer { due_ms: held.now_ms + ms, then: Then::Every(ms, Box::new(act)) });
    }) {
        Ok(()) => {}
        Err(act) => set_interval(act, time),
    }
}

pub fn at_next_frame(act: impl FnOnce() + 'static) {
    match with_held(act, |held, act| held.frames.push(Box::new(act))) {
        Ok(()) => {}
        Err(act) => request_animation_frame(act),
    }
}

fn with_held<A>(act: A, hand_over: impl FnOnce(&mut Held, A)) -> Result<(), A> {
    HELD.with_borrow_mut(|held| match held {
        Some(held) => {
            hand_over(held, act);
            Ok(())
        }
        None => Err(act),
    })
}

/// From now on time is handed in.
pub fn hold() {
    HELD.with_borrow_mut(|held| *held = Some(Held::default()));
}

/// Moves a clock that is held, and does what is due by then. Whether there was anything.
pub fn run_timers(to_ms: f64) -> bool {
    let mut ran = false;
    loop {
        let next = HELD.with_borrow_mut(|held| {
            let held = held.as_mut()?;
            let due = |timer: &Timer| timer.due_ms <= to_ms;
            let first = held.timers.iter().enumerate().filter(|(_, timer)| due(timer));
            let first = first.min_by(|a, b| a.1.due_ms.total_cmp(&b.1.due_ms)).map(|(index, _)| index);
            let Some(index) = first else {
                held.now_ms = held.now_ms.max(to_ms);
                return None;
            };
            let timer = held.timers.remove(index);
            held.now_ms = held.now_ms.max(timer.due_ms);
            Some(timer)
        });
        let Some(Timer { due_ms, then }) = next else { return ran };
        ran = true;
        match then {
            Then::Once(act) => act(),
            Then::Every(ms, act) => {
                act();
                HELD.with_borrow_mut(|held| {
                    if let Some(held) = held {
                        held.timers.push(Timer { due_ms: due_ms + ms, then: Then::Every(ms, act) });
                    }
                });
            }
        }
    }
}

/// Does what waits for the next frame. Whether anything did.
pub fn run_frames() -> bool {
    let frames = HELD.with_borrow_mut(|held| held.as_mut().map(|held| std::mem::take(&mut held.frames)));
    let frames = frames.unwrap_or_default();
    let ran = !frames.is_empty();
    frames.into_iter().for_each(|act| act());
    ran
}

/// Sets what the style moves to where it is by a clock that is held. Whether anything moves.
pub fn set_animations() -> bool {
    let running: Vec<web_sys::Animation> =
        document().get_animations().iter().filter_map(|animation| animation.dyn_into().ok()).collect();
    HELD.with_borrow_mut(|held| {
        let Some(held) = held else { return false };
        held.moving.retain(|(known, _)| running.iter().any(|animation| js_is(animation, known)));
        for animation in &running {
            if !held.moving.iter().any(|(known, _)| js_is(known, animation)) {
                held.moving.push((animation.clone(), held.now_ms));
            }
        }
        for (animation, began_ms) in &held.moving {
            // One that is over by then has nothing to be paused.
            let _ = animation.pause();
            animation.set_current_time(Some(held.now_ms - began_ms));
        }
        !held.moving.is_empty()
    })
}

fn js_is(a: &JsValue, b: &JsValue) -> bool {
    js_sys::Object::is(a, b)
}

/// What to add to the page's clock to get the director's, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offset(f64);

impl Offset {
    pub fn at(director: Micros) -> Self {
        Self(director as f64 / 1e3 - page_ms())
    }

    pub fn now(self) -> Micros {
        ((self.0 + page_ms()).max(0.0) * 1e3) as Micros
    }
}

/// The wall clock's hours and minutes.
pub fn wall_clock() -> String {
    let now = js_sys::Date::new_0();
    format!("{:02}:{:02}", now.get_hours(), now.get_minutes())
}

/// A day as it is read aloud: `14 Nov 2026`.
pub fn day(unix_ms: u64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let date = date(unix_ms);
    let month = MONTHS.get(date.get_month() as usize).copied().unwrap_or_default();
    format!("{} {month} {}", date.get_date(), date.get_full_year())
}

/// A moment of the last weeks, for the speaker.
pub fn moment(unix_ms: u64) -> String {
    let date = date(unix_ms);
    let day = day(unix_ms);
    let day = day.rsplit_once(' ').map_or(day.as_str(), |(day, _year)| day);
    format!("{day}, {:02}:{:02}", date.get_hours(), date.get_minutes())
}

/// A moment of this day or of one before, to the second: `14:03:07`, or `14 Nov, 14:03:07`.
pub fn second(unix_ms: u64) -> String {
    let (date, now) = (date(unix_ms), js_sys::Date::new_0());
    let said = format!("{:02}:{:02}:{:02}", date.get_hours(), date.get_minutes(), date.get_seconds());
    let days = |date: &js_sys::Date| (date.get_full_year(), date.get_month(), date.get_date());
    if days(&date) == days(&now) {
        return said;
    }
    let day = day(unix_ms);
    format!("{}, {said}", day.rsplit_once(' ').map_or(day.as_str(), |(day, _year)| day))
}

/// `3:07`, or `1:02:09` from an hour on.
pub fn minutes_and_seconds(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

fn date(unix_ms: u64) -> js_sys::Date {
    js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(unix_ms as f64))
}
