//! What rows are found by.

use super::encoding::corrupt;
use crate::clock::Timestamp;
use crate::error::Result;
use greenroom_model::ContainerPath;
use std::ops::{Range, RangeInclusive};

/// Where a row of a blob lies in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// By its key.
    Base(Vec<u8>),
    /// By its set and moment.
    Snapshot(u64, Timestamp),
}

/// Orders by account, then container, neither of which can hold the byte between them.
pub fn container_key(path: &ContainerPath) -> Vec<u8> {
    [path.account.as_str().as_bytes(), &[0], path.container.as_str().as_bytes()].concat()
}

/// Orders by container, then bytes of the name. The container's id is of fixed length, so that a name may hold any byte.
pub fn blob_key(container: u64, name: &str) -> Vec<u8> {
    [container.to_be_bytes().as_slice(), name.as_bytes()].concat()
}

/// The name in a `blob_key`.
pub fn blob_name(key: &[u8]) -> Result<&str> {
    let name = key.get(size_of::<u64>()..).and_then(|name| std::str::from_utf8(name).ok());
    name.ok_or_else(|| corrupt("a key holds no name"))
}

/// All blocks of a staging: the next staging's first possible key ends them.
pub fn staged_range(staging: u64) -> Range<(u64, &'static [u8])> {
    (staging, &[])..(staging + 1, &[])
}

/// All snapshots of a set.
pub fn snapshot_range(set: u64) -> RangeInclusive<(u64, i64)> {
    (set, i64::MIN)..=(set, i64::MAX)
}
