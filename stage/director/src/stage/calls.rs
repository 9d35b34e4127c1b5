//! Answers the windows: one line a call.

use super::kernel::{Captions, Kernel, Now};
use super::{Stage, booth, cut, ghost, hand_on, history, keep, mirror_lines, plan, plays, tenants, trust};
use crate::preflight::{Facts, judge};
use crate::replay;
use crate::takes::library::{self, About, Takes, about};
use crate::takes::{PassedOver, Reader};
use greenroom_show::call::{ActOnTake, Call, CallError, Role, ShowRequest};
use greenroom_show::deck::{Level, Plays, Slide};
use greenroom_show::playback::To;
use greenroom_show::preflight::Check;
use greenroom_show::take::{Label, TakeAct, TakeInfo};
use greenroom_show::timeline::Timeline;
use greenroom_show::version::Version;
use greenroom_show::{ClockAct, Curtain, Event, Micros, NextAction, Position, Replay, Run, Show};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

pub async fn dispatch(stage: &Arc<Stage>, role: Role, request: ShowRequest) -> Result<Value, CallError> {
    use ShowRequest as Ask;
    if role != Role::Presenter {
        return Err(CallError::NotAllowed);
    }
    if stage.lock().show.replays_talk() && !is_for_a_talk(&request) {
        return Err(CallError::Failed { detail: "a recorded talk is on stage: V goes back to live".into() });
    }
    if stage.lock().booth.is_some() && !is_for_a_booth(&request) {
        return Err(CallError::Failed { detail: "the booth is on: Shift B ends it, Home starts it over".into() });
    }
    match request {
        Ask::Next(call) => answer(&call, next(stage).await),
        Ask::Previous(call) => answer(&call, previous(stage)),
        Ask::GoTo(call) => answer(&call, go_to(stage, call.slide)),
        Ask::RunGroup(call) => answer(&call, plays::run_group(stage, &call.demo, &call.group).await),
        Ask::RunStep(call) => answer(&call, plays::run_step(stage, &call.demo, call.step).await),
        Ask::Stop(call) => answer(&call, stop(stage)),
        Ask::Reset(call) => answer(&call, stage.reset(&call.demo).await),
        Ask::ToggleCurtain(call) => answer(&call, toggle_curtain(stage, call.curtain)),
        Ask::ToggleFreeze(call) => answer(&call, toggle_freeze(stage)),
        Ask::ToggleClock(call) => answer(&call, toggle_clock(stage)),
        Ask::ResetClock(call) => answer(&call, emit(stage, Event::Clock(ClockAct::Reset))),
        Ask::ToggleSpan(call) => answer(&call, toggle_span(stage)),
        Ask::ListTakes(call) => answer(&call, stage.shelf(Kernel::takes).await),
        Ask::ReadLabels(call) => answer(&call, labels(stage).await),
        Ask::ActOnTake(call) => answer(&call, act_on_take(stage, &call).await),
        Ask::KeepLast(call) => answer(&call, keep::last(stage).await),
        Ask::ReadDetails(call) => answer(&call, cut::details(stage).await),
        Ask::CutTake(call) => answer(&call, cut::cut(stage, call.cut).await),
        Ask::LayGhost(call) => answer(&call, ghost::lay(stage, &call.id).await),
        Ask::ToggleGhost(call) => answer(&call, ghost::toggle(stage).await),
        Ask::CompareGhost(call) => answer(&call, ghost::compare(stage).await),
        Ask::ReadForms(call) => answer(&call, Ok(hand_on::forms(stage))),
        Ask::HandOn(call) => answer(&call, hand_on::begin(stage, &call.form).await),
        Ask::ReadHanding(call) => answer(&call, Ok(stage.handing.told())),
        Ask::CancelHandOn(call) => answer(&call, stage.handing.cancel()),
        Ask::OpenTake(call) => answer(&call, open_take(stage, &call.id).await),
        Ask::ToggleRecorded(call) => answer(&call, toggle_recorded(stage).await),
        Ask::SetPlays(call) => answer(&call, plays::set(stage, &call.demo, call.plays)),
        Ask::TogglePlay(call) => answer(&call, command(stage, replay::Command::TogglePlay)),
        Ask::RestartTake(call) => answer(&call, command(stage, replay::Command::Restart)),
        Ask::SeekTake(call) => answer(&call, command(stage, replay::Command::Seek(call.to))),
        Ask::PaceTake(call) => answer(&call, command(stage, replay::Command::Pace(call.way))),
        Ask::ToggleIdle(call) => answer(&call, toggle_idle(stage)),
        Ask::ReadTimeline(call) => answer(&call, timeline(stage).await),
        Ask::SetVersion(call) => answer(&call, set_version(stage, call.version)),
        Ask::Preflight(call) => answer(&call, preflight(stage).await),
        Ask::ReadRehearsals(call) => answer(&call, history::report(stage).await),
        Ask::DeleteRehearsal(call) => answer(&call, history::delete(stage, &call.id).await),
        Ask::ExportRehearsals(call) => answer(&call, history::export(stage).await),
        Ask::ToggleLoop(call) => answer(&call, toggle_loop(stage)),
        Ask::ReadTenants(call) => answer(&call, tenants::read(stage).await),
        Ask::SetAdmission(call) => answer(&call, tenants::set_admission(stage, call.switch).await),
        Ask::ActOnTenant(call) => answer(&call, tenants::act(stage, &call).await),
        Ask::ReadMirrors(call) => answer(&call, mirror_lines::read(stage).await),
        Ask::ActOnMirror(call) => answer(&call, mirror_lines::act(stage, &call).await),
        Ask::ToggleCaptions(call) => answer(&call, toggle_captions(stage)),
        Ask::ZoomPane(call) => answer(&call, zoom_pane(stage)),
        Ask::Point(call) => answer(&call, emit(stage, Event::Pointed(call.pointer))),
        Ask::DrawInk(call) => answer(&call, emit(stage, Event::Inked(call.ink.clone()))),
        Ask::SetPlan(call) => answer(&call, plan::set(stage, &call).await),
        Ask::ExportPlan(call) => answer(&call, plan::export(stage).await),
        Ask::ToggleBooth(call) => answer(&call, booth::toggle(stage)),
        Ask::RestartBooth(call) => answer(&call, booth::restart(stage)),
        Ask::TrustSteps(call) => answer(&call, trust::trust(stage).await),
        Ask::RestartStack(call) => {
            stage.backstage.restarts.notify_one();
            answer(&call, Ok(()))
        }
    }
}

