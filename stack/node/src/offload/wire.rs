//! The wire to a target over HTTP: gives uploads a checksum and requests an id, follows no redirect, and lets nothing through as an answer
//! that is none.

use super::answer::{self, Asked, Protocol};
use crate::{reach, spans};
use async_trait::async_trait;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_gateway::source::Sources;
use greenroom_store::Crc64;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;
use md5::{Digest as _, Md5};
use object_store::ClientOptions;
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpService,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use url::Url;

/// A connection that nobody answers is one to a target that is away.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A segment at 1 MB/s.
const REQUEST_MAX: Duration = Duration::from_secs(90);
/// Up to here an upload carries an MD5, which every make of target compares; above, a CRC-64, which costs a tenth.
const MD5_BYTES_MAX: usize = 1 << 20;
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");
const CONTENT_CRC64: HeaderName = HeaderName::from_static("x-ms-content-crc64");
pub const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

/// How the requests of one target are sent. What is added to a request must be signed too: so it is signed again.
#[derive(Clone)]
pub struct Wire {
    client: Option<reqwest::Client>,
    speaks: Speaks,
    ids: Arc<Ids>,
    /// What judges the address of a target that is not the operator's choice.
    judged: Option<(Url, Sources)>,
}

#[derive(Clone)]
enum Speaks {
    Azure {
        /// Absent where a SAS authorises.
        key: Option<(String, Arc<AzureCredential>)>,
    },
    S3 {
        bucket: String,
    },
}

/// Ids of requests: no other process has them.
#[derive(Debug)]
pub struct Ids {
    process: u64,
    next: AtomicU64,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire of {:?}", self.protocol())
    }
}

impl Wire {
    /// `key` is the account and its key, where requests are signed by it.
    pub fn azure(key: Option<(&str, &str)>) -> Result<Self, String> {
        let key = key.map(|(account, key)| {
            let key = AzureAccessKey::try_new(key).map_err(|error| error.to_string())?;
            Ok::<_, String>((account.to_owned(), Arc::new(AzureCredential::AccessKey(key))))
        });
        Self::of(Speaks::Azure { key: key.transpose()? })
    }

    pub fn s3(bucket: &str) -> Result<Self, String> {
        Self::of(Speaks::S3 { bucket: bucket.to_owned() })
    }

    fn of(speaks: Speaks) -> Result<Self, String> {
        Ok(Self { client: None, speaks, ids: Arc::new(Ids::new()?), judged: None })
    }

    /// To where somebody says that it is: connects only as copy sources may. `endpoint` itself has been checked.
    pub fn judged(self, endpoint: Url, sources: &Sources) -> Self {
        Self { judged: Some((endpoint, sources.clone())), ..self }
    }

    fn protocol(&self) -> Protocol {
        match self.speaks {
            Speaks::Azure { .. } => Protocol::Azure,
            Speaks::S3 { .. } => Protocol::S3,
        }
    }

    /// Whether a request goes to the target: where credentials come from has answers of its own.
    fn is_for_target(&self, request: &HttpRequest) -> bool {
        let Speaks::S3 { bucket } = &self.speaks else { return true };
        let host = request.uri().host().unwrap_or_default();
        let first = request.uri().path().trim_start_matches('/').split('/').next();
        request.headers().contains_key("x-amz-content-sha256")
            || first == Some(bucket)
            || host.strip_prefix(bucket.as_str()).is_some_and(|rest| rest.starts_with('.'))
    }

    /// With its id, its checksum, and its signature over both; and the id.
    async fn prepare(
        &self,
        mut request: HttpRequest,
        asked: Asked,
    ) -> Result<(HttpRequest, Option<String>), HttpError> {
        let Speaks::Azure { key } = &self.speaks else { return Ok((request, None)) };
        let id = self.ids.next();
        if asked == Asked::Write {
            let (name, value) = checksum(request.body().clone()).await?;
            request.headers_mut().insert(name, header(value)?);
        }
        request.headers_mut().insert(CLIENT_REQUEST_ID, header(id.clone())?);
        if let Some((account, key)) = key {
            request.headers_mut().remove(AUTHORIZATION);
            AzureAuthorizer::new(key, account).try_authorize(&mut request).map_err(|error| failed(Sign(error)))?;
        }
        Ok((request, Some(id)))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
struct Sign(object_store::Error);

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = match &self.judged {
            Some((endpoint, sources)) => reach::client(endpoint, sources),
            None => crate::tls::http(),
        };
        let client = client
            .user_agent(concat!("Greenroom/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_MAX)
            .timeout(REQUEST_MAX)
            .http1_only()
            .build();
        let client = client.map_err(|error| object_store::Error::Generic { store: "wire", source: error.into() })?;
        Ok(HttpClient::new(Self { client: Some(client), ..self.clone() }))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let client = self.client.as_ref().expect("connect has made it");
        if !self.is_for_target(&request) {
            return client.call(request).await;
        }
        let (protocol, method) = (self.protocol(), request.method().clone());
        let asked = Asked::of(protocol, &method, request.uri());
        let (mut request, id) = self.prepare(request, asked).await?;
        spans::pass_on(request.headers_mut());
        let response = client.call(request).await?;
        let status = response.status();
        tracing::Span::current().record("status", status.as_u16());
        answer::judge(protocol, asked, id.as_deref(), status, response.headers()).map_err(failed)?;
        let is_missing = protocol == Protocol::S3 && status == StatusCode::NOT_FOUND && method != Method::HEAD;
        let is_read = is_missing || (status.is_success() && answer::is_document(protocol, asked));
        if !is_read {
            return Ok(response);
        }
        // A page of a list, or an error: whoever asked gathers it anyway.
        let (parts, body) = response.into_parts();
        let body = body.bytes().await?;
        match is_missing {
            true => answer::judge_missing(&body),
            false => answer::judge_document(protocol, asked, &body),
        }
        .map_err(failed)?;
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

impl Ids {
    pub fn new() -> Result<Self, String> {
        let process = getrandom::u64().map_err(|error| error.to_string())?;
        Ok(Self { process, next: AtomicU64::new(0) })
    }

    pub fn next(&self) -> String {
        format!("{:016x}-{}", self.process, self.next.fetch_add(1, Relaxed))
    }
}

/// The header that makes a target compare what arrives with what was sent.
async fn checksum(mut body: HttpRequestBody) -> Result<(HeaderName, String), HttpError> {
    let (mut md5, mut crc64) = (Md5::new(), Crc64::default());
    let is_small = body.content_length() <= MD5_BYTES_MAX;
    while let Some(frame) = body.frame().await {
        if let Ok(part) = frame?.into_data() {
            if is_small { md5.update(&part) } else { crc64.update(&part) }
        }
    }
    Ok(match is_small {
        true => (CONTENT_MD5, BASE64_STANDARD.encode(md5.finalize())),
        false => (CONTENT_CRC64, BASE64_STANDARD.encode(crc64.finalize().to_le_bytes())),
    })
}

fn header(text: String) -> Result<HeaderValue, HttpError> {
    HeaderValue::try_from(text).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error)
}
