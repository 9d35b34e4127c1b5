//! Every slide of every deck in the real window: nothing overflows, nothing is cut off, and what is not for an audience is not there.

use crate::support::{App, ENTER, ESCAPE, PAGE_DOWN, owned_project, project, workspace};
use serde_json::Value;

/// Sizes of a projector, a television and an old projector.
const SIZES: [(u32, u32); 3] = [(1280, 720), (1920, 1080), (1024, 768)];

/// What sticks out of its slide or out of its own box. A pixel is rounding. Terminals show their last lines, and hide the others.
const TROUBLE: &str = "
const slide = document.querySelector('[data-testid=audience-view] .layer:not(.leaves) [data-testid=slide]');
if (!slide) return ['no slide'];
const edge = slide.getBoundingClientRect(), found = [];
const name = e => `${e.tagName.toLowerCase()}.${e.className.baseVal ?? e.className}: ${(e.textContent || '').trim().slice(0, 40)}`;
const foot = slide.querySelector('footer.foot').getBoundingClientRect();
for (const e of slide.querySelectorAll('h1, h2, h3, p, li, td, th, pre, blockquote, text, rect, section.pane, .check')) {
  // Read out, and not seen.
  if (e.closest('.for-readers')) continue;
  if (e.closest('.terminal') || e.closest('.plot .values')) continue;
  const box = e.getBoundingClientRect();
  if (!box.width || !box.height) continue;
  if (box.left < edge.left - 1 || box.right > edge.right + 1 || box.top < edge.top - 1 || box.bottom > edge.bottom + 1)
    found.push('outside the slide: ' + name(e));
  else if (e.closest('.words') && box.bottom > foot.top + 1 && box.top < foot.bottom && !getComputedStyle(e).position.includes('absolute'))
    found.push('over the foot: ' + name(e));
  if (e.clientWidth && e.scrollWidth > e.clientWidth + 2 && !['rect', 'text'].includes(e.tagName) && !e.classList.contains('pane'))
    found.push('wider than its box: ' + name(e));
}
for (const box of slide.querySelectorAll('.diagram .box')) {
  const rect = box.querySelector('rect').getBoundingClientRect(), text = box.querySelector('text').getBoundingClientRect();
  if (text.left < rect.left || text.right > rect.right || text.top < rect.top || text.bottom > rect.bottom)
    found.push('a name larger than its box: ' + name(box));
}
const words = [...slide.querySelectorAll('.words > :not(.room), .room > *')].filter(e => getComputedStyle(e).position != 'absolute');
for (let i = 1; i < words.length; i++) {
  const above = words[i - 1].getBoundingClientRect(), below = words[i].getBoundingClientRect();
  if (above.bottom > below.top + 1 && above.height && below.height) found.push('over what follows: ' + name(words[i - 1]));
}
return found;";

fn decks() -> Vec<String> {
    let folders = std::fs::read_dir(workspace().join("slides")).expect("decks").flatten();
    let mut decks: Vec<_> = folders.map(|folder| folder.file_name().into_string().expect("a name")).collect();
    decks.sort();
    decks
}

