//! Every shipped demo, live, group by group: no words stand over others or are cut off, at any size, in either theme.

use super::support::{App, workspace};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

const SIZES: [(u32, u32); 3] = [(1920, 1080), (1280, 720), (1024, 768)];
/// What the back row reads has so many pixels at least, on the stage.
const LETTERS_MIN: f64 = 28.0;

/// What is wrong with the words of the stage. Terminals show their last lines, and hide the others.
const TROUBLE: &str = "
const stage = document.querySelector('[data-testid=audience-view] .layer:not(.leaves) [data-testid=slide]');
const scale = stage.getBoundingClientRect().width / 1920, found = [], words = [];
const walker = document.createTreeWalker(stage, NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode());) {
  const e = node.parentElement, said = node.textContent.trim();
  if (!said || e.closest('.terminal, .for-readers, [hidden], .waits[aria-hidden]')) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  // Letters reach less far than their lines.
  for (const box of range.getClientRects()) {
    const inset = box.height * 0.22;
    words.push({ said, e, left: box.left + 1, right: box.right - 1, top: box.top + inset, bottom: box.bottom - inset });
  }
  const size = parseFloat(getComputedStyle(e).fontSize);
  if (e.closest('.pane') && size < LETTERS_MIN) found.push(`${size} px: ${said}`);
  for (let around = e; around && around !== stage.parentElement; around = around.parentElement) {
    const style = getComputedStyle(around);
    if (style.overflow === 'visible') continue;
    const edge = around.getBoundingClientRect(), all = range.getBoundingClientRect();
    if (all.right > edge.right + 1.5 * scale || all.bottom - all.height * 0.22 > edge.bottom + 1.5 * scale) {
      // A badge lets go of what has no room, whole.
      if (!around.classList.contains('badge')) found.push(`cut off by ${around.className}: ${said}`);
    }
  }
  if (getComputedStyle(e).textOverflow === 'ellipsis' && e.scrollWidth > e.clientWidth + 1) found.push(`shortened: ${said}`);
}
const is_seen = word => !word.e.closest('.badge');
for (const [index, a] of words.entries()) for (const b of words.slice(index + 1)) {
  const meet = a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  if (meet && is_seen(a) && is_seen(b)) found.push(`${a.said} | ${b.said}`);
}
return [...new Set(found)];";

/// Names the one demo that is looked at, by hand: all of them take minutes.
const ONLY: &str = "GREENROOM_DEMO";

/// A talk of one slide for each demo, with all panes that the demo directs.
fn talk(root: &Path) -> Vec<(String, Vec<String>)> {
    let mut deck = "---\ntitle: Every demo\naudience: public\nsection: Live\nminutes: 20\n".to_string();
    let mut demos = Vec::new();
    let mut slugs: Vec<_> = std::fs::read_dir(workspace().join("demos")).expect("demos").flatten().collect();
    slugs.sort_by_key(std::fs::DirEntry::file_name);
    if let Some(only) = std::env::var_os(ONLY) {
        slugs.retain(|entry| entry.file_name() == only);
    }
    for entry in slugs {
        let slug = entry.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(entry.path().join("demo.md")).expect("a demo");
        let groups: Vec<String> =
            text.lines().filter_map(|line| line.strip_prefix("```steps ")).map(String::from).collect();
        let topology = if text.contains("```topology") { "topology, " } else { "" };
        if !demos.is_empty() {
            deck.push_str("\n---\n");
        }
        let steps = groups.join(", ");
        write!(
            deck,
            "layout: demo\ndemo: {slug}\nsteps: [{steps}]\npanes: [charts, terminal, {topology}checks]\n---\n# {slug}\n\n- What it says\n"
        )
        .expect("a string takes it");
        demos.push((slug, groups));
    }
    for name in ["demos", ".tools"] {
        std::os::unix::fs::symlink(workspace().join(name), root.join(name)).expect("a link");
    }
    std::fs::create_dir_all(root.join("slides/every")).expect("a folder");
    std::fs::write(root.join("slides/every/deck.md"), deck).expect("written");
    demos
}

#[tokio::test]
#[ignore = "needs a display: 'cargo xtask test' brings one"]
async fn words_of_directed_demos_never_meet() {
    let root = tempfile::tempdir().expect("a folder");
    let demos = talk(root.path());
    let app = App::open("directed", root.path(), "every").await;
    app.until("[data-testid=stack][data-state=ready]").await;
    app.client.set_window_size(SIZES[0].0, SIZES[0].1).await.expect("a window has a size");
    app.press("s").await;
    let looked = TROUBLE.replace("LETTERS_MIN", &LETTERS_MIN.to_string());
    let mut trouble = Vec::new();
    for (index, (slug, groups)) in demos.iter().enumerate() {
        app.go_to(index as u64).await;
        for group in groups {
            app.call(json!({ "run-group": { "demo": slug, "group": group } })).await;
            // A short group is over before anybody looks.
            tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
            app.until_true("it rests", "return !document.querySelector('[data-testid=audience-view] .badge.running')")
                .await;
            for theme in ["dark", "light"] {
                app.eval(&format!("document.documentElement.dataset.theme = '{theme}'; return true")).await;
                for (width, height) in SIZES {
                    app.client.set_window_size(width, height).await.expect("a window has a size");
                    // Charts and heroes come in within a moment.
                    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
                    let Value::Array(found) = app.eval(&looked).await else { panic!("{slug} {group}: no answer") };
                    let found = found.iter().filter_map(Value::as_str);
                    trouble.extend(found.map(|found| format!("{slug} {group} {theme} at {width}x{height}: {found}")));
                    if (width, height) == SIZES[0] {
                        app.shot(&format!("{slug}-{group}-{theme}")).await;
                    }
                }
            }
        }
    }
    app.close(root.path()).await;
    assert!(trouble.is_empty(), "{}", trouble.join("\n"));
}
