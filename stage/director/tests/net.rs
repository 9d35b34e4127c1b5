//! The net under a live demo: a recording that stands in for a step, from the very step at which the live run stands.

#[path = "support/director.rs"]
mod director;
#[expect(dead_code, reason = "what the other tests share, not all of which is needed here")]
mod support;

use director::{call, of_talk, open};
use greenroom_director::Director;
use greenroom_director::Places;
use greenroom_director::takes::{library::Takes, verify};
use greenroom_show::call::{GoTo, KeepLast, ListTakes, Next, RunGroup, SetPlays, ToggleClock, ToggleRecorded};
use greenroom_show::deck::Plays;
use greenroom_show::{NextAction, Show, Source, StepState};
use std::path::Path;
use support::{DECK, Tools, project, until, write};

/// Passes while the file that lies beside it says so; how long it takes, another one says.
const SHAKY: &str = "---
title: Small
tools: [sh]
---
```steps first
run sh -c 'echo first'
run sh -c 'echo again'
```

```steps second
run sh -c 'echo second; sleep $(cat ROOT/seconds); exit $(cat ROOT/code)'
```
";

fn set(root: &Path, name: &str, value: &str) {
    write(&root.join(name), value);
}

fn shaky(fallback: &str) -> tempfile::TempDir {
    let root = project("", Tools::Absent);
    write(&root.path().join("demos/small/demo.md"), &SHAKY.replace("ROOT", &root.path().display().to_string()));
    write(
        &root.path().join("slides/talk/deck.md"),
        &DECK.replacen("title: A talk", &format!("title: A talk\nfallback: {fallback}"), 1),
    );
    set(root.path(), "seconds", "0");
    set(root.path(), "code", "0");
    root
}

async fn run(director: &Director, group: &str, comes_to: StepState) {
    call(director, RunGroup { demo: "small".into(), group: group.into() }).await.expect("it starts");
    let state = |show: &Show| show.runs.get("small").map(|run| run.group_state(&show.demos["small"], group));
    let over = |state: &StepState| !matches!(state, StepState::Pending | StepState::Running);
    let came_to = until(group, || state(director.show().live()).filter(over)).await;
    assert_eq!(came_to, comes_to, "{group}: {:?}", director.show().runs["small"].steps);
}

/// The first group has run.
async fn before_the_second(root: &Path) -> Director {
    let director = open(of_talk(root)).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    run(&director, "first", StepState::Passed).await;
    director
}

/// So many runs that pass, each a take.
async fn runs(root: &Path, count: usize) {
    for _ in 0..count {
        let director = before_the_second(root).await;
        run(&director, "second", StepState::Passed).await;
        director.close().await;
    }
}

