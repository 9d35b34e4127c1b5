//! Reads an origin's change feed: what is to be read next, and the names that it tells of.

use crate::look::PAGE_MAX;
use crate::origin::{Origin, OriginError};
use bytes::Bytes;
use greenroom_feed::{
    ChunkPlace, Cursor, FeedMeta, INDEX_BYTES_MAX, META_PATH, Next, Segment, SegmentPath, Status, chunk_number, next,
};
use greenroom_model::feed::FEED_CONTAINER;
use std::collections::BTreeMap;

/// Largest chunk that is read: it is in memory while its events are looked at.
const CHUNK_BYTES_MAX: u64 = 64 << 20;
/// Segments that one look at the indexes takes in.
const SEGMENTS_MAX: usize = 20_000;
const HOUR_S: i64 = 3_600;
/// Farther behind, days are listed and not hours; and farther still, everything.
const HOURS_MAX: i64 = 48;
const DAYS_MAX: i64 = 62;

/// How far the feed says that it may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    Nothing,
    /// Segments that begin then or before are whole.
    Until {
        last_consumable_s: i64,
    },
}

/// What is to be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A chunk of a segment, on from so many events.
    Chunk { path: SegmentPath, shard: u16, place: ChunkPlace, bytes: Bytes },
    /// All of the segment is read.
    Ended { segment: Segment, path: SegmentPath },
    /// What was to be read is gone, or cannot be read. What is after it may be; or where the feed ends is to be looked for.
    Lost { on: Option<SegmentPath>, why: String },
    /// There is nothing more.
    Nothing,
    /// There is something, which is not whole yet.
    Wait,
}

/// What is read takes requests: so many.
#[derive(Debug, Default)]
pub struct Asked {
    pub reads: u64,
    pub lists: u64,
}

pub async fn tells(origin: &dyn Origin, asked: &mut Asked) -> Result<Tells, OriginError> {
    if !origin.may_tell() {
        return Ok(Tells::Nothing);
    }
    asked.reads += 1;
    match origin.whole(FEED_CONTAINER, META_PATH, INDEX_BYTES_MAX as u64).await {
        Ok(json) => {
            let meta =
                FeedMeta::parse(&json).map_err(|error| OriginError::Away(format!("its change feed: {error}")))?;
            Ok(Tells::Until { last_consumable_s: meta.last_consumable_s })
        }
        Err(OriginError::Missing) => Ok(Tells::Nothing),
        Err(error) => Err(error),
    }
}

/// The place after all that can be read now.
pub async fn end(origin: &dyn Origin, last_consumable_s: i64, asked: &mut Asked) -> Result<Cursor, OriginError> {
    // The last of the segments lies within the hours before, where anything happened in those; else anywhere.
    for (from, to) in [(last_consumable_s - HOUR_S, last_consumable_s), (i64::MIN, last_consumable_s)] {
        let segments = listing(origin, from, to, asked).await?;
        let last = segments.into_iter().filter_map(|path| SegmentPath::new(path).ok());
        if let Some(segment) = last.filter(|segment| segment.begin_s() <= last_consumable_s).max() {
            return Ok(Cursor::After { segment });
        }
    }
    Ok(Cursor::Beginning)
}

/// Whether segments may have been forgotten before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// It was looked at a moment ago: up to then there is nothing to read.
    Lately { quiet_s: i64 },
    /// So long ago that what came after the place may be gone.
    LongAgo,
}

/// What comes after a place.
pub async fn step(
    origin: &dyn Origin,
    cursor: &Cursor,
    since: Since,
    last_consumable_s: i64,
    asked: &mut Asked,
) -> Result<Step, OriginError> {
    let from = match (cursor, since) {
        (Cursor::Beginning, Since::Lately { quiet_s }) => quiet_s,
        (Cursor::After { segment }, Since::Lately { quiet_s }) => segment.begin_s().max(quiet_s),
        (Cursor::Beginning, Since::LongAgo) => i64::MIN,
        (Cursor::Within { segment, .. } | Cursor::After { segment }, _) => segment.begin_s(),
    };
    let segments = listing(origin, from, last_consumable_s, asked).await?;
    // The oldest are forgotten first: while the last that was read is there, all after it are.
    let is_sure = match (cursor, since) {
        (Cursor::After { segment }, Since::LongAgo) => segments.iter().any(|path| path == segment.as_str()),
        (Cursor::Beginning, Since::LongAgo) => false,
        (Cursor::Within { .. }, _) | (_, Since::Lately { .. }) => true,
    };
    if !is_sure {
        return Ok(Step::Lost { on: None, why: "it was read so long ago that some of it may be gone".to_owned() });
    }
    let (path, shards) = match next(cursor, segments, last_consumable_s) {
        Next::Read { segment, shards } => (segment, shards),
        Next::Lost { segment } => return Ok(Step::Lost { on: Some(segment), why: "its segment is gone".to_owned() }),
        Next::Wait => return Ok(Step::Nothing),
    };
    asked.reads += 1;
    let json = match origin.whole(FEED_CONTAINER, path.as_str(), INDEX_BYTES_MAX as u64).await {
        Ok(json) => json,
        Err(OriginError::Missing) => return Ok(Step::Lost { on: Some(path), why: "its segment is gone".to_owned() }),
        Err(error) => return Err(error),
    };
    let segment = match Segment::parse(path.as_str(), &json) {
        Ok((segment, Status::Finalized)) => segment,
        // What is still written to is not whole, whatever the feed's own index says.
        Ok((_, Status::Publishing)) => return Ok(Step::Wait),
        Err(error) => return Ok(Step::Lost { on: Some(path), why: error.to_string() }),
    };
    chunk(origin, segment, path, &shards, asked).await
}

