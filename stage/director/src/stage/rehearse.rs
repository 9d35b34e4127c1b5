//! Keeps each run of a talk: from the clock's start to its reset, or to the end of the show.

use super::{Now, Stage, What};
use crate::clock::wall_unix_ms;
use crate::rehearsals;
use greenroom_show::rehearsal::{Rehearsal, Timing};
use greenroom_show::{ClockAct, Event, Micros, Show};
use std::sync::Arc;
use std::time::Duration;

/// A crash loses no more than this.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// A run that was shorter was none.
const SECONDS_MIN: f64 = 20.0;

/// The run that is being counted.
#[derive(Debug, Default)]
pub struct Counting {
    timing: Timing,
    /// When its clock started.
    began_unix_ms: Option<u64>,
}

impl Counting {
    /// Told of each event before it changes the show; a run that ends with it.
    pub fn before(&mut self, show: &Show, at: Micros, event: &Event) -> Option<Rehearsal> {
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

/// Saves the run as it grows, and once more when the show closes.
pub async fn run(stage: Arc<Stage>) {
    loop {
        let closing = tokio::select! {
            () = tokio::time::sleep(SAVE_EVERY) => false,
            () = stage.closing.cancelled() => true,
        };
        let run = {
            let mut now = stage.lock();
            let at = stage.watch.now();
            let Now { show, counting, .. } = &mut *now;
            let show = show.live();
            counting.timing.advance(show, at);
            counting.run(show).filter(|_| closing || show.clock.runs())
        };
        if let Some(run) = run {
            save(&stage, run).await;
        }
        if closing {
            return;
        }
    }
}

/// A demo by itself is no talk.
pub async fn save(stage: &Arc<Stage>, run: Rehearsal) {
    if !matches!(stage.what, What::Deck(_)) {
        return;
    }
    let root = stage.root.clone();
    let saved = tokio::task::spawn_blocking(move || rehearsals::save(&root, &run)).await;
    if let Ok(Err(error)) = saved {
        tracing::warn!(%error, "the rehearsal cannot be kept");
    }
}
