//! rclone's azureblob backend, by the URL of a SAS.

mod support;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use support::{CONTAINER, Stack, tree};
use tokio::process::Command;

const RUN_MAX: Duration = Duration::from_secs(120);

/// Runs rclone to its end, which must be a good one; what it printed.
async fn rclone(sas_url: &str, arguments: &[&str]) -> String {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("rclone");
    command.env_clear().env("HOME", home.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("RCLONE_CONFIG_STACK_TYPE", "azureblob").env("RCLONE_CONFIG_STACK_SAS_URL", sas_url);
    command.args(arguments).args(["--low-level-retries", "1", "--retries", "1"]);
    let output = tokio::time::timeout(RUN_MAX, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let output = output.expect("rclone ends in time").expect("rclone is installed: run `cargo xtask setup`");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "rclone {arguments:?}:\n{said}\n{complaints}");
    said
}

/// What rclone calls `path` below the container.
fn remote(path: &str) -> String {
    format!("stack:{CONTAINER}{path}")
}

#[tokio::test]
async fn a_tree_is_synced_both_ways_checked_and_purged() {
    let stack = Stack::with_container().await;
    let url = stack.url(CONTAINER).await;
    let url = url.as_str();
    let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let files = [("plain.txt", 10), ("empty", 0), ("deep/er/ü 日本+%25.bin", 300_000), ("large.bin", 9_000_000)];
    for (name, bytes) in files {
        let file = from.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, tree::content(name, bytes)).expect("a file");
    }
    let text = |folder: &Path| folder.to_str().expect("a plain path").to_owned();
    let (from_text, to_text) = (text(from.path()), text(to.path()));
    // Chunks smaller than the largest file, so that it travels in blocks.
    rclone(url, &["sync", &from_text, &remote(""), "--azureblob-chunk-size", "4M"]).await;
    let listed = rclone(url, &["lsf", "-R", "--files-only", &remote("")]).await;
    let mut listed: Vec<_> = listed.lines().collect();
    listed.sort_unstable();
    assert_eq!(listed, ["deep/er/ü 日本+%25.bin", "empty", "large.bin", "plain.txt"]);
    rclone(url, &["check", &from_text, &remote(""), "--download"]).await;
    rclone(url, &["copy", &remote(""), &to_text]).await;
    for (name, bytes) in files {
        assert_eq!(std::fs::read(to.path().join(name)).expect(name), tree::content(name, bytes), "{name}");
    }
    std::fs::remove_file(from.path().join("plain.txt")).expect("removed");
    rclone(url, &["sync", &from_text, &remote("")]).await;
    assert!(!rclone(url, &["lsf", &remote("")]).await.contains("plain.txt"), "sync deletes");
    rclone(url, &["copyto", &remote("/large.bin"), &remote("/copied.bin")]).await;
    assert!(rclone(url, &["lsl", &remote("")]).await.contains("9000000"));
    rclone(url, &["delete", &remote("/deep")]).await;
    assert_eq!(stack.names().await, ["copied.bin", "empty", "large.bin"]);
}
