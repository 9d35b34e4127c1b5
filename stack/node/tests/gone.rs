//! What has left is seen to be gone, in the cloud too; and what was written down about it cannot be taken back unseen.

use crate::support::cloud::Cloud;
use crate::support::tiering::{at_once, run, set_rules, wait};
use crate::support::{ACCOUNT, Stack, stack_command};
use greenroom_model::offload::RunRequest;
use greenroom_model::tenancy::{AuditEntry, AuditVerdict, Receipt};
use greenroom_store::{Config, Store, SystemClock};
use greenroom_tenancy::audit::{Audit, Keep};
use reqwest::Method;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const FILE: &str = "
version: 1
tenants:
  - name: gold
    projects: [{ name: all, accounts: [{ name: acct, containers: [{ name: photos }] }] }]
  - name: silver
    projects: [{ name: all, accounts: [{ name: other, containers: [{ name: photos }] }] }]
";
const OTHER: &str = "other";
const BLOBS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_complete_once_the_cloud_has_let_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stack = bed(folder.path()).await;
    put(&stack, ACCOUNT, "photos/secretname").await;
    put(&stack, OTHER, "photos/kept").await;
    all_away(&stack, 2 * BLOBS as u64).await;
    // Of two that share segments, one has overwritten what it had: the names are there still.
    put(&stack, ACCOUNT, "photos/secretname").await;
    all_away(&stack, 2 * BLOBS as u64).await;
    assert!(holding(folder.path(), "secretname").await > 0 && holding(folder.path(), "kept").await > 0);

    let never = stack.control(Method::GET, "/v1/tenants/silver/receipt").send().await.expect("an answer");
    assert_eq!(never.status(), 404);
    let first: Receipt = post(&stack, "/v1/tenants/gold/off-board").await;
    assert_eq!((first.blobs, &first.gone_at, first.segments_left_in_cloud), (BLOBS as u64, &None, None), "{first:?}");
    assert!(first.bytes_left_in_cloud > 0);
    let again: Receipt = post(&stack, "/v1/tenants/gold/off-board").await;
    assert_eq!(again, first, "what was said once stays said");
    // The name is given out again meanwhile, and used: the receipt is about who has left.
    apply(&stack).await;
    put(&stack, ACCOUNT, "photos/newname").await;
    all_away(&stack, 2 * BLOBS as u64).await;
    // With the usual grace nothing is removed yet, and the receipt says what it waits for.
    collect(&stack, 86_400).await;
    let waiting: Receipt = get(&stack, "/v1/tenants/gold/receipt").await;
    assert!(waiting.segments_left_in_cloud.is_some_and(|left| left > 0) && waiting.gone_at.is_none(), "{waiting:?}");
    stack.kill().await;
    stack.restart_with(&[&format!("--offload-to={}", target(folder.path()))]).await;
    let kept: Receipt = get(&stack, "/v1/tenants/gold/receipt").await;
    assert_eq!(kept, waiting, "also after a crash");
    let gone = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            collect(&stack, 0).await;
            let receipt: Receipt = get(&stack, "/v1/tenants/gold/receipt").await;
            if receipt.gone_at.is_some() {
                return receipt;
            }
        }
    });
    let gone = gone.await.expect("it is gone in time");
    assert_eq!(holding(folder.path(), "secretname").await, 0, "{gone:?}");
    assert!(holding(folder.path(), "kept").await > 0 && holding(folder.path(), "newname").await > 0);
    assert_eq!((gone.bytes_left_in_cloud, gone.segments_left_in_cloud, gone.audit_seq), (0, Some(0), first.audit_seq));
    let said = gone.gone_audit_seq.expect("an entry");
    let entry: Vec<AuditEntry> = get(&stack, &format!("/v1/audit?after={}", said - 1)).await;
    assert_eq!((entry[0].action.as_str(), entry[0].subject.as_str()), ("tenant.gone", "gold"));
    for number in 0..BLOBS {
        let url = stack.url_in(OTHER, &format!("photos/kept{number}")).await;
        assert_eq!(stack.http.get(url).send().await.expect("an answer").status(), 200, "another tenant's is there");
    }
}

