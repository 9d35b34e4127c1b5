//! Who may write a volume, between real servers: folders that are rebuilt elsewhere, put back from a backup, copied, started again after they
//! were fenced. Nobody loses what another was promised, and the one that may not write reads on.
//!
//! `GREENROOM_TAKEOVER_ROUNDS=20` plays more rounds, `GREENROOM_TAKEOVER_SEED=7` begins elsewhere.

use crate::support::cloud::Cloud;
use crate::support::tiering::{PATIENCE, at_once, content, run, set_rules, status, wait};
use crate::support::{ACCOUNT, CONTAINER, Stack, send, stack_command, tree};
use greenroom_model::offload::{OffloadState, RunRequest};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const FLASH: &str = "--flash-size=256MiB";
const ROUNDS: u64 = 3;
const TURNS: u64 = 4;

/// What clients were promised, by name.
type Promised = BTreeMap<String, Vec<u8>>;

/// A place for data folders, and the cloud that they share.
struct Site {
    cloud: Cloud,
    root: TempDir,
}

impl Site {
    async fn new() -> Site {
        Site { cloud: Cloud::start().await, root: tempfile::tempdir().expect("a folder") }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    async fn serve(&self, folder: &Path) -> Stack {
        let arguments = self.cloud.arguments(&[FLASH]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Stack::start_with_env(folder.to_owned(), &arguments, &self.cloud.variables()).await
    }

    async fn first(&self) -> Stack {
        let stack = self.serve(&self.folder("first")).await;
        stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
        stack
    }

    async fn rebuild(&self, folder: &Path) -> String {
        let data = folder.to_str().expect("UTF-8");
        let (good, said) =
            stack_command(&["rebuild", "--from", &self.cloud.url, "--data", data, "--verify"], &self.cloud.variables())
                .await;
        assert!(good && said.contains("0 losses"), "{said}");
        said
    }
}

async fn put(stack: &Stack, promised: &mut Promised, name: &str, seed: &str) {
    let content = tree::content(seed, 20_000 + 137 * seed.len());
    stack.put_blob(name, content.clone()).await;
    promised.insert(name.to_owned(), content);
}

async fn delete(stack: &Stack, promised: &mut Promised, name: &str) {
    assert_eq!(send(stack, "DELETE", &format!("{CONTAINER}/{name}"), &[], "").await.status(), 202);
    promised.remove(name);
}

/// All of it has left flash, and the cloud knows what is needed no more.
async fn settle(stack: &Stack) {
    set_rules(stack, &at_once()).await;
    wait(stack, "all in the cloud", |status| {
        status.state == OffloadState::Ready && status.pending.blobs == 0 && status.offloaded.blobs > 0
    })
    .await;
    run(stack, &RunRequest::default()).await.expect("a pass");
}

/// Garbage collection without a grace, until nothing is left to remove.
async fn collect(stack: &Stack) {
    for _ in 0..4 {
        run(stack, &RunRequest { collect_grace_s: Some(0), ..RunRequest::default() }).await.expect("a pass");
    }
}

async fn reads(stack: &Stack, promised: &Promised) {
    for (name, expected) in promised {
        assert!(content(stack, name).await == *expected, "{name}");
    }
}

/// Of a folder that only reads: what its writer has moved may have to be looked up, which takes a moment.
async fn reads_soon(stack: &Stack, promised: &Promised) {
    for name in promised.keys() {
        let found = async {
            while send(stack, "GET", &format!("{CONTAINER}/{name}"), &[], "").await.status() == 503 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("it is found again");
    }
    reads(stack, promised).await;
}

async fn read_only(stack: &Stack) {
    let status = wait(stack, "read-only", |status| status.state == OffloadState::ReadOnly).await;
    let why = status.reason.expect("why");
    assert!(why.contains("read-only") && why.contains("take-over"), "{why}");
}

async fn take_over(stack: &Stack) -> String {
    let data = stack.data().to_str().expect("UTF-8");
    let (good, said) = stack_command(&["take-over", "--data", data, "--control", &stack.ready.control], &[]).await;
    assert!(good, "{said}");
    wait(stack, "the volume", |status| status.state == OffloadState::Ready).await;
    said
}

fn copy(from: &Path, to: &Path) {
    greenroom_store::private::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy(&path, &to),
            false => _ = fs::copy(&path, &to).expect("a file"),
        }
    }
}

/// The recovery that is documented: the machine dies, another is rebuilt from the cloud and goes on; then the first one comes back.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_after_a_rebuild_reads_and_takes_nothing() {
    let site = Site::new().await;
    let mut first = site.first().await;
    let mut promised = Promised::new();
    for number in 0..5 {
        put(&first, &mut promised, &format!("old-{number}"), &format!("old {number}")).await;
    }
    settle(&first).await;
    let at_first = promised.clone();
    first.kill().await;

    site.rebuild(&site.folder("second")).await;
    let second = site.serve(&site.folder("second")).await;
    for number in 0..5 {
        put(&second, &mut promised, &format!("new-{number}"), &format!("new {number}")).await;
    }
    put(&second, &mut promised, "old-1", "another").await;
    delete(&second, &mut promised, "old-2").await;
    settle(&second).await;

    let first = site.serve(&site.folder("first")).await;
    read_only(&first).await;
    // The second goes on, makes room, and has lost nothing.
    collect(&second).await;
    reads(&second, &promised).await;
    let known: Promised = at_first.into_iter().filter(|(name, content)| promised.get(name) == Some(content)).collect();
    assert_eq!(known.len(), 3);
    reads_soon(&first, &known).await;