/// What can be done while a recorded talk is drawn in place of the live one.
fn is_for_a_talk(request: &ShowRequest) -> bool {
    use ShowRequest as Ask;
    match request {
        Ask::TogglePlay(_)
        | Ask::RestartTake(_)
        | Ask::SeekTake(_)
        | Ask::PaceTake(_)
        | Ask::ToggleIdle(_)
        | Ask::ReadTimeline(_)
        | Ask::ToggleRecorded(_)
        | Ask::ListTakes(_)
        | Ask::ReadLabels(_)
        | Ask::ActOnTake(_)
        | Ask::ReadDetails(_)
        | Ask::CutTake(_)
        | Ask::KeepLast(_)
        | Ask::ToggleBooth(_)
        | Ask::RestartBooth(_)
        | Ask::ReadForms(_)
        | Ask::HandOn(_)
        | Ask::ReadHanding(_)
        | Ask::CancelHandOn(_)
        | Ask::OpenTake(_)
        | Ask::Preflight(_)
        | Ask::ReadRehearsals(_)
        | Ask::ReadTenants(_)
        | Ask::ReadMirrors(_) => true,
        Ask::Next(_)
        | Ask::Previous(_)
        | Ask::GoTo(_)
        | Ask::RunGroup(_)
        | Ask::RunStep(_)
        | Ask::Stop(_)
        | Ask::Reset(_)
        | Ask::ToggleCurtain(_)
        | Ask::ToggleFreeze(_)
        | Ask::ToggleClock(_)
        | Ask::ResetClock(_)
        | Ask::ToggleSpan(_)
        | Ask::SetVersion(_)
        | Ask::SetPlays(_)
        | Ask::LayGhost(_)
        | Ask::ToggleGhost(_)
        | Ask::CompareGhost(_)
        | Ask::DeleteRehearsal(_)
        | Ask::ExportRehearsals(_)
        | Ask::ToggleLoop(_)
        | Ask::SetAdmission(_)
        | Ask::ActOnTenant(_)
        | Ask::ActOnMirror(_)
        | Ask::ToggleCaptions(_)
        | Ask::ZoomPane(_)
        | Ask::Point(_)
        | Ask::DrawInk(_)
        | Ask::SetPlan(_)
        | Ask::ExportPlan(_)
        | Ask::TrustSteps(_)
        | Ask::RestartStack(_) => false,
    }
}

