//! A world elsewhere: an account with a change feed, in memory, which goes on changing while it is asked, and fails as it is told to.

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use greenroom_feed::{FeedMeta, META_PATH, Segment, Status, shard_of, write_chunk};
use greenroom_mirror::{Content, Listed, Origin, OriginError, TheirKind, There};
use greenroom_model::feed::{BlobEvent, BlobType, Cause, EventKind, FEED_CONTAINER};
use greenroom_model::{AccountName, BlobName, ContainerName};
use greenroom_store::{Clock, HttpHeaders, Metadata, Tags, Tier, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};

/// Chance that is the same for a seed.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Debug)]
pub struct Time(pub AtomicI64);

impl Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(SeqCst))
    }
}

impl Time {
    pub fn pass(&self, us: i64) {
        self.0.fetch_add(us, SeqCst);
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub there: There,
    pub content: Bytes,
}

/// What goes wrong, in percent of what it can go wrong with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Requests that fail.
    pub away: u64,
    /// Requests that never answer: whoever asked is gone.
    pub crash: u64,
    /// Requests before which something changes.
    pub moving: u64,
    /// Events that are told twice.
    pub twice: u64,
    /// Events that are told out of order.
    pub shuffled: u64,
    /// Events that are never told.
    pub untold: u64,
    /// Events that come in a later segment than they should.
    pub late: u64,
}

pub struct World {
    pub time: Arc<Time>,
    pub dice: Dice,
    pub faults: Faults,
    /// No feed is written, or it is not yet.
    pub tells: bool,
    pub containers: BTreeMap<String, BTreeMap<String, Blob>>,
    feed: BTreeMap<String, Bytes>,
    waiting: Vec<BlobEvent>,
    published_us: i64,
    sequence: u64,
    pub requests: u64,
    pub met: BTreeSet<&'static str>,
}

const SEGMENT_S: u32 = 1;
const SHARDS: u16 = 3;

impl World {
    pub fn new(seed: u64, time: Arc<Time>, faults: Faults) -> Self {
        Self {
            time,
            dice: Dice::new(seed),
            faults,
            tells: true,
            containers: BTreeMap::from([("raw".to_owned(), BTreeMap::new())]),
            feed: BTreeMap::new(),
            waiting: Vec::new(),
            published_us: 0,
            sequence: 0,
            requests: 0,
            met: BTreeSet::new(),
        }
    }

    fn now(&self) -> Timestamp {
        self.time.now()
    }

    fn tell(&mut self, container: &str, name: &str, kind: EventKind, etag: u64, length: u64) {
        if self.dice.percent(self.faults.untold) {
            self.met.insert("events untold");
            return;
        }
        self.sequence += 1;
        let event = BlobEvent {
            sequence: self.sequence,
            at_us: self.now().0,
            kind,
            account: AccountName::new("theirs").expect("a good name"),
            container: ContainerName::new(container).expect("a good name"),
            blob: Some(BlobName::new(name).expect("a good name")),
            cause: Cause::default(),
            etag,
            content_type: String::new(),
            content_length: length,
            blob_type: BlobType::Block,
        };
        self.waiting.push(event);
    }

    fn next_etag(&mut self) -> u64 {
        self.sequence += 1;
        0x8D00_0000_0000_0000 + self.sequence
    }

    pub fn put(&mut self, container: &str, name: &str, kind: TheirKind) {
        let etag = self.next_etag();
        let content = Bytes::from(format!("{name} {etag}"));
        let now = self.now();
        let old = self.containers.get(container).and_then(|blobs| blobs.get(name));
        let there = There {
            name: name.to_owned(),
            etag: format!("0x{etag:X}"),
            length: content.len() as u64,
            kind,
            created: old.map_or(now, |old| old.there.created),
            modified: now,
            headers: HttpHeaders::default(),
            metadata: Metadata::from([("by".to_owned(), self.sequence.to_string())]),
            tags: Tags::new(),
            tier: None,
            tier_changed: None,
        };
        let length = there.length;
        let Some(blobs) = self.containers.get_mut(container) else { return };
        blobs.insert(name.to_owned(), Blob { there, content });
        self.tell(container, name, EventKind::Created, etag, length);
    }

    pub fn delete(&mut self, container: &str, name: &str) {
        let gone = self.containers.get_mut(container).and_then(|blobs| blobs.remove(name));
        if let Some(gone) = gone {
            let etag = u64::from_str_radix(&gone.there.etag[2..], 16).expect("an ETag");
            self.tell(container, name, EventKind::Deleted, etag, 0);
        }
    }

