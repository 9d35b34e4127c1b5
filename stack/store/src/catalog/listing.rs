//! Listings that seek: a page reads its own entries, and one row for each prefix that it rolls up.

use super::snapshot::Snapshot;
use super::tables::{BLOBS, Bytes, CONTAINERS, SNAPSHOTS, STAGINGS};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::list::{BlobPage, ContainerPage, Entry, LIST_MAX, ListQuery, ListSnapshots, ListSystem, ListUncommitted};
use crate::props::BlobProps;
use crate::rows::{BlobRow, ContainerRow, blob_key, blob_name, corrupt, decode};
use greenroom_model::feed::FEED_CONTAINER;
use greenroom_model::{AccountName, BlobName, ContainerName};
use redb::AccessGuard;
use std::cmp::Ordering;

impl Snapshot {
    pub fn list_blobs(&self, container: u64, query: &ListQuery) -> Result<BlobPage> {
        let (blobs, stagings) = (self.txn.open_table(BLOBS)?, self.txn.open_table(STAGINGS)?);
        let key = |name: &str| blob_key(container, name);
        let end = past(key(&query.prefix));
        let end = query.before.as_deref().map_or(end.clone(), |before| end.min(key(before)));
        let max = query.max.clamp(1, LIST_MAX);
        let mut page = BlobPage { entries: Vec::new(), next: None, next_snapshot: None, rows: 0 };
        let (mut start, mut row_bytes) = (key(&query.prefix), 0);
        if let Some(from) = &query.from {
            start = start.max(key(from));
        }
        if let Some(after) = &query.after {
            // A name that is rolled up was listed as its prefix, and all of that with it.
            start = start.max(match (rolled_up(after, query), query.after_snapshot) {
                (Some(prefix), _) => past(key(prefix)),
                (None, None) => next_key(key(after)),
                (None, Some(_)) => key(after),
            });
        }
        'seek: while start < end {
            // An empty range where nothing of the kind is asked for.
            let staged_end = match query.uncommitted {
                ListUncommitted::List => &end,
                ListUncommitted::Leave => &start,
            };
            let stagings = stagings.range(start.as_slice()..staged_end.as_slice())?;
            for item in merged(blobs.range(start.as_slice()..end.as_slice())?, stagings) {
                let (found, row) = item?;
                page.rows += 1;
                let name = blob_name(found.value())?;
                if page.entries.len() == max || row_bytes >= query.row_bytes_max {
                    return Ok(cut(page));
                }
                row_bytes += found.value().len() + row.as_ref().map_or(0, |row| row.value().len());
                if let Some(prefix) = rolled_up(name, query) {
                    page.entries.push(Entry::Prefix(prefix.to_owned()));
                    start = past(key(prefix));
                    continue 'seek;
                }
                let name = BlobName::new(name).map_err(|error| corrupt(&error.to_string()))?;
                let Some(row) = row else {
                    page.entries.push(Entry::Uncommitted(name));
                    continue;
                };
                let row: BlobRow = decode(row.value())?;
                if let (Some(set), ListSnapshots::List) = (row.snapshots, query.snapshots) {
                    let after = query.after_snapshot.filter(|_| query.after.as_deref() == Some(name.as_str()));
                    for snapshot in self.snapshots_of(set, after)?.take(max - page.entries.len()) {
                        let (time, props, bytes) = snapshot?;
                        page.rows += 1;
                        row_bytes += bytes;
                        page.entries.push(Entry::Snapshot(name.clone(), time, props));
                        if row_bytes >= query.row_bytes_max {
                            return Ok(cut(page));
                        }
                    }
                    if page.entries.len() == max {
                        return Ok(cut(page));
                    }
                }
                page.entries.push(Entry::Blob(name, row.props));
            }
            break;
        }
        Ok(page)
    }

    fn snapshots_of(
        &self,
        set: u64,
        after: Option<Timestamp>,
    ) -> Result<impl Iterator<Item = Result<(Timestamp, BlobProps, usize)>>> {
        let first = after.map_or(i64::MIN, |after| after.0.saturating_add(1));
        let rows = self.txn.open_table(SNAPSHOTS)?.range((set, first)..=(set, i64::MAX))?;
        Ok(rows.map(|item| {
            let (key, row) = item?;
            Ok((Timestamp(key.value().1), decode::<BlobRow>(row.value())?.props, row.value().len()))
        }))
    }

    pub fn list_containers(&self, account: &AccountName, query: &ListQuery) -> Result<ContainerPage> {
        let table = self.txn.open_table(CONTAINERS)?;
        let key = |name: &str| [account.as_str().as_bytes(), &[0], name.as_bytes()].concat();
        let end = past(key(&query.prefix));
        let mut start = key(&query.prefix);
        if let Some(after) = &query.after {
            start = start.max(next_key(key(after)));
        }
        let max = query.max.clamp(1, LIST_MAX);
        let (mut page, mut row_bytes) = (ContainerPage { entries: Vec::new(), next: None }, 0);
        if start >= end {
            return Ok(page);
        }
        for item in table.range(start.as_slice()..end.as_slice())? {
            let (found, row) = item?;
            if page.entries.len() == max || row_bytes >= query.row_bytes_max {
                page.next = page.entries.last().map(|(name, _)| name.to_string());
                break;
            }
            row_bytes += row.value().len();
            let name = found.value().get(key("").len()..).and_then(|name| std::str::from_utf8(name).ok());
            let name = name.and_then(|name| ContainerName::new(name).ok());
            let name = name.ok_or_else(|| corrupt("a key holds no container's name"))?;
            if query.system == ListSystem::Leave && name.as_str() == FEED_CONTAINER {
                continue;
            }
            page.entries.push((name, decode::<ContainerRow>(row.value())?.props));
        }
        Ok(page)
    }
}

