//! Set Blob Tier.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers;
use crate::reply::Reply;
use greenroom_store::{BlobChange, Tier};
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let tier = headers::tier(&call.head)?.ok_or_else(|| Error::new(Code::MissingRequiredHeader, "x-ms-access-tier"))?;
    let precondition = headers::precondition(&call.head)?;
    if let Some(at) = call.snapshot()? {
        call.store.set_snapshot_tier(&call.blob()?, at, tier, &precondition).await?;
        return Ok(Reply::new(StatusCode::OK));
    }
    let path = call.blob()?;
    let was = call.store.blob(&path).await?.props.tier;
    call.store.update_blob(&path, BlobChange::Tier(tier), &precondition).await?;
    // What leaves the archive is on its way, Azure says; here it can be read at once.
    let rehydrated = was == Some(Tier::Archive) && tier != Tier::Archive;
    Ok(Reply::new(if rehydrated { StatusCode::ACCEPTED } else { StatusCode::OK }))
}
