//! Snapshot Blob: keeps the blob as it is, under the moment at which it was taken.

use crate::call::Call;
use crate::error::Error;
use crate::headers;
use crate::reply::Reply;
use crate::{sealing, time};
use greenroom_store::{Precondition, Store};
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = Precondition { encryption: call.shown(), ..headers::precondition(&call.head)? };
    let metadata = Some(headers::metadata(&call.head)?).filter(|metadata| !metadata.is_empty());
    let path = call.blob()?;
    let take = |store: Store| {
        let (path, metadata, precondition) = (path.clone(), metadata.clone(), precondition.clone());
        async move { store.snapshot_blob(&path, metadata, &precondition).await }
    };
    let (at, props) = call.with_content_here(&path, take).await?;
    let reply = Reply::new(StatusCode::CREATED).version(&props.etag, props.modified);
    Ok(sealing::written(reply.header("x-ms-snapshot", &time::iso(at)), props.encryption.as_ref()))
}
