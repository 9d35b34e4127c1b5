//! `kill -9` in the middle of a load: all that was acknowledged is there, and what was not is wholly old or wholly new.

use crate::support::*;
use greenroom_store::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const TASKS: u64 = 8;
/// Names that a task writes to over and over.
const NAMES: u64 = 5;
const ROUNDS: u64 = 6;
/// The child ends on its own after as many operations a task, should nobody kill it.
const STEPS_MAX: u64 = 2_000;
const DIR: &str = "GREENROOM_CRASH_DIR";
const DONE: &str = "GREENROOM_CRASH_DONE";

enum Act {
    Put(usize),
    Blocks(usize),
    Delete,
}

/// What a task does at a step: the same in the child that does it and in the parent that checks it.
fn act(task: u64, step: u64) -> (String, Act) {
    let random = content(task * 1_000_003 + step, 4);
    let name = format!("task-{task}/blob-{}", u64::from(random[0]) % NAMES);
    let length = [10, 4 * KIB, 20 * KIB, 300 * KIB][usize::from(random[1]) % 4];
    let act = match random[2] % 10 {
        0 | 1 => Act::Delete,
        2..=4 => Act::Blocks(length),
        _ => Act::Put(length),
    };
    (name, act)
}

/// What the name then holds.
fn outcome(task: u64, step: u64) -> Option<Vec<u8>> {
    match act(task, step).1 {
        Act::Put(length) => Some(content(task << 32 | step, length)),
        Act::Blocks(length) => Some(content(task << 32 | step, length).repeat(2)),
        Act::Delete => None,
    }
}

async fn perform(store: &Store, task: u64, step: u64) {
    let (name, act) = act(task, step);
    let (path, none) = (blob(&name), Precondition::default());
    match act {
        Act::Put(length) => {
            let body = body(store, &content(task << 32 | step, length)).await;
            store.put_blob(&path, BlobDraft::default(), body, &none).await.expect("put");
        }
        Act::Blocks(length) => {
            for id in ["a", "b"] {
                let body = body(store, &content(task << 32 | step, length)).await;
                store.stage_block(&path, block_id(id), body, None).await.expect("stage");
            }
            let list = vec![(block_id("a"), BlockSource::Latest), (block_id("b"), BlockSource::Latest)];
            store.commit_blocks(&path, BlobDraft::default(), list, &none).await.expect("commit");
        }
        Act::Delete => match store.delete_blob(&path, Snapshots::Keep, &none).await {
            Ok(()) | Err(StoreError::BlobMissing) => {}
            Err(error) => panic!("delete: {error}"),
        },
    }
}

/// The child. Alone it is a load test in a folder of its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the load that the crash test starts and kills"]
async fn load() {
    let own = tempfile::tempdir().expect("temporary folder");
    let dir = std::env::var_os(DIR).unwrap_or_else(|| own.path().into());
    let done: Vec<u64> = match std::env::var(DONE) {
        Ok(done) => done.split(',').map(|steps| steps.parse().expect("a number")).collect(),
        Err(_) => vec![0; TASKS as usize],
    };
    let config = Config { extent_bytes: MIB as u64, ..Config::default() };
    let store = Store::open(Path::new(&dir), config, Arc::new(SystemClock)).await.expect("open");
    if store.tenants().is_empty() {
        prepare(&store).await;
    }
    let tasks = (0..TASKS).zip(done).map(|(task, done)| {
        let store = store.clone();
        tokio::spawn(async move {
            for step in done..done + STEPS_MAX {
                perform(&store, task, step).await;
                // One write a line: a line is there as a whole or not at all.
                let line = format!("ack {task} {step}\n");
                std::io::stdout().write_all(line.as_bytes()).expect("tell the parent");
            }
        })
    });
    futures::future::try_join_all(tasks).await.expect("no panic");
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let mut done = vec![0; TASKS as usize];
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let acks = 20 + u64::from(content(round, 1)[0]) * 2;
        acknowledged += run_and_kill(dir.path(), &mut done, acks);
        let config = Config { extent_bytes: MIB as u64, ..Config::default() };
        let store = Store::open(dir.path(), config, Arc::new(SystemClock)).await.expect("open after a crash");
        check(&store, &done).await;
        store.close().await.expect("close");
        drop(store);
        let disk: Arc<dyn Disk> = Arc::new(FileSystem);
        let report = check::verify(&disk, dir.path(), &mut |_| {}).expect("verify");
        assert!(report.is_whole(), "{report:?}");
    }
    println!("{ROUNDS} crashes, {acknowledged} acknowledged operations, none lost");
}

/// Lets a child work until it has acknowledged so much, kills it, and notes how far each task came.
fn run_and_kill(dir: &Path, done: &mut [u64], acks: u64) -> u64 {
    let steps: Vec<String> = done.iter().map(u64::to_string).collect();
    let mut child = Command::new(std::env::current_exe().expect("own path"))
        .args(["--ignored", "--exact", "crash::load", "--nocapture"])
        .env(DIR, dir)
        .env(DONE, steps.join(","))
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the child");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut seen = 0;
    while let Some(Ok(line)) = lines.next() {
        let Some(ack) = line.split_once("ack ").map(|(_, ack)| ack) else { continue };
        let (task, step) = ack.split_once(' ').expect("task and step");
        let (task, step): (usize, u64) = (task.parse().expect("task"), step.parse().expect("step"));
        assert_eq!(step, done[task], "a task's steps come one after the other");
        done[task] = step + 1;
        seen += 1;
        if seen == acks {
            // SIGKILL. What it acknowledged before that may still be in the pipe: the loop goes on until it is empty.
            child.kill().expect("kill");
        }
    }
    child.wait().expect("wait");
    assert!(seen >= acks, "the child ended after {seen} of {acks} acknowledgements");
    seen
}

async fn check(store: &Store, done: &[u64]) {
    let (mut blobs, mut bytes) = (0, 0);
    for (task, done) in (0..).zip(done.iter().copied()) {
        let mut names: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
        for number in 0..NAMES {
            names.insert(format!("task-{task}/blob-{number}"), None);
        }
        for step in 0..done {
            names.insert(act(task, step).0, outcome(task, step));
        }
        for (name, old) in names {
            let found = match read(store, &blob(&name)).await {
                Ok(content) => Some(content),
                Err(StoreError::BlobMissing) => None,
                Err(error) => panic!("{name}: {error}"),
            };
            // The step under way when the process died may have happened or not.
            let new = (act(task, done).0 == name).then(|| outcome(task, done));
            assert!(found == old || Some(&found) == new.as_ref(), "{name} is neither old nor new after step {done}");
            blobs += u64::from(found.is_some());
            bytes += found.map_or(0, |content| content.len() as u64);
        }
    }
    let listed = store.list_blobs(&photos(), &ListQuery::default()).await.expect("list").entries.len();
    assert_eq!(listed as u64, blobs, "the list agrees with the look-ups");
    let usage = store.usage().tenants[&tenant("gold")];
    assert_eq!((usage.blobs, usage.bytes), (blobs, bytes), "the counters agree with the blobs");
}
