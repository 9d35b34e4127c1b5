//! A reader's place in a feed, and which segment comes next.

use crate::segment::{INDEX_NAME, SEGMENTS, segment_time};
use crate::{FeedError, meta};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A reader's place in a feed. Ours: readers of Microsoft's have their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cursor {
    #[default]
    Beginning,
    /// Within a segment; a shard that is not named has not been begun.
    Within { segment: SegmentPath, shards: BTreeMap<u16, ChunkPlace> },
    /// The segment was read to its end.
    After { segment: SegmentPath },
}

/// A reader's place in one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkPlace {
    /// The number of the chunk, as in its file's name.
    pub chunk: u32,
    /// How many events of it were read, with those that were skipped.
    pub events: u64,
}

/// The path of a segment's index. They are in the order of their times.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SegmentPath {
    begin_s: i64,
    text: String,
}

/// What a reader does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Read this segment on from these places.
    Read { segment: SegmentPath, shards: BTreeMap<u16, ChunkPlace> },
    /// The segment that was being read is no longer there: events may be lost. Who goes on does so from [`Cursor::After`] it.
    Lost { segment: SegmentPath },
    /// Nothing more can be read as yet.
    Wait,
}

impl Cursor {
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers are JSON")
    }

    /// No larger than an index may be.
    pub fn parse(json: &[u8]) -> Result<Self, FeedError> {
        meta::parse(json)
    }
}

impl SegmentPath {
    /// Takes only `idx/segments/YYYY/MM/DD/HHMM/meta.json`, or `HHMMSS`.
    pub fn new(path: impl Into<String>) -> Result<Self, FeedError> {
        let text = path.into();
        let whole = text.strip_prefix(SEGMENTS).and_then(|rest| rest.strip_suffix(INDEX_NAME)?.strip_suffix('/'));
        // The date has ten characters and the time four or six: nothing else stands between.
        match (whole.map(str::len), segment_time(&text)) {
            (Some(15 | 17), Some(begin_s)) => Ok(Self { begin_s, text }),
            _ => Err(FeedError::Path(crate::shown(&text))),
        }
    }

