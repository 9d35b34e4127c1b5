//! What is done with blocks: staged one by one, then made into a blob by a list.

use crate::blobs::{Content, check_size, replace, written};
use crate::block::{Block, BlockId, BlockList, BlockSource, COMMITTED_BLOCKS_MAX, STAGED_BLOCKS_MAX};
use crate::body::Body;
use crate::catalog::Txn;
use crate::clock::Timestamp;
use crate::crc::Joined;
use crate::encryption::{self, Encryption};
use crate::error::{Result, StoreError};
use crate::lease::LeaseId;
use crate::piece::{self, Piece, Slices};
use crate::precondition::{Access, Precondition, Version};
use crate::props::{BlobDraft, BlobKind, BlobProps};
use crate::quota::Growth;
use crate::quotas::New;
use crate::rows::{BlobRow, CommittedBlock, List, StagedRow, StagingRow, blob_key, encode};
use crate::store::Store;
use crate::usage::{Owner, TenantUsage};
use greenroom_model::BlobPath;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A list makes as many pieces as it may have blocks, and one more for so many bytes. Content comes in fewer; blocks that are copies of blobs of
/// many pieces, named many times, could be any number, and the catalog holds them all.
const PIECE_BYTES: u64 = 64 << 10;

impl Store {
    /// Err: `ContainerMissing`, `BlobKind`, `BlockIdLength`, `TooManyBlocks`, `LeaseUnmet`.
    pub async fn stage_block(&self, path: &BlobPath, id: BlockId, body: Body, lease: Option<LeaseId>) -> Result<()> {
        let path = path.clone();
        let precondition = Precondition { lease, ..Precondition::default() };
        self.write(move |txn| {
            let staged = Staged {
                length: body.length(),
                crc64: body.crc64(),
                pieces: body.pieces().to_vec(),
                encryption: body.encryption().cloned(),
            };
            stage(txn, &path, &id, staged, &precondition)
        })
        .await
    }

    /// Makes or overwrites a blob out of blocks, and discards all other staged ones.
    /// Err: `InCloud` where a block is, see `bring_here`; `ContainerMissing`, `BlobKind`, `InvalidBlockList`, `TooManyBlocks`, `TooManyPieces`,
    /// `ConditionNotMet`, `BlobExists`, `PropsTooLarge`, `EncryptionUnmet` where one is not sealed as the draft says.
    pub async fn commit_blocks(
        &self,
        path: &BlobPath,
        draft: BlobDraft,
        list: impl Into<Arc<[(BlockId, BlockSource)]>>,
        precondition: &Precondition,
    ) -> Result<BlobProps> {
        let (path, precondition, list) = (path.clone(), precondition.clone(), list.into());
        if list.len() > COMMITTED_BLOCKS_MAX {
            return Err(StoreError::TooManyBlocks { what: "committed", max: COMMITTED_BLOCKS_MAX });
        }
        check_size(&draft)?;
        self.write_long(move |txn| commit(txn, &path, draft, &list, &precondition)).await
    }

    /// Err: `ContainerMissing`, `BlobKind`, `BlobMissing` where there is neither a blob nor a staged block.
    pub async fn block_list(&self, path: &BlobPath) -> Result<BlockList> {
        self.block_list_at(path, None).await
    }

    /// As `block_list`; with a moment, the committed blocks of the snapshot of that moment. Err: as `block_list`.
    pub async fn block_list_at(&self, path: &BlobPath, at: Option<Timestamp>) -> Result<BlockList> {
        let path = path.clone();
        self.read_many(move |snapshot| {
            let container = snapshot.container(&path.container)?;
            let key = blob_key(container.id, path.name.as_str());
            let (mut blob, mut staged) = (snapshot.blob(&key)?, snapshot.staged(&key)?);
            if let Some(time) = at {
                let set = blob.and_then(|blob| blob.snapshots).ok_or(StoreError::BlobMissing)?;
                // Blocks are staged for the blob and not for a snapshot.
                (blob, staged) = (snapshot.blob_snapshot(set, time)?, None);
            }
            if blob.is_none() && staged.is_none() {
                return Err(StoreError::BlobMissing);
            }
            blob.as_ref().map_or(Ok(()), |row| of_blocks(&row.props))?;
            let (blob, blocks) = blob.map_or((None, List::Here(Vec::new())), |row| (Some(row.props), row.blocks));
            let committed = snapshot.blocks(blocks)?.into_iter();
            let committed = committed.map(|CommittedBlock { id, length, .. }| Block { id, length }).collect();
            Ok(BlockList { blob, committed, uncommitted: staged.unwrap_or_default() })
        })
        .await
    }
}

