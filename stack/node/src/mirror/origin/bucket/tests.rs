use super::*;
use crate::tls;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const NAME: &str = "bucket";
const CONTENT: &str = "0123456789";

/// As much of S3 as a mirror asks of it: a few objects that all hold the same.
struct Fake {
    endpoint: String,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    async fn start(names: &'static [&'static str]) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service_fn(move |request| async move { Ok::<_, Infallible>(answer(names, &request)) });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Fake { endpoint, task }
    }

    fn bucket(&self, secret: Option<&str>) -> Result<Bucket, String> {
        let at = Where { endpoint: Some(self.endpoint.clone()), region: None };
        Bucket::new(NAME, at, secret, &sources(&self.endpoint["http://".len()..]))
    }
}

fn sources(allowed: &str) -> Sources {
    let own = SocketAddr::from(([127, 0, 0, 1], 1));
    Sources::new(own, vec![allowed.parse().expect("HOST:PORT")], tls::trust(None).expect("a trust"))
}

fn answer(names: &[&str], request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let made = Response::builder().header("x-amz-request-id", "1").header("etag", "\"tag\"");
    let made = made.header("last-modified", "Fri, 20 Nov 2026 10:11:12 GMT").header("content-type", "application/xml");
    let full = |text: String| Full::new(Bytes::from(text));
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if header("authorization").is_some_and(|signed| signed.contains("Credential=stranger/")) {
        let denied =
            made.status(StatusCode::FORBIDDEN).body(full("<Error><Code>AccessDenied</Code></Error>".to_owned()));
        return denied.expect("an answer");
    }
    let query: HashMap<_, _> =
        url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).collect();
    let key = request.uri().path().strip_prefix("/bucket").map(|key| key.trim_start_matches('/')).unwrap_or_default();
    if !request.uri().path().starts_with("/bucket") {
        let missing = made.status(StatusCode::NOT_FOUND);
        return missing.body(full("<Error><Code>NoSuchBucket</Code></Error>".to_owned())).expect("an answer");
    }
    if query.contains_key("list-type") {
        return made.body(full(list(names, &query))).expect("an answer");
    }
    if !names.contains(&key) {
        let missing = made.status(StatusCode::NOT_FOUND).body(full("<Error><Code>NoSuchKey</Code></Error>".to_owned()));
        return missing.expect("an answer");
    }
    if header("if-match").is_some_and(|etag| etag != "\"tag\"") {
        return made.status(StatusCode::PRECONDITION_FAILED).body(full(String::new())).expect("an answer");
    }
    let Some((first, last)) = header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return made.header("content-length", CONTENT.len()).body(full(CONTENT.to_owned())).expect("an answer");
    };
    let part = &CONTENT[first.parse().expect("a number")..=last.parse().expect("a number")];
    let made = made.status(StatusCode::PARTIAL_CONTENT);
    made.header("content-range", format!("bytes {first}-{last}/10")).body(full(part.to_owned())).expect("an answer")
}

fn list(names: &[&str], query: &HashMap<std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>>) -> String {
    let get = |name: &str| query.get(name).map(|value| value.as_ref());
    let (prefix, after) = (get("prefix").unwrap_or_default(), get("continuation-token").unwrap_or_default());
    let max: usize = get("max-keys").expect("a page's length").parse().expect("a number");
    let (mut page, mut last, mut count) = (String::new(), String::new(), 0);
    for name in names.iter().filter(|name| name.starts_with(prefix)) {
        let rolled = get("delimiter").and_then(|_| name[prefix.len()..].split_once('/'));
        let entry = rolled.map_or_else(|| (*name).to_owned(), |(folder, _)| format!("{prefix}{folder}/"));
        if *entry <= *after || entry == last {
            continue;
        }
        if count == max {
            page.push_str(&format!("<NextContinuationToken>{last}</NextContinuationToken>"));
            break;
        }
        page.push_str(&if entry.ends_with('/') {
            format!("<CommonPrefixes><Prefix>{entry}</Prefix></CommonPrefixes>")
        } else {
            let more =
                "<LastModified>2026-11-20T10:11:12.000Z</LastModified><ETag>&quot;tag&quot;</ETag><Size>10</Size>";
            format!("<Contents><Key>{entry}</Key>{more}</Contents>")
        });
        (last, count) = (entry, count + 1);
    }
    format!("<?xml version=\"1.0\"?><ListBucketResult>{page}</ListBucketResult>")
}

