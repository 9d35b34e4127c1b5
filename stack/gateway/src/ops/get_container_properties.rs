//! Get Container Properties, and Get Container Metadata, which answers a part of it.

use crate::acl;
use crate::call::Call;
use crate::error::Error;
use crate::reply::Reply;
use crate::{headers, properties, sealing};
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let props = call.store.container(&call.container()?).await?;
    headers::check_container_read(&call.head, &props, call.now)?;
    let reply = Reply::new(StatusCode::OK).version(&props.etag, props.modified);
    let reply = properties::metadata_headers(reply, &props.metadata);
    let (scope, deny) = sealing::default_scope_words(props.scope.as_ref());
    let reply = reply.header(sealing::DEFAULT_SCOPE, scope).header(sealing::DENY_OVERRIDE, deny);
    Ok(properties::lease_headers(reply, &props.lease, call.now)
        .header_if("x-ms-blob-public-access", acl::level_name(props.acl.public))
        .header("x-ms-has-immutability-policy", "false")
        .header("x-ms-has-legal-hold", "false"))
}
