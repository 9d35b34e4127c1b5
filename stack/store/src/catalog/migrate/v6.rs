//! What format 6 held otherwise, and the step from it: what is kept besides content is not counted yet. Rows grow at their ends.

use super::v10::{self, take};
use crate::catalog::tables::{BLOBS, BLOCKS, Bytes, CONTAINERS, GARBAGE, HELD, SNAPSHOTS, USAGE};
use crate::error::Result;
use crate::rows::{
    BlobRow, CommittedBlock, ContainerRow, GarbageRow, List, beside, blob_name, decode, encode, with_last,
};
use crate::usage::Owner;
use redb::{ReadableTable, WriteTransaction};
use std::collections::BTreeMap;
use std::ops::Bound;

/// What is kept of each container's, by number.
#[derive(Default)]
struct Records {
    owners: BTreeMap<u64, (Owner, u64)>,
    /// The container of a set of snapshots.
    sets: BTreeMap<u64, u64>,
}

impl Records {
    fn add(&mut self, owner: Owner, bytes: u64) {
        self.owners.entry(owner.id).or_insert((owner, 0)).1 += bytes;
    }

    fn add_to(&mut self, container: u64, bytes: u64) {
        if let Some((_, sum)) = self.owners.get_mut(&container) {
            *sum += bytes;
        }
    }
}

pub fn to_7(txn: &WriteTransaction) -> Result<()> {
    let mut records = Records::default();
    for item in txn.open_table(CONTAINERS)?.iter()? {
        let row: ContainerRow = decode(&v10::container(item?.1.value())?)?;
        let bytes = row.usage().record_bytes;
        records.add(row.tenant, bytes);
    }
    for item in txn.open_table(GARBAGE)?.iter()? {
        match decode(item?.1.value())? {
            GarbageRow::Container { tenant, .. } => records.add(tenant, 0),
            GarbageRow::Snapshots { set, tenant } => {
                records.sets.insert(set, tenant.id);
                records.add(tenant, 0);
            }
            GarbageRow::Staging(_) | GarbageRow::Pieces(_) | GarbageRow::BlockList(_) | GarbageRow::Draft(_) => {}
        }
    }
    blobs(txn, &mut records)?;
    snapshots(txn, &mut records)?;
    count_in(txn, records)
}

fn blobs(txn: &WriteTransaction, records: &mut Records) -> Result<()> {
    let (mut table, blocks) = (txn.open_table(BLOBS)?, txn.open_table(BLOCKS)?);
    let mut from = Bound::Unbounded;
    loop {
        let rows = take::<Bytes, _>(&table, (from.as_ref().map(Vec::as_slice), Bound::Unbounded), <[u8]>::to_vec)?;
        let Some((last, _)) = rows.last().cloned() else { return Ok(()) };
        for (key, row) in rows {
            let container = key.first_chunk().map_or(0, |id| u64::from_be_bytes(*id));
            let Some(grown) = grow(&row, blob_name(&key)?, &blocks)? else { continue };
            grown.set.map(|set| records.sets.insert(set, container));
            records.add_to(container, grown.record_bytes);
            table.insert(key.as_slice(), grown.row.as_slice())?;
        }
        from = Bound::Excluded(last);
    }
}

fn snapshots(txn: &WriteTransaction, records: &mut Records) -> Result<()> {
    let (mut table, blocks) = (txn.open_table(SNAPSHOTS)?, txn.open_table(BLOCKS)?);
    let mut from = Bound::Unbounded;
    loop {
        let rows = take::<(u64, i64), _>(&table, (from, Bound::Unbounded), |key| key)?;
        let Some((last, _)) = rows.last().cloned() else { return Ok(()) };
        for (key, row) in rows {
            // Its name is its blob's.
            let Some(grown) = grow(&row, "", &blocks)? else { continue };
            if let Some(container) = records.sets.get(&key.0).copied() {
                records.add_to(container, grown.record_bytes);
            }
            table.insert(key, grown.row.as_slice())?;
        }
        from = Bound::Excluded(last);
    }
}

/// A row as format 7 writes it.
struct Grown {
    row: Vec<u8>,
    record_bytes: u64,
    /// Of its snapshots.
    set: Option<u64>,
}

/// `None` where it cannot be read: it stays, and a check tells of it.
fn grow(row: &[u8], name: &str, blocks: &impl ReadableTable<(u64, u64), Bytes>) -> Result<Option<Grown>> {
    let today = with_last(row, &0u64).and_then(|row| v10::blob(&row));
    let Ok(mut blob) = today.and_then(|row| decode::<BlobRow>(&row)) else { return Ok(None) };
    blob.beside = beside(name, count(&blob.blocks, blocks)?);
    let (set, record_bytes) = (blob.snapshots, blob.record_bytes());
    Ok(Some(Grown { row: with_last(row, &blob.beside)?, record_bytes, set }))
}

fn count(list: &List<CommittedBlock>, table: &impl ReadableTable<(u64, u64), Bytes>) -> Result<usize> {
    let list = match list {
        List::Here(blocks) => return Ok(blocks.len()),
        List::Rows(list) => *list,
    };
    let mut count = 0;
    for item in table.range((list, 0)..=(list, u64::MAX))? {
        count += decode::<Vec<CommittedBlock>>(item?.1.value())?.len();
    }
    Ok(count)
}

/// Adds to the counters what was found.
fn count_in(txn: &WriteTransaction, records: Records) -> Result<()> {
    let mut tenants: BTreeMap<String, u64> = BTreeMap::new();
    let mut held = txn.open_table(HELD)?;
    for (id, (owner, bytes)) in records.owners {
        *tenants.entry(owner.tenant.to_string()).or_default() += bytes;
        let old = held.get(id)?.map(|row| row.value().to_vec());
        let row = match old {
            Some(row) => with_last(&row, &bytes)?,
            None if bytes == 0 => continue,
            None => encode(&(owner, records_alone(bytes))),
        };
        held.insert(id, row.as_slice())?;
    }
    let mut usage = txn.open_table(USAGE)?;
    let rows: Result<Vec<(String, Vec<u8>)>> = usage
        .iter()?
        .map(|item| {
            let (name, row) = item?;
            Ok((name.value().to_owned(), row.value().to_vec()))
        })
        .collect();
    for (name, row) in rows? {
        let bytes = tenants.remove(&name).unwrap_or_default();
        usage.insert(name.as_str(), with_last(&row, &bytes)?.as_slice())?;
    }
    for (name, bytes) in tenants {
        usage.insert(name.as_str(), encode(&records_alone(bytes)).as_slice())?;
    }
    Ok(())
}

/// Of somebody who holds nothing else: the eight numbers of format 7.
fn records_alone(bytes: u64) -> [u64; 8] {
    [0, 0, 0, 0, 0, 0, 0, bytes]
}
