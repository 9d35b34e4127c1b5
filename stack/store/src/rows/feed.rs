//! Who is told of an account's changes.

use super::secret::KeptSecret;
use greenroom_model::feed::{ChangeFeed, Shape};
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
    pub sink: KeptSink,
    /// The last event that it has.
    pub delivered: u64,
    /// Events that it never got: more had waited than are kept.
    pub dropped: u64,
}

/// A `Sink`, with its secret as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeptSink {
    /// What is in a URL may be all that tells a friend from a stranger there.
    Webhook {
        url: KeptSecret,
        shape: Shape,
    },
    Pull,
    Kafka {
        brokers: Vec<String>,
        topic: String,
    },
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

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    #[test]
    fn a_sink_is_read_as_the_kind_that_it_was_written_as() {
        let url = KeptSecret::Plain(Zeroizing::new(b"https://a/b".to_vec()));
        let webhook = KeptSink::Webhook { url, shape: Shape::EventGrid };
        let kafka = KeptSink::Kafka { brokers: vec!["a:1".to_owned(), "b:2".to_owned()], topic: "t".to_owned() };
        for (sink, bytes) in [
            (webhook, &b"\x00\x00\x0bhttps://a/b\x01"[..]),
            (KeptSink::Pull, b"\x01"),
            (kafka, b"\x02\x02\x03a:1\x03b:2\x01t"),
        ] {
            assert_eq!(postcard::to_allocvec(&sink).unwrap(), bytes);
            assert_eq!(postcard::from_bytes::<KeptSink>(bytes).unwrap(), sink);
        }
    }
}
