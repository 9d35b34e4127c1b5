//! The talk in the real window, with the real keys.

mod measure;
mod support;
mod unproven;

use support::{App, ESCAPE, PAGE_DOWN, project};

pub const SLIDE: &str = "[data-testid=audience-view] [data-testid=slide]";

pub fn slide(index: usize) -> String {
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
