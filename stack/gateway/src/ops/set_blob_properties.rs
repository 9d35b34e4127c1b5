//! Set Blob Properties: replaces the content headers; one that is not sent is cleared.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers::{self, Plain};
use crate::reply::Reply;
use greenroom_store::BlobChange;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    for page_only in ["x-ms-blob-content-length", "x-ms-sequence-number-action"] {
        if call.head.filled(page_only).is_some() {
            return Err(Error::new(Code::BlobTypeNotSupported, page_only));
        }
    }
    let precondition = headers::precondition(&call.head)?;
    let change = BlobChange::Headers(headers::content_headers(&call.head, Plain::Ignored)?);
    let props = call.store.update_blob(&call.blob()?, change, &precondition).await?;
    Ok(Reply::new(StatusCode::OK).version(&props.etag, props.modified))
}
