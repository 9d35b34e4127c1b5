//! Events on their way to webhooks, from a real server to a real endpoint: all of them, in order, at least once, and to nobody else.

use crate::support::authority::Authority;
use crate::support::hook::{Endpoint, Mood, put_sink};
use crate::support::sinks::{in_order, name_of, scribble, status, text, until_status};
use crate::support::{ACCOUNT, CONTAINER, Stack, send};
use greenroom_model::feed::{Shape, Sink};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use tokio::net::TcpListener;

const KILLS: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn every_change_arrives_in_order_in_both_shapes() {
    let endpoint = Endpoint::start().await;
    let stack = stack_for(&endpoint).await;
    endpoint.sink(&stack, "cloud", Shape::CloudEvents).await;
    endpoint.sink(&stack, "grid", Shape::EventGrid).await;
    stack.put_blob("a", "1").await;
    stack.put_blob("a", "22").await;
    for (path, headers) in [
        ("a?comp=metadata", ("x-ms-meta-k", "v")),
        ("a?comp=snapshot", ("x-ms-meta-k", "v")),
        ("a?comp=tier", ("x-ms-access-tier", "Cool")),
    ] {
        let answer = send(&stack, "PUT", &format!("{CONTAINER}/{path}"), &[headers], "").await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }
    let deleted = send(&stack, "DELETE", &format!("{CONTAINER}/a"), &[("x-ms-delete-snapshots", "include")], "").await;
    assert_eq!(deleted.status(), 202);
    let kinds = ["Created", "Created", "PropertiesUpdated", "SnapshotCreated", "TierChanged", "Deleted"];
    for (sink, kind, headers) in [
        (
            "cloud",
            "type",
            [("content-type", "application/cloudevents-batch+json; charset=utf-8"), ("origin", "greenroom")],
        ),
        (
            "grid",
            "eventType",
            [("content-type", "application/json; charset=utf-8"), ("aeg-event-type", "Notification")],
        ),
    ] {
        endpoint.until(sink, |taken| taken.len() >= kinds.len()).await;
        let taken = endpoint.taken(sink);
        let told: Vec<_> = taken.iter().map(|event| text(&event[kind])).collect();
        assert_eq!(told, kinds.map(|kind| format!("Microsoft.Storage.Blob{kind}")), "{sink}");
        for event in &taken {
            assert_eq!(event["subject"], format!("/blobServices/default/containers/{CONTAINER}/blobs/a"));
            assert_eq!(event["data"]["url"], format!("{}/{ACCOUNT}/{CONTAINER}/a", stack.ready.blob));
        }
        assert_eq!((&taken[0]["data"]["api"], &taken[1]["data"]["contentLength"]), (&json!("PutBlob"), &json!(2)));
        let came = endpoint.headers(sink);
        for (name, value) in headers {
            assert_eq!(came.get(name).map(|value| value.to_str().expect("text")), Some(value), "{sink}");
        }
    }
    let standing = status(&stack, "grid").await;
    assert_eq!((standing.failures, standing.last_error), (0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_however_often_the_server_is_killed() {
    let endpoint = Endpoint::start().await;
    let mut stack = stack_for(&endpoint).await;
    endpoint.be("cloud", Mood::Slow);
    endpoint.sink(&stack, "cloud", Shape::CloudEvents).await;
    let mut written = Vec::new();
    for kill in 0..KILLS {
        let moment = Duration::from_millis(300 + kill * 337 % 900);
        let _ = tokio::time::timeout(moment, scribble(&stack, kill, &mut written)).await;
        stack.kill().await;
        stack.restart_with(&["--copy-source-allow", &endpoint.authority]).await;
    }
    stack.put_blob("last", "1").await;
    written.push("last".to_owned());
    endpoint.until("cloud", |taken| taken.iter().any(|event| name_of(event) == "last")).await;
    let came = in_order(&endpoint.taken("cloud"));
    // A write that was cut off may have been made; none that was answered is missing.
    let mut answered = written.iter().peekable();
    for name in &came {
        answered.next_if(|next| *next == name);
    }
    assert_eq!(answered.next(), None, "of {} written, {} came", written.len(), came.len());
    assert!(written.len() > 20, "{}", written.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_busy_or_hangs_gets_all_in_the_end() {
    let endpoint = Endpoint::start().await;
    let stack = stack_for(&endpoint).await;
    endpoint.sink(&stack, "cloud", Shape::CloudEvents).await;
    stack.put_blob("0", "1").await;
    endpoint.until("cloud", |taken| taken.len() == 1).await;
    endpoint.be("cloud", Mood::Busy);
    for name in 1..5 {
        stack.put_blob(&name.to_string(), "1").await;
    }
    let standing = until_status(&stack, "cloud", |status| status.failures >= 2).await;
    assert!(standing.last_error.is_some_and(|why| why.contains("answers 503")));
    endpoint.be("cloud", Mood::HangsOnce);
    endpoint.until("cloud", |taken| taken.len() == 5).await;
    assert_eq!(in_order(&endpoint.taken("cloud")), ["0", "1", "2", "3", "4"]);
    assert!(endpoint.posts("cloud") >= 5, "first, refused twice, hung, taken");
    let standing = until_status(&stack, "cloud", |status| status.failures == 0).await;
    assert_eq!(standing.last_error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_sink_holds_up_no_other() {
    let (endpoint, dead) = (Endpoint::start().await, dead_authority().await);
    let allowed = ["--copy-source-allow", &endpoint.authority, "--copy-source-allow", &dead];
    let stack = Stack::start_with(&allowed).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    put_sink(&stack, "dead", &format!("http://{dead}/"), Shape::CloudEvents).await;
    endpoint.be("hangs", Mood::Hangs);
    endpoint.sink(&stack, "hangs", Shape::EventGrid).await;
    endpoint.sink(&stack, "cloud", Shape::CloudEvents).await;
    for name in 0..30 {
        stack.put_blob(&name.to_string(), "1").await;
    }
    endpoint.until("cloud", |taken| taken.len() == 30).await;
    let standing = until_status(&stack, "dead", |status| status.failures >= 1).await;
    assert!(standing.last_error.is_some_and(|why| why.contains("cannot be reached")));
    assert!(endpoint.taken("hangs").is_empty());
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_refused_and_a_redirect_is_not_followed() {
    let (endpoint, inner) = (Endpoint::start().await, Endpoint::start().await);
    let stack = stack_for(&endpoint).await;
    for (url, says) in [
        (format!("http://{}/hook", inner.authority), format!("--copy-source-allow {}", inner.authority)),
        (format!("http://localhost:{}/hook", port(&endpoint.authority)), "--copy-source-allow localhost".into()),
        ("http://169.254.169.254/latest/meta-data".into(), "not public".into()),
        (format!("http://me:word@{}/hook", endpoint.authority), "a user or a password".into()),
        ("file:///etc/passwd".into(), "http or https".into()),
    ] {
        let sink = Sink::Webhook { url, shape: Shape::CloudEvents };
        let answer = stack.put(&format!("/v1/accounts/{ACCOUNT}/sinks/bad"), &sink).await;
        assert_eq!(answer.status(), 400, "{sink:?}");
        let said = answer.text().await.expect("a text");
        assert!(said.contains(&says), "{said}");
    }
    // To a place that is allowed, and to one that is not.
    for (sink, to) in [("near", &endpoint.authority), ("far", &inner.authority)] {
        endpoint.sink(&stack, sink, Shape::CloudEvents).await;
        stack.put_blob("before", "1").await;
        endpoint.until(sink, |taken| taken.len() == 1).await;
        endpoint.redirect(sink, format!("http://{to}/elsewhere"));
        stack.put_blob("after", "1").await;
        let standing = until_status(&stack, sink, |status| status.failures >= 1).await;
        assert!(standing.last_error.is_some_and(|why| why.contains("redirects are not followed")));
        assert!(endpoint.posts("elsewhere") == 0 && inner.posts("elsewhere") == 0);
    }
}

#[tokio::test]
async fn an_https_endpoint_is_asked_where_its_authority_is_trusted() {
    let authority = Authority::make();
    // Any server with a certificate will do: how far it is come to is in what is said of it.
    let arguments = authority.arguments();
    let secure = Stack::start_with(&arguments.each_ref().map(String::as_str)).await;
    let address = secure.ready.blob.trim_start_matches("https://").to_owned();
    let trusts = format!("--copy-source-ca={}", authority.certificate());
    for (more, says) in [(None, "cannot be reached: invalid peer certificate"), (Some(trusts), "does not agree")] {
        let allow = format!("--copy-source-allow={address}");
        let arguments: Vec<&str> = [Some(allow.as_str()), more.as_deref()].into_iter().flatten().collect();
        let stack = Stack::start_with(&arguments).await;
        stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
        put_sink(&stack, "hook", &format!("https://{address}/hook"), Shape::CloudEvents).await;
        let standing = until_status(&stack, "hook", |status| status.failures >= 1).await;
        let why = standing.last_error.expect("a reason");
        assert!(why.contains(says), "{why}");
    }
}

#[tokio::test]
async fn an_endpoint_gets_nothing_until_it_agrees() {
    let endpoint = Endpoint::start().await;
    let stack = stack_for(&endpoint).await;
    for (sink, shape, says) in [
        ("cloud", Shape::CloudEvents, "WebHook-Allowed-Origin: greenroom"),
        ("grid", Shape::EventGrid, "validationResponse"),
    ] {
        endpoint.be(sink, Mood::Disagrees);
        endpoint.sink(&stack, sink, shape).await;
        stack.put_blob("a", "1").await;
        let standing = until_status(&stack, sink, |status| status.failures >= 1).await;
        let why = standing.last_error.expect("a reason");
        assert!(why.contains(says), "{why}");
        assert_eq!(endpoint.posts(sink), 0);
        endpoint.be(sink, Mood::Takes);
        endpoint.until(sink, |taken| !taken.is_empty()).await;
    }
}

#[tokio::test]
async fn a_sink_that_is_removed_gets_nothing_more() {
    let endpoint = Endpoint::start().await;
    let stack = stack_for(&endpoint).await;
    for sink in ["goes", "stays"] {
        endpoint.sink(&stack, sink, Shape::CloudEvents).await;
    }
    stack.put_blob("before", "1").await;
    endpoint.until("goes", |taken| taken.len() == 1).await;
    let gone = stack.control(Method::DELETE, &format!("/v1/accounts/{ACCOUNT}/sinks/goes")).send().await;
    assert!(gone.expect("an answer").status().is_success());
    for name in ["a", "b", "c"] {
        stack.put_blob(name, "1").await;
    }
    endpoint.until("stays", |taken| taken.len() == 4).await;
    // A second of the same name begins where it is made.
    endpoint.sink(&stack, "goes", Shape::CloudEvents).await;
    stack.put_blob("d", "1").await;
    endpoint.until("goes", |taken| taken.len() == 2).await;
    assert_eq!(in_order(&endpoint.taken("goes")), ["before", "d"]);
}

/// A server with an account, which may reach the endpoint.
async fn stack_for(endpoint: &Endpoint) -> Stack {
    let stack = Stack::start_with(&["--copy-source-allow", &endpoint.authority]).await;
    stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    stack
}

/// Where nobody listens.
async fn dead_authority() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("an address").to_string()
}

fn port(authority: &str) -> &str {
    authority.rsplit(':').next().expect("a port")
}
