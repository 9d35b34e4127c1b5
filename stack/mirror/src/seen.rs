//! What a blob elsewhere is here. Pure.

use crate::origin::{TheirKind, There};
use greenroom_model::BlobName;
use greenroom_store::{BlobKind, BlobProps, Lease, Seen, SeenBlob, origin_etag};

/// Why a blob that is there is not shown here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    Kind,
    Name,
    TooLarge,
    Container,
    Outside,
    Event,
}

impl LeftOut {
    pub fn words(self) -> &'static str {
        match self {
            LeftOut::Kind => "page and append blobs",
            LeftOut::Name => "names that cannot be here",
            LeftOut::TooLarge => "metadata larger than is kept",
            LeftOut::Container => "containers whose names are taken or cannot be here",
            LeftOut::Outside => "told of another container or prefix",
            LeftOut::Event => "events that are not understood",
        }
    }
}

/// What is to be put down of a name. Err: it is left out; where there is something here under its name, that is gone.
pub fn seen(name: &BlobName, there: Option<There>) -> Result<Seen, LeftOut> {
    let Some(there) = there else { return Ok(Seen::Gone(name.clone())) };
    if there.kind != TheirKind::Block {
        return Err(LeftOut::Kind);
    }
    let props = BlobProps {
        length: there.length,
        etag: origin_etag(&there.etag),
        created: there.created,
        modified: there.modified,
        headers: there.headers,
        metadata: there.metadata,
        tags: there.tags,
        tier: there.tier,
        tier_changed: there.tier_changed,
        crc64: 0,
        lease: Lease::Free,
        copy: None,
        kind: BlobKind::Block,
        encryption: None,
    };
    Ok(Seen::There(Box::new(SeenBlob { name: name.clone(), etag: there.etag, props })))
}
