//! The director's clock, as this window follows it between two pushes. The one place where the page reads a clock.

use greenroom_show::Micros;
use leptos::prelude::window;

/// Milliseconds since the page was opened.
pub fn page_ms() -> f64 {
    window().performance().map_or(0.0, |performance| performance.now())
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

/// `3:07`, or `1:02:09` from an hour on.
pub fn minutes_and_seconds(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

fn date(unix_ms: u64) -> js_sys::Date {
    js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(unix_ms as f64))
}
