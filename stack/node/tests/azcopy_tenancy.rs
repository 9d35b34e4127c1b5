//! The real AzCopy where a tenant is bounded: it slows down and finishes, or says why it cannot.

use crate::support::azcopy::AzCopy;
use crate::support::{CONTAINER, Stack, tree};
use greenroom_model::metrics::Metrics;
use greenroom_model::tenancy::UsageRow;
use reqwest::{Method, StatusCode};
use std::path::Path;
use std::process::Command;

/// `acct` with one container, its tenant with a share, the container with a quota; each as YAML.
async fn bounded(share: &str, quota: &str) -> Stack {
    let stack = Stack::start().await;
    let file = format!(
        "version: 1\ntenants: [{{ name: gold, share: {share}, projects: [{{ name: work, accounts: [{{ name: acct, \
         containers: [{{ name: {CONTAINER}, quota: {quota} }}] }}] }}] }}]"
    );
    let sent = stack.control(Method::PUT, "/v1/tenants").body(file).send().await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::OK, "{}", sent.text().await.expect("a text"));
    stack
}

async fn container(stack: &Stack) -> String {
    format!("{}/acct/{CONTAINER}?{}", stack.ready.blob, stack.sas(Some(CONTAINER), "racwdl").await)
}

fn all_of(dir: &Path) -> String {
    format!("{}/*", dir.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_tight_limit_it_slows_down_and_finishes_with_no_failed_file() {
    let azcopy = AzCopy::find();
    let stack = bounded("{ ceiling: { ops_per_s: 12, bytes_per_s: 2 MiB }, burst_s: 0.2 }", "{}").await;
    let (source, back) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let mut expected: tree::Hashes =
        (0..40).map(|n| tree::write(source.path(), &format!("{n:02}.bin"), 2000)).collect();
    expected.extend([tree::write(source.path(), "large.bin", 5 << 20)]);
    let (from, container) = (all_of(source.path()), container(&stack).await);
    let up = azcopy.run(&["copy", &from, &container, "--recursive", "--from-to=LocalBlob", "--block-size-mb=1"]).await;
    assert!(up.contains("Number of File Transfers Failed: 0") && up.contains("Completed: 41"), "{up}");
    let (all, to) = (container.replacen('?', "/*?", 1), back.path().to_str().expect("UTF-8"));
    let down = azcopy.run(&["copy", &all, to, "--recursive", "--from-to=BlobLocal"]).await;
    assert!(down.contains("Number of File Transfers Failed: 0") && down.contains("Completed: 41"), "{down}");
    assert_eq!(tree::hashes(back.path()), expected);

    let used = stack.control(Method::GET, "/v1/usage").send().await.expect("an answer");
    let used: Vec<UsageRow> = used.json().await.expect("rows");
    let slowed: u64 = used.iter().map(|row| row.throttled_ms + row.throttled).sum();
    assert!(slowed > 0, "it was not slowed down: {used:?}");
    let metrics = stack.control(Method::GET, "/v1/metrics").send().await.expect("an answer");
    let metrics: Metrics = metrics.json().await.expect("metrics");
    assert_eq!(metrics.tenants[&"gold".parse().expect("a good name")].blobs, 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_quota_it_ends_and_says_why_file_by_file() {
    let (azcopy, stack) = (AzCopy::find(), bounded("{}", "{ bytes: 100 KiB }").await);
    let source = tempfile::tempdir().expect("a folder");
    for number in 0..4 {
        tree::write(source.path(), &format!("{number}.bin"), 40 << 10);
    }
    let (from, into) = (all_of(source.path()), container(&stack).await);
    let (good, said) = azcopy.attempt(&["copy", &from, &into, "--recursive", "--from-to=LocalBlob"]).await;
    assert!(!good && said.contains("Number of File Transfers Failed: 2"), "two of 40 KiB fit: {said}");
    assert_eq!(stack.names().await.len(), 2);
    // AzCopy prints, for each file, what stands on the status line.
    let log = azcopy.log();
    let told = log.lines().filter(|line| line.contains("UPLOADFAILED") && line.contains("409 The quota is reached"));
    assert_eq!(told.count(), 2, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_a_hand_over_moves_what_is_in_the_folder_it_is_pasted_in() {
    let (azcopy, stack) = (AzCopy::find(), bounded("{}", "{}").await);
    let source = tempfile::tempdir().expect("a folder");
    for name in ["a.bin", "in/b.bin", "in/deep/c d.bin"] {
        tree::write(source.path(), name, 3000);
    }
    // As a user's shell has it: AzCopy is a name on its path.
    let arguments = ["hand-over", "gold", "--control", &stack.ready.control, "--data"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom-stack"));
    let told = command.args(arguments).arg(stack.data()).output().expect("it runs");
    let line = String::from_utf8(told.stdout).expect("UTF-8");
    assert!(told.status.success() && line.starts_with("azcopy copy ") && line.lines().count() == 1, "{line}");
    assert!(!String::from_utf8_lossy(&told.stderr).contains("sig="), "what is said beside the line holds no secret");
    let pasted = azcopy.paste(source.path(), line.trim()).await;
    assert!(pasted.contains("Number of File Transfers Failed: 0"), "{pasted}");
    assert_eq!(stack.names().await, ["a.bin", "in/b.bin", "in/deep/c d.bin"]);
}
