//! Starting and stopping: what the server says when it cannot, and what it leaves when it ends.

use crate::support::{CONTAINER, Stack, fails_to_start};
use object_store::ObjectStoreExt as _;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::test]
async fn a_taken_port_is_named_with_a_way_out() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = held.local_addr().expect("an address");
    let dir = tempfile::tempdir().expect("a folder");
    let (status, said) = fails_to_start(dir.path(), (&address.to_string(), "127.0.0.1:0"), &[]).await;
    assert!(!status.success());
    for part in [
        &format!("port {} is taken", address.port()),
        &format!("ss -ltnp 'sport = :{}'", address.port()),
        "--blob 127.0.0.1:0",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let (_, said) = fails_to_start(dir.path(), ("127.0.0.1:0", &address.to_string()), &[]).await;
    assert!(said.contains("--control 127.0.0.1:0"), "{said}");
}

#[tokio::test]
async fn a_folder_in_use_is_refused_and_left_alone() {
    let stack = Stack::start().await;
    let (status, said) = fails_to_start(stack.data(), ("127.0.0.1:0", "127.0.0.1:0"), &[]).await;
    assert!(!status.success());
    assert!(said.contains("is in use") && said.contains("--data DIR"), "{said}");
    assert_eq!(stack.control(reqwest::Method::GET, "/v1/tenants").send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("file");
    std::fs::write(&file, "not a folder").expect("a file");
    let (status, said) = fails_to_start(&file.join("below"), ("127.0.0.1:0", "127.0.0.1:0"), &[]).await;
    assert!(!status.success());
    assert!(said.contains("--data DIR"), "{said}");
}

#[tokio::test]
async fn development_accounts_stay_on_loopback() {
    let dir = tempfile::tempdir().expect("a folder");
    let (status, said) = fails_to_start(dir.path(), ("0.0.0.0:0", "127.0.0.1:0"), &["--dev-account"]).await;
    assert!(!status.success());
    assert!(said.contains("loopback only"), "{said}");
}

/// However few files a shell lets its programs open: else who opens connections keeps the store from its extents.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn as_many_files_are_open_as_the_system_allows() {
    let dir = tempfile::tempdir().expect("a folder");
    let serve = ["serve", "--blob", "127.0.0.1:0", "--control", "127.0.0.1:0", "--data"];
    let mut server = tokio::process::Command::new("sh");
    server.args(["-c", "ulimit -Sn 256 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_greenroom-stack")]);
    let mut server = server.args(serve).arg(dir.path()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("sh");
    let mut ready = BufReader::new(server.stdout.take().expect("a pipe")).lines();
    ready.next_line().await.expect("a line").expect("it is ready");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id().expect("it runs"))).expect("limits");
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a line of it");
    let [soft, hard] = [0, 1].map(|at| files.split_whitespace().nth(at).expect("a number"));
    assert_eq!(soft, hard);
}

/// The key that every Azure emulator has.
const WELL_KNOWN_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

#[tokio::test]
async fn development_accounts_take_their_keys_while_they_are_asked_for() {
    let own_key = "b3VyIG93biBrZXkgZm9yIHRlc3Rz";
    let mut stack = Stack::start_with(&["--dev-account", "--dev-account", &format!("mine123={own_key}")]).await;
    let put = async |stack: &Stack, account: &str, key: &str| {
        stack.make_account(account, account, &[CONTAINER]).await;
        let client = object_store::azure::MicrosoftAzureBuilder::new()
            .with_endpoint(format!("{}/{account}", stack.ready.blob))
            .with_allow_http(true)
            .with_account(account)
            .with_access_key(key)
            .with_container_name(CONTAINER);
        client.build().expect("a client").put(&"a".into(), "hello".into()).await.map(|_| ())
    };
    put(&stack, "devstoreaccount1", WELL_KNOWN_KEY).await.expect("the well-known key is enabled");
    put(&stack, "mine123", own_key).await.expect("one's own key is enabled");
    assert!(stack.stop().await.success());
    stack.restart().await;
    let refused = put(&stack, "devstoreaccount1", WELL_KNOWN_KEY).await.expect_err("the well-known key is retired");
    assert!(refused.to_string().contains("AuthenticationFailed"), "{refused}");
}

#[tokio::test]
async fn sigterm_ends_it_cleanly_and_a_restart_keeps_everything() {
    let mut stack = Stack::with_container().await;
    stack.put_blob("a.txt", "hello").await;
    let token = stack.token.clone();
    assert!(stack.stop().await.success());
    stack.restart().await;
    assert_eq!(stack.token, token, "whoever holds the token keeps it");
    assert_eq!(stack.names().await, ["a.txt"]);
    let answer = stack.blob("GET", &format!("{CONTAINER}/a.txt")).await.send().await.expect("an answer");
    assert_eq!(answer.text().await.expect("a text"), "hello");
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_it_ends() {
    let mut stack = Stack::with_container().await;
    let (send, receive) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, std::io::Error>>(1);
    let body = reqwest::Body::wrap_stream(futures::stream::unfold(receive, async |mut receive| {
        receive.recv().await.map(|part| (part, receive))
    }));
    let put = stack.blob("PUT", &format!("{CONTAINER}/slow.bin")).await;
    let put = put.header("x-ms-blob-type", "BlockBlob").header("content-length", "10").body(body);
    let sending = tokio::spawn(put.send());
    send.send(Ok("01234".into())).await.expect("the request is being sent");
    // Metrics show the request under way: from then on it is the server's to finish.
    loop {
        let metrics = stack.control(reqwest::Method::GET, "/v1/metrics").send().await.expect("an answer");
        let metrics: greenroom_model::metrics::Metrics = metrics.json().await.expect("metrics");
        if metrics.tenants.values().any(|tenant| tenant.bytes_in >= 5) {
            break;
        }
    }
    let asked = stack.control(reqwest::Method::POST, "/v1/shutdown").send().await.expect("an answer");
    assert_eq!(asked.status(), 202);
    send.send(Ok("56789".into())).await.expect("the request is still being sent");
    drop(send);
    let answer = sending.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 201);
    assert!(stack.ended().await.success());
    stack.restart().await;
    assert_eq!(stack.names().await, ["slow.bin"]);
}

#[cfg(unix)]
#[tokio::test]
async fn the_token_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let stack = Stack::start().await;
    let file = std::fs::metadata(stack.data().join("control.token")).expect("the token file");
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}
