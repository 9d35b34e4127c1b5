//! Something between a stack and its target that answers in the target's place, bends what passes, and forgets.

use super::client;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HOST, LAST_MODIFIED, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// A sign-in page answers whatever is asked, with 200 and an ETag.
    Html,
    /// In the target's words: it is done, and nothing was; it is not there, and is.
    Hollow,
    Flip,
    Truncate,
    /// The connection ends: before the request went on, or after.
    Drop,
    /// Asked twice; the first answer counts.
    Duplicate,
    /// The last answer of that kind, again.
    Stale,
    /// To the sign-in page.
    Redirect,
    /// No answer for a while, and then none.
    Hang,
}

impl Lie {
    pub const ALL: [Lie; 9] = [
        Lie::Html,
        Lie::Hollow,
        Lie::Flip,
        Lie::Truncate,
        Lie::Drop,
        Lie::Duplicate,
        Lie::Stale,
        Lie::Redirect,
        Lie::Hang,
    ];
}

/// What is lied about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Put,
    Get,
    List,
    Delete,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Put, Kind::Get, Kind::List, Kind::Delete];

    fn of(request: &Request<Incoming>) -> Kind {
        let query = request.uri().query().unwrap_or_default();
        match *request.method() {
            Method::PUT => Kind::Put,
            Method::GET if query.contains("comp=list") => Kind::List,
            Method::DELETE | Method::POST => Kind::Delete,
            _ => Kind::Get,
        }
    }
}

const HANGS: Duration = Duration::from_millis(700);
const PORTAL: &str = "/portal";
const PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome to our network</body></html>";

pub struct Liar {
    /// Of the container, through it.
    pub url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    /// Of the target: `http://HOST:PORT`.
    origin: String,
    http: reqwest::Client,
    lies: Mutex<Option<(Lie, Vec<Kind>, u64)>>,
    requests: AtomicU64,
    told: AtomicU64,
    last: Mutex<BTreeMap<Kind, Answer>>,
}

#[derive(Debug, Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Liar {
    /// In front of a container's URL.
    pub async fn before(url: &str) -> Liar {
        let target = url::Url::parse(url).expect("a URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            origin: target.origin().ascii_serialization(),
            http: client(),
            lies: Mutex::default(),
            requests: AtomicU64::new(0),
            told: AtomicU64::new(0),
            last: Mutex::default(),
        });
        let serving = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = serving.clone();
                let service = service_fn(move |request| shared.clone().answer(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Liar { url: format!("http://127.0.0.1:{port}{}", target.path()), shared, task }
    }

    /// Of so many requests in a hundred.
    pub fn tell(&self, lie: Lie, about: &[Kind], percent: u64) {
        *self.shared.lies.lock().expect("a lock") = Some((lie, about.to_vec(), percent));
    }

    pub fn be_honest(&self) {
        *self.shared.lies.lock().expect("a lock") = None;
    }

    /// Lies told so far.
    pub fn told(&self) -> u64 {
        self.shared.told.load(Relaxed)
    }
}

/// Ends the connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped")]
struct Dropped;

