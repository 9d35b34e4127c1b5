//! Who is told of an account's changes.

use greenroom_model::feed::{ChangeFeed, Sink};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedRow {
    /// `None` while only sinks are told.
    pub feed: Option<ChangeFeed>,
    /// When the feed was switched on, and before when all that happened is in it: microseconds since the epoch.
    pub since_us: i64,
    pub until_us: i64,
    /// The last event that is in it.
    pub published: u64,
    /// By their names.
    pub sinks: BTreeMap<String, SinkRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkRow {
    pub sink: Sink,
    /// The last event that it has.
    pub delivered: u64,
    /// Events that it never got: more had waited than are kept.
    pub dropped: u64,
}

impl FeedRow {
    /// The last event that everybody has.
    pub fn settled(&self) -> u64 {
        let feed = self.feed.map(|_| self.published);
        feed.into_iter().chain(self.sinks.values().map(|sink| sink.delivered)).min().unwrap_or(u64::MAX)
    }

    pub fn is_told(&self) -> bool {
        self.feed.is_some() || !self.sinks.is_empty()
    }
}
