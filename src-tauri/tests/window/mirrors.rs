//! The page of mirrors: watched while one follows its origin, paused, resumed, and ended only after a question.

use crate::support::{App, ENTER, ESCAPE, PAGE_DOWN, RELEASED, SHIFT};
use crate::{group, slide};

const DECK: &str = "---\ntitle: Small\naudience: public\nminutes: 3\n---\n# Small\n\n---\nlayout: demo\ndemo: small\npanes: [charts]\n---\n# It follows\n";
/// What lies on the second node is shown on the first, and changes while it is shown.
const DEMO: &str = "---\ntitle: Small\nprofile: offload\ncharts:\n  - title: Behind\n    unit: seconds\n    series:\n      - { metric: shown.mirror_behind_s, label: behind }\n---\n\
```steps attach\ntenant create cloud --container raw\nfeed cloud --segment 1s\ntenant create shown\n\
mirror attach shown lake --origin {blob:cloud/raw} --container lake --poll 250ms --objective 10s --canary 2s\n```\n\n\
```steps change\nload change --tenant cloud --container raw --put 1 --size 16KiB --rate 20/s --for 10m --keys 200 --seed 1 --in-background\n\
wait shown.mirror_blobs > 20\n```\n";
const CARD: &str = "[data-testid=mirrors] [data-mirror=\"shown/lake\"]";

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn a_mirror_is_seen_to_follow_and_is_paused_resumed_and_detached() {
    let root = tempfile::tempdir().expect("a folder");
    for (file, text) in [("slides/small/deck.md", DECK), ("demos/small/demo.md", DEMO)] {
        let file = root.path().join(file);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, text).expect("written");
    }
    let app = App::open("mirrors", root.path(), "small").await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.press(&format!("2{ENTER}")).await;
    app.until(&slide(1)).await;
    app.until("[data-testid=stack][data-state=ready]").await;
    let page = format!("{SHIFT}m{RELEASED}");
    app.press(&page).await;
    app.until_true("it teaches", &said("[data-testid=mirrors]", "mirror attach ACCOUNT NAME")).await;
    app.shot("presenter-mirrors-empty").await;
    app.press(ESCAPE).await;
    for name in ["attach", "change"] {
        app.press(PAGE_DOWN).await;
        app.until(&group(name, "passed")).await;
    }

    app.press(&page).await;
    app.until(&format!("{CARD}[data-state=following]")).await;
    app.until(&format!("{CARD} [data-objective=met]")).await;
    app.until(&format!("{CARD} [data-testid=lag]:not([data-events='0'])")).await;
    app.until_true("a clock time", &said(&format!("{CARD} [data-testid=complete]"), ":")).await;
    app.shot("presenter-mirrors").await;
    app.press("d").await;
    app.until("html[data-theme=light]").await;
    app.shot("presenter-mirrors-light").await;
    app.press("d").await;

    click(&app, "pause").await;
    app.until(&format!("{CARD}[data-state=paused]")).await;
    assert!(app.has(&format!("{CARD} [data-testid=relist]:disabled")).await, "nothing is listed meanwhile");
    app.until(&format!("{CARD} [data-objective=missed]")).await;
    app.shot("presenter-mirrors-paused").await;
    click(&app, "resume").await;
    app.until(&format!("{CARD}[data-state=following]")).await;

    // Asked first, by keys as well, and Escape is no.
    click(&app, "detach").await;
    app.until(&format!("{CARD} [data-testid=keep]:focus")).await;
    app.shot("presenter-mirrors-detach").await;
    app.press_focused(ESCAPE).await;
    app.until(&format!("{CARD} [data-testid=detach]")).await;
    assert!(app.has(CARD).await, "the page stays, and the mirror with it");
    app.press("a").await;
    app.switch_to("audience").await;
    app.until("[data-testid=audience-view] [data-testid=chart]").await;
    let page = app.eval("return document.documentElement.outerHTML").await;
    let page = page.as_str().expect("a page");
    assert!(!page.contains("lake") && !page.contains("data-mirror"), "the audience is told nothing of it");
    app.switch_to("presenter").await;
    click(&app, "detach").await;
    app.until(&format!("{CARD} [data-testid=remove]")).await;
    click(&app, "remove").await;
    app.until_true("nothing is mirrored", &format!("return !document.querySelector(`{CARD}`)")).await;
    app.until_true("it is said", &said("[data-testid=mirrors-said]", "shown shows nothing of lake any more")).await;
    app.close(root.path()).await;
}

async fn click(app: &App, button: &str) {
    let enabled = format!("{CARD} [data-testid={button}]:not(:disabled)");
    app.until(&enabled).await;
    app.eval(&format!("document.querySelector(`{enabled}`)?.click(); return true")).await;
}

fn said(css: &str, words: &str) -> String {
    format!("return (document.querySelector(`{css}`)?.textContent || '').includes('{words}')")
}
