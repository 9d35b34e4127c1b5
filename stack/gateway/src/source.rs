//! Copy sources: blobs that a request names by URL. A source authorises itself, by its own SAS or by `x-ms-copy-source-authorization`;
//! it is never read with the gateway's rights. One that is kept here is copied inside; any other is fetched, where the policy allows.

mod copying;
mod here;
pub mod policy;
mod there;
mod url;

pub use copying::{Archived, Copying, Range, Sources};
pub use url::Url;

use crate::checks::Checks;
use crate::error::{Code, Error};
use crate::headers;
use crate::intake::Taken;
use greenroom_model::AccountName;
use greenroom_store::{
    BlobDraft, BlobProps, BlockId, CopyBlocks, CopyState, HttpHeaders, Kept, LeaseId, Metadata, PageSequence,
    Precondition, Seal, Tags,
};
use here::Here;
use http::header::HOST;
use std::net::IpAddr;
use there::There;

/// A source that was found, may be read, and meets the request's conditions on it.
#[derive(Debug)]
pub enum Source {
    Here(Box<Here>),
    There(Box<There>),
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
                let mut draft = draft;
                let Taken { body, md5, .. } = there.take(copying, (Kept::Blob, &draft.seal), checks).await?;
                draft.headers.content_md5 = draft.headers.content_md5.or(md5);
                Ok(copying.store().put_blob(&copying.blob()?, draft, body, precondition).await?)
            }
        }
    }

    /// Writes it as pages from `begin` on, of a blob that is sealed so.
    pub async fn into_pages(
        self,
        copying: Copying<'_>,
        (begin, seal): (u64, &Seal),
        sequence: PageSequence,
        precondition: &Precondition,
    ) -> Result<BlobProps, Error> {
        let checks = Checks::of_source(copying.head)?;
        match self {
            Source::Here(here) => here.into_pages(copying, (begin, seal), checks, (sequence, precondition)).await,
            Source::There(there) => {
                let body = there.take(copying, (Kept::Pages, seal), checks).await?.body;
                Ok(copying.store().write_pages(&copying.blob()?, begin, body, sequence, precondition).await?)
            }
        }
    }

    /// Stages it as a block.
    pub async fn into_block(
        self,
        copying: Copying<'_>,
        (id, seal): (BlockId, &Seal),
        lease: Option<LeaseId>,
    ) -> Result<(), Error> {
        let checks = Checks::of_source(copying.head)?;
        match self {
            Source::Here(here) => here.into_block(copying, (id, seal), checks, lease).await,
            Source::There(there) => {
                let taken = there.take(copying, (Kept::Block(&id), seal), checks).await?;
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
