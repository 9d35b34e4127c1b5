//! Delete Container. Its blobs go with it.

use crate::call::Call;
use crate::error::Error;
use crate::headers;
use crate::reply::Reply;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = headers::precondition(&call.head)?;
    call.store.delete_container(&call.container()?, &precondition).await?;
    Ok(Reply::new(StatusCode::ACCEPTED))
}
