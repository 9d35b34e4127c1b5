//! The same words in Slidev, served as its speakers serve it, for the benchmark to stand beside. Asserts no time.

use super::browser::{Browser, Ended, connected, free_port};
use super::processes::{REST, SLIDES, STAY, TALK, cpu_percent, family, percentile, pss_kib};
use super::workspace;
use greenroom_director::Library;
use greenroom_show::deck::{Block, Slide, plain};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Answers when that slide is in the frame that is drawn.
const NEXT: &str = "const began = performance.now();
    for (const kind of ['keydown', 'keyup'])
        window.dispatchEvent(new KeyboardEvent(kind, { key: 'ArrowRight', code: 'ArrowRight', bubbles: true }));
    const is_there = () => document.querySelector('.slidev-page-WANTED')?.offsetParent;
    while (!is_there()) await new Promise(requestAnimationFrame);
    return performance.now() - began;";

#[tokio::test]
#[ignore = "needs Slidev: 'cargo xtask bench app' brings it"]
async fn slidev_is_measured() {
    let program = std::env::var_os("GREENROOM_SLIDEV").expect("GREENROOM_SLIDEV names the program");
    let root = tempfile::tempdir().expect("a folder");
    std::fs::write(root.path().join("slides.md"), words()).expect("written");
    // Before the first time it prepares what it serves, and keeps that.
    drop(first_slide(Path::new(&program), root.path()).await);

    let begun = Instant::now();
    let (mut browser, server) = first_slide(Path::new(&program), root.path()).await;
    let window_s = begun.elapsed().as_secs_f64();
    tokio::time::sleep(REST).await;
    let firsts = [server.id(), browser.driver()];
    let processes = family(|pid| firsts.iter().any(|first| first == pid), "chromedriver");
    let idle_mib = processes.iter().map(|pid| pss_kib(pid)).sum::<u64>() / 1024;
    let idle_cpu_percent = cpu_percent(&processes).await;
    let mut changes = Vec::new();
    for slide in 2..=SLIDES {
        let took = browser.ask(&NEXT.replace("WANTED", &slide.to_string())).await;
        changes.push(took.as_f64().unwrap_or_else(|| panic!("slide {slide}: {took}")));
        tokio::time::sleep(STAY).await;
    }
    changes.sort_by(f64::total_cmp);
    let figures = json!({
        "window_s": window_s, "idle_pss_mib": idle_mib, "idle_cpu_percent": idle_cpu_percent,
        "change_ms": percentile(&changes, 50), "change_p95_ms": percentile(&changes, 95),
    });
    println!("GREENROOM_FIGURES {figures}");
}

/// Serves the slides, and opens the first one.
async fn first_slide(program: &Path, root: &Path) -> (Browser, Ended) {
    let port = free_port();
    let server = Command::new("node")
        .arg(program)
        .args(["slides.md", "--open", "false", "--port", &port.to_string()])
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("node is installed");
    let server = Ended(server);
    let mut browser = Browser::chromium().await;
    connected(("localhost", port), "Slidev").await;
    browser.open(&format!("http://localhost:{port}/1")).await;
    browser.until("the first slide", "return !!document.querySelector('.slidev-page-1')?.offsetParent").await;
    (browser, server)
}

/// What the audience reads of the talk, as Slidev wants it, without what it would fetch from elsewhere.
fn words() -> String {
    let talk = Library::new(workspace()).talk(TALK).expect("a talk");
    let mut text = "---\ntheme: none\nfonts:\n  provider: none\n---\n".to_string();
    for (index, slide) in talk.deck.slides.iter().enumerate() {
        if index > 0 {
            text.push_str("\n---\n");
        }
        slide_words(slide, &mut text);
    }
    text
}

fn slide_words(slide: &Slide, to: &mut String) {
    let mut line = |mark: &str, words: &str| {
        writeln!(to, "\n{mark}{}", words.replace(['{', '}', '<'], "")).expect("a string takes it");
    };
    for block in &slide.body {
        match block {
            Block::Heading { text, .. } => line("# ", &plain(text)),
            Block::Paragraph(text) => line("", &plain(text)),
            Block::List { items, .. } => {
                for block in items.iter().flatten() {
                    if let Block::Paragraph(text) = block {
                        line("- ", &plain(text));
                    }
                }
            }
            Block::Table { head, rows } => {
                let row = |cells: &[Vec<_>]| cells.iter().map(|cell| plain(cell)).collect::<Vec<_>>().join(" | ");
                let rule = vec!["---"; head.len()].join(" | ");
                let all: Vec<_> = [row(head), rule].into_iter().chain(rows.iter().map(|cells| row(cells))).collect();
                line("", &all.join("\n"));
            }
            Block::Code(_) | Block::Quote(_) | Block::Diagram(_) | Block::Compare(_) | Block::Column => {}
        }
    }
}