/// What can be done while a booth shows what it shows: all that is not seen.
fn is_for_a_booth(request: &ShowRequest) -> bool {
    use ShowRequest as Ask;
    matches!(
        request,
        Ask::ToggleBooth(_)
            | Ask::RestartBooth(_)
            | Ask::ListTakes(_)
            | Ask::ReadLabels(_)
            | Ask::ReadDetails(_)
            | Ask::ActOnTake(_)
            | Ask::ReadForms(_)
            | Ask::ReadHanding(_)
            | Ask::CancelHandOn(_)
            | Ask::ReadTimeline(_)
            | Ask::Preflight(_)
            | Ask::ReadRehearsals(_)
            | Ask::ReadTenants(_)
            | Ask::ReadMirrors(_)
            | Ask::RestartStack(_)
    )
}

/// What came of a call, as it is sent.
fn answer<C: Call>(_call: &C, came: Result<C::Reply, CallError>) -> Result<Value, CallError> {
    serde_json::to_value(came?).map_err(|error| CallError::Failed { detail: error.to_string() })
}

async fn preflight(stage: &Arc<Stage>) -> Result<Vec<Check>, CallError> {
    let (deck, version) = {
        let now = stage.lock();
        (now.show.deck.as_ref().map(|deck| deck.slug.clone()).unwrap_or_default(), now.show.version)
    };
    let stack = &stage.backstage.stack_program;
    let facts = Facts::gather(&stage.places, &deck, version, &stage.trust, &stage.versions, stack).await;
    facts.map(|facts| judge(&facts)).map_err(|error| CallError::Failed { detail: error.to_string() })
}

fn emit(kernel: &Arc<Kernel>, event: Event) -> Result<(), CallError> {
    kernel.emit(event);
    Ok(())
}

async fn next(stage: &Arc<Stage>) -> Result<(), CallError> {
    let action = stage.lock().show.next_action();
    match action {
        NextAction::Reveal(position) => emit(stage, Event::Moved(position)),
        NextAction::Slide(position) => {
            let (here, looped) = {
                let now = stage.lock();
                (now.show.position.slide, now.show.looped)
            };
            match looped.filter(|_| position.slide <= here) {
                Some(section) => begin_section(stage, section),
                None => go_to(stage, position.slide),
            }
        }
        NextAction::RunGroup { demo, group } => plays::run_group(stage, &demo, &group).await,
        NextAction::Trust { demo } => Err(CallError::NotTrusted { demo }),
        NextAction::Wait { .. } => stage.lock().busy.be_free(),
        NextAction::BackToLive | NextAction::End => Ok(()),
    }
}

/// To the first slide of a section, with the clock where the plan has it there.
fn begin_section(kernel: &Arc<Kernel>, section: usize) -> Result<(), CallError> {
    let (first, planned) = {
        let now = kernel.lock();
        let sections = now.show.deck.as_ref().map(|deck| deck.sections.as_slice()).unwrap_or_default();
        let minutes: f64 = sections.iter().take(section).map(|section| section.minutes).sum();
        (sections.get(section).map_or(0, |section| section.first), (minutes * 60e6) as u64)
    };
    kernel.emit(Event::Clock(ClockAct::Set(planned)));
    go_to(kernel, first)
}

fn toggle_loop(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    let section = {
        let now = kernel.lock();
        now.show.slide().filter(|_| now.show.looped.is_none()).map(|slide| slide.section)
    };
    kernel.emit(Event::Looped(section));
    let Some(section) = section else { return Ok(()) };
    begin_section(kernel, section)?;
    emit(kernel, Event::Clock(ClockAct::Start))
}

fn toggle_captions(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    let mut now = kernel.lock();
    let said = match now.captions {
        Captions::On => None,
        Captions::Off => now.show.said(),
    };
    now.captions = match now.captions {
        Captions::On => Captions::Off,
        Captions::Off => Captions::On,
    };
    kernel.emit_in(&mut now, Event::Captioned(said));
    Ok(())
}

