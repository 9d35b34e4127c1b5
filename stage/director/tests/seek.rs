//! A place in a take, sought by the speaker's keys, as every window sees it.

#[path = "support/director.rs"]
mod director;
mod support;

use director::{call, of_talk, open};
use futures::StreamExt;
use greenroom_director::Director;
use greenroom_director::Places;
use greenroom_director::takes::library::{Limits, Takes};
use greenroom_show::call::{
    ActOnTake, CallError, CancelHandOn, CutTake, GoTo, HandOn, ListTakes, OpenTake, PaceTake, Push, ReadDetails,
    ReadForms, ReadHanding, ReadLabels, ReadTimeline, ResetClock, Role, RunGroup, SeekTake, ToPresenter, ToggleClock,
    ToggleIdle, TogglePlay, ToggleRecorded,
};
use greenroom_show::playback::{Idle, To, Way};
use greenroom_show::take::{Cut, Label, TakeAct, TakeInfo};
use greenroom_show::{Run, StepState};
use support::{DEMO, Tools, project, until};

/// A talk whose demo has run, and its takes: of the demo, and of the talk.
async fn recorded() -> (tempfile::TempDir, Director, Run, TakeInfo, TakeInfo) {
    let root = project(DEMO, Tools::Absent);
    let director = open(of_talk(root.path())).await;
    call(&director, ToggleClock {}).await.expect("the talk begins");
    call(&director, GoTo { slide: 1 }).await.expect("there");
    run_all(&director).await;
    let run = director.show().runs["small"].clone();
    call(&director, ResetClock {}).await.expect("the talk ends");
    director.close().await;
    let director = open(of_talk(root.path())).await;
    let takes = call(&director, ListTakes {}).await.expect("a list");
    let find = |of_talk| takes.iter().find(|take| take.is_of_talk() == of_talk).expect("a take").clone();
    let (of_demo, of_talk) = (find(false), find(true));
    (root, director, run, of_demo, of_talk)
}

