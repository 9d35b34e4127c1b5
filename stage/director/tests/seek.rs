//! A place in a take, sought by the speaker's keys, as every window sees it.

#[path = "support/director.rs"]
mod director;
mod support;

use director::{call, of_talk, open};
use futures::StreamExt;
use greenroom_director::Director;
use greenroom_show::call::{
    CallError, GoTo, ListTakes, OpenTake, PaceTake, Push, ReadTimeline, ResetClock, Role, RunGroup, SeekTake,
    ToggleClock, ToggleIdle, TogglePlay,
};
use greenroom_show::playback::{Idle, To, Way};
use greenroom_show::take::TakeInfo;
use greenroom_show::{Run, Show, StepState};
use support::{DEMO, Tools, project, until};

/// A talk whose demo has run, and its takes: of the demo, and of the talk.
async fn recorded() -> (tempfile::TempDir, Director, Run, TakeInfo, TakeInfo) {
    let root = project(DEMO, Tools::Absent);
    let director = open(of_talk(root.path())).await;
    call(&director, ToggleClock {}).await.expect("the talk begins");
    call(&director, GoTo { slide: 1 }).await.expect("there");
    for group in ["prepare", "upload", "list", "download", "remove"] {
        call(&director, RunGroup { demo: "small".into(), group: group.into() }).await.expect("it starts");
        let passed = |show: &Show| show.runs["small"].group_state(&show.demos["small"], group) == StepState::Passed;
        until(group, || passed(&director.show()).then_some(())).await;
        // The speaker speaks.
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    }
    let run = director.show().runs["small"].clone();
    call(&director, ResetClock {}).await.expect("the talk ends");
    director.close().await;
    let director = open(of_talk(root.path())).await;
    let takes = call(&director, ListTakes {}).await.expect("a list");
    let find = |of_talk| takes.iter().find(|take| take.is_of_talk() == of_talk).expect("a take").clone();
    let (of_demo, of_talk) = (find(false), find(true));
    (root, director, run, of_demo, of_talk)
}

fn on_stage(director: &Director) -> greenroom_show::Recorded {
    director.show().recorded.expect("a take on stage")
}

async fn seek(director: &Director, to: To) {
    call(director, SeekTake { to }).await.expect("a take is on stage");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_of_a_demo_is_sought_step_by_step_and_back() {
    let (_root, director, live, take, _) = recorded().await;
    let refused = call(&director, SeekTake { to: To::At(0) }).await.expect_err("no take is on stage");
    assert!(matches!(&refused, CallError::Failed { detail } if detail.contains("press V")), "{refused:?}");
    call(&director, OpenTake { id: take.id.clone() }).await.expect("it opens");
    let timeline = call(&director, ReadTimeline {}).await.expect("once it was looked through");
    assert_eq!(timeline.steps.len(), live.steps.len());
    assert!(timeline.steps.iter().all(|band| band.from <= band.to && band.to <= timeline.length), "{timeline:?}");
    assert!(timeline.steps.iter().all(|band| band.state == StepState::Passed), "{timeline:?}");
    assert!(!timeline.checks.is_empty() && timeline.checks.iter().all(|check| check.passed), "{timeline:?}");
    assert!(timeline.silhouette.contains(&1.0), "{timeline:?}");
    call(&director, TogglePlay {}).await.expect("it pauses");
    until("it rests", || (!on_stage(&director).head.plays()).then_some(())).await;

    // To its end, and step by step back to its start.
    seek(&director, To::At(u64::MAX)).await;
    until("the end", || on_stage(&director).ended.then_some(())).await;
    assert_eq!(on_stage(&director).run.terminal, live.terminal, "same fold, same screen");
    assert_eq!(on_stage(&director).run.figures, live.figures);
    let mut steps = live.steps.len();
    while steps > 0 {
        seek(&director, To::Step(Way::Back)).await;
        let before = steps;
        until("a step back", || {
            let recorded = on_stage(&director);
            steps = recorded.run.steps.len();
            let at_start = recorded.head.at(0) == 0;
            (steps < before || at_start).then_some(())
        })
        .await;
        if on_stage(&director).head.at(0) == 0 {
            break;
        }
    }
    assert!(on_stage(&director).run.steps.len() <= 1 && !on_stage(&director).ended);
    let at = on_stage(&director).head.at(0);
    seek(&director, To::Step(Way::On)).await;
    until("a step on", || (on_stage(&director).head.at(0) > at).then_some(())).await;
    // Whoever joins now has what those have who were there.
    let mut late = Box::pin(director.subscribe(Role::Presenter));
    let Some(Push::Snapshot { show, .. }) = late.next().await else { panic!("a snapshot") };
    assert_eq!(show.recorded, director.show().recorded);
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pauses_are_kept_for_who_wants_them_and_the_pace_changes() {
    let (_root, director, _, take, _) = recorded().await;
    call(&director, OpenTake { id: take.id.clone() }).await.expect("it opens");
    let cut = call(&director, ReadTimeline {}).await.expect("a time line").length;
    call(&director, ToggleIdle {}).await.expect("kept");
    until("the pauses are kept", || (on_stage(&director).idle == Idle::Kept).then_some(())).await;
    let kept = call(&director, ReadTimeline {}).await.expect("another time line").length;
    assert!(kept >= cut, "{kept} {cut}");
    call(&director, PaceTake { way: Way::On }).await.expect("faster");
    call(&director, PaceTake { way: Way::On }).await.expect("faster");
    until("its pace", || (on_stage(&director).head.speed().in_words().as_deref() == Some("2 x")).then_some(())).await;
    until("its end", || on_stage(&director).ended.then_some(())).await;
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_talk_is_sought_by_its_slides_and_steps() {
    let (_root, director, live, _, take) = recorded().await;
    call(&director, OpenTake { id: take.id.clone() }).await.expect("it opens");
    let timeline = call(&director, ReadTimeline {}).await.expect("a time line");
    assert_eq!(timeline.slides.len(), 2, "{timeline:?}");
    let refused = call(&director, ToggleIdle {}).await.expect_err("a talk is played as it was");
    assert!(matches!(&refused, CallError::Failed { .. }), "{refused:?}");
    call(&director, TogglePlay {}).await.expect("it pauses");
    until("it rests", || (!director.show().playing(0)?.playing).then_some(())).await;
    seek(&director, To::At(timeline.length)).await;
    until("its end", || director.show().talk.filter(|talk| talk.ended).map(|_| ())).await;
    let show = director.show();
    assert_eq!((show.position.slide, &show.runs["small"].terminal), (1, &live.terminal));
    seek(&director, To::At(timeline.steps[1].from)).await;
    until("the second step", || director.show().runs.get("small").filter(|run| run.steps.len() == 2).map(|_| ())).await;
    assert!(director.show().live().runs.values().all(|run| run.steps.is_empty()), "the live show is as it was");
    seek(&director, To::At(0)).await;
    until("the first slide", || (director.show().position.slide == 0).then_some(())).await;
    director.close().await;
}
