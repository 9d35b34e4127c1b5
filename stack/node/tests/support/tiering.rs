//! What tests say to a server that offloads.
#![allow(dead_code, reason = "each test file uses its own part")]

use super::cloud::Cloud;
use super::{ACCOUNT, CONTAINER, Stack, send};
use greenroom_model::offload::{CloudFault, CloudFaultKind, OffloadStatus, PassReport, Rules, RunRequest, Treatment};
use reqwest::{Method, StatusCode};
use std::time::Duration;

/// Only there so that a hang fails.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub async fn status(stack: &Stack) -> OffloadStatus {
    let sent = stack.control(Method::GET, "/v1/offload").send().await.expect("the control API answers");
    sent.json().await.expect("a status")
}

pub async fn set_rules(stack: &Stack, rules: &Rules) {
    let set = stack.put("/v1/offload/policy", rules).await;
    assert!(set.status().is_success(), "{}", set.text().await.expect("a text"));
}

pub async fn run(stack: &Stack, request: &RunRequest) -> Result<PassReport, StatusCode> {
    let sent = stack.control(Method::POST, "/v1/offload/run").json(request).send().await.expect("an answer");
    match sent.status() {
        StatusCode::OK => Ok(sent.json().await.expect("a report")),
        other => Err(other),
    }
}

pub async fn fault(stack: &Stack, fault: Option<CloudFaultKind>) {
    let set = match fault {
        Some(kind) => stack.put("/v1/offload/fault", &CloudFault { kind, percent: None, delay_ms: Some(20) }).await,
        None => stack.control(Method::DELETE, "/v1/offload/fault").send().await.expect("an answer"),
    };
    assert_eq!(set.status(), 204);
}

/// Waits for something to become true of the status.
pub async fn wait(stack: &Stack, what: &str, holds: impl Fn(&OffloadStatus) -> bool) -> OffloadStatus {
    let mut last = None;
    let waiting = async {
        loop {
            let status = status(stack).await;
            if holds(&status) {
                return status;
            }
            last = Some(status);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(status) => status,
        Err(_) => panic!("{what} does not come: {last:?}"),
    }
}

pub fn at_once() -> Rules {
    Rules { otherwise: Treatment::AtOnce, ..Rules::default() }
}

/// Everything leaves, and nothing is left on flash but names.
pub async fn send_all_away(stack: &Stack, blobs: u64) {
    set_rules(stack, &at_once()).await;
    wait(stack, "all in the cloud", |status| status.offloaded.blobs == blobs && status.pending.blobs == 0).await;
}

pub async fn content(stack: &Stack, name: &str) -> Vec<u8> {
    let got = send(stack, "GET", &format!("{CONTAINER}/{name}"), &[], "").await;
    assert_eq!(got.status(), 200, "{name}");
    got.bytes().await.expect("its content").to_vec()
}

/// With an account and a container to work in.
pub async fn stack_at(cloud: &Cloud, more: &[&str]) -> Stack {
    let stack = cloud.stack(more).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    stack
}
