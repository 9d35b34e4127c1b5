//! Who is told of changes: an account's change feed, and its sinks. What happened waits in the outbox until all of them have it.

use crate::blobs::{Content, replace, written};
use crate::body::Body;
use crate::catalog::Txn;
use crate::clock::Timestamp;
use crate::containers::make_system_container;
use crate::error::Result;
use crate::props::{BlobDraft, HttpHeaders};
use crate::rows::{FeedRow, KeptSink, SinkRow, corrupt};
use crate::secrets::{SecretOf, Secrets};
use crate::store::Store;
use greenroom_model::feed::{BlobEvent, ChangeFeed, FEED_CONTAINER, Sink};
use greenroom_model::{AccountName, BlobName, BlobPath, ContainerName, ContainerPath};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An account whose changes are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    pub account: AccountName,
    pub feed: Option<Feed>,
    pub sinks: BTreeMap<String, Delivered>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feed {
    pub settings: ChangeFeed,
    pub since: Timestamp,
    /// All that happened before is in it.
    pub until: Timestamp,
    /// The last event that is in it.
    pub published: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    pub sink: Sink,
    /// The last event that it has.
    pub last: u64,
    pub dropped: u64,
}

/// A part of a feed that is to be published.
#[derive(Debug)]
pub struct Part {
    /// The last event in it; `None` where there is none.
    pub last: Option<u64>,
    /// All that happened before is in the feed with this part.
    pub ends: Option<Timestamp>,
    /// Where in the feed's container, and of what type.
    pub files: Vec<(BlobName, &'static str, Body)>,
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    Yes,
    /// More had happened before its end: nothing was written.
    MoreCame,
}

impl Store {
    /// Switches an account's feed on, changes how it is written, or ends it: what was published stays. Err: `AccountMissing`.
    pub async fn set_feed(&self, account: &AccountName, settings: Option<ChangeFeed>) -> Result<()> {
        let account = account.clone();
        self.write(move |txn| {
            let was = txn.feed_row(&account)?;
            let mut row = FeedRow { feed: settings, ..was.clone() };
            if was.feed.is_none() && settings.is_some() {
                make_system_container(txn, &feed_of(&account))?;
                (row.since_us, row.until_us, row.published) = (txn.now.0, txn.now.0, txn.books.head.id);
                txn.put_feed(&account, row)?;
                return txn.tell_of_feed(&account);
            }
            txn.put_feed(&account, row)
        })
        .await
    }

    /// Makes or changes a sink, which is told of what happens from now on, or removes it. Err: `AccountMissing`.
    pub async fn set_sink(&self, account: &AccountName, name: String, sink: Option<Sink>) -> Result<()> {
        let account = account.clone();
        let sink = sink.map(|sink| KeptSink::of(sink, &SecretOf::sink(&account, &name), self.secrets()));
        self.write(move |txn| {
            let mut row = txn.feed_row(&account)?;
            match (sink, row.sinks.get_mut(&name)) {
                (None, _) => drop(row.sinks.remove(&name)),
                (Some(sink), Some(known)) => known.sink = sink,
                (Some(sink), None) => {
                    row.sinks.insert(name, SinkRow { sink, delivered: txn.books.head.id, dropped: 0 });
                }
            }
            txn.put_feed(&account, row)
        })
        .await
    }

    /// Ends an account's feed and all of its sinks. Err: `AccountMissing`.
    pub async fn tell_nobody(&self, account: &AccountName) -> Result<()> {
        let account = account.clone();
        self.write(move |txn| {
            let row = txn.feed_row(&account)?;
            if row.is_told() {
                txn.put_feed(&account, FeedRow { until_us: row.until_us, ..FeedRow::default() })
            } else {
                Ok(())
            }
        })
        .await
    }

    /// Every account whose changes are told. Err: `SecretSealed`.
    pub fn told(&self) -> Result<Vec<Subscribed>> {
        let rows = self.snapshot()?.feeds()?;
        rows.into_iter().map(|(account, row)| subscribed(account, row, self.secrets())).collect()
    }

    /// How many events of an account somebody does not have yet.
    pub fn waiting(&self, account: &AccountName) -> u64 {
        self.with_stored(|stored| stored.outboxes.get(account).map_or(0, |outbox| outbox.waiting))
    }

