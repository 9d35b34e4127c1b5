//! `greenroom-stack verify` and `repair`, as an operator runs them.

use crate::support::Stack;
use std::path::Path;
use std::process::{Command, Output};

fn run(command: &str, dir: &Path, more: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_greenroom-stack");
    Command::new(program).args([command, "--data"]).arg(dir).args(more).output().expect("the program runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn verify_tells_and_repair_mends() {
    let mut stack = Stack::with_container().await;
    stack.put_blob("good.txt", "all that is well").await;
    stack.put_blob("bad.txt", "what will be damaged").await;
    let locked = run("verify", stack.data(), &[]);
    assert_eq!(locked.status.code(), Some(1));
    let error = String::from_utf8_lossy(&locked.stderr).into_owned();
    assert!(error.contains("is in use by process") && error.contains("stop that server first"), "{error}");
    assert!(stack.stop().await.success());

    let whole = run("verify", stack.data(), &[]);
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");
    assert!(said(&whole).contains("2 blobs") && said(&whole).ends_with("all is well\n"), "{}", said(&whole));

    for file in std::fs::read_dir(stack.data().join("extents")).expect("extents") {
        let file = file.expect("entry").path();
        let mut bytes = std::fs::read(&file).expect("read");
        let marker = b"what will be";
        if let Some(at) = bytes.windows(marker.len()).position(|part| part == marker) {
            bytes[at] ^= 1;
            std::fs::write(&file, bytes).expect("write");
        }
    }
    let damaged = run("verify", stack.data(), &[]);
    assert_eq!(damaged.status.code(), Some(3));
    assert!(said(&damaged).contains("damaged: blob acct/photos/bad.txt"), "{}", said(&damaged));
    let json = run("verify", stack.data(), &["--json"]);
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON and nothing else");
    assert_eq!(report["damaged"][0]["what"]["path"], "acct/photos/bad.txt");
    assert_eq!(report["counts"]["blobs"], 2);

    let dry = run("repair", stack.data(), &[]);
    assert_eq!(dry.status.code(), Some(3));
    assert!(said(&dry).contains("to drop: blob acct/photos/bad.txt"), "{}", said(&dry));
    let done = run("repair", stack.data(), &["--apply"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(said(&done).contains("dropped: blob acct/photos/bad.txt"), "{}", said(&done));
    let record = said(&done).lines().find_map(|line| line.strip_prefix("written down in ").map(str::to_owned));
    let record = std::fs::read(record.expect("the record is named")).expect("the record is there");
    let record: serde_json::Value = serde_json::from_slice(&record).expect("JSON");
    assert_eq!(record["dropped"][0]["what"]["path"], "acct/photos/bad.txt");
    assert_eq!(run("verify", stack.data(), &[]).status.code(), Some(0));

    stack.restart().await;
    assert_eq!(stack.names().await, ["good.txt"]);
}
