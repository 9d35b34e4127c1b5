//! A demo that is played from its take, and a take that lies under its charts.

use super::support::{App, ENTER, ESCAPE, PAGE_DOWN, PAGE_UP, RELEASED, SHIFT, project};
use super::{group, slide};

fn shift(key: &str) -> String {
    format!("{SHIFT}{key}{RELEASED}")
}

/// Clicks what the mouse would.
async fn click(app: &App, css: &str) {
    app.until(css).await;
    app.eval(&format!("document.querySelector(\"{css}\").click(); return true")).await;
}

async fn runs(app: &App, names: &[&str]) {
    for name in names {
        app.press(PAGE_DOWN).await;
        app.until(&group(name, "passed")).await;
    }
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn a_demo_is_played_from_its_take_and_its_take_lies_under_the_next_run() {
    let root = project();
    let app = App::open("compared", root.path(), "azcopy-field").await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.press(&format!("4{ENTER}")).await;
    app.until(&slide(3)).await;
    app.until("[data-testid=plays][data-plays=live][aria-checked=true]").await;
    runs(&app, &["prepare", "upload"]).await;
    app.press(PAGE_DOWN).await;
    app.until(&slide(4)).await;
    runs(&app, &["list", "download", "prove"]).await;

    // The take stands in from the first click on, and nothing runs.
    app.press(PAGE_UP).await;
    app.until(&slide(3)).await;
    app.press(&shift("r")).await;
    app.until(&group("prepare", "pending")).await;
    app.press(&shift("s")).await;
    app.until("[data-testid=plays][data-plays=recorded][aria-checked=true]").await;
    app.press(PAGE_DOWN).await;
    app.until("[data-testid=badge][data-badge=recorded]").await;
    app.until(&group("prepare", "passed")).await;
    app.until("[data-testid=replay][data-playing=false]").await;
    assert!(app.has(&group("upload", "pending")).await, "it rests between clicks");
    app.press(PAGE_DOWN).await;
    app.until(&group("upload", "running")).await;
    app.shot("presenter-plays-recorded").await;
    app.press("v").await;
    app.until("[data-testid=plays][data-plays=live][aria-checked=true]").await;

    // It lies under the live run, and what differs is a table.
    app.press(&shift("h")).await;
    app.until("[data-testid=ghost-note]").await;
    runs(&app, &["prepare"]).await;
    app.press(PAGE_DOWN).await;
    app.until(&group("upload", "running")).await;
    app.until("[data-testid=pane-charts] [data-testid=ghost]").await;
    app.press("s").await;
    app.until("[data-testid=audience-view] [data-testid=ghost]").await;
    app.shot("stage-ghost").await;
    app.press("s").await;
    app.shot("presenter-ghost").await;
    app.until(&group("upload", "passed")).await;
    app.press(&shift("c")).await;
    app.until_true("it is kept", "return document.querySelector('[data-testid=notice]').textContent.includes('Kept')")
        .await;
    app.until_true("among the takes", "return document.querySelectorAll('[data-testid=take]').length == 3").await;
    app.shot("presenter-kept").await;
    app.press(&shift("d")).await;
    app.until("[data-testid=differences] [data-testid=verdict]").await;
    app.shot("presenter-differences").await;
    app.until_true("step by step", "return document.querySelectorAll('[data-testid=differences] tbody tr').length > 3")
        .await;
    app.press(ESCAPE).await;

    // A cut is made by a key where the line has the keys, and taken back.
    click(&app, "[data-testid=take]:last-child [data-testid=open-take]").await;
    app.until("[data-testid=time-line][data-ready=true]").await;
    app.press(",").await;
    app.until("[data-testid=replay][data-playing=false]").await;
    app.press("]").await;
    app.press("]").await;
    app.eval("document.querySelector('[data-testid=edges]').dispatchEvent(new KeyboardEvent('keydown', { key: 'i', bubbles: true })); return true").await;
    app.until("[data-testid=cut]").await;
    app.shot("presenter-cut").await;
    click(&app, "[data-testid=cut] button").await;
    app.until_true("it is taken back", "return !document.querySelector('[data-testid=cut]')").await;
    app.press(&shift("h")).await;
    app.until_true("away", "return !document.querySelector('[data-testid=ghost-note]')").await;

    // The booth begins and ends by its key.
    app.press(&shift("b")).await;
    app.until_true(
        "the booth is on",
        "return document.querySelector('[data-testid=next-action]').textContent.includes('booth')",
    )
    .await;
    app.shot("presenter-booth").await;
    app.press(&shift("b")).await;
    app.until_true(
        "and off",
        "return !document.querySelector('[data-testid=next-action]').textContent.includes('booth')",
    )
    .await;
    app.close(root.path()).await;
}
