//! Where the take on stage is cut: said beside it, shown at once, and taken back.

use super::calls;
use super::kernel::Kernel;
use crate::replay::{Command, Source};
use crate::takes::TakeError;
use crate::takes::library::{LibraryError, Takes};
use greenroom_show::Micros;
use greenroom_show::call::CallError;
use greenroom_show::playback::{Idle, To};
use greenroom_show::take::{Cut, Detail};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Cuts that can be taken back.
const UNDO_MAX: usize = 100;

/// From where to where a take was played before a cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    id: String,
    begins: Option<Micros>,
    ends: Option<Micros>,
}

#[derive(Debug, thiserror::Error)]
enum CutError {
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error(transparent)]
    Take(#[from] TakeError),
}

pub async fn details(kernel: &Arc<Kernel>) -> Result<BTreeMap<String, Detail>, CallError> {
    let told = kernel.at_the_disk(|kernel| {
        let takes = Takes::open(&kernel.places).list().into_iter();
        takes
            .map(|take| {
                let detail = Detail { deck: take.deck, bytes: take.bytes, begins: take.begins, ends: take.ends };
                (take.id, detail)
            })
            .collect()
    });
    told.await
}

/// The take goes on from where it was cut.
pub async fn cut(kernel: &Arc<Kernel>, cut: Cut) -> Result<(), CallError> {
    let failed = |detail: String| CallError::Failed { detail };
    let (source, at, idle) = {
        let now = kernel.lock();
        let nothing = || failed("no recording is on stage: press V, or open a take".into());
        let playing = now.show.playing(kernel.watch.now()).ok_or_else(nothing)?;
        let handle = now.replay.as_ref().ok_or_else(nothing)?;
        (handle.source.clone(), playing.at, playing.idle)
    };
    let undone = match cut {
        Cut::Undo => Some(
            last_of(kernel, &source.take.id)
                .ok_or_else(|| failed("this take was not cut here: there is nothing to take back".into()))?,
        ),
        Cut::In(_) | Cut::Out(_) | Cut::Whole => None,
    };
    let take = source.take.clone();
    let before = kernel.at_the_disk(move |kernel| say(kernel, &source, cut, (at, idle), undone.as_ref())).await?;
    let before = before.map_err(|error| failed(error.to_string()))?;
    if cut != Cut::Undo {
        let mut now = kernel.lock();
        now.cuts.push(before);
        let surplus = now.cuts.len().saturating_sub(UNDO_MAX);
        now.cuts.drain(..surplus);
    }
    calls::play(kernel, take).await?;
    match cut {
        Cut::Out(_) => calls::command(kernel, Command::Seek(To::At(Micros::MAX))),
        Cut::In(_) | Cut::Whole | Cut::Undo => Ok(()),
    }
}

/// What the last cut of a take changed, which is then forgotten.
fn last_of(kernel: &Kernel, id: &str) -> Option<Before> {
    let mut now = kernel.lock();
    let last = now.cuts.iter().rposition(|before| before.id == id)?;
    Some(now.cuts.remove(last))
}

/// Says it beside the take; where that was cut before.
fn say(
    kernel: &Kernel,
    source: &Source,
    cut: Cut,
    (at, idle): (Micros, Idle),
    undone: Option<&Before>,
) -> Result<Before, CutError> {
    let takes = Takes::open(&kernel.places);
    let id = &source.take.id;
    let about = takes.about(id).0;
    let before = Before { id: id.clone(), begins: about.begins, ends: about.ends };
    let (begins, ends) = match cut {
        Cut::In(to) => {
            let begins = source.recorded_at(to.unwrap_or(at), idle)?;
            ((begins > 0).then_some(begins), before.ends)
        }
        Cut::Out(to) => (before.begins, Some(source.recorded_at(to.unwrap_or(at), idle)?)),
        Cut::Whole => (None, None),
        Cut::Undo => undone.map_or((None, None), |before| (before.begins, before.ends)),
    };
    takes.trim(id, begins, ends)?;
    Ok(before)
}
