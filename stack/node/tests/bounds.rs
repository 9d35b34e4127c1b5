//! What a client may cost: slow ones lose their place, many large ones stay within memory, and stopping waits no longer than said.
//! Limits are set low, so that nothing here waits for the usual ones; nothing asserts how long a thing took.

mod support;

use greenroom_model::metrics::Metrics;
use reqwest::Method;
use std::time::Duration;
use support::{ACCOUNT, CONTAINER, Stack, tree};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Only there so that a hang fails.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(20);

/// A server with these limits, an account and a container.
async fn stack(limits: &[&str]) -> Stack {
    let limits: Vec<_> = limits.iter().map(|limit| format!("--limit={limit}")).collect();
    let stack = Stack::start_with(&limits.iter().map(String::as_str).collect::<Vec<_>>()).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    stack
}

async fn connect(stack: &Stack) -> TcpStream {
    let address = stack.ready.blob.trim_start_matches("http://");
    TcpStream::connect(address).await.expect("a connection")
}

/// The head of a request for a blob of `CONTAINER`, with a SAS.
async fn head(stack: &Stack, method: &str, name: &str, headers: &str) -> String {
    let url = stack.url(&format!("{CONTAINER}/{name}")).await;
    let path = url.trim_start_matches(stack.ready.blob.as_str()).to_owned();
    format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-ms-blob-type: BlockBlob\r\n{headers}\r\n")
}

