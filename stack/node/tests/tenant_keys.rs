//! A tenant's content is unreadable without its key: on the disk, and for clients while the key is refused or its vault is away.

use crate::support::azcopy::AzCopy;
use crate::support::clear::files_with;
use crate::support::vault::Vault;
use crate::support::{ACCOUNT, CONTAINER, Stack, fails_to_start, memory};
use greenroom_model::keys::{DataKeyUse, Encryption, EncryptionStatus, Erased, KeyState};
use greenroom_model::tenancy::Receipt;
use reqwest::{Method, StatusCode, header};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

const MARK: &str = "nobody may find this on the disk, whatever else they look at";
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS_MAX: usize = 600;
/// Each reads all memory of a server.
const MEMORY_LOOKS_MAX: usize = 40;
/// Asked for again after a second, and held for three.
const QUICK: [&str; 4] = ["--key-fresh-s", "1", "--key-hold-s", "3"];

fn marked(bytes: usize) -> Vec<u8> {
    MARK.bytes().cycle().take(bytes).collect()
}

async fn encryption(stack: &Stack, tenant: &str) -> EncryptionStatus {
    let path = format!("/v1/tenants/{tenant}/encryption");
    stack.control(Method::GET, &path).send().await.expect("an answer").json().await.expect("a status")
}

async fn set(stack: &Stack, tenant: &str, key: &str) -> StatusCode {
    let answer = stack.put(&format!("/v1/tenants/{tenant}/encryption"), &Encryption { key: key.to_owned() }).await;
    answer.status()
}

async fn post<T: serde::de::DeserializeOwned>(stack: &Stack, path: &str) -> T {
    let answer = stack.control(Method::POST, path).send().await.expect("an answer");
    let (status, text) = (answer.status(), answer.text().await.expect("a text"));
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).expect("what was asked for")
}

async fn get(stack: &Stack, account: &str, name: &str) -> reqwest::Response {
    stack.http.get(stack.url_in(account, &format!("{CONTAINER}/{name}")).await).send().await.expect("an answer")
}

async fn put(stack: &Stack, account: &str, name: &str, content: Vec<u8>) -> reqwest::Response {
    let url = stack.url_in(account, &format!("{CONTAINER}/{name}")).await;
    let put = stack.http.put(url).header("x-ms-blob-type", "BlockBlob").body(content);
    put.send().await.expect("an answer")
}

/// A server whose tenant gold holds its key in a vault.
async fn with_key_of(vault: &Vault) -> Stack {
    let arguments: Vec<&str> = vault.arguments.iter().map(String::as_str).chain(QUICK).collect();
    let stack = Stack::start_with(&arguments).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    assert_eq!(set(&stack, "gold", &vault.key("gold")).await, StatusCode::OK);
    stack
}

