//! What a tenant with a key of its own has in the cloud: sealed there, moved about without its key, and brought back from there alone with it.

use crate::support::azcopy::AzCopy;
use crate::support::cloud::Cloud;
use crate::support::tiering::{PATIENCE, at_once, fault, run, set_rules, wait};
use crate::support::vault::Vault;
use crate::support::{ACCOUNT, CONTAINER, Stack, tree};
use greenroom_model::keys::{Encryption, Erased};
use greenroom_model::offload::{CloudFaultKind, RunRequest, TakeOver};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

const MARK: &str = "nobody may find this in the cloud, whatever else they look at. ";
/// Of each tenant's blobs, and of nothing else.
const NAME: &str = "unmistakable-name";
const SILVER: &str = "silveracct";
const NOISE_BYTES: usize = 8_000_000;
/// Asked for again after a second, and held for three.
const QUICK: [&str; 4] = ["--key-fresh-s", "1", "--key-hold-s", "3"];

/// Compressible or not, small ones and large ones, some of which share chunks.
fn contents(tenant: &str) -> BTreeMap<String, Vec<u8>> {
    let marked = |bytes: usize| -> Vec<u8> { MARK.bytes().cycle().take(bytes).collect() };
    let noise = tree::content(tenant, NOISE_BYTES);
    let mut contents: BTreeMap<String, Vec<u8>> =
        (0..12).map(|number| (format!("{NAME}-{tenant}-small-{number}"), marked(500 + 900 * number))).collect();
    contents.insert(format!("{NAME}-{tenant}-text"), marked(2_000_000));
    contents.insert(format!("{NAME}-{tenant}-noise"), noise.clone());
    contents.insert(format!("{NAME}-{tenant}-noise-again"), [MARK.as_bytes(), &noise].concat());
    contents
}

/// A vault, a folder as target, and a server with two tenants: gold with a key in the vault, silver without any.
struct Bed {
    vault: Vault,
    target: TempDir,
    cloud: Cloud,
    stack: Stack,
    rebuilt: TempDir,
}

impl Bed {
    async fn start() -> Bed {
        let vault = Vault::start().await;
        let target = tempfile::tempdir().expect("a folder");
        let cloud = Cloud::at(format!("file://{}", target.path().display()), None);
        let more = [&["--flash-size=256MiB"], &QUICK[..]].concat();
        let more: Vec<&str> = more.into_iter().chain(vault.arguments.iter().map(String::as_str)).collect();
        let stack = cloud.stack(&more).await;
        stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
        stack.make_account("silver", SILVER, &[CONTAINER]).await;
        let by = Encryption { key: vault.key("gold") };
        assert_eq!(stack.put("/v1/tenants/gold/encryption", &by).await.status(), StatusCode::OK);
        Bed { vault, target, cloud, stack, rebuilt: tempfile::tempdir().expect("a folder") }
    }

    /// What makes a server one of this bed.
    fn arguments(&self) -> Vec<String> {
        let more = [&["--flash-size=256MiB"], &QUICK[..]].concat();
        self.cloud.arguments(&more).into_iter().chain(self.vault.arguments.clone()).collect()
    }

    /// All of both is in the cloud, and not on flash.
    async fn furnished() -> Bed {
        let bed = Bed::start().await;
        let mut blobs = 0;
        for (account, tenant) in [(ACCOUNT, "gold"), (SILVER, "silver")] {
            for (name, content) in contents(tenant) {
                let url = bed.stack.url_in(account, &format!("{CONTAINER}/{name}")).await;
                let put = bed.stack.http.put(url).header("x-ms-blob-type", "BlockBlob");
                let put = put.header("x-ms-meta-said", MARK.trim()).body(content).send().await.expect("an answer");
                assert_eq!(put.status(), StatusCode::CREATED);
                blobs += 1;
            }
        }
        set_rules(&bed.stack, &at_once()).await;
        wait(&bed.stack, "all in the cloud", |status| status.offloaded.blobs == blobs && status.pending.blobs == 0)
            .await;
        bed
    }

    async fn get(&self, account: &str, name: &str) -> reqwest::Response {
        let url = self.stack.url_in(account, &format!("{CONTAINER}/{name}")).await;
        self.stack.http.get(url).send().await.expect("an answer")
    }