fn zoom_pane(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    let mut now = kernel.lock();
    let zoomed = now.show.next_zoom();
    if now.show.frozen.is_some() {
        return Err(CallError::Failed { detail: "the audience is frozen: press Shift F, then enlarge".into() });
    }
    if (zoomed, now.show.zoomed) == (None, None) {
        return Err(CallError::Failed { detail: "this slide has no pane to enlarge".into() });
    }
    kernel.emit_in(&mut now, Event::Zoomed(zoomed));
    Ok(())
}

fn previous(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    let position = kernel.lock().show.previous();
    arrive(kernel, position)
}

pub fn go_to(kernel: &Arc<Kernel>, slide: usize) -> Result<(), CallError> {
    let position = {
        let now = kernel.lock();
        let slides = now.show.deck.as_ref().map_or(0, |deck| deck.slides.len());
        if slide >= slides {
            let name = (slide + 1).to_string();
            return Err(CallError::NotFound { kind: "slide".into(), name, nearest: Some(slides.to_string()) });
        }
        now.show.arrive(slide, 0)
    };
    arrive(kernel, position)
}

/// Moves, and puts the slide's demo on stage where it is not there yet. A recording stays behind with its slide.
fn arrive(kernel: &Arc<Kernel>, position: Position) -> Result<(), CallError> {
    let mut now = kernel.lock();
    kernel.emit_in(&mut now, Event::Moved(position));
    let demo = now.show.slide().and_then(|slide| slide.cue.as_ref()).map(|cue| cue.demo.clone());
    if now.show.recorded.as_ref().is_some_and(|recorded| Some(&recorded.take.demo) != demo.as_ref()) {
        leave_recording(kernel, &mut now);
    }
    if let Some(demo) = demo.filter(|demo| now.busy.is_free() && now.show.active.as_ref() != Some(demo)) {
        if now.show.runs.contains_key(&demo) {
            // It has run before: its panes keep what they showed until it is run or reset.
            return Ok(());
        }
        kernel.begin(&mut now, &demo);
    }
    Ok(())
}

fn stop(stage: &Arc<Stage>) -> Result<(), CallError> {
    stage.cancel_steps();
    Ok(())
}

fn toggle_curtain(kernel: &Arc<Kernel>, curtain: Curtain) -> Result<(), CallError> {
    let mut now = kernel.lock();
    let curtain = if now.show.curtain == curtain { Curtain::Open } else { curtain };
    kernel.emit_in(&mut now, Event::Curtain(curtain));
    Ok(())
}

fn toggle_freeze(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    let mut now = kernel.lock();
    let frozen = match now.show.frozen {
        Some(_) => None,
        None => Some(now.show.position),
    };
    kernel.emit_in(&mut now, Event::Frozen(frozen));
    Ok(())
}

fn toggle_clock(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    let mut now = kernel.lock();
    let act = if now.show.clock.runs() { ClockAct::Pause } else { ClockAct::Start };
    kernel.emit_in(&mut now, Event::Clock(act));
    Ok(())
}

fn toggle_span(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    let mut now = kernel.lock();
    let span = now.show.span.other();
    kernel.emit_in(&mut now, Event::Span(span));
    Ok(())
}

/// What was recorded stays behind with its slide, whole: the slides that follow bind its figures.
fn leave_recording(kernel: &Arc<Kernel>, now: &mut Now) {
    let left = now.replay.take().is_some_and(|player| player.send(replay::Command::Leave));
    if !left {
        kernel.emit_in(now, Event::Replay(Replay::Left));
    }
}

/// Lets the recording stand in for the step that runs or has failed, where the deck wants that without being asked.
pub async fn fall_back(kernel: &Arc<Kernel>, why: &str) {
    {
        let now = kernel.lock();
        let show = &now.show;
        let is_asked = show.active.as_ref().is_none_or(|demo| show.plays(demo) != Plays::Auto);
        let is_on_stage =
            show.slide().and_then(|slide| slide.cue.as_ref()).map(|cue| &cue.demo) == show.active.as_ref();
        if is_asked || !is_on_stage || show.replays_talk() || show.recorded.is_some() {
            return;
        }
    }
    match toggle_recorded(kernel).await {
        Ok(()) => kernel.notice(format!("The step {why}: the recording goes on from there. V goes back to live.")),
        Err(error) => kernel.notice(format!("The step {why}, and no recording can stand in for it: {error}")),
    }
}