/// Ends a page before the end of the list.
fn cut(mut page: BlobPage) -> BlobPage {
    let last = page.entries.last();
    page.next = last.map(|entry| entry.name().to_owned());
    page.next_snapshot = match last {
        Some(Entry::Snapshot(_, time, _)) => Some(*time),
        Some(Entry::Blob(..) | Entry::Uncommitted(_) | Entry::Prefix(_)) | None => None,
    };
    page
}

type Guard = AccessGuard<'static, Bytes>;

/// Blobs, and the names under which only blocks are staged, which come without a row, in one order.
fn merged(
    blobs: redb::Range<'static, Bytes, Bytes>,
    stagings: redb::Range<'static, Bytes, Bytes>,
) -> impl Iterator<Item = Result<(Guard, Option<Guard>)>> {
    let (mut blobs, mut stagings) = (blobs.peekable(), stagings.peekable());
    std::iter::from_fn(move || {
        let order = match (blobs.peek(), stagings.peek()) {
            (Some(Ok((blob, _))), Some(Ok((staged, _)))) => blob.value().cmp(staged.value()),
            (None, Some(_)) => Ordering::Greater,
            (_, None) | (Some(Err(_)), _) | (_, Some(Err(_))) => Ordering::Less,
        };
        let next = match order {
            Ordering::Greater => stagings.next()?.map(|(key, _)| (key, None)),
            Ordering::Less => blobs.next()?.map(|(key, row)| (key, Some(row))),
            Ordering::Equal => {
                stagings.next();
                blobs.next()?.map(|(key, row)| (key, Some(row)))
            }
        };
        Some(next.map_err(Into::into))
    })
}

/// The prefix under which a listing rolls this name up, if it does.
fn rolled_up<'n>(name: &'n str, query: &ListQuery) -> Option<&'n str> {
    let delimiter = query.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
    let at = name.strip_prefix(query.prefix.as_str())?.find(delimiter)?;
    Some(&name[..query.prefix.len() + at + delimiter.len()])
}

/// The least key that is greater.
fn next_key(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// The least key that is greater than all that begin with this one. There always is one: text holds no byte 255, and a container's id
/// is not the last number.
fn past(mut prefix: Vec<u8>) -> Vec<u8> {
    while prefix.pop_if(|byte| *byte == u8::MAX).is_some() {}
    if let Some(last) = prefix.last_mut() {
        *last += 1;
    }
    prefix
}