    // What is written here meanwhile stays here, and is adopted beside what the other has.
    let mut mine = Promised::new();
    put(&first, &mut mine, "mine", "mine").await;
    put(&first, &mut mine, "new-3", "mine as well").await;
    assert_eq!(status(&first).await.state, OffloadState::ReadOnly);
    let said = take_over(&first).await;
    assert!(said.contains("1 deleted") && said.contains("1 were written in both"), "{said}");
    promised.insert("mine".into(), mine["mine"].clone());
    settle(&first).await;
    collect(&first).await;
    reads(&first, &promised).await;
    assert_eq!(first.names().await, promised.keys().cloned().collect::<Vec<_>>());
    let list = format!("{CONTAINER}?restype=container&comp=list&include=snapshots&prefix=new-3");
    let listed = send(&first, "GET", &list, &[], "").await.text().await.expect("a list");
    let moment = listed.split("<Snapshot>").nth(1).and_then(|rest| rest.split('<').next()).expect("a snapshot");
    let snapshot = content(&first, &format!("new-3?snapshot={moment}")).await;
    assert!(snapshot == mine["new-3"], "what only this folder had is a snapshot");

    // The other one notices as it writes, and reads on.
    put(&second, &mut Promised::new(), "late", "late").await;
    read_only(&second).await;
    reads_soon(&second, &promised.into_iter().filter(|(name, _)| name != "mine").collect()).await;
}

/// A folder that is started on two machines: one of them has the volume, and the other reads.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_copies_one_writes() {
    let site = Site::new().await;
    let mut first = site.first().await;
    let mut promised = Promised::new();
    for number in 0..8 {
        put(&first, &mut promised, &format!("blob-{number}"), &format!("blob {number}")).await;
    }
    settle(&first).await;
    assert!(first.stop().await.success());
    copy(&site.folder("first"), &site.folder("copy"));
    let (first, copy) = (site.folder("first"), site.folder("copy"));
    let (first, copy) = futures::join!(site.serve(&first), site.serve(&copy));
    let is_decided = |state| matches!(state, OffloadState::Ready | OffloadState::ReadOnly);
    for stack in [&first, &copy] {
        wait(stack, "a decision", |status| is_decided(status.state)).await;
        put(stack, &mut Promised::new(), "more", "more").await;
        set_rules(stack, &at_once()).await;
    }
    let states = async || {
        // Whoever had it first may have to notice that it has lost it.
        for stack in [&first, &copy] {
            _ = run(stack, &RunRequest::default()).await;
        }
        [status(&first).await.state, status(&copy).await.state]
    };
    let states = states().await;
    assert!(states.contains(&OffloadState::Ready) && states.contains(&OffloadState::ReadOnly), "{states:?}");
    let winner = if states[0] == OffloadState::Ready { &first } else { &copy };
    collect(winner).await;
    for stack in [&first, &copy] {
        reads_soon(stack, &promised).await;
    }
}

/// Rounds in which the volume goes from folder to folder: rebuilt ones, backups, earlier holders. After each, whoever holds it has all that
/// was ever offloaded, but for what clients have overwritten or deleted.
#[tokio::test(flavor = "multi_thread")]
async fn the_volume_goes_from_hand_to_hand_and_nothing_is_dropped() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("GREENROOM_TAKEOVER_SEED").unwrap_or(0);
    for round in seed..seed + number("GREENROOM_TAKEOVER_ROUNDS").unwrap_or(ROUNDS) {
        play(round).await;
    }
}

async fn play(round: u64) {
    let site = Site::new().await;
    let (mut holder, mut promised) = (site.first().await, Promised::new());
    let mut folders = vec![site.folder("first")];
    let chance =
        |turn: u64, below: u64| blake3::hash(format!("{round} {turn} {below}").as_bytes()).as_bytes()[0] as u64 % below;
    for turn in 0..TURNS {
        for number in 0..=chance(turn, 4) {
            let name = format!("{turn}-{number}");
            put(&holder, &mut promised, &name, &format!("{round} {name}")).await;
        }
        let names: Vec<String> = promised.keys().cloned().collect();
        let name = &names[chance(turn, 200) as usize % names.len()];
        if chance(turn, 3) == 0 {
            delete(&holder, &mut promised, name).await;
        } else {
            put(&holder, &mut promised, name, &format!("{round} {turn} over {name}")).await;
        }
        settle(&holder).await;
        if chance(turn, 5) == 0 {
            collect(&holder).await;
        }
        // A folder as it is now, for later: its owner goes on from here, unknown to it.
        assert!(holder.stop().await.success());
        let backup = site.folder(&format!("backup-{turn}"));
        copy(holder.data(), &backup);
        folders.push(backup);
        let next = if chance(turn, 6) == 0 {
            let folder = site.folder(&format!("rebuilt-{turn}"));
            site.rebuild(&folder).await;
            folders.push(folder.clone());
            folder
        } else {
            folders[chance(turn, 100) as usize % folders.len()].clone()
        };
        holder = site.serve(&next).await;
        let decided = |status: &greenroom_model::offload::OffloadStatus| {
            matches!(status.state, OffloadState::Ready | OffloadState::ReadOnly)
        };
        if wait(&holder, "a decision", decided).await.state == OffloadState::ReadOnly {
            take_over(&holder).await;
        }
        reads(&holder, &promised).await;
        assert_eq!(holder.names().await, promised.keys().cloned().collect::<Vec<_>>(), "round {round}, turn {turn}");
    }
    settle(&holder).await;
    collect(&holder).await;
    reads(&holder, &promised).await;
    assert!(holder.stop().await.success());
    let said = site.rebuild(&site.folder("at-last")).await;
    assert!(said.contains(&format!(" {} blobs", promised.len())), "round {round}: {said}");
}