/// The first chunk of the segment that is not read to its end.
async fn chunk(
    origin: &dyn Origin,
    segment: Segment,
    path: SegmentPath,
    shards: &BTreeMap<u16, ChunkPlace>,
    asked: &mut Asked,
) -> Result<Step, OriginError> {
    for &shard in &segment.shards {
        let place = shards.get(&shard).copied().unwrap_or(ChunkPlace { chunk: 0, events: 0 });
        let mut numbers = Vec::new();
        let folder = segment.log_folder(shard);
        let mut after = None;
        loop {
            asked.lists += 1;
            let page = origin.list(FEED_CONTAINER, &folder, false, after, PAGE_MAX).await?;
            numbers.extend(page.blobs.iter().filter_map(|blob| chunk_number(&blob.name)));
            after = page.next;
            if after.is_none() || numbers.len() > SEGMENTS_MAX {
                break;
            }
        }
        // Chunks before the place are read; the one at it may be.
        let Some(number) = numbers.into_iter().filter(|number| *number >= place.chunk).min() else { continue };
        let events = if number == place.chunk { place.events } else { 0 };
        let lost = |why: String| Ok(Step::Lost { on: Some(path.clone()), why });
        let name = match segment.chunk_path(shard, number) {
            Ok(name) => name,
            Err(error) => return lost(error.to_string()),
        };
        asked.reads += 1;
        return match origin.whole(FEED_CONTAINER, &name, CHUNK_BYTES_MAX).await {
            Ok(bytes) => Ok(Step::Chunk { path, shard, place: ChunkPlace { chunk: number, events }, bytes }),
            Err(OriginError::Missing) => lost("a part of its segment is gone".to_owned()),
            Err(error) => Err(error),
        };
    }
    Ok(Step::Ended { segment, path })
}

/// The cursor once so many events of a chunk have been looked at; or all of it.
pub fn after(cursor: &Cursor, path: &SegmentPath, shard: u16, place: ChunkPlace) -> Cursor {
    let mut shards = match cursor {
        Cursor::Within { segment, shards } if segment == path => shards.clone(),
        Cursor::Beginning | Cursor::Within { .. } | Cursor::After { .. } => BTreeMap::new(),
    };
    shards.insert(shard, place);
    Cursor::Within { segment: path.clone(), shards }
}

/// Paths of the segments between two times, and of some around them.
async fn listing(origin: &dyn Origin, from_s: i64, to_s: i64, asked: &mut Asked) -> Result<Vec<String>, OriginError> {
    let mut paths = Vec::new();
    for prefix in prefixes(from_s, to_s) {
        let mut after = None;
        loop {
            asked.lists += 1;
            let page = match origin.list(FEED_CONTAINER, &prefix, false, after, PAGE_MAX).await {
                Ok(page) => page,
                Err(OriginError::Missing) => break,
                Err(error) => return Err(error),
            };
            paths.extend(page.blobs.into_iter().map(|blob| blob.name));
            after = page.next;
            // They are in the order of their times: what is left out comes at the next look.
            if after.is_none() || paths.len() > SEGMENTS_MAX {
                break;
            }
        }
        if paths.len() > SEGMENTS_MAX {
            break;
        }
    }
    Ok(paths)
}

/// Folders that hold all segments between two times. Pure.
fn prefixes(from_s: i64, to_s: i64) -> Vec<String> {
    const SEGMENTS: &str = "idx/segments/";
    let folder = |at_s: i64, letters: usize| {
        let path = Segment::at(at_s.saturating_mul(1_000_000), 60).path();
        // `YYYY/MM/DD/HH` and what is before it are ASCII.
        path[..SEGMENTS.len() + letters].to_owned()
    };
    let (from, to) = (from_s.div_euclid(HOUR_S), to_s.div_euclid(HOUR_S));
    let hours = to.saturating_sub(from);
    if !(0..=DAYS_MAX * 24).contains(&hours) {
        return vec![SEGMENTS.to_owned()];
    }
    let mut folders: Vec<String> = match hours <= HOURS_MAX {
        true => (from..=to).map(|hour| folder(hour * HOUR_S, 13)).collect(),
        false => (from.div_euclid(24)..=to.div_euclid(24)).map(|day| folder(day * 24 * HOUR_S, 11)).collect(),
    };
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_hold_all_segments_between_two_times() {
        let at = 1_550_859_000;
        assert_eq!(prefixes(at, at), ["idx/segments/2019/02/22/18"]);
        let hours = ["idx/segments/2019/02/22/18", "idx/segments/2019/02/22/19"];
        assert_eq!(prefixes(at, at + HOUR_S), hours);
        let days = prefixes(at, at + 72 * HOUR_S);
        assert_eq!((days.len(), days[0].as_str()), (4, "idx/segments/2019/02/22/"));
        assert_eq!(prefixes(i64::MIN, at), ["idx/segments/"]);
        assert_eq!(prefixes(at, at - 1_000_000), ["idx/segments/"]);
    }
}
