//! How names of metadata were spelt. HTTP compares them without regard to case, and its names are kept here in lower case; Azure keeps
//! and tells them as they were sent. hyper remembers the spelling of a message's headers, in an extension that only hyper itself reads
//! and makes (`preserve_header_case`). So that is read by letting hyper write the headers down again, and made by letting it read them:
//! in memory, and for messages that carry metadata only.

use http::{Extensions, HeaderMap, Request, Response};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{client, server};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;

pub const METADATA: &str = "x-ms-meta-";
/// More than hyper reads of one message's headers.
const HEAD_BYTES_MAX: usize = 512 * 1024;
/// As many as hyper reads.
const HEADERS_MAX: usize = 100;

/// The names of a message's metadata headers as they were sent, where hyper was told to remember them.
pub async fn names(headers: &HeaderMap, extensions: &Extensions) -> Vec<String> {
    if !headers.keys().any(|name| name.as_str().starts_with(METADATA)) {
        return Vec::new();
    }
    let Some(head) = written(headers, extensions).await else { return Vec::new() };
    let mut parsed = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut parsed);
    match request.parse(&head) {
        Ok(_) => request.headers.iter().map(|header| header.name.to_owned()).collect(),
        Err(_) => Vec::new(),
    }
}

/// Metadata headers as hyper writes them.
async fn written(headers: &HeaderMap, extensions: &Extensions) -> Option<Vec<u8>> {
    let metadata = headers.iter().filter(|(name, _)| name.as_str().starts_with(METADATA));
    let mut request = Request::new(Empty::<Bytes>::new());
    request.headers_mut().extend(metadata.map(|(name, value)| (name.clone(), value.clone())));
    request.extensions_mut().extend(extensions.clone());
    let (near, mut far) = tokio::io::duplex(HEAD_BYTES_MAX);
    let mut builder = client::conn::http1::Builder::new();
    let (mut sender, connection) = builder.preserve_header_case(true).handshake(TokioIo::new(near)).await.ok()?;
    tokio::select! {
        head = head(&mut far) => head,
        _ = connection => None,
        // It is never answered.
        _ = sender.send_request(request) => None,
    }
}

async fn head(stream: &mut DuplexStream) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// What lets hyper write these names as they are spelt, where a message has such headers.
pub async fn extension(names: &[String]) -> Option<Extensions> {
    if names.is_empty() {
        return None;
    }
    let head: String = names.iter().map(|name| format!("{name}: -\r\n")).collect();
    let (near, mut far) = tokio::io::duplex(HEAD_BYTES_MAX);
    far.write_all(format!("GET / HTTP/1.1\r\n{head}\r\n").as_bytes()).await.ok()?;
    let (send, mut receive) = mpsc::channel(1);
    let service = service_fn(|request: Request<Incoming>| {
        // There is one request, and so there is room.
        let _ = send.try_send(request.into_parts().0.extensions);
        std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>()
    });
    let mut builder = server::conn::http1::Builder::new();
    let reading = builder.preserve_header_case(true).serve_connection(TokioIo::new(near), service);
    tokio::select! {
        extensions = receive.recv() => extensions,
        _ = reading => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn headers(names: &[&str]) -> HeaderMap {
        let header =
            |name: &&str| (HeaderName::from_bytes(name.as_bytes()).expect("a name"), HeaderValue::from_static("v"));
        names.iter().map(header).collect()
    }

    #[tokio::test]
    async fn hyper_tells_how_names_were_spelt() {
        let sent = ["x-ms-meta-Color", "X-MS-Meta-team", "x-ms-meta-lower"].map(str::to_owned);
        let extensions = extension(&sent).await.expect("hyper reads them");
        let mut found =
            names(&headers(&["x-ms-meta-color", "x-ms-meta-team", "x-ms-meta-lower", "etag"]), &extensions).await;
        found.sort();
        let mut expected = sent.to_vec();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn what_nobody_remembered_is_in_lower_case() {
        assert_eq!(names(&headers(&["x-ms-meta-color"]), &Extensions::new()).await, ["x-ms-meta-color"]);
        assert!(names(&headers(&["etag"]), &Extensions::new()).await.is_empty());
        assert!(extension(&[]).await.is_none());
    }
}
