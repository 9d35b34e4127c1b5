//! Get Blob, whole or a range.

use crate::call::Call;
use crate::content::{BrokenOff, Content};
use crate::error::{Code, Error};
use crate::head::Head;
use crate::headers;
use crate::properties::{self, Extent};
use crate::reply::Reply;
use crate::structured::{self, Encoder};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use greenroom_store::Crc64;
use http::StatusCode;
use md5::{Digest as _, Md5};

/// Azure computes the checksum of a range of at most this length.
const RANGE_SUM_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// An MD5 takes some tenths of a millisecond for so many; then others go first.
const SUMMED_BYTES_A_TURN: usize = 256 << 10;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let precondition = headers::precondition(&call.head)?;
    let (path, blob) = (call.blob()?, call.find_blob().await?);
    let length = blob.props.length;
    headers::check_read(&precondition, &blob.props, call.now)?;
    properties::check_readable(&blob.props)?;
    let blob = call.opened(blob)?;
    let range = match headers::range_stands(&call.head, &blob.props) {
        true => headers::range(&call.head, length)?,
        false => None,
    };
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
    let (sum, framed) = (Sum::asked(&call.head)?, structured::asked(&call.head)?);
    let range = match (range, sum) {
        (_, Some(sum)) if framed => {
            return Err(Error::new(Code::InvalidHeaderValue, format!("{} of a structured message", sum.asked_by())));
        }
        (None, Some(sum)) => {
            return Err(Error::new(Code::InvalidHeaderValue, format!("{} needs a range.", sum.asked_by())));
        }
        (Some(range), Some(sum)) if range.end - range.start > RANGE_SUM_BYTES_MAX => {
            let why = format!("{} needs a range of 4 MiB or less.", sum.asked_by());
            return Err(Error::new(Code::InvalidHeaderValue, why));
        }
        (range, _) => range.unwrap_or(0..length),
    };
    let left = range.end - range.start;
    let mut stream = Box::pin(blob.read(range)?);
    if let Some(sum) = sum {
        let part = stream.try_fold(BytesMut::new(), async |mut part, bytes| {
            part.extend_from_slice(&bytes);
            Ok(part)
        });
        let part = call.body.work(part).await?.freeze();
        let reply = match sum {
            Sum::Md5 => {
                let mut md5 = Md5::new();
                for bytes in part.chunks(SUMMED_BYTES_A_TURN) {
                    call.body.turn().await;
                    md5.update(bytes);
                }
                reply.header("content-md5", &headers::base64(&md5.finalize()))
            }
            Sum::Crc64 => reply.header("x-ms-content-crc64", &headers::base64_crc64(crc64(&part))),
        };
        return Ok(Reply { content: Content::Whole(part), ..reply });
    }
    // Content that is bad from its beginning is answered as an error; later on only breaking off is left.
    let first = call.body.work(stream.next()).await.transpose()?;
    let stream = stream::iter(first.map(Ok)).chain(stream).map(move |part| {
        part.map_err(|error| {
            tracing::error!(%path, %error, "a blob could not be read to its end");
            BrokenOff
        })
    });
    if framed {
        return Ok(message(reply, stream, left));
    }
    Ok(Reply { content: Content::Stream { stream: Box::pin(stream), left }, ..reply })
}

/// Content as a structured message, each segment with its checksum.
fn message(reply: Reply, content: impl Stream<Item = Result<Bytes, BrokenOff>> + Send + 'static, bytes: u64) -> Reply {
    let mut encoder = Encoder::new(bytes);
    let left = encoder.message_bytes();
    let begin = stream::iter([Ok(encoder.begin())]);
    let framed = content.map_ok(move |content| stream::iter(encoder.frame(content)).map(Ok)).try_flatten();
    let content = Content::Stream { stream: Box::pin(begin.chain(framed)), left };
    let reply = reply.header(structured::HEADER, structured::FORMAT);
    Reply { content, ..reply.header(structured::LENGTH_HEADER, &bytes.to_string()) }
}

/// A checksum of the range that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sum {
    Md5,
    Crc64,
}

impl Sum {
    fn asked(head: &Head) -> Result<Option<Sum>, Error> {
        let asked = |sum: Sum| head.filled(sum.asked_by()).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        match (asked(Sum::Md5), asked(Sum::Crc64)) {
            (true, true) => Err(Error::new(Code::InvalidHeaderValue, "One checksum of a range at a time.")),
            (true, false) => Ok(Some(Sum::Md5)),
            (false, true) => Ok(Some(Sum::Crc64)),
            (false, false) => Ok(None),
        }
    }

    fn asked_by(self) -> &'static str {
        match self {
            Sum::Md5 => "x-ms-range-get-content-md5",
            Sum::Crc64 => "x-ms-range-get-content-crc64",
        }
    }
}

fn crc64(bytes: &[u8]) -> u64 {
    let mut crc64 = Crc64::default();
    crc64.update(bytes);
    crc64.finalize()
}