    /// Tags and tiers have no ETag.
    fn say(&mut self, container: &str, name: &str) {
        let (sequence, now) = (self.sequence.to_string(), self.now());
        let is_tier = self.dice.percent(50);
        let tier = [Tier::Hot, Tier::Cool, Tier::Archive][self.dice.below(3) as usize];
        let Some(blob) = self.containers.get_mut(container).and_then(|blobs| blobs.get_mut(name)) else { return };
        if is_tier {
            (blob.there.tier, blob.there.tier_changed) = (Some(tier), Some(now));
        } else {
            blob.there.tags.insert("said".to_owned(), sequence);
        }
        let etag = u64::from_str_radix(&blob.there.etag[2..], 16).expect("an ETag");
        let kind = if is_tier { EventKind::TierChanged } else { EventKind::PropertiesUpdated };
        self.tell(container, name, kind, etag, 0);
    }

    fn name(&mut self) -> String {
        let folder = ["", "a/", "a/b/", "c/", "c-/", "é/"][self.dice.below(6) as usize];
        format!("{folder}{}", self.dice.below(12))
    }

    /// Something changes there.
    pub fn change(&mut self) {
        let name = self.name();
        let containers: Vec<String> = self.containers.keys().cloned().collect();
        let container = &containers[self.dice.below(containers.len() as u64) as usize];
        match self.dice.below(20) {
            0..=9 => self.put(container, &name, TheirKind::Block),
            10..=13 => self.delete(container, &name),
            14..=16 => self.say(container, &name),
            17 => self.put(container, &name, TheirKind::Other),
            18 => {
                // A tree is renamed.
                let blobs: Vec<String> =
                    self.containers[container].keys().filter(|name| name.starts_with("a/")).cloned().collect();
                for name in blobs {
                    self.put(container, &name.replacen("a/", "moved/", 1), TheirKind::Block);
                    self.delete(container, &name);
                }
            }
            _ => {
                let moved: Vec<String> =
                    self.containers[container].keys().filter(|name| name.starts_with("moved/")).cloned().collect();
                moved.iter().for_each(|name| self.delete(container, name));
            }
        }
    }

    /// The feed is written up to now: every segment that has ended.
    pub fn publish(&mut self) {
        let until_us = Segment::at(self.now().0, SEGMENT_S).begin_s * 1_000_000;
        if !self.tells {
            self.waiting.clear();
            return;
        }
        let mut due: BTreeMap<i64, Vec<BlobEvent>> = BTreeMap::new();
        let mut waiting = Vec::new();
        for event in std::mem::take(&mut self.waiting) {
            if event.at_us >= until_us {
                waiting.push(event);
                continue;
            }
            if self.dice.percent(self.faults.late) {
                self.met.insert("events late");
                waiting.push(event);
                continue;
            }
            // What was published is closed, whatever has come late.
            let segment = Segment::at(event.at_us.max(self.published_us), SEGMENT_S);
            if segment.end_us() > until_us {
                waiting.push(event);
                continue;
            }
            let events = due.entry(segment.begin_s).or_default();
            events.push(event.clone());
            if self.dice.percent(self.faults.twice) {
                self.met.insert("events twice");
                events.push(event);
            }
        }
        self.waiting = waiting;
        self.published_us = self.published_us.max(until_us);
        for (begin_s, mut events) in due {
            if self.dice.percent(self.faults.shuffled) {
                self.met.insert("events shuffled");
                for at in (1..events.len()).rev() {
                    events.swap(at, self.dice.below(at as u64 + 1) as usize);
                }
            }
            self.write_segment(begin_s, &events);
        }
        let last = FeedMeta { last_consumable_s: until_us / 1_000_000 - i64::from(SEGMENT_S) };
        self.feed.insert(META_PATH.to_owned(), last.to_json(until_us).into());
    }

    fn write_segment(&mut self, begin_s: i64, events: &[BlobEvent]) {
        let mut segment = Segment::at(begin_s * 1_000_000, SEGMENT_S);
        let mut shards: BTreeMap<u16, Vec<BlobEvent>> = BTreeMap::new();
        for event in events {
            let blob = event.blob.as_ref().expect("it names a blob");
            shards.entry(shard_of(&event.container, blob, SHARDS)).or_default().push(event.clone());
        }
        for (shard, events) in &shards {
            // Chunks of three, so that places within and between them are met.
            for (number, events) in events.chunks(3).enumerate() {
                let number = u32::try_from(number).expect("a few");
                let path = segment.chunk_path(*shard, number).expect("a good path");
                self.feed.insert(path, write_chunk(events).expect("good events").into());
            }
        }
        segment.shards = shards.into_keys().collect();
        self.feed.insert(segment.path(), segment.to_json(Status::Finalized, SHARDS, 0).into());
    }

    /// What is older than that is forgotten.
    pub fn forget(&mut self, before_s: i64) {
        let count = self.feed.len();
        self.feed.retain(|path, _| greenroom_feed::segment_time(path).is_none_or(|at_s| at_s >= before_s));
        if self.feed.len() < count {
            self.met.insert("segments forgotten");
        }
    }

