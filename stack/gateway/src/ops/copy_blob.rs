//! Copy Blob, and Copy Blob From URL, which `x-ms-requires-sync` makes of it. Both have ended when they are answered.

use crate::call::Call;
use crate::error::{Code, Error};
use crate::headers;
use crate::reply::Reply;
use crate::sealing;
use crate::source::{self, Archived};
use greenroom_store::{BlobDraft, BlobKind, BlobProps, CopyBlocks, Tier};
use http::StatusCode;

/// Azure's limit on what Copy Blob From URL copies.
const SYNC_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub async fn run(call: &mut Call) -> Result<Reply, Error> {
    let (precondition, may_replace) = call.creation()?;
    let (metadata, tier) = (headers::metadata(&call.head)?, headers::tier(&call.head)?);
    call.foresee(&precondition).await.map_err(|error| may_replace.explain(error))?;
    let sync = call.head.filled("x-ms-requires-sync").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    // As on Azure it is Copy Blob alone that gets content out of the archive, where it is told to which online tier.
    let archived = match tier {
        Some(Tier::Hot | Tier::Cool | Tier::Cold) if !sync => Archived::Copied,
        Some(Tier::Hot | Tier::Cool | Tier::Cold | Tier::Archive) | None => Archived::Refused,
    };
    let source = source::open_with(call.copying(), None, archived).await?;
    if sync && source.length() > SYNC_BYTES_MAX {
        return Err(Error::new(Code::CopySourceRefused, "(it is longer than the 256 MiB of Copy Blob From URL)"));
    }
    let draft = BlobDraft {
        headers: source.content_headers(),
        metadata: if metadata.is_empty() { source.metadata() } else { metadata },
        tags: call.tags_of_copy(&source).await?,
        tier,
        copy: Some(source::copy_state(call.copying())?),
        seal: call.seal_of_new().await?,
    };
    let made = source.into_blob(call.copying(), draft, CopyBlocks::Keep, &precondition).await;
    let props = made.map_err(|error| may_replace.explain(error))?;
    let reply = Reply::new(StatusCode::ACCEPTED)
        .version(&props.etag, props.modified)
        .header("x-ms-copy-id", &call.head.request_id)
        .header("x-ms-copy-status", "success");
    let reply = sealing::named(reply, props.encryption.as_ref());
    Ok(if sync { sums(call, reply, &props) } else { reply })
}

/// What Copy Blob From URL tells of the content that is there now.
fn sums(call: &Call, reply: Reply, props: &BlobProps) -> Reply {
    let kept = props.headers.content_md5.map(|md5| headers::base64(&md5));
    let md5 = call.head.filled("x-ms-source-content-md5").or(kept.as_deref());
    let reply = reply.header_if("content-md5", md5);
    match props.kind {
        BlobKind::Block => reply.header("x-ms-content-crc64", &headers::base64_crc64(props.crc64)),
        // Pages have no checksum as a whole.
        BlobKind::Page { .. } => reply,
    }
}
