//! A take as it is handed on: from where it begins to where it ends, what was on stage and nothing else, told how far it is.

use super::film::Shape;
use super::provenance::Provenance;
use super::{ExportError, Wanted};
use crate::takes::library::{Listed, Takes};
use crate::takes::{Folded, Reader, fold};
use greenroom_show::deck::Level;
use greenroom_show::playback::{Idle, Of, Pacer};
use greenroom_show::take::{Edition, Header, TakeInfo, Verdict};
use greenroom_show::{Event, Micros, Replay, Run, Stamped, State};
use std::ops::ControlFlow;
use std::path::Path;

/// Events between two words of progress.
const PROGRESS_EVERY: usize = 256;

/// An opened take.
pub struct Source<'a> {
    takes: &'a Takes,
    pub id: String,
    pub header: Header,
    /// Of a take that can be listed.
    pub listed: Option<Listed>,
    pub idle: Idle,
    /// Of those for whom it is.
    pub level: Level,
    pub shape: Shape,
    /// On the recording's clock.
    pub begins: Micros,
    pub ends: Micros,
    progress: &'a mut dyn FnMut(f64) -> ControlFlow<()>,
}

/// An event with the times at which it falls, both counted from where what is handed on begins.
#[derive(Debug)]
pub struct Heard {
    pub place: Place,
    /// As it was recorded.
    pub at: Micros,
    /// As it is played.
    pub played: Micros,
    pub event: Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before what is handed on: it led to the state in which that begins.
    Before,
    Within,
}

impl<'a> Source<'a> {
    pub fn open(
        takes: &'a Takes,
        id: &str,
        Wanted { idle, level, shape, .. }: Wanted,
        progress: &'a mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Source<'a>, ExportError> {
        let header = takes.reader(id)?.header;
        let (about, _) = takes.about(id);
        Ok(Source {
            takes,
            id: id.to_string(),
            header,
            listed: takes.listed_as(id),
            idle,
            level,
            shape,
            begins: about.begins.unwrap_or(0),
            ends: about.ends.unwrap_or(Micros::MAX),
            progress,
        })
    }

    pub fn provenance(&self) -> Provenance {
        Provenance::of(&self.id, &self.header)
    }

    /// Whether it is of what there is today.
    pub fn edition(&self) -> Option<Edition> {
        self.takes.edition(&self.header)
    }

    /// What it has come to where it ends.
    pub fn fold(&self) -> Result<Folded, ExportError> {
        Ok(fold(self.reader()?, self.ends))
    }

    /// The project folder.
    pub fn root(&self) -> &Path {
        self.takes.places().project()
    }

    /// As a badge tells of it.
    pub fn info(&self) -> TakeInfo {
        let Header { demo, at_unix_ms, machine, .. } = &self.header;
        TakeInfo {
            id: self.id.clone(),
            demo: demo.clone(),
            at_unix_ms: *at_unix_ms,
            duration_ms: self.listed.as_ref().map_or(0, |listed| listed.duration_us / 1_000),
            machine: machine.clone(),
            verdict: self.listed.as_ref().map_or(Verdict::Partial, |listed| listed.outcome),
            // Whoever opens it has no other to compare it with.
            edition: Edition::Todays,
        }
    }

    fn reader(&self) -> Result<Reader, ExportError> {
        Ok(self.takes.reader(&self.id)?)
    }

    /// Which share of it is done; whether to go on.
    pub fn tell(&mut self, share: f64) -> Result<(), ExportError> {
        if (self.progress)(share.clamp(0.0, 1.0)).is_break() { Err(ExportError::Cancelled) } else { Ok(()) }
    }

    /// Tells every line as it is, up to where it ends.
    pub fn each_line(&mut self, hear: &mut dyn FnMut(Stamped) -> Result<(), ExportError>) -> Result<(), ExportError> {
        let lasts = self.listed.as_ref().map_or(0, |take| take.duration_us).min(self.ends);
        let total = lasts.max(1) as f64;
        let ends = self.ends;
        for (index, stamped) in self.reader()?.take_while(|stamped| stamped.at <= ends).enumerate() {
            let at = stamped.at;
            hear(stamped)?;
            if index % PROGRESS_EVERY == 0 {
                self.tell(at as f64 / total)?;
            }
        }
        self.tell(1.0)
    }

    /// Tells every event up to where it ends. In a talk, a take that was on stage is told in place of the live run beside it.
    pub fn each(&mut self, hear: &mut dyn FnMut(Heard) -> Result<(), ExportError>) -> Result<(), ExportError> {
        let reader = self.reader()?;
        let of = reader.of();
        let lasts = self.listed.as_ref().map_or(0, |take| take.duration_us).min(self.ends);
        let total = lasts.saturating_sub(self.begins).max(1) as f64;
        // A talk's pauses are the talk.
        let idle = if of == Of::Talk { Idle::Kept } else { self.idle };
        let (mut pacer, mut stage) = (Pacer::from(idle, self.begins), Stage::default());
        for (index, stamped) in reader.enumerate() {
            if stamped.at > self.ends {
                break;
            }
            let at = stamped.at.saturating_sub(self.begins);
            let place = if stamped.at < self.begins { Place::Before } else { Place::Within };
            let played = pacer.due(&stamped);
            stage.tell(stamped.event, &mut |event| hear(Heard { place, at, played, event }))?;
            if index % PROGRESS_EVERY == 0 {
                self.tell(at as f64 / total)?;
            }
        }
        self.tell(1.0)
    }
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Whether the audience sees the live run, or a take of it.
#[derive(Debug, Default)]
struct Stage {
    recorded: Option<String>,
}

impl Stage {
    fn tell(
        &mut self,
        event: Event,
        tell: &mut dyn FnMut(Event) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        match event {
            Event::Replay(Replay::Opened(take)) => {
                self.recorded = Some(take.demo.clone());
                tell(Event::Begun { demo: take.demo })
            }
            Event::Replay(Replay::Restarted) => match &self.recorded {
                Some(demo) => tell(Event::Begun { demo: demo.clone() }),
                None => Ok(()),
            },
            Event::Replay(Replay::Events(events)) => events
                .into_iter()
                .filter(|stamped| stamped.event.is_of_run())
                .try_for_each(|stamped| tell(stamped.event)),
            Event::Replay(Replay::Sought(sought)) => match (&self.recorded, sought.state) {
                (Some(demo), State::Demo { run, .. }) => stands(demo, &run).try_for_each(tell),
                _ => Ok(()),
            },
            Event::Replay(Replay::Closed | Replay::Left) => {
                self.recorded = None;
                Ok(())
            }
            Event::Replay(_) => Ok(()),
            event if event.is_of_run() && self.recorded.is_some() => Ok(()),
            event => tell(event),
        }
    }
}

/// What leads to a run as it stands, as far as it is handed on: its curves begin anew.
fn stands<'a>(demo: &'a str, run: &'a Run) -> impl Iterator<Item = Event> + 'a {
    let steps = run.steps.iter().flat_map(|(step, ran)| {
        let started = Event::StepStarted { step: *step, timeout_ms: ran.timeout_ms };
        let ended = ran.outcome.clone().map(|outcome| Event::StepEnded { step: *step, outcome });
        std::iter::once(started).chain(ended)
    });
    let figures = run.figures.iter();
    let figures =
        figures.map(|(name, figure)| Event::Figure { name: name.clone(), value: figure.value, unit: figure.unit });
    let begun = [Event::Begun { demo: demo.to_string() }];
    begun.into_iter().chain(steps).chain(figures).chain([Event::Output(run.terminal.repaint())])
}
