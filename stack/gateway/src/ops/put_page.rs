//! Put Page: writes pages of a page blob, or clears them.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::intake::Md5Wanted;
use crate::reply::Reply;
use crate::{headers, page, sealing, structured};
use greenroom_store::{Kept, Precondition};
use http::StatusCode;
use std::ops::Range;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let name = "x-ms-page-write";
    let range = page::range(&call.head)?;
    match call.head.filled(name).map(str::to_ascii_lowercase).as_deref() {
        Some("update") => update(call, range).await,
        Some("clear") => clear(call, range).await,
        Some(_) => Err(Error::new(Code::InvalidHeaderValue, name)),
        None => Err(Error::new(Code::MissingRequiredHeader, name)),
    }
}

async fn update(call: &mut Call, range: Range<u64>) -> Result<Reply, Error> {
    let precondition = Precondition { encryption: call.shown(), ..headers::precondition(&call.head)? };
    let sequence = page::sequence(&call.head)?;
    let length = range.end - range.start;
    if length > page::WRITE_BYTES_MAX {
        return Err(Code::RequestBodyTooLarge.into());
    }
    if call.content_length()? != length {
        return Err(Error::new(Code::InvalidHeaderValue, "Content-Length is not the length of the range."));
    }
    let blob = call.foresee(&precondition).await?;
    let seal = call.seal_of(blob.as_ref());
    let taken = call.take(page::WRITE_BYTES_MAX, (Kept::Pages, &seal), Md5Wanted::ToCompare).await?;
    let props = call.store.write_pages(&call.blob()?, range.start, taken.body, sequence, &precondition).await?;
    let reply = sealing::written(page::written(StatusCode::CREATED, &props), props.encryption.as_ref());
    let reply = reply.header_if(structured::HEADER, taken.framing);
    Ok(match taken.md5 {
        Some(md5) => reply.header("content-md5", &headers::base64(&md5)),
        None => reply.header("x-ms-content-crc64", &headers::base64_crc64(taken.crc64)),
    })
}

async fn clear(call: &mut Call, range: Range<u64>) -> Result<Reply, Error> {
    let precondition = Precondition { encryption: call.shown(), ..headers::precondition(&call.head)? };
    let sequence = page::sequence(&call.head)?;
    if call.body.length()? != 0 {
        return Err(Error::new(Code::InvalidHeaderValue, "Content-Length: what is cleared needs no content."));
    }
    let props = call.store.clear_pages(&call.blob()?, range, sequence, &precondition).await?;
    Ok(page::written(StatusCode::CREATED, &props))
}
