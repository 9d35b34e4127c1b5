//! Delete Blob.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers;
use crate::reply::Reply;
use greenroom_store::Snapshots;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    // There are no snapshots: `include` is the same as nothing, `only` would delete what it must keep.
    if call.head.filled("x-ms-delete-snapshots").is_some_and(|what| !what.eq_ignore_ascii_case("include")) {
        return Err(Code::SnapshotsNotSupported.into());
    }
    let precondition = headers::precondition(&call.head)?;
    call.store.delete_blob(&call.blob()?, Snapshots::Keep, &precondition).await?;
    Ok(Reply::new(StatusCode::ACCEPTED).header("x-ms-delete-type-permanent", "true"))
}
