//! Tenants as declared: applied, bounded, suspended, their keys changed, through a real server.

mod support;

use greenroom_model::control::{IdentityToken, Problem, Role};
use greenroom_model::metrics::Metrics;
use greenroom_model::tenancy::{
    AdmissionStatus, AuditEntry, AuditVerdict, Change, ChangeAction, FieldProblem, HandOver, KeyPair, Receipt,
    TenantState, TenantStatus, TenantsPlan,
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;
use support::signing::{signed, soon};
use support::{ACCOUNT, Stack};

const FILE: &str = "
version: 1
tenants:
  - name: gold
    contacts: [{ name: Ada, email: ada@example.com }]
    quota: { bytes: 100 KiB }
    share: { weight: 400 }
    projects:
      - name: training
        quota: { bytes: 60 KiB }
        accounts:
          - name: acct
            containers:
              - name: photos
                quota: { bytes: 40 KiB, blobs: 5 }
                policies: [{ id: readers, permissions: rl, expiry: 2030-01-01T00:00:00Z }]
              - name: films
";

async fn apply(stack: &Stack, file: &str) -> TenantsPlan {
    let sent = stack.control(Method::PUT, "/v1/tenants").body(file.to_owned()).send().await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::OK, "{}", sent.text().await.expect("a text"));
    sent.json().await.expect("a plan")
}

async fn get<T: serde::de::DeserializeOwned>(stack: &Stack, path: &str) -> T {
    let sent = stack.control(Method::GET, path).send().await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::OK, "{path}");
    sent.json().await.expect("the shape that is documented")
}

async fn post<T: serde::de::DeserializeOwned>(stack: &Stack, path: &str) -> T {
    let sent = stack.control(Method::POST, path).send().await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::OK, "{path}: {}", sent.text().await.expect("a text"));
    sent.json().await.expect("the shape that is documented")
}

async fn put_blob(stack: &Stack, path: &str, bytes: usize) -> (StatusCode, String) {
    let request = stack.blob("PUT", path).await.header("x-ms-blob-type", "BlockBlob").header("content-length", bytes);
    let request = request.body(vec![7; bytes]);
    let answer = request.send().await.expect("an answer");
    (answer.status(), answer.text().await.expect("a text"))
}

async fn put_block(stack: &Stack, path: &str, id: &str, bytes: usize) -> StatusCode {
    let request = stack.blob("PUT", &format!("{path}?comp=block&blockid={id}")).await.body(vec![7; bytes]);
    request.send().await.expect("an answer").status()
}

