//! Steps end when their tools do, and when they are told to; what they leave is taken away; and one thing is done at a time.

#[path = "support/director.rs"]
mod director;
#[path = "support/process.rs"]
mod process;
#[expect(dead_code, reason = "what the other tests share, not all of which is needed here")]
mod support;

use director::{call, of_talk};
use futures::{Stream, StreamExt};
use greenroom_director::{Director, Options, Places, Trust, What};
use greenroom_show::call::{
    ActOnMirror, CallError, GoTo, Push, ReadMirrors, Reset, Role, RunGroup, ShowRequest, Stop, ToPresenter, TrustSteps,
};
use greenroom_show::mirrors::{MirrorAct, MirrorLine, MirrorState, Mirrors, Objective};
use greenroom_show::version::Version;
use greenroom_show::{Event, Outcome, StepState};
use process::is_alive;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use support::{Tools, project, stack, until, write};

/// What a stop is promised within.
const STOP: Duration = Duration::from_secs(2);

/// Opens a show without waiting for its stack.
async fn open(root: &Path, what: What, trust: Trust) -> Director {
    Director::open(Options { what, trust, ..of_talk(root) }).await.expect("a good deck")
}

async fn open_demo(root: &Path) -> Director {
    director::open(Options { what: What::Demo("small".into()), ..of_talk(root) }).await
}

fn group(name: &str) -> RunGroup {
    RunGroup { demo: "small".into(), group: name.into() }
}

fn reset() -> Reset {
    Reset { demo: "small".into() }
}

/// Runs the only step of a group; what it came to, and after how long.
async fn run(director: &Director, name: &str) -> (Outcome, Duration) {
    let began = Instant::now();
    call(director, group(name)).await.expect("it starts");
    (ended(director, name).await, began.elapsed())
}

async fn ended(director: &Director, name: &str) -> Outcome {
    until(name, || {
        let show = director.show();
        let step = show.demos["small"].group(name)?.steps.start;
        show.runs.get("small")?.steps.get(&step)?.outcome.clone()
    })
    .await
}

async fn pids(file: &Path) -> Vec<String> {
    let text =
        until("its process ids", || std::fs::read_to_string(file).ok().filter(|text| text.ends_with('\n'))).await;
    text.split_whitespace().map(String::from).collect()
}

