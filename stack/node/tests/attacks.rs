//! One tenant against another: every operation on what is not one's own is refused, and by the same answer whether it is there or not.

use crate::support;
use crate::support::{ACCOUNT, CONTAINER, Stack};
use greenroom_model::AccountName;
use greenroom_model::control::SasRequest;
use reqwest::StatusCode;

const THIEF: &str = "thief";

/// Method, path below the account with its query, headers: every operation that names a container or a blob, and those on the account.
/// `{c}` and `{b}` are names that are there or are not.
type Operation = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
const OPERATIONS: &[Operation] = &[
    ("GET", "?comp=list", &[]),
    ("GET", "?restype=service&comp=properties", &[]),
    ("GET", "?comp=blobs&where=a%3D%271%27", &[]),
    ("GET", "?restype=account&comp=properties", &[]),
    ("PUT", "{c}?restype=container", &[]),
    ("GET", "{c}?restype=container", &[]),
    ("DELETE", "{c}?restype=container", &[]),
    ("GET", "{c}?restype=container&comp=acl", &[]),
    ("PUT", "{c}?restype=container&comp=acl", &[]),
    ("PUT", "{c}?restype=container&comp=metadata", &[("x-ms-meta-a", "1")]),
    ("PUT", "{c}?restype=container&comp=lease", &[("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "15")]),
    ("GET", "{c}?restype=container&comp=list", &[]),
    ("GET", "{c}?restype=container&comp=list&marker=2!4!YQ--", &[]),
    ("GET", "{c}?restype=container&comp=blobs&where=a%3D%271%27", &[]),
    ("PUT", "{c}/{b}", &[("x-ms-blob-type", "BlockBlob")]),
    ("GET", "{c}/{b}", &[]),
    ("GET", "{c}/{b}", &[("x-ms-range", "bytes=0-1")]),
    ("GET", "{c}/{b}?snapshot=2026-01-01T00:00:00.0000000Z", &[]),
    ("HEAD", "{c}/{b}", &[]),
    ("DELETE", "{c}/{b}", &[]),
    ("PUT", "{c}/{b}?comp=properties", &[("x-ms-blob-content-type", "a/b")]),
    ("PUT", "{c}/{b}?comp=metadata", &[("x-ms-meta-a", "1")]),
    ("GET", "{c}/{b}?comp=tags", &[]),
    ("PUT", "{c}/{b}?comp=tags", &[]),
    ("PUT", "{c}/{b}?comp=tier", &[("x-ms-access-tier", "Cool")]),
    ("PUT", "{c}/{b}?comp=snapshot", &[]),
    ("PUT", "{c}/{b}?comp=lease", &[("x-ms-lease-action", "break")]),
    ("PUT", "{c}/{b}?comp=block&blockid=AAAA", &[]),
    ("PUT", "{c}/{b}?comp=blocklist", &[]),
    ("GET", "{c}/{b}?comp=blocklist&blocklisttype=all", &[]),
    ("PUT", "{c}/{b}?comp=page", &[("x-ms-page-write", "clear"), ("x-ms-range", "bytes=0-511")]),
    ("GET", "{c}/{b}?comp=pagelist", &[]),
];

async fn two_tenants() -> Stack {
    let stack = Stack::with_container().await;
    stack.make_account("bronze", THIEF, &[CONTAINER]).await;
    let put = stack.blob("PUT", &format!("{CONTAINER}/secret")).await;
    let put = put.header("x-ms-blob-type", "BlockBlob").header("x-ms-tags", "a=1").body("gold's").send().await;
    assert_eq!(put.expect("an answer").status(), StatusCode::CREATED);
    stack
}

async fn thiefs_sas(stack: &Stack) -> String {
    stack.mint(&SasRequest::new(AccountName::new(THIEF).expect("a good name"), "rwdxylacuptfi", 3600)).await
}

async fn answer(
    stack: &Stack,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, String, Option<String>) {
    let mut request = stack.http.request(method.parse().expect("a method"), url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if method == "PUT" {
        request = request.header("content-length", "0");
    }
    let answer = request.send().await.expect("an answer");
    let code = answer.headers().get("x-ms-error-code").map(|code| code.to_str().expect("a text").to_owned());
    let (status, text) = (answer.status(), answer.text().await.expect("a text"));
    (status, text.split("\nRequestId").next().unwrap_or_default().to_owned(), code)
}

#[tokio::test]
async fn nothing_of_anothers_is_reached_or_known_of() {
    let stack = two_tenants().await;
    let sas = thiefs_sas(&stack).await;
    for credential in [sas.as_str(), ""] {
        for (method, path, headers) in OPERATIONS {
            let mut answers = Vec::new();
            // What is there, what is not in a container that is, and what is in none; and an account that nobody has.
            for (account, container, blob) in [
                (ACCOUNT, CONTAINER, "secret"),
                (ACCOUNT, CONTAINER, "none"),
                (ACCOUNT, "nowhere", "none"),
                ("nobodys", "nowhere", "none"),
            ] {
                let path = path.replace("{c}", container).replace("{b}", blob);
                let joint = if path.contains('?') { '&' } else { '?' };
                let url = format!("{}/{account}/{path}{joint}{credential}", stack.ready.blob);
                let told = answer(&stack, method, &url, headers).await;
                let refused =
                    [StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND, StatusCode::CONFLICT];
                assert!(refused.contains(&told.0), "{method} {path}: {told:?}");
                answers.push(told);
            }
            assert!(answers.iter().all(|told| *told == answers[0]), "{method} {path} tells what is there: {answers:?}");
        }
    }
    let whole = stack.blob("GET", &format!("{CONTAINER}/secret")).await.send().await.expect("an answer");
    assert_eq!(whole.text().await.expect("a text"), "gold's", "nothing has changed");
}

/// Every operation that the endpoint's own table names, so that one that is added later is attacked as well.
#[tokio::test]
async fn no_operation_there_is_tells_another_what_is_there() {
    let stack = two_tenants().await;
    let sas = thiefs_sas(&stack).await;
    let mut attacked = 0;
    let table = include_str!("../../../docs/GATEWAY.md").lines().skip_while(|line| !line.starts_with("| operation |"));
    for row in table.skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (methods, scope) = cells[2].split_once(' ').expect("a method and what it is on");
        let query = cells[3].trim_matches('`').replace(' ', "&");
        for method in methods.split('/') {
            let mut answers = Vec::new();
            for (account, container, blob) in
                [(ACCOUNT, CONTAINER, "secret"), (ACCOUNT, CONTAINER, "none"), ("nobodys", "nowhere", "none")]
            {
                let path = match scope {
                    "account" => String::new(),
                    "container" => format!("/{container}"),
                    "blob" => format!("/{container}/{blob}"),
                    other => panic!("{other} is nothing that has operations"),
                };
                let url = format!("{}/{account}{path}?{query}&{sas}", stack.ready.blob);
                let told = answer(&stack, method, &url, &[("x-ms-blob-type", "BlockBlob")]).await;
                assert!(told.0.is_client_error(), "{method} {scope} {query}: {told:?}");
                answers.push(told);
            }
            assert!(answers.iter().all(|told| *told == answers[0]), "{method} {scope} {query} tells: {answers:?}");
            attacked += 1;
        }
    }
    assert!(attacked > 50, "the table was not read: {attacked}");
    let whole = stack.blob("GET", &format!("{CONTAINER}/secret")).await.send().await.expect("an answer");
    assert_eq!(whole.text().await.expect("a text"), "gold's", "nothing has changed");
}

/// A batch is the thief's own; what it asks for is not.
#[tokio::test]
async fn a_batch_of_ones_own_reaches_nothing_of_anothers() {
    let stack = two_tenants().await;
    let sas = thiefs_sas(&stack).await;
    let mut parts = String::new();
    for (number, name) in ["secret", "none"].into_iter().enumerate() {
        parts += &format!(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {number}\r\n\r\n\
             DELETE /{ACCOUNT}/{CONTAINER}/{name}?{sas} HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
        );
    }
    let batch = stack.http.post(format!("{}/{THIEF}?comp=batch&{sas}", stack.ready.blob));
    let batch = batch.header("content-type", "multipart/mixed; boundary=b").body(format!("{parts}--b--\r\n"));
    let told = batch.send().await.expect("an answer").text().await.expect("a text");
    assert!(!told.contains("HTTP/1.1 2"), "{told}");
    let codes = support::all_between(&told, "x-ms-error-code: ", "\r\n");
    assert!(codes.len() == 2 && codes[0] == codes[1], "{told}");
    let whole = stack.blob("GET", &format!("{CONTAINER}/secret")).await.send().await.expect("an answer");
    assert_eq!(whole.text().await.expect("a text"), "gold's", "nothing has changed");
}

#[tokio::test]
async fn anothers_blob_is_no_copy_source() {
    let stack = two_tenants().await;
    let sas = thiefs_sas(&stack).await;
    let own = |path: &str| {
        format!("{}/{THIEF}/{CONTAINER}/{path}{}{sas}", stack.ready.blob, if path.contains('?') { '&' } else { '?' })
    };
    for credential in ["", sas.as_str()] {
        for (path, headers) in [
            ("copy", vec![]),
            ("copy", vec![("x-ms-blob-type", "BlockBlob")]),
            ("copy?comp=block&blockid=AAAA", vec![]),
        ] {
            let mut answers = Vec::new();
            for name in ["secret", "none"] {
                let source = format!("{}/{ACCOUNT}/{CONTAINER}/{name}?{credential}", stack.ready.blob);
                let mut headers = headers.clone();
                headers.push(("x-ms-copy-source", &source));
                answers.push(answer(&stack, "PUT", &own(path), &headers).await);
            }
            assert!(answers[0].0.is_client_error(), "{path}: {:?}", answers[0]);
            assert_eq!(answers[0], answers[1], "{path} tells whether the source is there");
        }
    }
}

#[tokio::test]
async fn ids_of_ones_own_open_nothing_of_anothers() {
    let stack = two_tenants().await;
    let sas = thiefs_sas(&stack).await;
    let at = |account: &str, path: &str| format!("{}/{account}/{CONTAINER}/{path}&{sas}", stack.ready.blob);
    // A block that gold has staged under the same names is not there for bronze, and cannot be committed by it.
    let staged =
        stack.blob("PUT", &format!("{CONTAINER}/both?comp=block&blockid=AAAA")).await.body("gold's").send().await;
    assert_eq!(staged.expect("an answer").status(), StatusCode::CREATED);
    let list = "<BlockList><Latest>AAAA</Latest></BlockList>";
    let commit = stack.http.put(at(THIEF, "both?comp=blocklist")).body(list).send().await.expect("an answer");
    assert_eq!(commit.status(), StatusCode::BAD_REQUEST);
    // Tags of gold's are not found by a search of bronze's.
    let found = format!("{}/{THIEF}?comp=blobs&where=a%3D%271%27&{sas}", stack.ready.blob);
    let found = stack.http.get(found).send().await.expect("an answer").text().await.expect("a text");
    assert!(!found.contains("secret"), "{found}");
    // The id of gold's lease, should bronze have come to know it, and the time of gold's snapshot, name nothing in what is bronze's.
    let lease = stack.blob("PUT", &format!("{CONTAINER}/secret?comp=lease")).await;
    let lease =
        lease.header("x-ms-lease-action", "acquire").header("x-ms-lease-duration", "-1").header("content-length", "0");
    let lease = support::header(&lease.send().await.expect("an answer"), "x-ms-lease-id");
    assert_eq!(lease.len(), 36);
    let snapshot = stack.blob("PUT", &format!("{CONTAINER}/secret?comp=snapshot")).await.header("content-length", "0");
    let snapshot = support::header(&snapshot.send().await.expect("an answer"), "x-ms-snapshot");
    let own = stack.http.put(at(THIEF, "secret?")).header("x-ms-blob-type", "BlockBlob").body("bronze's");
    assert_eq!(own.send().await.expect("an answer").status(), StatusCode::CREATED);
    for action in ["renew", "release", "change"] {
        let headers =
            [("x-ms-lease-action", action), ("x-ms-lease-id", &lease), ("x-ms-proposed-lease-id", lease.as_str())];
        let told = answer(&stack, "PUT", &at(THIEF, "secret?comp=lease"), &headers).await;
        assert_eq!(told.0, StatusCode::CONFLICT, "{action}: {told:?}");
        let told = answer(&stack, "PUT", &at(ACCOUNT, "secret?comp=lease"), &headers).await;
        assert_eq!(told.0, StatusCode::FORBIDDEN, "{action}: {told:?}");
    }
    let told = answer(&stack, "GET", &at(THIEF, &format!("secret?snapshot={snapshot}")), &[]).await;
    assert_eq!(told.0, StatusCode::NOT_FOUND, "{told:?}");
    // A marker that gold's list gave leads through bronze's own names, and shows none of gold's.
    let list = stack.blob("GET", &format!("{CONTAINER}?restype=container&comp=list&maxresults=1")).await.send().await;
    let list = list.expect("an answer").text().await.expect("a text");
    assert_eq!(
        stack
            .blob("PUT", &format!("{CONTAINER}/zzz"))
            .await
            .header("x-ms-blob-type", "BlockBlob")
            .header("content-length", "0")
            .send()
            .await
            .expect("an answer")
            .status(),
        StatusCode::CREATED
    );
    let marker = support::all_between(&list, "<NextMarker>", "</NextMarker>").concat();
    let url = format!("{}/{THIEF}/{CONTAINER}?restype=container&comp=list&marker={marker}&{sas}", stack.ready.blob);
    let told = stack.http.get(url).send().await.expect("an answer").text().await.expect("a text");
    assert!(!told.contains("zzz"), "{told}");
}
