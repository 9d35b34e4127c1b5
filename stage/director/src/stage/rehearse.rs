//! Keeps each run of a talk: from the clock's start to its reset, or to the end of the show.

use super::What;
use super::kernel::{Kernel, Sink};
use crate::clock::wall_unix_ms;
use crate::places::Places;
use crate::rehearsals;
use greenroom_show::rehearsal::{Rehearsal, Timing};
use greenroom_show::{ClockAct, Event, Micros, Show};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// A crash loses no more than this.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// A run that was shorter was none.
const SECONDS_MIN: f64 = 20.0;

/// The run that is being counted.
#[derive(Debug, Default)]
struct Counting {
    timing: Timing,
    /// When its clock started.
    began_unix_ms: Option<u64>,
}

impl Counting {
    /// Told of each event before it changes the show; a run that ends with it.
    fn before(&mut self, show: &Show, at: Micros, event: &Event) -> Option<Rehearsal> {
        self.timing.advance(show, at);
        match event {
            Event::Clock(ClockAct::Start) => {
                self.began_unix_ms.get_or_insert_with(wall_unix_ms);
                None
            }
            // Another version has other slides: what was counted belongs to this one. Each pass of a loop is a run by itself.
            Event::Clock(ClockAct::Reset | ClockAct::Set(_)) | Event::Opened(_) | Event::Looped(_) => {
                let run = self.run(show);
                let goes_on = !matches!(event, Event::Clock(ClockAct::Reset)) && show.clock.runs();
                self.timing.restart();
                self.began_unix_ms = goes_on.then(wall_unix_ms);
                run
            }
            _ => None,
        }
    }

    fn run(&self, show: &Show) -> Option<Rehearsal> {
        let run = self.timing.rehearsal(show.deck.as_ref()?, show.version, self.began_unix_ms?);
        (run.seconds() >= SECONDS_MIN).then_some(run)
    }
}

/// Counts talks from now on. A demo by itself is none.
pub fn attach(kernel: &Arc<Kernel>) {
    if !matches!(kernel.what, What::Deck(_)) {
        return;
    }
    let counted = Counted { counting: Arc::default(), places: kernel.places.clone(), tasks: kernel.tasks.clone() };
    kernel.attach(counted.clone());
    kernel.tasks.spawn(run(kernel.clone(), counted));
}

#[derive(Debug, Clone)]
struct Counted {
    counting: Arc<Mutex<Counting>>,
    places: Places,
    tasks: TaskTracker,
}

impl Counted {
    fn lock(&self) -> MutexGuard<'_, Counting> {
        self.counting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Counted {
    fn before(&mut self, show: &Show, at: Micros, event: &Event) {
        let ended = self.lock().before(show.live(), at, event);
        if let Some(run) = ended {
            let places = self.places.clone();
            self.tasks.spawn(async move { save(&places, run).await });
        }
    }
}

/// Saves the run as it grows, and once more when the show closes.
async fn run(kernel: Arc<Kernel>, counted: Counted) {
    loop {
        let closing = tokio::select! {
            () = tokio::time::sleep(SAVE_EVERY) => false,
            () = kernel.closing.cancelled() => true,
        };
        let run = {
            let now = kernel.lock();
            let mut counting = counted.lock();
            let (show, at) = (now.show.live(), kernel.watch.now());
            counting.timing.advance(show, at);
            counting.run(show).filter(|_| closing || show.clock.runs())
        };
        if let Some(run) = run {
            save(&kernel.places, run).await;
        }
        if closing {
            return;
        }
    }
}

async fn save(places: &Places, run: Rehearsal) {
    let places = places.clone();
    let saved = tokio::task::spawn_blocking(move || rehearsals::save(&places, &run)).await;
    if let Ok(Err(error)) = saved {
        tracing::warn!(%error, "the rehearsal cannot be kept");
    }
}