    /// A part of the feed is damaged.
    pub fn damage(&mut self) {
        let logs: Vec<String> = self.feed.keys().filter(|path| path.starts_with("log/")).cloned().collect();
        if !logs.is_empty() {
            let path = logs[self.dice.below(logs.len() as u64) as usize].clone();
            self.feed.insert(path, Bytes::from_static(b"Obj\x01nonsense"));
            self.met.insert("chunks damaged");
        }
    }
}

/// Notified where whoever asks has crashed.
#[derive(Clone)]
pub struct Elsewhere(pub Arc<Mutex<World>>, pub Arc<tokio::sync::Notify>);

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Elsewhere")
    }
}

impl Elsewhere {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("nobody panics with it")
    }

    async fn ask(&self) -> Result<(), OriginError> {
        enum Comes {
            Well,
            Away,
            Never,
        }
        let comes = {
            let mut world = self.world();
            world.requests += 1;
            let faults = world.faults;
            if world.dice.percent(faults.moving) {
                world.change();
            }
            match world.dice.below(100) {
                chance if chance < faults.away => Comes::Away,
                chance if chance < faults.away + faults.crash => Comes::Never,
                _ => Comes::Well,
            }
        };
        match comes {
            Comes::Well => Ok(()),
            Comes::Away => Err(OriginError::Away("it is down".to_owned())),
            Comes::Never => {
                self.1.notify_one();
                std::future::pending().await
            }
        }
    }
}

#[async_trait]
impl Origin for Elsewhere {
    async fn containers(&self, _: Option<String>) -> Result<(Vec<String>, Option<String>), OriginError> {
        self.ask().await?;
        Ok((self.world().containers.keys().cloned().collect(), None))
    }

    async fn list(
        &self,
        container: &str,
        prefix: &str,
        rolled_up: bool,
        after: Option<String>,
        max: usize,
    ) -> Result<Listed, OriginError> {
        self.ask().await?;
        let world = self.world();
        // Pages are short, so that lists have many.
        let max = max.min(7);
        if container == FEED_CONTAINER {
            let names = world.feed.keys().filter(|name| name.starts_with(prefix));
            let names = names.filter(|name| after.as_ref().is_none_or(|after| *name > after));
            let blobs: Vec<There> = names.take(max + 1).map(|name| file(name)).collect();
            return Ok(cut(Listed { blobs, ..Listed::default() }, max));
        }
        let blobs = world.containers.get(container).ok_or(OriginError::Missing)?;
        let mut page = Listed::default();
        for (name, blob) in blobs.iter().filter(|(name, _)| name.starts_with(prefix)) {
            if after.as_ref().is_some_and(|after| name <= after) {
                continue;
            }
            match name[prefix.len()..].split_once('/').filter(|_| rolled_up) {
                Some((folder, _)) => {
                    let folder = format!("{prefix}{folder}/");
                    if page.folders.last() != Some(&folder) {
                        page.folders.push(folder);
                    }
                }
                None => page.blobs.push(blob.there.clone()),
            }
        }
        Ok(if rolled_up { page } else { cut(page, max) })
    }

    async fn whole(&self, container: &str, name: &str, _: u64) -> Result<Bytes, OriginError> {
        self.ask().await?;
        let world = self.world();
        match container {
            FEED_CONTAINER => world.feed.get(name).cloned().ok_or(OriginError::Missing),
            _ => Err(OriginError::Missing),
        }
    }

    async fn read(&self, container: &str, name: &str, etag: &str, range: Range<u64>) -> Result<Content, OriginError> {
        self.ask().await?;
        let world = self.world();
        let blob = world.containers.get(container).and_then(|blobs| blobs.get(name)).ok_or(OriginError::Missing)?;
        if blob.there.etag != etag {
            return Err(OriginError::Changed);
        }
        let part = blob.content.slice(range.start as usize..range.end as usize);
        Ok(futures::stream::iter([Ok(part)]).boxed())
    }

    async fn put(&self, container: &str, name: &str, _: Bytes) -> Result<String, OriginError> {
        let mut world = self.world();
        world.put(container, name, TheirKind::Block);
        Ok(world.containers[container][name].there.etag.clone())
    }

    async fn delete(&self, container: &str, name: &str) -> Result<(), OriginError> {
        self.world().delete(container, name);
        Ok(())
    }

    fn may_tell(&self) -> bool {
        true
    }
}

fn cut(mut page: Listed, max: usize) -> Listed {
    if page.blobs.len() > max {
        page.blobs.truncate(max);
        page.next = page.blobs.last().map(|blob| blob.name.clone());
    }
    page
}

fn file(name: &str) -> There {
    There {
        name: name.to_owned(),
        etag: String::new(),
        length: 0,
        kind: TheirKind::Other,
        created: Timestamp(0),
        modified: Timestamp(0),
        headers: HttpHeaders::default(),
        metadata: Metadata::new(),
        tags: Tags::new(),
        tier: None,
        tier_changed: None,
    }
}
