use super::*;
use crate::place::Authority;
use crate::tls;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const EMPTY: &str = "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>";

/// Says what it is told to, one answer after another and the last for ever: a status, an error code, a header more, and a body.
struct Fake {
    origin: Azure,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

type Says = (u16, &'static str, (&'static str, &'static str), &'static str);
const NONE: (&str, &str) = ("x-none", "");
const LIST: Says = (200, "", NONE, EMPTY);

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    async fn start(says: &'static [Says]) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let noted = noted.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let mut noted = noted.lock().expect("a lock");
                    noted.push(request.uri().to_string());
                    let said = says[(noted.len() - 1).min(says.len() - 1)];
                    async move { Ok::<_, Infallible>(answer(said)) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        let allowed = vec![address.to_string().parse().expect("HOST:PORT")];
        let sources = Sources::new(SocketAddr::from(([127, 0, 0, 1], 1)), allowed, tls::trust(None).expect("a trust"));
        let authority = Authority::Sas("sv=1&sig=hidden".to_owned());
        let account = Account { name: "lake".to_owned(), endpoint: Some(format!("http://{address}/lake")), authority };
        Fake { origin: Azure::new(account, &sources).expect("it opens"), asked, task }
    }

    async fn list(&self) -> Result<Listed, OriginError> {
        self.origin.list("raw", "a&b", false, None, 5).await
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("a lock"))
    }
}

fn answer((status, code, (name, value), body): Says) -> Response<Full<Bytes>> {
    let made = Response::builder().status(status).header("x-ms-request-id", "1").header("x-ms-version", "2023-11-03");
    let made = made.header("content-type", "application/xml").header("etag", "\"0x1\"").header(name, value);
    let made = if code.is_empty() { made } else { made.header("x-ms-error-code", code) };
    made.body(Full::new(Bytes::from_static(body.as_bytes()))).expect("an answer")
}

#[tokio::test]
async fn tags_are_asked_for_where_they_are_given() {
    let denied: Says = (403, "AuthorizationPermissionMismatch", NONE, "");
    let fake = Fake::start(Box::leak(Box::new([denied, LIST]))).await;
    let rest = "&maxresults=5&prefix=a%26b&sv=1&sig=hidden";
    let [with, without] = ["metadata%2Ctags", "metadata"]
        .map(|include| format!("/lake/raw?restype=container&comp=list&include={include}{rest}"));
    assert_eq!(fake.list().await, Ok(Listed::default()));
    assert_eq!(fake.list().await, Ok(Listed::default()));
    assert_eq!(fake.asked(), [with.clone(), without.clone(), without.clone()]);
    // Where nothing is allowed, that says nothing of tags.
    let fake = Fake::start(Box::leak(Box::new([denied]))).await;
    for _ in 0..2 {
        assert!(matches!(fake.list().await, Err(OriginError::Refused(_))));
    }
    assert_eq!(fake.asked(), [with.clone(), without.clone(), with, without]);
}

#[tokio::test]
async fn what_may_be_over_in_a_moment_is_asked_again() {
    const BUSY: Says = (503, "ServerBusy", ("retry-after", "0"), "");
    const LATER: Says = (503, "ServerBusy", ("retry-after", "60"), "");
    const FAILED: Says = (500, "InternalError", NONE, "");
    const GATEWAY: Says = (502, "", NONE, "<html/>");
    const PAGE: Says = (200, "", ("content-type", "text/html"), "<html/>");
    for (says, asked, is_good) in [
        (&[BUSY, FAILED, LIST][..], 3, true),
        (&[GATEWAY, LIST], 2, true),
        (&[FAILED], 3, false),
        (&[LATER, LIST], 1, false),
        (&[PAGE, LIST], 1, false),
        (&[(404, "ContainerNotFound", NONE, ""), LIST], 1, false),
    ] {
        let fake = Fake::start(says).await;
        let listed = fake.list().await;
        assert_eq!((fake.asked().len(), listed.is_ok()), (asked, is_good), "{says:?}: {listed:?}");
    }
}

#[tokio::test]
async fn a_range_is_the_one_that_was_asked_for() {
    const RANGE: (&str, &str) = ("content-range", "bytes 2-4/10");
    const AWAY: Option<&[u8]> = None;
    for (said, etag, range, expected) in [
        ((206, "", RANGE, "234"), "0x1", 2..5, Some(&b"234"[..])),
        ((200, "", NONE, "012"), "0x1", 0..3, Some(b"012")),
        ((206, "", RANGE, "234"), "0x1", 3..6, AWAY),
        ((206, "", NONE, "234"), "0x1", 2..5, AWAY),
        ((206, "", RANGE, "23"), "0x1", 2..5, AWAY),
        ((200, "", NONE, "0123456789"), "0x1", 2..5, AWAY),
        ((200, "", NONE, "0123456789"), "0x1", 0..3, AWAY),
        ((206, "", RANGE, "234"), "0x2", 2..5, AWAY),
        ((206, "", RANGE, "234"), "0\n1", 2..5, AWAY),
    ] {
        let fake = Fake::start(Box::leak(Box::new([said]))).await;
        let read = match fake.origin.read("raw", "a", etag, range.clone()).await {
            Ok(content) => {
                content.map(|part| part.ok()).collect::<Vec<_>>().await.into_iter().collect::<Option<Vec<_>>>()
            }
            Err(_) => None,
        };
        assert_eq!(read.map(|parts| parts.concat()).as_deref(), expected, "{said:?} {range:?}");
    }
}

#[test]
fn refusals_say_what_to_do() {
    let status = |status, code: &str, is_anonymous| {
        OriginError::from(Failure::Status { status, code: code.to_owned(), is_anonymous, after: None }).to_string()
    };
    for (status, code, is_anonymous, says) in [
        (403, "AuthenticationFailed", false, "does not know the secret"),
        (403, "AuthorizationPermissionMismatch", false, "sp=rl"),
        (403, "AuthorizationFailure", false, "firewall"),
        (401, "NoAuthenticationInformation", true, "as the secret"),
        (404, "ResourceNotFound", true, "as the secret"),
        (409, "PublicAccessNotPermitted", true, "as the secret"),
        (404, "ResourceNotFound", false, "answers 404"),
        (404, "BlobNotFound", true, "no such thing"),
        (412, "ConditionNotMet", false, "changed"),
    ]
    .map(|(number, code, is_anonymous, says)| (status(number, code, is_anonymous), code, is_anonymous, says))
    {
        assert!(status.contains(says), "{code} {is_anonymous}: {status}");
    }
}

#[test]
fn names_become_paths_that_lead_nowhere_else() {
    for (name, expected) in [
        ("a/b c.txt", "/box/a/b%20c.txt"),
        ("//ü%/", "/box///%C3%BC%25/"),
        ("a/../b", "/box/a%2F..%2Fb"),
        ("./a", "/box/.%2Fa"),
        ("a?b#c", "/box/a%3Fb%23c"),
        ("...", "/box/..."),
    ] {
        let path = blob("box", name).expect("a path");
        assert_eq!(path, expected);
        let url = url::Url::parse(&format!("http://host{path}")).expect("a URL");
        assert_eq!(url.path(), expected);
    }
    for name in [".", ".."] {
        assert!(blob("box", name).is_err() && blob(name, "box").is_err(), "{name}");
    }
    assert_eq!(blob("$blobchangefeed", "meta/segments.json"), Ok("/$blobchangefeed/meta/segments.json".to_owned()));
}
