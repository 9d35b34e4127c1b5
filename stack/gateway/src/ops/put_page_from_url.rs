//! Put Page From URL: writes pages whose content another blob has.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::reply::Reply;
use crate::source::{self, Range};
use crate::{headers, page, sealing};
use greenroom_store::Precondition;
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let update = call.head.filled("x-ms-page-write").is_some_and(|text| text.eq_ignore_ascii_case("update"));
    if !update {
        return Err(Error::new(Code::InvalidHeaderValue, "x-ms-page-write: pages from a URL are an update."));
    }
    let range = page::range(&call.head)?;
    let from = Range::of(&call.head)?.ok_or_else(|| Error::new(Code::MissingRequiredHeader, "x-ms-source-range"))?;
    let precondition = Precondition { encryption: call.shown(), ..headers::precondition(&call.head)? };
    let sequence = page::sequence(&call.head)?;
    if range.end - range.start > page::WRITE_BYTES_MAX {
        return Err(Code::RequestBodyTooLarge.into());
    }
    let source = source::open(call.copying(), Some(from)).await?;
    if source.length() != range.end - range.start {
        return Err(Error::new(Code::InvalidHeaderValue, "x-ms-source-range has another length than x-ms-range."));
    }
    let seal = call.seal_of(call.foresee(&precondition).await?.as_ref());
    let props = source.into_pages(call.copying(), (range.start, &seal), sequence, &precondition).await?;
    let md5 = call.head.filled("x-ms-source-content-md5");
    let reply = page::written(StatusCode::CREATED, &props).header_if("content-md5", md5);
    Ok(sealing::written(reply, props.encryption.as_ref()))
}
