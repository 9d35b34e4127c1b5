//! What is counted for tenants is what lies on the disk, and no quota is passed, whenever the plug is pulled.

use crate::support;
use crate::support::{CONTAINER, Stack};
use greenroom_model::tenancy::{AuditVerdict, Stored, TenantStatus, UsageRow};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// Crashes in the normal run; `GREENROOM_LEDGER_SEEDS=100` for the long one.
const SEEDS: u64 = 4;
const QUOTA_BYTES: u64 = 400 << 10;
const QUOTA_BLOBS: u64 = 40;
const WRITERS: u64 = 6;
/// What an uncommitted block counts for besides its content.
const BLOCK_BYTES: u64 = 112;
/// Generous, and only there so that what is never swept fails.
const SWEEP_LOOKS_MAX: u32 = 600;
const SWEEP_LOOK_EVERY: Duration = Duration::from_millis(50);

/// The constants are Knuth's for MMIX.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn bounded() -> Stack {
    let stack = Stack::start().await;
    let file = format!(
        "version: 1\ntenants: [{{ name: gold, quota: {{ bytes: {QUOTA_BYTES}, blobs: {QUOTA_BLOBS} }}, \
         projects: [{{ name: work, accounts: [{{ name: acct, containers: [{{ name: {CONTAINER} }}] }}] }}] }}]"
    );
    let sent = stack.control(Method::PUT, "/v1/tenants").body(file).send().await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::OK, "{}", sent.text().await.expect("a text"));
    stack
}

/// Writes, stages, commits, copies the old over, snapshots and deletes until the server is gone. Returns how often it was refused for a quota.
async fn work(http: reqwest::Client, base: String, sas: String, mut dice: Dice) -> u64 {
    let mut refused = 0;
    loop {
        let name = dice.roll(30);
        let bytes = vec![7; dice.roll(40 << 10) as usize];
        let at = |query: &str| format!("{base}/{name}?{query}{sas}");
        let request = match dice.roll(10) {
            0..=3 => http.put(at("")).header("x-ms-blob-type", "BlockBlob").body(bytes),
            4..=5 => http.put(at(&format!("comp=block&blockid=AA{}A&", dice.roll(9)))).body(bytes),
            6 => http.put(at("comp=blocklist&")).body("<BlockList><Latest>AA1A</Latest></BlockList>"),
            7 => http.put(at("comp=snapshot&")).header("content-length", "0"),
            _ => http.delete(at("")).header("x-ms-delete-snapshots", "include"),
        };
        match request.send().await {
            Ok(answer) => {
                let code = answer.headers().get("x-ms-error-code");
                refused += u64::from(code.is_some_and(|code| code == "QuotaExceeded"));
            }
            Err(_) => return refused,
        }
    }
}

fn verify(stack: &Stack) -> Value {
    let program = env!("CARGO_BIN_EXE_greenroom-stack");
    let run = Command::new(program).args(["verify", "--json", "--data"]).arg(stack.data()).output();
    let run = run.expect("the program runs");
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    serde_json::from_slice(&run.stdout).expect("a report")
}

