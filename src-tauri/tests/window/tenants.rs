//! The page of tenants: watched, changed, and one handed over to its user.

use crate::support::{App, ENTER, ESCAPE, PAGE_DOWN, RELEASED, SHIFT, project};
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