    async fn delete(&self, account: &str, name: &str) {
        let url = self.stack.url_in(account, &format!("{CONTAINER}/{name}")).await;
        let deleted = self.stack.http.delete(url).send().await.expect("an answer");
        assert_eq!(deleted.status(), StatusCode::ACCEPTED, "{name}");
    }

    async fn until(&self, name: &str, status: StatusCode) {
        let waiting = async {
            while self.get(ACCOUNT, name).await.status() != status {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never {status}"));
    }

    async fn erase(&self) -> Erased {
        let erased = self.stack.control(Method::POST, "/v1/tenants/gold/encryption/erase").send().await;
        let erased = erased.expect("an answer");
        assert_eq!(erased.status(), StatusCode::OK);
        erased.json().await.expect("a receipt")
    }

    async fn all_is_there(&self, account: &str, expected: &BTreeMap<String, Vec<u8>>) {
        for (name, content) in expected {
            let got = self.get(account, name).await;
            assert_eq!(got.status(), StatusCode::OK, "{name}");
            assert!(got.bytes().await.expect("its content") == content.as_slice(), "{name}");
        }
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.target.path().join("v1/main").join(folder), &mut files);
        files
    }

    /// Of all that the target holds, unpacked as far as whoever reads it can: what is in clear.
    fn holds(&self, what: &str) -> bool {
        self.files("").iter().any(|file| {
            let bytes = std::fs::read(file).expect("a file");
            let unpacked = zstd_frames(&bytes);
            [bytes].iter().chain(&unpacked).any(|bytes| bytes.windows(what.len()).any(|part| part == what.as_bytes()))
        })
    }

    /// Over the folder of the target, with more arguments; what it says as JSON, and whether it is clean.
    fn rebuild(&self, name: &str, more: &[&str]) -> (Value, Option<i32>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom-stack"));
        command.args(["rebuild", "--verify", "--json", "--from", &self.cloud.url, "--data"]);
        let output = command.arg(self.rebuilt.path().join(name)).args(more).output().expect("it runs");
        let said = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (said, output.status.code())
    }
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, into) } else { into.push(path) }
    }
}

/// Whatever can be unpacked, wherever it begins.
fn zstd_frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let begins = bytes.windows(4).enumerate().filter(|(_, four)| *four == [0x28, 0xB5, 0x2F, 0xFD]);
    let unpacked = begins.filter_map(|(at, _)| {
        let mut out = Vec::new();
        let mut reader = zstd::stream::read::Decoder::new(&bytes[at..]).ok()?.single_frame();
        std::io::Read::read_to_end(&mut reader, &mut out).ok().map(|_| out)
    });
    unpacked.collect()
}

