//! Create Container.

use crate::acl;
use crate::call::Call;
use crate::error::Error;
use crate::reply::Reply;
use crate::{headers, sealing};
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let public = acl::public_access(call)?;
    let metadata = headers::metadata(&call.head)?;
    let scope = sealing::default_scope(&call.head)?;
    if let Some(scope) = &scope {
        // What nothing could be written in is no scope of a container.
        call.store.scope_key(call.account(), &scope.name).await?;
    }
    let props = call.store.create_clients_container(&call.container()?, metadata, public, scope).await?;
    Ok(Reply::new(StatusCode::CREATED).version(&props.etag, props.modified))
}