impl Shared {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
        if request.uri().path() == PORTAL {
            return Ok(page().into());
        }
        let kind = Kind::of(&request);
        let lie = self.lie(kind);
        let (parts, body) = request.into_parts();
        let mut body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
        let answer = match lie {
            Some(Lie::Html) => page(),
            Some(Lie::Redirect) => redirect(),
            Some(Lie::Hollow) => pretend(kind, &parts, &body),
            Some(Lie::Hang) => {
                tokio::time::sleep(HANGS).await;
                return Err(Dropped);
            }
            Some(Lie::Drop) => {
                if self.told.load(Relaxed).is_multiple_of(2) {
                    self.forward(&parts, body).await?;
                }
                return Err(Dropped);
            }
            Some(Lie::Stale) => {
                let last = self.last.lock().expect("a lock").get(&kind).cloned();
                match last {
                    Some(last) => last,
                    None => self.forward(&parts, body).await?,
                }
            }
            Some(Lie::Duplicate) => {
                let answer = self.forward(&parts, body.clone()).await?;
                self.forward(&parts, body).await?;
                answer
            }
            Some(lie @ (Lie::Flip | Lie::Truncate)) => {
                if kind == Kind::Put {
                    body = bend(lie, &body);
                    self.forward(&parts, body).await?
                } else {
                    let mut answer = self.forward(&parts, body).await?;
                    if parts.method != Method::HEAD {
                        answer.body = bend(lie, &answer.body);
                        answer.headers.remove(CONTENT_LENGTH);
                    }
                    answer
                }
            }
            None => {
                let answer = self.forward(&parts, body).await?;
                if answer.status.is_success() && parts.method != Method::HEAD {
                    self.last.lock().expect("a lock").insert(kind, answer.clone());
                }
                answer
            }
        };
        Ok(answer.into())
    }

    /// Evenly spread.
    fn lie(&self, kind: Kind) -> Option<Lie> {
        let lies = self.lies.lock().expect("a lock");
        let (lie, _, percent) = lies.as_ref().filter(|(_, about, _)| about.contains(&kind))?;
        let number = self.requests.fetch_add(1, Relaxed);
        let is_hit = (number + 1) * percent / 100 > number * percent / 100;
        is_hit.then(|| {
            self.told.fetch_add(1, Relaxed);
            *lie
        })
    }

    async fn forward(&self, parts: &http::request::Parts, body: Bytes) -> Result<Answer, Dropped> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = parts.headers.clone();
        headers.remove(HOST);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let request = self.http.request(parts.method.clone(), format!("{}{path}", self.origin)).headers(headers);
        let answer = request.body(body).send().await.map_err(|_| Dropped)?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        for name in ["connection", "transfer-encoding"] {
            headers.remove(name);
        }
        Ok(Answer { status, headers, body: answer.bytes().await.map_err(|_| Dropped)? })
    }
}

impl From<Answer> for Response<Full<Bytes>> {
    fn from(answer: Answer) -> Self {
        let mut response = Response::new(Full::new(answer.body));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        response
    }
}

fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value"))).collect()
}

fn page() -> Answer {
    let moment = "Sat, 28 Nov 2026 12:00:00 GMT";
    let headers = headers(&[(CONTENT_TYPE, "text/html"), (ETAG, "\"portal\""), (LAST_MODIFIED, moment)]);
    Answer { status: StatusCode::OK, headers, body: Bytes::from_static(PAGE.as_bytes()) }
}

fn redirect() -> Answer {
    Answer { status: StatusCode::FOUND, headers: headers(&[(LOCATION, PORTAL)]), body: Bytes::new() }
}

/// As the target would say it, about something that it was never asked.
fn pretend(kind: Kind, parts: &http::request::Parts, body: &Bytes) -> Answer {
    let marks = ["x-ms-request-id", "x-ms-version"].map(HeaderName::from_static);
    let mut headers = headers(&[(marks[0].clone(), "11111111-2222"), (marks[1].clone(), "2023-11-03")]);
    if let Some(id) = parts.headers.get("x-ms-client-request-id") {
        headers.insert("x-ms-client-request-id", id.clone());
    }
    let mut set = |name: HeaderName, value: &str| headers.insert(name, value.parse().expect("a value"));
    let (status, body) = match kind {
        Kind::Put => {
            set(ETAG, "\"0x8DE0000000000\"");
            set(LAST_MODIFIED, "Sat, 28 Nov 2026 12:00:00 GMT");
            (StatusCode::CREATED, Bytes::new())
        }
        Kind::Get => {
            set(HeaderName::from_static("x-ms-error-code"), "BlobNotFound");
            (StatusCode::NOT_FOUND, Bytes::from_static(b"<Error><Code>BlobNotFound</Code></Error>"))
        }
        Kind::List => {
            set(CONTENT_TYPE, "application/xml");
            let none = "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs/><NextMarker/></EnumerationResults>";
            (StatusCode::OK, Bytes::from_static(none.as_bytes()))
        }
        Kind::Delete => {
            set(CONTENT_TYPE, "multipart/mixed; boundary=batchresponse_1");
            let parts = String::from_utf8_lossy(body).matches("Content-ID:").count();
            let part = |id| {
                format!(
                    "--batchresponse_1\r\nContent-Type: application/http\r\nContent-ID: {id}\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n"
                )
            };
            let all: String = (0..parts).map(part).collect();
            (StatusCode::ACCEPTED, format!("{all}--batchresponse_1--\r\n").into())
        }
    };
    Answer { status, headers, body }
}

fn bend(lie: Lie, body: &Bytes) -> Bytes {
    let half = body.len() / 2;
    if lie == Lie::Truncate {
        return body.slice(..half);
    }
    let mut bent = body.to_vec();
    bent.iter_mut().skip(half).take(1).for_each(|byte| *byte ^= 4);
    bent.into()
}
