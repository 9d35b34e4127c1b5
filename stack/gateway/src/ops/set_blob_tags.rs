//! Set Blob Tags: replaces all of them.

use crate::call::Call;
use crate::error::Error;
use crate::reply::Reply;
use crate::{headers, tags};
use greenroom_store::BlobChange;
use http::StatusCode;

/// Ten tags with the longest names and values, escaped, and some air.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = headers::tag_precondition(&call.head)?;
    call.body.length()?;
    let document = call.body.document(DOCUMENT_BYTES_MAX).await?;
    let change = BlobChange::Tags(tags::parse(&document)?);
    call.store.update_blob(&call.blob()?, change, &precondition).await?;
    Ok(Reply::new(StatusCode::NO_CONTENT))
}
