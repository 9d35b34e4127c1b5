//! Get Container ACL.

use crate::acl;
use crate::call::Call;
use crate::error::Error;
use crate::headers;
use crate::reply::Reply;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let props = call.store.container(&call.container()?).await?;
    headers::check_container_read(&call.head, &props, call.now)?;
    let reply = Reply::xml(acl::document(&props.acl.policies)).version(&props.etag, props.modified);
    Ok(reply.header_if("x-ms-blob-public-access", acl::level_name(props.acl.public)))
}
