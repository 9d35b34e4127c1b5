//! Spans: a request, what is done for it and what the cloud does for it are one trace, which a client may begin; and whoever collects them
//! holds up nothing.

use crate::support;
use crate::support::cloud::{CLOUD_CONTAINER, Cloud};
use crate::support::collector::{Collector, below, id, said};
use crate::support::tiering::{send_all_away, stack_at};
use crate::support::{ACCOUNT, CONTAINER, Stack, header};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;

const CLIENTS: &str = "00f067aa0ba902b7";
const NAME: &str = "nobodys-business";
const BYTES: usize = 100_000;

/// A trace of a client's, by its number.
fn trace(number: u8) -> String {
    format!("4bf92f3577b34da6a3ce929d0e0e47{number:02x}")
}

async fn ask(stack: &Stack, method: &str, traceparent: &str) -> String {
    let request = stack.blob(method, &format!("{CONTAINER}/{NAME}")).await.header("traceparent", traceparent);
    let request = match method {
        "PUT" => request.header("x-ms-blob-type", "BlockBlob").body(vec![7; BYTES]),
        _ => request,
    };
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{method}: {}", answer.status());
    let request_id = header(&answer, "x-ms-request-id");
    answer.bytes().await.expect("its content");
    request_id
}

fn parent(number: u8) -> String {
    format!("00-{}-{CLIENTS}-01", trace(number))
}

#[tokio::test]
async fn a_request_what_is_done_for_it_and_the_cloud_are_one_trace() {
    let collector = Collector::start().await;
    let cold = Stack::start_with(&["--otlp", &collector.url]).await;
    let keys = cold.make_account("cloud", "cloud", &[CLOUD_CONTAINER]).await;
    let cloud = Cloud::at(format!("{}/cloud/{CLOUD_CONTAINER}", cold.ready.blob), Some(keys.key));
    let stack = stack_at(&cloud, &["--otlp", &collector.url]).await;

    let request_id = ask(&stack, "PUT", &parent(1)).await;
    let put = collector.trace(&trace(1), 7).await;
    let request = below(&put, CLIENTS, "Put Blob");
    assert_eq!(request.kind, SpanKind::Server as i32);
    for (name, value) in [
        ("operation", "Put Blob"),
        ("account", ACCOUNT),
        ("tenant", "gold"),
        ("status", "201"),
        ("bytes_in", "100000"),
        ("bytes_out", "0"),
        ("request_id", &request_id),
    ] {
        assert_eq!(said(request, name), value, "{name}");
    }
    for name in ["admission", "disk"] {
        below(&put, &id(request), name);
    }
    let intake = below(&put, &id(request), "intake");
    let (written, synced) = (below(&put, &id(intake), "extent.write"), below(&put, &id(intake), "extent.sync"));
    assert!(written.start_time_unix_nano >= intake.start_time_unix_nano);
    let commit = below(&put, &id(request), "commit");
    assert!(synced.end_time_unix_nano <= commit.start_time_unix_nano, "it is durable before it is named");

    ask(&stack, "GET", &parent(2)).await;
    let warm = collector.trace(&trace(2), 3).await;
    let request = below(&warm, CLIENTS, "Get Blob");
    assert_eq!((said(request, "status"), said(request, "bytes_out")), ("200".to_owned(), BYTES.to_string()));
    assert_eq!(said(below(&warm, &id(request), "extent.read"), "bytes"), BYTES.to_string());

    send_all_away(&stack, 1).await;
    ask(&stack, "GET", &parent(3)).await;
    let cold = collector.trace(&trace(3), 8).await;
    let recall = below(&cold, &id(below(&cold, CLIENTS, "Get Blob")), "recall");
    let asked: Vec<&Span> = cold.iter().filter(|span| span.name == "cloud").collect();
    assert!(!asked.is_empty(), "{cold:#?}");
    for asked in asked {
        assert_eq!((asked.kind, &asked.parent_span_id), (SpanKind::Client as i32, &recall.span_id));
        assert!(said(asked, "operation") == "get" && said(asked, "status") == "206", "{asked:?}");
        let there = below(&cold, &id(asked), "Get Blob");
        assert_eq!((said(there, "tenant"), said(there, "status")), ("cloud".to_owned(), "206".to_owned()));
        below(&cold, &id(there), "extent.read");
    }
    nothing_is_given_away(&collector.spans());
}

