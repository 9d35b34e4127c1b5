//! Get Blob, whole or a range.

use crate::body::{BrokenOff, Content};
use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers;
use crate::properties::{self, Extent};
use crate::reply::Reply;
use bytes::BytesMut;
use futures::{StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use md5::{Digest as _, Md5};

/// Azure computes the MD5 of a range of at most this length.
const RANGE_MD5_BYTES_MAX: u64 = 4 * 1024 * 1024;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = headers::precondition(&call.head)?;
    let (path, blob) = (call.blob()?, call.find_blob().await?);
    let length = blob.props.length;
    headers::check_read(&precondition, &blob.props, call.now)?;
    let range = headers::range(&call.head, length)?;
    let (status, extent) = match range {
        None => (StatusCode::OK, Extent::Whole),
        Some(_) => (StatusCode::PARTIAL_CONTENT, Extent::Part),
    };
    let reply =
        properties::blob_headers(Reply::new(status), &blob.props, call.now, extent, call.identity().overrides());
    let reply = match &range {
        None => reply,
        Some(range) => reply.header("content-range", &format!("bytes {}-{}/{length}", range.start, range.end - 1)),
    };
    let range_md5 =
        call.head.filled("x-ms-range-get-content-md5").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if call.head.filled("x-ms-range-get-content-crc64").is_some() {
        return Err(Error::new(Code::InvalidHeaderValue, "x-ms-range-get-content-crc64 is not offered."));
    }
    let range = match (range, range_md5) {
        (None, true) => return Err(Error::new(Code::InvalidHeaderValue, "x-ms-range-get-content-md5 needs a range.")),
        (Some(range), true) if range.end - range.start > RANGE_MD5_BYTES_MAX => {
            return Err(Error::new(
                Code::InvalidHeaderValue,
                "x-ms-range-get-content-md5 needs a range of 4 MiB or less.",
            ));
        }
        (range, _) => range.unwrap_or(0..length),
    };
    let left = range.end - range.start;
    let stream = blob.read(range)?;
    if range_md5 {
        let part = stream.try_fold(BytesMut::new(), async |mut part, bytes| {
            part.extend_from_slice(&bytes);
            Ok(part)
        });
        let part = part.await?.freeze();
        let reply = reply.header("content-md5", &headers::base64(&Md5::digest(&part)));
        return Ok(Reply { content: Content::Whole(part), ..reply });
    }
    let stream = stream.map(move |part| {
        part.map_err(|error| {
            tracing::error!(%path, %error, "a blob could not be read to its end");
            BrokenOff
        })
    });
    Ok(Reply { content: Content::Stream { stream: Box::pin(stream), left }, ..reply })
}
