//! Snapshot Blob: keeps the blob as it is, under the moment at which it was taken.

use crate::call::Call;
use crate::error::Error;
use crate::headers;
use crate::reply::Reply;
use crate::time;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = headers::precondition(&call.head)?;
    let metadata = Some(headers::metadata(&call.head)?).filter(|metadata| !metadata.is_empty());
    let (at, props) = call.store.snapshot_blob(&call.blob()?, metadata, &precondition).await?;
    Ok(Reply::new(StatusCode::CREATED)
        .version(&props.etag, props.modified)
        .header("x-ms-snapshot", &time::iso(at))
        .header("x-ms-request-server-encrypted", "false"))
}