/// Refuses a blob that has no blocks.
fn of_blocks(props: &BlobProps) -> Result<()> {
    match props.kind {
        BlobKind::Block => Ok(()),
        BlobKind::Page { .. } => Err(StoreError::BlobKind),
    }
}

/// The content of a block that is to be staged.
pub(crate) struct Staged {
    pub length: u64,
    pub crc64: u64,
    pub pieces: Vec<Piece>,
    pub encryption: Option<Encryption>,
}

pub(crate) fn stage(
    txn: &mut Txn<'_>,
    path: &BlobPath,
    id: &BlockId,
    content: Staged,
    precondition: &Precondition,
) -> Result<()> {
    let (container, key, blob) = txn.look_up(path)?;
    precondition.check(blob.as_ref().map(|blob| Version::from(&blob.props)), Access::Write, txn.now)?;
    blob.as_ref().map_or(Ok(()), |blob| of_blocks(&blob.props))?;
    let id_bytes = id.as_bytes().len() as u8;
    let staging = txn.staging(&key)?;
    let old = match &staging {
        Some(staging) if staging.block_id_bytes != id_bytes => return Err(StoreError::BlockIdLength),
        Some(staging) => txn.staged_block(staging.id, id)?,
        None => None,
    };
    let blocks = staging.as_ref().map_or(0, |staging| staging.blocks) + u32::from(old.is_none());
    if blocks as usize > STAGED_BLOCKS_MAX {
        return Err(StoreError::TooManyBlocks { what: "staged", max: STAGED_BLOCKS_MAX });
    }
    let one = |length| TenantUsage { staged_blocks: 1, staged_bytes: length, ..TenantUsage::default() };
    let was = old.as_ref().map_or_else(TenantUsage::default, |old| one(old.length));
    txn.afford(&container.tenant, Growth::from(was, one(content.length)))?;
    let staging_id = staging.as_ref().map_or_else(|| txn.next_id(), |staging| staging.id);
    let Staged { length, crc64, pieces, encryption } = content;
    let block = StagedRow { length, crc64, pieces: txn.keep(pieces)?, encryption };
    let replaced = old.as_ref().map_or(0, |old| old.length);
    if let Some(old) = old {
        txn.free(old.pieces)?;
    }
    let bytes = (staging.as_ref().map_or(0, |staging| staging.bytes) + length).saturating_sub(replaced);
    let tenant = container.tenant.clone();
    let new = StagingRow { id: staging_id, tenant, blocks, bytes, block_id_bytes: id_bytes, touched: txn.now };
    txn.dirty = true;
    txn.books.recount_staging(&container.tenant, staging.as_ref(), Some(&new));
    txn.staged.insert((staging_id, id.as_bytes()), encode(&block).as_slice())?;
    txn.stagings.insert(key.as_slice(), encode(&new).as_slice())?;
    Ok(())
}

fn commit(
    txn: &mut Txn<'_>,
    path: &BlobPath,
    draft: BlobDraft,
    list: &[(BlockId, BlockSource)],
    precondition: &Precondition,
) -> Result<BlobProps> {
    let (container, key, old) = txn.look_up(path)?;
    precondition.check(old.as_ref().map(|old| Version::from(&old.props)), Access::Write, txn.now)?;
    old.as_ref().map_or(Ok(()), |old| of_blocks(&old.props))?;
    let staging = txn.staging(&key)?;
    let sealed = draft.seal.encryption();
    let chosen = Choice::new(txn, staging.as_ref(), old.as_ref(), sealed)?.choose(txn, list)?;

    let length = chosen.iter().map(|block| block.length).sum();
    let new = New { draft: &draft, length, blocks: chosen.len() };
    txn.afford_blob(&container.tenant, &key, old.as_ref(), &new)?;
    let mut pieces = Vec::new();
    for piece in chosen.iter().flat_map(|block| &block.pieces) {
        piece::push(&mut pieces, *piece);
    }
    let pieces = txn.keep(pieces)?;
    let mut crc64 = Joined::default();
    chosen.iter().for_each(|block| crc64.add(block.crc64, block.length));
    let props = written(txn, draft, old.as_ref(), length, crc64.finalize());
    if let Some(staging) = staging {
        use_up(txn, &container.tenant, &key, &staging, &chosen)?;
    }
    let blocks = chosen.into_iter().map(|Chosen { id, length, crc64, .. }| CommittedBlock { id, length, crc64 });
    let blocks = blocks.collect();
    replace(txn, &container.tenant, &key, old, Content { props, pieces, blocks })
}

/// What a list can choose from.
struct Choice {
    staging: Option<u64>,
    staged: HashMap<BlockId, Option<StagedRow>>,
    /// With where each begins in the content. Of equal ids the last counts; they name the same block.
    committed: HashMap<BlockId, (u64, CommittedBlock)>,
    /// `None` while they are in the cloud.
    pieces: Option<Slices>,
    /// What the committed ones are sealed by, and what all must be.
    committed_by: Option<Encryption>,
    sealed: Option<Encryption>,
}

