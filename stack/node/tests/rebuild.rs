//! `greenroom-stack rebuild`, as an operator runs it over a target that is not what it was: it exits with 3 and says what is wrong.

use crate::support;
use crate::support::cloud::Cloud;
use crate::support::{ACCOUNT, CONTAINER, Stack, header, send, tree};
use greenroom_model::offload::{OffloadState, OffloadStatus, Rules, RunRequest, Treatment};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

/// Only there so that a hang fails.
const PATIENCE: Duration = Duration::from_secs(120);

async fn wait(stack: &Stack, what: &str, holds: impl Fn(&OffloadStatus) -> bool) -> OffloadStatus {
    let waiting = async {
        loop {
            let sent = stack.control(Method::GET, "/v1/offload").send().await.expect("the control API answers");
            let status: OffloadStatus = sent.json().await.expect("a status");
            if holds(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what} does not come"))
}

async fn set_rules(stack: &Stack, rules: &Rules) {
    let set = stack.put("/v1/offload/policy", rules).await;
    assert!(set.status().is_success(), "{}", set.text().await.expect("a text"));
}

async fn pass(stack: &Stack) {
    let ran = stack.control(Method::POST, "/v1/offload/run").json(&RunRequest::default()).send().await;
    assert!(ran.expect("an answer").status().is_success());
}

async fn send_all_away(stack: &Stack, objects: u64) {
    set_rules(stack, &Rules { otherwise: Treatment::AtOnce, ..Rules::default() }).await;
    pass(stack).await;
    wait(stack, "all in the cloud", |status| status.offloaded.blobs == objects && status.pending.blobs == 0).await;
}

async fn content(stack: &Stack, path: &str) -> Vec<u8> {
    let got = send(stack, "GET", &format!("{CONTAINER}/{path}"), &[], "").await;
    assert_eq!(got.status(), 200, "{path}");
    got.bytes().await.expect("its content").to_vec()
}

/// A target, and a server that has sent blobs there, some of them in manifests of their own.
async fn furnished() -> (TempDir, Cloud, Stack, BTreeMap<String, Vec<u8>>) {
    let folder = tempfile::tempdir().expect("a folder");
    let cloud = Cloud::at(format!("file://{}", folder.path().display()), None);
    let stack = cloud.stack(&["--flash-size=256MiB"]).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let mut kept = BTreeMap::new();
    for number in 0..5_usize {
        for part in 0..4 {
            let name = format!("{number}-{part}");
            let content = tree::content(&name, 1_000 + number * 7_000);
            stack.put_blob(&name, content.clone()).await;
            kept.insert(name, content);
        }
        send_all_away(&stack, kept.len() as u64).await;
    }
    (folder, cloud, stack, kept)
}

fn manifests(target: &Path) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(target.join("v1/main/log")).expect("a log");
    let mut files: Vec<PathBuf> = folder.map(|file| file.expect("an entry").path()).collect();
    files.sort();
    files
}

fn rebuild(cloud: &Cloud, data: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom-stack"));
    command.args(["rebuild", "--from", &cloud.url, "--data"]).arg(data).args(more);
    command.output().expect("the program runs")
}

fn said(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_gone_is_never_zero_losses_and_good() {
    let (target, cloud, mut stack, kept) = furnished().await;
    assert!(stack.stop().await.success());
    let data = tempfile::tempdir().expect("a folder");
    let whole = rebuild(&cloud, &data.path().join("whole"), &["--verify", "--json"]);
    assert_eq!((whole.status.code(), &said(&whole)["clean"]), (Some(0), &Value::Bool(true)), "{whole:?}");
    for (number, file) in manifests(target.path()).iter().enumerate() {
        let bytes = std::fs::read(file).expect("a manifest");
        std::fs::remove_file(file).expect("removed");
        let gone = rebuild(&cloud, &data.path().join(format!("gone-{number}")), &["--verify", "--json"]);
        assert_eq!(gone.status.code(), Some(3), "{gone:?}");
        let report = said(&gone);
        assert_eq!((&report["blobs"], &report["lost"]), (&Value::from(kept.len()), &Value::Array(vec![])), "{report}");
        assert_eq!(report["faults"][0]["instead"], "copy", "{report}");
        assert!(file.ends_with(report["faults"][0]["object"].as_str().expect("a name")), "{report}");
        let text = rebuild(&cloud, &data.path().join(format!("text-{number}")), &[]);
        let text = String::from_utf8_lossy(&text.stdout).into_owned();
        assert!(text.contains("is missing: its copy says the same"), "{text}");
        std::fs::write(file, bytes).expect("put back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_log_is_told_and_mended_when_told_to() {
    let (target, cloud, mut stack, kept) = furnished().await;
    let deleted = send(&stack, "DELETE", &format!("{CONTAINER}/0-0"), &[], "").await;
    assert_eq!(deleted.status(), 202);
    pass(&stack).await;
    assert!(stack.stop().await.success());
    let last = manifests(target.path()).pop().expect("a manifest");
    // Its bytes are none of a manifest, as those of its copy.
    for file in [last.clone(), target.path().join("v1/main/copy").join(last.file_name().expect("a name"))] {
        std::fs::write(file, b"something else").expect("written");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let told = rebuild(&cloud, &data, &["--verify", "--json"]);
    assert_eq!(told.status.code(), Some(3), "{told:?}");
    let report = said(&told);
    assert_eq!((&report["blobs"], &report["bound"]), (&Value::from(kept.len()), &Value::Bool(false)), "{report}");
    let names = report["uncertain"]["names"].to_string();
    assert!(names.contains("photos/0-0"), "its deletion is what was lost: {report}");
    assert!(report["uncertain"]["because"].as_str().expect("why").contains("is lost"), "{report}");

    let arguments = cloud.arguments(&["--flash-size=256MiB"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut stack = Stack::start_in(data.clone(), &arguments).await;
    let refused = wait(&stack, "a refusal", |status| status.last_error.is_some()).await;
    assert_eq!(refused.state, OffloadState::Away, "nobody writes to a log with a gap");
    assert!(stack.stop().await.success());
    let before = manifests(target.path()).len();

    let mended = rebuild(&cloud, &data, &["--mend", "--json"]);
    assert_eq!((mended.status.code(), &said(&mended)["bound"]), (Some(3), &Value::Bool(true)), "{mended:?}");
    assert_eq!(manifests(target.path()).len(), before + 1);
    let stack = Stack::start_in(data, &arguments).await;
    wait(&stack, "the volume open", |status| status.state == OffloadState::Ready).await;
    for (name, expected) in &kept {
        assert!(content(&stack, name).await == *expected, "{name}");
    }
    stack.put_blob("new", "after it was mended").await;
    send_all_away(&stack, kept.len() as u64 + 1).await;
    assert_eq!(content(&stack, "new").await, b"after it was mended");
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_come_back_although_their_blob_was_on_flash() {
    let (_target, cloud, mut stack, kept) = furnished().await;
    let mut moments = Vec::new();
    for version in ["first", "second"] {
        stack.put_blob("kept", version).await;
        let taken = send(&stack, "PUT", &format!("{CONTAINER}/kept?comp=snapshot"), &[], "").await;
        assert_eq!(taken.status(), 201);
        moments.push((header(&taken, "x-ms-snapshot"), version));
    }
    send_all_away(&stack, kept.len() as u64 + 3).await;
    set_rules(&stack, &Rules::default()).await;
    stack.put_blob("kept", "on flash only").await;
    // The cloud is told that it needs the second version no more.
    pass(&stack).await;
    assert!(stack.stop().await.success());

    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let rebuilt = rebuild(&cloud, &data, &["--verify", "--json"]);
    assert_eq!(rebuilt.status.code(), Some(3), "{rebuilt:?}");
    let report = said(&rebuilt);
    assert_eq!((&report["blobs"], &report["snapshots"]), (&Value::from(kept.len() + 1), &Value::from(2)), "{report}");
    let older = report["older"].to_string();
    assert!(older.contains("photos/kept, as of its snapshot") && older.contains(&moments[1].0), "{report}");
    let arguments = cloud.arguments(&["--flash-size=256MiB"]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut stack = Stack::start_in(data.clone(), &arguments).await;
    wait(&stack, "the volume open", |status| status.state == OffloadState::Ready).await;
    for (moment, version) in &moments {
        assert_eq!(content(&stack, &format!("kept?snapshot={moment}")).await, version.as_bytes());
    }
    assert_eq!(content(&stack, "kept").await, b"second");
    assert!(stack.stop().await.success());
    let data = data.to_str().expect("UTF-8").to_owned();
    let (good, said) = support::stack_command(&["verify", "--data", &data], &[]).await;
    assert!(good, "{said}");
}
