//! The booth: slides and takes that go round unattended, past whatever is broken.

#[path = "support/director.rs"]
mod director;
#[expect(dead_code, reason = "what the other tests share, not all of which is needed here")]
mod support;

use director::{call, of_talk, open};
use futures::StreamExt;
use greenroom_director::Director;
use greenroom_director::Places;
use greenroom_director::takes::library::Takes;
use greenroom_show::call::{GoTo, Next, Push, RestartBooth, Role, RunGroup, ToggleBooth, ToggleCurtain};
use greenroom_show::{Curtain, StepState};
use std::path::Path;
use std::sync::{Arc, Mutex};
use support::{Tools, project, until, write};

const DECK: &str = "---
title: A talk
---
# One

---
demo: small
---
# Two

---
# Three

- First
- Second

<!-- Now. [click] And. [click] Then. -->
";

const DEMO: &str = "---
title: Small
tools: [sh]
---
```steps first
run sh -c 'echo first'
```
";

/// A talk whose demo has run so often, and what its booth shows.
async fn stand(booth: &str, runs: usize) -> (tempfile::TempDir, Vec<String>) {
    let root = project(DEMO, Tools::Absent);
    write(&root.path().join("slides/talk/deck.md"), DECK);
    for _ in 0..runs {
        let director = open(of_talk(root.path())).await;
        call(&director, GoTo { slide: 1 }).await.expect("there");
        call(&director, RunGroup { demo: "small".into(), group: "first".into() }).await.expect("it starts");
        until("it passes", || (director.show().runs["small"].state(0) == StepState::Passed).then_some(())).await;
        director.close().await;
    }
    let ids: Vec<String> = Takes::open(&Places::within(root.path())).list().into_iter().map(|take| take.id).collect();
    let booth =
        ids.iter().enumerate().fold(booth.to_string(), |text, (index, id)| text.replace(&format!("TAKE{index}"), id));
    write(&root.path().join("slides/talk/booth.yaml"), &booth);
    (root, ids)
}

async fn on_slide(director: &Director, slide: usize) {
    until(&format!("slide {}", slide + 1), || (director.show().position.slide == slide).then_some(())).await;
}

async fn plays(director: &Director, take: &str) {
    until(take, || director.show().recorded.filter(|recorded| recorded.take.id == take).map(|_| ())).await;
}

/// All that the audience's windows are told, as it is sent.
fn told(director: &Director) -> Arc<Mutex<String>> {
    let heard = Arc::new(Mutex::new(String::new()));
    let (told, pushes) = (heard.clone(), director.subscribe(Role::Audience));
    tokio::spawn(async move {
        let mut pushes = Box::pin(pushes);
        while let Some(push) = pushes.next().await {
            assert!(matches!(push, Push::Audience(_)));
            told.lock().expect("whole").push_str(&serde_json::to_string(&push).expect("plain values"));
        }
    });
    heard
}

fn damage(root: &Path, id: &str, text: &str) {
    std::fs::write(root.join(format!("takes/{id}.take.ndjson")), text).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booth_goes_round_past_takes_that_are_broken_or_gone_and_tells_the_audience_nothing() {
    let list = "- slide: 1\n  for: 1s\n- take: broken\n- take: TAKE0\n- take: TAKE1\n- slide: Three\n  for: 300ms\n";
    let (root, ids) = stand(list, 2).await;
    let [newest, oldest] = ids.as_slice() else { panic!("{ids:?}") };
    damage(root.path(), "broken", "no take at all");
    let director = open(of_talk(root.path())).await;
    let audience = told(&director);
    call(&director, ToggleCurtain { curtain: Curtain::Black }).await.expect("drawn");
    call(&director, ToggleBooth {}).await.expect("it begins");
    until("the booth is on", || director.show().booth).await;
    assert_eq!(director.show().curtain, Curtain::Open, "there is something to see");
    on_slide(&director, 0).await;
    // One that was whole when the list was read.
    std::fs::remove_file(Takes::open(&Places::within(root.path())).path(newest)).expect("gone");
    plays(&director, oldest).await;
    on_slide(&director, 2).await;
    assert_eq!(director.show().position.reveal, 2, "all that the slide has");
    on_slide(&director, 0).await;
    plays(&director, oldest).await;
    on_slide(&director, 2).await;

    call(&director, ToggleBooth {}).await.expect("it ends");
    let show = director.show();
    assert!(show.recorded.is_none() && show.recording("small").is_none(), "the demo is the speaker's again");
    let said: Vec<String> = director.show().notices.iter().map(|notice| notice.text.clone()).collect();
    let count = |word: &str| said.iter().filter(|text| text.contains(word)).count();
    assert_eq!(count("there is no take 'broken' that can be read"), 1, "once, and not at each round: {said:#?}");
    assert!(count("The booth passes something over") == 1, "{said:#?}");
    let audience = audience.lock().expect("whole").clone();
    assert!(audience.contains("Three") && !audience.contains("passes something over") && !audience.contains("broken"));
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booth_starts_over_at_a_key_and_nothing_else_moves_it() {
    let (root, _) = stand("- slide: 1\n  for: 300ms\n- slide: 3\n  for: 10m\n", 0).await;
    let director = open(of_talk(root.path())).await;
    let none = call(&director, RestartBooth {}).await.expect_err("no booth").to_string();
    assert!(none.contains("Shift B"), "{none}");
    director.begin_booth().expect("as the app's --booth");
    on_slide(&director, 2).await;
    let refused = call(&director, Next {}).await.expect_err("a sleeve on the keyboard").to_string();
    assert!(refused.contains("the booth is on"), "{refused}");
    call(&director, RestartBooth {}).await.expect("from its start");
    on_slide(&director, 0).await;
    on_slide(&director, 2).await;
    call(&director, ToggleBooth {}).await.expect("it ends");
    assert_eq!(director.show().booth, None);
    call(&director, GoTo { slide: 0 }).await.expect("the speaker's again");
    director.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_or_with_one_that_cannot_be_read_the_talk_goes_round() {
    let (root, ids) = stand("- slide: [", 1).await;
    let director = open(of_talk(root.path())).await;
    call(&director, ToggleBooth {}).await.expect("it begins all the same");
    until("it is said", || {
        director.show().notices.iter().any(|notice| notice.text.contains("booth.yaml:1:")).then_some(())
    })
    .await;
    on_slide(&director, 0).await;
    plays(&director, &ids[0]).await;
    assert_eq!(director.show().position.slide, 1, "on the slide that cues it");
    director.close().await;
}