fn nothing_is_given_away(spans: &[Span]) {
    let roots = spans.iter().filter(|span| span.parent_span_id.is_empty());
    let begins = |span: &Span| span.kind == SpanKind::Server as i32 || span.name == "offload";
    assert!(roots.clone().count() > 0 && roots.clone().all(begins), "{:#?}", roots.collect::<Vec<_>>());
    let all = format!("{spans:?}");
    assert!(spans.iter().all(|span| span.events.is_empty()));
    for secret in [NAME, "sig", "SharedKey", "seg/"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn what_names_no_trace_begins_one() {
    let collector = Collector::start().await;
    let stack = Stack::start_with(&["--otlp", &format!("{}/v1/traces", collector.url)]).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let not_sampled = format!("00-{}-{CLIENTS}-00", trace(9));
    let zeros = format!("00-{}-{CLIENTS}-01", "0".repeat(32));
    for traceparent in ["", "nonsense", &zeros, &format!("{}-more", parent(8)), &not_sampled] {
        ask(&stack, "PUT", traceparent).await;
    }
    let twice = stack.blob("HEAD", &format!("{CONTAINER}/{NAME}")).await.header("traceparent", parent(7));
    let twice = twice.header("traceparent", parent(8)).send().await.expect("an answer");
    assert_eq!(twice.status(), 200);
    assert!(stack_stops(stack).await < Duration::from_secs(10));
    // A client that does not want its trace to be collected has its way.
    let begun = |span: &Span| ["Put Blob", "Get Blob Properties"].contains(&span.name.as_str());
    let requests: Vec<_> = collector.spans().into_iter().filter(begun).collect();
    assert_eq!(requests.len(), 5, "all of them were sent before the server ended: {requests:#?}");
    assert!(requests.iter().all(|span| span.parent_span_id.is_empty()), "{requests:#?}");
}

/// How long it takes.
async fn stack_stops(mut stack: Stack) -> Duration {
    let began = Instant::now();
    assert!(stack.stop().await.success());
    began.elapsed()
}

#[tokio::test]
async fn a_collector_that_is_away_or_silent_holds_up_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent = silent.local_addr().map(|address| (format!("http://{address}"), silent)).expect("an address");
    for url in ["http://127.0.0.1:9", &silent.0] {
        let stack = Stack::start_with(&["--otlp", url]).await;
        stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
        let began = Instant::now();
        for _ in 0..50 {
            ask(&stack, "PUT", &parent(1)).await;
            ask(&stack, "GET", &parent(1)).await;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{url}: {:?}", began.elapsed());
        // The flush has three seconds, and everything else takes moments.
        assert!(stack_stops(stack).await < Duration::from_secs(8), "{url}");
    }
}

#[tokio::test]
async fn that_it_is_away_is_said_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = support::command(dir.path(), ("127.0.0.1:0", "127.0.0.1:0"), &["--otlp", "http://127.0.0.1:9"]);
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the server starts");
    let mut lines = BufReader::new(server.stdout.take().expect("a pipe")).lines();
    let ready = lines.next_line().await.expect("a line").expect("the server says that it is ready");
    let ready: greenroom_model::control::Ready = serde_json::from_str(&ready).expect("the ready line");
    for _ in 0..3 {
        let answer = support::client().get(format!("{}/acct/photos/a", ready.blob)).send().await.expect("an answer");
        assert!(answer.status().is_client_error());
        // Longer than spans are kept back.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    server.start_kill().expect("it runs");
    let mut said = String::new();
    server.stderr.take().expect("a pipe").read_to_string(&mut said).await.expect("text");
    assert_eq!(said.matches("the collector takes no spans").count(), 1, "{said}");
    assert!(said.contains("refused"), "{said}");
}
