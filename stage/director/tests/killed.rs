//! A show that is killed in the middle of its takes: what is on disk opens, is a prefix of what was shown, and holds no word that was not
//! for its audience.

#[path = "support/director.rs"]
mod director;
mod support;

use director::{call, of_talk, open};
use greenroom_show::call::{GoTo, ListTakes, Next, OpenTake, RunGroup, ToggleCaptions, ToggleClock};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{DEMO, Tools, project, until, write};

/// More are run by hand: `GREENROOM_KILLS=50`.
const KILLS: u64 = 6;
const ROOT: &str = "GREENROOM_KILLED_ROOT";
const TALK: &str = "---
title: A talk
audience: partner
---
# One

<!-- [internal] MARKER spoken. -->

---
audience: internal
---
# MARKER slide

---
demo: small
---
# Three

---
audence: internal
---
# MARKER mistyped
";

/// What is killed: not a test by itself.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test below"]
async fn a_show() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let director = open(of_talk(Path::new(&root))).await;
    println!("up");
    call(&director, ToggleCaptions {}).await.expect("it does");
    call(&director, ToggleClock {}).await.expect("it does");
    call(&director, Next {}).await.expect("it does");
    call(&director, RunGroup { demo: "small".into(), group: "prepare".into() }).await.expect("it does");
    for slide in [0, 1].into_iter().cycle() {
        call(&director, GoTo { slide }).await.expect("it does");
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kill_leaves_opens_and_holds_only_what_was_shown() {
    let kills = std::env::var("GREENROOM_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    for seed in 0..kills {
        let root = project(DEMO, Tools::Absent);
        write(&root.path().join("slides/talk/deck.md"), TALK);
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["a_show", "--exact", "--ignored", "--nocapture"])
            .env(ROOT, root.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        lines.map_while(Result::ok).find(|line| line.contains("up")).expect("a show");
        // Anywhere between the first line and long after the last step.
        let moment = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        tokio::time::sleep(Duration::from_micros(moment % 1_500_000)).await;
        child.kill().expect("killed");
        child.wait().expect("ended");
        judge(root.path(), seed).await;
    }
}

async fn judge(root: &Path, seed: u64) {
    let takes = root.join("takes");
    for entry in std::fs::read_dir(&takes).into_iter().flatten().flatten() {
        let text = String::from_utf8_lossy(&std::fs::read(entry.path()).expect("readable")).into_owned();
        assert!(!text.contains("MARKER"), "seed {seed}: {:?} tells what it must not", entry.path());
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            serde_json::from_str::<serde_json::Value>(line)
                .unwrap_or_else(|error| panic!("seed {seed}: {error}: {line}"));
        }
    }
    let director = open(of_talk(root)).await;
    for take in call(&director, ListTakes {}).await.expect("it does") {
        call(&director, OpenTake { id: take.id.clone() }).await.expect("it does");
        until("it plays", || {
            director.show().playing(0).is_some_and(|playing| playing.take.id == take.id).then_some(())
        })
        .await;
    }
    director.close().await;
}
