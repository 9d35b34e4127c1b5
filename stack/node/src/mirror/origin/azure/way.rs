//! The way to an account that speaks Azure's protocol: signs requests, asks again where that may help, and judges what comes back.

use crate::offload::answer::{self, Asked, Doubt, Protocol};
use crate::offload::wire::{CLIENT_REQUEST_ID, Ids};
use crate::place::{Account, Authority};
use crate::reach;
use bytes::{Bytes, BytesMut};
use greenroom_gateway::source::Sources;
use greenroom_mirror::OriginError;
use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use object_store::azure::{AzureAccessKey, AzureAuthorizer, AzureCredential};
use reqwest::{Client, Response};
use std::fmt;
use std::future::ready;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use url::Url;

/// A connection that nobody answers is one to an origin that is away.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// An origin that sends nothing for so long is gone.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// To the end of a document, or to the headers of content.
const ANSWER_MAX: Duration = Duration::from_secs(90);
/// Whoever asks has a patience of its own: this is for what is over in a moment.
const TRIES_MAX: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);
/// An origin may ask for more, and is then asked again by whoever asks us.
const PAUSE_MAX: Duration = Duration::from_secs(5);
const VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-ms-version"), HeaderValue::from_static("2023-11-03"));

/// An account, and what authorises there.
pub struct Way {
    client: Client,
    /// With the account, where it is in the path; without a slash at its end.
    base: String,
    signs: Signs,
    ids: Ids,
}

enum Signs {
    Key { account: String, key: AzureCredential },
    Sas(String),
    Nothing,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Way to {}", self.base)
    }
}

