//! Create Container.

use crate::acl;
use crate::call::Call;
use crate::error::Error;
use crate::headers;
use crate::reply::Reply;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let public = acl::public_access(call)?;
    let metadata = headers::metadata(&call.head)?;
    let props = call.store.create_clients_container(&call.container()?, metadata, public).await?;
    Ok(Reply::new(StatusCode::CREATED).version(&props.etag, props.modified))
}