/// Waits until a blob is answered so.
async fn until(stack: &Stack, name: &str, status: StatusCode) -> reqwest::Response {
    for _ in 0..LOOKS_MAX {
        let answer = get(stack, ACCOUNT, name).await;
        if answer.status() == status {
            return answer;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("never {status}");
}

/// Files of a folder, and of those in it, that hold some of the marked content.
fn clear_files(dir: &Path) -> Vec<String> {
    files_with(dir, &[MARK.as_bytes()[..16].to_vec()])
}

fn command_line(stack: &Stack, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom-stack"));
    command.arg("encryption").args(arguments).args(["--control", &stack.ready.control]);
    command.arg("--data").arg(stack.data()).output().expect("it runs")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_servers_own_key_nothing_is_on_the_disk_and_all_comes_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut stack = Stack::start_in(dir.path().to_owned(), &[]).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    assert_eq!(encryption(&stack, "gold").await, EncryptionStatus::default());
    assert!(said(&command_line(&stack, &["on", "gold"])).contains("wrapped by node"));
    let from = tempfile::tempdir().expect("a folder");
    for (name, bytes) in [("small", 10), ("more", 300_000), ("large", 20_000_000)] {
        std::fs::write(from.path().join(name), marked(bytes)).expect("a file");
    }
    let (azcopy, to) = (AzCopy::find(), tempfile::tempdir().expect("a folder"));
    let (url, [from, to_text]) =
        (stack.url(CONTAINER).await, [from.path(), to.path()].map(|dir| dir.to_str().expect("UTF-8")));
    azcopy
        .run(&["copy", &format!("{from}/*"), &url, "--from-to", "LocalBlob", "--block-size-mb", "4", "--put-md5"])
        .await;
    assert_eq!(clear_files(dir.path()), Vec::<String>::new());
    stack.kill().await;
    stack.restart().await;
    azcopy.run(&["copy", &url.replace(CONTAINER, &format!("{CONTAINER}/*")), to_text, "--from-to", "BlobLocal"]).await;
    for (name, bytes) in [("small", 10), ("more", 300_000), ("large", 20_000_000)] {
        assert_eq!(std::fs::read(to.path().join(name)).expect(name), marked(bytes), "{name}");
    }
    let range = stack.blob("GET", &format!("{CONTAINER}/large")).await.header("x-ms-range", "bytes=131000-131200");
    assert_eq!(range.send().await.expect("an answer").bytes().await.expect("bytes"), marked(131_201)[131_000..]);
    assert!(stack.stop().await.success());
    let mut verify = Command::new(env!("CARGO_BIN_EXE_greenroom-stack"));
    let whole = said(&verify.args(["verify", "--data"]).arg(dir.path()).output().expect("it runs"));
    assert!(whole.contains("are encrypted"), "{whole}");
    // What is wrapped by a key that is lost is lost: no other is made in its place.
    std::fs::rename(dir.path().join("node.key"), dir.path().join("elsewhere")).expect("moved");
    let (_, why) = fails_to_start(dir.path(), ("127.0.0.1:0", "127.0.0.1:0"), &[]).await;
    assert!(why.contains("node.key") && why.contains("missing"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_disabled_refuses_its_tenant_and_nobody_else() {
    let vault = Vault::start().await;
    let arguments: Vec<&str> = vault.arguments.iter().map(String::as_str).chain(QUICK).collect();
    let stack = Stack::start_with(&arguments).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    stack.make_account("silver", "silveracct", &[CONTAINER]).await;
    assert_eq!(set(&stack, "gold", &vault.key("gold")).await, StatusCode::OK);
    assert_eq!(set(&stack, "silver", "node").await, StatusCode::OK);
    for account in [ACCOUNT, "silveracct"] {
        assert_eq!(put(&stack, account, "a", marked(300_000)).await.status(), StatusCode::CREATED);
    }
    vault.say(&["key", "disable", "gold"]).await;
    let refused = until(&stack, "a", StatusCode::FORBIDDEN).await;
    assert_eq!(refused.headers()["x-ms-error-code"], "KeyVaultEncryptionKeyNotFound");
    assert_eq!(put(&stack, ACCOUNT, "b", marked(10)).await.status(), StatusCode::FORBIDDEN);
    let said_of = stack.blob("HEAD", &format!("{CONTAINER}/a")).await.send().await.expect("an answer");
    assert_eq!(said_of.status(), StatusCode::FORBIDDEN);
    let list = |include: &'static str| {
        let stack = &stack;
        async move {
            let url = format!("{}&restype=container&comp=list{include}", stack.url(CONTAINER).await);
            stack.http.get(url).send().await.expect("an answer").status()
        }
    };
    assert_eq!(list("").await, StatusCode::OK, "names are told");
    assert_eq!(list("&include=metadata").await, StatusCode::FORBIDDEN);
    let status = encryption(&stack, "gold").await;
    assert_eq!(status.state, KeyState::Denied);
    assert!(status.why.expect("it says why").contains("disabled"));
    // All of another tenant's goes on.
    assert_eq!(get(&stack, "silveracct", "a").await.bytes().await.expect("content"), marked(300_000));
    assert_eq!(put(&stack, "silveracct", "b", marked(10)).await.status(), StatusCode::CREATED);
    vault.say(&["key", "enable", "gold"]).await;
    assert_eq!(until(&stack, "a", StatusCode::OK).await.bytes().await.expect("content"), marked(300_000));
    // Nor is anything lost where the client's rights are taken, or the key is deleted and recovered.
    vault.say(&["client", "rights", "stack", "--rights", "get"]).await;
    until(&stack, "a", StatusCode::FORBIDDEN).await;
    vault.say(&["client", "rights", "stack", "--rights", "get,wrapKey,unwrapKey"]).await;
    until(&stack, "a", StatusCode::OK).await;
    vault.say(&["key", "delete", "gold"]).await;
    until(&stack, "a", StatusCode::FORBIDDEN).await;
    vault.say(&["key", "recover", "gold"]).await;
    until(&stack, "a", StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_is_away_is_bridged_and_then_said_to_be_away() {
    let mut vault = Vault::start().await;
    let stack = with_key_of(&vault).await;
    assert_eq!(put(&stack, ACCOUNT, "a", marked(9_000)).await.status(), StatusCode::CREATED);
    vault.kill().await;
    assert_eq!(get(&stack, ACCOUNT, "a").await.status(), StatusCode::OK, "what is unwrapped is used");
    let away = until(&stack, "a", StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(away.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(encryption(&stack, "gold").await.state, KeyState::Away);
    vault.restart().await;
    assert_eq!(until(&stack, "a", StatusCode::OK).await.bytes().await.expect("content"), marked(9_000));
    // Asked for too much, it is no refusal either.
    vault.say(&["fault", "--throttle"]).await;
    until(&stack, "a", StatusCode::SERVICE_UNAVAILABLE).await;
    vault.say(&["fault", "--none"]).await;
    until(&stack, "a", StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_before_is_encrypted_behind_and_stays_what_it_was() {
    const BLOBS: usize = 60;
    let dir = tempfile::tempdir().expect("a folder");
    let mut stack = Stack::start_in(dir.path().to_owned(), &[]).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    stack.make_account("silver", "silveracct", &[CONTAINER]).await;
    let content = |number: usize| marked(10 + number * 40_000);
    for number in 0..BLOBS {
        assert_eq!(put(&stack, ACCOUNT, &number.to_string(), content(number)).await.status(), StatusCode::CREATED);
    }
    let snapshot = stack.blob("PUT", &format!("{CONTAINER}/7?comp=snapshot")).await.header("content-length", "0");
    let snapshot = snapshot.send().await.expect("an answer");
    assert_eq!(snapshot.status(), StatusCode::CREATED);
    let etags = async |stack: &Stack| {
        let mut etags = Vec::new();
        for number in 0..BLOBS {
            etags.push(get(stack, ACCOUNT, &number.to_string()).await.headers()["etag"].clone());
        }
        etags
    };
    let before = etags(&stack).await;
    assert!(!clear_files(dir.path()).is_empty(), "it is in clear now");
    assert_eq!(set(&stack, "gold", "node").await, StatusCode::OK);
    // The plug is pulled a few times on the way.
    for _ in 0..4 {
        stack.kill().await;
        stack.restart().await;
    }
    let mut last = None;
    for _ in 0..LOOKS_MAX {
        last = encryption(&stack, "gold").await.before;
        if last.as_ref().is_some_and(|before| before.blobs == 0) {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let last = last.expect("it has been looked for");
    assert_eq!((last.blobs, last.bytes, last.page_blobs, &last.why), (0, 0, 0, &None), "{last:?}");
    for number in 0..BLOBS {
        let got = get(&stack, ACCOUNT, &number.to_string()).await.bytes().await.expect("content");
        assert!(got == content(number), "{number}");
    }
    assert_eq!(etags(&stack).await, before, "nobody is told of a change");
    for _ in 0..LOOKS_MAX {
        if clear_files(dir.path()).is_empty() {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    assert_eq!(clear_files(dir.path()), Vec::<String>::new(), "nothing of it is left in clear");
    assert!(said(&command_line(&stack, &["status", "gold"])).contains("wrapped by node"));
    assert!(stack.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rotated_is_wrapped_anew_and_what_was_written_is_read() {
    let vault = Vault::start().await;
    let arguments: Vec<&str> = vault.arguments.iter().map(String::as_str).chain(QUICK).collect();
    let stack = Stack::start_with(&arguments).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    assert_eq!(set(&stack, "gold", "node").await, StatusCode::OK);
    assert_eq!(put(&stack, ACCOUNT, "first", marked(300_000)).await.status(), StatusCode::CREATED);
    let used = stack.used_bytes().await;
    // From the server's key to the tenant's, and from one version to the next: no content is written.
    assert_eq!(set(&stack, "gold", &vault.key("gold")).await, StatusCode::OK);
    let first = encryption(&stack, "gold").await;
    vault.say(&["key", "rotate", "gold"]).await;
    let second: EncryptionStatus = post(&stack, "/v1/tenants/gold/encryption/rotate").await;
    assert_eq!(second.data_keys.len(), 1);
    assert_ne!(second.wrapped_by, first.wrapped_by);
    assert!(stack.used_bytes().await < used + 300_000);
    let [old, new] = [&first, &second].map(|status| status.wrapped_by.clone().expect("a key"));
    assert!(old.starts_with(&vault.key("gold")) && new.starts_with(&vault.key("gold")), "{old} {new}");
    let version = old.rsplit('/').next().expect("a version");
    vault.say(&["key", "disable", "gold", "--version", version]).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(get(&stack, ACCOUNT, "first").await.bytes().await.expect("content"), marked(300_000));
    let third: EncryptionStatus = post(&stack, "/v1/tenants/gold/encryption/rotate?what=data-key").await;
    let used: Vec<_> = third.data_keys.iter().map(|key| (key.generation, key.state)).collect();
    assert_eq!(used, [(1, DataKeyUse::Old), (2, DataKeyUse::Active)]);
    assert_eq!(put(&stack, ACCOUNT, "second", marked(10)).await.status(), StatusCode::CREATED);
    for (name, bytes) in [("first", 300_000), ("second", 10)] {
        assert_eq!(get(&stack, ACCOUNT, name).await.bytes().await.expect("content"), marked(bytes), "{name}");
    }
    // A key that may not be used changes nothing.
    for bad in [vault.key("nobodys"), "https://localhost:1/keys/gold".to_owned()] {
        let refused = set(&stack, "gold", &bad).await;
        assert!([StatusCode::FORBIDDEN, StatusCode::SERVICE_UNAVAILABLE].contains(&refused), "{bad}: {refused}");
    }
    assert_eq!(set(&stack, "gold", "nonsense").await, StatusCode::BAD_REQUEST);
    assert_eq!(encryption(&stack, "gold").await.wrapped_by, third.wrapped_by);
    assert_eq!(set(&stack, "gold", "none").await, StatusCode::OK);
    assert_eq!(encryption(&stack, "gold").await.state, KeyState::Stopped);
    assert_eq!(get(&stack, ACCOUNT, "second").await.status(), StatusCode::OK);
    let nothing = stack.control(Method::POST, "/v1/tenants/gold/encryption/rotate").send().await.expect("an answer");
    assert_eq!(nothing.status(), StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_is_never_read_again() {
    let mut stack = Stack::start().await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    stack.make_account("silver", "silveracct", &[CONTAINER]).await;
    for (tenant, account) in [("gold", ACCOUNT), ("silver", "silveracct")] {
        assert_eq!(set(&stack, tenant, "node").await, StatusCode::OK);
        assert_eq!(put(&stack, account, "a", marked(9_000)).await.status(), StatusCode::CREATED);
    }
    assert!(!command_line(&stack, &["erase", "gold", "--confirm", "silver"]).status.success());
    let done = said(&command_line(&stack, &["erase", "gold", "--confirm", "gold"]));
    assert!(done.contains("1 data keys of gold") && done.contains("entry"), "{done}");
    assert_eq!(get(&stack, ACCOUNT, "a").await.status(), StatusCode::FORBIDDEN);
    stack.kill().await;
    stack.restart().await;
    assert_eq!(get(&stack, ACCOUNT, "a").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(encryption(&stack, "gold").await.state, KeyState::Erased);
    assert_eq!(get(&stack, "silveracct", "a").await.status(), StatusCode::OK);
    // Nothing is taken in clear in the meantime. It may begin anew; what was erased stays so.
    assert_eq!(put(&stack, ACCOUNT, "b", marked(10)).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(set(&stack, "gold", "node").await, StatusCode::OK);
    assert_eq!(put(&stack, ACCOUNT, "b", marked(10)).await.status(), StatusCode::CREATED);
    assert_eq!(get(&stack, ACCOUNT, "b").await.status(), StatusCode::OK);
    assert_eq!(get(&stack, ACCOUNT, "a").await.status(), StatusCode::FORBIDDEN);
    let again: Erased = post(&stack, "/v1/tenants/gold/encryption/erase").await;
    assert_eq!(again.data_keys.len(), 2);
    let receipt: Receipt = post(&stack, "/v1/tenants/silver/off-board").await;
    assert_eq!(receipt.data_keys_erased, 1);
    assert_eq!(encryption(&stack, "silver").await.state, KeyState::Erased);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_declared_and_what_cannot_be_is_said_where() {
    let stack = Stack::start().await;
    let apply = async |key: &str| {
        let file = format!(
            "version: 1\ntenants:\n  - name: gold\n    encryption: {{ key: {key} }}\n    projects:\n      - name: p\n        accounts: [{{ name: {ACCOUNT}, containers: [{{ name: {CONTAINER} }}] }}]\n"
        );
        let answer = stack.control(Method::PUT, "/v1/tenants").body(file).send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("a text"))
    };
    assert_eq!(apply("node").await.0, StatusCode::OK);
    assert_eq!(encryption(&stack, "gold").await.state, KeyState::On);
    let (status, why) = apply("http://v/keys/x").await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && why.contains("tenants[0].encryption.key"), "{why}");
    let (status, why) = apply("https://localhost:1/keys/x").await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && why.contains("--vault-client"), "{why}");
    assert_eq!(encryption(&stack, "gold").await.wrapped_by.as_deref(), Some("node"));
    assert_eq!(apply("none").await.0, StatusCode::OK);
    assert_eq!(encryption(&stack, "gold").await.state, KeyState::Stopped);
}

/// A memory dump of a server whose key has been taken away tells nothing of what it has served.
#[tokio::test(flavor = "multi_thread")]
async fn once_the_key_is_held_no_longer_nothing_of_the_content_is_in_memory() {
    let mut vault = Vault::start().await;
    let stack = with_key_of(&vault).await;
    let sizes = [10_000, 90_000, 700_000, 9_000_000];
    {
        // Its connections end with it.
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let url = async |name: &str| stack.url(&format!("{CONTAINER}/{name}")).await;
        for (number, bytes) in sizes.into_iter().cycle().take(24).enumerate() {
            let put =
                client.put(url(&number.to_string()).await).header("x-ms-blob-type", "BlockBlob").body(marked(bytes));
            assert_eq!(put.send().await.expect("an answer").status(), StatusCode::CREATED);
        }
        if memory::count(stack.pid(), MARK).is_none() {
            eprintln!("not looked at: nobody here may read another process's memory");
            return;
        }
        let mut reading = client.get(url("3").await).send().await.expect("an answer");
        reading.chunk().await.expect("content");
        assert!(memory::count(stack.pid(), MARK).is_some_and(|count| count > 0), "the look finds what is there");
        for number in 0..24 {
            let got = client.get(url(&number.to_string()).await).send().await.expect("an answer").bytes().await;
            assert!(got.expect("content") == marked(sizes[number % sizes.len()]), "{number}");
        }
    }
    vault.kill().await;
    let head = stack.url(&format!("{CONTAINER}/0")).await;
    // What is asked for now would be in memory for good reason.
    let refused = async || stack.http.head(&head).send().await.expect("an answer").status();
    for _ in 0..LOOKS_MAX {
        if refused().await == StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    assert_eq!(refused().await, StatusCode::SERVICE_UNAVAILABLE);
    let mut left = usize::MAX;
    for _ in 0..MEMORY_LOOKS_MAX {
        left = memory::count(stack.pid(), MARK).expect("it could be read before");
        if left == 0 {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("in {left} places");
}
