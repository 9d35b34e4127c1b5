//! A talk that is edited while it is on stage, shown in another version, or taken up after a crash.

#[path = "support/director.rs"]
mod director;
mod support;

use director::{call, of_talk};
use greenroom_director::{Director, Options, Places, Trust, What};
use greenroom_show::audience::Seen;
use greenroom_show::call::{CallError, GoTo, Next, RunGroup, RunStep, SetVersion, ToggleClock, TrustSteps};
use greenroom_show::deck::{Block, Inline, Level};
use greenroom_show::version::Version;
use greenroom_show::{Show, StepState};
use std::path::Path;
use support::{DEMO, Tools, project, stack, until, write};

const TALK: &str = "---
title: A talk
audience: partner
cuts: [5]
section: All
minutes: 10
priority: 1
---
# One

---
priority: 3
---
# Two

<!-- For all. [internal] is no mark here.

[internal] Only for us. -->

---
audience: internal
---
# Secret

---
demo: small
---
# Four
";

fn talk() -> tempfile::TempDir {
    let root = project(DEMO, Tools::Absent);
    write(&root.path().join("slides/talk/deck.md"), TALK);
    root
}

async fn open(root: &Path, version: Version) -> Director {
    open_with(root, version, Trust::Given).await
}

async fn open_with(root: &Path, version: Version, trust: Trust) -> Director {
    director::open(Options { version, trust, ..of_talk(root) }).await
}

fn titles(show: &Show) -> Vec<String> {
    show.deck.iter().flat_map(|deck| &deck.slides).map(|slide| slide.title.clone()).collect()
}

