//! The change feed of a real server: read by Microsoft's reader, and true to what has happened however often the server is killed.

use crate::support;
use crate::support::{ACCOUNT, Stack, python, stack_command};
use futures::future::join_all;
use greenroom_feed::read_chunk;
use greenroom_model::feed::{ChangeFeed, EventKind, EventPage, FeedStatus, Sink};
use reqwest::Method;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Kills of the normal run; `GREENROOM_KILLS` says another number.
const KILLS: u64 = 4;
const NAMES: usize = 12;
const WRITERS: usize = 4;
const SETTINGS: ChangeFeed = ChangeFeed { segment_seconds: 1, retention_days: None, shards: 3 };
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS_MAX: usize = 600;

async fn with_feed(settings: &ChangeFeed, containers: &[&str]) -> (Stack, String) {
    let stack = Stack::start().await;
    let keys = stack.make_account("gold", ACCOUNT, containers).await;
    let answer = stack.control(Method::PUT, &format!("/v1/accounts/{ACCOUNT}/change-feed")).json(settings).send().await;
    assert!(answer.expect("an answer").status().is_success());
    (stack, keys.key)
}

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_reader_reads_it_with_cursors_and_ranges_of_time() {
    let (stack, key) = with_feed(&ChangeFeed { shards: 2, ..SETTINGS }, &[]).await;
    let url = format!("{}/{ACCOUNT}", stack.ready.blob);
    python::run_checks("change_feed.py", &[("BLOB_URL", url.as_str()), ("ACCOUNT_KEY", &key)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_tells_is_what_is_there_however_often_the_server_is_killed() {
    let kills = std::env::var("GREENROOM_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let (mut stack, _) = with_feed(&SETTINGS, &["photos"]).await;
    for kill in 0..kills {
        let run = join_all((0..WRITERS as u64).map(|writer| scribble(&stack, kill * 31 + writer)));
        // At another moment of a segment each time.
        let moment = Duration::from_millis(300 + kill * 337 % 1_400);
        let _ = tokio::time::timeout(moment, run).await;
        stack.kill().await;
        stack.restart().await;
    }
    let _ = tokio::time::timeout(Duration::from_millis(300), scribble(&stack, 7)).await;
    until_quiet(&stack).await;
    let mut events = told(&stack).await;
    let all: BTreeSet<_> = events.iter().map(|event| event.sequencer.clone()).collect();
    assert_eq!(all.len(), events.len(), "each once");
    events.sort_by(|a, b| a.sequencer.cmp(&b.sequencer));
    let mut there = BTreeMap::new();
    for event in &events {
        match event.kind {
            Some(EventKind::Created) => drop(there.insert(event.blob.clone(), event.etag.clone())),
            Some(EventKind::Deleted) => drop(there.remove(&event.blob).expect("only what is there goes")),
            _ => {}
        }
    }
    let listed = listed(&stack).await;
    assert!(events.len() > kills as usize * 20 && !listed.is_empty(), "{} events", events.len());
    assert_eq!(there, listed);
}

#[tokio::test]
async fn whoever_asks_by_name_gets_what_is_new_until_it_is_told_to_have_come() {
    let stack = Stack::with_container().await;
    let sink = format!("/v1/accounts/{ACCOUNT}/sinks/tail");
    let answer = stack.control(Method::GET, &format!("{sink}/events")).send().await.expect("an answer");
    assert_eq!(answer.status(), 404, "there is none yet");
    stack.put_blob("before", "1").await;
    let made = stack.control(Method::PUT, &sink).json(&Sink::Pull).send().await.expect("an answer");
    assert!(made.status().is_success(), "{}", made.text().await.unwrap_or_default());
    for name in ["a", "b", "c"] {
        stack.put_blob(name, "1").await;
    }
    let ask = async |query: &str| -> EventPage {
        let answer = stack.control(Method::GET, &format!("{sink}/events{query}")).send().await.expect("an answer");
        answer.json().await.expect("a page")
    };
    let names = |page: &EventPage| -> Vec<String> {
        page.events.iter().filter_map(|event| event.blob.as_ref().map(ToString::to_string)).collect()
    };
    let first = ask("?max=2").await;
    assert_eq!(
        (names(&first), names(&ask("").await)),
        (vec!["a".into(), "b".into()], vec!["a".into(), "b".into(), "c".into()])
    );
    let rest = ask(&format!("?after={}", first.events[1].sequence)).await;
    assert_eq!(names(&rest), ["c"]);
    assert_eq!(names(&ask("").await), ["c"], "nobody has said that it has come");
    assert_eq!(names(&ask(&format!("?after={}", rest.events[0].sequence)).await), [""; 0]);
    let answer = stack.control(Method::DELETE, &sink).send().await.expect("an answer");
    let status: FeedStatus = answer.json().await.expect("a status");
    assert!(status.sinks.is_empty() && status.waiting == 0, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_prints_each_change_and_by_its_name_goes_on_where_it_stopped() {
    let stack = Stack::with_container().await;
    let sink = format!("/v1/accounts/{ACCOUNT}/sinks/mine");
    stack.control(Method::PUT, &sink).json(&Sink::Pull).send().await.expect("an answer");
    for name in ["a", "b", "c"] {
        stack.put_blob(name, "123").await;
    }
    let tail = async |count: &str| {
        let data = stack.data().to_str().expect("UTF-8");
        let server = ["--data", data, "--control", &stack.ready.control];
        let arguments = [&["events", "tail", ACCOUNT, "--name", "mine", "--count", count], &server[..]].concat();
        stack_command(&arguments, &[]).await
    };
    let (ended_well, said) = tail("2").await;
    assert!(ended_well && said.lines().count() == 2, "{said}");
    assert!(said.contains("created   ") && said.contains("/a  3 B  PutBlob"), "{said}");
    let (ended_well, said) = tail("1").await;
    assert!(ended_well && said.lines().count() == 1 && said.contains("/c  3 B  PutBlob"), "{said}");
    let (ended_well, said) = stack_command(&["events", "tail", "nobody", "--data", "/nowhere"], &[]).await;
    assert!(!ended_well && said.contains("/nowhere"), "{said}");
}

/// Writes, overwrites and deletes a few names, in an order of its own, until it is stopped or its server is.
async fn scribble(stack: &Stack, seed: u64) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    loop {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let path = format!("photos/{}", state as usize % NAMES);
        let request = match state >> 32 & 3 {
            0 => stack.blob("DELETE", &path).await,
            _ => stack.blob("PUT", &path).await.header("x-ms-blob-type", "BlockBlob").body(state.to_string()),
        };
        if request.send().await.is_err() {
            return;
        }
    }
}

/// Until all that has happened is in the feed.
async fn until_quiet(stack: &Stack) {
    let path = format!("/v1/accounts/{ACCOUNT}/change-feed");
    for _ in 0..LOOKS_MAX {
        let answer = stack.control(Method::GET, &path).send().await.expect("an answer");
        let status: FeedStatus = answer.json().await.expect("a status");
        if status.waiting == 0 {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("events still wait");
}

async fn told(stack: &Stack) -> Vec<greenroom_feed::Told> {
    let mut told = Vec::new();
    let files = stack.names_below(ACCOUNT, "$blobchangefeed", "").await;
    for file in files.iter().filter(|file| file.starts_with("log/")) {
        let answer = stack.blob("GET", &format!("$blobchangefeed/{file}")).await.send().await.expect("an answer");
        let chunk = answer.error_for_status().expect("it is there").bytes().await.expect("its content");
        told.extend(read_chunk(&chunk[..]).expect("a chunk").map(|event| event.expect("an event")));
    }
    told
}

async fn listed(stack: &Stack) -> BTreeMap<String, String> {
    let mut listed = BTreeMap::new();
    for name in stack.names_below(ACCOUNT, "photos", "").await {
        let answer = stack.blob("HEAD", &format!("photos/{name}")).await.send().await.expect("an answer");
        listed.insert(name, support::header(&answer, "etag").trim_matches('"').to_owned());
    }
    listed
}
