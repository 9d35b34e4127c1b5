//! Get Container Properties, and Get Container Metadata, which answers a part of it.

use crate::call::Call;
use crate::error::Error;
use crate::properties;
use crate::reply::Reply;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let props = call.store.container(&call.container()?).await?;
    let reply = Reply::new(StatusCode::OK).version(&props.etag, props.modified);
    let reply = properties::metadata_headers(reply, &props.metadata);
    Ok(reply
        .header("x-ms-lease-status", "unlocked")
        .header("x-ms-lease-state", "available")
        .header("x-ms-has-immutability-policy", "false")
        .header("x-ms-has-legal-hold", "false"))
}
