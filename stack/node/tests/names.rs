//! How a request is framed and what it names: hosts, backslashes, lengths, and the case of metadata.

use crate::support::{ACCOUNT, CONTAINER, Stack, send, verdict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

/// Sends a request as it is written, and returns the answer as it comes.
async fn raw(stack: &Stack, request: &str) -> String {
    let address = stack.ready.blob.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("the request goes");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn a_backslash_is_a_slash() {
    let stack = Stack::with_container().await;
    stack.put_blob("deep%5Cer/a%5cb", "content").await;
    assert_eq!(stack.names().await, ["deep/er/a/b"]);
    for path in ["photos/deep/er/a/b", "photos/deep%5Cer%5Ca%5Cb", "photos/deep%2Fer/a%5Cb"] {
        let got = send(&stack, "GET", path, &[], "").await;
        assert_eq!(got.text().await.expect("a text"), "content", "{path}");
    }
    let source = stack.url("photos/deep%5Cer/a%5Cb").await;
    let copied = send(&stack, "PUT", "photos/copy%5C1", &[("x-ms-copy-source", &source)], "").await;
    assert_eq!(copied.status(), 202);
    assert_eq!(stack.names().await, ["copy/1", "deep/er/a/b"]);
}

#[tokio::test]
async fn a_host_has_no_case_and_there_is_one() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "content").await;
    let sas = stack.sas(None, "rl").await;
    for host in ["acct.blob.localhost", "ACCT.blob.localhost:10000", "Acct.Blob.Core.Windows.NET"] {
        let request = format!("GET /{CONTAINER}/a?{sas} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = raw(&stack, &request).await;
        assert!(status(&answer) == "200" && answer.ends_with("content"), "{host}: {answer}");
    }
    for hosts in ["Host: acct.blob.localhost\r\nHost: other.blob.localhost", "Host: 127.0.0.1\r\nhost: 127.0.0.1"] {
        let request = format!("GET /{ACCOUNT}/{CONTAINER}/a?{sas} HTTP/1.1\r\n{hosts}\r\nConnection: close\r\n\r\n");
        let answer = raw(&stack, &request).await;
        assert!(status(&answer) == "400" && answer.contains("InvalidHeaderValue"), "{hosts}: {answer}");
    }
}

#[tokio::test]
async fn a_write_says_how_long_it_is() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "content").await;
    let sas = stack.sas(None, "rwdlact").await;
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (path, headers, body) in [
        ("a", "x-ms-blob-type: BlockBlob\r\n", ""),
        ("a", "x-ms-blob-type: BlockBlob\r\nTransfer-Encoding: chunked\r\n", "5\r\nother\r\n0\r\n\r\n"),
        ("a?comp=metadata", "x-ms-meta-a: 1\r\n", ""),
        ("a?comp=tags", chunked, "0\r\n\r\n"),
        ("a?comp=lease", "x-ms-lease-action: acquire\r\nx-ms-lease-duration: 15\r\n", ""),
    ] {
        let joint = if path.contains('?') { '&' } else { '?' };
        let request = format!(
            "PUT /{ACCOUNT}/{CONTAINER}/{path}{joint}{sas} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n{body}"
        );
        let answer = raw(&stack, &request).await;
        assert!(status(&answer) == "411" && answer.contains("MissingContentLengthHeader"), "{path}: {answer}");
    }
    let delete =
        format!("DELETE /{ACCOUNT}/{CONTAINER}/a?{sas} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&raw(&stack, &delete).await), "202", "what sends nothing need not say so");
}

#[tokio::test]
async fn what_is_said_twice_is_refused() {
    let stack = Stack::with_container().await;
    stack.put_blob("a", "content").await;
    let bad = (400, "InvalidHeaderValue".to_owned());
    for (name, first, second) in [
        ("if-match", "\"0x1\"", "*"),
        ("x-ms-blob-content-type", "a/b", "c/d"),
        ("x-ms-tags", "a=1", "b=2"),
        ("x-ms-access-tier", "Hot", "Cool"),
    ] {
        let put = send(&stack, "PUT", "photos/a", &[BLOCK_BLOB, (name, first), (name, second)], "other").await;
        assert_eq!(verdict(&put), bad, "{name}");
    }
    let query = send(&stack, "GET", "photos?restype=container&comp=list&prefix=a&prefix=b", &[], "").await;
    assert_eq!(verdict(&query), (400, "InvalidQueryParameterValue".into()));
}

#[tokio::test]
async fn metadata_keeps_the_case_in_which_it_was_sent() {
    let stack = Stack::with_container().await;
    let sas = stack.sas(None, "rwdlact").await;
    let ask = async |method: &str, path: &str, headers: &str| {
        let joint = if path.contains('?') { '&' } else { '?' };
        let head =
            format!("{method} /{ACCOUNT}/{path}{joint}{sas} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n");
        raw(&stack, &format!("{head}Content-Length: 0\r\n{headers}\r\n")).await
    };
    let metadata = "x-ms-meta-Color: blue\r\nX-Ms-Meta-TEAM: gold\r\nx-ms-meta-lower: 1\r\n";
    let put = ask("PUT", "photos/a", &format!("x-ms-blob-type: BlockBlob\r\n{metadata}")).await;
    assert_eq!(status(&put), "201", "{put}");
    let told = ["x-ms-meta-Color: blue\r\n", "x-ms-meta-TEAM: gold\r\n", "x-ms-meta-lower: 1\r\n"];
    for (method, path) in [("HEAD", "photos/a"), ("GET", "photos/a"), ("GET", "photos/a?comp=metadata")] {
        let answer = ask(method, path, "").await;
        assert!(told.iter().all(|line| answer.contains(line)), "{method} {path}: {answer}");
    }
    let listed = "<Color>blue</Color><TEAM>gold</TEAM><lower>1</lower>";
    assert_eq!(status(&ask("PUT", "photos/a?comp=snapshot", "").await), "201");
    let source = stack.url("photos/a").await;
    assert_eq!(status(&ask("PUT", "photos/b", &format!("x-ms-copy-source: {source}\r\n")).await), "202");
    let list = ask("GET", "photos?restype=container&comp=list&include=metadata,snapshots", "").await;
    assert_eq!(list.matches(listed).count(), 3, "the blob, its snapshot and its copy: {list}");
    assert_eq!(status(&ask("PUT", "photos?restype=container&comp=metadata", metadata).await), "200");
    let container = ask("GET", "photos?restype=container", "").await;
    assert!(told.iter().all(|line| container.contains(line)), "{container}");
    let twice = "x-ms-meta-Color: red\r\nx-ms-meta-color: green\r\n";
    let twice = ask("PUT", "photos/a?comp=metadata", twice).await;
    assert!(status(&twice) == "400" && twice.contains("InvalidMetadata"), "{twice}");
    let one = "x-ms-meta-COLOR: red\r\n";
    assert_eq!(status(&ask("PUT", "photos/a?comp=metadata", one).await), "200");
    assert!(ask("HEAD", "photos/a", "").await.contains("x-ms-meta-COLOR: red\r\n"));
}
