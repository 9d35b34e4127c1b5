//! The page of tenants: watched, changed, and one handed over to its user.

use crate::support::{App, ENTER, ESCAPE, PAGE_DOWN, RELEASED, SHIFT, project, workspace};
use crate::{group, slide};

const ROW: &str = "[data-testid=tenants] [data-tenant=photos]";

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn a_tenant_is_changed_and_its_line_is_on_the_clipboard_and_nowhere_else() {
    let root = project();
    let app = App::open("tenants", root.path(), "azcopy-field").await;
    app.until(&slide(0)).await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.press(&format!("4{ENTER}")).await;
    app.until(&slide(3)).await;
    for name in ["prepare", "upload"] {
        app.press(PAGE_DOWN).await;
        app.until(&group(name, "passed")).await;
    }
    app.press(&format!("{SHIFT}a{RELEASED}")).await;
    app.until(ROW).await;
    let press = |css: &str| format!("document.querySelector('{ROW} {css}').click(); return true");
    app.eval(&press("[aria-label=\"more weight for photos\"]")).await;
    app.until(&format!("{ROW} [data-weight=\"200\"]")).await;
    app.eval(&press("[data-testid=hand-over]")).await;
    let said = "return document.querySelector('[data-testid=notice]').textContent.includes('photos/inbox')";
    app.until_true("the speaker is told", said).await;
    app.shot("presenter-tenants").await;

    let pasted = arboard::Clipboard::new().and_then(|mut desktop| desktop.get_text()).expect("a line");
    let (_, signature) = pasted.split_once("sig=").expect("a signature");
    let signature = signature.split(['&', '\'']).next().expect("its end").to_owned();
    assert!(pasted.starts_with("azcopy copy './*' 'http://127.0.0.1:") && signature.len() > 40, "{}", pasted.len());
    let page = app.eval("return document.documentElement.outerHTML").await;
    assert!(!page.as_str().expect("a page").contains(&signature), "no window sees it");
    app.press(ESCAPE).await;
    app.close(root.path()).await;
    for take in std::fs::read_dir(root.path().join("takes"))
        .expect("takes")
        .map(|take| take.expect("a take").path())
        .filter(|path| path.is_file())
    {
        assert!(!std::fs::read_to_string(take).expect("a take").contains(&signature), "no take keeps it");
    }
}

const KEYS: &str = "---
title: Keys
layout: demo
demo: pull-the-key
steps: [work, pull, return, erase, rebuild]
panes: [charts, terminal, topology, checks]
---
# Keys

- The tenant's own
";

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn whose_key_is_refused_is_seen_on_the_page_in_both_themes_and_at_any_size() {
    let root = tempfile::tempdir().expect("a folder");
    for name in ["demos", ".tools"] {
        std::os::unix::fs::symlink(workspace().join(name), root.path().join(name)).expect("a link");
    }
    std::fs::create_dir_all(root.path().join("slides/keys")).expect("a folder");
    std::fs::write(root.path().join("slides/keys/deck.md"), KEYS).expect("written");
    let app = App::open("tenant-keys", root.path(), "keys").await;
    app.until("[data-testid=stack][data-state=ready]").await;
    for (name, state) in [("work", "usable"), ("pull", "refused")] {
        app.press(PAGE_DOWN).await;
        app.until(&group(name, "passed")).await;
        app.press(&format!("{SHIFT}a{RELEASED}")).await;
        let said = app.until(&format!("[data-tenant=gold] [data-testid=key][data-state={state}]")).await;
        assert!(said.contains("key gold") && said.contains(state), "{said}");
        assert!(!app.has("[data-tenant=bronze] [data-testid=key]").await, "nothing of it is encrypted");
        for theme in ["dark", "light"] {
            app.eval(&format!("document.documentElement.dataset.theme = '{theme}'; return true")).await;
            for (width, height) in [(1920, 1080), (1280, 800)] {
                app.client.set_window_size(width, height).await.expect("a window has a size");
                tokio::time::sleep(std::time::Duration::from_millis(400)).await;
                let cut = "return [...document.querySelectorAll('[data-testid=tenants] td')]
                    .filter(cell => cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.innerText).join(' | ')";
                assert_eq!(app.eval(cut).await, "", "cut off in {theme} at {width}x{height}");
                app.shot(&format!("tenants-{state}-{theme}-{width}")).await;
            }
        }
        app.press(ESCAPE).await;
    }
    app.close(root.path()).await;
}