fn demo(head: &str, steps: &[(&str, &str)]) -> String {
    let steps = steps.iter().map(|(name, step)| format!("```steps {name}\n{step}\n```\n\n"));
    format!("---\ntitle: Small\ntools: [sh]\n{head}---\n{}", steps.collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_ends_with_its_tool_and_what_it_leaves_ends_with_the_reset_or_the_show() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let leaves = |name: &str| {
        let file = file(name).display().to_string();
        format!(
            "run sh -c 'setsid sleep 120 & echo $! > {file}; nohup sleep 120 & echo $! >> {file}; sleep 0.3; echo up'"
        )
    };
    let (first, second) = (leaves("first"), leaves("second"));
    let root = project(&demo("", &[("first", &first), ("second", &second)]), Tools::Absent);
    let director = open_demo(root.path()).await;
    let (outcome, took) = run(&director, "first").await;
    assert!(matches!(outcome, Outcome::Passed { .. }) && took < STOP, "{outcome:?} after {took:?}");
    let left = pids(&file("first")).await;
    assert_eq!(left.iter().filter(|pid| is_alive(pid)).count(), 2, "on purpose in the background");
    call(&director, reset()).await.expect("clean");
    assert_eq!(left.iter().filter(|pid| is_alive(pid)).count(), 0);
    run(&director, "second").await;
    let left = pids(&file("second")).await;
    assert_eq!(left.iter().filter(|pid| is_alive(pid)).count(), 2);
    director.close().await;
    assert_eq!(left.iter().filter(|pid| is_alive(pid)).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_deadline_reset_and_close_end_a_step_that_resists() {
    let folder = tempfile::tempdir().expect("a folder");
    let resists = |name: &str| {
        let file = folder.path().join(name).display().to_string();
        format!(
            "run sh -c 'trap \"\" TERM HUP INT; exec >/dev/null 2>&1; setsid sleep 600 & echo $$ $! > {file}; while :; do sleep 1; done'"
        )
    };
    let steps = [
        ("stop", resists("stop")),
        ("late", format!("{} --timeout 1s", resists("late"))),
        ("reset", resists("reset")),
        ("close", resists("close")),
    ];
    let steps = steps.each_ref().map(|(name, step)| (*name, step.as_str()));
    let root = project(&demo("", &steps), Tools::Absent);
    let director = open_demo(root.path()).await;
    let gone = |left: &[String]| left.iter().all(|pid| !is_alive(pid));

    call(&director, group("stop")).await.expect("it starts");
    let left = pids(&folder.path().join("stop")).await;
    let asked = Instant::now();
    call(&director, Stop {}).await.expect("asked");
    assert_eq!(ended(&director, "stop").await, Outcome::Cancelled);
    assert!(asked.elapsed() < STOP && gone(&left), "stopped after {:?}", asked.elapsed());

    let (outcome, took) = run(&director, "late").await;
    assert!(matches!(&outcome, Outcome::TimedOut { why } if why.starts_with("sh was stopped")), "{outcome:?}");
    assert!(took < Duration::from_secs(1) + STOP && gone(&pids(&folder.path().join("late")).await), "after {took:?}");

    call(&director, group("reset")).await.expect("it starts");
    let left = pids(&folder.path().join("reset")).await;
    call(&director, reset()).await.expect("clean");
    assert!(gone(&left));

    call(&director, group("close")).await.expect("it starts");
    let left = pids(&folder.path().join("close")).await;
    director.close().await;
    assert!(gone(&left));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_out_says_what_it_last_knew() {
    let steps = [
        ("early", "wait photos.blobs == 1 within 1s"),
        ("ask", "run sh -c 'echo Password:; read x' --timeout 1s"),
        ("make", "tenant create photos --container inbox"),
    ];
    let root = project(&demo("", &steps), Tools::Absent);
    let director = open_demo(root.path()).await;
    run(&director, "make").await;
    let (outcome, _) = run(&director, "early").await;
    assert!(matches!(&outcome, Outcome::TimedOut { why } if why == "0, wanted 1"), "{outcome:?}");
    let (outcome, _) = run(&director, "ask").await;
    let Outcome::TimedOut { why } = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("seems to wait for somebody to type") && why.ends_with("Password:"), "{why}");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_demo_is_reset_nothing_else_begins_and_two_resets_are_one() {
    let root = project(&demo("profile: fresh\n", &[("hang", "wait flash.used_bytes == 1 within 10m")]), Tools::Absent);
    let director = open_demo(root.path()).await;
    call(&director, group("hang")).await.expect("it starts");
    let mut events = Box::pin(director.subscribe(Role::Presenter));
    events.next().await.expect("a snapshot, and what follows");
    let pressed = async {
        // Both have been asked for.
        tokio::time::sleep(Duration::from_millis(50)).await;
        call(&director, group("hang")).await
    };
    let (one, two, pressed) = tokio::join!(call(&director, reset()), call(&director, reset()), pressed);
    assert_eq!((one, two), (Ok(()), Ok(())));
    let refused = pressed.expect_err("a demo is being reset").to_string();
    assert_eq!(refused, "the demo 'small' is being reset: wait until it is");
    assert_eq!(director.show().runs["small"].state(0), StepState::Pending);
    let begun = count(&mut events, |event| matches!(event, Event::Begun { .. })).await;
    assert_eq!(begun, 1, "reset once");
    call(&director, group("hang")).await.expect("free again");
    director.close().await;
}

/// Of the events that have happened.
async fn count(pushes: &mut (impl Stream<Item = Push> + Unpin), is_counted: impl Fn(&Event) -> bool) -> usize {
    let mut count = 0;
    while let Ok(Some(push)) = tokio::time::timeout(Duration::from_secs(1), pushes.next()).await {
        if let Push::Presenter(ToPresenter::Events { events, .. }) = push {
            count += events.iter().filter(|stamped| is_counted(&stamped.event)).count();
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_opens_before_tools_have_told_their_versions() {
    let tools = "tools: [{ name: quick, version: --version }, { name: slow, version: --version }, mute]";
    let root = project(&demo("", &[("go", "run quick")]).replace("tools: [sh]", tools), Tools::Absent);
    for (name, script) in
        [("quick", "echo quick 1.0"), ("slow", "sleep 60"), ("mute", "touch ../../../ran; echo mute 3")]
    {
        let path = root.path().join(format!(".tools/{name}/{name}"));
        write(&path, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("executable");
    }
    let began = Instant::now();
    let director = open(root.path(), What::Demo("small".into()), Trust::Given).await;
    call(&director, GoTo { slide: 0 }).await.expect("there");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    until("its version", || {
        let show = director.show();
        (show.runs.get("small")?.tools.get("quick")? == "quick 1.0").then_some(())
    })
    .await;
    let tools = director.show().runs["small"].tools.clone();
    assert_eq!(tools.get("slow"), None, "it has not answered");
    assert_eq!(tools["mute"], "of unknown version", "nobody says how it is asked");
    let asked = Instant::now();
    director.close().await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_is_for_what_is_on_stage() {
    let (root, home) =
        (project(&demo("", &[("go", "run true")]), Tools::Absent), tempfile::tempdir().expect("a folder"));
    write(&root.path().join("demos/secret/demo.md"), &demo("", &[("go", "run true")]));
    let deck = "---\ntitle: A talk\naudience: internal\n---\n# One\n\n---\naudience: public\ndemo: small\n---\n# Two\n\n---\ndemo: secret\n---\n# Three\n";
    write(&root.path().join("slides/talk/deck.md"), deck);
    let trust = || Trust::Listed(home.path().join("trusted"));
    let public = Version { level: Some(greenroom_show::deck::Level::Public), ..Version::default() };
    let opened = |version: Version| {
        let options = Options {
            places: Places::within(root.path()),
            what: What::Deck("talk".into()),
            version,
            trust: trust(),
            stack: Some(stack()),
            clipboard: None,
        };
        async { Director::open(options).await.expect("a good deck") }
    };
    let director = opened(public).await;
    assert_eq!(director.show().held, ["small".to_string()].into());
    call(&director, TrustSteps {}).await.expect("yes");
    assert!(director.show().held.is_empty());
    director.close().await;
    let director = opened(Version::default()).await;
    assert_eq!(director.show().held, ["secret".to_string()].into(), "it was not on stage");
    director.close().await;
}

/// What lies on the second node, whose account is named `cloud`, is shown on the demo's stack, by a key that no step names.
#[tokio::test(flavor = "multi_thread")]
async fn steps_attach_a_mirror_to_the_second_node_and_ask_it_for_more() {
    let steps = [
        ("origin", "tenant create cloud --container raw"),
        ("feed", "feed cloud --segment 1s"),
        ("here", "tenant create shown"),
        ("attach", "mirror attach shown lake --origin {blob:cloud/raw} --container lake --poll 250ms --objective 10s"),
        ("follows", "wait shown.mirror_blobs == 0"),
        ("pause", "mirror pause shown lake"),
        ("resume", "mirror resume shown lake"),
        ("relist", "mirror relist shown lake"),
        ("sink", "sink cloud watcher"),
        ("detach", "mirror detach shown lake"),
        ("again", "mirror relist shown lake"),
        ("off", "feed cloud off"),
        ("elsewhere", "feed raw"),
    ];
    let root = project(&demo("profile: offload\n", &steps), Tools::Absent);
    let director = open_demo(root.path()).await;
    for (name, step) in steps {
        let (outcome, _) = run(&director, name).await;
        match name {
            "again" => {
                assert!(matches!(&outcome, Outcome::Failed { why } if why.contains("No such mirror")), "{outcome:?}")
            }
            "elsewhere" => assert!(matches!(outcome, Outcome::Failed { .. }), "there is no such account: {outcome:?}"),
            _ => assert!(matches!(outcome, Outcome::Passed { .. }), "{step}: {outcome:?}"),
        }
    }
    director.close().await;
}

/// What the presenter's page says of a mirror, and does to it.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_mirrors_says_how_one_stands_and_pauses_lists_and_ends_it() {
    let steps = [
        ("origin", "tenant create cloud --container raw"),
        ("feed", "feed cloud --segment 1s"),
        ("here", "tenant create shown"),
        ("attach", "mirror attach shown lake --origin {blob:cloud/raw} --container lake --poll 250ms --objective 1h"),
        (
            "change",
            "load change --tenant cloud --container raw --put 1 --size 4KiB --rate 20/s --for 2s --keys 8 --seed 1",
        ),
    ];
    let root = project(&demo("profile: offload\n", &steps), Tools::Absent);
    let director = open_demo(root.path()).await;
    let read = async || call(&director, ReadMirrors {}).await.expect("a stack");
    let act = async |act| call(&director, ActOnMirror { account: "shown".into(), mirror: "lake".into(), act }).await;
    let until = async |what: &str, is_so: fn(&MirrorLine) -> bool| {
        let poll = async {
            loop {
                if let Some(line) = read().await.mirrors.into_iter().find(is_so) {
                    return line;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), poll).await.unwrap_or_else(|_| panic!("waited too long: {what}"))
    };
    for (name, step) in steps {
        if name == "attach" {
            assert_eq!(read().await, Mirrors::default(), "nothing is mirrored yet");
        }
        let (outcome, _) = run(&director, name).await;
        assert!(matches!(outcome, Outcome::Passed { .. }), "{step}: {outcome:?}");
    }

    let line = until("changes, followed", |line| line.state == MirrorState::Following && line.lag.events > 0).await;
    assert_eq!((line.id().as_str(), line.containers.as_slice()), ("shown/lake", &["lake".to_string()][..]));
    assert!(line.origin.starts_with("http://127.0.0.1:") && line.origin.ends_with("/cloud/raw"), "{}", line.origin);
    assert_eq!(line.complete.expect("it was listed").objective, Objective::Met);
    assert_eq!(line.lag.buckets.iter().map(|bucket| bucket.events).sum::<u64>(), line.lag.events);
    assert!(line.blobs > 0 && line.counts.rounds > 0 && line.counts.feed_reads > 0, "{line:?}");

    let listed = line.counts.rounds;
    assert_eq!(act(MirrorAct::Relist).await, Ok("lake lists its origin again".into()));
    let relisted = async { while read().await.mirrors[0].counts.rounds <= listed {} };
    tokio::time::timeout(Duration::from_secs(60), relisted).await.expect("once more");
    act(MirrorAct::Pause).await.expect("paused");
    let paused = until("a pause", |line| line.state == MirrorState::Paused).await;
    assert!(paused.blobs > 0, "what it shows is shown");
    act(MirrorAct::Resume).await.expect("resumed");
    until("it follows again", |line| line.state == MirrorState::Following).await;

    let listens = director.call(Role::Audience, ShowRequest::ReadMirrors(ReadMirrors {})).await;
    assert_eq!(listens, Err(CallError::NotAllowed), "it may only listen");
    let unknown = call(&director, ActOnMirror { account: "shown".into(), mirror: "Sea".into(), act: MirrorAct::Pause });
    assert!(matches!(unknown.await, Err(CallError::NotFound { .. })));
    act(MirrorAct::Remove).await.expect("detached");
    assert_eq!(read().await, Mirrors::default());
    let gone = act(MirrorAct::Pause).await;
    assert!(matches!(&gone, Err(CallError::Failed { detail }) if detail.contains("No such mirror")), "{gone:?}");
    director.close().await;
}

/// Whether the steps of a demo pass, one after the other.
async fn all_pass(head: &str, steps: &[(&str, &str)]) {
    let root = project(&demo(head, steps), Tools::Absent);
    let director = open_demo(root.path()).await;
    for (name, step) in steps {
        let (outcome, _) = run(&director, name).await;
        assert!(matches!(outcome, Outcome::Passed { .. }), "{step}: {outcome:?}");
    }
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_killed_goes_on_where_it_had_come_to() {
    let steps = [
        ("here", "tenant create gold --container raw"),
        ("begin", "consumer start gold ledger"),
        (
            "change",
            "load some --tenant gold --container raw --put 1 --delete 1 --size 1KiB --keys 20 --rate 200/s --for 1s",
        ),
        ("told", "wait ledger.events == gold.events within 10s"),
        ("kill", "consumer kill ledger"),
        ("more", "load more --tenant gold --container raw --put 1 --size 1KiB --keys 20 --rate 200/s --for 1s"),
        ("waits", "expect gold.events_waiting > 0"),
        ("misses", "expect ledger.events < gold.events"),
        ("again", "consumer start gold ledger"),
        ("all", "wait ledger.events == gold.events within 10s"),
        ("none", "wait gold.events_waiting == 0 within 10s"),
    ];
    all_pass("profile: fresh\n", &steps).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_to_the_origin_is_cut_while_others_go_on_there() {
    let put = |name: &str| {
        format!("load {name} --tenant cloud --container raw --get 1 --size 1KiB --keys 30 --rate 5/s --for 1s")
    };
    let (first, more) = (put("first"), put("more").replace("--keys 30", "--keys 50"));
    let steps = [
        ("origin", "tenant create cloud --container raw"),
        ("feed", "feed cloud --segment 1s"),
        ("first", first.as_str()),
        ("here", "tenant create shown"),
        ("attach", "mirror attach shown lake --origin {blob:cloud/raw} --poll 250ms"),
        ("shown", "wait shown.mirror_blobs == 30 within 20s"),
        ("took", "expect shown.waited_seconds < 20"),
        ("cut", "fault origin offline"),
        ("state", "wait origin.state == 0 within 5s"),
        ("more", more.as_str()),
        ("there", "wait origin.blobs >= 50 within 10s"),
        ("not-here", "expect shown.mirror_blobs == 30"),
        ("mended", "fault origin none"),
        ("again", "wait shown.mirror_blobs == 50 within 60s"),
    ];
    all_pass("profile: offload\n", &steps).await;
}
