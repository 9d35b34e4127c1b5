//! Set Blob Metadata: replaces all of it.

use crate::call::Call;
use crate::error::Error;
use crate::headers;
use crate::reply::Reply;
use greenroom_store::BlobChange;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = headers::precondition(&call.head)?;
    let change = BlobChange::Metadata(headers::metadata(&call.head)?);
    let props = call.store.update_blob(&call.blob()?, change, &precondition).await?;
    Ok(Reply::new(StatusCode::OK).version(&props.etag, props.modified).header("x-ms-request-server-encrypted", "false"))
}
