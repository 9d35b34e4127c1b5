//! The control API, call by call.

use crate::support;
use crate::support::{ACCOUNT, CONTAINER, Stack};
use futures::StreamExt as _;
use greenroom_model::control::{Account, Health, HealthStatus, Problem, Sas, Tenant};
use greenroom_model::metrics::{Metrics, OpClass};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn health_needs_no_token_and_all_else_does() {
    let stack = Stack::start().await;
    let health = stack.http.get(format!("{}/health", stack.ready.control)).send().await.expect("an answer");
    let health: Health = health.json().await.expect("health");
    assert_eq!(health.status, HealthStatus::Serving);
    let description = stack.http.get(format!("{}/openapi.json", stack.ready.control)).send().await.expect("an answer");
    let description: Value = description.json().await.expect("JSON");
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            let url = format!("{}{}", stack.ready.control, path.replace(['{', '}'], ""));
            for token in ["", "0000", &"0".repeat(64)] {
                let answer =
                    stack.http.request(method.clone(), &url).bearer_auth(token).send().await.expect("an answer");
                let open = ["/health", "/openapi.json"].contains(&path.as_str());
                let expected = if open { 200 } else { 401 };
                assert_eq!(answer.status(), expected, "{method} {path}");
            }
        }
    }
}

/// The table in `greenroom_model::control` is the contract; each call of it is described and nothing else is.
#[tokio::test]
async fn the_description_covers_every_call() {
    let stack = Stack::start().await;
    let description = stack.http.get(format!("{}/openapi.json", stack.ready.control)).send().await.expect("an answer");
    let description: Value = description.json().await.expect("JSON");
    assert!(description["openapi"].as_str().expect("a version").starts_with("3.1"));
    let described = description["paths"].as_object().expect("paths").iter().flat_map(|(path, methods)| {
        methods.as_object().expect("methods").keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let mut described: Vec<_> = described.collect();
    described.sort();
    let contract = [
        "DELETE /v1/accounts/{account}/change-feed",
        "DELETE /v1/accounts/{account}/mirrors/{mirror}",
        "DELETE /v1/accounts/{account}/sinks/{sink}",
        "DELETE /v1/offload/fault",
        "GET /health",
        "GET /identity/{secret}/token",
        "GET /metrics",
        "GET /openapi.json",
        "GET /v1/accounts",
        "GET /v1/accounts/{account}/change-feed",
        "GET /v1/accounts/{account}/keys",
        "GET /v1/accounts/{account}/mirrors",
        "GET /v1/accounts/{account}/mirrors/{mirror}",
        "GET /v1/accounts/{account}/sinks/{sink}/events",
        "GET /v1/admission",
        "GET /v1/audit",
        "GET /v1/audit/verify",
        "GET /v1/drift",
        "GET /v1/metrics",
        "GET /v1/metrics/stream",
        "GET /v1/offload",
        "GET /v1/offload/plan",
        "GET /v1/offload/policy",
        "GET /v1/refusals",
        "GET /v1/tenants",
        "GET /v1/tenants/file",
        "GET /v1/tenants/{tenant}",
        "GET /v1/tenants/{tenant}/encryption",
        "GET /v1/tenants/{tenant}/receipt",
        "GET /v1/usage",
        "GET /v1/usage.csv",
        "GET /v1/usage.parquet",
        "POST /identity/{secret}/token",
        "POST /v1/accounts/{account}/keys/{number}/rotate",
        "POST /v1/accounts/{account}/mirrors/{mirror}/pause",
        "POST /v1/accounts/{account}/mirrors/{mirror}/relist",
        "POST /v1/accounts/{account}/mirrors/{mirror}/resume",
        "POST /v1/accounts/{account}/revoke",
        "POST /v1/identities",
        "POST /v1/offload/run",
        "POST /v1/offload/take-over",
        "POST /v1/sas",
        "POST /v1/shutdown",
        "POST /v1/tenants/plan",
        "POST /v1/tenants/{tenant}/encryption/erase",
        "POST /v1/tenants/{tenant}/encryption/rotate",
        "POST /v1/tenants/{tenant}/hand-over",
        "POST /v1/tenants/{tenant}/off-board",
        "POST /v1/tenants/{tenant}/resume",
        "POST /v1/tenants/{tenant}/revoke",
        "POST /v1/tenants/{tenant}/suspend",
        "POST /v1/tenants/{tenant}/token",
        "PUT /v1/accounts/{account}",
        "PUT /v1/accounts/{account}/change-feed",
        "PUT /v1/accounts/{account}/mirrors/{mirror}",
        "PUT /v1/accounts/{account}/sinks/{sink}",
        "PUT /v1/admission",
        "PUT /v1/offload/fault",
        "PUT /v1/offload/policy",
        "PUT /v1/tenants",
        "PUT /v1/tenants/{tenant}",
        "PUT /v1/tenants/{tenant}/encryption",
        "PUT /v1/tenants/{tenant}/quota",
        "PUT /v1/tenants/{tenant}/share",
    ];
    assert_eq!(described, contract);
    for schema in ["Metrics", "Tenant", "AccountKeys", "SasRequest", "Problem"] {
        assert!(description["components"]["schemas"].get(schema).is_some(), "{schema}");
    }
}

#[tokio::test]
async fn tenants_and_accounts_are_made_once() {
    let stack = Stack::start().await;
    let first = stack.make_account("gold", ACCOUNT, &[CONTAINER]).await;
    let again = stack.make_account("gold", ACCOUNT, &[CONTAINER, "more"]).await;
    assert_eq!(first, again);
    assert_eq!(first.key.len(), 88, "64 bytes in Base64");
    let tenants = stack.control(Method::GET, "/v1/tenants").send().await.expect("an answer");
    let tenants: Vec<Tenant> = tenants.json().await.expect("tenants");
    assert_eq!(tenants.len(), 1);
    assert_eq!(tenants[0].accounts, std::slice::from_ref(&first.name));
    let accounts = stack.control(Method::GET, "/v1/accounts").send().await.expect("an answer");
    let accounts: Vec<Account> = accounts.json().await.expect("accounts");
    assert_eq!(accounts, [Account { name: first.name, tenant: first.tenant }]);
}

#[tokio::test]
async fn bad_calls_answer_problems() {
    let stack = Stack::start().await;
    stack.make_account("gold", ACCOUNT, &[]).await;
    stack.make_account("bronze", "other", &[]).await;
    let sas = |permissions: &str| json!({"account": ACCOUNT, "permissions": permissions, "expires_in_s": 60});
    for (method, path, body, status) in [
        (Method::PUT, "/v1/tenants/Bad_Name", json!({}), 400),
        (Method::PUT, "/v1/tenants/gold", json!({"unknown": 1}), 400),
        (Method::PUT, "/v1/tenants/gold", json!(5), 400),
        (Method::PUT, "/v1/accounts/acct", json!({"tenant": "bronze"}), 409),
        (Method::PUT, "/v1/accounts/new1", json!({"tenant": "nobody"}), 404),
        (Method::PUT, "/v1/accounts/new1", json!({"tenant": "gold", "containers": ["A"]}), 400),
        (Method::POST, "/v1/sas", sas("rz"), 400),
        (Method::POST, "/v1/sas", sas(""), 400),
        (Method::POST, "/v1/sas", json!({"account": "nobody", "permissions": "r", "expires_in_s": 60}), 404),
        (Method::POST, "/v1/sas", json!({"account": ACCOUNT, "permissions": "r", "expires_in_s": 0}), 400),
        (Method::GET, "/v1/metrics/stream?hz=1000", json!({}), 400),
        (Method::GET, "/v1/metrics/stream?hz=fast", json!({}), 400),
        (Method::GET, "/v1/nothing", json!({}), 404),
        (Method::DELETE, "/v1/tenants", json!({}), 405),
    ] {
        let answer = stack.control(method.clone(), path).json(&body).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{method} {path} {body}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{method} {path}");
        let problem: Problem = answer.json().await.expect("a problem");
        assert_eq!(problem.status, status);
    }
}

#[tokio::test]
async fn figures_are_kept_by_tenant() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", vec![7; 100_000]).await;
    let got = stack.blob("GET", &format!("{CONTAINER}/a")).await.send().await.expect("an answer");
    assert_eq!(got.bytes().await.expect("content").len(), 100_000);
    let missing = stack.blob("GET", &format!("{CONTAINER}/b")).await.send().await.expect("an answer");
    assert_eq!(missing.status(), 404);
    missing.bytes().await.expect("the error document");

    let stream = stack.control(Method::GET, "/v1/metrics/stream?hz=50").send().await.expect("an answer");
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut events = stream.bytes_stream();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let event = events.next().await.expect("the stream goes on").expect("an event");
        let event = std::str::from_utf8(&event).expect("UTF-8").trim().to_owned();
        seen.push(serde_json::from_str::<Metrics>(event.strip_prefix("data: ").expect("an event")).expect("metrics"));
    }
    assert!(seen[0].at_us < seen[1].at_us && seen[1].at_us < seen[2].at_us);
    let gold = seen[2].tenants.values().next().expect("a tenant");
    let get = gold.ops[&OpClass::Get];
    assert_eq!((gold.ops[&OpClass::Put].count, get.count, get.errors), (1, 2, 1));
    assert_eq!((gold.bytes_in, gold.in_flight), (100_000, 0));
    assert!(gold.bytes_out >= 100_000);
    assert_eq!((gold.blobs, gold.blob_bytes), (1, 100_000));
    assert!(seen[2].flash.durable && seen[2].flash.capacity_bytes > 0);
}

