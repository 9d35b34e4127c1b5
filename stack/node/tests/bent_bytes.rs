//! Real clients through a proxy that bends bytes: whoever says what it sends is told that it did not arrive.

use crate::support::azcopy::AzCopy;
use crate::support::{ACCOUNT, CONTAINER, Stack, header, python, send, tree};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

/// Content that holds this arrives as `BENT`.
const MARK: &[u8] = b"bend-this-on-the-way";
const BENT: &[u8] = b"bend-thiS-on-the-way";
const RUN_MAX: Duration = Duration::from_secs(120);

/// A proxy before a stack, which bends what clients send; its URL.
async fn bender(stack: &Stack) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let server = stack.ready.blob.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.expect("the stack listens");
            let ((from_client, mut to_client), (mut from_server, to_server)) =
                (client.into_split(), server.into_split());
            tokio::spawn(bend(from_client, to_server));
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        }
    });
    format!("http://{address}")
}

async fn bend(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let (mut held, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while let Ok(read) = from.read(&mut buffer).await {
        held.extend_from_slice(&buffer[..read]);
        for at in 0..held.len().saturating_sub(MARK.len() - 1) {
            if &held[at..at + MARK.len()] == MARK {
                held[at..at + MARK.len()].copy_from_slice(BENT);
            }
        }
        // What may be the beginning of a mark waits for its end.
        let begun = (1..MARK.len()).rev().find(|&length| read > 0 && held.ends_with(&MARK[..length])).unwrap_or(0);
        let rest = held.split_off(held.len() - begun);
        if to.write_all(&held).await.is_err() || read == 0 {
            return;
        }
        held = rest;
    }
}

/// A file that will be bent in its middle.
fn marked(folder: &Path, name: &str, bytes: usize) -> String {
    let mut content = tree::content(name, bytes);
    content[bytes / 2..][..MARK.len()].copy_from_slice(MARK);
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a file");
    path.to_str().expect("a plain path").to_owned()
}

#[tokio::test]
async fn azcopy_is_told_by_the_md5_that_it_puts() {
    let stack = Stack::with_container().await;
    let (proxy, sas, folder) =
        (bender(&stack).await, stack.sas(None, "rwdlact").await, tempfile::tempdir().expect("a folder"));
    let azcopy = AzCopy::find();
    let url = |base: &str, name: &str| format!("{base}/{ACCOUNT}/{CONTAINER}/{name}?{sas}");
    let up = async |name: &str, bytes: usize, flags: &[&str]| {
        let (from, to) = (marked(folder.path(), name, bytes), url(&proxy, name));
        azcopy.attempt(&[&["copy", &from, &to, "--from-to=LocalBlob"], flags].concat()).await
    };
    let (good, said) = up("whole.bin", 300_000, &["--put-md5"]).await;
    assert!(!good, "{said}");
    assert!(azcopy.log().contains("Md5Mismatch"), "it is told why");
    assert!(stack.names().await.is_empty(), "nothing of it stayed");
    let plain = folder.path().join("plain.bin");
    std::fs::write(&plain, tree::content("plain.bin", 300_000)).expect("a file");
    let plain = plain.to_str().expect("a plain path");
    azcopy.run(&["copy", plain, &url(&proxy, "plain.bin"), "--from-to=LocalBlob", "--put-md5"]).await;

    // AzCopy's blocks carry no checksum, and what a Put Block List says is stored: whoever reads the blob finds out.
    let (good, said) = up("blocks.bin", 3 << 20, &["--put-md5", "--block-size-mb=1"]).await;
    assert!(good, "{said}");
    assert_eq!(header(&send(&stack, "HEAD", "photos/blocks.bin", &[], "").await, "content-md5").len(), 24);
    let down = folder.path().join("down.bin");
    let down = down.to_str().expect("a plain path");
    let from = url(&stack.ready.blob, "blocks.bin");
    let (good, said) =
        azcopy.attempt(&["copy", &from, down, "--from-to=BlobLocal", "--check-md5=FailIfDifferent"]).await;
    assert!(!good, "{said}");
    assert_eq!(stack.names().await, ["blocks.bin", "plain.bin"]);
}

/// rclone puts blocks, which carry no checksum, and then says the MD5 of them all.
#[tokio::test]
async fn rclone_finds_out_when_it_reads_what_it_put() {
    let stack = Stack::with_container().await;
    let (proxy, folder) = (bender(&stack).await, tempfile::tempdir().expect("a folder"));
    let url = stack.url(CONTAINER).await;
    marked(folder.path(), "whole.bin", 300_000);
    let (from, remote) = (folder.path().to_str().expect("a plain path"), format!("stack:{CONTAINER}"));
    let (_, complaints) = rclone(&url.replace(&stack.ready.blob, &proxy), &["copy", from, &remote]).await;
    if stack.names().await.is_empty() {
        assert!(complaints.contains("Md5Mismatch"), "it is told why: {complaints}");
        return;
    }
    let down = tempfile::tempdir().expect("a folder");
    let (good, complaints) = rclone(&url, &["copy", &remote, down.path().to_str().expect("a plain path")]).await;
    assert!(!good && complaints.contains("corrupted on transfer"), "{complaints}");
}

/// Whether rclone went well, and what it complained of.
async fn rclone(sas_url: &str, arguments: &[&str]) -> (bool, String) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("rclone");
    command.env_clear().env("HOME", home.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("RCLONE_CONFIG_STACK_TYPE", "azureblob").env("RCLONE_CONFIG_STACK_SAS_URL", sas_url);
    command.args(arguments).args(["--low-level-retries", "1", "--retries", "1"]);
    let output = tokio::time::timeout(RUN_MAX, command.stdin(Stdio::null()).kill_on_drop(true).output()).await;
    let output = output.expect("rclone ends in time").expect("rclone is installed: run `cargo xtask setup`");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn the_sdk_for_python_is_told_by_every_checksum_that_it_knows() {
    let stack = Stack::start().await;
    let keys = stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let url = format!("{}/{ACCOUNT}", bender(&stack).await);
    let environment = [("BLOB_URL", url.as_str()), ("ACCOUNT_KEY", &keys.key), ("CONTAINER", CONTAINER)];
    python::run_checks("bent.py", &environment).await;
    assert!(stack.names().await.is_empty(), "nothing of it stayed");
}