/// Shows what clicks reveal, at once: what eases in is there.
const REVEAL: &str = "document.querySelectorAll('.waits').forEach(e => e.classList.remove('waits'));
const ends = animation => animation.effect.getComputedTiming().endTime !== Infinity;
document.getAnimations().filter(ends).forEach(animation => animation.finish());
return true";

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn no_slide_of_any_deck_overflows_at_any_size() {
    let root = project();
    let mut trouble = Vec::new();
    for deck in decks() {
        let app = App::open("walk", root.path(), &deck).await;
        app.until("[data-testid=stack]").await;
        app.press("s").await;
        let count = app.eval("return +document.querySelector('[data-testid=slide]').getAttribute('aria-label').match(/of (\\d+)/)[1]").await;
        let count = count.as_u64().expect("a number of slides");
        for (width, height) in SIZES {
            app.client.set_window_size(width, height).await.expect("a window has a size");
            for slide in 0..count {
                app.go_to(slide).await;
                let Value::Array(found) = app.eval(TROUBLE).await else { panic!("{deck} {slide}: no answer") };
                let found = found.iter().filter_map(Value::as_str);
                trouble.extend(found.map(|found| format!("{deck} slide {} at {width}x{height}: {found}", slide + 1)));
                if (width, height) == SIZES[1] {
                    // A picture of a slide shows all that its clicks reveal.
                    app.eval(REVEAL).await;
                    app.shot(&format!("{deck}-{:02}", slide + 1)).await;
                }
            }
        }
        app.close(root.path()).await;
    }
    assert!(trouble.is_empty(), "{}", trouble.join("\n"));
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn an_edit_shows_at_once_and_a_broken_one_is_said_to_the_speaker_alone() {
    let root = owned_project("azcopy-field");
    let deck = root.path().join("slides/azcopy-field/deck.md");
    let good = std::fs::read_to_string(&deck).expect("a deck");
    let app = App::open("edits", root.path(), "azcopy-field").await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.press("a").await;
    app.switch_to("presenter").await;
    app.press(PAGE_DOWN).await;
    app.until("[data-testid=presenter] [data-testid=slide][data-slide='1']").await;

    std::fs::write(&deck, good.replace("# Change the endpoint.", "# Edited on stage.")).expect("written");
    app.until_true(
        "the edit shows",
        "return document.querySelector('.now h1').innerText.startsWith('Edited on stage.')",
    )
    .await;
    std::fs::write(&deck, good.replace("layout: statement", "layout: nonsense")).expect("written");
    let said = app.until("[data-testid=faults]").await;
    assert!(said.contains("slides/azcopy-field/deck.md:") && said.contains("nonsense"), "{said}");
    assert!(said.contains("The audience sees the last good version"), "{said}");
    assert!(
        app.eval("return document.querySelector('.now h1').innerText")
            .await
            .as_str()
            .is_some_and(|title| title.starts_with("Edited"))
    );
    app.switch_to("audience").await;
    let page = app.eval("return document.documentElement.outerHTML").await;
    assert!(!page.as_str().expect("a page").contains("nonsense"), "the audience never hears of it");
    app.switch_to("presenter").await;
    std::fs::write(&deck, &good).expect("written");
    app.until_true("mended", "return !document.querySelector('[data-testid=faults]') && document.querySelector('.now h1').innerText.startsWith('Change')").await;
    app.close(root.path()).await;
}

/// A picture that has come, and that fits its slide; its place on the page where it has.
const PICTURE: &str = "
const picture = document.querySelector('[data-slide=\"1\"] .picture img');
if (!picture || !picture.complete || !picture.naturalWidth) return '';
const box = picture.getBoundingClientRect(), slide = picture.closest('.slide').getBoundingClientRect();
const foot = picture.closest('.slide').querySelector('footer').getBoundingClientRect();
const fits = box.left >= slide.left && box.right <= slide.right && box.bottom <= foot.top && box.height > slide.height / 3;
return fits ? picture.src : '';";

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn a_picture_of_the_deck_shows_in_both_windows_and_an_edit_of_it_too() {
    let root = owned_project("azcopy-field");
    let folder = root.path().join("slides/azcopy-field");
    let draw = |width: u32| {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} 900'><rect width='{width}' height='900' rx='60' fill='teal'/></svg>"
        );
        std::fs::write(folder.join("plan.svg"), svg).expect("written");
    };
    draw(1600);
    let deck = "---\ntitle: A\n---\n# A\n\n---\nlayout: figure\n---\n# The plan\n\n![A box](plan.svg)\n\nWords below it.\n\n---\n# Not there\n\n![Words instead](paln.svg)\n";
    std::fs::write(folder.join("deck.md"), deck).expect("written");
    let app = App::open("pictures", root.path(), "azcopy-field").await;
    let said = app.until("[data-testid=faults]").await;
    assert!(said.contains("deck.md:18: there is no picture 'paln.svg'") && said.contains("'plan.svg'?"), "{said}");
    assert!(!said.contains("last good version"), "there was none: {said}");
    app.press("a").await;
    app.switch_to("presenter").await;
    app.press(PAGE_DOWN).await;
    let comes = PICTURE.replace("fits ? picture.src : ''", "fits").replace("return '';", "return false;");
    for window in ["presenter", "audience"] {
        app.switch_to(window).await;
        app.until_true(&format!("the picture comes to the {window}"), &comes).await;
        app.shot(&format!("picture-{window}")).await;
    }
    let before = app.eval(PICTURE).await;
    draw(900);
    app.until_true(
        "the edited picture",
        &format!("const src = (() => {{ {PICTURE} }})(); return src && src != {before}"),
    )
    .await;
    app.switch_to("presenter").await;
    app.press(PAGE_DOWN).await;
    app.until_true(
        "its words stand in for it",
        "return document.querySelector('.now').innerText.includes('Words instead')",
    )
    .await;
    app.close(root.path()).await;
}

/// A slide for each thing that fills one too much, and scripts that run the other way.
const CROWDED: &str = "---
title: A
---
# A

---
# A table

| a | b |
|---|---|
ROWS

---
# Code

```
CODE```

---
# A list

ITEMS

---
# שלום עולם, 世界

- שלום 世界 world
- العربية ثم English ثم 日本語
- English, and then עברית

---
# Raw HTML

<script>document.title = 'run'</script>

An <img src=x onerror=\"document.title = 'run'\"> in text.

