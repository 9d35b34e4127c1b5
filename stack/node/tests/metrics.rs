//! `GET /metrics`, as Prometheus's own parser reads it, and as a tenant does.

use crate::support;
use crate::support::{CONTAINER, Stack, python};
use greenroom_model::metrics::{Kind, Metrics};
use greenroom_model::tenancy::TenantToken;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn snapshot(stack: &Stack) -> Metrics {
    let sent = stack.control(Method::GET, "/v1/metrics").send().await.expect("an answer");
    sent.json().await.expect("metrics")
}

async fn text(stack: &Stack, token: &str) -> String {
    let url = format!("{}/metrics", stack.ready.control);
    let sent = stack.http.get(url).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::OK);
    let kind = sent.headers()["content-type"].to_str().expect("text").to_owned();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    sent.text().await.expect("a text")
}

/// The text, and the snapshot of that moment: one before it and one after it are the same.
async fn both(stack: &Stack) -> (String, Metrics) {
    loop {
        let got = stack.blob("GET", &format!("{CONTAINER}/a")).await.send().await.expect("an answer");
        got.bytes().await.expect("its content");
        let before = snapshot(stack).await;
        let text = text(stack, &stack.token).await;
        let after = Metrics { at_us: before.at_us, ..snapshot(stack).await };
        if before == after && before.tenants.values().all(|tenant| tenant.in_flight == 0 && tenant.p99_ms > 0.0) {
            return (text, before);
        }
    }
}

/// Name, labels and value of all that the snapshot says.
fn expected(metrics: &Metrics) -> Vec<Value> {
    let stable = metrics.samples().filter(|sample| sample.metric.name != "uptime");
    let told = stable.filter_map(|sample| {
        let (unit, amount) = sample.metric.unit.base();
        let mut labels = json!({});
        sample.tenant.iter().for_each(|tenant| labels["tenant"] = json!(tenant));
        sample.op.iter().for_each(|op| labels["op"] = json!(op));
        let mut name = format!("greenroom_{}", sample.metric.name);
        unit.iter().for_each(|unit| name.push_str(&format!("_{unit}")));
        match sample.metric.kind {
            Kind::Counter => name.push_str("_total"),
            Kind::Quantile(part) => labels["quantile"] = json!(part.to_string()),
            Kind::Gauge => {}
        }
        Some(json!([name, labels, sample.value? * amount]))
    });
    told.collect()
}

#[tokio::test]
async fn prometheus_reads_what_the_snapshot_says() {
    let cloud = tempfile::tempdir().expect("a folder");
    let stack = Stack::start_with(&["--offload-to", &format!("file://{}", cloud.path().display())]).await;
    stack.make_account("gold", support::ACCOUNT, &[CONTAINER]).await;
    stack.put_blob("a", vec![7; 100_000]).await;
    let missing = stack.blob("GET", &format!("{CONTAINER}/b")).await.send().await.expect("an answer");
    assert_eq!(missing.status(), 404);
    let (text, metrics) = both(&stack).await;
    assert!(metrics.offload.is_some() && metrics.server.connections > 0, "{metrics:?}");
    let dir = tempfile::tempdir().expect("a folder");
    let (file, wanted) = (dir.path().join("text"), dir.path().join("expected"));
    std::fs::write(&file, text).expect("written");
    std::fs::write(&wanted, json!(expected(&metrics)).to_string()).expect("written");
    let path = |path: &std::path::Path| path.display().to_string();
    python::run_checks("metrics.py", &[("TEXT", &path(&file)), ("EXPECTED", &path(&wanted))]).await;
}

#[tokio::test]
async fn a_tenant_reads_its_own_and_whoever_has_left_is_not_told_of() {
    let stack = Stack::with_container().await;
    stack.make_account("bronze", "other", &[CONTAINER]).await;
    let url = stack.url_in("other", &format!("{CONTAINER}/b")).await;
    let put = stack.http.put(url).header("x-ms-blob-type", "BlockBlob").body("b").send().await.expect("an answer");
    assert_eq!(put.status(), 201);
    stack.put_blob("a", "a").await;
    let made = stack.control(Method::POST, "/v1/tenants/gold/token").send().await.expect("an answer");
    let gold = made.json::<TenantToken>().await.expect("a token").token;
    let seen = text(&stack, &gold).await;
    let samples: Vec<&str> = seen.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(
        samples.iter().any(|line| line.starts_with("greenroom_requests_total{tenant=\"gold\",op=\"put\"}")),
        "{seen}"
    );
    let (build, own): (Vec<&str>, Vec<&str>) =
        samples.iter().partition(|line| line.starts_with("greenroom_build_info"));
    assert!(build.len() == 1 && own.iter().all(|line| line.contains("tenant=\"gold\"")), "{seen}");

    assert!(text(&stack, &stack.token).await.contains("tenant=\"bronze\""));
    let gone = stack.control(Method::POST, "/v1/tenants/bronze/off-board").send().await.expect("an answer");
    assert_eq!(gone.status(), StatusCode::OK);
    let left = text(&stack, &stack.token).await;
    assert!(
        left.contains("greenroom_tenant_blobs{tenant=\"bronze\"} 0"),
        "whoever looks sees that nothing is left: {left}"
    );
    let told = async {
        while text(&stack, &stack.token).await.contains("tenant=\"bronze\"") {
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), told).await.expect("not told of for ever");
}