async fn toggle_recorded(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    let (demo, step) = {
        let mut now = kernel.lock();
        let demo = now.show.slide().and_then(|slide| slide.cue.as_ref()).map(|cue| cue.demo.clone());
        let stands_for_it = demo.as_ref().is_some_and(|demo| now.show.recording(demo).is_some());
        if now.show.replays_talk() || now.show.recorded.is_some() || stands_for_it {
            now.replay = None;
            kernel.emit_in(&mut now, Event::Replay(Replay::Closed));
            if let Some(demo) = demo.filter(|demo| now.show.plays(demo) == Plays::Recorded) {
                // Else the next click would show it again.
                kernel.emit_in(&mut now, Event::Chosen { demo, plays: Plays::Live });
            }
            return Ok(());
        }
        let step = demo.as_ref().and_then(|demo| now.show.runs.get(demo)).and_then(Run::stands);
        (demo, step)
    };
    let Some(demo) = demo else {
        return Err(CallError::Failed { detail: "this slide cues no demo: go to one that does, then press V".into() });
    };
    let take = take_of(kernel, &demo).await?;
    play(kernel, take).await?;
    // Where the live run stands, so that the words that are being said go on.
    step.map_or(Ok(()), |step| command(kernel, replay::Command::Seek(To::Begin(step))))
}

/// The take that stands in for a demo: of today's edition before an earlier one, starred before others, and then the newest.
pub async fn take_of(kernel: &Arc<Kernel>, demo: &str) -> Result<TakeInfo, CallError> {
    let passed = passed(kernel, demo).await?;
    passed.into_iter().next().ok_or_else(|| CallError::Failed {
        detail: format!("no take of '{demo}' has passed yet: run the demo once, whole, and it is recorded"),
    })
}

/// The takes of a demo that have passed, the one that stands in for it first.
pub async fn passed(kernel: &Arc<Kernel>, demo: &str) -> Result<Vec<TakeInfo>, CallError> {
    let takes = kernel.shelf(Kernel::takes).await?;
    Ok(library::standing_in(&takes, &labels(kernel).await?, demo))
}

pub async fn labels(kernel: &Arc<Kernel>) -> Result<BTreeMap<String, Label>, CallError> {
    kernel.at_the_disk(|kernel| library::labels(&kernel.takes_folder())).await
}

async fn act_on_take(kernel: &Arc<Kernel>, call: &ActOnTake) -> Result<(), CallError> {
    let failed = |detail: String| CallError::Failed { detail };
    let is_on_stage = kernel.lock().show.playing(0).is_some_and(|playing| playing.take.id == call.id);
    if is_on_stage && call.act == TakeAct::Delete {
        return Err(failed("this take is on stage: press V, then delete it".into()));
    }
    let ActOnTake { id, act } = call.clone();
    let done = kernel.at_the_disk(move |kernel| {
        let takes = Takes::open(&kernel.places);
        match act {
            TakeAct::Star => takes.say(&id, |about| about.starred = true),
            TakeAct::Unstar => takes.say(&id, |about| about.starred = false),
            TakeAct::Rename(name) if name.trim().is_empty() => takes.say(&id, |about| about.name = None),
            TakeAct::Rename(name) => takes.rename(&id, &name),
            TakeAct::Delete => takes.delete(&id),
            TakeAct::Undelete => takes.undelete(&id).map(|_| ()),
        }
    });
    done.await?.map_err(|error| failed(error.to_string()))
}

pub async fn open_take(kernel: &Arc<Kernel>, id: &str) -> Result<(), CallError> {
    let wanted = id.to_string();
    let (takes, level) = kernel.shelf(move |kernel, index| (kernel.takes(index), index.level(&wanted))).await?;
    let Some(take) = takes.iter().find(|take| take.id == id).cloned() else {
        let nearest = crate::parse::nearest(id, takes.iter().map(|take| take.id.as_str()));
        return Err(CallError::NotFound { kind: "take".into(), name: id.into(), nearest });
    };
    let elsewhere = {
        let now = kernel.lock();
        if take.is_of_talk() {
            may_be_shown(&now, level.unwrap_or(Level::Internal))?;
        }
        let cues = |slide: &Slide| slide.cue.as_ref().is_some_and(|cue| cue.demo == take.demo);
        let live = now.show.live();
        match live.slide().is_some_and(cues) {
            true => None,
            false => live.deck.as_ref().and_then(|deck| deck.slides.iter().position(cues)),
        }
    };
    close_replay(kernel);
    if let Some(slide) = elsewhere {
        go_to(kernel, slide)?;
    }
    play(kernel, take).await
}