/// All that the server still sends, until it closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A connection that is reset has ended too.
    let _ = read.expect("the server closes the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer, by its head and the length that it names; the connection stays open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await.expect("an answer"));
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("an answer in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn metrics(stack: &Stack) -> Metrics {
    let got = stack.control(Method::GET, "/v1/metrics").send().await.expect("an answer");
    got.json().await.expect("metrics")
}

async fn in_flight(stack: &Stack) -> u64 {
    metrics(stack).await.tenants.values().map(|tenant| tenant.in_flight).sum()
}

async fn until_nothing_is_in_flight(stack: &Stack) {
    let waiting = async {
        while in_flight(stack).await > 0 {
            tokio::time::sleep(STEP).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("requests end");
}

#[tokio::test]
async fn who_dawdles_over_headers_is_cut_off_and_who_idles_between_requests_is_not() {
    let stack = stack(&["headers-ms=300", "idle-ms=50000"]).await;
    let mut idle = connect(&stack).await;
    let mut slow = connect(&stack).await;
    slow.write_all(b"GET /acct/photos HTTP/1.1\r\nHost: 127.").await.expect("sent");
    assert_eq!(rest(&mut slow).await, "", "no answer to half a request");
    let probe = head(&stack, "HEAD", "absent", "").await;
    for _ in 0..2 {
        idle.write_all(probe.as_bytes()).await.expect("the idle connection is still there");
        assert!(answer(&mut idle).await.starts_with("HTTP/1.1 404"));
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
}

#[tokio::test]
async fn a_connection_that_idles_too_long_is_closed() {
    let stack = stack(&["idle-ms=300"]).await;
    let mut fresh = connect(&stack).await;
    assert_eq!(rest(&mut fresh).await, "");
    let mut used = connect(&stack).await;
    used.write_all(head(&stack, "HEAD", "absent", "").await.as_bytes()).await.expect("sent");
    assert!(rest(&mut used).await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_body_that_stalls_or_trickles_loses_its_place_and_a_steady_one_does_not() {
    let stack = stack(&["stall-ms=400", "stall-bytes=1000"]).await;
    let put = head(&stack, "PUT", "slow", "Content-Length: 100000\r\n").await;
    let mut stalled = connect(&stack).await;
    stalled.write_all(format!("{put}01234").as_bytes()).await.expect("sent");
    let mut trickling = connect(&stack).await;
    let trickle = async {
        trickling.write_all(put.as_bytes()).await.expect("sent");
        // 20 ms a byte: far below the least pace, and never still.
        while trickling.write_all(b"0").await.is_ok() {
            tokio::time::sleep(STEP).await;
        }
    };
    tokio::time::timeout(PATIENCE, trickle).await.expect("the server cuts it off");
    assert!(rest(&mut stalled).await.starts_with("HTTP/1.1 408"));
    let put = head(&stack, "PUT", "steady", "Content-Length: 20000\r\n").await;
    let mut steady = connect(&stack).await;
    steady.write_all(put.as_bytes()).await.expect("sent");
    for _ in 0..40 {
        steady.write_all(&[b'x'; 500]).await.expect("it keeps the pace");
        tokio::time::sleep(STEP).await;
    }
    assert!(answer(&mut steady).await.starts_with("HTTP/1.1 201"));
    assert_eq!(stack.names().await, ["steady"]);
    until_nothing_is_in_flight(&stack).await;
}

#[tokio::test]
async fn a_reply_that_nobody_takes_is_given_up() {
    const BYTES: usize = 48 << 20;
    let stack = stack(&["stall-ms=400"]).await;
    stack.put_blob("large", tree::content("large", BYTES)).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(64 * 1024).expect("a small buffer");
    let address = stack.ready.blob.trim_start_matches("http://").parse().expect("an address");
    let mut stream = socket.connect(address).await.expect("a connection");
    stream.write_all(head(&stack, "GET", "large", "").await.as_bytes()).await.expect("sent");
    while metrics(&stack).await.tenants.values().all(|tenant| tenant.bytes_out == 0) {
        tokio::time::sleep(STEP).await;
    }
    until_nothing_is_in_flight(&stack).await;
    assert!(rest(&mut stream).await.len() < BYTES, "the reply is cut off");
}

#[tokio::test]
async fn slow_clients_that_hold_every_connection_lose_them_to_others() {
    let stack = stack(&["connections=2", "headers-ms=500"]).await;
    let probe = head(&stack, "HEAD", "absent", "Connection: close\r\n").await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(&stack).await;
        stream.write_all(b"GET /acct/photos").await.expect("sent");
        slow.push(stream);
    }
    let mut third = connect(&stack).await;
    third.write_all(probe.as_bytes()).await.expect("sent");
    assert!(rest(&mut third).await.starts_with("HTTP/1.1 404"));
}

/// Far more connections than there are places, all of which want something and none of which gets on: whoever has a credential is served,
/// again and again, while they stay and go on coming.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_whoever_has_most_make_room() {
    const PLACES: usize = 20;
    let stack = stack(&[&format!("connections={PLACES}"), "headers-ms=600000", "stall-ms=600000"]).await;
    stack.make_account("silver", "other", &[CONTAINER]).await;
    let quiet = stack.url_in("other", &format!("{CONTAINER}/none")).await;
    let upload = head(&stack, "PUT", "slow", "Content-Length: 1000000\r\n").await;
    let stranger =
        format!("PUT /{ACCOUNT}/{CONTAINER}/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\nx");
    for (what, begin) in [
        ("half-sent headers", "GET / HTTP/1.1\r\nHost: "),
        ("silence", ""),
        ("slow bodies without a credential", &stranger),
        ("slow bodies of another tenant", &upload),
    ] {
        let mut held = Vec::new();
        for round in 0..3 {
            for _ in 0..2 * PLACES {
                let mut stream = connect(&stack).await;
                stream.write_all(begin.as_bytes()).await.expect("it is sent");
                held.push(stream);
            }
            // A client of its own for each: no connection from before.
            let answer = support::client().head(&quiet).send();
            let answer = tokio::time::timeout(PATIENCE, answer).await.expect("in time").expect("an answer");
            assert_eq!(answer.status(), 404, "{what}, round {round}");
        }
        drop(held);
    }
}

/// Places, all taken by clients that only keep their connections.
const IDLE: usize = 250;

#[tokio::test]
async fn idle_connections_make_room_for_new_clients_and_working_ones_stay() {
    let stack = stack(&[&format!("connections={IDLE}"), "idle-ms=600000", "headers-ms=600000"]).await;
    let put = head(&stack, "PUT", "steady", "Content-Length: 1000\r\n").await;
    let probe = head(&stack, "HEAD", "absent", "").await;
    // The oldest of all, and at work.
    let mut working = connect(&stack).await;
    working.write_all(format!("{put}0123456789").as_bytes()).await.expect("sent");
    let mut idle = Vec::new();
    for number in 1..IDLE {
        let mut stream = connect(&stack).await;
        // Some have asked for something before, some never did.
        if number % 2 == 0 {
            stream.write_all(probe.as_bytes()).await.expect("sent");
            assert!(answer(&mut stream).await.starts_with("HTTP/1.1 404"));
        }
        idle.push(stream);
    }
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(&stack).await;
        stream.write_all(probe.as_bytes()).await.expect("sent");
        assert!(answer(&mut stream).await.starts_with("HTTP/1.1 404"), "a new client is served");
        clients.push(stream);
    }
    // Those that were idle longest have left; the last ones, and the new ones, have not.
    assert_eq!(rest(&mut idle[0]).await, "");
    for stream in idle.iter_mut().rev().take(20).chain(&mut clients) {
        stream.write_all(probe.as_bytes()).await.expect("sent");
        assert!(answer(stream).await.starts_with("HTTP/1.1 404"), "it kept its place");
    }
    working.write_all(&[b'x'; 990]).await.expect("it kept its place");
    assert!(answer(&mut working).await.starts_with("HTTP/1.1 201"));
    assert_eq!(stack.names().await, ["steady"]);
}

#[tokio::test]
async fn sigterm_waits_for_requests_in_flight_but_not_forever() {
    let mut stack = stack(&["drain-ms=500"]).await;
    let mut idle = connect(&stack).await;
    idle.write_all(head(&stack, "HEAD", "absent", "").await.as_bytes()).await.expect("sent");
    answer(&mut idle).await;
    let mut stuck = connect(&stack).await;
    let put = head(&stack, "PUT", "stuck", "Content-Length: 10\r\n").await;
    stuck.write_all(format!("{put}01234").as_bytes()).await.expect("sent");
    while in_flight(&stack).await == 0 {
        tokio::time::sleep(STEP).await;
    }
    assert!(stack.stop().await.success(), "it ends well though a request never does");
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut stuck).await, "");
    assert!(TcpStream::connect(stack.ready.blob.trim_start_matches("http://")).await.is_err());
    stack.restart().await;
    assert!(stack.names().await.is_empty(), "half a blob is none");
}

/// Lists of what is large as XML, asked for and not read: they take what one part of each does, and are whole once they are read.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn lists_that_nobody_reads_take_no_memory() {
    const BLOBS: usize = 400;
    const LISTS: usize = 12;
    const GROWN_BYTES_MAX: u64 = 64 << 20;
    let stack = stack(&["stall-ms=600000"]).await;
    // Each quote is six bytes of XML.
    let metadata = ("x-ms-meta-quotes", "\"".repeat(8_000));
    let names: Vec<String> = (0..BLOBS).map(|number| format!("{number:04}")).collect();
    for part in names.chunks(32) {
        futures::future::join_all(part.iter().map(async |name| {
            let put = stack.blob("PUT", &format!("{CONTAINER}/{name}")).await.header("x-ms-blob-type", "BlockBlob");
            let put = put.header(metadata.0, &metadata.1).header("content-length", "0").send().await;
            assert_eq!(put.expect("an answer").status(), 201);
        }))
        .await;
    }
    let before = support::memory_bytes(stack.pid(), "VmRSS");
    let list = stack.url(&format!("{CONTAINER}?restype=container&comp=list&include=metadata")).await;
    let path = list.trim_start_matches(stack.ready.blob.as_str());
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    let mut unread = Vec::new();
    for _ in 0..LISTS {
        let mut stream = connect(&stack).await;
        stream.write_all(request.as_bytes()).await.expect("sent");
        unread.push(stream);
    }
    for stream in &unread {
        stream.peek(&mut [0]).await.expect("the beginning of a list");
    }
    let grown = support::memory_bytes(stack.pid(), "VmHWM").saturating_sub(before);
    assert!(grown < GROWN_BYTES_MAX, "{} MiB for {LISTS} lists", grown >> 20);
    let text = rest(&mut unread[0]).await;
    assert!(text.len() > BLOBS * 48_000, "{} bytes", text.len());
    for name in &names {
        assert!(text.contains(&format!("<Name>{name}</Name>")), "{name}");
    }
    assert!(text.contains("<NextMarker /></EnumerationResults>"), "it has an end");
}

