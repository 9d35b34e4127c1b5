//! What format 10 held otherwise, and the step from it: all that is sealed is sealed by its tenant's key. What blobs, blocks, containers and
//! data keys say of that is a byte each. Data keys have an id from now on, which they keep wherever they go.

use crate::acl::ContainerAcl;
use crate::catalog::tables::{BLOBS, Bytes, CONTAINERS, KEYS, SNAPSHOTS, STAGED};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::etag::ETag;
use crate::lease::Lease;
use crate::props::{BlobKind, CopyState, HttpHeaders, Metadata, Tags, Tier};
use crate::rows::{with_behind, with_last};
use crate::usage::Owner;
use redb::{Key, ReadableTable as _, Table, TableDefinition, WriteTransaction};
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use std::ops::{Bound, RangeBounds};

/// Rows rewritten at a time: what is held in memory of them.
const ROWS_AT_ONCE: usize = 1_000;
/// As `None`, and as the first of variants, are written: nothing is sealed by anything but its tenant's key.
const TENANTS: u8 = 0;

/// What is said of a blob, with which its row begins.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read for its length")]
struct Props {
    length: u64,
    etag: ETag,
    created: Timestamp,
    modified: Timestamp,
    headers: HttpHeaders,
    metadata: Metadata,
    tags: Tags,
    tier: Option<Tier>,
    tier_changed: Option<Timestamp>,
    crc64: u64,
    lease: Lease,
    copy: Option<Box<CopyState>>,
    kind: BlobKind,
}

/// The beginning of a container's row, up to what is said of it.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is read for its length")]
struct Container {
    id: u64,
    tenant: Owner,
    etag: ETag,
    created: Timestamp,
    modified: Timestamp,
    metadata: Metadata,
    lease: Lease,
    acl: ContainerAcl,
}

pub fn to_11(txn: &WriteTransaction) -> Result<()> {
    named(txn, BLOBS, blob)?;
    snapshots(txn)?;
    staged(txn)?;
    named(txn, CONTAINERS, container)?;
    keys(txn)
}

/// A blob's row, or a snapshot's, as format 11 writes it.
pub fn blob(row: &[u8]) -> Result<Vec<u8>> {
    with_behind::<Props>(row, &TENANTS)
}

/// As `blob`, of a container.
pub fn container(row: &[u8]) -> Result<Vec<u8>> {
    with_behind::<Container>(row, &TENANTS)
}

/// Of blobs, and of containers.
fn named(
    txn: &WriteTransaction,
    table: TableDefinition<'_, Bytes, Bytes>,
    grow: impl Fn(&[u8]) -> Result<Vec<u8>>,
) -> Result<()> {
    let mut table = txn.open_table(table)?;
    let mut from = Bound::Unbounded;
    loop {
        let rows = take::<Bytes, _>(&table, (from.as_ref().map(Vec::as_slice), Bound::Unbounded), <[u8]>::to_vec)?;
        let Some((last, _)) = rows.last().cloned() else { return Ok(()) };
        for (key, row) in rows {
            // One that cannot be read stays, and a check tells of it.
            if let Ok(row) = grow(&row) {
                table.insert(key.as_slice(), row.as_slice())?;
            }
        }
        from = Bound::Excluded(last);
    }
}

fn snapshots(txn: &WriteTransaction) -> Result<()> {
    let mut table = txn.open_table(SNAPSHOTS)?;
    let mut from = Bound::Unbounded;
    loop {
        let rows = take::<(u64, i64), _>(&table, (from, Bound::Unbounded), |key| key)?;
        let Some((last, _)) = rows.last().cloned() else { return Ok(()) };
        for (key, row) in rows {
            if let Ok(row) = blob(&row) {
                table.insert(key, row.as_slice())?;
            }
        }
        from = Bound::Excluded(last);
    }
}

fn staged(txn: &WriteTransaction) -> Result<()> {
    let mut table = txn.open_table(STAGED)?;
    let mut from: Bound<(u64, Vec<u8>)> = Bound::Unbounded;
    loop {
        let begin = from.as_ref().map(|(staging, id)| (*staging, id.as_slice()));
        let rows = take::<(u64, Bytes), _>(&table, (begin, Bound::Unbounded), |(staging, id)| (staging, id.to_vec()))?;
        let Some((last, _)) = rows.last().cloned() else { return Ok(()) };
        for ((staging, id), row) in rows {
            if let Ok(row) = with_last(&row, &TENANTS) {
                table.insert((staging, id.as_slice()), row.as_slice())?;
            }
        }
        from = Bound::Excluded(last);
    }
}

/// Those of before have never left their folder: their ids are made of what they are.
fn keys(txn: &WriteTransaction) -> Result<()> {
    let mut table = txn.open_table(KEYS)?;
    let numbers: Result<Vec<u32>> = table.iter()?.map(|item| Ok(item?.0.value())).collect();
    for number in numbers? {
        let Some(row) = table.get(number)?.map(|row| row.value().to_vec()) else { continue };
        let digest = digest(&SHA256, &[&number.to_le_bytes(), row.as_slice()].concat());
        let id: [u8; 16] = *digest.as_ref().first_chunk().expect("a digest is longer");
        table.insert(number, with_last(&with_last(&row, &id)?, &TENANTS)?.as_slice())?;
    }
    Ok(())
}

/// The next rows of a table, owned.
pub fn take<'a, K: Key + 'static, O>(
    table: &Table<'_, K, Bytes>,
    range: impl RangeBounds<K::SelfType<'a>> + 'a,
    own: impl Fn(K::SelfType<'_>) -> O,
) -> Result<Vec<(O, Vec<u8>)>> {
    let rows = table.range::<K::SelfType<'a>>(range)?.take(ROWS_AT_ONCE);
    rows.map(|item| {
        let (key, row) = item?;
        Ok((own(key.value()), row.value().to_vec()))
    })
    .collect()
}
