//! A segment: a span of time, and the paths of what lies in it. All paths are below the container `$blobchangefeed`.
//! Azure's segments are of an hour and named to the minute. One that does not last whole minutes is named to the second here; Azure has no such
//! segments, but Microsoft's readers take only the hour from a path.

use crate::FeedError;
use crate::time::{self, Precision};
use greenroom_model::feed::FEED_CONTAINER;

/// The number of a chunk's file has five digits: readers cut ten characters, `00000.avro`, off a path.
pub const CHUNK_NUMBER_MAX: u32 = 99_999;

pub(crate) const SEGMENTS: &str = "idx/segments/";
pub(crate) const LOGS: &str = "log/";
pub(crate) const INDEX_NAME: &str = "meta.json";

/// A span of time of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Seconds since the Unix epoch.
    pub begin_s: i64,
    pub seconds: u32,
    /// Those that have events, in order.
    pub shards: Vec<u16>,
}

impl Segment {
    /// The segment that a time lies in, as yet without events. It begins at a multiple of `seconds` since the epoch; 0 is taken as 1.
    pub fn at(time_us: i64, seconds: u32) -> Self {
        let seconds = seconds.max(1);
        let time_s = time_us.div_euclid(1_000_000);
        Self { begin_s: time_s - time_s.rem_euclid(i64::from(seconds)), seconds, shards: Vec::new() }
    }

    /// The first microsecond after it.
    pub fn end_us(&self) -> i64 {
        self.begin_s.saturating_add(i64::from(self.seconds)).saturating_mul(1_000_000)
    }

    /// Of its index: `idx/segments/2019/02/22/1810/meta.json`.
    pub fn path(&self) -> String {
        format!("{SEGMENTS}{}/{INDEX_NAME}", self.time())
    }

    /// Of a shard's chunks: `log/00/2019/02/22/1810/`.
    pub fn log_folder(&self, shard: u16) -> String {
        format!("{LOGS}{shard:02}/{}/", self.time())
    }

    /// Of a chunk: `log/00/2019/02/22/1810/00000.avro`. A number above [`CHUNK_NUMBER_MAX`] has none.
    pub fn chunk_path(&self, shard: u16, number: u32) -> Result<String, FeedError> {
        if number > CHUNK_NUMBER_MAX {
            let (found, max) = (u64::from(number), u64::from(CHUNK_NUMBER_MAX));
            return Err(FeedError::TooLarge { what: "a chunk's number", found, max });
        }
        Ok(format!("{}{number:05}.avro", self.log_folder(shard)))
    }

    fn time(&self) -> String {
        let precision = if self.seconds.is_multiple_of(60) { Precision::Minutes } else { Precision::Seconds };
        time::of_path(self.begin_s, precision)
    }
}

/// When the segment begins that a path of an index or of a log belongs to, in seconds since the epoch; `None` of any other path.
/// The container's name may stand before it.
pub fn segment_time(path: &str) -> Option<i64> {
    let path = below_container(path);
    let mut parts = match path.strip_prefix(SEGMENTS) {
        Some(time) => time.split('/'),
        None => {
            let (shard, time) = path.strip_prefix(LOGS)?.split_once('/')?;
            shard_number(shard)?;
            time.split('/')
        }
    };
    time::parse_path_s([parts.next()?, parts.next()?, parts.next()?, parts.next()?])
}

/// The number of a chunk, of its path.
pub fn chunk_number(path: &str) -> Option<u32> {
    let (folder, name) = path.rsplit_once('/')?;
    segment_time(folder)?;
    let digits = name.strip_suffix(".avro")?;
    let number = digits.len() == 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if number { digits.parse().ok() } else { None }
}

/// Two digits or more, and not a zero too many.
pub(crate) fn shard_number(text: &str) -> Option<u16> {
    let number: u16 = text.parse().ok()?;
    (format!("{number:02}") == text).then_some(number)
}

