//! Blob Batch as a client sees it: what lies in its scope, what each part is answered, and that each part counts.

use crate::support::{ACCOUNT, Stack, all_between, header, send, verdict};
use greenroom_model::TenantName;
use greenroom_model::metrics::{Metrics, OpClass};
use reqwest::{Method, Response};

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");
const MIXED: (&str, &str) = ("content-type", "multipart/mixed; boundary=b");

/// A stack whose account has two containers, each with the blob `x`.
async fn two_containers() -> Stack {
    let stack = Stack::start().await;
    stack.make_account("gold", ACCOUNT, &["photos", "videos"]).await;
    for path in ["photos/x", "videos/x"] {
        assert_eq!(send(&stack, "PUT", path, &[BLOCK_BLOB], "content").await.status(), 201, "{path}");
    }
    stack
}

async fn body(stack: &Stack, requests: &[(&str, &str, &str)]) -> String {
    let sas = stack.sas(None, "rwdlact").await;
    let mut body = String::new();
    for (number, (method, path, headers)) in requests.iter().enumerate() {
        let joint = if path.contains('?') { '&' } else { '?' };
        body += &format!(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {number}\r\n\r\n\
             {method} /{ACCOUNT}/{path}{joint}{sas} HTTP/1.1\r\n{headers}Content-Length: 0\r\n\r\n"
        );
    }
    body + "--b--\r\n"
}

async fn batch(stack: &Stack, to: &str, requests: &[(&str, &str, &str)]) -> Response {
    let body = body(stack, requests).await;
    send(stack, "POST", to, &[MIXED], &body).await
}

/// Status and error code of each part.
async fn verdicts(answer: Response) -> Vec<String> {
    assert_eq!(answer.status(), 202);
    let text = answer.text().await.expect("a text");
    let part = |part: &String| {
        let status = part.split(' ').next().unwrap_or_default();
        format!("{status} {}", all_between(part, "x-ms-error-code: ", "\r\n").concat())
    };
    all_between(&text, "HTTP/1.1 ", "--batchresponse").iter().map(part).map(|part| part.trim().to_owned()).collect()
}

#[tokio::test]
async fn a_batch_reaches_nothing_outside_of_its_container() {
    let stack = two_containers().await;
    let parts = [
        ("DELETE", "videos/x", ""),
        ("PUT", "videos/x?comp=tier", "x-ms-access-tier: Cool\r\n"),
        ("DELETE", "photos/x", ""),
        ("DELETE", "photos/videos/x", ""),
        ("DELETE", "photos/../videos/x", ""),
        ("DELETE", "%76ideos/x", ""),
    ];
    let answers = verdicts(batch(&stack, "photos?restype=container&comp=batch", &parts).await).await;
    let (outside, none) = ("400 InvalidInput", "404 BlobNotFound");
    assert_eq!(answers, [outside, outside, "202", none, none, outside]);
    let kept = send(&stack, "HEAD", "videos/x", &[], "").await;
    assert_eq!((kept.status().as_u16(), header(&kept, "x-ms-access-tier").as_str()), (200, "Hot"));
    assert_eq!(send(&stack, "HEAD", "photos/x", &[], "").await.status(), 404);
}

#[tokio::test]
async fn an_accounts_batch_reaches_all_of_its_containers() {
    let stack = two_containers().await;
    // As other SDKs say it, and as the one for JavaScript does where the account stands in the path.
    for (to, tier) in [("?comp=batch", "Cool"), ("?restype=container&comp=batch", "Cold")] {
        let headers = format!("x-ms-access-tier: {tier}\r\n");
        let parts = [("PUT", "photos/x?comp=tier", headers.as_str()), ("PUT", "videos/x?comp=tier", &headers)];
        assert_eq!(verdicts(batch(&stack, to, &parts).await).await, ["200", "200"], "{to}");
        for path in ["photos/x", "videos/x"] {
            let head = send(&stack, "HEAD", path, &[], "").await;
            assert_eq!(header(&head, "x-ms-access-tier"), tier, "{to} {path}");
        }
    }
    // Where the host names the account there is nothing to mistake.
    let sas = stack.sas(None, "rwdlact").await;
    let url = format!("{}/?restype=container&comp=batch&{sas}", stack.ready.blob);
    let sent = stack.http.request(Method::POST, url).header("host", format!("{ACCOUNT}.blob.localhost"));
    let refused = sent.header(MIXED.0, MIXED.1).body("--b--").send().await.expect("an answer");
    assert_eq!(verdict(&refused), (400, "InvalidQueryParameterValue".into()));
}

#[tokio::test]
async fn every_part_is_answered_as_a_request_is() {
    let stack = two_containers().await;
    let parts = [
        ("DELETE", "photos/x", "x-ms-client-request-id: mine\r\n"),
        ("DELETE", "photos/none", ""),
        ("GET", "videos/x", ""),
        ("DELETE", "videos/x?snapshot=soon", ""),
        ("DELETE", "videos/x?versionid=1", ""),
    ];
    let body = body(&stack, &parts).await;
    let version = ("x-ms-version", "2021-12-02");
    let answer = send(&stack, "POST", "?comp=batch", &[MIXED, version], &body).await;
    let batch_id = header(&answer, "x-ms-request-id");
    let text = answer.text().await.expect("a text");
    let mut ids = all_between(&text, "x-ms-request-id: ", "\r\n");
    assert_eq!(all_between(&text, "x-ms-version: ", "\r\n"), ["2021-12-02"; 5]);
    assert_eq!(all_between(&text, "x-ms-client-request-id: ", "\r\n"), ["mine"]);
    assert_eq!(all_between(&text, "Content-ID: ", "\r\n"), ["0", "1", "2", "3", "4"]);
    assert_eq!(all_between(&text, "HTTP/1.1 ", " "), ["202", "404", "400", "400", "400"]);
    for document in all_between(&text, "<?xml", "</Error>") {
        let id = document.split("RequestId:").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
        assert!(ids.contains(&id.to_owned()), "{id}");
    }
    ids.push(batch_id);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6, "each has an id of its own: {ids:?}");
}

#[tokio::test]
async fn every_part_counts_and_waits_for_its_turn() {
    let stack = two_containers().await;
    let gold: TenantName = "gold".parse().expect("a good name");
    let metrics = async || {
        let sent = stack.control(Method::GET, "/v1/metrics").send().await.expect("an answer");
        sent.json::<Metrics>().await.expect("metrics").tenants[&gold].clone()
    };
    let before = metrics().await;
    let parts = [("DELETE", "photos/x", ""), ("DELETE", "photos/none", ""), ("DELETE", "videos/x", "")];
    verdicts(batch(&stack, "?comp=batch", &parts).await).await;
    let after = metrics().await;
    let count = |class| after.ops[&class].count - before.ops.get(&class).map_or(0, |ops| ops.count);
    assert_eq!(count(OpClass::Delete), 3);
    assert_eq!(after.ops[&OpClass::Delete].errors, 1);

    let share = serde_json::json!({"ceiling": {"ops_per_s": 5}, "burst_s": 0.2});
    assert_eq!(stack.put("/v1/tenants/gold/share", &share).await.status(), 200);
    let many = [("DELETE", "photos/none", ""); 6];
    assert_eq!(verdicts(batch(&stack, "?comp=batch", &many).await).await, ["404 BlobNotFound"; 6]);
    let waited = metrics().await.queue_ms;
    assert!(waited > 100.0, "five a second are 200 ms apart: {waited}");
}
