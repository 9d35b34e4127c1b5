//! What is being handed on: one thing at a time, beside the show, until it is written or broken off.

use super::kernel::{Kernel, Now};
use crate::export::{self, ByLevel, ExportError, Shape, Wanted, deck};
use crate::takes::library::Takes;
use greenroom_show::call::CallError;
use greenroom_show::deck::Level;
use greenroom_show::take::{Form, Handing};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// Where it lies until it is done.
#[derive(Debug, Default)]
pub struct Desk(Mutex<Option<Work>>);

#[derive(Debug)]
struct Work {
    told: Handing,
    cancel: CancellationToken,
}

impl Desk {
    pub fn told(&self) -> Option<Handing> {
        self.with(|work| work.as_ref().map(|work| work.told.clone()))
    }

    pub fn cancel(&self) -> Result<(), CallError> {
        let none = || failed("nothing is being handed on".into());
        self.with(|work| work.as_ref().map(|work| work.cancel.cancel())).ok_or_else(none)
    }

    /// Whether to go on.
    fn hear(&self, share: f64) -> ControlFlow<()> {
        self.with(|work| match work {
            Some(work) if !work.cancel.is_cancelled() => {
                work.told.share = share;
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<Work>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Forms of the take on stage, or of the deck where there is none.
pub fn forms(kernel: &Arc<Kernel>) -> Vec<Form> {
    if kernel.lock().show.playing(0).is_none() { deck::forms() } else { export::forms() }
}

/// Writes the take on stage as it is played: cut where it is cut, with its pauses or without. Where there is none, the deck.
pub async fn begin(kernel: &Arc<Kernel>, form: &str) -> Result<(), CallError> {
    let playing = {
        let now = kernel.lock();
        now.show.playing(0).map(|playing| (playing.take.id.clone(), playing.idle))
    };
    let Some((id, idle)) = playing else { return begin_deck(kernel, form) };
    let format = export::format(form).map_err(|error| failed(error.to_string()))?;
    let wanted = id.clone();
    let highest = kernel.shelf(move |_, index| index.level(&wanted)).await?;
    let level = level(&kernel.lock());
    if format.by_level() == ByLevel::WholeTake {
        may_leave(&kernel.lock(), highest.unwrap_or(Level::Internal))?;
    }
    let to = kernel.places.exports().join(format!("{id}.{}", format.extension()));
    let (places, path) = (kernel.places.clone(), to.clone());
    let wanted = Wanted { format, idle, level, shape: Shape::default() };
    start(kernel, form, to, move |progress| export::export(&Takes::open(&places), &id, wanted, &path, progress))
}

/// As it is shown: for its audience, in its length.
fn begin_deck(kernel: &Arc<Kernel>, form: &str) -> Result<(), CallError> {
    let of = deck::Form::ALL.into_iter().find(|known| known.extension() == form);
    let form = of.ok_or_else(|| failed(format!("a deck is handed on as pdf, pptx or html, and not as {form}")))?;
    let version = kernel.lock().show.live().version;
    let talk = kernel.loaded().talk.clone();
    let to = kernel.places.exports().join(format!("{}.{}", talk.deck.slug, form.extension()));
    let wanted = deck::Wanted { form, version, reveals: deck::Reveals::Done, notes: deck::Notes::No, height: 1080 };
    let (places, path) = (kernel.places.clone(), to.clone());
    start(kernel, form.extension(), to, move |progress| deck::export(&places, &talk, wanted, &path, progress))
}

/// Nothing leaves that is above the level of the show.
pub fn may_leave(now: &Now, highest: Level) -> Result<(), CallError> {
    if highest > level(now) {
        let audience = highest.as_str();
        return Err(failed(format!("this take has slides for {audience}: choose that audience first (key O)")));
    }
    Ok(())
}

/// For whom the show is.
pub fn level(now: &Now) -> Level {
    let live = now.show.live();
    live.deck.as_ref().map(|deck| live.version.level.unwrap_or(deck.audience)).unwrap_or_default()
}

fn start(
    kernel: &Arc<Kernel>,
    form: &str,
    to: PathBuf,
    work: impl FnOnce(&mut dyn FnMut(f64) -> ControlFlow<()>) -> Result<(), ExportError> + Send + 'static,
) -> Result<(), CallError> {
    let level = level(&kernel.lock());
    let told = Handing { form: form.to_string(), level, share: 0.0 };
    let cancel = kernel.closing.child_token();
    let begins = kernel.handing.with(|under_way| match under_way {
        Some(work) => Err(failed(format!("{} is being written: cancel it first, or wait", work.told.form))),
        None => {
            *under_way = Some(Work { told, cancel });
            Ok(())
        }
    });
    begins?;
    let desk = kernel.clone();
    kernel.tasks.spawn_blocking(move || {
        let written = work(&mut |share| desk.handing.hear(share));
        desk.handing.with(|under_way| *under_way = None);
        match written {
            Ok(()) => desk.notice(format!("Written: {}", to.display())),
            Err(error) => desk.notice(format!("{} is not written: {error}", to.display())),
        }
    });
    Ok(())
}

fn failed(detail: String) -> CallError {
    CallError::Failed { detail }
}
