//! Delete Blob: the blob, a snapshot of it, or its snapshots.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers;
use crate::reply::Reply;
use greenroom_store::Snapshots;
use http::StatusCode;

/// What goes with the snapshots.
enum Too {
    Blob,
    Nothing,
}

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let name = "x-ms-delete-snapshots";
    let with = match call.head.filled(name).map(str::to_ascii_lowercase).as_deref() {
        None => None,
        Some("include") => Some(Too::Blob),
        Some("only") => Some(Too::Nothing),
        Some(_) => return Err(Error::new(Code::InvalidHeaderValue, name)),
    };
    let (precondition, blob) = (headers::deletion_precondition(&call.head)?, call.blob()?);
    match (call.snapshot()?, with) {
        (Some(_), Some(_)) => return Err(Error::new(Code::InvalidHeaderValue, format!("{name} of a snapshot"))),
        (Some(at), None) => call.store.delete_snapshot(&blob, at, &precondition).await?,
        (None, Some(Too::Nothing)) => call.store.delete_snapshots(&blob, &precondition).await?,
        (None, Some(Too::Blob)) => call.store.delete_blob(&blob, Snapshots::Delete, &precondition).await?,
        (None, None) => call.store.delete_blob(&blob, Snapshots::Keep, &precondition).await?,
    }
    Ok(Reply::new(StatusCode::ACCEPTED).header("x-ms-delete-type-permanent", "true"))
}
