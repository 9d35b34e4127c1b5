//! Something stands between a stack and its cloud and lies: nothing that was acknowledged is lost, and no rebuild through it calls itself well.
//! By hand, the table of docs/RELIABILITY.md: `cargo test -p greenroom-node --test lying_proxy -- --ignored --nocapture`.

use crate::support::cloud::Cloud;
use crate::support::liar::{Kind, Liar, Lie};
use crate::support::{ACCOUNT, CONTAINER, Stack, send, stack_command, tree};
use greenroom_model::offload::{OffloadState, OffloadStatus, Rules, RunRequest, Treatment};
use reqwest::Method;
use std::collections::BTreeMap;
use std::time::Duration;

/// Only there so that a hang fails.
const PATIENCE: Duration = Duration::from_secs(90);
/// Requests that are lied about, of a hundred.
const PERCENT: u64 = 40;
/// Blobs of a round: they leave while it lasts.
const BLOBS: usize = 3;

/// A pass that meets lies is not waited for any longer.
const PASS_MAX: Duration = Duration::from_secs(1);

/// A stack whose way to its cloud leads through a liar, and what it has acknowledged.
struct Bed {
    cloud: Cloud,
    liar: Liar,
    stack: Stack,
    kept: BTreeMap<String, Vec<u8>>,
    put: usize,
}

impl Bed {
    async fn before(cloud: Cloud) -> Bed {
        let liar = Liar::before(&cloud.url).await;
        let way = Cloud::at(liar.url.clone(), cloud.secret.clone());
        let stack = way.stack(&["--flash-size=256MiB"]).await;
        stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
        let rules = Rules { otherwise: Treatment::AtOnce, ..Rules::default() };
        assert!(stack.put("/v1/offload/policy", &rules).await.status().is_success());
        let mut bed = Bed { cloud, liar, stack, kept: BTreeMap::new(), put: 0 };
        bed.settle().await;
        bed
    }

    /// Blobs come and go, and passes run, while the liar lies.
    async fn round(&mut self, lie: Lie, about: &[Kind]) {
        self.liar.tell(lie, about, PERCENT);
        for _ in 0..BLOBS {
            let name = format!("{:03}", self.put);
            let content = tree::content(&name, 900 + 333_333 * (self.put % 7));
            self.put += 1;
            self.stack.put_blob(&name, content.clone()).await;
            self.kept.insert(name, content);
            if self.put.is_multiple_of(BLOBS) {
                let oldest = self.kept.keys().next().expect("a blob").clone();
                let gone = send(&self.stack, "DELETE", &format!("{CONTAINER}/{oldest}"), &[], "").await;
                assert_eq!(gone.status(), 202);
                self.kept.remove(&oldest);
            }
            // Whether it comes to anything does not matter here.
            let pass = RunRequest { collect_grace_s: Some(0), ..RunRequest::default() };
            let pass = self.stack.control(Method::POST, "/v1/offload/run").json(&pass).send();
            let _ = tokio::time::timeout(PASS_MAX, pass).await;
        }
        self.liar.be_honest();
    }

    async fn status(&self) -> OffloadStatus {
        let sent = self.stack.control(Method::GET, "/v1/offload").send().await.expect("the control API answers");
        sent.json().await.expect("a status")
    }

    /// Nobody lies: all of it leaves.
    async fn settle(&mut self) {
        let all = self.kept.len() as u64;
        let mut last = None;
        let settled = async {
            loop {
                let pass = self.stack.control(Method::POST, "/v1/offload/run").json(&RunRequest::default());
                let _ = pass.send().await;
                let status = self.status().await;
                let is_open = status.state == OffloadState::Ready;
                if is_open && status.offloaded.blobs == all && status.pending.blobs == 0 {
                    return;
                }
                last = Some(status);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, settled).await.is_err() {
            panic!("it does not settle: {last:?}");
        }
    }

    /// Names of blobs that do not come back as they went.
    async fn lost(&self) -> Vec<String> {
        let mut lost = Vec::new();
        for (name, expected) in &self.kept {
            let got = send(&self.stack, "GET", &format!("{CONTAINER}/{name}"), &[], "").await;
            let came = if got.status() == 200 { got.bytes().await.ok() } else { None };
            if came.is_none_or(|came| came != *expected) {
                lost.push(name.clone());
            }
        }
        lost
    }

    /// From the cloud alone: whether it calls itself well, and what it says.
    async fn rebuild(&self, from: &str) -> (bool, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let arguments = ["rebuild", "--from", from, "--data", data.to_str().expect("UTF-8"), "--verify"];
        stack_command(&arguments, &self.cloud.variables()).await
    }
}

async fn nothing_is_lost(cloud: Cloud, lies: &[Lie]) {
    let mut bed = Bed::before(cloud).await;
    for &lie in lies {
        let told = bed.liar.told();
        bed.round(lie, &Kind::ALL).await;
        assert!(bed.liar.told() > told, "{lie:?} was never told");
        bed.settle().await;
        assert_eq!(bed.lost().await, Vec::<String>::new(), "{lie:?}");
    }
    let (good, said) = bed.rebuild(&bed.cloud.url).await;
    let all = format!("{} blobs", bed.kept.len());
    assert!(good && said.contains(&all) && said.contains("0 losses"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_before_another_stack_loses_nothing() {
    nothing_is_lost(Cloud::start().await, &Lie::ALL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_liar_before_azurite_loses_nothing() {
    nothing_is_lost(Cloud::azurite().await, &[Lie::Html, Lie::Hollow, Lie::Flip, Lie::Truncate, Lie::Stale]).await;
}

/// The status names it, and what is on flash is served meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_page_counts_as_a_target_that_is_away() {
    let mut bed = Bed::before(Cloud::start().await).await;
    for lie in [Lie::Html, Lie::Redirect] {
        bed.liar.tell(lie, &Kind::ALL, 100);
        let (name, content) = (format!("{lie:?}"), tree::content("page", 500_000));
        bed.stack.put_blob(&name, content.clone()).await;
        bed.kept.insert(name, content);
        let noticed = async {
            loop {
                let _ = bed.stack.control(Method::POST, "/v1/offload/run").json(&RunRequest::default()).send().await;
                let status = bed.status().await;
                if status.state == OffloadState::Away {
                    return status;
                }
            }
        };
        let status = tokio::time::timeout(PATIENCE, noticed).await.expect("it is noticed");
        let reason = status.reason.unwrap_or_default();
        assert!(reason.contains("something between here and the target answers in its place"), "{lie:?}: {reason}");
        let from = bed.liar.url.clone();
        let (good, said) = bed.rebuild(&from).await;
        assert!(!good && !said.contains("0 losses"), "a rebuild through {lie:?} called itself well: {said}");
        bed.liar.be_honest();
        bed.settle().await;
        assert_eq!(bed.lost().await, Vec::<String>::new(), "{lie:?}");
    }
}

/// Each lie about each kind of request, for the table.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: the table of docs/RELIABILITY.md"]
async fn the_table_of_lies() {
    println!("| lie | about | told | blobs | lost |");
    for lie in Lie::ALL {
        for about in Kind::ALL {
            let mut bed = Bed::before(Cloud::start().await).await;
            for _ in 0..5 {
                bed.round(lie, &[about]).await;
            }
            bed.settle().await;
            let lost = bed.lost().await;
            println!("| {lie:?} | {about:?} | {} | {} | {} |", bed.liar.told(), bed.kept.len(), lost.len());
        }
    }
}
