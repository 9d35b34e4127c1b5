//! What a server says of its sinks, and what has come to one.

use super::{ACCOUNT, Stack};
use greenroom_model::feed::{FeedStatus, SinkStatus};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Only there so that a hang fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(90);

pub async fn status(stack: &Stack, sink: &str) -> SinkStatus {
    let answer = stack.control(Method::GET, &format!("/v1/accounts/{ACCOUNT}/change-feed")).send().await;
    let mut status: FeedStatus = answer.expect("an answer").json().await.expect("a status");
    status.sinks.remove(sink).expect("the sink is there")
}

pub async fn until_status(stack: &Stack, sink: &str, is_so: impl Fn(&SinkStatus) -> bool) -> SinkStatus {
    let waiting = async {
        loop {
            let status = status(stack, sink).await;
            if is_so(&status) {
                return status;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(status) => status,
        Err(_) => panic!("it does not come to that: {:?}", status(stack, sink).await),
    }
}

/// Writes blob after blob, each once, and notes those whose write was answered.
pub async fn scribble(stack: &Stack, run: u64, written: &mut Vec<String>) {
    for number in 0.. {
        let name = format!("{run}-{number}");
        stack.put_blob(&name, "1").await;
        written.push(name);
    }
}

/// The blobs of events in the order in which they first came, which must be that of the events.
pub fn in_order(taken: &[Value]) -> Vec<String> {
    let (mut last, mut names) = (0, Vec::new());
    let mut seen = BTreeSet::new();
    for event in taken {
        let id: u64 = text(&event["id"]).parse().expect("a number");
        if seen.insert(id) {
            assert!(id > last, "{id} comes after {last}");
            last = id;
            names.push(name_of(event));
        }
    }
    names
}

pub fn name_of(event: &Value) -> String {
    text(&event["subject"]).rsplit('/').next().unwrap_or_default().to_owned()
}

pub fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
