//! The talk in the real window, with the real keys.

mod compared;
mod directed;
#[path = "../likeness/mod.rs"]
mod likeness;
mod marks;
mod measure;
mod mirrors;
mod pictures;
#[path = "../processes/mod.rs"]
mod processes;
mod start;
mod steady;
mod steps;
mod support;
mod takes;
mod tenants;
mod walk;

use serde_json::Value;
use support::{App, ENTER, ESCAPE, PAGE_DOWN, PAGE_UP, RELEASED, SHIFT, project};

const SLIDE: &str = "[data-testid=audience-view] [data-testid=slide]";

fn slide(index: usize) -> String {
    format!("[data-testid=presenter] [data-testid=slide][data-slide='{index}']")
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn keys_of_clickers_and_keyboards_do_what_the_help_says() {
    let root = project();
    let app = App::open("keys", root.path(), "azcopy-field").await;
    app.until(&slide(0)).await;
    app.press("?").await;
    app.until("[data-testid=help]").await;
    app.shot("presenter-help").await;
    app.press(ESCAPE).await;
    app.until_true("the help closes", "return !document.querySelector('[data-testid=help]')").await;
    app.press(" ").await;
    app.until(&slide(1)).await;
    app.press("p").await;
    app.until(&slide(0)).await;
    // One screen: the stage in the presenter's own window, and back.
    app.press("s").await;
    app.until(&format!("{SLIDE}[data-slide='0']")).await;
    app.shot("stage-cover").await;
    app.press(PAGE_DOWN).await;
    app.until(&format!("{SLIDE}[data-slide='1']")).await;
    app.shot("stage-statement").await;
    app.press("s").await;
    app.until(&slide(1)).await;
    app.press(ESCAPE).await;
    assert!(app.has(&slide(1)).await, "Esc never leaves the show");
    app.close(root.path()).await;
}

fn group(name: &str, state: &str) -> String {
    format!("[data-testid=group][data-group='{name}'][data-state='{state}']")
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn the_demo_runs_on_its_slide_and_every_check_passes() {
    let root = project();
    let app = App::open("demo", root.path(), "azcopy-field").await;
    app.until(&slide(0)).await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.shot("presenter-cover").await;
    app.press(&format!("4{ENTER}")).await;
    app.until(&slide(3)).await;

    for name in ["prepare", "upload"] {
        app.press(PAGE_DOWN).await;
        app.until(&group(name, "running")).await;
        if name == "upload" {
            the_chart_moves(&app).await;
            app.shot("presenter-upload").await;
        }
        app.until(&group(name, "passed")).await;
    }
    app.press(PAGE_DOWN).await;
    app.until(&slide(4)).await;
    for name in ["list", "download", "prove"] {
        app.press(PAGE_DOWN).await;
        app.until(&group(name, "passed")).await;
    }
    app.shot("presenter-proved").await;
    every_check_passed(&app).await;

    app.press(PAGE_DOWN).await;
    app.until(&slide(5)).await;
    let figure = format!("{} [data-figure='upload.seconds'][data-source='live']", slide(5));
    // It fades in: no letter of it is in sight before.
    let measured = format!("return parseFloat(document.querySelector(`{figure}`)?.innerText) > 0");
    app.until_true("the upload has taken seconds", &measured).await;
    app.shot("presenter-figures").await;
    app.press(PAGE_UP).await;
    app.until(&slide(4)).await;
    takes::a_take_has_its_picture(&app).await;
    takes::a_run_is_a_take_that_replays_and_is_sought(&app).await;
    app.close(root.path()).await;
    let files = std::fs::read_dir(root.path().join("takes")).expect("takes").flatten();
    let is_take = |file: &std::fs::DirEntry| file.file_name().to_string_lossy().ends_with(".take.ndjson");
    assert_eq!(files.filter(is_take).count(), 1);
}

/// While AzCopy runs: more samples, and other pixels.
async fn the_chart_moves(app: &App) {
    let samples =
        "return Math.max(0, ...[...document.querySelectorAll('[data-testid=chart]')].map(c => +c.dataset.samples))";
    let before = app.eval(samples).await.as_u64().unwrap_or(0);
    app.until_true("more samples", &format!("{samples} > {}", before + 10)).await;
    let pixels = "return [...document.querySelectorAll('[data-testid=chart] canvas')].map(c => c.toDataURL()).join()";
    let first = app.eval(pixels).await;
    assert!(first.as_str().is_some_and(|data| data.contains("data:image")), "charts are drawn on canvas");
    let look = async {
        while app.eval(pixels).await == first {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), look).await.expect("the curves move");
}

async fn every_check_passed(app: &App) {
    let states = app
        .eval("return [...document.querySelectorAll('[data-testid=pane-checks]')].map(p => p.dataset.passed + '/' + p.dataset.count)")
        .await;
    let Value::Array(states) = states else { panic!("{states}") };
    assert!(!states.is_empty());
    for state in states {
        let (passed, count) = state.as_str().and_then(|state| state.split_once('/')).expect("counts");
        assert_eq!(passed, count, "all checks of the slide passed");
        assert_ne!(count, "0");
    }
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn the_audience_follows_and_only_its_view_is_covered_or_frozen() {
    let root = project();
    let app = App::open("audience", root.path(), "azcopy-field").await;
    app.until(&slide(0)).await;
    app.press("a").await;
    app.switch_to("audience").await;
    app.until(&format!("{SLIDE}[data-slide='0']")).await;
    let words = app.eval("return document.documentElement.outerHTML").await;
    assert!(!words.as_str().expect("a page").contains("Good morning"), "the narrative is the speaker's");

    app.switch_to("presenter").await;
    app.press(PAGE_DOWN).await;
    app.until(&slide(1)).await;
    app.switch_to("audience").await;
    app.until(&format!("{SLIDE}[data-slide='1']")).await;
    // The audience's window may only listen.
    app.press(PAGE_DOWN).await;

    app.switch_to("presenter").await;
    app.press("b").await;
    app.switch_to("audience").await;
    app.until("[data-testid=audience-view][data-curtain=black]").await;
    app.switch_to("presenter").await;
    assert!(app.has(&slide(1)).await, "the speaker still sees the slide");
    app.press("b").await;
    app.press(&format!("{SHIFT}f{RELEASED}")).await;
    app.switch_to("audience").await;
    app.until("[data-testid=audience-view][data-curtain=open][data-frozen=true]").await;
    app.switch_to("presenter").await;
    app.press(PAGE_DOWN).await;
    app.until(&slide(2)).await;
    app.switch_to("audience").await;
    assert!(app.has(&format!("{SLIDE}[data-slide='1']")).await, "frozen where it was");
    app.switch_to("presenter").await;
    app.press(ESCAPE).await;
    app.switch_to("audience").await;
    app.until(&format!("{SLIDE}[data-slide='2']")).await;
    app.shot("audience-bullets").await;
    app.switch_to("presenter").await;
    app.close(root.path()).await;
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn steps_of_a_stranger_wait_for_the_speakers_yes() {
    let root = project();
    let app = App::open_untrusted("trust", root.path(), "azcopy-field").await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.press(&format!("4{ENTER}")).await;
    app.until(&slide(3)).await;
    app.until("[data-testid=held]").await;
    app.press(PAGE_DOWN).await;
    app.until_true(
        "why",
        "return document.querySelector('[data-testid=refused]').innerText.includes('not trusted yet')",
    )
    .await;
    app.shot("presenter-held").await;
    app.press(&format!("{SHIFT}y{RELEASED}")).await;
    app.until_true("the yes is heard", "return !document.querySelector('[data-testid=held]')").await;
    app.press(PAGE_DOWN).await;
    app.until(&group("prepare", "passed")).await;
    app.close(root.path()).await;
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn a_deck_that_is_not_there_is_said_in_the_window() {
    let root = project();
    let app = App::open("trouble", root.path(), "azcopy-feild").await;
    let said = app.until("[data-testid=trouble]").await;
    assert!(said.contains("azcopy-feild") && said.contains("did you mean 'azcopy-field'?"), "{said}");
    app.shot("trouble").await;
    app.close(root.path()).await;
}