struct Chosen {
    id: BlockId,
    length: u64,
    crc64: u64,
    pieces: Vec<Piece>,
    /// The staged row, where it came from one: its list of pieces is used up with it.
    staged: Option<List<Piece>>,
}

impl Choice {
    fn new(
        txn: &Txn<'_>,
        staging: Option<&StagingRow>,
        old: Option<&BlobRow>,
        sealed: Option<Encryption>,
    ) -> Result<Self> {
        let mut choice = Self {
            staging: staging.map(|staging| staging.id),
            staged: HashMap::new(),
            committed: HashMap::new(),
            pieces: Some(Slices::default()),
            committed_by: old.and_then(|old| old.props.encryption.clone()),
            sealed,
        };
        if let Some(old) = old {
            let pieces = old.on_flash().and_then(|()| txn.all_pieces(&old.pieces)).map(Some).or_else(in_cloud)?;
            choice.pieces = pieces.map(Slices::of);
            let mut at = 0;
            for block in txn.all_blocks(&old.blocks)? {
                let length = block.length;
                choice.committed.insert(block.id.clone(), (at, block));
                at += length;
            }
        }
        Ok(choice)
    }

    fn choose(mut self, txn: &Txn<'_>, list: &[(BlockId, BlockSource)]) -> Result<Vec<Chosen>> {
        let (mut pieces, mut length) = (0, 0);
        let choose = |(id, source): &(BlockId, BlockSource)| {
            let chosen = match source {
                BlockSource::Committed => self.committed(id)?,
                BlockSource::Uncommitted => self.staged(txn, id)?,
                BlockSource::Latest => match self.staged(txn, id)? {
                    Some(staged) => Some(staged),
                    None => self.committed(id)?,
                },
            };
            let chosen = chosen.ok_or(StoreError::InvalidBlockList)?;
            pieces += chosen.pieces.len() as u64;
            length += chosen.length;
            let max = COMMITTED_BLOCKS_MAX as u64 + length / PIECE_BYTES;
            if pieces > max { Err(StoreError::TooManyPieces { max }) } else { Ok(chosen) }
        };
        list.iter().map(choose).collect()
    }

    fn staged(&mut self, txn: &Txn<'_>, id: &BlockId) -> Result<Option<Chosen>> {
        let Some(staging) = self.staging else { return Ok(None) };
        if !self.staged.contains_key(id) {
            self.staged.insert(id.clone(), txn.staged_block(staging, id)?);
        }
        let Some(Some(row)) = self.staged.get(id) else { return Ok(None) };
        self.check(row.encryption.as_ref())?;
        let pieces = txn.all_pieces(&row.pieces)?;
        let staged = Some(row.pieces.clone());
        Ok(Some(Chosen { id: id.clone(), length: row.length, crc64: row.crc64, pieces, staged }))
    }

    fn committed(&self, id: &BlockId) -> Result<Option<Chosen>> {
        let Some((at, block)) = self.committed.get(id) else { return Ok(None) };
        self.check(self.committed_by.as_ref())?;
        let pieces = self.pieces.as_ref().ok_or(StoreError::InCloud)?.slice(*at, block.length);
        Ok(Some(Chosen { id: id.clone(), length: block.length, crc64: block.crc64, pieces, staged: None }))
    }

    /// Whether a block is sealed as the blob is to be. Err: `EncryptionUnmet`.
    fn check(&self, of: Option<&Encryption>) -> Result<()> {
        encryption::same(of, self.sealed.as_ref()).map_err(StoreError::EncryptionUnmet)
    }
}

/// Content in the cloud is missed only once a block of it is chosen.
fn in_cloud(error: StoreError) -> Result<Option<Vec<Piece>>> {
    if matches!(error, StoreError::InCloud) { Ok(None) } else { Err(error) }
}

/// Ends a staging: what was used has no more claim to its content than the blob has now, and the rest is discarded.
fn use_up(txn: &mut Txn<'_>, tenant: &Owner, key: &[u8], staging: &StagingRow, chosen: &[Chosen]) -> Result<()> {
    let mut used = HashSet::new();
    for block in chosen {
        if let Some(list) = &block.staged
            && used.insert(&block.id)
        {
            txn.staged.remove((staging.id, block.id.as_bytes()))?;
            txn.free(list.clone())?;
        }
    }
    if used.len() < staging.blocks as usize {
        return txn.discard_staging(tenant, key);
    }
    txn.end_staging(tenant, key)?;
    Ok(())
}