/// Connections that move large blobs at once, and what the server may take for them.
const CONNECTIONS: usize = 200;
const RESIDENT_KIB_MAX: u64 = 300 * 1024;

/// 4 MiB in the normal run; more by hand, as far as the disk allows: `GREENROOM_BOUNDS_MIB=64` moves 12.5 GiB each way.
fn blob_bytes() -> usize {
    let mib = std::env::var("GREENROOM_BOUNDS_MIB").ok().and_then(|text| text.parse::<usize>().ok());
    mib.unwrap_or(4) << 20
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn two_hundred_connections_with_large_blobs_stay_within_memory() {
    use std::sync::Arc;
    use tokio::sync::Barrier;

    let stack = stack(&[]).await;
    let bytes = blob_bytes();
    let part: Arc<Vec<u8>> = Arc::new(tree::content("part", 1 << 20));
    // All have moved half of their blob before any moves the rest.
    let halfway = Arc::new(Barrier::new(CONNECTIONS + 1));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..CONNECTIONS {
        let put = head(&stack, "PUT", &format!("{number}"), &format!("Content-Length: {bytes}\r\n")).await;
        let (mut stream, part, halfway) = (connect(&stack).await, part.clone(), halfway.clone());
        tasks.spawn(async move {
            stream.write_all(put.as_bytes()).await.expect("sent");
            let parts = bytes / part.len();
            for sent in 0..parts {
                if sent == parts / 2 {
                    halfway.wait().await;
                    halfway.wait().await;
                }
                stream.write_all(&part).await.expect("sent");
            }
            assert!(answer(&mut stream).await.starts_with("HTTP/1.1 201"), "{number}");
        });
    }
    halfway.wait().await;
    let waiting = async {
        while in_flight(&stack).await < CONNECTIONS as u64 {
            tokio::time::sleep(STEP).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("all are served at once");
    halfway.wait().await;
    while let Some(done) = tasks.join_next().await {
        done.expect("a good upload");
    }
    let after_put = resident_peak_kib(&stack);
    for number in 0..CONNECTIONS {
        let get = head(&stack, "GET", &format!("{number}"), "").await;
        let (mut stream, halfway) = (connect(&stack).await, halfway.clone());
        tasks.spawn(async move {
            stream.write_all(get.as_bytes()).await.expect("sent");
            answer(&mut stream).await;
            let (mut left, mut buffer) = (bytes, vec![0; 64 << 10]);
            let mut waited = false;
            while left > 0 {
                if left <= bytes / 2 && !std::mem::replace(&mut waited, true) {
                    halfway.wait().await;
                }
                let read = stream.read(&mut buffer).await.expect("content");
                assert!(read > 0, "{number} is cut off");
                left -= read;
            }
        });
    }
    halfway.wait().await;
    while let Some(done) = tasks.join_next().await {
        done.expect("a good download");
    }
    let after_get = resident_peak_kib(&stack);
    println!("{CONNECTIONS} connections, {} MiB each: peak {after_put} KiB up, {after_get} KiB down too", bytes >> 20);
    assert!(after_get < RESIDENT_KIB_MAX, "{after_put} KiB after uploads, {after_get} KiB after downloads");
}

/// The most memory that the server ever held.
#[cfg(target_os = "linux")]
fn resident_peak_kib(stack: &Stack) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", stack.pid())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
