//! Copy Blob, and Copy Blob From URL, which `x-ms-requires-sync` makes of it. Both have ended when they are answered.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::reply::Reply;
use crate::{headers, intake, source};
use greenroom_store::{BlobDraft, CopyBlocks};
use http::StatusCode;

/// Azure's limit on what Copy Blob From URL copies.
const SYNC_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let creation = call.creation()?;
    let (metadata, tier) = (headers::metadata(&call.head)?, headers::tier(&call.head)?);
    intake::foresee(call, &creation.0).await.map_err(|error| creation.1.explain(error))?;
    let source = source::open(call, None).await?;
    let sync = call.head.filled("x-ms-requires-sync").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if sync && source.length() > SYNC_BYTES_MAX {
        return Err(Error::new(Code::CopySourceRefused, "(it is longer than the 256 MiB of Copy Blob From URL)"));
    }
    let draft = BlobDraft {
        headers: source.content_headers(),
        metadata: if metadata.is_empty() { source.metadata() } else { metadata },
        tags: source::tags(call, &source).await?,
        tier,
        copy: Some(source::copy_state(call)?),
    };
    let props = source.into_blob(call, draft, CopyBlocks::Keep, &creation).await?;
    Ok(Reply::new(StatusCode::ACCEPTED)
        .version(&props.etag, props.modified)
        .header("x-ms-copy-id", &call.head.request_id)
        .header("x-ms-copy-status", "success"))
}
