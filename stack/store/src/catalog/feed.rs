//! The outbox: what happened to blobs and was not told to everybody yet. Written by the transaction of what happened.

use super::snapshot::Snapshot;
use super::tables::{FEED, FEEDS};
use super::txn::{News, Txn};
use crate::error::{Result, StoreError};
use crate::props::{BlobKind, BlobProps};
use crate::rows::{FeedRow, blob_name, corrupt, decode, encode};
use crate::usage::{OutboxUsage, Owner};
use greenroom_model::feed::{BlobEvent, BlobType, EventKind, FEED_CONTAINER};
use greenroom_model::{AccountName, BlobName, ContainerName};
use redb::{ReadTransaction, ReadableTable as _};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An outbox with more events in it gives up the oldest of them, should sinks alone wait for those: who is away for that long has to look for
/// itself. Some 40 MB.
pub const OUTBOX_EVENTS_MAX: u64 = 100_000;
/// Rows that one transaction removes.
const TRIM_ROWS: usize = 4_000;

/// What is known of an account's outbox while it is open.
#[derive(Debug, Clone)]
pub struct Outbox {
    pub row: FeedRow,
    /// No event is told with an earlier time, whatever the clock says.
    pub last_us: i64,
    pub usage: OutboxUsage,
}

/// Of every account whose changes are told.
pub type Outboxes = BTreeMap<AccountName, Outbox>;

pub fn read_outboxes(txn: &ReadTransaction) -> Result<Outboxes> {
    let (feeds, feed) = (txn.open_table(FEEDS)?, txn.open_table(FEED)?);
    let mut outboxes = Outboxes::new();
    for item in feeds.iter()? {
        let (account, row) = item?;
        let row: FeedRow = decode(row.value())?;
        let (mut waiting, mut last_us) = (0, row.until_us);
        for item in feed.range((account.value(), 0)..=(account.value(), u64::MAX))? {
            waiting += 1;
            // A row that cannot be read is told of where it is asked for; a start must not fail for it.
            last_us = last_us.max(decode::<BlobEvent>(item?.1.value()).map_or(last_us, |event| event.at_us));
        }
        let account = AccountName::new(account.value()).map_err(|error| corrupt(&error.to_string()))?;
        outboxes.insert(account, Outbox { row, last_us, usage: OutboxUsage { events: 0, waiting } });
    }
    Ok(outboxes)
}

