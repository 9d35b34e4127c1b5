//! Put Blob: a block blob in one request, or an empty page blob.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers::{self, Plain};
use crate::intake::Md5Wanted;
use crate::ops::put_page_blob;
use crate::reply::Reply;
use crate::{sealing, structured};
use greenroom_store::{BlobDraft, Kept};
use http::StatusCode;

/// Azure's limit since 2019-12-12.
const BYTES_MAX: u64 = 5000 * 1024 * 1024;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    match call.head.filled("x-ms-blob-type") {
        Some("BlockBlob") => {}
        Some("PageBlob") => return put_page_blob::run(call).await,
        Some("AppendBlob") => return Err(Code::BlobTypeNotSupported.into()),
        Some(_) => return Err(Error::new(Code::InvalidHeaderValue, "x-ms-blob-type")),
        None => return Err(Error::new(Code::MissingRequiredHeader, "x-ms-blob-type")),
    }
    sizes_fit(call)?;
    let (precondition, may_replace) = call.creation()?;
    let mut content_headers = headers::content_headers(&call.head, Plain::Counts)?;
    let (metadata, tags, tier) = (headers::metadata(&call.head)?, call.tags()?, headers::tier(&call.head)?);
    call.foresee(&precondition).await.map_err(|error| may_replace.explain(error))?;
    let seal = call.seal_of_new().await?;
    let taken = call.take(BYTES_MAX, (Kept::Blob, &seal), Md5Wanted::Always).await?;
    content_headers.content_md5 = content_headers.content_md5.or(taken.md5);
    let draft = BlobDraft { headers: content_headers, metadata, tags, tier, copy: None, seal };
    let put = call.store.put_blob(&call.blob()?, draft, taken.body, &precondition).await;
    let props = put.map_err(|error| may_replace.explain(error.into()))?;
    let reply = Reply::new(StatusCode::CREATED)
        .version(&props.etag, props.modified)
        .header_if("content-md5", taken.md5.map(|md5| headers::base64(&md5)).as_deref())
        .header("x-ms-content-crc64", &headers::base64_crc64(taken.crc64))
        .header_if(structured::HEADER, taken.framing);
    Ok(sealing::written(reply, props.encryption.as_ref()))
}

/// A length and a sequence number are given to page blobs; of a block blob a length can only be true or false.
fn sizes_fit(call: &Call) -> Result<(), Error> {
    let name = "x-ms-blob-content-length";
    let content_bytes = call.content_length()?;
    if call.head.filled(name).is_some_and(|text| text.parse() != Ok(content_bytes)) {
        return Err(Error::new(Code::InvalidHeaderValue, format!("{name} is not the length of the content.")));
    }
    match call.head.filled("x-ms-blob-sequence-number") {
        Some(_) => Err(Error::new(Code::UnsupportedHeader, "x-ms-blob-sequence-number of a block blob")),
        None => Ok(()),
    }
}
