//! Copies within the store: the new blob or block refers to the content that is there already, and no byte of it moves.

use crate::blob::{Blob, Source};
use crate::blobs::{Content, check_size, replace, written};
use crate::block::BlockId;
use crate::blocks::{Staged, stage};
use crate::body::Body;
use crate::catalog::{Draft, Line, Txn};
use crate::encryption::{Encryption, Seal};
use crate::error::{Result, StoreError};
use crate::lease::LeaseId;
use crate::precondition::{Access, Precondition, Version};
use crate::props::{BlobDraft, BlobKind, BlobProps};
use crate::quotas::New;
use crate::rows::{BlobRow, Place};
use crate::store::Store;
use futures::TryStreamExt as _;
use greenroom_model::{AccountName, BlobPath};
use std::ops::Range;
use std::pin::pin;

/// Whether a copy knows the blocks that its source was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyBlocks {
    /// As Copy Blob does.
    Keep,
    /// As Put Blob From URL does.
    Forget,
}

impl Store {
    /// Makes or overwrites a blob with the content of `source`, and discards the blob's staged blocks. Source and target may be the same.
    /// A copy is of its source's kind; a page blob cannot forget its pages. Content that is to be sealed otherwise is read, by the key that the
    /// source was opened by, and written.
    /// Err: `EncryptionUnmet`; `SourceChanged` where the source is no longer what was looked up: look again; `BlobKind`; else as `put_blob`.
    pub async fn copy_blob(
        &self,
        source: &Source,
        path: &BlobPath,
        draft: BlobDraft,
        blocks: CopyBlocks,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        check_size(&draft)?;
        if self.is_sealed_anew((&source.path, source.encryption.as_ref()), path, &draft.seal) {
            return self.copy_anew(source, path, draft, blocks, precondition).await;
        }
        self.with_content_here(
            || {
                let (source, path, precondition) = (source.clone(), path.clone(), precondition.clone());
                let draft = draft.clone();
                self.write_in_parts(Line::Long, move |txn, list| {
                    copy(txn, list, &source, (&path, None), &draft, blocks, &precondition)
                })
            },
            || self.opened_at(source.path.clone(), &source.place, source.etag),
        )
        .await
    }

    /// A copy whose content is not sealed by the same key: it is read, and written.
    async fn copy_anew(
        &self,
        source: &Source,
        path: &BlobPath,
        draft: BlobDraft,
        blocks: CopyBlocks,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        let found = self.opened_at(source.path.clone(), &source.place, source.etag)?.with_key(source.customer.clone());
        if found.props.kind != BlobKind::Block {
            let across = self.shares_no_keys(&source.path, path);
            return Err(if across { StoreError::AcrossTenants } else { StoreError::PagesSealedOtherwise });
        }
        let length = found.props.length;
        let body = self.take_in((&path.container.account, &draft.seal), found, 0..length).await?;
        let (source, path, precondition) = (source.clone(), path.clone(), precondition.clone());
        self.write_in_parts(Line::Long, move |txn, list| {
            copy(txn, list, &source, (&path, Some(&body)), &draft, blocks, &precondition)
        })
        .await
    }

    /// Whether content of one blob may not be referred to by another, which is to be sealed so.
    pub(crate) fn is_sealed_anew(
        &self,
        (source, of): (&BlobPath, Option<&Encryption>),
        target: &BlobPath,
        seal: &Seal,
    ) -> bool {
        let other_scope =
            matches!(of, Some(Encryption::Scope(_))) && source.container.account != target.container.account;
        of != seal.encryption().as_ref() || other_scope || self.shares_no_keys(source, target)
    }

    /// Whether two blobs are of tenants of which one has keys.
    fn shares_no_keys(&self, one: &BlobPath, other: &BlobPath) -> bool {
        let tenant = |path: &BlobPath| self.tenant_of(&path.container.account);
        match (tenant(one), tenant(other)) {
            (Some(one), Some(other)) => one != other && (self.has_keys(&one) || self.has_keys(&other)),
            (None, _) | (_, None) => false,
        }
    }