/// Whoever can write to the data folder writes the log anew, and the catalog's note of it too.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_written_anew_is_told_by_the_volume() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stack = bed(folder.path()).await;
    put(&stack, ACCOUNT, "photos/a").await;
    noted(&stack).await;
    all_away(&stack, BLOBS as u64).await;
    let whole: AuditVerdict = get(&stack, "/v1/audit/verify").await;
    assert!(whole.whole, "{whole:?}");
    assert!(stack.stop().await.success());
    let log = stack.data().join("audit.ndjson");
    std::fs::remove_file(&log).expect("removed");
    let audit = Audit::open(&log, Keep::default(), Arc::new(|| "2026-11-23T08:00:00Z".to_owned())).expect("a log");
    let head = audit.done("operator", "tenants.apply", "", "").expect("an entry");
    audit.close();
    let store = Store::open(stack.data(), Config::default(), Arc::new(SystemClock)).await.expect("a store");
    store.note_audit(head.seq, head.hash).await.expect("noted");
    store.close().await.expect("closed");
    drop(store);
    let (ok, said) = stack_command(&["audit", "verify", "--data", stack.data().to_str().expect("a path")], &[]).await;
    assert!(ok, "by what lies in the folder it looks whole: {said}");
    stack.restart_with(&[&format!("--offload-to={}", target(folder.path()))]).await;
    let entry = entry_of(&stack, "audit.broken").await;
    assert!(entry.detail.contains("cut or written anew"), "{entry:?}");
    let verdict: AuditVerdict = get(&stack, "/v1/audit/verify").await;
    assert!(!verdict.whole, "{verdict:?}");
}

/// A folder that is made of what lies in the cloud has a log of its own, and says which it follows.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_rebuilt_says_whose_log_its_own_follows() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stack = bed(folder.path()).await;
    put(&stack, ACCOUNT, "photos/a").await;
    noted(&stack).await;
    all_away(&stack, BLOBS as u64).await;
    assert!(stack.stop().await.success());
    let data = tempfile::tempdir().expect("a folder");
    let new = data.path().join("new");
    let (url, path) = (target(folder.path()), new.to_str().expect("a path").to_owned());
    let (ok, said) = stack_command(&["rebuild", "--from", &url, "--data", &path], &[]).await;
    assert!(ok, "{said}");
    let stack = Stack::start_in(new, &[&format!("--offload-to={url}")]).await;
    let entry = entry_of(&stack, "audit.follows").await;
    assert!(entry.detail.contains("another audit log"), "{entry:?}");
    let verdict: AuditVerdict = get(&stack, "/v1/audit/verify").await;
    assert!(verdict.whole, "{verdict:?}");
}

async fn bed(folder: &Path) -> Stack {
    let stack = Cloud::at(target(folder), None).stack(&["--flash-size=256MiB"]).await;
    apply(&stack).await;
    set_rules(&stack, &at_once()).await;
    stack
}

fn target(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

async fn apply(stack: &Stack) {
    let sent = stack.control(Method::PUT, "/v1/tenants").header("content-type", "application/yaml").body(FILE);
    let answer = sent.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.text().await.expect("a text"));
}

async fn put(stack: &Stack, account: &str, name: &str) {
    for number in 0..BLOBS {
        let url = stack.url_in(account, &format!("{name}{number}")).await;
        let body = format!("{name}, {number}").repeat(500);
        let put = stack.http.put(url).header("x-ms-blob-type", "BlockBlob").body(body).send().await;
        assert_eq!(put.expect("an answer").status(), 201);
    }
}

async fn all_away(stack: &Stack, blobs: u64) {
    let away =
        |status: &greenroom_model::offload::OffloadStatus| status.offloaded.blobs == blobs && status.pending.blobs == 0;
    wait(stack, "all in the cloud", away).await;
}

async fn collect(stack: &Stack, grace_s: u64) {
    run(stack, &RunRequest { collect_grace_s: Some(grace_s), ..RunRequest::default() }).await.expect("a pass");
}

/// Objects of the volume whose list names something.
async fn holding(folder: &Path, name: &str) -> usize {
    let mut files = Vec::new();
    walk(&folder.join("v1/main/seg"), &mut files);
    let mut holding = 0;
    for file in files {
        let (ok, said) = stack_command(&["segment", "ls", &format!("file://{}", file.display())], &[]).await;
        assert!(ok, "{said}");
        holding += usize::from(said.contains(name));
    }
    holding
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

/// Until the catalog has noted how far the log goes, and the volume with the next change.
async fn noted(stack: &Stack) {
    tokio::time::sleep(Duration::from_secs(6)).await;
    put(stack, ACCOUNT, "photos/a").await;
    run(stack, &RunRequest::default()).await.expect("a pass");
}

async fn entry_of(stack: &Stack, action: &str) -> AuditEntry {
    let waiting = async {
        loop {
            let entries: Vec<AuditEntry> = get(stack, "/v1/audit").await;
            if let Some(entry) = entries.into_iter().find(|entry| entry.action == action) {
                return entry;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it is written down in time")
}

async fn get<T: DeserializeOwned>(stack: &Stack, path: &str) -> T {
    let answer = stack.control(Method::GET, path).send().await.expect("an answer");
    answer.error_for_status().expect("it is found").json().await.expect("its document")
}

async fn post<T: DeserializeOwned>(stack: &Stack, path: &str) -> T {
    let answer = stack.control(Method::POST, path).send().await.expect("an answer");
    answer.error_for_status().expect("it is done").json().await.expect("its document")
}
