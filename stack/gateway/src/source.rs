//! Copy sources: blobs that a request names by URL. A source authorises itself, by its own SAS or by `x-ms-copy-source-authorization`;
//! it is never read with the gateway's rights. One that is kept here is copied inside; any other is fetched, where the policy allows.

mod here;
pub mod policy;
mod there;

use crate::auth::{Authority, Identity};
use crate::checks::Checks;
use crate::error::{Code, Error};
use crate::head::Head;
use crate::headers;
use crate::intake::Taken;
use greenroom_model::{AccountName, BlobPath};
use greenroom_store::{
    BlobDraft, BlobProps, BlockId, CopyBlocks, CopyState, HttpHeaders, Kept, LeaseId, Metadata, PageSequence,
    Precondition, Store, Tags, Timestamp,
};
use here::Here;
use http::Uri;
use http::header::HOST;
use policy::Allowed;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use there::There;
use tokio_rustls::rustls::ClientConfig;

/// Azure's longest copy source.
const URL_BYTES_MAX: usize = 2 * 1024;

/// What an operator decides about copy sources, and where this gateway itself is reached.
#[derive(Debug)]
pub struct Sources {
    own: SocketAddr,
    allowed: Vec<Allowed>,
    trust: Arc<ClientConfig>,
}

impl Sources {
    /// `own` is the address that the Blob endpoint is bound to; `allowed` are sources that may be fetched although their address is
    /// loopback or private; `trust` says whose certificates an https source may have.
    pub fn new(own: SocketAddr, allowed: Vec<Allowed>, trust: Arc<ClientConfig>) -> Self {
        Self { own, allowed, trust }
    }
}

/// A request as its copy source sees it: what it says, whose it is, and what judges the source.
#[derive(Debug, Clone, Copy)]
pub struct Copying<'c> {
    pub head: &'c Head,
    pub identity: &'c Identity,
    pub authority: &'c Authority,
    pub sources: &'c Sources,
    pub now: Timestamp,
}

impl<'c> Copying<'c> {
    fn store(self) -> &'c Store {
        &self.authority.store
    }

    /// The blob that is written.
    fn blob(self) -> Result<BlobPath, Error> {
        Ok(self.head.target.blob().ok_or(Code::InvalidUri)?.clone())
    }
}

/// A source that was found, may be read, and meets the request's conditions on it.
#[derive(Debug)]
pub enum Source {
    Here(Box<Here>),
    There(Box<There>),
}

/// Whether content in the archive may be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archived {
    /// Into another blob, which is in an online tier.
    Copied,
    Refused,
}

/// Opens the source that `x-ms-copy-source` names, or a range of it.
pub async fn open(copying: Copying<'_>, range: Option<Range>) -> Result<Source, Error> {
    open_with(copying, range, Archived::Refused).await
}

/// As `open`, perhaps of what is in the archive.
pub async fn open_with(copying: Copying<'_>, range: Option<Range>, archived: Archived) -> Result<Source, Error> {
    let url = Url::of(copying.head)?;
    let precondition = headers::source_precondition(copying.head)?;
    if is_ours(copying, &url) {
        return Ok(Source::Here(Box::new(here::open(copying, &url, (precondition, archived), range).await?)));
    }
    Ok(Source::There(Box::new(there::open(copying, &url, range).await?)))
}

impl Source {
    pub fn content_headers(&self) -> HttpHeaders {
        match self {
            Source::Here(here) => here.blob.props.headers.clone(),
            Source::There(there) => there.headers.clone(),
        }
    }

    pub fn metadata(&self) -> Metadata {
        match self {
            Source::Here(here) => here.blob.props.metadata.clone(),
            Source::There(there) => there.metadata.clone(),
        }
    }

    pub fn length(&self) -> u64 {
        match self {
            Source::Here(here) => here.range.end - here.range.start,
            Source::There(there) => there.length,
        }
    }

    /// Makes a blob of it. What is here is not moved: the new blob refers to the same content.
    pub async fn into_blob(
        self,
        copying: Copying<'_>,
        draft: BlobDraft,
        blocks: CopyBlocks,
        precondition: &Precondition,
    ) -> Result<BlobProps, Error> {
        let checks = Checks::of_source(copying.head)?;
        match self {
            Source::There(there) if blocks == CopyBlocks::Keep && there.kind == there::Kind::Other => {
                Err(Error::new(Code::CopySourceRefused, "(between servers a page blob is copied by Put Page From URL)"))
            }
            Source::Here(here) => here.into_blob(copying, draft, blocks, checks, precondition).await,
            Source::There(there) => {
                let Taken { body, md5, .. } = there.take(copying, Kept::Blob, checks).await?;
                let mut draft = draft;
                draft.headers.content_md5 = draft.headers.content_md5.or(md5);
                Ok(copying.store().put_blob(&copying.blob()?, draft, body, precondition).await?)
            }
        }
    }

    /// Writes it as pages from `begin` on.
    pub async fn into_pages(
        self,
        copying: Copying<'_>,
        begin: u64,
        sequence: PageSequence,
        precondition: &Precondition,
    ) -> Result<BlobProps, Error> {
        let checks = Checks::of_source(copying.head)?;
        match self {
            Source::Here(here) => here.into_pages(copying, begin, checks, (sequence, precondition)).await,
            Source::There(there) => {
                let body = there.take(copying, Kept::Pages, checks).await?.body;
                Ok(copying.store().write_pages(&copying.blob()?, begin, body, sequence, precondition).await?)
            }
        }
    }

