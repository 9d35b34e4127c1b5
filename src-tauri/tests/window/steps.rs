//! What runs on stage ends when it is told to, in the window as well: stopped, reset, hung up.

use crate::support::{App, ENTER, PAGE_DOWN, RELEASED, SHIFT, called, workspace};
use crate::{group, slide};
use nix::sys::signal::Signal;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const DECK: &str = "---\ntitle: Small\naudience: public\nminutes: 3\n---\n# Small\n\n---\nlayout: demo\ndemo: small\nsteps: [fill, hold]\npanes: [charts, terminal]\n---\n# It runs\n";

/// A demo that moves bytes, and then holds on with a process in a session of its own.
fn demo(pids: &Path) -> String {
    let hold =
        format!("run sh -c 'trap \"\" TERM HUP INT; setsid sleep 600 & echo $$ $! > {}; sleep 600'", pids.display());
    format!(
        "---\ntitle: Small\ntools: [sh]\ncharts:\n  - title: Throughput\n    unit: bytes-per-second\n    series:\n      - {{ metric: small.bytes_in_per_s, label: in }}\n---\n\
         ```steps fill\ntenant create small --container inbox\ndata make files --files 200 --size 16KiB --seed 7\n```\n\n```steps hold\n{hold}\n```\n"
    )
}

/// The processes that the demo has written down.
fn pids(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("process ids");
    text.split_whitespace().map(String::from).collect()
}

fn is_alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn until_gone(pids: &[String]) {
    let gone = async {
        while pids.iter().any(|pid| is_alive(pid)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("nothing is left of a step");
}

/// Fills, and then runs the step that resists; gives its processes.
async fn fill_and_hold(app: &App, held: &Path) -> Vec<String> {
    app.press(PAGE_DOWN).await;
    app.until(&group("fill", "passed")).await;
    app.until("[data-testid=chart]:not([data-samples='0'])").await;
    app.press(PAGE_DOWN).await;
    app.until_file(held, "\n").await;
    let left = pids(held);
    std::fs::remove_file(held).expect("there");
    left
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn what_is_stopped_reset_or_hung_up_leaves_nothing_and_is_said() {
    let root = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(workspace().join(".tools"), root.path().join(".tools")).expect("a link");
    let held = root.path().join("held");
    for (file, text) in [("slides/small/deck.md", DECK.to_string()), ("demos/small/demo.md", demo(&held))] {
        let file = root.path().join(file);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, text).expect("written");
    }
    let app = App::open("steps", root.path(), "small").await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.press(&format!("2{ENTER}")).await;
    app.until(&slide(1)).await;
    let left = fill_and_hold(&app, &held).await;
    // One thing at a time: what is asked meanwhile is refused in words.
    let fill = called(&json!({ "run-group": { "demo": "small", "group": "fill" } }));
    app.eval(&format!("{fill}.catch(error => window.refused = JSON.stringify(error)); return true")).await;
    app.until_true("it is refused", "return (window.refused || '').includes('a step is running')").await;
    app.press("k").await;
    app.until(&group("hold", "cancelled")).await;
    until_gone(&left).await;

    app.press(&format!("{SHIFT}r{RELEASED}")).await;
    app.until(&group("fill", "pending")).await;
    app.until("[data-testid=stack][data-state=ready]").await;

    // Hung up in the middle of a step: the show ends as one that is closed, and the next one begins at its beginning.
    let left = fill_and_hold(&app, &held).await;
    app.until_file(&root.path().join(".greenroom/resume.json"), "\"slide\":1").await;
    app.signal(root.path(), Signal::SIGHUP);
    until_gone(&left).await;
    drop(app);
    let app = App::open("steps", root.path(), "small").await;
    app.until(&slide(0)).await;

    // Told twice, it does not wait for a step that resists; nor does it leave it behind.
    app.until("[data-testid=stack][data-state=ready]").await;
    app.press(&format!("2{ENTER}")).await;
    app.until(&slide(1)).await;
    let left = fill_and_hold(&app, &held).await;
    app.signal(root.path(), Signal::SIGTERM);
    tokio::time::sleep(Duration::from_millis(200)).await;
    app.signal(root.path(), Signal::SIGTERM);
    until_gone(&left).await;
}
