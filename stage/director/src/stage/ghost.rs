//! Lays a take under the charts of the slide's demo, and compares it with what they draw.

use super::kernel::Kernel;
use super::{Stage, calls};
use crate::takes::compare::{notes, past, side};
use crate::takes::library::{Takes, about};
use crate::takes::{Ran, Reader, TakeError, fold};
use greenroom_show::call::CallError;
use greenroom_show::demo::Demo;
use greenroom_show::diff::{Compared, diff};
use greenroom_show::take::{Header, TakeInfo};
use greenroom_show::{Badge, Event, Ghost, Micros, Show, StepState};
use std::cmp::Reverse;
use std::path::Path;
use std::sync::Arc;

/// Of a take, or of a talk in which the demo ran.
pub async fn lay(kernel: &Arc<Kernel>, id: &str) -> Result<(), CallError> {
    let demo = demo_here(kernel)?;
    let takes = kernel.shelf(Kernel::takes).await?;
    let Some(take) = takes.iter().find(|take| take.id == id) else {
        let nearest = crate::parse::nearest(id, takes.iter().map(|take| take.id.as_str()));
        return Err(CallError::NotFound { kind: "take".into(), name: id.into(), nearest });
    };
    lay_take(kernel, take.clone(), demo).await
}

pub async fn toggle(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    if kernel.lock().show.ghost.is_some() {
        kernel.emit(Event::Ghosted(None));
        return Ok(());
    }
    let demo = demo_here(kernel)?;
    let (recorded, has_run) = {
        let show = &kernel.lock().show;
        let has_run = show.runs.get(&demo.slug).is_some_and(|run| !run.steps.is_empty());
        (show.recording(&demo.slug).map(|recorded| recorded.take.clone()), has_run)
    };
    let drawn = match recorded {
        Some(take) => Some(take),
        None if has_run => own_take(kernel, &demo.slug).await?,
        None => None,
    };
    let mut passed = calls::passed(kernel, &demo.slug).await?;
    // Nor a part of what is drawn, which has its time.
    passed.retain(|take| drawn.as_ref().is_none_or(|drawn| take.at_unix_ms != drawn.at_unix_ms));
    let Some(take) = passed.into_iter().next() else {
        let detail = format!("no other take of '{}' has passed yet: run the demo once more, whole", demo.slug);
        return Err(CallError::Failed { detail });
    };
    lay_take(kernel, take, demo).await
}

/// What lies under the charts, then what they draw.
pub async fn compare(stage: &Arc<Stage>) -> Result<Compared, CallError> {
    let failed = |detail: &str| CallError::Failed { detail: detail.into() };
    let (ghost, drawn) = {
        let now = stage.lock();
        let ghost =
            now.show.ghost.clone().ok_or_else(|| failed("nothing is compared: press Shift H, or Compare at a take"))?;
        let drawn = Drawn::of(&now.show, &ghost.demo)
            .ok_or_else(|| failed("the demo has not run yet: there is nothing to compare"))?;
        (ghost, drawn)
    };
    let own = match &drawn.take {
        Some(take) => Some(take.clone()),
        None => own_take(stage, &ghost.demo).await?.map(|take| take.id),
    };
    let compared = stage.at_the_disk(move |kernel| -> Result<Compared, TakeError> {
        let takes = Takes::open(&kernel.places);
        let (header, before) = read(takes.folder(), &ghost.take, &ghost.demo)?;
        let now = match &own {
            Some(own) => Reader::open(takes.folder(), own)?.header,
            None => Header { machine: kernel.machine.clone(), ..header.clone() },
        };
        let except: Vec<&str> = [Some(ghost.take.as_str()), own.as_deref()].into_iter().flatten().collect();
        let past = past(&takes, &[(&header, &before), (&now, &drawn.ran)], &except);
        Ok(Compared { notes: notes(&header, &now), diff: diff(side(&before), side(&drawn.ran), &past) })
    });
    compared.await?.map_err(|error| failed(&error.to_string()))
}

/// What the charts draw.
struct Drawn {
    ran: Ran,
    /// Where it is a recording.
    take: Option<String>,
}

impl Drawn {
    fn of(show: &Show, demo: &str) -> Option<Drawn> {
        let run = show.run(demo).filter(|run| !run.steps.is_empty())?.clone();
        let take = show.recording(demo).map(|recorded| recorded.take.id.clone());
        Some(Drawn { ran: Ran { demo: show.demo(demo).cloned(), run }, take })
    }
}

fn demo_here(kernel: &Arc<Kernel>) -> Result<Demo, CallError> {
    let now = kernel.lock();
    let cue = now.show.slide().and_then(|slide| slide.cue.as_ref());
    let demo = cue.and_then(|cue| now.show.demos.get(&cue.demo)).filter(|demo| !demo.charts.is_empty());
    demo.cloned().ok_or_else(|| CallError::Failed {
        detail: "this slide has no charts to lay a take under: go to one of a demo that has".into(),
    })
}

/// The take of what runs, or ran last, in this show: the whole of it.
async fn own_take(kernel: &Arc<Kernel>, demo: &str) -> Result<Option<TakeInfo>, CallError> {
    let since = crate::clock::wall_unix_ms().saturating_sub(kernel.watch.now() / 1000);
    let takes = kernel.shelf(Kernel::takes).await?.into_iter();
    let own = takes.filter(|take| take.demo == demo && take.at_unix_ms >= since);
    Ok(own.max_by_key(|take| (take.at_unix_ms, Reverse(take.id.clone()))))
}

async fn lay_take(kernel: &Arc<Kernel>, take: TakeInfo, demo: Demo) -> Result<(), CallError> {
    let failed = |detail: String| CallError::Failed { detail };
    let (id, slug) = (take.id.clone(), demo.slug.clone());
    let read = kernel.at_the_disk(move |kernel| read(&kernel.takes_folder(), &id, &slug)).await?;
    let (_, ran) = read.map_err(|error| failed(error.to_string()))?;
    let is_run = (0..demo.steps.len()).any(|step| ran.run.state(step) != StepState::Pending);
    if !is_run {
        return Err(failed(format!("'{}' did not run in this take: choose another one", demo.slug)));
    }
    let mut now = kernel.lock();
    let badge = Badge::of(&take, now.show.host.as_ref());
    let ghost = Ghost::of(take.id, badge, side(&ran), &demo);
    kernel.emit_in(&mut now, Event::Ghosted(Some(Box::new(ghost))));
    Ok(())
}

/// A demo's run in a take, up to where the take is cut.
fn read(folder: &Path, id: &str, demo: &str) -> Result<(Header, Ran), TakeError> {
    let reader = Reader::open(folder, id)?;
    let header = reader.header.clone();
    let runs = fold(reader, about(folder, id).0.ends.unwrap_or(Micros::MAX)).runs;
    let ran = runs.into_iter().find(|ran| ran.run.demo == demo);
    let nothing = || Ran { demo: None, run: greenroom_show::Run::new(demo, 0) };
    Ok((header, ran.unwrap_or_else(nothing)))
}
