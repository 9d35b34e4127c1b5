//! The director as the windows meet it: calls in, pushes out, one fold.

#[path = "support/director.rs"]
mod director;
mod support;

use director::{call, of_talk};
use futures::{Stream, StreamExt};
use greenroom_director::Places;
use greenroom_director::{Clipboard, Director, Options, rehearsals};
use greenroom_show::call::{
    ActOnTenant, CallError, CompareGhost, DeleteRehearsal, ExportPlan, ExportRehearsals, GoTo, LayGhost, ListTakes,
    Next, OpenTake, Preflight, Push, ReadRehearsals, ReadTenants, Reset, ResetClock, RestartTake, Role, RunGroup,
    SetAdmission, SetPlan, ShowRequest, Stop, ToAudience, ToPresenter, ToggleCaptions, ToggleClock, ToggleCurtain,
    ToggleFreeze, ToggleGhost, ToggleLoop, TogglePlay, ToggleRecorded, ZoomPane,
};
use greenroom_show::deck::Pane;
use greenroom_show::planner;
use greenroom_show::preflight;
use greenroom_show::rehearsal::{Rehearsal, SlideTime};
use greenroom_show::take::{Edition, Verdict};
use greenroom_show::tenants::{Act, Switch, TenantState};
use greenroom_show::{Curtain, NextAction, Run, Show, StepState};
use std::path::Path;
use std::sync::{Arc, Mutex};
use support::{DEMO, Tools, project, until, write};

async fn open(root: &Path) -> Director {
    director::open(of_talk(root)).await
}

