//! Follows the origin's change feed: reads a chunk, looks at what it tells of, and moves on.

use super::{FollowError, Follower, Result, Turn};
use crate::origin::OriginError;
use crate::scope::Scope;
use crate::seen::LeftOut;
use crate::told::{self, Asked, Since, Step, Tells};
use bytes::Bytes;
use greenroom_feed::{ChunkPlace, Cursor, SegmentPath, Told, read_chunk};
use greenroom_model::feed::EventKind;
use greenroom_model::{BlobName, ContainerPath};
use greenroom_store::{MirrorPlace, StoreError};
use std::collections::{BTreeMap, BTreeSet};

/// Events that are looked at together.
const EVENTS_AT_ONCE: usize = 4_000;

/// What some events come to.
#[derive(Debug, Default)]
struct Batch {
    /// By the origin's container: names, with the ETag where nothing but that version has to be here.
    names: BTreeMap<String, BTreeMap<String, Option<String>>>,
    times_us: Vec<i64>,
    left_out: BTreeMap<LeftOut, u64>,
}

impl Batch {
    fn add(&mut self, scope: &Scope, told: Told) {
        if told.blob.is_empty() || matches!(told.kind, Some(EventKind::Control | EventKind::SnapshotCreated)) {
            return;
        }
        if !scope.holds(&told.container, &told.blob) {
            *self.left_out.entry(LeftOut::Outside).or_default() += 1;
            return;
        }
        self.times_us.push(told.at_us);
        // Of what was said of it, tags have no ETag.
        let etag = (told.kind == Some(EventKind::Created) && !told.etag.is_empty()).then_some(told.etag);
        let names = self.names.entry(told.container).or_default();
        let known = names.entry(told.blob).or_insert_with(|| etag.clone());
        if *known != etag {
            *known = None;
        }
    }
}

impl Follower {
    /// Reads a chunk of the feed, looks at what it tells of, and moves on.
    pub(super) async fn follow(&mut self) -> Result<Turn> {
        let Some(cursor) = self.cursor.clone() else { return Ok(Turn::Rest) };
        let mut asked = Asked::default();
        let tells = told::tells(&*self.origin, &mut asked).await;
        self.asked(&asked);
        let Tells::Until { last_consumable_s } = tells? else {
            return self.lost("the change feed is gone", None).await;
        };
        if matches!(cursor, Cursor::After { .. } | Cursor::Beginning) && self.quiet_s >= last_consumable_s {
            return Ok(Turn::Rest);
        }
        let is_long_ago = self.clock.now().0.saturating_sub(self.place.complete_us) >= self.pace.retention_us;
        let since = if is_long_ago { Since::LongAgo } else { Since::Lately { quiet_s: self.quiet_s } };
        let mut asked = Asked::default();
        let step = told::step(&*self.origin, &cursor, since, last_consumable_s, &mut asked).await;
        self.asked(&asked);
        match step? {
            Step::Wait => Ok(Turn::Rest),
            Step::Nothing => {
                self.quiet_s = last_consumable_s;
                self.complete(last_consumable_s.saturating_mul(1_000_000).saturating_add(self.segment_us)).await?;
                Ok(Turn::Rest)
            }
            Step::Ended { segment, path } => {
                self.segment_us = i64::from(segment.seconds) * 1_000_000;
                let cursor = Cursor::After { segment: path };
                let complete_us = self.place.complete_us.max(segment.end_us());
                self.keep(MirrorPlace { cursor: cursor.to_json(), complete_us, ..self.place.clone() }).await?;
                self.cursor = Some(cursor);
                Ok(Turn::More)
            }
            Step::Lost { on, why } => self.lost(&why, on.map(|segment| Cursor::After { segment })).await,
            Step::Chunk { path, shard, place, bytes } => self.read(&path, shard, place, &bytes).await,
        }
    }

    /// Events may be lost: everything is listed, and read on from after what is lost.
    async fn lost(&mut self, why: &str, cursor: Option<Cursor>) -> Result<Turn> {
        tracing::warn!(account = %self.scope.account, mirror = self.name, why, "a mirror lists everything again: the feed has a gap");
        self.standing.known().counts.gaps += 1;
        let bytes = cursor.as_ref().map(Cursor::to_json).unwrap_or_default();
        self.keep(MirrorPlace { cursor: bytes, listed_us: 0, ..self.place.clone() }).await?;
        self.cursor = cursor;
        self.round = None;
        Ok(Turn::More)
    }

