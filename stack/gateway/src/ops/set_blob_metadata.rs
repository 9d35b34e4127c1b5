//! Set Blob Metadata: replaces all of it.

use crate::call::Call;
use crate::error::Error;
use crate::headers;
use crate::reply::Reply;
use crate::sealing;
use greenroom_store::{BlobChange, Precondition};
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = Precondition { encryption: call.shown(), ..headers::precondition(&call.head)? };
    let change = BlobChange::Metadata(headers::metadata(&call.head)?);
    let props = call.store.update_blob(&call.blob()?, change, &precondition).await?;
    let reply = Reply::new(StatusCode::OK).version(&props.etag, props.modified);
    Ok(sealing::written(reply, props.encryption.as_ref()))
}
