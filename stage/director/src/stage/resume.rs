//! Takes the show up where a crash left it: slide, reveal, version and clock. A show that closes by itself leaves nothing.

use super::kernel::Kernel;
use super::{What, calls};
use crate::clock::wall_unix_ms;
use crate::durable;
use greenroom_show::deck::{Deck, Level};
use greenroom_show::version::Version;
use greenroom_show::{ClockAct, Event, Position};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often the place is noted, where it has changed.
const NOTE_EVERY: Duration = Duration::from_millis(500);
/// Whoever comes back later than this begins a talk anew.
const STALE: Duration = Duration::from_secs(2 * 3600);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    deck: String,
    version: Version,
    position: Position,
    /// Of the deck file, where the slide starts.
    line: usize,
    /// Of the talk's clock, in microseconds.
    elapsed: u64,
    runs: bool,
    noted_unix_ms: u64,
}

/// Goes back to where a crash left this deck, if it was not long ago. What was asked for now, or what the deck asks for by itself, is
/// never widened by what was asked for then.
pub fn restore(kernel: &Arc<Kernel>, asked: Version) {
    if !is_talk(kernel) {
        return;
    }
    let Some(place) = std::fs::read(file(kernel)).ok().and_then(|bytes| serde_json::from_slice::<Place>(&bytes).ok())
    else {
        return;
    };
    let away = Duration::from_millis(wall_unix_ms().saturating_sub(place.noted_unix_ms));
    if place.deck != kernel.loaded().talk.deck.slug || away > STALE {
        return;
    }
    let loaded = kernel.loaded();
    let version = allowed(asked, place.version, loaded.talk.deck.audience);
    if let (true, Ok(opened)) = (version != asked, loaded.opened(version)) {
        kernel.emit(Event::Opened(Box::new(opened)));
    }
    let Some(position) = kernel.lock().show.deck.as_ref().and_then(|deck| place.within(deck)) else { return };
    kernel.emit(Event::Moved(position));
    // The audience's clock did not stop with us.
    let missed = if place.runs { away.as_micros() as u64 } else { 0 };
    kernel.emit(Event::Clock(ClockAct::Set(place.elapsed.saturating_add(missed))));
    if place.runs {
        kernel.emit(Event::Clock(ClockAct::Start));
    }
    if let Err(error) = calls::come_back(kernel) {
        kernel.notice(error.to_string());
    }
    kernel.notice("Back where the show was when it stopped: slide and clock. A demo starts anew.");
    if version != place.version {
        kernel.notice("It was open in another version then: press O to choose one.");
    }
}

/// The version to go back to.
fn allowed(asked: Version, noted: Version, own: Level) -> Version {
    let level = match asked.level {
        Some(level) => Some(level),
        None => noted.level.filter(|level| *level <= own),
    };
    Version { level, cut: asked.cut.or(noted.cut) }
}

impl Place {
    /// On the slide that starts on the same line, or on the last one before it that is in this version.
    fn within(&self, deck: &Deck) -> Option<Position> {
        let slide = deck.slides.iter().rposition(|slide| slide.line <= self.line)?;
        let is_same = deck.slides[slide].line == self.line;
        let reveal = if is_same { self.position.reveal.min(deck.slides[slide].clicks()) } else { 0 };
        Some(Position { slide, reveal })
    }
}

/// Notes the place until the show closes, then takes the note away.
pub async fn run(kernel: Arc<Kernel>) {
    if !is_talk(&kernel) {
        return;
    }
    let mut noted: Option<Place> = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(NOTE_EVERY) => {}
            () = kernel.closing.cancelled() => break,
        }
        let Some(place) = place(&kernel) else { continue };
        if !changed(noted.as_ref(), &place) {
            continue;
        }
        if let Err(error) = write(&kernel, &place).await {
            tracing::warn!(%error, "the place in the talk cannot be noted");
        }
        noted = Some(place);
    }
    tokio::fs::remove_file(file(&kernel)).await.ok();
}

/// A demo by itself has no place to come back to.
fn is_talk(kernel: &Kernel) -> bool {
    matches!(kernel.what, What::Deck(_))
}

/// A running clock needs no new note: it is known when it was noted.
fn changed(before: Option<&Place>, now: &Place) -> bool {
    before.is_none_or(|before| {
        let still = Place { elapsed: before.elapsed, noted_unix_ms: before.noted_unix_ms, ..now.clone() };
        still != *before || (!now.runs && now.elapsed != before.elapsed)
    })
}

fn place(kernel: &Kernel) -> Option<Place> {
    let now = kernel.lock();
    let show = now.show.live();
    Some(Place {
        deck: show.deck.as_ref()?.slug.clone(),
        version: show.version,
        position: show.position,
        line: show.slide()?.line,
        elapsed: show.clock.elapsed(kernel.watch.now()),
        runs: show.clock.runs(),
        noted_unix_ms: wall_unix_ms(),
    })
}

async fn write(kernel: &Kernel, place: &Place) -> std::io::Result<()> {
    let (file, text) = (file(kernel), serde_json::to_vec(place)?);
    tokio::task::spawn_blocking(move || durable::replace(&file, text)).await?
}

fn file(kernel: &Kernel) -> PathBuf {
    kernel.places.state("resume.json")
}
