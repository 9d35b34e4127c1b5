//! What is told of changes: events of blobs, who caused them, and the settings of an account's change feed.
//! Source of kinds and fields: "Change feed support in Azure Blob Storage".

use crate::{AccountName, BlobName, ContainerName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The container that an account's change feed lies in; no client writes there.
pub const FEED_CONTAINER: &str = "$blobchangefeed";
/// Azure's own segments are of an hour; a stage has no time for that.
pub const SEGMENT_SECONDS_DEFAULT: u32 = 60;
pub const SEGMENT_SECONDS_MAX: u32 = 3_600;
/// Azure's bound: "Retention is between 1 and 146,000 days".
pub const RETENTION_DAYS_MAX: u32 = 146_000;
pub const SHARDS_MAX: u16 = 16;

/// What happened to a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// Written or overwritten.
    Created,
    Deleted,
    /// Something is said otherwise of it, or part of its content is other: headers, metadata, tags, pages.
    PropertiesUpdated,
    SnapshotCreated,
    /// By a client.
    TierChanged,
    /// Of the feed itself: it begins here. Names no blob.
    Control,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlobType {
    Block,
    Page,
}

/// Who asked for a change, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct Cause {
    /// Azure's name of the operation without its spaces, such as `PutBlob`.
    pub api: String,
    pub request_id: String,
    /// Empty where the client sent none.
    pub client_request_id: String,
}

/// One change of one blob, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct BlobEvent {
    /// Grows with every event of a store: events of one blob are in its order.
    pub sequence: u64,
    /// Microseconds since the Unix epoch; never less than those of the event before it.
    pub at_us: i64,
    pub kind: EventKind,
    pub account: AccountName,
    pub container: ContainerName,
    /// `None` of a control event.
    pub blob: Option<BlobName>,
    pub cause: Cause,
    /// As a number; printed as `0x8D…`.
    pub etag: u64,
    pub content_type: String,
    pub content_length: u64,
    pub blob_type: BlobType,
}

/// An account's change feed: how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeFeed {
    /// How long a segment is, in seconds: 1 to 3,600, and a whole part of an hour. What happened is consumable once its segment has ended.
    #[serde(default = "segment_seconds")]
    pub segment_seconds: u32,
    /// How many days a segment is kept; absent: for ever.
    // Written even where it is absent: the store's rows name no fields.
    #[serde(default)]
    pub retention_days: Option<u32>,
    /// Into how many logs a segment is parted: 1 to 16. One blob's events are in one.
    #[serde(default = "one")]
    pub shards: u16,
}

impl Default for ChangeFeed {
    fn default() -> Self {
        Self { segment_seconds: SEGMENT_SECONDS_DEFAULT, retention_days: None, shards: 1 }
    }
}

impl ChangeFeed {
    /// What is wrong with it, as a sentence.
    pub fn check(&self) -> Result<(), String> {
        let seconds = self.segment_seconds;
        if !(1..=SEGMENT_SECONDS_MAX).contains(&seconds) || !SEGMENT_SECONDS_MAX.is_multiple_of(seconds) {
            return Err(format!(
                "segment_seconds is {seconds}: give 1 to {SEGMENT_SECONDS_MAX}, a whole part of an hour"
            ));
        }
        if let Some(days) = self.retention_days.filter(|days| !(1..=RETENTION_DAYS_MAX).contains(days)) {
            return Err(format!(
                "retention_days is {days}: give 1 to {RETENTION_DAYS_MAX}, or leave it out to keep all"
            ));
        }
        if !(1..=SHARDS_MAX).contains(&self.shards) {
            return Err(format!("shards is {}: give 1 to {SHARDS_MAX}", self.shards));
        }
        Ok(())
    }
}

/// Where events are delivered to, one after the other, at least once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sink {
    /// Each batch is posted to it, in the order of its events.
    Webhook { url: String, shape: Shape },
    /// Whoever asks for them, and says with the next question up to which event all have come: `greenroom-stack events tail` does.
    Pull,
    /// Each event is a record of a topic of a Kafka cluster, which must have it: the key is CONTAINER/BLOB, the value the event in the JSON format
    /// of CloudEvents 1.0. One blob's events are in one partition, in their order.
    // Last: the store's rows number the kinds.
    Kafka {
        /// Where the cluster is asked for its brokers: each HOST:PORT.
        brokers: Vec<String>,
        topic: String,
    },
}

/// Sinks of one account.
pub const SINKS_MAX: usize = 8;
/// Events of one answer, and of one delivery.
pub const EVENTS_A_PAGE_MAX: usize = 500;

/// How an account's changes are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedStatus {
    /// Absent where the feed is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feed: Option<ChangeFeed>,
    /// When it was switched on, in microseconds since the epoch; 0 where it is off.
    pub since_us: i64,
    /// All that happened before is in it.
    pub complete_until_us: i64,
    /// Events that somebody does not have yet.
    pub waiting: u64,
    /// By their names.
    pub sinks: BTreeMap<String, SinkStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SinkStatus {
    pub sink: Sink,
    /// The last event that it has.
    pub delivered: u64,
    /// Events that it will never get: more had waited than are kept.
    pub dropped: u64,
    /// Of deliveries, in a row, since one was taken or the server began.
    #[serde(default)]
    pub failures: u32,
    /// Why the last of them failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Events in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    pub events: Vec<BlobEvent>,
    /// Events that this sink will never get.
    pub dropped: u64,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A batch in the JSON format of CloudEvents 1.0.
    CloudEvents,
    /// As Azure Event Grid posts them.
    EventGrid,
}

fn segment_seconds() -> u32 {
    SEGMENT_SECONDS_DEFAULT
}

fn one() -> u16 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_checked_and_what_is_wrong_is_said() {
        let feed = ChangeFeed::default();
        assert_eq!(feed.check(), Ok(()));
        for (wrong, says) in [
            (ChangeFeed { segment_seconds: 0, ..feed }, "segment_seconds"),
            (ChangeFeed { segment_seconds: 7, ..feed }, "a whole part of an hour"),
            (ChangeFeed { segment_seconds: 7_200, ..feed }, "segment_seconds"),
            (ChangeFeed { retention_days: Some(0), ..feed }, "retention_days"),
            (ChangeFeed { shards: 0, ..feed }, "shards"),
            (ChangeFeed { shards: 17, ..feed }, "shards"),
        ] {
            let said = wrong.check().expect_err("it is wrong");
            assert!(said.contains(says), "{said}");
        }
    }
}
