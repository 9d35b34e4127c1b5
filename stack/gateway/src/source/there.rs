//! Sources that another server keeps: fetched over HTTP or HTTPS without following redirects, from addresses that the policy permits, within
//! bounds of time and length.

use super::copying::{Copying, Range};
use super::url::Url;
use crate::checks::Checks;
use crate::error::{Code, Error};
use crate::headers::{self, VERSION};
use crate::intake::{Intake, Md5Wanted, Taken, Wanted};
use crate::sealing::{OWN, SOURCE};
use crate::{spelling, tags, time};
use bytes::{Bytes, BytesMut};
use greenroom_store::{HttpHeaders, Kept, Metadata, Seal, Tags};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::task::AbortOnDropHandle;

/// A source that takes longer is not there.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const HEADERS_MAX: Duration = Duration::from_secs(30);
/// A source that sends nothing for so long is gone.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Azure's limit on what one request copies from a URL.
const BYTES_MAX: u64 = 5000 * 1024 * 1024;
const TAGS_DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// The request's condition on the source, as the source knows it.
const CONDITIONS: [(&str, &str); 6] = [
    ("x-ms-source-if-match", "if-match"),
    ("x-ms-source-if-none-match", "if-none-match"),
    ("x-ms-source-if-modified-since", "if-modified-since"),
    ("x-ms-source-if-unmodified-since", "if-unmodified-since"),
    ("x-ms-source-if-tags", "x-ms-if-tags"),
    ("x-ms-source-lease-id", "x-ms-lease-id"),
];

/// A source whose headers have come.
#[derive(Debug)]
pub struct There {
    pub kind: Kind,
    pub headers: HttpHeaders,
    pub metadata: Metadata,
    pub length: u64,
    answer: Answer,
}

/// What a source says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A block blob, or nothing that says.
    Bytes,
    /// A page blob or an append blob.
    Other,
}

impl Kind {
    fn of(answer: &HeaderMap) -> Kind {
        match answer.get("x-ms-blob-type").map(|kind| kind.as_bytes()) {
            None | Some(b"BlockBlob") => Kind::Bytes,
            Some(_) => Kind::Other,
        }
    }
}

#[derive(Debug)]
struct Answer {
    head: http::response::Parts,
    body: Incoming,
    /// Drives the connection, and ends it when the answer goes.
    _connection: AbortOnDropHandle<()>,
}

pub async fn open(copying: Copying<'_>, url: &Url, range: Option<Range>) -> Result<There, Error> {
    let answer = get(copying, url, "", range).await?;
    let length = headers::content_length(&answer.head.headers);
    let length = length.ok_or_else(|| refused("it does not say how long it is"))?;
    if range.is_some() && answer.head.status != StatusCode::PARTIAL_CONTENT {
        return Err(refused("it does not serve ranges"));
    }
    if length > BYTES_MAX {
        return Err(Error::new(Code::CopySourceRefused, format!("It is longer than {BYTES_MAX} bytes.")));
    }
    let spelt = spelling::names(&answer.head.headers, &answer.head.extensions).await;
    let metadata = headers::metadata_of(&answer.head.headers, &spelt)?;
    let kind = Kind::of(&answer.head.headers);
    Ok(There { kind, headers: content_headers(&answer.head.headers), metadata, length, answer })
}

/// The source's tags, which the credential must allow to read.
pub async fn tags(copying: Copying<'_>, url: &Url) -> Result<Tags, Error> {
    let mut answer = get(copying, url, "comp=tags", None).await?;
    let mut document = BytesMut::new();
    while let Some(bytes) = answer.next().await? {
        if document.len() + bytes.len() > TAGS_DOCUMENT_BYTES_MAX {
            return Err(refused("its tags are longer than tags can be"));
        }
        document.extend_from_slice(&bytes);
    }
    tags::parse(&document)
}