    async fn read(&mut self, path: &SegmentPath, shard: u16, place: ChunkPlace, bytes: &Bytes) -> Result<Turn> {
        let after_segment = Some(Cursor::After { segment: path.clone() });
        let mut events = match read_chunk(bytes) {
            Ok(events) => events,
            Err(error) => return self.lost(&error.to_string(), after_segment).await,
        };
        let mut at = place;
        for _ in 0..place.events {
            if events.next().is_none() {
                break;
            }
        }
        loop {
            self.standing.known().events_behind = events.left();
            let (mut batch, mut count) = (Batch::default(), 0);
            while count < EVENTS_AT_ONCE {
                match events.next() {
                    None => break,
                    Some(Ok(told)) => batch.add(&self.scope, told),
                    Some(Err(error)) if !error.is_of_one_event() => {
                        return self.lost(&error.to_string(), after_segment).await;
                    }
                    Some(Err(_)) => *batch.left_out.entry(LeftOut::Event).or_default() += 1,
                }
                count += 1;
            }
            self.take(batch, count as u64).await?;
            if count < EVENTS_AT_ONCE {
                break;
            }
            at.events += count as u64;
            self.move_to(path, shard, at).await?;
        }
        self.move_to(path, shard, ChunkPlace { chunk: place.chunk.saturating_add(1), events: 0 }).await?;
        self.standing.known().events_behind = 0;
        Ok(Turn::More)
    }

    /// What comes before this place of a shard is done.
    async fn move_to(&mut self, path: &SegmentPath, shard: u16, place: ChunkPlace) -> Result<()> {
        let cursor = told::after(self.cursor.as_ref().unwrap_or(&Cursor::Beginning), path, shard, place);
        self.keep(MirrorPlace { cursor: cursor.to_json(), ..self.place.clone() }).await?;
        self.cursor = Some(cursor);
        Ok(())
    }

    /// Looks at the names of some events.
    async fn take(&mut self, batch: Batch, count: u64) -> Result<()> {
        for (there, names) in batch.names {
            let Some(here) = self.scope.shown(&there) else { continue };
            let mut open = BTreeSet::new();
            for (name, etag) in names {
                if !self.is_here(&here, &name, etag.as_deref()) {
                    open.insert(name);
                }
            }
            if open.is_empty() {
                continue;
            }
            if self.store.mirrored(&here).is_none() {
                // A container that was made after the last list: no event tells of those.
                match self.list(&there, "", false, None, 1).await {
                    Err(OriginError::Missing) => continue,
                    Err(error) => return Err(error.into()),
                    Ok(_) => match self.store.make_mirrored(&here, &self.name, &there).await {
                        Err(StoreError::NotMirrored(_)) => continue,
                        made => made?,
                    },
                }
            }
            match self.look_at(&there, &here, open).await {
                // The container is gone; the next list says so.
                Err(FollowError::Origin(OriginError::Missing)) if self.scope.there.is_none() => self.relist_now = true,
                done => done?,
            }
        }
        let now = self.clock.now();
        let mut known = self.standing.known();
        known.counts.events += count;
        batch.times_us.iter().for_each(|at_us| known.came(*at_us, now));
        for (why, count) in batch.left_out {
            *known.left_out.entry(why).or_default() += count;
        }
        Ok(())
    }

    /// Whether a version that an event has told of is here: then nothing newer is known.
    fn is_here(&self, here: &ContainerPath, name: &str, etag: Option<&str>) -> bool {
        let (Some(etag), Ok(name)) = (etag, BlobName::new(name)) else { return false };
        self.store.origin_etag_of(&here.clone().blob(name)).is_some_and(|known| known.eq_ignore_ascii_case(etag))
    }

    async fn complete(&mut self, until_us: i64) -> Result<()> {
        if until_us > self.place.complete_us {
            self.keep(MirrorPlace { complete_us: until_us, ..self.place.clone() }).await?;
        }
        Ok(())
    }
}