/// The recording is on stage, and plays from the step on: those before it were shown at once.
async fn stands_in(director: &Director) {
    until("the recording stands in", || {
        let show = director.show();
        let recorded = show.recorded.as_ref()?;
        (recorded.run.state(2) == StepState::Passed && recorded.run.state(0) == StepState::Passed).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_stood_in_for_where_the_deck_wants_it() {
    let root = shaky("auto");
    runs(root.path(), 1).await;
    set(root.path(), "code", "3");
    let director = before_the_second(root.path()).await;
    assert!(director.show().recorded.is_none());
    run(&director, "second", StepState::Failed).await;
    stands_in(&director).await;
    let notice = director.show().notices.back().expect("it is said").text.clone();
    assert!(notice.contains("V goes back to live"), "{notice}");
    call(&director, ToggleRecorded {}).await.expect("back to live");
    let show = director.show();
    assert!(show.recorded.is_none() && show.run("small").expect("a run").state(2) == StepState::Failed);
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v_shows_the_recording_from_where_the_live_run_stands() {
    let root = shaky("ask");
    runs(root.path(), 1).await;
    set(root.path(), "code", "3");
    let director = before_the_second(root.path()).await;
    run(&director, "second", StepState::Failed).await;
    assert!(director.show().recorded.is_none(), "nobody asked for it");
    call(&director, ToggleRecorded {}).await.expect("the recorded run");
    stands_in(&director).await;
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_longer_than_it_ever_did_is_late_and_stood_in_for() {
    let root = shaky("auto");
    runs(root.path(), 5).await;
    set(root.path(), "seconds", "30");
    let director = before_the_second(root.path()).await;
    call(&director, RunGroup { demo: "small".into(), group: "second".into() }).await.expect("it starts");
    until("it is late", || director.show().runs["small"].steps.get(&2).filter(|step| step.late).map(|_| ())).await;
    stands_in(&director).await;
    assert_eq!(director.show().runs["small"].state(2), StepState::Running, "the live step goes on");
    director.close().await;
}

/// The recording has played up to a step, and rests or has ended.
async fn plays_up_to(director: &Director, step: usize) {
    until("the recording plays and rests", || {
        let show = director.show();
        let recorded = show.recorded.as_ref()?;
        (!recorded.head.plays() && recorded.run.state(step) == StepState::Passed).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_the_speaker_wants_recorded_is_played_group_by_group_and_runs_nothing() {
    let root = shaky("ask");
    runs(root.path(), 1).await;
    // Whatever ran now would fail.
    set(root.path(), "code", "3");
    let director = open(of_talk(root.path())).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    assert_eq!(director.show().plays("small"), Plays::Live);
    call(&director, SetPlays { demo: "small".into(), plays: Plays::Recorded }).await.expect("chosen");
    call(&director, Next {}).await.expect("the first group plays");
    plays_up_to(&director, 1).await;
    let show = director.show();
    let run = show.run("small").expect("the recorded run");
    assert_eq!((run.state(1), run.state(2)), (StepState::Passed, StepState::Pending), "it rests between clicks");
    assert_eq!(show.position.reveal, 1, "the narrative follows");
    let Source::Recorded(badge) = show.source("small") else { panic!("{:?}", show.source("small")) };
    assert_eq!(badge.on, greenroom_show::On::This);
    call(&director, Next {}).await.expect("the second group plays");
    plays_up_to(&director, 2).await;
    let show = director.show();
    assert!(show.runs["small"].steps.is_empty(), "nothing has run");
    assert_eq!(show.next_action(), NextAction::End);
    call(&director, ToggleRecorded {}).await.expect("back to live");
    let show = director.show();
    assert!(show.recorded.is_none());
    assert_eq!(show.plays("small"), Plays::Live, "the next click runs");
    run_fails(&director).await;
    director.close().await;
}

/// The second group runs now, and is not the recording.
async fn run_fails(director: &Director) {
    run(director, "second", StepState::Failed).await;
    assert!(director.show().recorded.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_takes_over_from_a_live_run_at_the_step_that_would_be_next() {
    let root = shaky("ask");
    runs(root.path(), 1).await;
    let director = before_the_second(root.path()).await;
    call(&director, SetPlays { demo: "small".into(), plays: Plays::Recorded }).await.expect("chosen");
    assert!(director.show().recorded.is_none(), "not before its step is due");
    call(&director, RunGroup { demo: "small".into(), group: "second".into() }).await.expect("it plays");
    stands_in(&director).await;
    call(&director, SetPlays { demo: "small".into(), plays: Plays::Auto }).await.expect("chosen");
    assert!(director.show().recorded.is_none(), "live again");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_without_a_take_that_is_wanted_recorded_says_what_to_do() {
    let root = shaky("ask");
    let director = open(of_talk(root.path())).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    call(&director, SetPlays { demo: "small".into(), plays: Plays::Recorded }).await.expect("chosen");
    let refused = call(&director, Next {}).await.expect_err("no take").to_string();
    assert!(refused.contains("no take of 'small' has passed yet"), "{refused}");
    let unknown = call(&director, SetPlays { demo: "smal".into(), plays: Plays::Auto }).await.expect_err("no demo");
    assert!(unknown.to_string().contains("did you mean 'small'?"), "{unknown}");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slide_says_that_its_demo_falls_back_by_itself_whatever_the_deck_says() {
    let root = shaky("ask");
    runs(root.path(), 1).await;
    let path = root.path().join("slides/talk/deck.md");
    let deck = std::fs::read_to_string(&path).expect("a deck");
    write(&path, &deck.replace("demo: small", "demo: small\nplays: auto"));
    set(root.path(), "code", "3");
    let director = before_the_second(root.path()).await;
    run(&director, "second", StepState::Failed).await;
    stands_in(&director).await;
    director.close().await;
}

/// What the newest part of a take says, and that it is whole.
fn kept(root: &Path, name: &str) -> greenroom_director::takes::library::Listed {
    let takes = Takes::open(&Places::within(root));
    let kept = takes.list().into_iter().find(|take| take.name.as_deref() == Some(name)).expect("among the takes");
    assert!(verify::verify(&takes.path(&kept.id)).expect("readable").whole, "{name}");
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_what_is_recorded_is_kept_at_a_key_and_the_recording_goes_on() {
    let root = shaky("ask");
    let director = open(of_talk(root.path())).await;
    let nothing = call(&director, KeepLast {}).await.expect_err("nothing to keep").to_string();
    assert!(nothing.contains("nothing has been recorded yet"), "{nothing}");

    call(&director, ToggleClock {}).await.expect("the talk is recorded");
    call(&director, GoTo { slide: 1 }).await.expect("there");
    let name = call(&director, KeepLast {}).await.expect("kept");
    let notice = director.show().notices.back().expect("it is said").text.clone();
    assert!(notice.contains(&name) && notice.contains("goes on"), "{notice}");
    let part = kept(root.path(), &name);
    assert!(part.demo.is_empty() && name.starts_with("A talk, "), "{name}");
    let text = |id: &str| std::fs::read_to_string(Takes::open(&Places::within(root.path())).path(id)).expect("there");
    let whole = Takes::open(&Places::within(root.path()))
        .list()
        .into_iter()
        .find(|take| take.name.is_none())
        .expect("the talk's");
    let part = text(&part.id);
    assert!(part.contains("\"moved\",{\"reveal\":0,\"slide\":1}"), "what happened just now is in it");
    run(&director, "first", StepState::Passed).await;
    until("the recording goes on", || {
        let whole = text(&whole.id);
        (whole.starts_with(&part) && whole[part.len()..].contains("step-ended")).then_some(())
    })
    .await;
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_recorded_the_last_run_is_kept_and_v_still_shows_the_whole_one() {
    let root = shaky("ask");
    runs(root.path(), 1).await;
    let director = open(of_talk(root.path())).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    let name = call(&director, KeepLast {}).await.expect("kept");
    let notice = director.show().notices.back().expect("it is said").text.clone();
    assert!(notice.starts_with("Nothing is being recorded") && notice.contains(&name), "{notice}");
    let part = kept(root.path(), &name);
    assert_eq!(call(&director, ListTakes {}).await.expect("a list").len(), 2);
    call(&director, ToggleRecorded {}).await.expect("the recorded run");
    assert_ne!(director.show().recorded.expect("on stage").take.id, part.id);
    director.close().await;
}
