//! What is handed on of a take is what the window shows of it.

use super::likeness::Picture;
use super::support::{App, ENTER, PAGE_DOWN, project};
use super::{group, slide};
use greenroom_director::Places;
use greenroom_director::export::{Idle, Shape, Wanted, export, format};
use greenroom_director::takes::library::Takes;
use greenroom_show::deck::Level;
use serde_json::json;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// Of the tiles, so many may be others: a page of one slide has another number at its foot.
const OTHERS_MAX: f64 = 0.005;
/// As high as the window opens.
const HEIGHT: u32 = 720;
/// Of the take's clock: no run of AzCopy is over sooner.
const MOMENTS: [u64; 5] = [0, 450_000, 900_000, 1_350_000, 1_800_000];
/// What moves comes to rest in less.
const LOOKS_MAX: usize = 10;
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn a_picture_that_is_handed_on_is_what_the_window_shows() {
    let root = project();
    let app = App::open("pictures", root.path(), "azcopy-field").await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.press(&format!("4{ENTER}")).await;
    app.until(&slide(3)).await;
    for name in ["prepare", "upload"] {
        app.press(PAGE_DOWN).await;
        app.until(&group(name, "passed")).await;
    }
    app.close(root.path()).await;
    let id = Takes::open(&Places::within(root.path())).list().pop().expect("a take").id;
    let wanted = MOMENTS.map(|at| handed_on(root.path(), &id, at));
    let moved = wanted[0].others(&wanted[MOMENTS.len() - 1]);
    assert!(moved > OTHERS_MAX, "the take moves by more than is let pass: {moved}");

    let app = App::open("pictures", root.path(), "azcopy-field").await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.press("a").await;
    app.call(json!({ "open-take": { "id": id } })).await;
    app.until("[data-testid=time-line][data-ready=true]").await;
    app.call(json!({ "toggle-play": {} })).await;
    app.until("[data-testid=replay][data-playing=false]").await;
    for (at, wanted) in MOMENTS.iter().zip(&wanted) {
        app.call(json!({ "seek-take": { "to": { "at": at } } })).await;
        let is_there = format!("return +document.querySelector('[data-testid=replay]').dataset.at === {at}");
        app.until_true("it is there", &is_there).await;
        app.switch_to("audience").await;
        let others = at_rest(&app, *at, wanted).await;
        wanted.keep(&format!("handed-on-{at}"));
        eprintln!("at {at} us: {:.3} % of the tiles are others", others * 100.0);
        assert!(others < OTHERS_MAX, "at {at} us: {others}");
        app.switch_to("presenter").await;
    }
    app.close(root.path()).await;
}

fn handed_on(root: &Path, id: &str, at: u64) -> Picture {
    let shape = Shape { height: HEIGHT, at: Some(at), ..Shape::default() };
    let wanted = Wanted { format: format("png").expect("a format"), idle: Idle::Cut, level: Level::Public, shape };
    let path = root.join("exports/at.png");
    export(&Takes::open(&Places::within(root)), id, wanted, &path, &mut |_| ControlFlow::Continue(()))
        .expect("exported");
    Picture::read(&std::fs::read(path).expect("written"))
}

/// Which share of the window is another than `wanted`, once it has come to rest.
async fn at_rest(app: &App, at: u64, wanted: &Picture) -> f64 {
    let mut others = 1.0;
    for _ in 0..LOOKS_MAX {
        let seen = Picture::read(&app.png().await.expect("a picture"));
        seen.keep(&format!("audience-{at}"));
        others = seen.others(wanted);
        if others < OTHERS_MAX {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    others
}