---
layout: nonsense
---
# The last of these
";

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn a_deck_of_everything_that_goes_wrong_is_shown_to_its_last_slide() {
    let root = owned_project("azcopy-field");
    let deck = CROWDED
        .replace("ROWS", &"| 1 | two |\n".repeat(1000))
        .replace("CODE", &"let line = 1;\n".repeat(1000))
        .replace("ITEMS", &"- an item\n".repeat(1000));
    std::fs::write(root.path().join("slides/azcopy-field/deck.md"), deck + &"\n---\n# One more\n".repeat(600))
        .expect("written");
    let app = App::open("crowded", root.path(), "azcopy-field").await;
    let said = app.until("[data-testid=faults]").await;
    assert!(said.contains("deck.md:") && said.contains("nonsense"), "{said}");
    app.press("o").await;
    // Of the 500 that a deck has, the one with a fault in its head is internal until that is mended.
    app.until_true("499 slides at once", "return document.querySelectorAll('[data-testid=thumb]').length === 499")
        .await;
    app.press(ESCAPE).await;
    app.press("s").await;
    app.client.set_window_size(1920, 1080).await.expect("a window has a size");
    let mut trouble = Vec::new();
    for slide in [1, 2, 3, 4, 5, 6, 498] {
        app.go_to(slide).await;
        let Value::Array(found) = app.eval(TROUBLE).await else { panic!("slide {slide}: no answer") };
        trouble.extend(found.iter().filter_map(Value::as_str).map(|found| format!("slide {}: {found}", slide + 1)));
        app.shot(&format!("crowded-{}", slide + 1)).await;
    }
    assert!(trouble.is_empty(), "{}", trouble.join("\n"));
    let ran = app.eval("return document.title === 'run'").await;
    assert_eq!(ran, Value::Bool(false), "nothing of a deck is run");
    // Where a line's text stands is the side on which its script begins.
    let side = "const lines = [...document.querySelectorAll('[data-slide=\"4\"] li p')]; return lines.map(line => {
         const text = document.createRange(); text.selectNodeContents(line);
         const words = text.getBoundingClientRect(), box = line.getBoundingClientRect();
         return words.left - box.left < box.right - words.right ? 'left' : 'right';
     }).join()";
    app.go_to(4).await;
    assert_eq!(app.eval(side).await, Value::from("right,right,left"), "each line runs the way of its script");
    app.close(root.path()).await;
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn a_killed_show_comes_back_at_its_slide_and_clock() {
    let root = owned_project("azcopy-field");
    let app = App::open("resume", root.path(), "azcopy-field").await;
    app.until("[data-testid=stack]").await;
    app.press("t").await;
    for slide in 1..3 {
        app.press(PAGE_DOWN).await;
        app.until(&format!("[data-testid=presenter] [data-testid=slide][data-slide='{slide}']")).await;
    }
    let note = root.path().join(".greenroom/resume.json");
    app.until_file(&note, "\"slide\":2").await;
    app.kill(root.path());

    let app = App::open("resume", root.path(), "azcopy-field").await;
    app.until("[data-testid=presenter] [data-testid=slide][data-slide='2']").await;
    app.until_true(
        "the clock runs on",
        "return !document.querySelector('[data-testid=clock]').classList.contains('paused')",
    )
    .await;
    app.close(root.path()).await;
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn nothing_above_the_level_reaches_the_audience() {
    let root = owned_project("azcopy-field");
    let deck = root.path().join("slides/azcopy-field/deck.md");
    let good = std::fs::read_to_string(&deck).expect("a deck");
    let secret = "\n\n---\naudience: internal\n---\n# Wombat slide\n\n<!-- Wombat words. -->\n";
    std::fs::write(&deck, good.clone() + secret).expect("written");
    let app = App::open("level", root.path(), "azcopy-field").await;
    app.until("[data-testid=stack]").await;
    app.press("a").await;
    app.switch_to("audience").await;
    app.until("[data-testid=audience-view] [data-testid=slide]").await;
    // All that the audience's window is ever sent: it subscribes once more, and keeps what comes.
    let listen = "window.received = ''; const channel = new window.__TAURI__.core.Channel();
        channel.onmessage = push => { window.received += push; };
        window.__TAURI__.core.invoke('subscribe', { channel }); return true";
    app.eval(listen).await;
    app.until_true("the show is sent", "return window.received.includes('Bring your own AzCopy')").await;
    let received = "return window.received + document.documentElement.outerHTML";
    let page = app.eval(received).await;
    assert!(!page.as_str().expect("a page").contains("Wombat"), "an internal slide in a public show");

    // The speaker chooses another level, and there it is, without its words.
    app.switch_to("presenter").await;
    app.press("o").await;
    app.until("[data-testid=versions]").await;
    app.eval("document.querySelector('[data-version=internal]').click(); return true").await;
    app.until_true(
        "the slide",
        "return document.querySelector('[data-testid=overview]').innerText.includes('Wombat slide')",
    )
    .await;
    let slides = app.eval("return document.querySelectorAll('[data-testid=thumb]').length").await;
    app.switch_to("audience").await;
    let page = app.eval(received).await;
    assert!(!page.as_str().expect("a page").contains("Wombat"), "a slide to come is not sent ahead");
    app.switch_to("presenter").await;
    app.press(&format!("{ESCAPE}{}{ENTER}", slides.as_u64().expect("a count"))).await;
    app.switch_to("audience").await;
    app.until_true("the slide is sent", "return window.received.includes('Wombat slide')").await;
    let page = app.eval(received).await;
    assert!(!page.as_str().expect("a page").contains("Wombat words"), "the narrative is the speaker's");
    app.close(root.path()).await;
}
