//! What is said to a server of its mirrors: over the control API, in a file, from the command line. What mirrors do is elsewhere.

use crate::support::{ACCOUNT, CONTAINER, Stack, stack_command};
use greenroom_model::TenantName;
use greenroom_model::control::Problem;
use greenroom_model::metrics::Metrics;
use greenroom_model::mirror::{Attach, MIRRORS_MAX, Mirror, MirrorStatus};
use greenroom_model::tenancy::{AuditEntry, Change, FieldProblem, TenantToken};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeMap;

const SHOWN: &str = "shown";
const LAKE: &str = "/v1/accounts/shown/mirrors/lake";

/// A server with something to show, in one account, and another one to show it in.
async fn stack() -> (Stack, Attach) {
    let mut stack = Stack::start().await;
    // Its own address may be reached.
    let own = stack.ready.blob.trim_start_matches("http://").to_owned();
    stack.kill().await;
    stack.restart_with(&["--copy-source-allow", &own]).await;
    let key = stack.make_account("gold", ACCOUNT, &[CONTAINER]).await.key;
    stack.make_account("silver", SHOWN, &[]).await;
    let origin = format!("{}/{ACCOUNT}/{CONTAINER}", stack.ready.blob);
    let mirror = Mirror { container: Some("lake".parse().expect("a good name")), ..Mirror::of(origin) };
    (stack, Attach { mirror, secret: Some(key) })
}

async fn call<T: DeserializeOwned>(stack: &Stack, method: Method, path: &str, body: &impl serde::Serialize) -> T {
    let answer = stack.control(method.clone(), path).json(body).send().await.expect("an answer");
    let (status, text) = (answer.status(), answer.text().await.expect("a text"));
    assert_eq!(status, StatusCode::OK, "{method} {path}: {text}");
    serde_json::from_str(&text).expect("the shape that is documented")
}

