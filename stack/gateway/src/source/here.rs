//! Sources that this store keeps: copied by reference, after the credential that came with them was verified like that of any read.

use super::copying::{Archived, Copying, Range};
use super::url::Url;
use crate::auth::{Credential, Permit};
use crate::body::BodyIn;
use crate::checks::Checks;
use crate::error::{Code, Error};
use crate::head::Head;
use crate::intake::{Intake, Md5Wanted, Taken, Wanted};
use crate::request::Request;
use crate::{properties, time};
use futures::TryStreamExt as _;
use greenroom_model::BlobPath;
use greenroom_store::{
    Access, Blob, BlobDraft, BlobKind, BlobProps, BlockId, CopyBlocks, Crc64, Encryption, Kept, LeaseId, PageSequence,
    Precondition, Seal, StoreError, Tags, Timestamp,
};
use http::header::AUTHORIZATION;
use md5::{Digest as _, Md5};
use std::pin::pin;

/// How often a source that others change meanwhile is looked up again.
const LOOKS_MAX: usize = 4;

#[derive(Debug)]
pub struct Here {
    pub blob: Blob,
    pub range: std::ops::Range<u64>,
    path: BlobPath,
    snapshot: Option<Timestamp>,
    precondition: Precondition,
    archived: Archived,
    tags: MayReadTags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MayReadTags {
    Yes,
    No,
}

pub async fn open(
    copying: Copying<'_>,
    url: &Url,
    (precondition, archived): (Precondition, Archived),
    range: Option<Range>,
) -> Result<Here, Error> {
    let head = head(copying, url)?;
    let path = head.target.blob().ok_or(Code::CopySourceRefused)?.clone();
    let snapshot = match head.query.filled("snapshot") {
        Some(text) => Some(time::parse_iso(text).ok_or(Code::CopySourceRefused)?),
        None => None,
    };
    let tags = admit(copying, head).await?;
    let same = snapshot.is_none() && path == copying.blob()?;
    let archived = if same { Archived::Refused } else { archived };
    let blob = look_up(copying, (&path, snapshot), &precondition, archived).await?;
    let length = blob.props.length;
    let range = match range {
        None => 0..length,
        Some(Range { first, .. }) if first >= length => return Err(Code::InvalidRange.into()),
        Some(Range { first, last }) => first..last.map_or(length, |last| last.saturating_add(1).min(length)),
    };
    Ok(Here { blob, range, path, snapshot, precondition, archived, tags })
}

/// The source's URL as the request for it that the client could have sent itself.
fn head(copying: Copying<'_>, url: &Url) -> Result<Head, Error> {
    let mut request = http::Request::builder().uri(url.uri.clone());
    if let Some(authorization) = copying.head.filled("x-ms-copy-source-authorization") {
        request = request.header(AUTHORIZATION, authorization);
    }
    let (parts, ()) = request.body(()).map_err(|_| Code::CopySourceRefused)?.into_parts();
    let head = Head::parse(parts, copying.head.peer, copying.head.transport, &copying.head.request_id);
    head.map_err(|error| Error { code: Code::CopySourceRefused, ..error })
}

/// Verifies that whoever asks may read the source.
async fn admit(copying: Copying<'_>, head: Head) -> Result<MayReadTags, Error> {
    let bare = head.query.get("sig").is_none() && !head.headers.contains_key(AUTHORIZATION);
    let identity = copying.identity;
    let over_all = match &identity.credential {
        Credential::Key => true,
        Credential::Role(_) => identity.has('r'),
        Credential::Sas(_) | Credential::Anonymous => false,
    };
    let may_read_tags = |has_it: bool| if has_it { MayReadTags::Yes } else { MayReadTags::No };
    // Whoever asks with a credential for the whole account may read the source by it too.
    if bare && over_all && head.target.account == identity.account.name {
        return Ok(may_read_tags(identity.has('t')));
    }
    let request = Request { head, body: BodyIn::empty() };
    let admitted = copying.authority.admit(request, &Permit::READ_BLOB, copying.now).await;
    match admitted {
        Ok(request) => Ok(may_read_tags(request.identity().has('t'))),
        Err(turned_away) => Err(match turned_away.error.code.row().status.as_u16() {
            404 => Code::CopySourceNotFound.into(),
            _ => Code::CopySourceForbidden.into(),
        }),
    }
}

async fn look_up(
    copying: Copying<'_>,
    (path, snapshot): (&BlobPath, Option<Timestamp>),
    precondition: &Precondition,
    archived: Archived,
) -> Result<Blob, Error> {
    let blob = match copying.store().blob_at(path, snapshot).await {
        Ok(blob) => blob,
        Err(StoreError::BlobMissing | StoreError::ContainerMissing) => return Err(Code::CopySourceNotFound.into()),
        Err(error) => return Err(error.into()),
    };
    let met = precondition.check(Some((&blob.props).into()), Access::Read, copying.now);
    met.map_err(|_| Code::SourceConditionNotMet)?;
    match archived {
        Archived::Copied => {}
        Archived::Refused => properties::check_readable(&blob.props)?,
    }
    // What is referred to and not read is nobody's who could not read it.
    if let Some(Encryption::Scope(name)) = &blob.props.encryption {
        copying.store().scope_key(&path.container.account, name).await?;
    }
    let shown = copying.source_key.cloned().map_or(Seal::Tenants, Seal::Customer);
    blob.opened_by(&shown).map_err(|error| match error {
        StoreError::EncryptionUnmet(_) => Code::CopySourceEncrypted.into(),
        error => error.into(),
    })
}

impl Here {
    pub fn tags(&self) -> Result<Tags, Error> {
        match self.tags {
            MayReadTags::Yes => Ok(self.blob.props.tags.clone()),
            MayReadTags::No => Err(Code::CopySourceForbidden.into()),
        }
    }

