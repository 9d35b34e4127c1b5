//! Put Block: stages a block that a Put Block List may commit.

use crate::block;
use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers;
use crate::intake::Md5Wanted;
use crate::reply::Reply;
use crate::{sealing, structured};
use greenroom_store::Kept;
use http::StatusCode;

/// Azure's limit since 2019-12-12.
pub const BYTES_MAX: u64 = 4000 * 1024 * 1024;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let id = call.head.query.filled("blockid");
    let id = block::id(id.ok_or_else(|| Error::new(Code::MissingRequiredQueryParameter, "blockid"))?)?;
    // Azure takes no condition here but a lease.
    let lease = headers::precondition(&call.head)?.lease;
    if call.content_length()? == 0 {
        return Err(Error::new(Code::InvalidHeaderValue, "Content-Length: a block is not empty."));
    }
    // Before the content comes: without a container it would be for nothing.
    let seal = call.seal_of_new().await?;
    let taken = call.take(BYTES_MAX, (Kept::Block(&id), &seal), Md5Wanted::ToCompare).await?;
    call.store.stage_block(&call.blob()?, id, taken.body, lease).await?;
    let reply = sealing::written(Reply::new(StatusCode::CREATED), seal.encryption().as_ref());
    let reply = reply.header_if(structured::HEADER, taken.framing);
    // As Azure does: the checksum that the client chose, and CRC-64 where it chose none.
    Ok(match taken.md5 {
        Some(md5) => reply.header("content-md5", &headers::base64(&md5)),
        None => reply.header("x-ms-content-crc64", &headers::base64_crc64(taken.crc64)),
    })
}
