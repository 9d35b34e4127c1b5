//! Put Blob of a page blob: it has a length and no content yet.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers::{self, Plain};
use crate::page;
use crate::reply::Reply;
use crate::sealing;
use greenroom_store::BlobDraft;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let length = page::length(&call.head)?;
    let length = length.ok_or_else(|| Error::new(Code::MissingRequiredHeader, "x-ms-blob-content-length"))?;
    if call.body.length()? != 0 {
        return Err(Error::new(Code::InvalidHeaderValue, "Content-Length: pages are written by Put Page."));
    }
    let sequence = page::number(&call.head, "x-ms-blob-sequence-number")?.unwrap_or(0);
    let (precondition, may_replace) = call.creation()?;
    let headers = headers::content_headers(&call.head, Plain::Counts)?;
    // A tier of page blobs is a disk's speed, which is here what the flash gives: it is not kept.
    let (metadata, tags) = (headers::metadata(&call.head)?, call.tags()?);
    let draft = BlobDraft { headers, metadata, tags, tier: None, copy: None, seal: call.seal_of_new().await? };
    let made = call.store.create_page_blob(&call.blob()?, draft, (length, sequence), &precondition).await;
    let props = made.map_err(|error| may_replace.explain(error.into()))?;
    Ok(sealing::written(page::written(StatusCode::CREATED, &props), props.encryption.as_ref()))
}
