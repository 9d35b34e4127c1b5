//! Where a load goes: a container, and what authorises the requests.

use bytes::Bytes;
use futures::TryStreamExt;
use reqwest::{Method, RequestBuilder, Url};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longer than any answer that a user would wait for.
const ANSWER_MAX: Duration = Duration::from_secs(60);
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// What a request is counted by that nobody answered in time.
pub const TIMED_OUT: &str = "timeout";
const VERSION: &str = "2025-07-05";
/// Blobs of a load stand under this, apart from what else is in the container.
const PREFIX: &str = "load";
/// Blobs that one listing names at most.
const LISTED_MAX: u32 = 1000;

#[derive(Debug)]
pub struct Target {
    http: reqwest::Client,
    container: Url,
    /// Signs the requests from now on; those under way keep the one that they began with.
    sas: Mutex<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Of the body that was sent or received.
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("'{0}' names no container: write http://HOST/ACCOUNT/CONTAINER?SAS, or https://ACCOUNT.HOST/CONTAINER?SAS")]
    Place(String),
    #[error("{0}")]
    Refused(String),
    #[error("no answer: {0}")]
    Unreachable(&'static str),
    #[error("stopped")]
    Cancelled,
}

impl TargetError {
    /// What errors are counted by.
    pub fn code(&self) -> String {
        match self {
            TargetError::Place(_) => "bad-place".into(),
            TargetError::Refused(code) => code.clone(),
            TargetError::Unreachable(why) => (*why).into(),
            TargetError::Cancelled => "stopped".into(),
        }
    }
}

impl Target {
    /// A container's URL with its SAS. `connections` are kept open.
    pub fn new(url: &str, connections: u32) -> Result<Target, TargetError> {
        let bad = || TargetError::Place(crate::scrub::scrub(url));
        let mut container = Url::parse(url).map_err(|_| bad())?;
        let sas = container.query().unwrap_or_default().to_string();
        container.set_query(None);
        let names = container.path_segments().map_or(0, |parts| parts.filter(|part| !part.is_empty()).count());
        let local =
            container.host_str().is_some_and(|host| host == "localhost" || host == "127.0.0.1" || host == "[::1]");
        if names == 0 || !matches!(container.scheme(), "http" | "https") || (local && names < 2) {
            return Err(bad());
        }
        let mut http = crate::http::client()
            .connect_timeout(CONNECT_MAX)
            .timeout(ANSWER_MAX)
            .pool_max_idle_per_host(usize::try_from(connections).unwrap_or(usize::MAX));
        if local {
            // A proxy of the environment must not see what stays on this machine.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|_| TargetError::Unreachable("no-client"))?;
        Ok(Target { http, container, sas: Mutex::new(sas.into()) })
    }

    /// Signs with another SAS from now on. `true` once no request is under way with the one before.
    pub fn authorise(&self, sas: &str) -> impl Fn() -> bool + Send + use<> {
        let before = std::mem::replace(&mut *self.sas.lock().unwrap_or_else(PoisonError::into_inner), sas.into());
        move || Arc::strong_count(&before) == 1
    }

    pub async fn put(&self, key: u32, body: Bytes) -> Result<Answer, TargetError> {
        let bytes = body.len() as u64;
        // An empty body has a length too, which a gateway insists on.
        let request = |http: RequestBuilder| {
            http.header("x-ms-blob-type", "BlockBlob").header("content-length", bytes).body(body)
        };
        self.send(Method::PUT, Some(key), "", request).await.map(|_| Answer { bytes })
    }

    pub async fn get(&self, key: u32) -> Result<Answer, TargetError> {
        self.send(Method::GET, Some(key), "", |http| http).await
    }

    pub async fn list(&self) -> Result<Answer, TargetError> {
        let query = format!("restype=container&comp=list&prefix={PREFIX}/&maxresults={LISTED_MAX}");
        self.send(Method::GET, None, &query, |http| http).await
    }

    pub async fn delete(&self, key: u32) -> Result<Answer, TargetError> {
        self.send(Method::DELETE, Some(key), "", |http| http).await
    }

    async fn send(
        &self,
        method: Method,
        key: Option<u32>,
        query: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, TargetError> {
        // Held to the end: `authorise` counts who still uses it.
        let sas = self.sas.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut url = self.container.clone();
        if let (Some(key), Ok(mut path)) = (key, url.path_segments_mut()) {
            path.pop_if_empty().push(PREFIX).push(&format!("{key:06}"));
        }
        let query = [query, &*sas].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&");
        url.set_query(Some(&query));
        let request = with(self.http.request(method, url).header("x-ms-version", VERSION));
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        let (status, code) = (answer.status(), answer.headers().get("x-ms-error-code").cloned());
        let bytes = answer.bytes_stream().try_fold(0, |sum, chunk| async move { Ok(sum + chunk.len() as u64) }).await;
        drop(sas);
        match (status.is_success(), bytes) {
            (true, Ok(bytes)) => Ok(Answer { bytes }),
            (true, Err(error)) => Err(unreachable(&error)),
            (false, _) => {
                let code = code.and_then(|code| code.to_str().map(String::from).ok());
                Err(TargetError::Refused(code.unwrap_or_else(|| status.as_u16().to_string())))
            }
        }
    }
}

/// In one word, without the URL and what it is signed with.
fn unreachable(error: &reqwest::Error) -> TargetError {
    TargetError::Unreachable(match error {
        _ if error.is_timeout() => TIMED_OUT,
        _ if error.is_connect() => "no-connection",
        _ if error.is_body() || error.is_decode() => "cut-short",
        _ => "broken-connection",
    })
}