impl Txn<'_> {
    /// Whether anybody is told of what happens there.
    pub fn is_told_of(&self, owner: &Owner) -> bool {
        owner.is_clients() && self.books.outboxes.contains_key(&owner.account)
    }

    /// Puts what has become of a blob into the outbox.
    pub(super) fn tell(&mut self, owner: &Owner, key: &[u8], props: &BlobProps, news: News) -> Result<()> {
        let News::Of(kind) = news else { return Ok(()) };
        if !self.is_told_of(owner) {
            return Ok(());
        }
        let event = BlobEvent {
            kind,
            container: owner.container.clone(),
            blob: Some(BlobName::new(blob_name(key)?).map_err(|error| corrupt(&error.to_string()))?),
            etag: props.etag.0,
            content_type: props.headers.content_type.clone().unwrap_or_default(),
            content_length: props.length,
            blob_type: match props.kind {
                BlobKind::Block => BlobType::Block,
                BlobKind::Page { .. } => BlobType::Page,
            },
            ..self.blank(&owner.account)
        };
        self.put_event(event)
    }

    /// The feed begins here.
    pub fn tell_of_feed(&mut self, account: &AccountName) -> Result<()> {
        let event = self.blank(account);
        self.put_event(event)
    }

    fn blank(&mut self, account: &AccountName) -> BlobEvent {
        let last_us = self.books.outboxes.get(account).map_or(i64::MIN, |outbox| outbox.last_us);
        BlobEvent {
            sequence: self.next_id(),
            at_us: self.now.0.max(last_us),
            kind: EventKind::Control,
            account: account.clone(),
            container: ContainerName::new(FEED_CONTAINER).expect("the rule names it"),
            blob: None,
            cause: self.cause.as_deref().cloned().unwrap_or_default(),
            etag: 0,
            content_type: String::new(),
            content_length: 0,
            blob_type: BlobType::Block,
        }
    }

    fn put_event(&mut self, event: BlobEvent) -> Result<()> {
        self.dirty = true;
        let account = event.account.as_str();
        self.feed.insert((account, event.sequence), encode(&event).as_slice())?;
        let Some(outbox) = self.books.outboxes.get_mut(&event.account) else { return Ok(()) };
        outbox.last_us = event.at_us;
        outbox.usage.events += 1;
        outbox.usage.waiting += 1;
        let is_full = outbox.usage.waiting > OUTBOX_EVENTS_MAX;
        self.books.touch_outbox(&event.account);
        if is_full { self.give_up(&event.account) } else { Ok(()) }
    }

    /// Takes the oldest event from the sinks that do not have it. The feed gives up nothing: it is on flash either way.
    fn give_up(&mut self, account: &AccountName) -> Result<()> {
        let Some(oldest) = self.first_after(account, 0)?.map(|event| event.sequence) else { return Ok(()) };
        let Some(outbox) = self.books.outboxes.get_mut(account) else { return Ok(()) };
        for sink in outbox.row.sinks.values_mut().filter(|sink| sink.delivered < oldest) {
            (sink.delivered, sink.dropped) = (oldest, sink.dropped + 1);
        }
        let row = outbox.row.clone();
        self.put_feed(account, row)
    }

    /// The first event in the outbox after one.
    pub fn first_after(&self, account: &AccountName, after: u64) -> Result<Option<BlobEvent>> {
        let range = (account.as_str(), after.saturating_add(1))..=(account.as_str(), u64::MAX);
        let first = self.feed.range(range)?.next().transpose()?;
        first.map(|(_, row)| decode(row.value())).transpose()
    }

    /// Writes how far everybody has come, and removes a bounded number of the events that all of them have. Where nobody is told any more the
    /// row goes with the last of them.
    pub fn put_feed(&mut self, account: &AccountName, row: FeedRow) -> Result<()> {
        self.dirty = true;
        let range = (account.as_str(), 0)..=(account.as_str(), row.settled());
        let settled: Result<Vec<u64>> =
            self.feed.range(range)?.take(TRIM_ROWS).map(|item| Ok(item?.0.value().1)).collect();
        let settled = settled?;
        for sequence in &settled {
            self.feed.remove((account.as_str(), *sequence))?;
        }
        let outbox = self.books.outboxes.entry(account.clone()).or_insert_with(|| Outbox {
            row: FeedRow::default(),
            last_us: self.now.0,
            usage: OutboxUsage::default(),
        });
        outbox.usage.waiting = outbox.usage.waiting.saturating_sub(settled.len() as u64);
        outbox.last_us = outbox.last_us.max(row.until_us);
        if row.is_told() || outbox.usage.waiting > 0 {
            self.feeds.insert(account.as_str(), encode(&row).as_slice())?;
            outbox.row = row;
        } else {
            self.feeds.remove(account.as_str())?;
            self.books.outboxes.remove(account);
        }
        self.books.touch_outbox(account);
        Ok(())
    }

    /// As it is now. Err: `AccountMissing`.
    pub fn feed_row(&self, account: &AccountName) -> Result<FeedRow> {
        if self.accounts.get(account.as_str())?.is_none() {
            return Err(StoreError::AccountMissing(account.clone()));
        }
        Ok(self.books.outboxes.get(account).map(|outbox| outbox.row.clone()).unwrap_or_default())
    }
}

impl Snapshot {
    pub fn feeds(&self) -> Result<Vec<(AccountName, FeedRow)>> {
        let table = self.txn.open_table(FEEDS)?;
        let rows = table.iter()?.map(|item| {
            let (account, row) = item?;
            let account = AccountName::new(account.value()).map_err(|error| corrupt(&error.to_string()))?;
            Ok((account, decode(row.value())?))
        });
        rows.collect()
    }

    /// So many events after one, the oldest first.
    pub fn events(&self, account: &AccountName, after: u64, max: usize) -> Result<Vec<Arc<BlobEvent>>> {
        let table = self.txn.open_table(FEED)?;
        let range = (account.as_str(), after.saturating_add(1))..=(account.as_str(), u64::MAX);
        table.range(range)?.take(max).map(|item| Ok(Arc::new(decode(item?.1.value())?))).collect()
    }
}