async fn run_all(director: &Director) {
    for group in ["prepare", "upload", "list", "download", "remove"] {
        call(director, RunGroup { demo: "small".into(), group: group.into() }).await.expect("it starts");
        until(group, || {
            let show = director.show();
            let run = &show.runs["small"];
            let state = run.group_state(&show.demos["small"], group);
            assert_ne!(state, StepState::Failed, "{:#?}", run.steps);
            (state == StepState::Passed && run.running().is_none()).then_some(())
        })
        .await;
        // The speaker speaks.
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    }
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
    // Each form in which it can be handed on is written, and holds something.
    let offered: Vec<String> =
        call(&director, ReadForms {}).await.expect("forms").into_iter().map(|form| form.name).collect();
    for drawn in ["html", "mp4", "png"] {
        assert!(offered.iter().any(|name| name == drawn), "{offered:?}");
    }
    // Those that are drawn need the app; this is the director alone.
    for form in ["cast2", "cast3", "csv", "parquet", "report"] {
        call(&director, HandOn { form: form.into() }).await.expect("begun");
        loop {
            let Some(told) = call(&director, ReadHanding {}).await.expect("told") else { break };
            assert!(told.form == form && (0.0..=1.0).contains(&told.share), "{told:?}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let written = || {
            director
                .show()
                .notices
                .iter()
                .any(|notice| notice.text.starts_with("Written: ") && notice.text.contains("exports/"))
        };
        until("it says where it is", || written().then_some(())).await;
    }
    let exports = std::fs::read_dir(director.places().exports()).expect("a folder").flatten();
    let sizes: Vec<u64> = exports.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).collect();
    assert!(sizes.len() >= 5 && sizes.iter().all(|size| *size > 0), "{sizes:?}");
    assert!(call(&director, CancelHandOn {}).await.is_err(), "nothing is being handed on");
    // Whoever joins now has what those have who were there.
    let mut late = Box::pin(director.subscribe(Role::Presenter));
    let Some(Push::Presenter(ToPresenter::Snapshot { show, .. })) = late.next().await else { panic!("a snapshot") };
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
    let missing = call(&director, HandOn { form: "cast4".into() }).await.expect_err("no such form").to_string();
    assert!(missing.contains("cast3"), "{missing}");
    seek(&director, To::At(0)).await;
    until("the first slide", || (director.show().position.slide == 0).then_some(())).await;
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_is_starred_named_deleted_and_brought_back() {
    let (_root, director, _, first, _) = recorded().await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    run_all(&director).await;
    let shown = async || {
        call(&director, ToggleRecorded {}).await.expect("a take");
        let id = on_stage(&director).take.id;
        call(&director, ToggleRecorded {}).await.expect("live");
        id
    };
    let act = async |act| call(&director, ActOnTake { id: first.id.clone(), act }).await;
    assert_ne!(shown().await, first.id, "the newest");
    act(TakeAct::Star).await.expect("starred");
    act(TakeAct::Rename("Before the keynote".into())).await.expect("named");
    assert_eq!(shown().await, first.id, "the starred one");
    let labels = call(&director, ReadLabels {}).await.expect("labels");
    assert_eq!(labels[&first.id], Label { name: Some("Before the keynote".into()), starred: true });

    call(&director, OpenTake { id: first.id.clone() }).await.expect("it opens");
    let refused = act(TakeAct::Delete).await.expect_err("it is on stage").to_string();
    assert!(refused.contains("press V"), "{refused}");
    call(&director, ToggleRecorded {}).await.expect("live");
    act(TakeAct::Delete).await.expect("deleted");
    let there = async || {
        let takes = call(&director, ListTakes {}).await.expect("a list");
        takes.iter().any(|take| take.id == first.id)
    };
    assert!(!there().await);
    act(TakeAct::Undelete).await.expect("brought back");
    assert!(there().await && shown().await == first.id, "with its star");
    act(TakeAct::Rename(" ".into())).await.expect("without a name");
    act(TakeAct::Unstar).await.expect("no star");
    assert_eq!(call(&director, ReadLabels {}).await.expect("labels")[&first.id], Label::default());
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_is_played_from_where_it_was_cut_to_where_it_was_cut() {
    let (root, director, live, take, of_talk) = recorded().await;
    let about = |id: &str, begins: u64, ends: u64| {
        let file = root.path().join(format!("takes/{id}.about.json"));
        std::fs::write(file, format!("{{\"in\": {begins}, \"out\": {ends}}}")).expect("written");
    };
    call(&director, OpenTake { id: take.id.clone() }).await.expect("it opens");
    call(&director, ToggleIdle {}).await.expect("with its pauses");
    until("the pauses are kept", || (on_stage(&director).idle == Idle::Kept).then_some(())).await;
    let whole = call(&director, ReadTimeline {}).await.expect("a time line");
    call(&director, ToggleRecorded {}).await.expect("live");

    // From the upload on, and without what was removed at last.
    let (begins, ends) = (whole.steps[2].from, whole.steps.last().expect("steps").from - 1);
    about(&take.id, begins, ends);
    call(&director, OpenTake { id: take.id.clone() }).await.expect("it opens");
    call(&director, ToggleIdle {}).await.expect("with its pauses");
    until("the pauses are kept", || (on_stage(&director).idle == Idle::Kept).then_some(())).await;
    let cut = call(&director, ReadTimeline {}).await.expect("a time line");
    assert!(cut.length <= ends - begins && cut.length < whole.length, "{} of {}", cut.length, whole.length);
    seek(&director, To::At(0)).await;
    until("its beginning", || (on_stage(&director).head.at(0) < cut.length / 4).then_some(())).await;
    assert_eq!(on_stage(&director).run.state(0), StepState::Passed, "what was before it has been");
    seek(&director, To::At(u64::MAX)).await;
    until("its end", || on_stage(&director).ended.then_some(())).await;
    assert!(on_stage(&director).run.steps.len() < live.steps.len());
    call(&director, ToggleRecorded {}).await.expect("live");

    call(&director, OpenTake { id: of_talk.id.clone() }).await.expect("it opens");
    let whole = call(&director, ReadTimeline {}).await.expect("a time line");
    call(&director, ToggleRecorded {}).await.expect("live");
    about(&of_talk.id, whole.length / 2, whole.length);
    call(&director, OpenTake { id: of_talk.id.clone() }).await.expect("it opens");
    let begins = whole.length / 2;
    until("its middle", || director.show().playing(0).filter(|playing| playing.at >= begins).map(|_| ())).await;
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_on_stage_is_cut_and_the_cut_is_taken_back() {
    let (root, director, live, take, _) = recorded().await;
    let none = call(&director, CutTake { cut: Cut::In(None) }).await.expect_err("no take is on stage");
    assert!(matches!(&none, CallError::Failed { detail } if detail.contains("press V")), "{none:?}");
    call(&director, OpenTake { id: take.id.clone() }).await.expect("it opens");
    let file = root.path().join(format!("takes/{}.take.ndjson", take.id));
    let before = std::fs::read(&file).expect("there");
    let whole = call(&director, ReadTimeline {}).await.expect("looked through");
    let middle = whole.steps[4].from;
    call(&director, CutTake { cut: Cut::In(Some(middle)) }).await.expect("cut by the mouse");
    let cut = call(&director, ReadTimeline {}).await.expect("of what is left");
    assert!(cut.length < whole.length, "{} of {}", cut.length, whole.length);
    seek(&director, To::At(u64::MAX)).await;
    until("its end", || on_stage(&director).ended.then_some(())).await;
    assert_eq!(on_stage(&director).run.figures, live.figures, "what was before is folded all the same");
    let detail = async || call(&director, ReadDetails {}).await.expect("told")[&take.id].clone();
    assert!(detail().await.begins.is_some_and(|begins| begins > 0) && detail().await.ends.is_none());
    assert_eq!((detail().await.deck.as_str(), detail().await.bytes), ("talk", before.len() as u64));

    seek(&director, To::Begin(6)).await;
    until("it is there", || (!on_stage(&director).ended).then_some(())).await;
    call(&director, CutTake { cut: Cut::Out(None) }).await.expect("cut where it stands");
    until("it ends there", || on_stage(&director).ended.then_some(())).await;
    assert!(on_stage(&director).run.steps.len() < live.steps.len());
    let (first, ends) = (detail().await.begins, detail().await.ends);
    assert!(ends.is_some_and(|ends| ends < take.duration_ms * 1000 + 1000), "{ends:?}");
    call(&director, CutTake { cut: Cut::Undo }).await.expect("one is taken back");
    assert_eq!((detail().await.begins, detail().await.ends), (first, None));
    call(&director, CutTake { cut: Cut::Undo }).await.expect("and the other");
    assert_eq!((detail().await.begins, detail().await.ends), (None, None));
    let nothing = call(&director, CutTake { cut: Cut::Undo }).await.expect_err("no cut is left").to_string();
    assert!(nothing.contains("nothing to take back"), "{nothing}");
    let wrong = call(&director, CutTake { cut: Cut::Out(Some(0)) }).await.expect_err("it would hold nothing");
    assert!(wrong.to_string().contains("ends after that"), "{wrong}");
    assert_eq!(std::fs::read(&file).expect("there"), before, "nothing is rewritten");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_beyond_the_users_limits_are_put_away_when_a_show_begins_and_it_is_said() {
    let (root, director, _, take, of_talk) = recorded().await;
    director.close().await;
    let takes = Takes::open(&Places::within(root.path()));
    takes.say(&of_talk.id, |about| about.starred = true).expect("starred");
    for id in [&take.id, &of_talk.id] {
        // A take that was changed just now may still be recorded.
        let file = std::fs::File::options().append(true).open(takes.path(id)).expect("there");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000))
            .expect("older");
    }
    takes.keep_limits(Some(Limits { bytes: Some(0), days: None })).expect("kept");
    let director = open(self::director::of_talk(root.path())).await;
    let said = || director.show().notices.iter().find(|notice| notice.text.contains("undelete")).cloned();
    let notice = until("it is said", said).await.text;
    assert!(notice.starts_with("1 take of "), "{notice}");
    let left: Vec<String> = Takes::open(&Places::within(root.path())).list().into_iter().map(|take| take.id).collect();
    assert_eq!(left, [of_talk.id], "the starred one");
    assert_eq!(Takes::open(&Places::within(root.path())).undelete(&take.id).expect("it can be had back"), take.id);
    director.close().await;
}
