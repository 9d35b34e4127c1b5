//! Flash full: writes are refused at once and clearly, everything else goes on, and room that deletions make can be written again.
//!
//! Once by the capacity that an operator sets, and once by a file system that has no more room, which takes root to mount.

use crate::support::azcopy::AzCopy;
use crate::support::{ACCOUNT, CONTAINER, Stack, send, tree, verdict};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");
const FULL: (u16, &str) = (409, "AccountCapacityExceeded");
const BLOB_BYTES: usize = 4 << 20;
/// More blobs than either stack here has room for.
const BLOBS_MAX: usize = 100;
/// Only there so that a hang fails: extents go a while after their content, when the store tidies up.
const PATIENCE: Duration = Duration::from_secs(120);

async fn put(stack: &Stack, name: &str) -> (u16, String) {
    let url = stack.blob("PUT", &format!("{CONTAINER}/{name}")).await;
    let sent = url.header(BLOCK_BLOB.0, BLOCK_BLOB.1).body(tree::content(name, BLOB_BYTES)).send().await;
    verdict(&sent.expect("an answer, and not a broken connection"))
}

/// Fills the stack, and returns how many blobs found room.
async fn fill(stack: &Stack) -> usize {
    for number in 0..BLOBS_MAX {
        let (status, code) = put(stack, &format!("{number:03}")).await;
        if status != 201 {
            assert_eq!((status, code.as_str()), FULL);
            return number;
        }
    }
    panic!("{BLOBS_MAX} blobs found room");
}

async fn a_full_stack_goes_on_and_recovers(stack: &Stack) {
    let kept = fill(stack).await;
    assert!(kept > 2, "there was room for something: {kept}");
    // All kinds of writes of content are refused alike.
    let content = "x".repeat(BLOB_BYTES);
    for (path, headers) in [("new", &[BLOCK_BLOB][..]), ("000", &[BLOCK_BLOB]), ("new?comp=block&blockid=QUFB", &[])] {
        let answer = send(stack, "PUT", &format!("{CONTAINER}/{path}"), headers, &content).await;
        assert_eq!(verdict(&answer), (FULL.0, FULL.1.to_owned()), "{path}");
        let document = answer.text().await.expect("a text");
        assert!(document.contains("The flash tier of this stack is full"), "{document}");
    }
    // Reads, lists, and what needs no flash go on.
    let names: Vec<String> = (0..kept).map(|number| format!("{number:03}")).collect();
    assert_eq!(stack.names().await, names);
    for name in &names {
        let got = send(stack, "GET", &format!("{CONTAINER}/{name}"), &[], "").await;
        assert!(got.bytes().await.expect("content") == tree::content(name, BLOB_BYTES), "{name}");
    }
    let set = send(stack, "PUT", &format!("{CONTAINER}/000?comp=metadata"), &[("x-ms-meta-k", "v")], "").await;
    assert_eq!(set.status(), 200);
    // AzCopy says what is wrong, and does not try for minutes.
    let (azcopy, local) = (AzCopy::find(), tempfile::tempdir().expect("a folder"));
    tree::write(local.path(), "large.bin", 2 * BLOB_BYTES);
    let (from, to) = (local.path().join("large.bin"), stack.url(&format!("{CONTAINER}/large.bin")).await);
    let copy = ["copy", from.to_str().expect("UTF-8"), &to, "--from-to=LocalBlob"];
    let (good, said) = tokio::time::timeout(PATIENCE, azcopy.attempt(&copy)).await.expect("AzCopy gives up at once");
    assert!(!good, "{said}");
    let log = azcopy.log();
    assert!(log.contains("409 The flash tier of this stack is full"), "AzCopy's log says why:\n{log}");

    // What is deleted makes room, also where every extent keeps something that lives.
    for name in names.iter().skip(1).step_by(2) {
        let gone = send(stack, "DELETE", &format!("{CONTAINER}/{name}"), &[], "").await;
        assert_eq!(gone.status(), 202, "{name}");
    }
    let recovering = async {
        while put(stack, "again").await.0 != 201 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, recovering).await.expect("there is room again");
    for name in names.iter().step_by(2).map(String::as_str).chain(["again"]) {
        let got = send(stack, "GET", &format!("{CONTAINER}/{name}"), &[], "").await;
        assert!(got.bytes().await.expect("content") == tree::content(name, BLOB_BYTES), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capacity_that_is_used_up() {
    let stack = Stack::start_with(&["--capacity=48MiB"]).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    a_full_stack_goes_on_and_recovers(&stack).await;
}

/// A file system in memory, unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(at: &Path, size: &str) -> Mount {
        let options = format!("size={size},mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).status();
        assert!(mounted.expect("mount runs").success(), "mounting takes root");
        Mount(at.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: the server that uses it may take a moment to end.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "mounts a small file system, which takes root: `cargo xtask test` runs it where it may"]
async fn a_file_system_that_is_full() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // Of which the store keeps 64 MiB free.
    let _mount = Mount::new(dir.path(), "160m");
    let stack = Stack::start_in(dir.path().join("data"), &[]).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    a_full_stack_goes_on_and_recovers(&stack).await;
}