/// A request, as far as it differs from others. All of them may be sent twice.
#[derive(Debug)]
pub struct Question {
    pub method: Method,
    /// Percent-encoded, from the slash after the base on.
    pub path: String,
    /// Percent-encoded; without a question mark.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Question {
    pub fn get(path: String, query: String) -> Self {
        Self { method: Method::GET, path, query, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

/// Why there is nothing.
#[derive(Debug)]
pub enum Failure {
    /// The origin says so.
    Status { status: u16, code: String, is_anonymous: bool, after: Option<Duration> },
    /// Something else said it.
    Doubt(Doubt),
    /// Nobody did, or not to the end.
    Broke(String),
    /// It would be so at each try.
    Unfit(String),
}

impl Way {
    /// Err: what is wrong, as a sentence.
    pub fn new(account: Account, sources: &Sources) -> Result<Self, String> {
        let Account { name, endpoint, authority } = account;
        let base = endpoint.unwrap_or_else(|| format!("https://{name}.blob.core.windows.net"));
        let url = Url::parse(&base).map_err(|error| format!("{base} is no URL ({error})"))?;
        reach::check(&url, sources)?;
        let signs = match authority {
            Authority::Key(key) => {
                let key = AzureAccessKey::try_new(&key);
                let key = key.map_err(|_| "the secret is no account key, SAS or connection string".to_owned())?;
                Signs::Key { account: name, key: AzureCredential::AccessKey(key) }
            }
            Authority::Sas(sas) if sas.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') => Signs::Sas(sas),
            Authority::Sas(_) => return Err("the SAS holds what no URL can: give it percent-encoded".to_owned()),
            Authority::Nothing => Signs::Nothing,
        };
        let client = reach::client(&url, sources)
            .user_agent(concat!("Greenroom/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_MAX)
            .read_timeout(IDLE_MAX)
            .http1_only()
            .build()
            .map_err(|error| reach::root(&error))?;
        Ok(Self { client, base, signs, ids: Ids::new()? })
    }

    /// The answer's body, which has at most so many bytes.
    pub async fn document(&self, question: &Question, bytes_max: u64) -> Result<Bytes, Failure> {
        self.ask(question, |answer| gather(answer, bytes_max)).await
    }

    /// An answer whose body has not been read.
    pub async fn open(&self, question: &Question) -> Result<Response, Failure> {
        self.ask(question, |answer| ready(Ok(answer))).await
    }

    async fn ask<T, F>(&self, question: &Question, read: impl Fn(Response) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut tries = 1;
        loop {
            let once = async { read(self.once(question).await?).await };
            let said = timeout(ANSWER_MAX, once).await;
            let failure = match said.unwrap_or_else(|_| Err(Failure::Broke("it takes too long".to_owned()))) {
                Ok(read) => return Ok(read),
                Err(failure) => failure,
            };
            match failure.pause(tries) {
                Some(pause) if tries < TRIES_MAX => sleep(pause).await,
                Some(_) | None => return Err(failure),
            }
            tries += 1;
        }
    }

    async fn once(&self, question: &Question) -> Result<Response, Failure> {
        let (request, id) = self.signed(question)?;
        let asked = Asked::of(Protocol::Azure, request.method(), request.uri());
        let sent = self.client.request(request.method().clone(), request.uri().to_string());
        let sent = sent.headers(request.headers().clone()).body(question.body.clone());
        let answer = sent.send().await.map_err(|error| broke(&error))?;
        let (status, headers) = (answer.status(), answer.headers());
        answer::judge(Protocol::Azure, asked, Some(&id), status, headers).map_err(|doubt| match doubt {
            // In the origin's own words.
            Doubt::NoContainer(code) => self.status(status.as_u16(), code, headers),
            Doubt::Elsewhere { .. } | Doubt::NotTheTarget { .. } => Failure::Doubt(doubt),
        })?;
        if status.is_success() {
            return Ok(answer);
        }
        let code = headers.get("x-ms-error-code").and_then(|code| code.to_str().ok()).unwrap_or_default();
        Err(self.status(status.as_u16(), code.to_owned(), headers))
    }

    fn status(&self, status: u16, code: String, headers: &HeaderMap) -> Failure {
        let after = headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        let is_anonymous = matches!(self.signs, Signs::Nothing);
        Failure::Status { status, code, is_anonymous, after: after.map(Duration::from_secs) }
    }

    /// With its id and its signature; and the id.
    fn signed(&self, question: &Question) -> Result<(Request<object_store::client::HttpRequestBody>, String), Failure> {
        let sas = match &self.signs {
            Signs::Sas(sas) => sas.as_str(),
            Signs::Key { .. } | Signs::Nothing => "",
        };
        let joint = if question.query.is_empty() || sas.is_empty() { "" } else { "&" };
        let uri = format!("{}{}?{}{joint}{sas}", self.base, question.path, question.query);
        // The library's own words would hold the URL.
        let uri =
            uri.trim_end_matches('?').parse::<Uri>().map_err(|_| Failure::Unfit("no URL has its name".to_owned()))?;
        let id = self.ids.next();
        let mut request = Request::new(object_store::client::HttpRequestBody::from(question.body.clone()));
        (*request.method_mut(), *request.uri_mut()) = (question.method.clone(), uri);
        *request.headers_mut() = question.headers.clone();
        let headers = request.headers_mut();
        let (name, value) = VERSION;
        headers.insert(name, value);
        headers.insert(CLIENT_REQUEST_ID, HeaderValue::try_from(&id).map_err(|_| unsigned())?);
        if question.method == Method::PUT {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(question.body.len()));
        }
        if let Signs::Key { account, key } = &self.signs {
            AzureAuthorizer::new(key, account).try_authorize(&mut request).map_err(|_| unsigned())?;
        }
        Ok((request, id))
    }
}

impl Failure {
    /// How long to wait before it is tried again; `None` where that would not help.
    fn pause(&self, tries: u32) -> Option<Duration> {
        match self {
            // Of what stands before an origin: its own 5xx have its marks, and not always.
            Failure::Broke(_) | Failure::Doubt(Doubt::NotTheTarget { status: 500 | 502..=504, .. }) => {
                Some(PAUSE * tries)
            }
            Failure::Status { status: 408 | 429 | 500 | 502..=504, after, .. } => {
                Some(after.unwrap_or(PAUSE * tries)).filter(|pause| *pause <= PAUSE_MAX)
            }
            Failure::Status { .. } | Failure::Doubt(_) | Failure::Unfit(_) => None,
        }
    }
}

impl From<Failure> for OriginError {
    fn from(failure: Failure) -> Self {
        let (status, code, is_anonymous) = match failure {
            Failure::Status { status, code, is_anonymous, .. } => (status, code, is_anonymous),
            Failure::Doubt(doubt) => return OriginError::Away(doubt.to_string()),
            Failure::Broke(why) | Failure::Unfit(why) => return OriginError::Away(why),
        };
        match (status, code.as_str()) {
            (404, "BlobNotFound" | "ContainerNotFound") => OriginError::Missing,
            (412, _) => OriginError::Changed,
            // Azure hides what is not public behind either.
            (401 | 403, _) | (404, "ResourceNotFound") | (409, "PublicAccessNotPermitted") if is_anonymous => {
                OriginError::Refused(format!(
                    "it is not open to everyone ({status} {code}): give an account key or a SAS of it as the secret"
                ))
            }
            (401 | 403, "AuthenticationFailed" | "InvalidAuthenticationInfo") => OriginError::Refused(format!(
                "it does not know the secret ({status} {code}): that may be another account's, or a SAS that has expired"
            )),
            (401 | 403, _) => OriginError::Refused(format!(
                "it does not allow that ({status} {code}): a mirror needs a secret that may read and list, such as a SAS with sp=rl (with sp=rlt for \
                 tags), and a way through the account's firewall"
            )),
            _ => OriginError::Away(format!("it answers {status} {code}")),
        }
    }
}

async fn gather(mut answer: Response, bytes_max: u64) -> Result<Bytes, Failure> {
    let too_long = || Failure::Unfit(format!("its answer has more than {bytes_max} bytes"));
    let length = answer.content_length();
    if length.is_some_and(|length| length > bytes_max) {
        return Err(too_long());
    }
    let mut gathered = BytesMut::new();
    while let Some(part) = answer.chunk().await.map_err(|error| broke(&error))? {
        if (gathered.len() + part.len()) as u64 > bytes_max {
            return Err(too_long());
        }
        gathered.extend_from_slice(&part);
    }
    Ok(gathered.freeze())
}

pub fn broke(error: &reqwest::Error) -> Failure {
    Failure::Broke(match (error.is_timeout(), error.is_connect()) {
        (true, _) => "it gives no answer in time".to_owned(),
        (false, true) => format!("it cannot be reached: {}", reach::root(error)),
        (false, false) => format!("the connection broke: {}", reach::root(error)),
    })
}

fn unsigned() -> Failure {
    Failure::Unfit("a request to it cannot be signed".to_owned())
}