    /// Stages it as a block.
    pub async fn into_block(self, copying: Copying<'_>, id: BlockId, lease: Option<LeaseId>) -> Result<(), Error> {
        let checks = Checks::of_source(copying.head)?;
        match self {
            Source::Here(here) => here.into_block(copying, id, checks, lease).await,
            Source::There(there) => {
                let taken = there.take(copying, Kept::Block(&id), checks).await?;
                Ok(copying.store().stage_block(&copying.blob()?, id, taken.body, lease).await?)
            }
        }
    }
}

/// The source's tags, where `x-ms-copy-source-tag-option: COPY` gives them to the new blob; `None` where that has the request's own.
pub async fn tags(copying: Copying<'_>, source: &Source) -> Result<Option<Tags>, Error> {
    let name = "x-ms-copy-source-tag-option";
    match copying.head.filled(name).map(str::to_ascii_uppercase).as_deref() {
        None | Some("REPLACE") => Ok(None),
        Some("COPY") if copying.head.filled("x-ms-tags").is_some() => {
            Err(Error::new(Code::InvalidHeaderValue, format!("{name} is COPY and x-ms-tags is sent")))
        }
        Some("COPY") => match source {
            Source::Here(here) => here.tags().map(Some),
            Source::There(_) => there::tags(copying, &Url::of(copying.head)?).await.map(Some),
        },
        Some(_) => Err(Error::new(Code::InvalidHeaderValue, name)),
    }
}

/// What a blob that is copied says of it.
pub fn copy_state(copying: Copying<'_>) -> Result<Box<CopyState>, Error> {
    let source = Url::of(copying.head)?.shown();
    Ok(Box::new(CopyState { id: copying.head.request_id.clone(), source, completed: copying.now }))
}

/// `x-ms-source-range`.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub first: u64,
    /// Included; the end where absent.
    pub last: Option<u64>,
}

impl Range {
    pub fn of(head: &Head) -> Result<Option<Range>, Error> {
        let name = "x-ms-source-range";
        let Some(text) = head.filled(name) else { return Ok(None) };
        let (first, last) = headers::parse_range(text).ok_or_else(|| Error::new(Code::InvalidHeaderValue, name))?;
        Ok(Some(Range { first, last }))
    }
}

/// The URL of a blob, as a header names it.
#[derive(Debug)]
pub struct Url {
    uri: Uri,
    host: String,
}

impl Url {
    fn of(head: &Head) -> Result<Url, Error> {
        let url = head.filled("x-ms-copy-source").and_then(Url::parse);
        url.ok_or_else(|| Error::new(Code::InvalidHeaderValue, "x-ms-copy-source"))
    }

    /// `None` for what names nothing that could be asked for.
    pub fn parse(text: &str) -> Option<Url> {
        let uri: Uri = text.parse().ok()?;
        let web = matches!(uri.scheme_str(), Some("http" | "https"));
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        // A name and a password before the host would be a credential of a kind that no source takes.
        let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let good = web && !host.is_empty() && plain && text.len() <= URL_BYTES_MAX;
        good.then_some(Url { uri, host })
    }

    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    pub fn authority(&self) -> &str {
        self.uri.authority().map(|authority| authority.as_str()).unwrap_or_default()
    }

    fn port(&self) -> u16 {
        let default = if self.uri.scheme_str() == Some("https") { 443 } else { 80 };
        self.uri.port_u16().unwrap_or(default)
    }

    /// Without the query, which holds the credential; a snapshot is named again.
    fn shown(&self) -> String {
        let snapshot = self.uri.query().and_then(|query| query.split('&').find(|pair| pair.starts_with("snapshot=")));
        let authority = self.authority();
        let base = format!("{}://{authority}{}", self.uri.scheme_str().unwrap_or("http"), self.uri.path());
        snapshot.map_or(base.clone(), |snapshot| format!("{base}?{snapshot}"))
    }
}

/// Whether the URL leads back to this gateway.
fn is_ours(copying: Copying<'_>, url: &Url) -> bool {
    let own = copying.sources.own;
    let authority = url.uri.authority().map(|authority| authority.as_str());
    let host = copying.head.text(HOST.as_str());
    if authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host)) {
        // The very name by which this request came.
        return true;
    }
    let address = if url.host == "localhost" { Some(IpAddr::from([127, 0, 0, 1])) } else { url.host.parse().ok() };
    if let Some(address) = address {
        return url.port() == own.port() && (address == own.ip() || address.is_loopback());
    }
    let account = crate::target::account_of_host(&url.host).and_then(|account| AccountName::new(account).ok());
    let known = account.is_some_and(|account| copying.store().account(&account).is_some());
    known && url.uri.port_u16().is_none_or(|port| port == own.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<Url, Error> {
        let request = http::Request::builder().uri("http://127.0.0.1/acct/photos/a").header("x-ms-copy-source", text);
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let head = Head::parse(parts, IpAddr::from([127, 0, 0, 1]), crate::head::Transport::Plain, "id");
        Url::of(&head.expect("a good head"))
    }

    #[test]
    fn a_source_is_shown_without_its_credential() {
        let sas = "sv=2022-11-02&sp=r&sig=secret";
        for (text, shown) in [
            (format!("http://127.0.0.1:1/acct/c/b?{sas}"), "http://127.0.0.1:1/acct/c/b"),
            (format!("https://a.blob.x/c/b?snapshot=T&{sas}"), "https://a.blob.x/c/b?snapshot=T"),
        ] {
            assert_eq!(url(&text).expect("a good source").shown(), shown);
        }
    }

    #[test]
    fn what_is_no_url_of_a_blob_is_refused() {
        let long = format!("http://h/{}", "x".repeat(URL_BYTES_MAX));
        for bad in ["", "a/b", "/acct/c/b", "ftp://h/a", "http://user:word@h/a", "file:///etc/passwd", &long] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }
}