pub(crate) fn below_container(path: &str) -> &str {
    path.strip_prefix(FEED_CONTAINER).and_then(|path| path.strip_prefix('/')).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AT_S: i64 = 1_550_859_000;

    #[test]
    fn paths_are_azures() {
        let hour = Segment::at(AT_S * 1_000_000 + 17, 600);
        assert_eq!(hour, Segment { begin_s: AT_S, seconds: 600, shards: vec![] });
        assert_eq!(hour.path(), "idx/segments/2019/02/22/1810/meta.json");
        assert_eq!(hour.log_folder(3), "log/03/2019/02/22/1810/");
        assert_eq!(hour.chunk_path(15, 99_999).unwrap(), "log/15/2019/02/22/1810/99999.avro");
        assert!(hour.chunk_path(0, 100_000).is_err());
        let short = Segment::at((AT_S + 39) * 1_000_000, 10);
        assert_eq!(short.chunk_path(0, 0).unwrap(), "log/00/2019/02/22/181030/00000.avro");
        let odd = Segment::at((AT_S + 100) * 1_000_000, 90);
        assert_eq!(odd.path(), "idx/segments/2019/02/22/181030/meta.json");
    }

    #[test]
    fn only_paths_of_a_feed_have_a_time() {
        for (path, expected) in [
            ("idx/segments/2019/02/22/1810/meta.json", Some(AT_S)),
            ("$blobchangefeed/log/00/2019/02/22/1810/", Some(AT_S)),
            ("log/00/2019/02/22/181030/00000.avro", Some(AT_S + 30)),
            ("idx/segments/1601/01/01/0000/meta.json", Some(-11_644_473_600)),
            ("meta/segments.json", None),
            ("log/0/2019/02/22/1810/", None),
            ("log/000/2019/02/22/1810/", None),
            ("log/2019/02/22/1810/", None),
            ("idx/segments/2019/02/22", None),
            ("idx/segments/../02/22/1810/", None),
            ("other/log/00/2019/02/22/1810/", None),
            ("", None),
        ] {
            assert_eq!(segment_time(path), expected, "{path}");
        }
    }

    #[test]
    fn a_chunks_number_is_of_five_digits() {
        for (name, expected) in [
            ("00000.avro", Some(0)),
            ("99999.avro", Some(99_999)),
            ("0000.avro", None),
            ("000000.avro", None),
            ("+0000.avro", None),
            ("00000.json", None),
        ] {
            assert_eq!(chunk_number(&format!("log/00/2019/02/22/1810/{name}")), expected, "{name}");
        }
        assert_eq!(chunk_number("elsewhere/00000.avro"), None);
    }

    proptest! {
        #[test]
        fn a_time_lies_in_its_segment_and_its_paths_name_it(
            time_us in 0..253_000_000_000_000_000_i64,
            seconds in prop::sample::select(vec![1_u32, 2, 10, 30, 45, 60, 90, 120, 900, 3_600]),
            shard in 0..200_u16,
            number in 0..=CHUNK_NUMBER_MAX,
        ) {
            let segment = Segment::at(time_us, seconds);
            prop_assert!(segment.begin_s * 1_000_000 <= time_us && time_us < segment.end_us());
            prop_assert_eq!(segment.begin_s % i64::from(seconds), 0);
            prop_assert_eq!(Segment::at(segment.end_us(), seconds).begin_s, segment.begin_s + i64::from(seconds));
            let chunk = segment.chunk_path(shard, number).unwrap();
            prop_assert_eq!(segment_time(&segment.path()), Some(segment.begin_s));
            prop_assert_eq!(segment_time(&chunk), Some(segment.begin_s));
            prop_assert_eq!(chunk_number(&chunk), Some(number));
            prop_assert_eq!(&chunk[..chunk.len() - 10], segment.log_folder(shard));
        }

        #[test]
        fn paths_are_in_the_order_of_their_times(one in 0..4_000_000_000_i64, other in 0..4_000_000_000_i64, seconds in 1..90_u32) {
            let path = |time_s: i64| Segment::at(time_s * 1_000_000, seconds).path();
            let begin = |time_s: i64| Segment::at(time_s * 1_000_000, seconds).begin_s;
            prop_assert_eq!(path(one).cmp(&path(other)), begin(one).cmp(&begin(other)));
        }

        #[test]
        fn any_time_and_any_path_is_answered(time_us: i64, seconds: u32, path in ".{0,60}") {
            let segment = Segment::at(time_us, seconds);
            prop_assert!(segment.path().starts_with(SEGMENTS));
            prop_assert!(segment.end_us() >= time_us || time_us > i64::MAX - 5_000_000_000_000_000);
            prop_assert_eq!(segment_time(&path), None);
        }
    }
}
