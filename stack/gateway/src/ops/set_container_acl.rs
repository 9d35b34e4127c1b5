//! Set Container ACL: replaces the public level and all stored access policies. A policy taken away voids its SAS at once.

use crate::acl;
use crate::call::Call;
use crate::error::Error;
use crate::headers;
use crate::reply::Reply;
use greenroom_store::ContainerAcl;
use http::StatusCode;

/// Five policies with the longest ids, escaped, and some air.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = headers::precondition(&call.head)?;
    let public = acl::public_access(call)?;
    call.body.length()?;
    let document = call.body.document(DOCUMENT_BYTES_MAX).await?;
    let acl = ContainerAcl { public, policies: acl::parse(&document)? };
    let props = call.store.set_container_acl(&call.container()?, acl, &precondition).await?;
    Ok(Reply::new(StatusCode::OK).version(&props.etag, props.modified))
}
