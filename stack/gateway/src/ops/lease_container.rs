//! Lease Container: acquire, renew, change, release, break.

use crate::call::Call;
use crate::error::Error;
use crate::lease;
use crate::reply::Reply;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let (action, precondition) = (lease::action(call)?, lease::precondition(&call.head)?);
    let props = call.store.lease_container(&call.container()?, action, &precondition).await?;
    Ok(lease::reply(action, &props.lease, &props.etag, props.modified, call.now))
}
