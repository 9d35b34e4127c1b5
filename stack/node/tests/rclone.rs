//! rclone's azureblob backend, by the URL of a SAS.

use crate::support::{CONTAINER, Stack, rclone, tree};
use std::path::Path;

/// What rclone calls `path` below the container.
fn remote(path: &str) -> String {
    format!("stack:{CONTAINER}{path}")
}

#[tokio::test]
async fn a_tree_is_synced_both_ways_checked_and_purged() {
    let stack = Stack::with_container().await;
    let url = stack.url(CONTAINER).await;
    let remotes = [("stack", url.as_str())];
    let rclone = async |arguments: &[&str]| rclone::run(&remotes, arguments).await;
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
    rclone(&["sync", &from_text, &remote(""), "--azureblob-chunk-size", "4M"]).await;
    let listed = rclone(&["lsf", "-R", "--files-only", &remote("")]).await;
    let mut listed: Vec<_> = listed.lines().collect();
    listed.sort_unstable();
    assert_eq!(listed, ["deep/er/ü 日本+%25.bin", "empty", "large.bin", "plain.txt"]);
    rclone(&["check", &from_text, &remote(""), "--download"]).await;
    rclone(&["copy", &remote(""), &to_text]).await;
    for (name, bytes) in files {
        assert_eq!(std::fs::read(to.path().join(name)).expect(name), tree::content(name, bytes), "{name}");
    }
    std::fs::remove_file(from.path().join("plain.txt")).expect("removed");
    rclone(&["sync", &from_text, &remote("")]).await;
    assert!(!rclone(&["lsf", &remote("")]).await.contains("plain.txt"), "sync deletes");
    rclone(&["copyto", &remote("/large.bin"), &remote("/copied.bin")]).await;
    assert!(rclone(&["lsl", &remote("")]).await.contains("9000000"));
    rclone(&["delete", &remote("/deep")]).await;
    assert_eq!(stack.names().await, ["copied.bin", "empty", "large.bin"]);
}