/// Folds pushes as a window does, until `done`.
async fn fold(pushes: &mut (impl Stream<Item = Push> + Unpin), done: impl Fn(&Show) -> bool) -> Show {
    let mut show = Show::default();
    let folding = async {
        while let Some(push) = pushes.next().await {
            match push {
                Push::Presenter(ToPresenter::Snapshot { show: snapshot, .. }) => show = *snapshot,
                Push::Presenter(ToPresenter::Events { events, .. }) => {
                    events.iter().for_each(|stamped| show.apply(stamped.at, &stamped.event))
                }
                Push::Audience(ToAudience { told, .. }) => told.into_iter().for_each(|told| show.hear(told)),
            }
            if done(&show) {
                break;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(120), folding).await.expect("it happens in time");
    show
}

async fn run_all(director: &Director) -> Run {
    for group in ["prepare", "upload", "list", "download", "remove"] {
        run_group(director, group).await;
    }
    director.show().runs["small"].clone()
}

async fn run_group(director: &Director, group: &str) {
    call(director, RunGroup { demo: "small".into(), group: group.into() }).await.expect("it starts");
    until(group, || {
        let show = director.show();
        let run = show.runs.get("small")?;
        assert_ne!(run.group_state(&show.demos["small"], group), StepState::Failed, "{:#?}", run.steps);
        (run.group_state(&show.demos["small"], group) == StepState::Passed && run.running().is_none()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn next_walks_through_the_deck_and_runs_its_demo_a_group_a_click() {
    let root = project(DEMO, Tools::AzCopy);
    let director = open(root.path()).await;
    assert_eq!(director.show().position.slide, 0);
    call(&director, Next {}).await.expect("to the next slide");
    assert_eq!(director.show().position.slide, 1);
    call(&director, Next {}).await.expect("runs the first group");
    assert!(matches!(call(&director, Next {}).await, Ok(()) | Err(CallError::Busy { .. })));
    until("prepare passes", || {
        let show = director.show();
        (show.runs["small"].group_state(&show.demos["small"], "prepare") == StepState::Passed).then_some(())
    })
    .await;
    assert!(director.show().position.reveal >= 1, "the narrative follows");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_window_folds_the_directors_own_show() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    let mut early = Box::pin(director.subscribe(Role::Presenter));
    call(&director, GoTo { slide: 1 }).await.expect("there");
    run_all(&director).await;
    call(&director, ToggleCurtain { curtain: Curtain::Black }).await.expect("drawn");
    call(&director, ToggleFreeze {}).await.expect("frozen");
    let done = |show: &Show| show.frozen.is_some();
    let early = fold(&mut early, done).await;
    let late = fold(&mut Box::pin(director.subscribe(Role::Presenter)), done).await;
    for show in [&early, &late] {
        assert_eq!((show.position, show.curtain, show.frozen), {
            let own = director.show();
            (own.position, own.curtain, own.frozen)
        });
        assert_eq!(show.runs["small"].steps, director.show().runs["small"].steps);
        assert_eq!(show.runs["small"].terminal, director.show().runs["small"].terminal);
        assert!(show.runs["small"].series["photos.bytes_in_per_s"].whole().any(|point| point.value > 0.0));
    }
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_run_is_laid_under_the_charts_step_by_step_and_compared() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    let before = run_all(&director).await;
    let nothing = call(&director, ToggleGhost {}).await.expect_err("its own run alone").to_string();
    assert!(nothing.contains("no other take of 'small' has passed yet"), "{nothing}");
    call(&director, Reset { demo: "small".into() }).await.expect("it may run again");
    call(&director, ToggleGhost {}).await.expect("now it is the run before");
    director.close().await;

    let director = open(root.path()).await;
    let nowhere = call(&director, ToggleGhost {}).await.expect_err("a slide without charts").to_string();
    assert!(nowhere.contains("no charts"), "{nowhere}");
    call(&director, GoTo { slide: 1 }).await.expect("there");
    let unknown = call(&director, LayGhost { id: "nonsense".into() }).await.expect_err("no take");
    assert!(matches!(unknown, CallError::NotFound { .. }));
    let none = call(&director, CompareGhost {}).await.expect_err("nothing to compare").to_string();
    assert!(none.contains("Shift H"), "{none}");
    call(&director, ToggleGhost {}).await.expect("the run before");
    let idle = call(&director, CompareGhost {}).await.expect_err("nothing has run").to_string();
    assert!(idle.contains("has not run yet"), "{idle}");
    run_group(&director, "prepare").await;
    run_group(&director, "upload").await;

    let show = director.show();
    let ghost = show.ghost("small").expect("under the charts");
    let (parts, run) = (ghost.parts(&show.runs["small"]), &show.runs["small"]);
    assert_eq!(ghost.steps.len(), before.steps.len());
    assert!(ghost.series["photos.bytes_in_per_s"].whole().any(|point| point.value > 0.0));
    let began: Vec<_> = run.steps.values().map(|step| step.started).collect();
    assert_eq!(parts.iter().map(|part| part.at).collect::<Vec<_>>(), began);
    let seen = fold(&mut Box::pin(director.subscribe(Role::Audience)), |show| show.ghost.is_some()).await;
    assert_eq!(seen.ghost("small").expect("on their slide, too").parts(run), parts);

    let compared = call(&director, CompareGhost {}).await.expect("compared");
    let unmatched = compared.diff.steps.iter().find(|step| step.a.is_none() || step.b.is_none());
    assert!(unmatched.is_none() && compared.diff.steps.len() == before.steps.len(), "{unmatched:?}");
    let unknown = greenroom_show::diff::Judged::UnknownSpread { runs: 0 };
    assert_eq!(
        compared.diff.steps[1].seconds.expect("both ran").judged,
        unknown,
        "neither of the two is its own noise"
    );
    call(&director, ToggleGhost {}).await.expect("away");
    assert!(director.show().ghost.is_none());
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_replays_to_the_same_run_and_can_be_paused_and_restarted() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    let live = run_all(&director).await;
    director.close().await;

    let director = open(root.path()).await;
    let takes = call(&director, ListTakes {}).await.expect("a list");
    assert_eq!((takes.len(), takes[0].verdict), (1, Verdict::Passed));
    call(&director, OpenTake { id: takes[0].id.clone() }).await.expect("it opens");
    assert_eq!(director.show().position.slide, 1, "on the slide that cues its demo");
    call(&director, TogglePlay {}).await.expect("it pauses");
    let recorded = || director.show().recorded.expect("a take on stage");
    until("it rests", || (!recorded().head.plays()).then_some(())).await;
    call(&director, TogglePlay {}).await.expect("it plays on");
    until("its end", || recorded().ended.then_some(())).await;
    let replayed = recorded().run;
    let drawn = recorded().demo.expect("a take brings what draws it");
    assert_eq!((drawn.hash, takes[0].edition), (director.show().demos["small"].hash.clone(), Edition::Todays));
    assert_eq!(replayed.terminal, live.terminal, "same fold, same screen");
    assert_eq!(replayed.figures, live.figures);
    let outcomes = |run: &Run| run.steps.values().map(|step| step.outcome.clone()).collect::<Vec<_>>();
    assert_eq!(outcomes(&replayed), outcomes(&live));
    call(&director, TogglePlay {}).await.expect("from the start again");
    until("it starts again", || (!recorded().ended).then_some(())).await;
    call(&director, ToggleRecorded {}).await.expect("back to live");
    assert!(director.show().recorded.is_none());
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_talk_is_a_take_that_is_drawn_in_place_of_the_live_one() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    call(&director, ToggleClock {}).await.expect("the talk begins");
    call(&director, GoTo { slide: 1 }).await.expect("there");
    call(&director, RunGroup { demo: "small".into(), group: "prepare".into() }).await.expect("it starts");
    let passed = |show: &Show| show.runs["small"].group_state(&show.demos["small"], "prepare") == StepState::Passed;
    until("the steps pass", || passed(&director.show()).then_some(())).await;
    // Longer than a batch of a replay: whoever watches that sees the steps before the curtain.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    call(&director, ToggleCurtain { curtain: Curtain::Black }).await.expect("drawn");
    call(&director, ResetClock {}).await.expect("the talk ends");
    let talk = director.show();
    director.close().await;

    let director = open(root.path()).await;
    let takes = call(&director, ListTakes {}).await.expect("a list");
    let take = takes.iter().find(|take| take.is_of_talk()).expect("the talk's take");
    let mut audience = Box::pin(director.subscribe(Role::Audience));
    call(&director, OpenTake { id: take.id.clone() }).await.expect("it opens");
    assert!(call(&director, Next {}).await.expect_err("live only").to_string().contains("V goes back to live"));
    let ended = |show: &Show| show.talk.as_ref().is_some_and(|talk| talk.ended);
    let seen = fold(&mut audience, |show| show.curtain == Curtain::Black).await;
    assert_eq!(seen.position.slide, talk.position.slide);
    until("its end", || ended(&director.show()).then_some(())).await;
    let replayed = director.show();
    assert_eq!((replayed.position, replayed.curtain), (talk.position, talk.curtain));
    assert!(passed(&replayed) && !replayed.clock.runs());
    assert_eq!(replayed.runs["small"].terminal, talk.runs["small"].terminal, "same fold, same screen");
    // What came with the curtain fell behind it.
    let screen = seen.run("small").expect("a run").terminal.text();
    assert!(screen.starts_with("$ tenant create photos"), "{screen}");
    let narrative = serde_json::to_string(&seen).expect("plain values").contains("Only the speaker hears this");
    assert!(!narrative, "the audience of a recorded talk does not hear its notes");

    call(&director, RestartTake {}).await.expect("from the start");
    until("it starts again", || (!ended(&director.show())).then_some(())).await;
    call(&director, ToggleRecorded {}).await.expect("back to live");
    let live = director.show();
    assert_eq!((live.position.slide, live.curtain), (0, Curtain::Open), "as it was before");
    assert!(live.talk.is_none() && live.runs.values().all(|run| run.steps.is_empty()));
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_recording_showed_stays_shown_and_the_talks_take_shows_it_too() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    let live = run_all(&director).await;
    director.close().await;

    let director = open(root.path()).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    // Before the clock: the talk's take begins with it all the same.
    run_group(&director, "prepare").await;
    call(&director, ToggleClock {}).await.expect("the talk begins");
    call(&director, ToggleRecorded {}).await.expect("the recorded run");
    call(&director, GoTo { slide: 0 }).await.expect("away, at once");
    until("all of it stays", || director.show().shown.get("small").map(|_| ())).await;
    let show = director.show();
    assert!(show.recorded.is_none());
    assert_eq!(show.run("small").expect("a run").figures, live.figures, "what was left early is shown whole");
    call(&director, GoTo { slide: 1 }).await.expect("back");
    assert!(
        matches!(director.show().next_action(), NextAction::Slide(_) | NextAction::End),
        "its groups have been shown"
    );
    call(&director, ResetClock {}).await.expect("the talk ends");
    call(&director, ToggleRecorded {}).await.expect("back to live");
    assert!(director.show().shown.is_empty());
    assert_eq!(director.show().run("small").expect("a run").steps.len(), 2, "the live one");
    director.close().await;

    let director = open(root.path()).await;
    let takes = call(&director, ListTakes {}).await.expect("a list");
    let take = takes.iter().find(|take| take.is_of_talk()).expect("the talk's take");
    call(&director, OpenTake { id: take.id.clone() }).await.expect("it opens");
    let ended = |show: &Show| show.talk.as_ref().is_some_and(|talk| talk.ended);
    until("its end", || ended(&director.show()).then_some(())).await;
    let replayed = director.show();
    assert_eq!(replayed.runs["small"].steps.len(), 2, "what ran before the clock did");
    assert_eq!(replayed.run("small").expect("a run").figures, live.figures, "and what was shown in its place");
    assert_eq!(replayed.shown["small"].take.demo, "small");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demos_take_holds_its_run_and_no_word_of_the_speakers() {
    let hint = "--container inbox --if-fails 'only the speaker reads this'";
    let demo = DEMO.replacen("--container inbox", hint, 1);
    let root = project(&demo, Tools::Absent);
    let director = open(root.path()).await;
    call(&director, ToggleCaptions {}).await.expect("captions");
    call(&director, GoTo { slide: 1 }).await.expect("there");
    call(&director, RunGroup { demo: "small".into(), group: "prepare".into() }).await.expect("it starts");
    call(&director, SetPlan { key: planner::Key::Data, value: Some(7.0) }).await.expect("set");
    call(&director, ToggleCurtain { curtain: Curtain::Black }).await.expect("drawn");
    let passed = |show: &Show| show.runs["small"].group_state(&show.demos["small"], "prepare") == StepState::Passed;
    until("the steps pass", || passed(&director.show()).then_some(())).await;
    let take = director.last_take().expect("a take");
    director.close().await;
    let text = std::fs::read_to_string(root.path().join(format!("takes/{take}.take.ndjson"))).expect("there");
    for line in text.lines().skip(1) {
        let channel = line.split('"').nth(1).expect("a channel");
        let kept = ["opened", "begun", "step-started", "step-ended", "o", "sample", "figure", "tool"];
        assert!(kept.contains(&channel), "{line}");
    }
    for word in ["Only the speaker hears this", "only the speaker reads", "exports/"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_of_an_earlier_edition_says_so_and_brings_its_own_steps() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    run_all(&director).await;
    director.close().await;

    let edited = DEMO.replace("--files 40", "--files 41").replace("photos.blobs == 42", "photos.blobs == 43");
    write(&root.path().join("demos/small/demo.md"), &edited);
    let director = open(root.path()).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    call(&director, ToggleRecorded {}).await.expect("the recorded run, for want of another");
    let recorded = || director.show().recorded.and_then(|recorded| Some((recorded.take.edition, recorded.demo?)));
    let (edition, drawn) = until("it plays", recorded).await;
    assert_eq!(edition, Edition::Earlier);
    let words = |show: &Show| {
        show.demo("small").expect("a demo").steps.iter().map(|step| step.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(words(&director.show()), drawn.steps.iter().map(|step| step.text.clone()).collect::<Vec<_>>());
    assert!(words(&director.show()).concat().contains("--files 40"), "as it was recorded");
    call(&director, ToggleRecorded {}).await.expect("back to live");
    assert!(words(&director.show()).concat().contains("--files 41"), "as it is now");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_takes_away_what_the_demo_made_and_it_runs_again() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    run_all(&director).await;
    call(&director, Reset { demo: "small".into() }).await.expect("clean");
    assert_eq!(director.show().runs["small"].steps.len(), 0);
    run_all(&director).await;
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_fails_before_its_elders_ran_says_which() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    call(&director, RunGroup { demo: "small".into(), group: "list".into() }).await.expect("it starts");
    let why = until("it fails", || {
        let show = director.show();
        let outcome = show.runs.get("small")?.steps.values().find_map(|step| step.outcome.clone())?;
        Some(format!("{outcome:?}"))
    })
    .await;
    assert!(why.contains("'prepare', 'upload' come before this"), "{why}");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_cancels_the_step_that_runs() {
    let root = project("---\ntitle: Slow\n---\n```steps hang\nwait a.b == 1 within 10m\n```\n", Tools::Absent);
    let director = open(root.path()).await;
    call(&director, RunGroup { demo: "small".into(), group: "hang".into() }).await.expect("it starts");
    let busy = call(&director, RunGroup { demo: "small".into(), group: "hang".into() }).await;
    assert!(matches!(busy, Err(CallError::Busy { .. })), "{busy:?}");
    call(&director, Stop {}).await.expect("asked");
    until("it is cancelled", || (director.show().runs["small"].state(0) == StepState::Cancelled).then_some(())).await;
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audience_listens_and_never_hears_the_narrative() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    let refused = director.call(Role::Audience, ShowRequest::Next(Next {})).await;
    assert_eq!(refused, Err(CallError::NotAllowed));
    let mut pushes = Box::pin(director.subscribe(Role::Audience));
    let snapshot = pushes.next().await.expect("a snapshot");
    let received = serde_json::to_string(&snapshot).expect("plain values");
    assert!(received.contains("\"One\"") && !received.contains("Only the speaker"), "{received}");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_set_kept_and_exported() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    call(&director, SetPlan { key: planner::Key::Data, value: Some(2_000.0) }).await.expect("set");
    let folder = call(&director, ExportPlan {}).await.expect("exported");
    let table = std::fs::read_to_string(Path::new(&folder).join("plan.csv")).expect("the table");
    assert!(table.contains("\"Data today\",2000,TB,set\n"), "{table}");
    for picture in ["capacity.svg", "cost.svg"] {
        let picture = std::fs::read_to_string(Path::new(&folder).join(picture)).expect("a picture");
        assert!(picture.starts_with("<svg") && picture.contains("all on flash"));
    }
    director.close().await;
    let director = open(root.path()).await;
    let show = director.show();
    assert_eq!(show.plan().inputs[planner::Key::Data as usize].origin, planner::Origin::Set, "kept");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_judges_the_talk_on_stage() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    let board = call(&director, Preflight {}).await.expect("a board");
    let line = |id: &str| board.iter().find(|check| check.id == id);
    assert_eq!(line("files").map(|check| check.verdict), Some(preflight::Verdict::Go), "{board:?}");
    assert!(board.iter().any(|check| check.found.contains("azcopy") && !check.todo.is_empty()), "{board:?}");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_section_loops_from_its_start_until_the_talk_goes_on() {
    let root = project(DEMO, Tools::Absent);
    let deck = "---\ntitle: A\nsection: One\nminutes: 2\n---\n# A\n\n---\nsection: Two\nminutes: 3\n---\n# B\n\n---\n# C\n\n---\nsection: Three\nminutes: 1\n---\n# D\n";
    write(&root.path().join("slides/talk/deck.md"), deck);
    let director = open(root.path()).await;
    call(&director, GoTo { slide: 2 }).await.expect("there");
    let mut seen = Vec::new();
    call(&director, ToggleLoop {}).await.expect("it loops");
    assert!(director.show().clock.runs() && director.show().clock.elapsed(0) >= 120_000_000, "as planned there");
    for _ in 0..4 {
        seen.push(director.show().position.slide);
        call(&director, Next {}).await.expect("on");
    }
    assert_eq!(seen, [1, 2, 1, 2]);
    call(&director, ToggleLoop {}).await.expect("it goes on");
    call(&director, Next {}).await.expect("on");
    call(&director, Next {}).await.expect("on");
    assert_eq!(director.show().position.slide, 3);
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn panes_fill_the_stage_one_after_the_other_on_their_slide_alone() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    assert!(matches!(call(&director, ZoomPane {}).await, Err(CallError::Failed { .. })), "no pane on this slide");
    call(&director, GoTo { slide: 1 }).await.expect("there");
    let mut seen = Vec::new();
    for _ in 0..4 {
        call(&director, ZoomPane {}).await.expect("the next");
        seen.push(director.show().zoomed);
    }
    assert_eq!(seen, [Some(Pane::Charts), Some(Pane::Terminal), None, Some(Pane::Charts)]);
    call(&director, GoTo { slide: 0 }).await.expect("away");
    assert_eq!(director.show().zoomed, None);
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_watched_and_changed() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    run_all(&director).await;
    let photos = async || {
        let read = call(&director, ReadTenants {}).await.expect("a stack");
        read.tenants.into_iter().find(|tenant| tenant.name == "photos").expect("the demo made it")
    };
    assert_eq!((photos().await.state, photos().await.bytes_max), (TenantState::Active, None));
    let act = async |act| call(&director, ActOnTenant { tenant: "photos".into(), act }).await;
    act(Act::Quota { bytes: 5 << 20 }).await.expect("a quota");
    act(Act::Weight { weight: 400 }).await.expect("a weight");
    assert_eq!(photos().await.weight, 400);
    act(Act::Suspend).await.expect("suspended");
    assert_eq!((photos().await.state, photos().await.bytes_max), (TenantState::Suspended, Some(5 << 20)));
    act(Act::Resume).await.expect("resumed");
    assert_eq!(photos().await.state, TenantState::Active);
    call(&director, SetAdmission { switch: Switch::Off }).await.expect("off");
    assert_eq!(call(&director, ReadTenants {}).await.expect("a stack").admission.switch, Switch::Off);
    let nowhere = act(Act::HandOver).await;
    assert!(matches!(&nowhere, Err(CallError::Failed { detail }) if detail.contains("hand-over")), "{nowhere:?}");
    let unknown = call(&director, ActOnTenant { tenant: "nobody".into(), act: Act::Suspend }).await;
    assert!(matches!(unknown, Err(CallError::Failed { .. })), "{unknown:?}");
    director.close().await;
}

const HANDED_OVER: &str = "---
title: Small
---
```steps come
tenant create photos --container inbox
tenant hand-over photos --for 10m
```

```steps go
tenant off-board photos
expect photos.blobs == 0
```
";

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_line_is_on_the_clipboard_alone_and_works_until_it_has_gone() {
    let root = project(HANDED_OVER, Tools::Absent);
    let desktop = Arc::new(Mutex::new(String::new()));
    let put = desktop.clone();
    let clipboard = Clipboard::new(move |line| {
        line.clone_into(&mut put.lock().expect("no panic"));
        Ok(())
    });
    let director = director::open(Options { clipboard: Some(clipboard), ..of_talk(root.path()) }).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    run_group(&director, "come").await;
    let pasted = desktop.lock().expect("no panic").clone();
    let url = pasted.split('\'').nth(3).expect("the container's address").to_owned();
    let (address, signed) = url.split_once('?').expect("a signature");
    let put = |name: &str| {
        let request =
            greenroom_director::http::client().build().expect("a client").put(format!("{address}/{name}?{signed}"));
        request.header("x-ms-blob-type", "BlockBlob").body("x").send()
    };
    assert_eq!(put("a").await.expect("an answer").status(), 201);
    call(&director, ActOnTenant { tenant: "photos".into(), act: Act::HandOver }).await.expect("again, by the page");
    assert_ne!(*desktop.lock().expect("no panic"), pasted, "for an hour now");
    run_group(&director, "go").await;
    assert_eq!(put("b").await.expect("an answer").status(), 403);

    let shown = director.show().runs["small"].terminal.text().replace('\n', "");
    assert!(shown.contains("photos/inbox?sig=•••'"), "{shown}");
    let show = serde_json::to_string(&director.show()).expect("plain values");
    director.close().await;
    let takes = std::fs::read_dir(root.path().join("takes")).expect("takes").map(|take| take.expect("a take").path());
    let takes = takes.map(|take| std::fs::read_to_string(take).expect("a take")).collect::<String>();
    let signature = signed.split('&').find_map(|pair| pair.strip_prefix("sig=")).expect("a signature");
    assert!(takes.contains("hand-over") && ![takes, show].concat().contains(signature), "no secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn past_runs_are_summed_up_deleted_and_written_out() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    call(&director, GoTo { slide: 1 }).await.expect("there");
    run_all(&director).await;
    director.close().await;
    let run = Rehearsal {
        deck: "talk".into(),
        at_unix_ms: 1_000,
        slides: vec![SlideTime {
            title: "One".into(),
            section: "A".into(),
            planned_seconds: 9.0,
            seconds: 8.0,
            words: 0,
        }],
        ..Rehearsal::default()
    };
    rehearsals::save(&Places::within(root.path()), &run).expect("kept");

    let director = open(root.path()).await;
    let report = call(&director, ReadRehearsals {}).await.expect("a report");
    assert_eq!(report.runs.iter().map(|run| run.seconds).collect::<Vec<_>>(), [8.0]);
    assert!(!report.steps.is_empty() && report.steps.iter().all(|step| step.runs == 1), "{:?}", report.steps);
    assert!(report.readiness.iter().any(|check| check.id == "rehearsed" && !check.todo.is_empty()));
    let file = call(&director, ExportRehearsals {}).await.expect("a table");
    assert!(std::fs::read_to_string(file).expect("there").contains("\"A\",\"One\",9.0,8.0"));
    let id = report.runs[0].id.clone();
    call(&director, DeleteRehearsal { id: id.clone() }).await.expect("gone");
    assert!(matches!(call(&director, DeleteRehearsal { id }).await, Err(CallError::Failed { .. })), "gone before");
    assert_eq!(call(&director, ReadRehearsals {}).await.expect("a report").runs, []);
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_are_errors_that_help() {
    let root = project(DEMO, Tools::Absent);
    let director = open(root.path()).await;
    let group = call(&director, RunGroup { demo: "small".into(), group: "uplaod".into() }).await;
    assert!(group.expect_err("unknown").to_string().contains("did you mean 'upload'?"));
    assert!(matches!(call(&director, GoTo { slide: 9 }).await, Err(CallError::NotFound { .. })));
    assert!(call(&director, ToggleRecorded {}).await.is_err(), "nothing is recorded yet");
    director.close().await;
}