fn said(show: &Show) -> String {
    serde_json::to_string(&show.deck).expect("plain values")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_shows_at_once_and_keeps_slide_clock_and_run() {
    let root = talk();
    let deck = root.path().join("slides/talk/deck.md");
    let director = open(root.path(), Version::default()).await;
    call(&director, ToggleClock {}).await.expect("the clock starts");
    call(&director, GoTo { slide: 2 }).await.expect("a slide");
    call(&director, RunGroup { demo: "small".into(), group: "prepare".into() }).await.expect("it starts");
    let passed = |show: &Show| {
        let run = show.runs.get("small")?;
        (run.group_state(&show.demos["small"], "prepare") == StepState::Passed).then_some(())
    };
    until("the steps pass", || passed(&director.show())).await;

    write(&deck, &TALK.replace("# One\n", "# One\n\n---\n# Between\n"));
    let show =
        until("the new slide", || Some(director.show()).filter(|show| titles(show).contains(&"Between".into()))).await;
    assert_eq!(show.slide().expect("a slide").title, "Four", "the same slide, one further on");
    assert!(show.clock.runs(), "the clock runs on");
    assert_eq!(passed(&show), Some(()), "the run stays");

    // Broken: the last good version stays, and the speaker alone hears why.
    write(&deck, &TALK.replace("priority: 3", "layout: nonsense"));
    let show = until("the fault", || Some(director.show()).filter(|show| !show.faults.is_empty())).await;
    assert!(show.faults[0].starts_with("slides/talk/deck.md:12: "), "{:?}", show.faults);
    assert!(titles(&show).contains(&"Between".into()));
    assert!(!audience(&show).contains("deck.md"));

    write(&deck, TALK);
    let show = until("mended", || Some(director.show()).filter(|show| show.faults.is_empty())).await;
    assert!(!titles(&show).contains(&"Between".into()));

    // Other steps are another demo: its run begins anew.
    write(&root.path().join("demos/small/demo.md"), &DEMO.replace("--files 40", "--files 41"));
    until("the new demo", || passed(&director.show()).is_none().then_some(())).await;
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_wait_for_the_speakers_yes_and_edits_while_the_show_is_open_are_the_speakers_own() {
    let (root, home) = (talk(), tempfile::tempdir().expect("a folder"));
    let trust = || Trust::Listed(home.path().join("trusted"));
    let demo = root.path().join("demos/small/demo.md");
    let director = open_with(root.path(), Version::default(), trust()).await;
    call(&director, GoTo { slide: 2 }).await.expect("a slide");
    let refused = CallError::NotTrusted { demo: "small".into() };
    assert_eq!(call(&director, Next {}).await, Err(refused.clone()));
    let prepare = || RunGroup { demo: "small".into(), group: "prepare".into() };
    assert_eq!(call(&director, prepare()).await, Err(refused.clone()));
    assert_eq!(call(&director, RunStep { demo: "small".into(), step: 0 }).await, Err(refused.clone()));
    assert!(director.show().runs["small"].steps.is_empty());
    assert!(!audience(&director.show()).contains("held"), "the audience never hears of it");

    call(&director, TrustSteps {}).await.expect("yes");
    call(&director, prepare()).await.expect("it starts");
    until("it ends", || director.show().runs["small"].steps.get(&1)?.outcome.clone()).await;
    write(&demo, &DEMO.replace("--files 40", "--files 41"));
    until("the edit", || director.show().runs["small"].steps.is_empty().then_some(())).await;
    call(&director, prepare()).await.expect("still trusted");
    director.close().await;

    let director = open_with(root.path(), Version::default(), trust()).await;
    assert!(director.show().held.is_empty(), "remembered, as it was edited");
    director.close().await;

    // Changed while no show was open: by whom, nobody knows.
    write(&demo, &DEMO.replace("--files 40", "--files 42"));
    let director = open_with(root.path(), Version::default(), trust()).await;
    assert_eq!(call(&director, prepare()).await, Err(refused));
    director.close().await;
}

/// All that the audience's window has.
fn audience(show: &Show) -> String {
    serde_json::to_string(&Seen::of(show)).expect("plain values")
}

/// The ids of the pictures that slides show.
fn pictures(show: &Show) -> Vec<String> {
    let blocks = show.deck.iter().flat_map(|deck| &deck.slides).flat_map(|slide| &slide.body);
    let inlines = blocks.filter_map(|block| if let Block::Paragraph(text) = block { Some(text) } else { None });
    let ids = inlines.flatten().filter_map(|inline| match inline {
        Inline::Picture { id, .. } => Some(id.clone()),
        _ => None,
    });
    ids.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_edited_shows_at_once_and_one_that_goes_stays_on_stage() {
    let root = talk();
    let svg = |fill: &str| format!("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 3' fill='{fill}'/>");
    let plan = root.path().join("slides/talk/plan.svg");
    write(&plan, &svg("red"));
    write(&root.path().join("slides/talk/deck.md"), &TALK.replace("# One\n", "# One\n\n![The plan](plan.svg)\n"));
    let director = open(root.path(), Version::default()).await;
    let first = pictures(&director.show());
    let shown = director.picture(&first[0]).expect("it is on stage");
    assert_eq!((shown.kind.media_type(), &shown.bytes[..]), ("image/svg+xml", svg("red").as_bytes()));

    write(&plan, &svg("blue"));
    let second = until("the new picture", || Some(pictures(&director.show())).filter(|now| *now != first)).await;
    assert_eq!(&director.picture(&second[0]).expect("it is on stage").bytes[..], svg("blue").as_bytes());

    std::fs::remove_file(&plan).expect("removed");
    let show = until("the fault", || Some(director.show()).filter(|show| !show.faults.is_empty())).await;
    assert!(show.faults[0].contains("deck.md:11: there is no picture 'plan.svg'"), "{:?}", show.faults);
    assert!(pictures(&show) == second && director.picture(&second[0]).is_some(), "the last good version stays");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_leaves_out_what_is_above_its_level_or_cut() {
    let root = talk();
    let director = open(root.path(), Version::default()).await;
    assert_eq!(titles(&director.show()), ["One", "Two", "Four"], "the deck's own level");
    assert!(!said(&director.show()).contains("Only for us"));

    let version = Version { level: Some(Level::Internal), cut: None };
    call(&director, SetVersion { version }).await.expect("a version");
    assert_eq!(titles(&director.show()), ["One", "Two", "Secret", "Four"]);
    assert!(said(&director.show()).contains("Only for us"), "the speaker has it");
    assert!(!audience(&director.show()).contains("Only for us"), "the audience never");

    call(&director, GoTo { slide: 3 }).await.expect("a slide");
    let version = Version { level: None, cut: Some(5.0) };
    call(&director, SetVersion { version }).await.expect("a version");
    let show = director.show();
    assert_eq!(titles(&show), ["One", "Four"]);
    assert_eq!(show.slide().expect("a slide").title, "Four", "still there");
    assert!((show.deck.expect("a deck").minutes - 5.0).abs() < 1e-9);

    let refused = call(&director, SetVersion { version: Version { level: None, cut: Some(7.0) } }).await;
    assert!(refused.expect_err("no such cut").to_string().contains("no version of 7 minutes (shorter versions: 5)"));
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_is_not_there_is_a_slide_that_reveals() {
    let root = talk();
    let deck = TALK
        .replace("demo: small", "demo: later")
        .replace("# Four", "# Four\n\n- a\n- b\n\n<!-- Now. [click] a [click] b -->");
    write(&root.path().join("slides/talk/deck.md"), &deck);
    let director = open(root.path(), Version::default()).await;
    assert!(director.show().notices.iter().any(|notice| notice.text.contains("there is no demo 'later' to run yet")));
    call(&director, GoTo { slide: 2 }).await.expect("a slide");
    for reveal in [1, 2] {
        call(&director, Next {}).await.expect("a reveal");
        assert_eq!(director.show().position.reveal, reveal);
    }
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_taken_up_at_its_slide_and_clock_and_an_end_is_not() {
    let root = talk();
    let note = root.path().join(".greenroom/resume.json");
    let director = open(root.path(), Version { level: Some(Level::Internal), cut: None }).await;
    call(&director, ToggleClock {}).await.expect("the clock starts");
    call(&director, GoTo { slide: 2 }).await.expect("a slide");
    let left =
        until("the place is noted", || std::fs::read_to_string(&note).ok().filter(|text| text.contains("\"slide\":2")))
            .await;
    director.close().await;
    assert!(!note.exists(), "a show that ends leaves nothing to come back to");

    let internal = Version { level: Some(Level::Internal), cut: None };
    let public = Version { level: Some(Level::Public), cut: None };
    // What is asked for now decides, and where nothing is, what the deck says of itself.
    for (asked, title) in [(internal, "Secret"), (Version::default(), "Two")] {
        write(&note, &left);
        let director = open(root.path(), asked).await;
        let show = director.show();
        assert_eq!(show.slide().expect("a slide").title, title, "asked for {asked:?}");
        assert_eq!(said(&show).contains("Secret"), asked == internal, "asked for {asked:?}");
        assert!(show.clock.runs() && show.clock.elapsed(u64::MAX / 2) > 0);
        let told = show.notices.iter().any(|notice| notice.text.contains("another version"));
        assert_eq!(told, asked != internal);
        director.close().await;
    }
    let shorter = left.replace("\"cut\":null", "\"cut\":5.0");
    assert_ne!(shorter, left);
    for (asked, cut) in [(internal, Some(5.0)), (Version { cut: Some(5.0), ..internal }, Some(5.0))] {
        write(&note, &shorter);
        let director = open(root.path(), asked).await;
        assert_eq!(director.show().version, Version { cut, ..internal });
        director.close().await;
    }
    write(&note, &left);
    let nothing = Director::open(Options {
        places: Places::within(root.path()),
        what: What::Deck("talk".into()),
        version: public,
        trust: Trust::Given,
        stack: Some(stack()),
        clipboard: None,
    });
    assert!(nothing.await.is_err(), "a deck for partners shows nothing to all");

    write(&note, &left.replace("\"noted_unix_ms\":", "\"noted_unix_ms\":1, \"was\":"));
    let director = open(root.path(), Version::default()).await;
    assert_eq!(director.show().position.slide, 0, "from long ago: begun anew");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_or_half_written_file_never_replaces_what_is_shown() {
    let root = talk();
    let deck = root.path().join("slides/talk/deck.md");
    let director = open(root.path(), Version::default()).await;
    call(&director, GoTo { slide: 2 }).await.expect("a slide");
    call(&director, RunGroup { demo: "small".into(), group: "prepare".into() }).await.expect("it starts");
    until("the steps pass", || {
        let show = director.show();
        (show.runs["small"].group_state(&show.demos["small"], "prepare") == StepState::Passed).then_some(())
    })
    .await;
    let before = director.show();
    let half = &TALK[..TALK.len() / 2 + 3];
    for cut in ["", half] {
        write(&deck, cut);
        until("it is said", || {
            let faults = director.show().faults;
            faults.iter().any(|fault| fault.contains("what was shown before stays")).then_some(())
        })
        .await;
        assert_eq!(titles(&director.show()), titles(&before));
        write(&deck, TALK);
        until("it is whole again", || director.show().faults.is_empty().then_some(())).await;
        let show = director.show();
        assert_eq!((titles(&show), show.position), (titles(&before), before.position));
        assert_eq!(show.runs["small"].steps, before.runs["small"].steps);
    }
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deck_behind_a_link_and_a_folder_that_is_made_again_are_followed() {
    let root = talk();
    let (folder, elsewhere) = (root.path().join("slides/talk"), root.path().join("elsewhere"));
    let deck = folder.join("deck.md");
    let named = |title: &str| TALK.replace("# One", &format!("# {title}"));
    write(&elsewhere.join("deck.md"), TALK);
    std::fs::remove_file(&deck).expect("removed");
    std::os::unix::fs::symlink(elsewhere.join("deck.md"), &deck).expect("a link");
    let director = open(root.path(), Version::default()).await;
    let seen = async |title: &str| until(title, || (titles(&director.show())[0] == title).then_some(())).await;

    write(&elsewhere.join("deck.md"), &named("Behind a link"));
    seen("Behind a link").await;

    std::fs::remove_dir_all(&folder).expect("removed");
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(titles(&director.show())[0], "Behind a link", "what was shown stays");
    write(&deck, &named("Made again"));
    seen("Made again").await;
    write(&deck, &named("And edited"));
    seen("And edited").await;

    write(&root.path().join("slides/other/deck.md"), &named("Swapped"));
    std::fs::rename(&folder, root.path().join("slides/old")).expect("moved");
    std::fs::rename(root.path().join("slides/other"), &folder).expect("moved");
    seen("Swapped").await;
    director.close().await;
}