    /// So many events of an account after one, the oldest first.
    pub async fn events(&self, account: &AccountName, after: u64, max: usize) -> Result<Vec<Arc<BlobEvent>>> {
        let account = account.clone();
        self.read_many(move |snapshot| snapshot.events(&account, after, max)).await
    }

    /// Adds a part to a feed and takes its events out of the outbox, in one transaction. Err: `AccountMissing`, `ContainerMissing`.
    pub async fn publish(&self, account: &AccountName, part: Part) -> Result<Published> {
        let account = account.clone();
        self.write(move |txn| publish(txn, &account, part)).await
    }

    /// A sink has the events up to this one. One that is gone has none.
    pub async fn delivered(&self, account: &AccountName, name: &str, last: u64) -> Result<()> {
        let (account, name) = (account.clone(), name.to_owned());
        self.write(move |txn| {
            let mut row = txn.feed_row(&account)?;
            let Some(sink) = row.sinks.get_mut(&name) else { return Ok(()) };
            sink.delivered = sink.delivered.max(last);
            txn.put_feed(&account, row)
        })
        .await
    }
}

/// The container of an account's feed.
pub fn feed_of(account: &AccountName) -> ContainerPath {
    let container = ContainerName::new(FEED_CONTAINER).expect("the rule names it");
    ContainerPath { account: account.clone(), container }
}

fn subscribed(account: AccountName, row: FeedRow, secrets: &Secrets) -> Result<Subscribed> {
    let feed = row.feed.map(|settings| Feed {
        settings,
        since: Timestamp(row.since_us),
        until: Timestamp(row.until_us),
        published: row.published,
    });
    let sink = |(name, SinkRow { sink, delivered, dropped }): (String, SinkRow)| {
        let sink = sink.open(&SecretOf::sink(&account, &name), secrets)?;
        Ok((name, Delivered { sink, last: delivered, dropped }))
    };
    let sinks = row.sinks.into_iter().map(sink).collect::<Result<_>>()?;
    Ok(Subscribed { account, feed, sinks })
}

impl KeptSink {
    fn of(sink: Sink, of: &SecretOf, secrets: &Secrets) -> Self {
        match sink {
            Sink::Webhook { url, shape } => KeptSink::Webhook { url: secrets.keep(of, url.as_bytes()), shape },
            Sink::Pull => KeptSink::Pull,
            Sink::Kafka { brokers, topic } => KeptSink::Kafka { brokers, topic },
        }
    }

    fn open(self, of: &SecretOf, secrets: &Secrets) -> Result<Sink> {
        Ok(match self {
            KeptSink::Webhook { url, shape } => {
                let url = secrets.open(of, &url)?;
                let url = str::from_utf8(&url).map_err(|error| corrupt(&error.to_string()))?.to_owned();
                Sink::Webhook { url, shape }
            }
            KeptSink::Pull => Sink::Pull,
            KeptSink::Kafka { brokers, topic } => Sink::Kafka { brokers, topic },
        })
    }
}

fn publish(txn: &mut Txn<'_>, account: &AccountName, part: Part) -> Result<Published> {
    let mut row = txn.feed_row(account)?;
    // A part of a feed that has been switched off meanwhile is nobody's.
    if row.feed.is_none() {
        return Ok(Published::Yes);
    }
    row.published = row.published.max(part.last.unwrap_or(0));
    if let Some(ends) = part.ends {
        let next = txn.first_after(account, row.published)?;
        if next.is_some_and(|event| event.at_us < ends.0) {
            return Ok(Published::MoreCame);
        }
        row.until_us = row.until_us.max(ends.0);
    }
    for (name, content_type, body) in part.files {
        put_file(txn, BlobPath { container: feed_of(account), name }, content_type, &body)?;
    }
    txn.put_feed(account, row)?;
    Ok(Published::Yes)
}

fn put_file(txn: &mut Txn<'_>, path: BlobPath, content_type: &str, body: &Body) -> Result<()> {
    let (container, key, old) = txn.look_up(&path)?;
    let headers = HttpHeaders { content_type: Some(content_type.to_owned()), ..HttpHeaders::default() };
    let draft = BlobDraft { headers, ..BlobDraft::default() };
    let props = written(txn, draft, old.as_ref(), body.length(), body.crc64());
    let pieces = txn.keep(body.pieces().to_vec())?;
    replace(txn, &container.tenant, &key, old, Content { props, pieces, blocks: Vec::new() })?;
    Ok(())
}
