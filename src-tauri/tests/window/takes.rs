//! A take on stage: it plays, rests, and goes wherever keys and mouse send it.

use super::support::App;
use super::{SLIDE, every_check_passed, slide};

/// How far a take is, as its line says it.
async fn at(app: &App) -> u64 {
    let at = app.eval("return document.querySelector('[data-testid=replay]').dataset.at").await;
    at.as_str().and_then(|at| at.parse().ok()).expect("a place in the take")
}

/// Presses where a part of the line is, as a mouse does.
fn press_at(part: f64) -> String {
    format!(
        "const line = document.querySelector('[data-testid=time-line]'), box = line.getBoundingClientRect();
         const at = {{ bubbles: true, pointerId: 1, clientX: box.left + box.width * {part}, clientY: box.top + 9 }};
         line.dispatchEvent(new PointerEvent('pointerdown', at));
         line.dispatchEvent(new PointerEvent('pointerup', at));
         return true"
    )
}

/// A film takes a while: how far it is stands there, and so does what breaks it off.
async fn hands_on_and_breaks_it_off(app: &App) {
    let press = |what: &str| {
        format!(
            "[...document.querySelectorAll('.scrub button')].find((button) => button.innerText === '{what}').click(); return true"
        )
    };
    app.eval(&press("Hand on")).await;
    app.until("[data-testid=form]").await;
    app.shot("presenter-forms").await;
    app.eval(&press("mp4")).await;
    app.until("[data-testid=progress]").await;
    app.shot("presenter-progress").await;
    app.eval("document.querySelector('[data-testid=cancel]').click(); return true").await;
    app.until_true("it is broken off", "return !document.querySelector('[data-testid=progress]')").await;
    app.until_true("and said", "return document.querySelector('.desk-foot').innerText.includes('not written')").await;
    app.eval(&press("Hand on")).await;
    app.until_true("the forms go", "return !document.querySelector('[data-testid=form]')").await;
}

/// The picture in the list comes by itself; the audience's window is refused it.
pub async fn a_take_has_its_picture(app: &App) {
    app.until_true("drawn", "return !!document.querySelector('[data-testid=take] img[data-drawn=true]')").await;
    app.shot("presenter-posters").await;
    let url = app.eval("return document.querySelector('[data-testid=take] img').src").await;
    app.press("a").await;
    app.switch_to("audience").await;
    let refused = format!(
        "return new Promise((done) => {{
            const picture = new Image();
            picture.onload = () => done(false);
            picture.onerror = () => done(true);
            picture.src = {url};
        }})"
    );
    assert_eq!(app.eval(&refused).await, true);
    app.switch_to("presenter").await;
}

/// The take of the run that has just passed, on the slide that cues it.
pub async fn a_run_is_a_take_that_replays_and_is_sought(app: &App) {
    app.press("v").await;
    app.until("[data-testid=badge][data-badge=recorded]").await;
    app.until("[data-testid=replay]").await;
    app.shot("presenter-recorded").await;
    app.press(",").await;
    app.until("[data-testid=replay][data-playing=false]").await;
    app.until("[data-testid=time-line][data-ready=true]").await;

    // To the middle by mouse; a step back and on by keys; a frame.
    app.eval(&press_at(0.5)).await;
    let half = "document.querySelector('[data-testid=time-line]').getAttribute('aria-valuemax') * 400000";
    app.until_true(
        "half of it",
        &format!("return +document.querySelector('[data-testid=replay]').dataset.at > {half}"),
    )
    .await;
    let middle = at(app).await;
    app.shot("presenter-sought").await;
    app.press("[").await;
    app.until_true(
        "a step back",
        &format!("return +document.querySelector('[data-testid=replay]').dataset.at < {middle}"),
    )
    .await;
    let before = at(app).await;
    app.press("]").await;
    app.until_true(
        "a step on",
        &format!("return +document.querySelector('[data-testid=replay]').dataset.at > {before}"),
    )
    .await;
    let on = at(app).await;
    hands_on_and_breaks_it_off(app).await;
    app.press(")").await;
    app.until_true("a frame on", &format!("return +document.querySelector('[data-testid=replay]').dataset.at > {on}"))
        .await;
    app.until("[data-testid=replay][data-playing=false]").await;

    app.press(",").await;
    app.until("[data-testid=replay][data-playing=true]").await;
    app.eval(&press_at(1.0)).await;
    app.until("[data-testid=replay][data-ended=true]").await;
    every_check_passed(app).await;
    app.press("v").await;
    app.until("[data-testid=badge][data-badge=live]").await;
    assert!(!app.has(SLIDE).await && app.has(&slide(4)).await, "still the presenter's, on the same slide");
}
