//! Content from before its tenant had keys: which there is, and how it is sealed after the fact.

use crate::blob::Source;
use crate::catalog::Snapshot;
use crate::clock::Timestamp;
use crate::error::{Result, StoreError};
use crate::etag::ETag;
use crate::frame::FrameKind;
use crate::props::BlobKind;
use crate::rows::{BlobRow, List};
use crate::store::Store;
use futures::TryStreamExt as _;
use greenroom_model::{BlobName, BlobPath, TenantName};
use std::pin::pin;
use std::sync::Arc;

/// Of a page blob, looked at at a time.
const PAGES_AT_ONCE: u64 = 64 << 20;

/// A blob or snapshot with content on flash that is in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InClear {
    pub path: BlobPath,
    pub snapshot: Option<Timestamp>,
    pub etag: ETag,
    pub bytes: u64,
}

/// What a tenant has on flash that is in clear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClearUsage {
    /// Block blobs and their snapshots of which some is in clear; all of their bytes.
    pub clear_blobs: u64,
    pub clear_bytes: u64,
    /// Page blobs of which some is: they stay so until their pages are written.
    pub clear_page_blobs: u64,
    /// The first of the block blobs.
    pub first: Vec<InClear>,
}

impl Store {
    /// Goes through all that a tenant has, off the async threads. Names `max` of what is in clear.
    pub async fn clear_usage(&self, tenant: &TenantName, max: usize) -> Result<ClearUsage> {
        let tenant = tenant.clone();
        self.read_many(move |snapshot| {
            let (mut usage, mut containers) = (ClearUsage::default(), Vec::new());
            snapshot.containers(|path, row| {
                if row.tenant.tenant == tenant {
                    containers.push((path, row.id));
                }
                Ok(())
            })?;
            for (path, id) in containers {
                snapshot.blobs_of(id, |name, at, row| {
                    let Ok(name) = BlobName::new(name) else { return Ok(()) };
                    if !has_clear(snapshot, &row)? {
                        return Ok(());
                    }
                    let bytes = row.props.length;
                    match row.props.kind {
                        BlobKind::Page { .. } => usage.clear_page_blobs += 1,
                        BlobKind::Block => {
                            usage.clear_blobs += 1;
                            usage.clear_bytes += bytes;
                            if usage.first.len() < max {
                                let (path, etag) = (path.blob(name), row.props.etag);
                                usage.first.push(InClear { path, snapshot: at.map(|(_, time)| time), etag, bytes });
                            }
                        }
                    }
                    Ok(())
                })?;
            }
            Ok(usage)
        })
        .await
    }

    /// Seals by its tenant's key what is in clear: content stays what it is, and nobody is told of a change. Returns the bytes that were written;
    /// 0 where it has changed meanwhile, or its tenant has no key in use. Err: `Full`, `KeyDenied`, `KeyAway`.
    pub async fn reseal(&self, what: &InClear) -> Result<u64> {
        let account = &what.path.container.account;
        let mut blob = match self.look_up(&what.path, what.snapshot) {
            Err(StoreError::BlobMissing | StoreError::ContainerMissing) => return Ok(0),
            found => found?,
        };
        let Some(key) = self.sealing_key(account).await? else { return Ok(0) };
        if blob.props.etag != what.etag || blob.is_elsewhere() {
            return Ok(0);
        }
        // That it is sealed is no use of it.
        blob.heat = Arc::default();
        let (length, etag, Source { place, .. }) = (blob.props.length, blob.props.etag, blob.source());
        let mut writer = self.begin_sealed(Some(key), Some(length))?;
        let mut content = pin!(blob.read(0..length)?);
        while let Some(bytes) = content.try_next().await? {
            writer.write(bytes).await?;
        }
        let body = writer.finish().await?;
        self.write(move |txn| {
            let Some(mut row) = txn.row(&place)?.filter(|row| row.props.etag == etag) else { return Ok(0) };
            if row.on_flash().is_err() {
                return Ok(0);
            }
            let pieces = txn.keep(body.pieces().to_vec())?;
            let before = std::mem::replace(&mut row.pieces, pieces);
            txn.free(before)?;
            txn.rewrite(&place, &row)?;
            Ok(length)
        })
        .await
    }
}

fn has_clear(snapshot: &Snapshot, row: &BlobRow) -> Result<bool> {
    let is_clear = |pieces: &[crate::piece::Piece]| pieces.iter().any(|piece| piece.kind() == FrameKind::Plain);
    Ok(match (&row.props.kind, &row.pieces) {
        (BlobKind::Page { .. }, List::Rows(list)) => {
            for begin in (0..row.props.length).step_by(PAGES_AT_ONCE as usize) {
                let window = begin..row.props.length.min(begin + PAGES_AT_ONCE);
                if snapshot.page_runs(*list, &window)?.iter().any(|(_, pieces)| is_clear(pieces)) {
                    return Ok(true);
                }
            }
            false
        }
        (_, List::Here(pieces)) => is_clear(pieces),
        (BlobKind::Block, pieces @ List::Rows(_)) => is_clear(&snapshot.pieces(pieces, &(0..row.props.length))?.1),
    })
}
