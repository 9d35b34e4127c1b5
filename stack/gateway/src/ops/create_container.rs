//! Create Container.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers;
use crate::reply::Reply;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    if call.head.filled("x-ms-blob-public-access").is_some() {
        return Err(Error::new(Code::OperationNotSupported, "(public access)"));
    }
    let metadata = headers::metadata(&call.head)?;
    let props = call.store.create_container(&call.container()?, metadata).await?;
    Ok(Reply::new(StatusCode::CREATED).version(&props.etag, props.modified))
}
