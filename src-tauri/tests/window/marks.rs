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