    pub async fn into_blob(
        self,
        copying: Copying<'_>,
        draft: BlobDraft,
        blocks: CopyBlocks,
        checks: Checks,
        precondition: &Precondition,
    ) -> Result<BlobProps, Error> {
        let target = copying.blob()?;
        if blocks == CopyBlocks::Forget && self.blob.props.kind != BlobKind::Block {
            let mut draft = draft;
            let Taken { body, md5, .. } = self.take(copying, (Kept::Blob, &draft.seal), checks).await?;
            draft.headers.content_md5 = draft.headers.content_md5.or(md5);
            return Ok(copying.store().put_blob(&target, draft, body, precondition).await?);
        }
        let mut here = self;
        for _ in 1..LOOKS_MAX {
            let source = here.blob.source();
            here.verify(copying, checks).await?;
            match copying.store().copy_blob(&source, &target, draft.clone(), blocks, precondition).await {
                Err(StoreError::SourceChanged) => here.look_again(copying).await?,
                done => return Ok(done?),
            }
        }
        Err(Code::SourceConditionNotMet.into())
    }

    pub async fn into_block(
        self,
        copying: Copying<'_>,
        (id, seal): (BlockId, &Seal),
        checks: Checks,
        lease: Option<LeaseId>,
    ) -> Result<(), Error> {
        let target = copying.blob()?;
        if self.blob.props.kind != BlobKind::Block {
            let body = self.take(copying, (Kept::Block(&id), seal), checks).await?.body;
            return Ok(copying.store().stage_block(&target, id, body, lease).await?);
        }
        let mut here = self;
        for _ in 1..LOOKS_MAX {
            here.verify(copying, checks).await?;
            let blob = here.look_up(copying).await?;
            if blob.props.etag == here.blob.props.etag {
                let block = (id.clone(), seal);
                match copying.store().stage_block_from(&target, block, blob, here.range.clone(), lease).await {
                    Err(StoreError::SourceChanged) => {}
                    done => return Ok(done?),
                }
            }
            here.look_again(copying).await?;
        }
        Err(Code::SourceConditionNotMet.into())
    }

    pub async fn into_pages(
        self,
        copying: Copying<'_>,
        begin: (u64, &Seal),
        checks: Checks,
        (sequence, precondition): (PageSequence, &Precondition),
    ) -> Result<BlobProps, Error> {
        let target = copying.blob()?;
        let mut here = self;
        for _ in 1..LOOKS_MAX {
            let from = (&here.blob.source(), here.range.clone());
            here.verify(copying, checks).await?;
            match copying.store().write_pages_from(&target, begin, from, sequence, precondition).await {
                Err(StoreError::SourceChanged) => here.look_again(copying).await?,
                done => return Ok(done?),
            }
        }
        Err(Code::SourceConditionNotMet.into())
    }

    /// Takes the content in once more: pages with holes between them are nothing that a block can refer to.
    async fn take(self, copying: Copying<'_>, (kept, seal): (Kept<'_>, &Seal), checks: Checks) -> Result<Taken, Error> {
        let length = self.range.end - self.range.start;
        let wanted = Wanted { target: &copying.blob()?, kept, seal };
        let mut intake = Intake::begin(copying.store(), wanted, length, checks, Md5Wanted::Always).await?;
        let mut stream = pin!(self.blob.read(self.range)?);
        while let Some(bytes) = stream.try_next().await? {
            intake.push(bytes).await?;
        }
        intake.finish().await
    }

    async fn look_up(&self, copying: Copying<'_>) -> Result<Blob, Error> {
        look_up(copying, (&self.path, self.snapshot), &self.precondition, self.archived).await
    }

    async fn look_again(&mut self, copying: Copying<'_>) -> Result<(), Error> {
        self.blob = self.look_up(copying).await?;
        let length = self.blob.props.length;
        if self.range.end > length {
            return Err(Code::SourceConditionNotMet.into());
        }
        Ok(())
    }

    /// Reads the content where the request brings a checksum of it: what a reference shares has none of its own.
    async fn verify(&self, copying: Copying<'_>, checks: Checks) -> Result<(), Error> {
        if checks == Checks::default() {
            return Ok(());
        }
        let blob = self.look_up(copying).await?;
        let stream = blob.read(self.range.clone())?;
        let sums = stream.try_fold((Md5::new(), Crc64::default()), async |(mut md5, mut crc64), bytes| {
            md5.update(&bytes);
            crc64.update(&bytes);
            Ok((md5, crc64))
        });
        let (md5, crc64) = sums.await?;
        checks.compare(Some(md5.finalize().into()), crc64.finalize())
    }
}
