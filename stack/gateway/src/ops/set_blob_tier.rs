//! Set Blob Tier.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers;
use crate::reply::Reply;
use greenroom_store::BlobChange;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let tier = headers::tier(&call.head)?.ok_or_else(|| Error::new(Code::MissingRequiredHeader, "x-ms-access-tier"))?;
    let precondition = headers::precondition(&call.head)?;
    if let Some(at) = call.snapshot()? {
        call.store.set_snapshot_tier(&call.blob()?, at, tier).await?;
        return Ok(Reply::new(StatusCode::OK));
    }
    call.store.update_blob(&call.blob()?, BlobChange::Tier(tier), &precondition).await?;
    Ok(Reply::new(StatusCode::OK))
}
