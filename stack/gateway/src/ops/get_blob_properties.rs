//! Get Blob Properties, and Get Blob Metadata, which answers a part of it.

use crate::call::Call;
use crate::error::Error;
use crate::headers;
use crate::properties::{self, Extent};
use crate::reply::Reply;
use http::{Method, StatusCode};

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = headers::precondition(&call.head)?;
    let blob = call.find_blob().await?;
    headers::check_read(&precondition, &blob.props, call.now)?;
    let blob = call.opened(blob)?;
    let overrides = call.identity().overrides();
    if call.head.query.get("comp").is_some() {
        let reply = Reply::new(StatusCode::OK).version(&blob.props.etag, blob.props.modified);
        return Ok(properties::metadata_headers(reply, &blob.props.metadata));
    }
    debug_assert_eq!(call.head.method, Method::HEAD, "a GET without comp is Get Blob");
    let reply = properties::blob_headers(Reply::new(StatusCode::OK), &blob.props, call.now, Extent::Whole, overrides);
    let reply = properties::tier_headers(reply, &blob.props);
    Ok(reply.header("content-length", &blob.props.length.to_string()))
}
