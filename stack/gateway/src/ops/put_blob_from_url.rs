//! Put Blob From URL: a block blob in one request, whose content another blob has.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers::{self, Plain};
use crate::reply::Reply;
use crate::{sealing, source};
use greenroom_store::{BlobDraft, CopyBlocks, HttpHeaders};
use http::StatusCode;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    match call.head.filled("x-ms-blob-type") {
        Some("BlockBlob") => {}
        Some("AppendBlob" | "PageBlob") => return Err(Code::BlobTypeNotSupported.into()),
        Some(_) | None => return Err(Error::new(Code::InvalidHeaderValue, "x-ms-blob-type")),
    }
    if call.body.length()? != 0 {
        return Err(Error::new(Code::InvalidHeaderValue, "Content-Length: the content comes from the source."));
    }
    let (precondition, may_replace) = call.creation()?;
    let own = headers::content_headers(&call.head, Plain::Ignored)?;
    let (metadata, tier) = (headers::metadata(&call.head)?, headers::tier(&call.head)?);
    call.foresee(&precondition).await.map_err(|error| may_replace.explain(error))?;
    let source = source::open(call.copying(), None).await?;
    let keep_own = call.head.filled("x-ms-copy-source-blob-properties");
    let headers = match keep_own {
        Some(text) if text.eq_ignore_ascii_case("false") => own,
        Some(_) | None => over(own, source.content_headers()),
    };
    let tags = call.tags_of_copy(&source).await?;
    let draft = BlobDraft { headers, metadata, tags, tier, copy: None, seal: call.seal_of_new().await? };
    let made = source.into_blob(call.copying(), draft, CopyBlocks::Forget, &precondition).await;
    let props = made.map_err(|error| may_replace.explain(error))?;
    let reply = Reply::new(StatusCode::CREATED)
        .version(&props.etag, props.modified)
        .header_if("content-md5", props.headers.content_md5.map(|md5| headers::base64(&md5)).as_deref());
    Ok(sealing::written(reply, props.encryption.as_ref()))
}

/// The request's own headers, and the source's where it has none.
fn over(own: HttpHeaders, source: HttpHeaders) -> HttpHeaders {
    HttpHeaders {
        content_type: own.content_type.or(source.content_type),
        content_encoding: own.content_encoding.or(source.content_encoding),
        content_language: own.content_language.or(source.content_language),
        content_disposition: own.content_disposition.or(source.content_disposition),
        cache_control: own.cache_control.or(source.cache_control),
        content_md5: own.content_md5.or(source.content_md5),
    }
}