fn segment(command: &str, file: &Path) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_greenroom-stack"));
    program.args(["segment", command]).arg(format!("file://{}", file.display())).output().expect("it runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_it_is_in_the_cloud_in_clear_and_all_of_it_comes_back() {
    let mut bed = Bed::furnished().await;
    let (gold, silver) = (contents("gold"), contents("silver"));
    assert!(bed.holds(&format!("{NAME}-silver")), "names of others are in clear there: the look finds them");
    assert!(bed.holds(MARK), "and content");
    for name in gold.keys() {
        assert!(!bed.holds(name), "{name} is in clear");
    }
    bed.all_is_there(ACCOUNT, &gold).await;
    bed.all_is_there(SILVER, &silver).await;
    let to = tempfile::tempdir().expect("a folder");
    let (url, to_text) = (bed.stack.url(&format!("{CONTAINER}/*")).await, to.path().to_str().expect("UTF-8"));
    AzCopy::find().run(&["copy", &url, to_text, "--from-to", "BlobLocal", "--check-md5", "LogOnly"]).await;
    for (name, content) in &gold {
        assert!(std::fs::read(to.path().join(name)).expect(name) == *content, "{name}");
    }
    // Equal content is there once, sealed or not.
    let status = wait(&bed.stack, "a status", |_| true).await;
    assert!(status.stored_bytes < 3 * NOISE_BYTES as u64, "{status:?}");
    for file in bed.files("seg") {
        let output = segment("verify", &file);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("all is well"), "{text}");
        let names = String::from_utf8_lossy(&segment("ls", &file).stdout).into_owned();
        assert!(!names.contains(&format!("{NAME}-gold")), "{names}");
        assert!(!text.contains("are sealed") || names.contains("sealed by key"), "{names}");
    }
    // A server that starts anew reads it too.
    bed.stack.kill().await;
    let arguments = bed.arguments();
    bed.stack.restart_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    wait(&bed.stack, "the cloud", |status| status.offloaded.blobs > 0).await;
    bed.all_is_there(ACCOUNT, &gold).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_key_nobody_reads_and_all_upkeep_goes_on() {
    let bed = Bed::furnished().await;
    let (mut gold, mut silver) = (contents("gold"), contents("silver"));
    let first = gold.keys().next().expect("some").clone();
    bed.vault.say(&["key", "disable", "gold"]).await;
    bed.until(&first, StatusCode::FORBIDDEN).await;
    for name in gold.keys() {
        let refused = bed.get(ACCOUNT, name).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert_eq!(refused.headers()["x-ms-error-code"], "KeyVaultEncryptionKeyNotFound");
    }
    bed.all_is_there(SILVER, &silver).await;
    // Deleted without the key, but for a few that shared chunks with what goes.
    let stays = |name: &str| name.contains("small-1");
    let gone: Vec<String> = gold.keys().filter(|name| !stays(name)).cloned().collect();
    for name in &gone {
        bed.delete(ACCOUNT, name).await;
    }
    gold.retain(|name, _| stays(name));
    for name in silver.keys().filter(|name| !stays(name)) {
        bed.delete(SILVER, name).await;
    }
    silver.retain(|name, _| stays(name));
    let before = bed.files("seg");
    let collect = RunRequest { collect_grace_s: Some(0), ..RunRequest::default() };
    for _ in 0..3 {
        run(&bed.stack, &collect).await.expect("a pass");
    }
    let after = bed.files("seg");
    assert!(before.iter().any(|file| !after.contains(file)), "what is left was moved, and what it left removed");
    bed.all_is_there(SILVER, &silver).await;
    bed.vault.say(&["key", "enable", "gold"]).await;
    bed.until(gold.keys().next().expect("some"), StatusCode::OK).await;
    bed.all_is_there(ACCOUNT, &gold).await;
    for name in &gone {
        assert_eq!(bed.get(ACCOUNT, name).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_rebuilt_with_its_vault_and_waits_in_the_volume_without() {
    let mut bed = Bed::furnished().await;
    let (gold, silver) = (contents("gold"), contents("silver"));
    // The wrapping key has turned meanwhile: what lies there is wrapped by the newest version, and by no other.
    bed.vault.say(&["key", "rotate", "gold"]).await;
    let rotated = bed.stack.control(Method::POST, "/v1/tenants/gold/encryption/rotate").send().await;
    assert_eq!(rotated.expect("an answer").status(), StatusCode::OK);
    run(&bed.stack, &RunRequest::default()).await.expect("a pass");
    let keys = bed.files("keys");
    assert!(keys.len() == 1 && keys[0].ends_with("00000000000000000002.key"), "{keys:?}");
    assert!(bed.stack.stop().await.success());

    let (said, code) = bed.rebuild("without", &[]);
    assert_eq!((code, &said["clean"], &said["blobs"]), (Some(3), &Value::Bool(false), &Value::from(silver.len())));
    let sealed = &said["sealed"][0];
    // The container as well.
    assert_eq!((&sealed["tenant"], &sealed["objects"]), (&"gold".into(), &Value::from(gold.len() + 1)), "{said}");
    assert!(sealed["because"].as_str().expect("why").contains("--vault-client"), "{said}");
    assert_eq!(said["lost"], Value::Array(vec![]), "{said}");

    let arguments: Vec<&str> = bed.vault.arguments.iter().map(String::as_str).collect();
    bed.vault.say(&["key", "disable", "gold"]).await;
    let (said, code) = bed.rebuild("refused", &arguments);
    assert!(code == Some(3) && said["sealed"][0]["because"].as_str().expect("why").contains("disabled"), "{said}");
    bed.vault.say(&["key", "enable", "gold"]).await;
    let (said, code) = bed.rebuild("with", &arguments);
    assert_eq!((code, &said["clean"]), (Some(0), &Value::Bool(true)), "{said}");
    assert_eq!(said["blobs"], Value::from(silver.len() + gold.len()), "{said}");

    // The one that was rebuilt without comes to it later.
    let more = bed.arguments();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    bed.stack = Stack::start_in(bed.rebuilt.path().join("without"), &more).await;
    wait(&bed.stack, "the volume", |status| status.offloaded.blobs == silver.len() as u64).await;
    let taken = bed.stack.control(Method::POST, "/v1/offload/take-over").send().await.expect("an answer");
    let taken: TakeOver = taken.json().await.expect("what came of it");
    assert_eq!((taken.added, taken.dropped), (gold.len() as u64, 0), "{taken:?}");
    bed.all_is_there(ACCOUNT, &gold).await;
    bed.all_is_there(SILVER, &silver).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_erased_in_the_cloud_too() {
    let mut bed = Bed::furnished().await;
    assert_eq!(bed.files("keys").len(), 1);
    fault(&bed.stack, Some(CloudFaultKind::Offline)).await;
    let left = bed.erase().await.left_in_cloud.expect("the cable is out");
    assert_eq!(bed.files("keys").len(), 1, "{left}");
    fault(&bed.stack, None).await;
    // No receipt without it: whoever has the vault's key could read what a machine that is lost now has left there.
    assert_eq!(bed.erase().await.left_in_cloud, None);
    assert_eq!(bed.files("keys"), Vec::<PathBuf>::new());
    bed.all_is_there(SILVER, &contents("silver")).await;
    assert!(bed.stack.stop().await.success());
    let arguments: Vec<&str> = bed.vault.arguments.iter().map(String::as_str).collect();
    let (said, code) = bed.rebuild("after", &arguments);
    assert_eq!((code, &said["blobs"]), (Some(3), &Value::from(contents("silver").len())), "{said}");
    let because = said["sealed"][0]["because"].as_str().expect("why").to_owned();
    assert!(because.contains("nobody here has"), "{because}");
}

/// Data keys made and wrapped anew, the vault's key turned, refused and given back: whenever the plug is pulled, what was written is read, and what
/// lies in the cloud alone is enough.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_a_rotation_loses_nothing() {
    const ROUNDS: u64 = 10;
    let mut bed = Bed::furnished().await;
    let arguments = bed.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut expected = contents("gold");
    for round in 0..ROUNDS {
        bed.vault.say(&["key", "rotate", "gold"]).await;
        let what = if round % 2 == 0 { "data-key" } else { "wrapping-key" };
        let rotate = bed.stack.control(Method::POST, &format!("/v1/tenants/gold/encryption/rotate?what={what}"));
        // Nobody hears how it ended.
        let rotating = tokio::spawn(async move { drop(rotate.send().await) });
        tokio::time::sleep(Duration::from_millis(round * 4)).await;
        bed.stack.kill().await;
        rotating.await.expect("it has been asked");
        if round % 3 == 0 {
            bed.vault.say(&["key", "disable", "gold"]).await;
        }
        bed.stack.restart_with(&arguments).await;
        if round % 3 == 0 {
            bed.until(expected.keys().next().expect("some"), StatusCode::FORBIDDEN).await;
            bed.vault.say(&["key", "enable", "gold"]).await;
        }
        bed.until(expected.keys().next().expect("some"), StatusCode::OK).await;
        let (name, content) = (format!("{NAME}-gold-round-{round}"), tree::content(&round.to_string(), 40_000));
        let url = bed.stack.url(&format!("{CONTAINER}/{name}")).await;
        let put = bed.stack.http.put(url).header("x-ms-blob-type", "BlockBlob").body(content.clone()).send().await;
        assert_eq!(put.expect("an answer").status(), StatusCode::CREATED, "round {round}");
        expected.insert(name, content);
        bed.all_is_there(ACCOUNT, &expected).await;
    }
    let all = (expected.len() + contents("silver").len()) as u64;
    wait(&bed.stack, "all in the cloud", |status| status.offloaded.blobs == all && status.pending.blobs == 0).await;
    run(&bed.stack, &RunRequest::default()).await.expect("a pass");
    assert!(bed.stack.stop().await.success());
    let vault: Vec<&str> = bed.vault.arguments.iter().map(String::as_str).collect();
    let (said, code) = bed.rebuild("after", &vault);
    assert_eq!((code, &said["blobs"]), (Some(0), &Value::from(all)), "{said}");
    bed.stack = Stack::start_in(bed.rebuilt.path().join("after"), &arguments).await;
    bed.all_is_there(ACCOUNT, &expected).await;
}