#[tokio::test]
async fn a_file_is_planned_applied_once_and_watched_for_drift() {
    let stack = Stack::start().await;
    let planned = stack.control(Method::POST, "/v1/tenants/plan").body(FILE).send().await.expect("an answer");
    let planned: TenantsPlan = planned.json().await.expect("a plan");
    let created: Vec<&str> = planned
        .changes
        .iter()
        .filter(|change| change.action == ChangeAction::Create)
        .map(|change| change.subject.as_str())
        .collect();
    assert_eq!(created, ["gold", "gold/training/acct", "gold/training/acct/photos", "gold/training/acct/films"]);
    assert!(get::<Vec<TenantStatus>>(&stack, "/v1/tenants").await.is_empty(), "a plan does nothing");

    let applied = apply(&stack, FILE).await;
    assert_eq!(applied.changes, planned.changes, "what was planned is what was done");
    assert!(apply(&stack, FILE).await.changes.is_empty(), "again, and nothing is done");
    assert!(get::<Vec<Change>>(&stack, "/v1/drift").await.is_empty());
    let stale = stack.control(Method::PUT, "/v1/tenants").header("if-match", &planned.etag).body(FILE).send().await;
    assert_eq!(stale.expect("an answer").status(), StatusCode::PRECONDITION_FAILED);

    let deleted = stack.blob("DELETE", "films?restype=container").await.send().await.expect("an answer");
    assert_eq!(deleted.status(), StatusCode::ACCEPTED);
    let acl = stack.blob("PUT", "photos?restype=container").await.header("content-length", "0").send().await;
    let acl = acl.expect("an answer");
    assert_eq!(acl.status(), StatusCode::CONFLICT);
    let drift: Vec<Change> = get(&stack, "/v1/drift").await;
    assert_eq!(drift.iter().map(|change| change.subject.as_str()).collect::<Vec<_>>(), ["gold/training/acct/films"]);
    assert_eq!(apply(&stack, FILE).await.changes.len(), 1);
    let verdict: AuditVerdict = get(&stack, "/v1/audit/verify").await;
    assert!(verdict.whole, "{verdict:?}");
    let entries: Vec<AuditEntry> = get(&stack, "/v1/audit").await;
    assert_eq!(entries.iter().filter(|entry| entry.action == "tenants.apply").count(), 2, "that changed something");
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_named_by_field() {
    let stack = Stack::start().await;
    let refused = async |file: &str| {
        let sent = stack.control(Method::PUT, "/v1/tenants").body(file.to_owned()).send().await.expect("an answer");
        let status = sent.status();
        let kind = sent.headers()["content-type"].to_str().expect("a text").to_owned();
        assert_eq!(kind, "application/problem+json");
        (
            status,
            sent.json::<FieldProblem>()
                .await
                .expect("a problem")
                .errors
                .into_iter()
                .map(|fault| fault.path)
                .collect::<Vec<_>>(),
        )
    };
    let bad = refused("version: 1\ntenants: [{ name: gold, quota: { bytes: much } }]").await;
    assert_eq!(bad, (StatusCode::BAD_REQUEST, vec!["tenants[0].quota.bytes".to_owned()]));
    let bad = refused("version: 1\ntenants: [{ name: gold, shares: 4 }]").await;
    assert_eq!(bad, (StatusCode::BAD_REQUEST, vec!["tenants[0].shares".to_owned()]));
    let set = stack.put("/v1/admission", &json!({"state": "on", "capacity": {"ops_per_s": 100}})).await;
    assert_eq!(set.status(), StatusCode::OK);
    let oversold = "version: 1\ntenants: [{ name: a, share: { reserve: { ops_per_s: 60 } } }, { name: b, share: { reserve: { ops_per_s: 50 } } }]";
    let bad = refused(oversold).await;
    assert_eq!(bad, (StatusCode::UNPROCESSABLE_ENTITY, vec!["tenants[1].share.reserve.ops_per_s".to_owned()]));
}

#[tokio::test]
async fn quotas_hold_at_each_level_count_blocks_and_are_raised_live() {
    let mut stack = Stack::start().await;
    apply(&stack, FILE).await;
    assert_eq!(put_blob(&stack, "photos/a", 30 << 10).await.0, StatusCode::CREATED);
    let (status, text) = put_blob(&stack, "photos/b", 11 << 10).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(text.contains("<Code>QuotaExceeded</Code>") && text.contains("container photos"), "{text}");
    assert_eq!(put_block(&stack, "photos/b", "AAAA", 8_400).await, StatusCode::CREATED);
    assert_eq!(put_block(&stack, "photos/b", "AAAB", 1_000).await, StatusCode::CONFLICT, "uncommitted blocks count");
    assert_eq!(put_blob(&stack, "photos/a", 30 << 10).await.0, StatusCode::CREATED, "to overwrite takes no more room");
    let (status, text) = put_blob(&stack, "films/a", 21 << 10).await;
    assert!(status == StatusCode::CONFLICT && text.contains("project gold/training"), "{text}");

    let raise = json!({"quota": {"bytes": "70 KiB"}, "project": "training"});
    let raised = stack.put("/v1/tenants/gold/quota", &raise).await;
    assert_eq!(raised.status(), StatusCode::OK, "{}", raised.text().await.expect("a text"));
    assert_eq!(put_blob(&stack, "films/a", 21 << 10).await.0, StatusCode::CREATED);
    let status: TenantStatus = get(&stack, "/v1/tenants/gold").await;
    // Two containers, of which one has a policy, two blobs and a block, besides their content.
    let records = 60 + 512 + 58 + 2 * 126 + 112;
    let stored =
        (status.stored.bytes, status.stored.uncommitted_bytes, status.stored.record_bytes, status.stored.blobs);
    assert_eq!(stored, ((51 << 10) + 8_400 + records, 8_400, records, 2));

    stack.kill().await;
    stack.restart().await;
    let after: TenantStatus = get(&stack, "/v1/tenants/gold").await;
    assert_eq!((after.stored, after.projects), (status.stored, status.projects), "what is counted is what is kept");
    assert_eq!(put_block(&stack, "photos/b", "AAAB", 1_000).await, StatusCode::CONFLICT);
    for name in ["c", "d", "e", "f"] {
        assert_eq!(put_blob(&stack, &format!("photos/{name}"), 0).await.0, StatusCode::CREATED);
    }
    let (status, text) = put_blob(&stack, "photos/g", 0).await;
    assert!(status == StatusCode::CONFLICT && text.contains("5 of 5 blobs"), "{text}");
    let metrics: Metrics = get(&stack, "/v1/metrics").await;
    let gold = &metrics.tenants[&"gold".parse().expect("a good name")];
    assert_eq!((gold.used_bytes, gold.quota_bytes), (after.stored.bytes + 4 * 126, Some(100 << 10)));
}

/// Empty blobs of which much is said take room in the catalog, which is everybody's.
#[tokio::test]
async fn names_and_metadata_fill_nobodys_flash() {
    let stack = Stack::start_with(&["--flash-size=32MiB"]).await;
    apply(&stack, &FILE.replace("100 KiB", "1000 B")).await;
    stack.make_account("silver", "other", &["photos"]).await;
    let said = "x".repeat(8_000);
    let base = stack.url("photos/").await;
    let mut refused = 0;
    for round in 0..100 {
        let puts = (0..32).map(|number| {
            let url = base.replacen("photos/", &format!("photos/{round}-{number}"), 1);
            let put = stack.http.put(url).header("x-ms-blob-type", "BlockBlob").header("x-ms-meta-about", &said);
            put.header("content-length", "0").send()
        });
        for put in futures::future::join_all(puts).await {
            refused += usize::from(
                put.expect("an answer").headers().get("x-ms-error-code").is_some_and(|code| code == "QuotaExceeded"),
            );
        }
    }
    assert_eq!(refused, 3_200);
    let flash = get::<Metrics>(&stack, "/v1/metrics").await.flash;
    assert!(flash.used_bytes < 4 << 20, "{flash:?}");
    let url = stack.url_in("other", "photos/a").await;
    let put = stack.http.put(url).header("x-ms-blob-type", "BlockBlob").body(vec![1; 20 << 20]).send().await;
    assert_eq!(put.expect("an answer").status(), StatusCode::CREATED, "there is room for others");
    let container = stack.blob("PUT", "more?restype=container").await.header("x-ms-meta-about", &said);
    let container = container.header("content-length", "0").send().await;
    assert_eq!(container.expect("an answer").headers()["x-ms-error-code"], "QuotaExceeded");
}

/// What is over its quota is said so at its head, and takes no flash from anybody meanwhile.
#[tokio::test]
async fn a_quota_is_asked_before_the_content_comes_and_flash_is_promised_as_it_does() {
    let stack = Stack::start_with(&["--flash-size=512MiB"]).await;
    apply(&stack, FILE).await;
    stack.make_account("silver", "other", &["photos"]).await;
    let metrics = async || get::<Metrics>(&stack, "/v1/metrics").await.flash;
    let never = || reqwest::Body::wrap_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let puts = [
        stack.blob("PUT", "photos/a").await.header("x-ms-blob-type", "BlockBlob"),
        stack.blob("PUT", "photos/a?comp=block&blockid=QUFB").await,
    ];
    for put in puts {
        let refused = put.header("content-length", 500 << 20).body(never()).send().await.expect("an answer");
        assert_eq!(refused.headers()["x-ms-error-code"], "QuotaExceeded", "nothing of it has been sent");
    }
    assert_eq!(metrics().await.promised_bytes, 0);

    // Without a quota it is taken, byte by byte as it comes.
    let put = stack.http.put(stack.url_in("other", "photos/large").await).header("x-ms-blob-type", "BlockBlob");
    let large = tokio::spawn(put.header("content-length", 500 << 20).body(never()).send());
    let mut promised = 0;
    while promised == 0 {
        promised = metrics().await.promised_bytes;
    }
    assert!(promised < 16 << 20, "{promised}: what is announced takes nothing from others");
    let part = stack.http.put(stack.url_in("other", "photos/next").await).header("x-ms-blob-type", "BlockBlob");
    let put = part.body(vec![1; 64 << 20]).send().await.expect("an answer");
    assert_eq!(put.status(), StatusCode::CREATED, "there is room for others");
    large.abort();
    while metrics().await.promised_bytes > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn no_two_writers_take_the_same_room() {
    let stack = Stack::start().await;
    apply(&stack, FILE).await;
    let url = stack.url("photos/").await;
    let puts = (0..64).map(|number| {
        let url = url.replacen("photos/", &format!("films/{number}"), 1);
        stack.http.put(url).header("x-ms-blob-type", "BlockBlob").body(vec![1; 5 << 10]).send()
    });
    let mut made = 0;
    for put in futures::future::join_all(puts).await {
        match put.expect("an answer").status() {
            StatusCode::CREATED => made += 1,
            status => assert_eq!(status, StatusCode::CONFLICT),
        }
    }
    assert_eq!(made, 11, "60 KiB in pieces of 5 KiB, less what is kept besides");
}

#[tokio::test]
async fn a_key_made_anew_revokes_the_old_one_and_leaves_the_other() {
    let stack = Stack::start().await;
    apply(&stack, FILE).await;
    let before: KeyPair = get(&stack, "/v1/accounts/acct/keys").await;
    let first = signed(&stack, ACCOUNT, "photos/a", &before.key1);
    let status = async |url: &str| stack.http.get(url).send().await.expect("an answer").status();
    assert_eq!(status(&first).await, StatusCode::NOT_FOUND);
    let other: KeyPair = post(&stack, "/v1/accounts/acct/keys/2/rotate").await;
    assert!(other.key1 == before.key1 && other.key2 != before.key2);
    assert_eq!(status(&first).await, StatusCode::NOT_FOUND, "what the first key signed is good still");
    let rotated: KeyPair = post(&stack, "/v1/accounts/acct/keys/1/rotate").await;
    assert!(rotated.key1 != before.key1 && rotated.key2 == other.key2);
    assert_eq!(status(&first).await, StatusCode::FORBIDDEN, "revoked at once");
    assert_eq!(status(&stack.url("photos/a").await).await, StatusCode::NOT_FOUND);
    let mut entries: Vec<AuditEntry> = Vec::new();
    for _ in 0..100 {
        entries = get(&stack, "/v1/audit").await;
        if entries.iter().any(|entry| entry.action == "blob.refused") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let refused = entries.iter().find(|entry| entry.action == "blob.refused").expect("the refusal is audited");
    assert_eq!((refused.actor.as_str(), refused.subject.as_str()), ("account acct", "GET /acct/photos/a"));
    assert!(!serde_json::to_string(&entries).expect("plain values").contains("sig="), "no secret is written down");
}

/// A stranger decides how often he is refused, and not how long the log grows.
#[tokio::test]
async fn refusals_fill_no_log() {
    let stack = Stack::start().await;
    apply(&stack, FILE).await;
    let log = stack.data().join("audit.ndjson");
    let before = std::fs::metadata(&log).expect("a log").len();
    for _ in 0..1_000 {
        let refused = stack.http.get(format!("{}/acct/photos/a", stack.ready.blob)).send().await.expect("an answer");
        assert!(refused.status().is_client_error());
    }
    // What was refused first is there by now, since what is done waits for its turn behind it.
    let _: TenantStatus = post(&stack, "/v1/tenants/gold/suspend").await;
    let grown = std::fs::metadata(&log).expect("a log").len() - before;
    // Ten a minute of one peer, and a minute may end meanwhile.
    assert!((1..32 << 10).contains(&grown), "{grown} bytes for a thousand refusals");
}

/// Whatever makes or ends a credential, and whatever else changes something.
#[tokio::test]
async fn what_is_done_is_in_the_audit_log() {
    let stack = Stack::start().await;
    apply(&stack, FILE).await;
    let account = serde_json::json!({"tenant": "gold"});
    assert!(stack.put("/v1/accounts/new1", &account).await.status().is_success());
    assert!(stack.put("/v1/tenants/new", &serde_json::json!({})).await.status().is_success());
    let identity = stack.identity(ACCOUNT, Role::Owner).await;
    let token = stack.http.get(&identity.endpoint).send().await.expect("an answer");
    let token = token.json::<IdentityToken>().await.expect("a token").access_token;
    let url = format!("{}/{ACCOUNT}/?restype=service&comp=userdelegationkey", stack.ready.blob);
    let document = format!("<KeyInfo><Start></Start><Expiry>{}</Expiry></KeyInfo>", soon());
    let key = stack.http.post(url).bearer_auth(token).header("x-ms-version", "2022-11-02").body(document).send().await;
    assert_eq!(key.expect("an answer").status(), StatusCode::OK);
    stack.sas(None, "r").await;
    let _: HandOver = post(&stack, "/v1/tenants/gold/hand-over").await;
    for path in ["/v1/accounts/acct/keys/1/rotate", "/v1/accounts/acct/revoke"] {
        let _: serde_json::Value = post(&stack, path).await;
    }
    for act in ["token", "revoke", "suspend", "resume", "off-board"] {
        let _: serde_json::Value = post(&stack, &format!("/v1/tenants/gold/{act}")).await;
    }
    let entries: Vec<AuditEntry> = get(&stack, "/v1/audit").await;
    let found: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    let expected = [
        "tenants.apply",
        "account.make",
        "call",
        "identity.make",
        "token.issue",
        "credential.give-out",
        "sas.mint",
        "tenant.hand-over",
        "keys.rotate",
        "account.revoke",
        "tenant.token",
        "tenant.revoke",
        "tenant.suspend",
        "tenant.resume",
        "tenant.off-board",
    ];
    assert_eq!(found, expected);
    assert_eq!(entries[2].subject, "PUT /v1/tenants/new", "what says nothing of itself is named");
    let all = serde_json::to_string(&entries).expect("plain values");
    assert!(!all.contains("sig=") && !all.contains(&identity.header), "no secret is written down");
}

#[tokio::test]
async fn a_tenant_is_suspended_resumed_and_off_boarded() {
    let mut stack = Stack::start().await;
    apply(&stack, FILE).await;
    assert_eq!(put_blob(&stack, "photos/a", 1000).await.0, StatusCode::CREATED);
    let _: TenantStatus = post(&stack, "/v1/tenants/gold/suspend").await;
    let (status, text) = put_blob(&stack, "photos/b", 1).await;
    assert!(status == StatusCode::FORBIDDEN && text.contains("AccountIsDisabled"), "{text}");
    stack.kill().await;
    stack.restart().await;
    assert_eq!(put_blob(&stack, "photos/b", 1).await.0, StatusCode::FORBIDDEN, "also after a crash");
    let _: TenantStatus = post(&stack, "/v1/tenants/gold/resume").await;
    assert_eq!(put_blob(&stack, "photos/b", 1).await.0, StatusCode::CREATED);

    let signed = stack.url("photos/a").await;
    let receipt: Receipt = post(&stack, "/v1/tenants/gold/off-board").await;
    assert_eq!((receipt.containers, receipt.blobs, receipt.bytes, receipt.keys_revoked), (2, 2, 1001, 2));
    let entry: Vec<AuditEntry> = get(&stack, &format!("/v1/audit?after={}", receipt.audit_seq - 1)).await;
    assert_eq!(entry[0].hash, receipt.audit_hash);
    assert_eq!(stack.http.get(&signed).send().await.expect("an answer").status(), StatusCode::FORBIDDEN);
    let resumed = stack.control(Method::POST, "/v1/tenants/gold/resume").send().await.expect("an answer");
    assert_eq!(resumed.status(), StatusCode::CONFLICT);
    assert!(resumed.json::<Problem>().await.expect("a problem").detail.contains("apply"));
    apply(&stack, FILE).await;
    assert_eq!(
        stack.http.get(stack.url("photos/a").await).send().await.expect("an answer").status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_share_is_changed_live_and_kept_and_who_was_off_boarded_stays_so() {
    let mut stack = Stack::start().await;
    let two = FILE.replace("tenants:\n", "tenants:\n  - name: gone\n");
    apply(&stack, &two).await;
    let _: Receipt = post(&stack, "/v1/tenants/gone/off-board").await;
    let changed = stack.put("/v1/tenants/gold/share", &json!({"weight": 50, "ceiling": {"ops_per_s": 7}})).await;
    assert_eq!(changed.status(), StatusCode::OK);
    let quota = stack.put("/v1/tenants/gold/quota", &json!({"quota": {"bytes": "70 KiB"}})).await;
    assert_eq!(quota.status(), StatusCode::OK);
    stack.kill().await;
    stack.restart().await;
    let gold: TenantStatus = get(&stack, "/v1/tenants/gold").await;
    assert_eq!((gold.share.weight, gold.share.ceiling.ops_per_s), (50, Some(7)));
    let gone: TenantStatus = get(&stack, "/v1/tenants/gone").await;
    assert_eq!(gone.state, TenantState::OffBoarded, "it was not named anew");

    let bad = stack.put("/v1/tenants/gold/share", &json!({"weight": 0})).await;
    assert_eq!(bad.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let bad: FieldProblem = bad.json().await.expect("a problem");
    assert_eq!(bad.errors.iter().map(|fault| fault.path.as_str()).collect::<Vec<_>>(), ["weight"]);
    let gold: TenantStatus = get(&stack, "/v1/tenants/gold").await;
    assert_eq!(gold.share.weight, 50, "what is refused changes nothing");
    let entries: Vec<AuditEntry> = get(&stack, "/v1/audit").await;
    assert_eq!(entries.iter().filter(|entry| entry.action == "tenant.share").count(), 1);
}

#[tokio::test]
async fn a_tenant_is_handed_over_by_a_line_that_works_and_deletes_nothing() {
    let stack = Stack::start().await;
    apply(&stack, FILE).await;
    let made: HandOver = post(&stack, "/v1/tenants/gold/hand-over").await;
    assert_eq!((made.account.as_str(), made.container.as_str()), ("acct", "photos"), "the first one declared");
    assert!(made.command.contains(&format!("'{}?{}'", made.url, made.token)), "the line holds the token");
    let at = |name: &str| format!("{}/{name}?{}", made.url, made.token);
    let put = stack.http.put(at("a")).header("x-ms-blob-type", "BlockBlob").body("x").send().await;
    assert_eq!(put.expect("an answer").status(), StatusCode::CREATED);
    let deleted = stack.http.delete(at("a")).send().await.expect("an answer");
    assert_eq!(deleted.status(), StatusCode::FORBIDDEN);

    let ask = async |body: serde_json::Value| {
        let sent = stack.control(Method::POST, "/v1/tenants/gold/hand-over").json(&body).send().await;
        sent.expect("an answer")
    };
    let films: HandOver = ask(json!({"container": "films", "expires_in_s": 60})).await.json().await.expect("a line");
    assert_eq!(films.container.as_str(), "films");
    assert_eq!(ask(json!({"container": "nothing"})).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(ask(json!({"account": "strangers"})).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(ask(json!({"expires_in_s": 0})).await.status(), StatusCode::BAD_REQUEST);
    let _: TenantStatus = post(&stack, "/v1/tenants/gold/suspend").await;
    assert_eq!(ask(json!({})).await.status(), StatusCode::CONFLICT);
    let entries: Vec<AuditEntry> = get(&stack, "/v1/audit").await;
    assert_eq!(entries.iter().filter(|entry| entry.action == "tenant.hand-over").count(), 2);
    assert!(!serde_json::to_string(&entries).expect("plain values").contains("sig="), "no secret is written down");
}

#[tokio::test]
async fn a_ceiling_holds_and_goes_when_admission_is_switched_off() {
    let stack = Stack::start().await;
    let file = FILE.replace("weight: 400", "ceiling: { ops_per_s: 5 }, burst_s: 0.2");
    apply(&stack, &file).await;
    let url = stack.url("photos/none").await;
    for _ in 0..4 {
        assert_eq!(
            stack.http.get(&url).send().await.expect("an answer").status(),
            StatusCode::NOT_FOUND,
            "it waits, and is answered"
        );
    }
    let metrics: Metrics = get(&stack, "/v1/metrics").await;
    let waited = metrics.tenants[&"gold".parse().expect("a good name")].queue_ms;
    assert!(waited > 100.0, "five a second are 200 ms apart: {waited}");
    let off = stack.put("/v1/admission", &json!({"state": "off"})).await;
    let off: AdmissionStatus = off.json().await.expect("a status");
    assert_eq!(serde_json::to_value(off.state).expect("a word"), "off");
    let many = (0..50).map(|_| stack.http.get(&url).send());
    let all = tokio::time::timeout(Duration::from_secs(9), futures::future::join_all(many)).await;
    assert_eq!(all.expect("at five a second it would take ten").len(), 50);
}

#[tokio::test]
async fn changes_take_turns_at_the_disk_and_leave_no_place_behind() {
    let stack = Stack::start().await;
    let (mut asked, mut answered) = (Vec::new(), [0, 0]);
    for tenant in ["gold", "bronze"] {
        let account = format!("{tenant}acct");
        stack.make_account(tenant, &account, &["photos"]).await;
        // More than the disk has places for.
        for number in 0..150 {
            let url = stack.url_in(&account, &format!("photos/{number}")).await;
            let put = stack.http.put(url).header("x-ms-blob-type", "BlockBlob").body(vec![7; 4 << 10]);
            // One in five is refused at the end of its content, and one in seven is not waited for.
            let put = if number % 5 == 0 { put.header("content-md5", "rL0Y20zC+Fzt72VPzMSk2A==") } else { put };
            let patience = Duration::from_millis(if number % 7 == 0 { 3 } else { 30_000 });
            asked.push(async move { tokio::time::timeout(patience, put.send()).await });
        }
    }
    for answer in futures::future::join_all(asked).await.into_iter().flatten() {
        match answer.expect("an answer").status() {
            StatusCode::CREATED => answered[0] += 1,
            StatusCode::BAD_REQUEST => answered[1] += 1,
            status => panic!("{status}"),
        }
    }
    assert!(answered[0] >= 200 && answered[1] >= 48, "{answered:?}");
    let free = async {
        // What was cut off is noticed a moment later.
        while let AdmissionStatus { in_flight: 1.., .. } | AdmissionStatus { queued: 1.., .. } =
            get(&stack, "/v1/admission").await
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), free).await.expect("all places are given back");
}