    pub fn begin_s(&self) -> i64 {
        self.begin_s
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for SegmentPath {
    type Error = FeedError;
    fn try_from(path: String) -> Result<Self, FeedError> {
        Self::new(path)
    }
}

impl From<SegmentPath> for String {
    fn from(path: SegmentPath) -> Self {
        path.text
    }
}

/// Which segment to read next. `listing` holds the paths below `idx/segments/`, in any order; others are passed over.
/// Only segments that begin at `last_consumable_s` or before are read, each once, the earliest first.
pub fn next<P: AsRef<str>>(cursor: &Cursor, listing: impl IntoIterator<Item = P>, last_consumable_s: i64) -> Next {
    let segments = listing.into_iter().filter_map(|path| SegmentPath::new(path.as_ref()).ok());
    let mut readable = segments.filter(|segment| segment.begin_s <= last_consumable_s);
    let first = match cursor {
        Cursor::Within { segment, shards } => {
            return match readable.any(|listed| listed == *segment) {
                true => Next::Read { segment: segment.clone(), shards: shards.clone() },
                // A feed that was set back hides the segment for a while; that is no loss.
                false if segment.begin_s > last_consumable_s => Next::Wait,
                false => Next::Lost { segment: segment.clone() },
            };
        }
        Cursor::Beginning => readable.min(),
        Cursor::After { segment } => readable.filter(|listed| listed > segment).min(),
    };
    match first {
        Some(segment) => Next::Read { segment, shards: BTreeMap::new() },
        None => Next::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Segment;
    use proptest::prelude::*;

    fn path(minute: i64) -> SegmentPath {
        SegmentPath::new(Segment::at(minute * 60_000_000, 60).path()).unwrap()
    }

    fn listing(minutes: &[i64]) -> Vec<String> {
        minutes.iter().map(|minute| path(*minute).into()).collect()
    }

    fn places() -> BTreeMap<u16, ChunkPlace> {
        BTreeMap::from([(3, ChunkPlace { chunk: 2, events: 41 })])
    }

    #[test]
    fn the_next_segment_is_the_earliest_that_was_not_read() {
        let read = |minute| Next::Read { segment: path(minute), shards: BTreeMap::new() };
        let after = |minute| Cursor::After { segment: path(minute) };
        for (cursor, listed, last_consumable, expected) in [
            (Cursor::Beginning, vec![], 9, Next::Wait),
            (Cursor::Beginning, vec![5, 3, 4], 9, read(3)),
            (Cursor::Beginning, vec![5, 3, 4], 2, Next::Wait),
            (after(3), vec![5, 3, 4], 9, read(4)),
            (after(3), vec![5, 3, 4], 4, read(4)),
            (after(4), vec![5, 3, 4], 4, Next::Wait),
            (after(5), vec![5, 3, 4], 9, Next::Wait),
            // What was read may be gone.
            (after(3), vec![5], 9, read(5)),
        ] {
            assert_eq!(next(&cursor, listing(&listed), last_consumable * 60), expected, "{cursor:?} {listed:?}");
        }
    }

    #[test]
    fn a_segment_that_was_begun_is_read_on() {
        let within = Cursor::Within { segment: path(4), shards: places() };
        let on = Next::Read { segment: path(4), shards: places() };
        assert_eq!(next(&within, listing(&[3, 4, 5]), 9 * 60), on);
        assert_eq!(next(&within, listing(&[3, 5]), 9 * 60), Next::Lost { segment: path(4) });
        assert_eq!(next(&within, listing(&[3, 4, 5]), 3 * 60), Next::Wait);
    }

    #[test]
    fn paths_of_no_segment_are_passed_over() {
        let listed = [
            "idx/segments/",
            "meta/segments.json",
            "log/00/1970/01/01/0001/00000.avro",
            "idx/segments/1970/01/01/0001/other",
        ];
        assert_eq!(next(&Cursor::Beginning, listed, i64::MAX), Next::Wait);
        for bad in
            ["$blobchangefeed/idx/segments/1970/01/01/0001/meta.json", "idx/segments/1970/01/01/0001/../meta.json"]
        {
            assert!(SegmentPath::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_a_wrong_one_refused() {
        let within = Cursor::Within { segment: path(4), shards: places() };
        let json =
            r#"{"within":{"segment":"idx/segments/1970/01/01/0004/meta.json","shards":{"3":{"chunk":2,"events":41}}}}"#;
        assert_eq!(String::from_utf8(within.to_json()).unwrap(), json);
        for cursor in [Cursor::Beginning, within, Cursor::After { segment: path(4) }] {
            assert_eq!(Cursor::parse(&cursor.to_json()).unwrap(), cursor);
        }
        for wrong in
            [json.replace("idx/", "log/"), json.replace("41", "-1"), json.replace("within", "nowhere"), String::new()]
        {
            assert!(matches!(Cursor::parse(wrong.as_bytes()), Err(FeedError::Index(_))), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_segment_is_read_once_and_in_order(minutes in prop::collection::btree_set(0..500_i64, 0..40), consumable in 0..500_i64) {
            let mut shuffled: Vec<i64> = minutes.iter().copied().collect();
            shuffled.reverse();
            let (mut cursor, mut read) = (Cursor::Beginning, Vec::new());
            // First nothing but a part is consumable, then all: what was read stays read.
            for last_consumable_s in [consumable * 60, 500 * 60] {
                while let Next::Read { segment, shards } = next(&cursor, listing(&shuffled), last_consumable_s) {
                    prop_assert!(shards.is_empty());
                    prop_assert!(segment.begin_s() <= last_consumable_s);
                    read.push(segment.begin_s() / 60);
                    // One more than there are would be one that was read twice, and so without end.
                    prop_assert!(read.len() <= minutes.len());
                    cursor = Cursor::After { segment };
                }
            }
            prop_assert_eq!(read, minutes.into_iter().collect::<Vec<_>>());
        }
    }
}