impl There {
    pub async fn take(
        mut self,
        copying: Copying<'_>,
        (kept, seal): (Kept<'_>, &Seal),
        checks: Checks,
    ) -> Result<Taken, Error> {
        let wanted = Wanted { target: &copying.blob()?, kept, seal };
        let mut intake = Intake::begin(copying.store(), wanted, self.length, checks, Md5Wanted::Always).await?;
        while let Some(bytes) = self.answer.next().await? {
            intake.push(bytes).await?;
        }
        let taken = intake.finish().await;
        // A body that is too short is the source's fault here.
        taken.map_err(|error| if error.code == Code::IncompleteBody { refused("it broke off") } else { error })
    }
}

impl Answer {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match timeout(IDLE_MAX, self.body.frame()).await.map_err(|_| refused("it stopped sending"))? {
                None => return Ok(None),
                Some(Err(_)) => return Err(refused("it broke off")),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

async fn get(copying: Copying<'_>, url: &Url, more_query: &str, range: Option<Range>) -> Result<Answer, Error> {
    let address = resolve(copying, url).await?;
    let connecting = timeout(CONNECT_MAX, TcpStream::connect(address)).await;
    let stream = connecting.map_err(|_| refused("it does not answer"))?.map_err(|_| refused("it does not answer"))?;
    let request = request(copying, url, more_query, range)?;
    if url.uri.scheme_str() != Some("https") {
        return ask(stream, request).await;
    }
    let name = ServerName::try_from(url.host.clone()).map_err(|_| refused("no certificate could be for its host"))?;
    let securing = timeout(CONNECT_MAX, TlsConnector::from(copying.sources.trust.clone()).connect(name, stream)).await;
    let secured = securing.map_err(|_| refused("it does not answer"))?.map_err(|error| {
        tracing::info!(host = url.host, port = url.port(), %error, "a copy source was refused: no TLS with it");
        refused("it does not speak TLS, or its certificate is not trusted here")
    });
    ask(secured?, request).await
}

async fn ask<S>(stream: S, request: Request<Empty<Bytes>>) -> Result<Answer, Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = http1::Builder::new();
    let handshake = builder.preserve_header_case(true).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| refused("it does not speak HTTP"))?;
    let connection = AbortOnDropHandle::new(tokio::spawn(async move {
        // What ends it is told to whoever reads the answer.
        let _ = connection.await;
    }));
    let answer = timeout(HEADERS_MAX, sender.send_request(request)).await.map_err(|_| refused("it does not answer"))?;
    let (head, body) = check(answer.map_err(|_| refused("it does not answer"))?)?.into_parts();
    Ok(Answer { head, body, _connection: connection })
}

/// The address to connect to: the very one that was judged, so that a name cannot lead elsewhere a moment later.
async fn resolve(copying: Copying<'_>, url: &Url) -> Result<SocketAddr, Error> {
    let looking = timeout(CONNECT_MAX, tokio::net::lookup_host((url.host.as_str(), url.port()))).await;
    let unknown = || refused("its host is unknown");
    let addresses = looking.map_err(|_| unknown())?.map_err(|_| unknown())?;
    let permitted = |address: &SocketAddr| copying.sources.permits(&url.host, url.port(), address.ip());
    let refusal = "Its address is not public, and this endpoint was not told to allow it (--copy-source-allow).";
    addresses.into_iter().find(permitted).ok_or_else(|| {
        tracing::info!(host = url.host, port = url.port(), "a copy source was refused for its address");
        Error::new(Code::CopySourceForbidden, refusal)
    })
}

fn request(
    copying: Copying<'_>,
    url: &Url,
    more_query: &str,
    range: Option<Range>,
) -> Result<Request<Empty<Bytes>>, Error> {
    let (path, query) = (url.uri.path(), url.uri.query().unwrap_or_default());
    let joint = if query.is_empty() || more_query.is_empty() { "" } else { "&" };
    let authority = url.uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let mut request = Request::get(format!("{path}?{query}{joint}{more_query}"))
        .header(header::HOST, authority)
        .header("x-ms-version", VERSION)
        .header("x-ms-date", time::http(copying.now));
    if let Some(Range { first, last }) = range {
        let last = last.map(|last| last.to_string()).unwrap_or_default();
        request = request.header("x-ms-range", format!("bytes={first}-{last}"));
    }
    if let Some(authorization) = copying.head.filled("x-ms-copy-source-authorization") {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    // They are on the content; its tags have no ETag and no date.
    for (theirs, plain) in CONDITIONS.into_iter().filter(|_| more_query.is_empty()) {
        if let Some(value) = copying.head.filled(theirs) {
            request = request.header(plain, value);
        }
    }
    if copying.source_key.is_some() && more_query.is_empty() {
        if url.uri.scheme_str() != Some("https") {
            return Err(Error::new(
                Code::InvalidHeaderValue,
                format!("{}: the source is not asked over https.", SOURCE.key),
            ));
        }
        let names = [(SOURCE.key, OWN.key), (SOURCE.sha256, OWN.sha256), (SOURCE.algorithm, OWN.algorithm)];
        for (theirs, plain) in names {
            if let Some(value) = copying.head.headers.get(theirs) {
                // It stays one that is not printed.
                request = request.header(plain, value.clone());
            }
        }
    }
    request.body(Empty::new()).map_err(|_| refused("its URL cannot be asked for"))
}

/// What the source says, in the words for copies. Everything is a 4xx: a client cannot mend a source by asking again at once.
fn check(answer: Response<Incoming>) -> Result<Response<Incoming>, Error> {
    match answer.status().as_u16() {
        200 | 206 => Ok(answer),
        304 | 412 => Err(Code::SourceConditionNotMet.into()),
        401 | 403 => Err(Code::CopySourceForbidden.into()),
        404 => Err(Code::CopySourceNotFound.into()),
        409 if says_encrypted(&answer) => Err(Code::CopySourceEncrypted.into()),
        416 => Err(Code::InvalidRange.into()),
        status => Err(refused(&format!("it answers {status}"))),
    }
}

fn says_encrypted(answer: &Response<Incoming>) -> bool {
    let code = answer.headers().get("x-ms-error-code").and_then(|code| code.to_str().ok());
    code.is_some_and(|code| code.contains("CustomerSpecifiedEncryption"))
}

fn content_headers(answer: &HeaderMap) -> HttpHeaders {
    let text = |name: &str| answer.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let md5 = text("x-ms-blob-content-md5").or_else(|| text("content-md5"));
    HttpHeaders {
        content_type: text("content-type"),
        content_encoding: text("content-encoding"),
        content_language: text("content-language"),
        content_disposition: text("content-disposition"),
        cache_control: text("cache-control"),
        content_md5: md5.and_then(|text| headers::md5_of(&text)),
    }
}

fn refused(why: &str) -> Error {
    Error::new(Code::CopySourceRefused, format!("({why})"))
}
