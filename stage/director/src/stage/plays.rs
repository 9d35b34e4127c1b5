//! A demo's steps are run, or played from its recording: as the speaker has chosen, or the deck says.

use super::kernel::Kernel;
use super::{Stage, calls};
use crate::replay::Command;
use greenroom_show::call::CallError;
use greenroom_show::deck::Plays;
use greenroom_show::{Event, Position, StepState};
use std::ops::Range;
use std::sync::Arc;

/// From now on. Live means at once: a recording that is shown of the demo goes.
pub fn set(kernel: &Arc<Kernel>, demo: &str, plays: Plays) -> Result<(), CallError> {
    kernel.program(demo)?;
    let is_left = {
        let mut now = kernel.lock();
        let is_left = now.show.plays(demo) == Plays::Recorded && plays != Plays::Recorded;
        kernel.emit_in(&mut now, Event::Chosen { demo: demo.into(), plays });
        is_left && now.show.recorded.as_ref().is_some_and(|recorded| recorded.take.demo == demo)
    };
    if is_left {
        calls::close_replay(kernel);
    }
    Ok(())
}

pub async fn run_group(stage: &Arc<Stage>, demo: &str, group: &str) -> Result<(), CallError> {
    if !is_recorded(stage, demo) {
        return stage.start_group(demo, group);
    }
    let steps = stage.group(demo, group)?;
    let open = {
        let now = stage.lock();
        let drawn = now.show.run(demo);
        steps.clone().find(|step| drawn.is_none_or(|run| run.state(*step) != StepState::Passed))
    };
    play(stage, demo, open.unwrap_or(steps.start)..steps.end).await
}

pub async fn run_step(stage: &Arc<Stage>, demo: &str, step: usize) -> Result<(), CallError> {
    if !is_recorded(stage, demo) {
        return stage.start_step(demo, step);
    }
    stage.step(demo, step)?;
    play(stage, demo, step..step + 1).await
}

fn is_recorded(kernel: &Arc<Kernel>, demo: &str) -> bool {
    kernel.lock().show.plays(demo) == Plays::Recorded
}

/// Plays steps of the take on stage, or of the one that stands in for the demo.
async fn play(kernel: &Arc<Kernel>, demo: &str, steps: Range<usize>) -> Result<(), CallError> {
    let is_on_stage = {
        let now = kernel.lock();
        now.busy.be_free()?;
        now.replay.is_some() && now.show.recorded.as_ref().is_some_and(|recorded| recorded.take.demo == demo)
    };
    if !is_on_stage {
        let take = calls::take_of(kernel, demo).await?;
        calls::play(kernel, take).await?;
    }
    calls::command(kernel, Command::Steps { first: steps.start, last: steps.end.saturating_sub(1) })?;
    follow(kernel, demo, steps.start);
    Ok(())
}

/// The narrative follows the group that plays.
fn follow(kernel: &Arc<Kernel>, demo: &str, step: usize) {
    let mut now = kernel.lock();
    let slide = now.show.position.slide;
    let cue = now.show.slide().and_then(|slide| slide.cue.as_ref()).filter(|cue| cue.demo == demo);
    let holds = |name: &String| {
        let group = now.show.demos.get(demo).and_then(|demo| demo.group(name));
        group.is_some_and(|group| group.steps.contains(&step))
    };
    if let Some(group) = cue.and_then(|cue| cue.groups.iter().position(holds)) {
        kernel.emit_in(&mut now, Event::Moved(Position { slide, reveal: group + 1 }));
    }
}
