//! Set Container Metadata: replaces all of it.

use crate::call::Call;
use crate::error::Error;
use crate::headers;
use crate::reply::Reply;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = headers::precondition(&call.head)?;
    let metadata = headers::metadata(&call.head)?;
    let props = call.store.set_container_metadata(&call.container()?, metadata, &precondition).await?;
    Ok(Reply::new(StatusCode::OK).version(&props.etag, props.modified))
}