pub fn close_replay(kernel: &Arc<Kernel>) {
    let mut now = kernel.lock();
    if now.show.recorded.is_some() || now.show.replays_talk() {
        now.replay = None;
        kernel.emit_in(&mut now, Event::Replay(Replay::Closed));
    }
}

/// A recorded talk comes with its slides: none of them may be above the level of the show.
fn may_be_shown(now: &Now, highest: Level) -> Result<(), CallError> {
    now.busy.be_free()?;
    hand_on::may_leave(now, highest)
}

pub async fn play(kernel: &Arc<Kernel>, take: TakeInfo) -> Result<(), CallError> {
    let folder = kernel.takes_folder();
    let id = take.id.clone();
    let opened = {
        let (folder, id) = (folder.clone(), id.clone());
        // What is wrong with what was said of a take is the list's to tell: it is played whole.
        let cut = move |about: About| (about.begins.unwrap_or(0), about.ends.unwrap_or(Micros::MAX));
        tokio::task::spawn_blocking(move || Reader::open(&folder, &id).map(|_| cut(about(&folder, &id).0))).await
    };
    let failed = |detail: String| CallError::Failed { detail };
    let (begins, ends) =
        opened.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    let wanted = id.clone();
    let PassedOver { unknown, damaged } = kernel.shelf(move |_, index| index.passed_over(&wanted)).await?;
    // A booth shows it again and again.
    if unknown + damaged > 0 && kernel.lock().booth.is_none() {
        kernel.notice(format!(
            "{unknown} lines of this take are of another version and {damaged} are damaged: they are left out."
        ));
    }
    let (source, waiting) = {
        let mut now = kernel.lock();
        let Show { deck, stack, version, .. } = now.show.live();
        let live = Show { deck: deck.clone(), stack: stack.clone(), version: *version, ..Show::default() };
        let source = replay::Source { folder, take: take.clone(), live: Arc::new(live), begins, ends };
        let (handle, waiting) = replay::Handle::new(Arc::new(source.clone()));
        now.replay = Some(handle);
        kernel.emit_in(&mut now, Event::Replay(Replay::Opened(take)));
        (source, waiting)
    };
    let player = kernel.clone();
    kernel.tasks.spawn(async move {
        let emit = |replay| {
            // A replay that was closed meanwhile has nothing more to say.
            let mut now = player.lock();
            let still = now.show.playing(0).is_some_and(|playing| playing.take.id == id);
            if still {
                player.emit_in(&mut now, Event::Replay(replay));
            }
        };
        let played = tokio::select! {
            played = replay::play(source, || player.watch.now(), emit, waiting) => played,
            () = player.closing.cancelled() => Ok(()),
        };
        if let Err(error) = played
            && player.lock().booth.is_none()
        {
            player.notice(format!("The recording stopped: {error}"));
        }
    });
    Ok(())
}

fn set_version(kernel: &Arc<Kernel>, version: Version) -> Result<(), CallError> {
    let opened = kernel.loaded().opened(version).map_err(|detail| CallError::Failed { detail })?;
    kernel.emit(Event::Opened(Box::new(opened)));
    come_back(kernel)
}

/// Puts the demo of the slide on stage, after what is on stage was opened anew.
pub fn come_back(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    let position = kernel.lock().show.position;
    arrive(kernel, position)
}

pub fn command(kernel: &Arc<Kernel>, command: replay::Command) -> Result<(), CallError> {
    let handle = kernel.lock().replay.clone();
    match handle {
        Some(handle) => {
            handle.send(command);
            Ok(())
        }
        None => Err(no_recording()),
    }
}

fn toggle_idle(kernel: &Arc<Kernel>) -> Result<(), CallError> {
    if kernel.lock().show.replays_talk() {
        return Err(CallError::Failed { detail: "a recorded talk is played as it was, with its pauses".into() });
    }
    command(kernel, replay::Command::ToggleIdle)
}

/// What the take on stage has where, once it was looked through.
async fn timeline(kernel: &Arc<Kernel>) -> Result<Timeline, CallError> {
    let handle = kernel.lock().replay.clone().ok_or_else(no_recording)?;
    let timeline = handle.timeline().await.ok_or_else(no_recording)?;
    Ok(Timeline::clone(&timeline))
}

fn no_recording() -> CallError {
    CallError::Failed { detail: "no recording is on stage: press V, or open a take".into() }
}
