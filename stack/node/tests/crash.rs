//! `kill -9` of the real server at random moments under a mixed load over HTTP: what was acknowledged is there and identical, and what was
//! not is wholly old or wholly new.
//!
//! The normal run kills it `RUNS` times; `GREENROOM_CRASH_RUNS` asks for more, `GREENROOM_CRASH_SEED` for other moments.

use crate::support;
use crate::support::{CONTAINER, Stack};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::{Response, StatusCode};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const RUNS: u64 = 20;
/// Clients that work at once, each on names of its own.
const TASKS: u64 = 8;
const NAMES: u64 = 4;
/// Blobs of all tasks that copies are made of; nobody changes them.
const SOURCES: u64 = 2;
/// Pages of the page blob that each task has, and writes to here and there.
const PAGES: u64 = 600;
const PAGE_BYTES: usize = 512;

/// A name's content, and that of its snapshots, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Blob {
    content: Option<Vec<u8>>,
    snapshots: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Put(usize),
    Blocks(usize),
    Copy(u64),
    Snapshot,
    Delete,
    /// From a page on, so many.
    Write(usize, usize),
    Clear(usize, usize),
}

/// What one task knows: which step is next, and what its names hold.
#[derive(Debug, Clone, Default)]
struct Task {
    step: u64,
    blobs: BTreeMap<String, Blob>,
    /// Sent and not answered when the server died.
    under_way: Option<(String, Act, u64)>,
}

fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(random.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn act(task: u64, step: u64) -> (String, Act) {
    let mut random = Random((task * 1_000_003 + step).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    random.next();
    if random.next().is_multiple_of(4) {
        let first = random.next() % PAGES;
        let pages = (1 + random.next() % 200).min(PAGES - first) as usize;
        let act = if random.next().is_multiple_of(4) { Act::Clear } else { Act::Write };
        return (disk(task), act(first as usize, pages));
    }
    let name = format!("task-{task}/blob-{}", random.next() % NAMES);
    let length = [10, 4 << 10, 60 << 10, 300 << 10][(random.next() % 4) as usize];
    let act = match random.next() % 10 {
        0 | 1 => Act::Delete,
        2 | 3 => Act::Blocks(length),
        4 => Act::Copy(random.next() % SOURCES),
        5 => Act::Snapshot,
        _ => Act::Put(length),
    };
    (name, act)
}

/// A task's page blob.
fn disk(task: u64) -> String {
    format!("task-{task}/disk")
}

fn source(number: u64) -> Vec<u8> {
    content(900 + number, 200 << 10)
}

impl Blob {
    /// What an act that succeeds makes of it.
    fn after(&self, act: Act, seed: u64) -> Blob {
        let mut new = self.clone();
        match act {
            Act::Put(length) => new.content = Some(content(seed, length)),
            Act::Blocks(length) => new.content = Some(content(seed, length).repeat(2)),
            Act::Copy(number) => new.content = Some(source(number)),
            Act::Snapshot => new.snapshots.extend(self.content.clone()),
            Act::Delete => new = Blob::default(),
            Act::Write(first, pages) => {
                let (from, bytes) = (first * PAGE_BYTES, content(seed, pages * PAGE_BYTES));
                new.content.as_mut().expect("a disk is never deleted")[from..from + bytes.len()]
                    .copy_from_slice(&bytes);
            }
            Act::Clear(first, pages) => {
                let disk = new.content.as_mut().expect("a disk is never deleted");
                disk[first * PAGE_BYTES..(first + pages) * PAGE_BYTES].fill(0);
            }
        }
        new
    }
}

/// One client's access: the SAS is signed once.
#[derive(Clone)]
struct Client {
    http: reqwest::Client,
    base: String,
    sas: String,
}

impl Client {
    async fn of(stack: &Stack) -> Client {
        let base = format!("{}/{}", stack.ready.blob, support::ACCOUNT);
        Client { http: support::client(), base, sas: stack.sas(None, "rwdlact").await }
    }

    fn url(&self, name: &str, query: &str) -> String {
        format!("{}/{CONTAINER}/{name}?{query}{}", self.base, self.sas)
    }

    async fn perform(&self, name: &str, act: Act, seed: u64) -> reqwest::Result<StatusCode> {
        let put = |query: &str| self.http.put(self.url(name, query));
        let status = |answer: Response| answer.status();
        match act {
            Act::Put(length) => {
                let put = put("").header("x-ms-blob-type", "BlockBlob").body(content(seed, length));
                put.send().await.map(status)
            }
            Act::Blocks(length) => {
                let ids = ["a", "b"].map(|id| BASE64_STANDARD.encode(id));
                for id in &ids {
                    let id = id.replace('=', "%3D");
                    let staged = put(&format!("comp=block&blockid={id}&")).body(content(seed, length)).send().await?;
                    if staged.status() != StatusCode::CREATED {
                        return Ok(staged.status());
                    }
                }
                let [a, b] = ids;
                let list = format!("<BlockList><Latest>{a}</Latest><Latest>{b}</Latest></BlockList>");
                put("comp=blocklist&").body(list).send().await.map(status)
            }
            Act::Copy(number) => {
                let source = self.url(&format!("source-{number}"), "");
                put("").header("x-ms-copy-source", source).header("content-length", "0").send().await.map(status)
            }
            Act::Snapshot => put("comp=snapshot&").header("content-length", "0").send().await.map(status),
            Act::Delete => {
                let delete = self.http.delete(self.url(name, "")).header("x-ms-delete-snapshots", "include");
                delete.send().await.map(status)
            }
            Act::Write(first, pages) => {
                let put =
                    put("comp=page&").header("x-ms-page-write", "update").header("x-ms-range", range(first, pages));
                put.body(content(seed, pages * PAGE_BYTES)).send().await.map(status)
            }
            Act::Clear(first, pages) => {
                let put =
                    put("comp=page&").header("x-ms-page-write", "clear").header("x-ms-range", range(first, pages));
                put.header("content-length", "0").send().await.map(status)
            }
        }
    }

    async fn read(&self, name: &str, query: &str) -> Option<Vec<u8>> {
        let answer = self.http.get(self.url(name, query)).send().await.expect("an answer");
        match answer.status() {
            StatusCode::OK => Some(answer.bytes().await.expect("the whole body").to_vec()),
            StatusCode::NOT_FOUND => None,
            status => panic!("{name}: {status}: {}", answer.text().await.unwrap_or_default()),
        }
    }

    /// The moments of all snapshots under a prefix, by name and in order.
    async fn snapshots(&self, prefix: &str) -> BTreeMap<String, Vec<String>> {
        let query = format!("restype=container&comp=list&include=snapshots&prefix={prefix}&");
        let url = format!("{}/{CONTAINER}?{query}{}", self.base, self.sas);
        let text = self.http.get(url).send().await.expect("an answer").text().await.expect("a text");
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in support::all_between(&text, "<Blob>", "</Blob>") {
            let name = support::all_between(&entry, "<Name>", "</Name>").remove(0);
            all.entry(name).or_default().extend(support::all_between(&entry, "<Snapshot>", "</Snapshot>"));
        }
        all
    }
}

fn range(first: usize, pages: usize) -> String {
    format!("bytes={}-{}", first * PAGE_BYTES, (first + pages) * PAGE_BYTES - 1)
}

/// Works until the server is gone. Counts what is acknowledged.
async fn work(
    client: Client,
    number: u64,
    mut task: Task,
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> Task {
    while !stop.load(Relaxed) {
        let (name, act) = act(number, task.step);
        let seed = number << 32 | task.step;
        task.under_way = Some((name.clone(), act, seed));
        let Ok(status) = client.perform(&name, act, seed).await else { return task };
        let blob = task.blobs.entry(name.clone()).or_default();
        match (status, act, &blob.content) {
            (StatusCode::CREATED | StatusCode::ACCEPTED, _, _) => *blob = blob.after(act, seed),
            (StatusCode::NOT_FOUND, Act::Snapshot | Act::Delete, None) => {}
            other => panic!("{name}: {other:?}"),
        }
        task.step += 1;
        task.under_way = None;
        acknowledged.fetch_add(1, Relaxed);
    }
    task
}

/// Compares all names of a task with what they should hold, and goes on from what is there.
async fn check(client: &Client, number: u64, mut task: Task) -> (Task, u64) {
    let snapshots = client.snapshots(&format!("task-{number}/")).await;
    let mut lost = 0;
    for name in (0..NAMES).map(|blob| format!("task-{number}/blob-{blob}")).chain([disk(number)]) {
        let old = task.blobs.remove(&name).unwrap_or_default();
        let mut found = Blob { content: client.read(&name, "").await, snapshots: Vec::new() };
        for time in snapshots.get(&name).into_iter().flatten() {
            let snapshot = client.read(&name, &format!("snapshot={}&", time.replace(':', "%3A"))).await;
            found.snapshots.extend(snapshot);
        }
        let new = task.under_way.as_ref().filter(|(of, ..)| *of == name).map(|(_, act, seed)| old.after(*act, *seed));
        if found != old && Some(&found) != new.as_ref() {
            eprintln!(
                "{name}: {} bytes and {} snapshots are neither old nor new",
                lengths(&found),
                found.snapshots.len()
            );
            lost += 1;
        }
        task.blobs.insert(name, found);
    }
    // The step under way has happened or not; the next one is another.
    task.step += u64::from(task.under_way.take().is_some());
    (task, lost)
}

fn lengths(blob: &Blob) -> usize {
    blob.content.as_ref().map_or(0, Vec::len)
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_kill_9() {
    let (runs, seed) = (number("GREENROOM_CRASH_RUNS", RUNS), number("GREENROOM_CRASH_SEED", 1));
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut stack = Stack::with_container().await;
    for number in 0..SOURCES {
        stack.put_blob(&format!("source-{number}"), source(number)).await;
    }
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        let length = PAGES as usize * PAGE_BYTES;
        let headers = [("x-ms-blob-type", "PageBlob"), ("x-ms-blob-content-length", &length.to_string())];
        let made = support::send(&stack, "PUT", &format!("{CONTAINER}/{}", disk(number)), &headers, "").await;
        assert_eq!(made.status(), StatusCode::CREATED);
        let blank = Blob { content: Some(vec![0; length]), snapshots: Vec::new() };
        tasks.push(Task { blobs: [(disk(number), blank)].into(), ..Task::default() });
    }
    let (acknowledged, mut lost, mut under_way) = (Arc::new(AtomicU64::new(0)), 0, 0);
    for _ in 0..runs {
        let client = Client::of(&stack).await;
        let stop = Arc::new(AtomicBool::new(false));
        let working: Vec<_> = (0..)
            .zip(std::mem::take(&mut tasks))
            .map(|(number, task)| tokio::spawn(work(client.clone(), number, task, acknowledged.clone(), stop.clone())))
            .collect();
        // A moment counted in time, not in answers: so it falls anywhere within an operation.
        tokio::time::sleep(Duration::from_micros(20_000 + random.next() % 400_000)).await;
        stack.kill().await;
        stop.store(true, Relaxed);
        stack.restart().await;
        let client = Client::of(&stack).await;
        for (number, task) in (0..).zip(working) {
            let task = task.await.expect("no panic");
            under_way += u64::from(task.under_way.is_some());
            let (task, missing) = check(&client, number, task).await;
            lost += missing;
            tasks.push(task);
        }
    }
    assert!(stack.stop().await.success());
    let program = env!("CARGO_BIN_EXE_greenroom-stack");
    let verify = std::process::Command::new(program).args(["verify", "--data"]).arg(stack.data()).output();
    let verify = verify.expect("verify runs");
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
    let acknowledged = acknowledged.load(Relaxed);
    println!("{runs} runs, seed {seed}: {acknowledged} acknowledged, {under_way} under way, {lost} lost");
    assert_eq!(lost, 0);
    assert!(acknowledged > runs * TASKS, "the load was a load");
}