async fn all(bucket: &Bucket, prefix: &str, rolled_up: bool, max: usize) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = bucket.list(NAME, prefix, rolled_up, after, max).await.expect("a page");
        found.extend(page.blobs.into_iter().map(|blob| blob.name).chain(page.folders));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

#[tokio::test]
async fn a_bucket_is_listed_and_read() {
    let fake = Fake::start(&["a b", "a/b", "a/bb", "a/c/d", "ü"]).await;
    for secret in [None, Some("id:key")] {
        let bucket = fake.bucket(secret).expect("it opens");
        assert_eq!(all(&bucket, "", false, 2).await, ["a b", "a/b", "a/bb", "a/c/d", "ü"]);
        assert_eq!(all(&bucket, "a/b", false, 2).await, ["a/b", "a/bb"]);
        assert_eq!(all(&bucket, "", true, 1).await, ["a b", "a/", "ü"]);
        assert_eq!(all(&bucket, "a/", true, 9).await, ["a/b", "a/bb", "a/c/"]);
        let blob = bucket.list(NAME, "a/b", false, None, 1).await.expect("a page").blobs.remove(0);
        assert_eq!((blob.etag.as_str(), blob.length, blob.modified.seconds()), ("tag", 10, 1_795_169_472));
        let read = bucket.read(NAME, "a/b", "tag", 2..5).await.expect("its content");
        assert_eq!(read.map_ok(|part| part.to_vec()).try_concat().await.expect("its content"), b"234");
        assert_eq!(bucket.read(NAME, "a/b", "tag", 0..0).await.expect("nothing").count().await, 0);
        assert_eq!(bucket.read(NAME, "a/b", "old", 2..5).await.map(drop), Err(OriginError::Changed));
        assert_eq!(bucket.read(NAME, "no", "tag", 2..5).await.map(drop), Err(OriginError::Missing));
        assert_eq!(bucket.whole(NAME, "a/b", 10).await.expect("its content"), CONTENT);
        assert!(matches!(bucket.whole(NAME, "a/b", 9).await, Err(OriginError::Away(_))));
        assert_eq!(bucket.list("another", "", false, None, 1).await, Err(OriginError::Missing));
        assert!(matches!(bucket.put(NAME, "canary", Bytes::new()).await, Err(OriginError::Refused(_))));
    }
    let at = Where { endpoint: Some(fake.endpoint.clone()), region: None };
    let gone = Bucket::new("gone", at, None, &sources(&fake.endpoint["http://".len()..])).expect("it opens");
    assert_eq!(gone.list("gone", "", false, None, 1).await, Err(OriginError::Missing));
    let stranger = fake.bucket(Some("stranger:key")).expect("it opens");
    let refused = stranger.list(NAME, "", false, None, 1).await;
    assert!(matches!(refused, Err(OriginError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_bucket_is_only_where_a_source_may_be() {
    let at = |endpoint: &str| Where { endpoint: Some(endpoint.to_owned()), region: None };
    let refused = Bucket::new(NAME, at("http://127.0.0.1:82"), None, &sources("127.0.0.1:81")).expect_err("not public");
    assert!(refused.contains("--copy-source-allow 127.0.0.1:82"), "{refused}");
    // A name, which is looked up.
    let bucket = Bucket::new(NAME, at("http://ip6-localhost:82"), None, &sources("127.0.0.1:81")).expect("it opens");
    let away = bucket.list(NAME, "", false, None, 1).await;
    assert!(matches!(away, Err(OriginError::Away(_))), "{away:?}");
}
