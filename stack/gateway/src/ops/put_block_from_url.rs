//! Put Block From URL: stages a block whose content another blob has, or a range of it.

use crate::block;
use crate::call::Call;
use crate::error::{Code, Error};
use crate::reply::Reply;
use crate::source::{self, Range};
use crate::{headers, ops::put_block, sealing};
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let id = call.head.query.filled("blockid");
    let id = block::id(id.ok_or_else(|| Error::new(Code::MissingRequiredQueryParameter, "blockid"))?)?;
    let lease = headers::precondition(&call.head)?.lease;
    let seal = call.seal_of_new().await?;
    let source = source::open(call.copying(), Range::of(&call.head)?).await?;
    match source.length() {
        0 => return Err(Error::new(Code::InvalidHeaderValue, "x-ms-source-range: a block is not empty.")),
        length if length > put_block::BYTES_MAX => return Err(Code::RequestBodyTooLarge.into()),
        _ => {}
    }
    source.into_block(call.copying(), (id, &seal), lease).await?;
    let md5 = call.head.filled("x-ms-source-content-md5");
    let reply = Reply::new(StatusCode::CREATED).header_if("content-md5", md5);
    Ok(sealing::written(reply, seal.encryption().as_ref()))
}
