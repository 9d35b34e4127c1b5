//! The engine's tables, by name: what each is keyed by. What their rows are made of is in `rows`.

use redb::TableDefinition;

pub type Bytes = &'static [u8];

/// `HEAD_KEY`; `LOG_KEY` once the store offloads; `AUDIT_KEY` once something was audited.
pub const HEAD: TableDefinition<&str, Bytes> = TableDefinition::new("head");
pub const HEAD_KEY: &str = "head";
pub const LOG_KEY: &str = "log";
pub const AUDIT_KEY: &str = "audit";
pub const TENANTS: TableDefinition<&str, Bytes> = TableDefinition::new("tenants");
pub const ACCOUNTS: TableDefinition<&str, Bytes> = TableDefinition::new("accounts");
/// Settings of accounts, by account.
pub const SERVICES: TableDefinition<&str, Bytes> = TableDefinition::new("services");
/// By `container_key`.
pub const CONTAINERS: TableDefinition<Bytes, Bytes> = TableDefinition::new("containers");
/// By `blob_key`.
pub const BLOBS: TableDefinition<Bytes, Bytes> = TableDefinition::new("blobs");
/// Snapshots of blobs, by set and moment.
pub const SNAPSHOTS: TableDefinition<(u64, i64), Bytes> = TableDefinition::new("snapshots");
/// What is staged for a blob, by `blob_key`.
pub const STAGINGS: TableDefinition<Bytes, Bytes> = TableDefinition::new("stagings");
/// Staged blocks, by staging and block id.
pub const STAGED: TableDefinition<(u64, Bytes), Bytes> = TableDefinition::new("staged");
/// Parts of long piece lists, by list and by where in the content the part begins. A page blob's list has gaps, which are zeros.
pub const PIECES: TableDefinition<(u64, u64), Bytes> = TableDefinition::new("pieces");
/// Parts of long lists of committed blocks, by list and number.
pub const BLOCKS: TableDefinition<(u64, u64), Bytes> = TableDefinition::new("blocks");
pub const EXTENTS: TableDefinition<u32, Bytes> = TableDefinition::new("extents");
pub const USAGE: TableDefinition<&str, Bytes> = TableDefinition::new("usage");
/// What containers hold, by their ids: with their owners, so that it adds up for each.
pub const HELD: TableDefinition<u64, Bytes> = TableDefinition::new("held");
/// What is still to be removed, in small transactions.
pub const GARBAGE: TableDefinition<u64, Bytes> = TableDefinition::new("garbage");
/// Places in the cloud that nothing here needs any more, by `CloudPlace::key`: the cloud has yet to be told.
pub const RELEASES: TableDefinition<Bytes, Bytes> = TableDefinition::new("releases");
/// What happened and was not told to everybody yet, by account and sequence.
pub const FEED: TableDefinition<(&str, u64), Bytes> = TableDefinition::new("feed");
/// Mirrors, by account and name.
pub const MIRRORS: TableDefinition<(&str, &str), Bytes> = TableDefinition::new("mirrors");
/// The containers that mirrors have made, by their ids.
pub const MIRRORED: TableDefinition<u64, Bytes> = TableDefinition::new("mirrored");
/// Data keys of tenants, wrapped, by their numbers.
pub const KEYS: TableDefinition<u32, Bytes> = TableDefinition::new("keys");
/// Who is told of an account's changes, and how far.
pub const FEEDS: TableDefinition<&str, Bytes> = TableDefinition::new("feeds");