#[tokio::test]
async fn a_stream_ends_when_the_server_does() {
    let mut stack = Stack::start().await;
    let stream = stack.control(Method::GET, "/v1/metrics/stream?hz=5").send().await.expect("an answer");
    let draining =
        tokio::spawn(async move { stream.bytes_stream().map(|part| part.is_ok()).collect::<Vec<_>>().await });
    assert!(stack.stop().await.success());
    assert!(draining.await.expect("no panic").iter().all(|&good| good), "the stream ends cleanly");
}

#[tokio::test]
async fn a_sas_does_what_it_says_and_no_more() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "hello").await;
    let request = json!({"account": ACCOUNT, "container": CONTAINER, "permissions": "lr", "expires_in_s": 60});
    let minted = stack.control(Method::POST, "/v1/sas").json(&request).send().await.expect("an answer");
    let Sas { token } = minted.json().await.expect("a SAS");
    let url = format!("{}/{ACCOUNT}/{CONTAINER}/a?{token}", stack.ready.blob);
    assert_eq!(stack.http.get(&url).send().await.expect("an answer").text().await.expect("a text"), "hello");
    let deleted = stack.http.delete(&url).send().await.expect("an answer");
    assert_eq!(support::verdict(&deleted), (403, "AuthorizationPermissionMismatch".into()));
}
