//! A shell that stays steady: slow pages, pages that die, calls in their order, keys that are held, digits that nothing follows.

use crate::support::{App, ENTER, owned_project, project};
use crate::{SLIDE, slide};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// A digit stands for three seconds; a moment more for a slow machine.
const LAPSED: Duration = Duration::from_millis(3_500);

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn a_slow_page_has_two_pushes_under_way_and_then_gets_the_show_as_it_stands() {
    let root = project();
    let app = App::open("slow", root.path(), "azcopy-field").await;
    app.until(&slide(0)).await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.press("a").await;
    app.switch_to("audience").await;
    app.until(&format!("{SLIDE}[data-slide='0']")).await;
    // A page that takes most of a second for each push, while a hand in the other window moves all the time.
    app.eval(
        "window.whole = [];
         const { Channel, invoke } = window.__TAURI__.core, channel = new Channel();
         channel.onmessage = push => {
             window.whole.push(push.includes('\"stage\"'));
             const until = performance.now() + 800;
             while (performance.now() < until);
             invoke('acknowledge');
         };
         invoke('subscribe', { channel });
         return true",
    )
    .await;
    app.switch_to("presenter").await;
    app.eval(
        "window.asked = 0;
         const hand = setInterval(() => {
             const args = { pointer: { kind: 'laser', at: [window.asked, 1] } };
             window.__TAURI__.core.invoke('call', { request: { show: { point: args } } });
             if (++window.asked === 400) clearInterval(hand);
         }, 10);
         return true",
    )
    .await;
    app.until_true("all is asked", "return window.asked === 400").await;
    app.switch_to("audience").await;
    app.until_true("it is told again and again", "return window.whole.length >= 5").await;
    let whole = app.eval("return window.whole.slice(0, 5)").await;
    // The first, and from the moment on in which two were under way: what has piled up is not sent.
    let Value::Array(whole) = whole else { panic!("{whole}") };
    assert_eq!(whole[0], true, "{whole:?}");
    assert!(whole[3..].iter().all(|whole| *whole == true), "{whole:?}");
    app.switch_to("presenter").await;
    app.close(root.path()).await;
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn calls_of_a_window_are_answered_in_the_order_in_which_it_made_them() {
    let root = project();
    let app = App::open("order", root.path(), "azcopy-field").await;
    app.until(&slide(0)).await;
    app.eval(
        "const call = (name, args) => window.__TAURI__.core.invoke('call', { request: { show: { [name]: args } } });
         call('draw-ink', { ink: { down: [0, 0] } });
         for (let x = 1; x < 200; x++) call('draw-ink', { ink: { along: [[x, x]] } });
         call('draw-ink', { ink: { down: [500, 500] } });
         for (let i = 0; i < 50; i++) {
             call('point', { pointer: { kind: 'laser', at: [i, i] } });
             call('point', { pointer: null });
         }
         call('go-to', { slide: 1 });
         call('go-to', { slide: 2 });
         call('go-to', { slide: 0 }).then(() => window.done = true);
         return true",
    )
    .await;
    app.until_true("all is answered", "return window.done === true").await;
    app.until(&slide(0)).await;
    app.until_true("both strokes", "return document.querySelectorAll('.marks .ink').length === 2").await;
    let drawn = "return document.querySelector('.marks .ink').getAttribute('d')";
    let expected: Vec<_> =
        (0..200).map(|x| if x == 0 { "M 0 0".into() } else { format!("L {x} {x}") }).collect::<Vec<String>>();
    assert_eq!(app.eval(drawn).await.as_str().expect("a path").trim(), expected.join(" "));
    assert!(!app.has(".marks .laser").await, "the pointer went last");
    app.close(root.path()).await;
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn a_held_key_acts_once_and_a_lone_digit_lapses() {
    let root = project();
    let app = App::open("held", root.path(), "azcopy-field").await;
    app.until(&slide(0)).await;
    let held = |key: &str| {
        format!(
            "for (let i = 0; i < 30; i++) window.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', repeat: true, bubbles: true }}));
             return true"
        )
    };
    let size = "return parseFloat(getComputedStyle(document.querySelector('[data-testid=notes]')).fontSize)";
    let before = app.eval(size).await.as_f64().expect("a size");
    for key in ["PageDown", " ", "ArrowRight", "n", "r", "v", "b", "a", "o", "F11", "Enter"] {
        app.eval(&held(key)).await;
    }
    app.eval(&held("+")).await;
    app.until_true("the notes grow", &format!("{size} > {before}")).await;
    assert!(app.has(&slide(0)).await, "no slide was turned");
    assert!(app.has("[data-testid=presenter][data-curtain=open]").await);
    assert!(!app.has("[data-testid=overview]").await);

    app.press("4").await;
    app.until(".typed").await;
    tokio::time::sleep(LAPSED).await;
    assert!(!app.has(".typed").await, "the digit is gone");
    app.press(ENTER).await;
    app.until(&slide(1)).await;
    // One that is followed at once goes where it says.
    app.press(&format!("4{ENTER}")).await;
    app.until(&slide(3)).await;
    app.close(root.path()).await;
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn a_page_whose_process_dies_is_loaded_again() {
    let root = project();
    let app = App::open("died", root.path(), "azcopy-field").await;
    app.until(&slide(0)).await;
    app.press("a").await;
    app.switch_to("audience").await;
    app.until(&format!("{SLIDE}[data-slide='0']")).await;
    let pages = page_processes(root.path());
    let audience = *pages.iter().max().expect("a process for each page");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(audience), nix::sys::signal::Signal::SIGKILL).expect("it runs");
    // The driver gives a session up whose page has crashed: from here on the processes have to tell.
    let again = async {
        loop {
            let now = page_processes(root.path());
            if now.len() == pages.len() && !now.contains(&audience) {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let loaded = tokio::time::timeout(Duration::from_secs(60), again).await.expect("another process draws the page");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(page_processes(root.path()), loaded, "it stays");
    app.close(root.path()).await;
}

/// WebKit's processes that draw the pages of the app on a project.
fn page_processes(root: &Path) -> Vec<i32> {
    let root = root.display().to_string();
    let ids = std::fs::read_dir("/proc").expect("a /proc").flatten();
    let ids: Vec<i32> = ids.filter_map(|entry| entry.file_name().into_string().ok()?.parse().ok()).collect();
    let line = |id: i32| std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let parent = |id: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(')').map(|(_, rest)| rest.to_string()).unwrap_or_default();
        rest.split_whitespace().nth(1).and_then(|parent| parent.parse::<i32>().ok())
    };
    let is_app = |id: i32| line(id).contains("greenroom-app") && line(id).contains(&root);
    ids.into_iter().filter(|id| line(*id).contains("WebKitWebProcess") && parent(*id).is_some_and(is_app)).collect()
}

/// Words that fill more than the pane of the notes.
fn wordy(level: &str) -> String {
    let words = "These are words that the speaker says, and there are many of them. ".repeat(40);
    format!(
        "---\ntitle: A\naudience: {level}\n---\n# A\n\n<!--\nFirst words.\n\n{words}\n\n[internal] Only here.\n-->\n\n---\n# B\n"
    )
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn the_first_words_to_say_are_in_view_and_only_what_differs_from_the_decks_level_is_marked() {
    for (width, height) in [(1280, 800), (1920, 1080)] {
        let root = owned_project("azcopy-field");
        std::fs::write(root.path().join("slides/azcopy-field/deck.md"), wordy("partner")).expect("written");
        let app = App::open("notes", root.path(), "azcopy-field").await;
        app.client.set_window_size(width, height).await.expect("a window has a size");
        app.until(&slide(0)).await;
        app.until("[data-testid=notes] .beat.current").await;
        // A page at rest has laid out all that it will.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let first = "const pane = document.querySelector('[data-testid=notes]').getBoundingClientRect();
             const line = document.querySelector('[data-testid=notes] p').getBoundingClientRect();
             return line.top >= pane.top && line.bottom <= pane.bottom";
        assert_eq!(app.eval(first).await, Value::Bool(true), "at {width}x{height}");
        let levels =
            "return [...document.querySelectorAll('[data-testid=notes] .level')].map(l => l.textContent).join()";
        let shown = app.eval(levels).await;
        assert!(shown == "" || shown == "internal", "{shown}");
        app.shot(&format!("notes-{width}")).await;
        app.close(root.path()).await;
    }
}