async fn get<T: serde::de::DeserializeOwned>(stack: &Stack, path: &str) -> T {
    let answer = stack.control(Method::GET, path).send().await.expect("an answer");
    answer.json().await.expect("the shape that is documented")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_what_is_on_disk_after_crashes() {
    let seeds = std::env::var("GREENROOM_LEDGER_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let mut stack = bounded().await;
    let mut refused = 0;
    for seed in 0..seeds {
        let sas = stack.sas(Some(CONTAINER), "racwdlx").await;
        let base = format!("{}/acct/{CONTAINER}", stack.ready.blob);
        let mut dice = Dice(seed + 1);
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| tokio::spawn(work(stack.http.clone(), base.clone(), sas.clone(), Dice(dice.roll(1 << 30)))))
            .collect();
        tokio::time::sleep(Duration::from_millis(300 + dice.roll(700))).await;
        stack.kill().await;
        for writer in writers {
            refused += writer.await.expect("no panic");
        }
        let report = verify(&stack);
        let gold = report["tenants"].as_array().expect("tenants").iter().find(|count| count["tenant"] == "gold");
        let gold = gold.expect("it has written something");
        assert_eq!(gold["counted"], gold["found"], "seed {seed}");
        let figure = |name: &str| gold["found"][name].as_u64().expect("a number");
        let (content, blobs) = (figure("bytes") + figure("staged_bytes"), figure("blobs"));
        let bytes = content + figure("record_bytes") + BLOCK_BYTES * figure("staged_blocks");
        assert!(bytes <= QUOTA_BYTES && blobs <= QUOTA_BLOBS, "seed {seed}: {blobs} blobs, {bytes} bytes");

        stack.restart().await;
        let kept = swept(&stack).await;
        assert!(kept.blobs <= blobs && kept.bytes <= bytes, "seed {seed}: nothing comes of nothing");
        let used: Vec<UsageRow> = get(&stack, "/v1/usage").await;
        let last = used.last().expect("an hour");
        assert_eq!((last.blobs, last.logical_bytes), (kept.blobs, kept.bytes - kept.record_bytes), "seed {seed}");
        fill_to_the_last_byte(&stack, QUOTA_BYTES - kept.bytes, QUOTA_BLOBS - kept.blobs).await;
    }
    assert!(refused > 0, "the quota was never in the way");
}

#[tokio::test]
async fn an_operator_checks_ledger_and_audit_log_by_hand() {
    let mut stack = bounded().await;
    let put = stack.blob("PUT", &format!("{CONTAINER}/a")).await.header("x-ms-blob-type", "BlockBlob").body("12345");
    assert_eq!(put.send().await.expect("an answer").status(), StatusCode::CREATED);
    let rotated = stack.control(Method::POST, "/v1/accounts/acct/keys/1/rotate").send().await.expect("an answer");
    assert_eq!(rotated.status(), StatusCode::OK);
    assert!(stack.stop().await.success());
    let data = stack.data().to_str().expect("UTF-8").to_owned();
    let (good, said) = support::stack_command(&["verify", "--data", &data], &[]).await;
    let line = "tenant gold: 1 blobs of 5 bytes, 0 uncommitted blocks of 0 bytes; 0 bytes in the cloud, 0 of them nowhere else; 186 bytes besides content; as counted";
    assert!(good && said.contains(line), "{said}");
    let (good, said) = support::stack_command(&["audit", "verify", "--data", &data], &[]).await;
    assert!(good && said.starts_with("3 entries, each follows from the one before"), "{said}");

    let log = stack.data().join("audit.ndjson");
    let entries = std::fs::read_to_string(&log).expect("the audit log");
    std::fs::write(&log, entries.replacen("key 1", "key 2", 1)).expect("write");
    let (good, said) = support::stack_command(&["audit", "verify", "--data", &data], &[]).await;
    assert!(!good && said.contains("entry 3 is missing, changed, or not"), "{said}");
    // Cut, and as if it had never been: each entry that is left follows from the one before.
    for kept in [2, 1, 0] {
        let cut: String = entries.lines().take(kept).map(|line| format!("{line}\n")).collect();
        std::fs::write(&log, cut).expect("write");
        let (good, said) = support::stack_command(&["audit", "verify", "--data", &data], &[]).await;
        assert!(!good && said.contains(&format!("entry {} is missing", kept + 1)), "{said}");
    }
    // Nor does it help to let a server go on with it.
    stack.restart().await;
    for _ in 0..5 {
        let made = stack.control(Method::POST, "/v1/tenants/gold/token").send().await.expect("an answer");
        assert_eq!(made.status(), StatusCode::OK);
    }
    let verdict: AuditVerdict = get(&stack, "/v1/audit/verify").await;
    assert!(!verdict.whole, "{verdict:?}");
    assert!(stack.stop().await.success());
    let (good, said) = support::stack_command(&["audit", "verify", "--data", &data], &[]).await;
    assert!(!good && said.contains("entry 3 "), "{said}");
    let second = entries.lines().nth(1).expect("a second entry").to_owned() + "\n";
    std::fs::write(&log, second).expect("write");
    let (good, said) = support::stack_command(&["audit", "verify", "--data", &data], &[]).await;
    assert!(!good && said.contains("entry 1 "), "{said}");
}

/// Blobs and bytes as counted, once they are what a client can list: a deleted blob's snapshots are swept away after it, and count so long.
async fn swept(stack: &Stack) -> Stored {
    let mut seen = Vec::new();
    for _ in 0..SWEEP_LOOKS_MAX {
        let status: TenantStatus = get(stack, "/v1/tenants/gold").await;
        let list = format!("{CONTAINER}?restype=container&comp=list&include=snapshots");
        let list = stack.blob("GET", &list).await.send().await.expect("an answer").text().await.expect("a text");
        let lengths = support::all_between(&list, "<Content-Length>", "</Content-Length>");
        let listed: u64 = lengths.iter().map(|length| length.parse::<u64>().expect("a number")).sum();
        let stored = status.stored;
        let content = stored.bytes - stored.uncommitted_bytes - stored.record_bytes;
        if (stored.blobs, content) == (lengths.len() as u64, listed) {
            return stored;
        }
        seen.push(((stored.blobs, content), (lengths.len(), listed)));
        tokio::time::sleep(SWEEP_LOOK_EVERY).await;
    }
    panic!("counted and listed stay apart: {:?}", seen.last());
}

/// What is left can be written, and not a byte more.
async fn fill_to_the_last_byte(stack: &Stack, left_bytes: u64, left_blobs: u64) {
    // What is kept of the blob besides its content.
    const RECORD_BYTES: u64 = 124 + 2 * "last".len() as u64;
    let Some(left_bytes) = left_bytes.checked_sub(RECORD_BYTES).filter(|_| left_blobs > 0) else { return };
    let put = async |name: &str, bytes: u64| {
        let request = stack.blob("PUT", &format!("{CONTAINER}/{name}")).await.header("x-ms-blob-type", "BlockBlob");
        request.body(vec![1; bytes as usize]).send().await.expect("an answer").status()
    };
    assert_eq!(put("last", left_bytes + 1).await, StatusCode::CONFLICT);
    assert_eq!(put("last", left_bytes).await, StatusCode::CREATED);
    assert_eq!(put("last", left_bytes + 1).await, StatusCode::CONFLICT);
    let gone = stack.blob("DELETE", &format!("{CONTAINER}/last")).await.send().await.expect("an answer");
    assert_eq!(gone.status(), StatusCode::ACCEPTED);
}