async fn refused(stack: &Stack, method: Method, path: &str, body: &impl serde::Serialize) -> (u16, String) {
    let answer = stack.control(method, path).json(body).send().await.expect("an answer");
    let problem: Problem = answer.json().await.expect("a problem");
    (problem.status, problem.detail)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_attached_paused_and_detached_and_its_secret_is_told_to_nobody() {
    let (stack, attach) = stack().await;
    let secret = attach.secret.clone().expect("a key");
    let made: MirrorStatus = call(&stack, Method::PUT, LAKE, &attach).await;
    assert_eq!(made.settings.as_ref(), Some(&attach.mirror));
    let slower = Attach { mirror: Mirror { poll_ms: 9_000, ..attach.mirror.clone() }, secret: None };
    call::<MirrorStatus>(&stack, Method::PUT, LAKE, &slower).await;
    let all: BTreeMap<TenantName, MirrorStatus> = call(&stack, Method::GET, "/v1/accounts/shown/mirrors", &()).await;
    assert_eq!(all.keys().map(TenantName::as_str).collect::<Vec<_>>(), ["lake"]);
    for (act, is_paused) in [("pause", true), ("relist", true), ("resume", false)] {
        let status: MirrorStatus = call(&stack, Method::POST, &format!("{LAKE}/{act}"), &()).await;
        assert_eq!(status.settings.expect("it has them").paused, is_paused, "{act}");
    }
    let metrics: Metrics = call(&stack, Method::GET, "/v1/metrics", &()).await;
    let of = |tenant: &str| &metrics.tenants[&TenantName::new(tenant).expect("a good name")];
    assert!(of("silver").mirror_behind_s.is_some() && of("silver").mirror_changes.is_some());
    assert_eq!((of("gold").mirror_behind_s, of("gold").mirror_blobs), (None, None), "it has no mirror");
    let left: BTreeMap<TenantName, MirrorStatus> =
        call(&stack, Method::DELETE, &format!("{LAKE}?what=leave"), &()).await;
    assert!(left.is_empty());
    assert_eq!(refused(&stack, Method::GET, LAKE, &()).await.0, 404);
    let audit: Vec<AuditEntry> = call(&stack, Method::GET, "/v1/audit", &()).await;
    let own: Vec<_> =
        audit.iter().filter(|entry| entry.subject == SHOWN && entry.action.starts_with("mirror.")).collect();
    let actions: Vec<_> = own.iter().map(|entry| entry.action.as_str()).collect();
    let expected = ["mirror.set", "mirror.set", "mirror.pause", "mirror.relist", "mirror.resume", "mirror.end"];
    assert_eq!(actions, expected);
    assert!(own[0].detail.ends_with(", with a secret") && !own[1].detail.contains("secret"), "{own:?}");
    assert!(!serde_json::to_string(&audit).expect("plain values").contains(&secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_mirrored_is_refused() {
    let (stack, attach) = stack().await;
    let with = |mirror: Mirror| Attach { mirror, secret: None };
    let signed = format!("{}?sv=1&sig=verysecret", attach.mirror.origin);
    let (status, why) = refused(&stack, Method::PUT, LAKE, &with(Mirror::of(signed))).await;
    assert!(status == 400 && !why.contains("verysecret"), "{status} {why}");
    for (method, path, body, status) in [
        (Method::PUT, LAKE, json!({"mirror": {"origin": "nowhere"}}), 400),
        (Method::PUT, LAKE, json!({"mirror": {"origin": "s3://raw", "poll_ms": 1}}), 400),
        (Method::PUT, LAKE, json!({"mirror": {"origin": "s3://raw"}, "unknown": 1}), 400),
        (Method::PUT, "/v1/accounts/shown/mirrors/Lake_1", json!({"mirror": {"origin": "s3://raw"}}), 400),
        (Method::PUT, "/v1/accounts/nobody/mirrors/lake", json!({"mirror": {"origin": "s3://raw"}}), 404),
        (Method::GET, LAKE, json!(null), 404),
        (Method::POST, "/v1/accounts/shown/mirrors/lake/pause", json!(null), 404),
        (Method::POST, "/v1/accounts/shown/mirrors/lake/relist", json!(null), 404),
        (Method::DELETE, LAKE, json!(null), 404),
        (Method::DELETE, "/v1/accounts/shown/mirrors/lake?what=burn", json!(null), 400),
    ] {
        let (is, why) = refused(&stack, method.clone(), path, &body).await;
        assert_eq!(is, status, "{method} {path}: {why}");
    }
    for number in 0..MIRRORS_MAX {
        let container = Some(format!("lake{number}").parse().expect("a good name"));
        let one = Attach { mirror: Mirror { container, ..attach.mirror.clone() }, ..attach.clone() };
        call::<MirrorStatus>(&stack, Method::PUT, &format!("{LAKE}{number}"), &one).await;
    }
    let (status, why) = refused(&stack, Method::PUT, LAKE, &attach).await;
    assert!(status == 409 && why.contains("detach one first"), "{status} {why}");
    let again =
        Attach { mirror: Mirror { container: Some("lake0".parse().expect("good")), ..attach.mirror }, secret: None };
    call::<MirrorStatus>(&stack, Method::PUT, &format!("{LAKE}0"), &again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own_mirrors_and_no_more() {
    let (stack, attach) = stack().await;
    call::<MirrorStatus>(&stack, Method::PUT, LAKE, &attach).await;
    for (tenant, seen) in [("silver", 200), ("gold", 404)] {
        let token =
            stack.control(Method::POST, &format!("/v1/tenants/{tenant}/token")).send().await.expect("an answer");
        let token = token.json::<TenantToken>().await.expect("a token").token;
        for (method, path, status) in [
            (Method::GET, LAKE.to_owned(), seen),
            (Method::POST, format!("{LAKE}/pause"), 403),
            (Method::DELETE, LAKE.to_owned(), 403),
        ] {
            let url = format!("{}{path}", stack.ready.control);
            let answer = stack.http.request(method.clone(), url).bearer_auth(&token).send().await.expect("an answer");
            assert_eq!(answer.status(), status, "{tenant} {method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_declared_and_what_is_left_out_is_kept() {
    let (stack, attach) = stack().await;
    call::<MirrorStatus>(&stack, Method::PUT, LAKE, &attach).await;
    let file = |mirrors: &str| {
        format!(
            "version: 1\ntenants: [{{ name: silver, projects: [{{ name: p, accounts: [{{ name: shown, mirrors: [{mirrors}] }}] }}] }}]"
        )
    };
    let send = async |file: String| {
        let sent = stack.control(Method::PUT, "/v1/tenants").body(file).send().await.expect("an answer");
        let (status, text) = (sent.status(), sent.text().await.expect("a text"));
        (status.as_u16(), text)
    };
    let origin = &attach.mirror.origin;
    let two = file(&format!(
        "{{ name: lake, origin: '{origin}', container: lake, poll_ms: 250 }}, {{ name: pond, origin: '{origin}', container: pond }}"
    ));
    let (status, text) = send(two.clone()).await;
    assert!(status == 200 && text.contains("silver/p/shown/mirrors/pond") && text.contains("\"250\""), "{text}");
    let lake: MirrorStatus = call(&stack, Method::GET, LAKE, &()).await;
    assert_eq!(lake.settings.expect("it has them").poll_ms, 250);
    assert!(send(two.clone()).await.1.ends_with("\"changes\":[]}"), "again, and nothing is done");
    // The other tenant was made by hand, which is no matter here.
    let drift = async || {
        let all: Vec<Change> = call(&stack, Method::GET, "/v1/drift", &()).await;
        all.into_iter().filter(|change| change.subject.starts_with("silver")).collect::<Vec<_>>()
    };
    assert!(drift().await.is_empty());
    call::<MirrorStatus>(&stack, Method::PUT, LAKE, &attach).await;
    let drift = drift().await;
    assert_eq!((drift.len(), drift[0].field.as_str(), drift[0].to.as_str()), (1, "poll_ms", "250"), "{drift:?}");
    assert_eq!(send(file("")).await.0, 200);
    let kept: BTreeMap<TenantName, MirrorStatus> = call(&stack, Method::GET, "/v1/accounts/shown/mirrors", &()).await;
    assert_eq!(kept.len(), 2, "nothing is detached by leaving it out");

    let (status, text) = send(file("{ name: sea, origin: nowhere }")).await;
    let problem: FieldProblem = serde_json::from_str(&text).expect("a problem");
    let at = "tenants[0].projects[0].accounts[0].mirrors[0]";
    assert_eq!((status, problem.errors[0].path.as_str()), (422, at));
    let (status, text) = send(file("{ name: sea, origin: 's3://raw', secret: abc }")).await;
    assert!(status == 400 && text.contains("secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn off_boarding_detaches() {
    let (stack, attach) = stack().await;
    call::<MirrorStatus>(&stack, Method::PUT, LAKE, &attach).await;
    let gone = stack.control(Method::POST, "/v1/tenants/silver/off-board").send().await.expect("an answer");
    assert_eq!(gone.status(), 200, "{}", gone.text().await.expect("a text"));
    assert_eq!(refused(&stack, Method::GET, LAKE, &()).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_attaches_and_tells() {
    let (stack, attach) = stack().await;
    let secret = attach.secret.expect("a key");
    let mirror = async |arguments: &[&str]| {
        let data = stack.data().to_str().expect("UTF-8");
        let server = ["--data", data, "--control", &stack.ready.control];
        let arguments = [&["mirror"], arguments, &server[..]].concat();
        stack_command(&arguments, &[("GREENROOM_MIRROR_SECRET", &secret)]).await
    };
    let (ended_well, said) = mirror(&["attach", SHOWN, "lake", "--container", "lake"]).await;
    assert!(!ended_well && said.contains("--origin"), "{said}");
    let origin = attach.mirror.origin;
    let with = ["attach", SHOWN, "lake", "--origin", &origin, "--container", "lake", "--cache", "2GiB"];
    let (ended_well, said) = mirror(&with).await;
    assert!(ended_well && said.starts_with(&format!("lake  {origin}  ")), "{said}");
    let (ended_well, said) = mirror(&["list", SHOWN]).await;
    assert!(ended_well && said.lines().count() == 1, "{said}");
    assert!(
        mirror(&["pause", SHOWN, "lake"]).await.0 && mirror(&["attach", SHOWN, "lake", "--poll-ms", "250"]).await.0
    );
    let (ended_well, said) = mirror(&["status", SHOWN, "lake"]).await;
    assert!(ended_well && said.contains("complete up to") && said.contains(" of 2 GiB"), "{said}");
    let (_, said) = mirror(&["status", SHOWN, "lake", "--json"]).await;
    let status: MirrorStatus = serde_json::from_str(&said).expect("the status");
    let settings = status.settings.expect("it has them");
    assert!(settings.paused && settings.poll_ms == 250, "what is not given stays as it is");
    assert!(!said.contains(&secret));
    assert!(mirror(&["resume", SHOWN, "lake"]).await.0 && mirror(&["relist", SHOWN, "lake"]).await.0);
    let (ended_well, said) = mirror(&["detach", SHOWN, "lake", "--leave"]).await;
    assert!(ended_well && said.contains("lake is detached"), "{said}");
    assert!(!mirror(&["status", SHOWN, "lake"]).await.0, "it is gone");
}
