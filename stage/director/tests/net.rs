//! The net under a live demo: a recording that stands in for a step, from the very step at which the live run stands.

#[path = "support/director.rs"]
mod director;
#[expect(dead_code, reason = "what the other tests share, not all of which is needed here")]
mod support;

use director::{call, of_talk, open};
use greenroom_director::Director;
use greenroom_show::call::{GoTo, RunGroup, ToggleRecorded};
use greenroom_show::{Show, StepState};
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
    until(group, || (state(director.show().live()) == Some(comes_to)).then_some(())).await;
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