    /// Stages a range of `source` as a block; the range must lie within it. Reads the headers of the frames, and the content of those
    /// that the range cuts. Err: `BlobKind` of a page blob, `RangeInvalid`, `SourceChanged`, `EncryptionUnmet`, `Corrupt`, `Io`; else as
    /// `stage_block`.
    pub async fn stage_block_from(
        &self,
        path: &BlobPath,
        (id, seal): (BlockId, &Seal),
        source: Blob,
        range: Range<u64>,
        lease: Option<LeaseId>,
    ) -> Result<()> {
        if range.start > range.end || range.end > source.props.length {
            return Err(StoreError::RangeInvalid);
        }
        if source.props.kind != BlobKind::Block {
            return Err(StoreError::BlobKind);
        }
        if source.is_elsewhere() || self.is_sealed_anew((&source.path, source.props.encryption.as_ref()), path, seal) {
            return self.stage_block_recalled(path, (id, seal), source, range, lease).await;
        }
        let precondition = Precondition { lease, ..Precondition::default() };
        let (to, block) = (path.clone(), id.clone());
        let (path, from, of) = (path.clone(), source.source(), range.clone());
        let crc64 = source.checksum_of(of).await?;
        let (source, cut) = (from.clone(), range.clone());
        let staged = self.write_long(move |txn| {
            let row = txn.source(&from)?;
            row.on_flash()?;
            let length = range.end - range.start;
            let (pieces, encryption) = (txn.pieces_in(&row.pieces, &range)?, row.props.encryption);
            stage(txn, &path, &id, Staged { length, crc64, pieces, encryption }, &precondition)
        });
        match staged.await {
            // It left flash a moment ago.
            Err(StoreError::InCloud) => {
                let source = self.opened_at(source.path.clone(), &source.place, source.etag)?;
                self.stage_block_recalled(&to, (block, seal), source, cut, lease).await
            }
            done => done,
        }
    }

    /// The block has its content to itself: a range of what is in the cloud is no reason to bring all of it back.
    async fn stage_block_recalled(
        &self,
        path: &BlobPath,
        (id, seal): (BlockId, &Seal),
        source: Blob,
        range: Range<u64>,
        lease: Option<LeaseId>,
    ) -> Result<()> {
        let body = self.take_in((&path.container.account, seal), source, range).await?;
        self.stage_block(path, id, body, lease).await
    }

    /// Content of a blob as a body of its own, for an account.
    pub(crate) async fn take_in(
        &self,
        (account, seal): (&AccountName, &Seal),
        source: Blob,
        range: Range<u64>,
    ) -> Result<Body> {
        let mut writer = self.begin_body_when_room(account, seal, Some(range.end - range.start)).await?;
        let mut content = pin!(source.read(range)?);
        while let Some(bytes) = content.try_next().await? {
            writer.write(bytes).await?;
        }
        writer.finish().await
    }
}

fn copy(
    txn: &mut Txn<'_>,
    list: &mut Draft,
    source: &Source,
    (path, anew): (&BlobPath, Option<&Body>),
    draft: &BlobDraft,
    blocks: CopyBlocks,
    precondition: &Precondition,
) -> Result<Option<BlobProps>> {
    let (container, key, old) = txn.look_up(path)?;
    precondition.check(old.as_ref().map(|old| Version::from(&old.props)), Access::Write, txn.now)?;
    let from = txn.source(source)?;
    if anew.is_none() {
        from.on_flash()?;
    }
    let blocks = match (blocks, from.props.kind) {
        (CopyBlocks::Keep, _) => txn.all_blocks(&from.blocks)?,
        (CopyBlocks::Forget, BlobKind::Block) => Vec::new(),
        (CopyBlocks::Forget, BlobKind::Page { .. }) => return Err(StoreError::BlobKind),
    };
    let new = New { draft, length: from.props.length, blocks: blocks.len() };
    txn.afford_blob(&container.tenant, &key, old.as_ref(), &new)?;
    // Refer first, free then: the source may be the very blob that is overwritten.
    let pieces = match anew {
        Some(body) => Some(txn.keep(body.pieces().to_vec())?),
        None => txn.share(&from, list)?,
    };
    let Some(pieces) = pieces else { return Ok(None) };
    let props = written(txn, draft.clone(), old.as_ref(), from.props.length, from.props.crc64);
    let props = BlobProps { kind: from.props.kind, ..props };
    replace(txn, &container.tenant, &key, old, Content { props, pieces, blocks }).map(Some)
}

impl Txn<'_> {
    /// The row of a source that is still what it was when it was looked up. Content never changes under an ETag, but the pieces that
    /// hold it may have moved: they are read here, in the transaction that refers to them once more.
    pub fn source(&self, source: &Source) -> Result<BlobRow> {
        let row = match &source.place {
            Place::Base(key) => self.blob(key)?,
            Place::Snapshot(set, time) => self.snapshot(*set, *time)?,
        };
        row.filter(|row| row.props.etag == source.etag).ok_or(StoreError::SourceChanged)
    }
}
