//! Pointer, spotlight, ink, and the capacity planner, with a real mouse and real keys.

use crate::slide;
use crate::support::{App, ESCAPE, RELEASED, SHIFT, project};
use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use std::time::Duration;

/// Moves the mouse to parts of the presenter's slide, in percent, with the button down where it draws.
async fn drag(app: &App, spots: &[(f64, f64)]) {
    let frame = app
        .eval("const box = document.querySelector('[data-testid=marks]').getBoundingClientRect(); return [box.left, box.top, box.width, box.height]")
        .await;
    let side = |index: usize| frame[index].as_f64().expect("a box");
    let duration = Some(Duration::from_millis(60));
    let mut mouse = MouseActions::new("mouse".into());
    for (index, (x, y)) in spots.iter().enumerate() {
        let (x, y) = (side(0) + side(2) * x / 100.0, side(1) + side(3) * y / 100.0);
        mouse = mouse.then(PointerAction::MoveTo { duration, x, y });
        if index == 0 && spots.len() > 1 {
            mouse = mouse.then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
        }
    }
    if spots.len() > 1 {
        mouse = mouse.then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
    }
    app.client.perform_actions(mouse).await.expect("the mouse moves");
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn the_mouse_points_and_draws_where_the_audience_sees_it() {
    let root = project();
    let app = App::open("marks", root.path(), "azcopy-field").await;
    app.until(&slide(0)).await;
    app.press("l").await;
    drag(&app, &[(50.0, 50.0)]).await;
    app.until_true(
        "the pointer is in the middle of the stage",
        "const dot = document.querySelector('.marks .laser');
         return !!dot && Math.abs(dot.getAttribute('cx') - 960) < 20 && Math.abs(dot.getAttribute('cy') - 540) < 20",
    )
    .await;
    app.press(&format!("{SHIFT}l{RELEASED}")).await;
    drag(&app, &[(25.0, 50.0)]).await;
    app.until(".marks .dim").await;
    app.shot("presenter-spotlight").await;
    app.press(ESCAPE).await;
    app.until_true("the light goes", "return !document.querySelector('.marks .dim, .marks .laser')").await;
    app.press("i").await;
    drag(&app, &[(20.0, 80.0), (40.0, 70.0), (60.0, 80.0)]).await;
    app.until(".marks .ink").await;
    app.press("s").await;
    app.until("[data-testid=audience-view] .marks .ink").await;
    app.press("u").await;
    app.until_true("the stroke is taken back", "return !document.querySelector('.marks .ink')").await;
    app.close(root.path()).await;
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn the_planner_opens_and_what_is_set_is_marked_so() {
    let root = project();
    let app = App::open("planner", root.path(), "flash-supply").await;
    app.until(&slide(0)).await;
    app.press("c").await;
    app.until("[data-testid=planner] svg").await;
    app.eval(
        "const hot = document.querySelector('[data-key=\"Hot share\"]'); hot.value = 60;
         hot.dispatchEvent(new Event('input', { bubbles: true })); return true",
    )
    .await;
    app.until("[data-testid=planner] .origin.set").await;
    app.shot("presenter-planner").await;
    app.press(ESCAPE).await;
    app.until_true("it closes", "return !document.querySelector('[data-testid=planner]')").await;
    app.close(root.path()).await;
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn past_runs_and_the_board_open_over_the_console_and_a_pane_fills_the_stage() {
    let root = project();
    rehearse(root.path());
    let app = App::open("rehearsals", root.path(), "azcopy-field").await;
    app.until(&slide(0)).await;
    app.press("h").await;
    app.until("[data-testid=rehearsals] [data-run]").await;
    app.shot("presenter-rehearsals").await;
    app.eval("document.querySelector('[data-run] button').click(); return true").await;
    app.until_true("one run is left", "return document.querySelectorAll('[data-run]').length === 1").await;
    app.press(ESCAPE).await;
    app.press(&format!("{SHIFT}p{RELEASED}")).await;
    app.until("[data-testid=preflight] [data-testid=verdict]").await;
    app.shot("presenter-preflight").await;
    app.press(ESCAPE).await;
    app.press(&format!("{SHIFT}a{RELEASED}")).await;
    app.until("[data-testid=tenants] [data-testid=admission]").await;
    app.press(ESCAPE).await;
    app.press("q").await;
    app.until("[data-testid=caption]").await;
    app.press("q").await;
    app.until_true("captions go", "return !document.querySelector('[data-testid=caption]')").await;
    app.press("2").await;
    app.press("g").await;
    app.until(&slide(1)).await;
    app.press("m").await;
    app.until("[data-testid=looped]").await;
    app.press("m").await;
    app.until_true("the talk goes on", "return !document.querySelector('[data-testid=looped]')").await;
    app.press("4").await;
    app.press("g").await;
    app.until(&slide(3)).await;
    app.press("e").await;
    app.until("[data-testid=slide] .panes[data-zoomed=charts]").await;
    app.shot("presenter-enlarged").await;
    app.close(root.path()).await;
}

/// Two runs of the talk, as files.
fn rehearse(root: &std::path::Path) {
    let folder = root.join("rehearsals/azcopy-field");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (day, seconds) in [(1, 95.0), (2, 130.0)] {
        let slide = |title: &str, seconds: f64| serde_json::json!({ "title": title, "section": "All", "planned_seconds": 60.0, "seconds": seconds });
        let run = serde_json::json!({
            "deck": "azcopy-field", "deck_hash": "", "version": {}, "at_unix_ms": day * 86_400_000_u64,
            "slides": [slide("First", 50.0), slide("Second", seconds)], "demo_seconds": 40.0, "waiting_seconds": 12.0,
        });
        std::fs::write(folder.join(format!("1970010{day}T000000Z.json")), run.to_string()).expect("written");
    }
}
