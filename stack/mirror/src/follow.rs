//! The follower: lists what is there, follows the feed, and puts down what it sees, one thing at a time. See `docs/design/a-mirror.md`.

use crate::cache::Wants;
use crate::look::{PAGE_MAX, look};
use crate::origin::{Listed, Origin, OriginError, There};
use crate::scope::Scope;
use crate::seen::{LeftOut, seen};
use crate::standing::{Standing, ms_between};
use crate::told::{self, Asked, Since, Step, Tells};
use bytes::Bytes;
use futures::future::join_all;
use greenroom_feed::{ChunkPlace, Cursor, FeedError, SegmentPath, read_chunk};
use greenroom_model::feed::{Cause, EventKind};
use greenroom_model::mirror::MirrorState;
use greenroom_model::{BlobName, BlobPath, ContainerPath};
use greenroom_store::{
    Clock, Entry, ListQuery, MirrorPlace, MirrorRecord, Seen, ShownIn, Store, StoreError, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Events that are looked at together.
const EVENTS_AT_ONCE: usize = 4_000;
/// Lists under way at once.
const LISTS_AT_ONCE: usize = 8;
/// A root with more folders than these is listed in one go.
const FOLDERS_MAX: usize = 64;
/// How deep the first folders are looked for that are more than one.
const DEPTH_MAX: usize = 8;
/// Containers of an account that are mirrored.
const CONTAINERS_MAX: usize = 10_000;
/// A canary that has not come after so many of its intervals is given up.
const CANARY_PATIENCE: i64 = 30;

/// What a mirror's task does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// There is more to do.
    More,
    /// All is done that can be done now.
    Rest,
}

#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error("the origin: {0}")]
    Origin(#[from] OriginError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the change feed of the origin: {0}")]
    Feed(#[from] FeedError),
}

type Result<T, E = FollowError> = std::result::Result<T, E>;

/// How closely a mirror follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub relist_us: i64,
    /// What a feed keeps at least.
    pub retention_us: i64,
    /// `None`: nothing is ever written there.
    pub canary_us: Option<i64>,
}

/// One mirror. Its state is in the store but for a list under way, which begins anew.
pub struct Follower {
    store: Store,
    origin: Arc<dyn Origin>,
    clock: Arc<dyn Clock>,
    name: String,
    scope: Scope,
    pace: Pace,
    place: MirrorPlace,
    cursor: Option<Cursor>,
    round: Option<Round>,
    /// All up to here was looked at, and nothing was there to read.
    quiet_s: i64,
    /// How long the feed's segments are, as far as is known.
    segment_us: i64,
    relist_now: bool,
    canary: Option<Canary>,
    wants: Wants,
    standing: Arc<Standing>,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("name", &self.name).field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// A list of everything, under way.
#[derive(Debug)]
struct Round {
    began: Timestamp,
    jobs: VecDeque<Job>,
    left_out: BTreeMap<LeftOut, u64>,
}

/// A list of what begins with a prefix, on from a page.
#[derive(Debug, Clone)]
struct Job {
    there: String,
    here: ContainerPath,
    prefix: String,
    kind: JobKind,
    /// In the origin's own words.
    after: Option<String>,
    /// The last name of the pages before.
    from: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JobKind {
    /// Looks for folders first, so deep by now.
    Folders(usize),
    All,
}

#[derive(Debug)]
struct Canary {
    path: BlobPath,
    there: String,
    etag: String,
    written_us: i64,
    /// Whether it has come, or was given up.
    is_over: bool,
}

impl Follower {
    pub fn new(
        store: &Store,
        origin: Arc<dyn Origin>,
        clock: Arc<dyn Clock>,
        record: &MirrorRecord,
        (scope, pace, wants): (Scope, Pace, Wants),
        standing: Arc<Standing>,
    ) -> Self {
        let cause = Cause { api: "Mirror".to_owned(), ..Cause::default() };
        let cursor = Cursor::parse(&record.place.cursor).ok();
        Self {
            store: store.caused_by(cause),
            origin,
            clock,
            name: record.name.clone(),
            scope,
            pace,
            place: record.place.clone(),
            cursor,
            round: None,
            quiet_s: i64::MIN,
            segment_us: 0,
            relist_now: false,
            canary: None,
            wants,
            standing,
        }
    }

    /// Lists everything again before long.
    pub fn relist(&mut self) {
        self.relist_now = true;
    }

    /// Does some of what there is to do. After an error what was under way is tried again, from where it is known to have come.
    pub async fn turn(&mut self) -> Result<Turn> {
        let now = self.clock.now();
        let mut turn = Turn::Rest;
        if self.round.is_none() && self.is_list_due(now) {
            self.begin_round(now).await?;
        }
        if self.round.is_some() {
            self.list_on().await?;
            turn = Turn::More;
        }
        if self.round.is_none() && self.cursor.is_none() && self.begins_to_tell().await? {
            self.relist_now = true;
            return Ok(Turn::More);
        }
        // Before everything was listed once, an event may be of what is not here yet.
        if self.place.listed_us != 0 && self.cursor.is_some() && self.follow().await? == Turn::More {
            turn = Turn::More;
        }
        self.watch_canary().await?;
        let mut known = self.standing.known();
        known.state = match (self.place.listed_us, &self.cursor) {
            (0, _) => MirrorState::Listing,
            (_, Some(_)) => MirrorState::Following,
            (_, None) => MirrorState::ByList,
        };
        let by_list = "the origin has no change feed: it is listed again now and then".to_owned();
        known.why = (known.state == MirrorState::ByList).then_some(by_list);
        Ok(turn)
    }

    fn is_list_due(&self, now: Timestamp) -> bool {
        self.relist_now
            || self.place.listed_us == 0
            || now.0.saturating_sub(self.place.listed_us) >= self.pace.relist_us
    }

    /// Whether an origin without a change feed has one by now.
    async fn begins_to_tell(&self) -> Result<bool> {
        let mut asked = Asked::default();
        let tells = told::tells(&*self.origin, &mut asked).await;
        self.asked(&asked);
        Ok(tells? != Tells::Nothing)
    }

    async fn begin_round(&mut self, now: Timestamp) -> Result<()> {
        let mut asked = Asked::default();
        match told::tells(&*self.origin, &mut asked).await? {
            Tells::Nothing => {
                if self.cursor.take().is_some() {
                    self.standing.known().counts.gaps += 1;
                    self.keep(MirrorPlace { cursor: Vec::new(), ..self.place.clone() }).await?;
                }
            }
            // What changes from here on is after this place; what changed before is known once a list from now on has come to its end.
            Tells::Until { last_consumable_s } if self.cursor.is_none() => {
                let cursor = told::end(&*self.origin, last_consumable_s, &mut asked).await?;
                self.keep(MirrorPlace { cursor: cursor.to_json(), listed_us: 0, ..self.place.clone() }).await?;
                self.cursor = Some(cursor);
            }
            Tells::Until { .. } => {}
        }
        self.asked(&asked);
        let mut round = Round { began: now, jobs: VecDeque::new(), left_out: BTreeMap::new() };
        for there in self.containers(&mut round).await? {
            let Some(here) = self.scope.shown(&there) else { continue };
            let (prefix, kind) = (self.scope.prefix.clone(), JobKind::Folders(0));
            round.jobs.push_back(Job { there, here, prefix, kind, after: None, from: None });
        }
        self.round = Some(round);
        self.relist_now = false;
        Ok(())
    }

    /// The origin's containers, made here where they are not; those that are gone there go here.
    async fn containers(&mut self, round: &mut Round) -> Result<Vec<String>> {
        let there = match &self.scope.there {
            Some(only) => vec![only.clone()],
            None => self.all_containers().await?,
        };
        let mut shown = Vec::new();
        for name in there {
            let Some(here) = self.scope.shown(&name) else {
                if !name.starts_with('$') {
                    *round.left_out.entry(LeftOut::Container).or_default() += 1;
                }
                continue;
            };
            match self.store.make_mirrored(&here, &self.name, &name).await {
                Ok(()) => shown.push(name),
                Err(StoreError::NotMirrored(_)) if self.scope.there.is_none() => {
                    *round.left_out.entry(LeftOut::Container).or_default() += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if self.scope.there.is_none() {
            for (container, there) in self.store.containers_of_mirror(&self.scope.account, &self.name) {
                let is_gone = !shown.contains(&there)
                    && matches!(self.list(&there, "", false, None, 1).await, Err(OriginError::Missing));
                if is_gone {
                    let path = ContainerPath { account: self.scope.account.clone(), container };
                    self.store.drop_mirrored(&path, &self.name).await?;
                }
            }
        }
        Ok(shown)
    }

    async fn all_containers(&self) -> Result<Vec<String>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            self.standing.known().counts.lists += 1;
            let (names, next) = self.origin.containers(after).await?;
            all.extend(names);
            after = next;
            if all.len() > CONTAINERS_MAX {
                let why = format!("it has more than {CONTAINERS_MAX} containers: mirror some of them by name");
                return Err(OriginError::Refused(why).into());
            }
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Lists a page of each of some jobs, and puts down what is on them.
    async fn list_on(&mut self) -> Result<()> {
        let Some(round) = &mut self.round else { return Ok(()) };
        let count = round.jobs.len().min(LISTS_AT_ONCE);
        let jobs: Vec<Job> = round.jobs.iter().take(count).cloned().collect();
        let pages = jobs.iter().map(|job| {
            let rolled_up = matches!(job.kind, JobKind::Folders(_));
            self.origin.list(&job.there, &job.prefix, rolled_up, job.after.clone(), PAGE_MAX)
        });
        let pages = join_all(pages).await;
        self.standing.known().counts.lists += jobs.len() as u64;
        for (job, page) in jobs.into_iter().zip(pages) {
            let more = match page {
                Ok(page) => self.put_down(job, page).await?,
                Err(OriginError::Missing) if self.scope.there.is_none() => {
                    self.relist_now = true;
                    Vec::new()
                }
                Err(OriginError::Missing) => {
                    return Err(OriginError::Away(format!("it has no container '{}'", job.there)).into());
                }
                Err(error) => return Err(error.into()),
            };
            if let Some(round) = &mut self.round {
                round.jobs.pop_front();
                round.jobs.extend(more);
            }
        }
        match self.round.take_if(|round| round.jobs.is_empty()) {
            Some(round) => self.end_round(round).await,
            None => Ok(()),
        }
    }

    async fn end_round(&mut self, round: Round) -> Result<()> {
        let complete_us = self.place.complete_us.max(round.began.0);
        self.keep(MirrorPlace { listed_us: round.began.0, complete_us, ..self.place.clone() }).await?;
        let mut known = self.standing.known();
        known.counts.rounds += 1;
        known.left_out = round.left_out;
        Ok(())
    }

    /// Puts a page down. Returns what is to be listed after it.
    async fn put_down(&mut self, job: Job, page: Listed) -> Result<Vec<Job>> {
        let outside = page.blobs.iter().any(|blob| !blob.name.starts_with(&job.prefix))
            || page.folders.iter().any(|folder| !folder.starts_with(&job.prefix));
        if outside {
            return Err(OriginError::Away(format!("what came is no list of what begins with '{}'", job.prefix)).into());
        }
        if let JobKind::Folders(depth) = job.kind {
            return self.put_folders_down(job, depth, page).await;
        }
        let names: BTreeSet<String> = page.blobs.iter().map(|blob| blob.name.clone()).collect();
        let last = page.blobs.last().map(|blob| blob.name.clone());
        let end = if page.next.is_some() { last.clone() } else { None };
        let gone = self.only_here(&job, &names, end.as_deref()).await?;
        let mut seen = Vec::new();
        for blob in page.blobs {
            self.see(&mut seen, blob);
        }
        self.reflect(&job.here, seen).await?;
        self.look_at(&job.there, &job.here, gone).await?;
        let Some(after) = page.next else { return Ok(Vec::new()) };
        Ok(vec![Job { after: Some(after), from: last.or(job.from), ..job }])
    }

    /// The first folders are listed on their own, should there be some and not too many; the page itself is put down with them.
    async fn put_folders_down(&mut self, job: Job, depth: usize, page: Listed) -> Result<Vec<Job>> {
        let all = Job { kind: JobKind::All, after: None, from: None, ..job.clone() };
        if page.next.is_some() || page.folders.is_empty() || page.folders.len() > FOLDERS_MAX {
            return Ok(vec![all]);
        }
        let mut folders: BTreeSet<String> = page.folders.into_iter().collect();
        let names: BTreeSet<String> = page.blobs.iter().map(|blob| blob.name.clone()).collect();
        let query = ListQuery { prefix: job.prefix.clone(), delimiter: Some("/".to_owned()), ..ListQuery::default() };
        let here = self.store.list_blobs(&job.here, &query).await?;
        if here.next.is_some() {
            return Ok(vec![all]);
        }
        let mut gone = BTreeSet::new();
        for entry in &here.entries {
            match entry {
                // A folder that is here alone is listed there, and found to be empty.
                Entry::Prefix(folder) => _ = folders.insert(folder.clone()),
                other if !names.contains(other.name()) => _ = gone.insert(other.name().to_owned()),
                _ => {}
            }
        }
        let mut seen = Vec::new();
        for blob in page.blobs {
            self.see(&mut seen, blob);
        }
        self.reflect(&job.here, seen).await?;
        self.look_at(&job.there, &job.here, gone).await?;
        let kind = if folders.len() == 1 && depth < DEPTH_MAX { JobKind::Folders(depth + 1) } else { JobKind::All };
        let jobs = folders.into_iter().map(|prefix| Job { prefix, kind, after: None, from: None, ..job.clone() });
        Ok(jobs.collect())
    }

    /// Names that are here, and not on the page of which they should be.
    async fn only_here(&self, job: &Job, names: &BTreeSet<String>, end: Option<&str>) -> Result<BTreeSet<String>> {
        let mut query = ListQuery {
            prefix: job.prefix.clone(),
            after: job.from.clone(),
            before: end.map(str::to_owned),
            ..ListQuery::default()
        };
        let mut only = BTreeSet::new();
        loop {
            let page = self.store.list_blobs(&job.here, &query).await?;
            let here = page.entries.iter().map(Entry::name).filter(|name| !names.contains(*name));
            only.extend(here.map(str::to_owned));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(only),
            }
        }
    }

    /// What was listed: put down, or left out and counted.
    fn see(&mut self, all: &mut Vec<Seen>, there: There) {
        let why = match BlobName::new(there.name.clone()) {
            Err(_) => LeftOut::Name,
            Ok(name) => match seen(&name, Some(there)) {
                Ok(blob) => return all.push(blob),
                Err(why) => {
                    all.push(Seen::Gone(name));
                    why
                }
            },
        };
        if let Some(round) = &mut self.round {
            *round.left_out.entry(why).or_default() += 1;
        }
    }

    /// Looks at names, and puts down what is found of each.
    async fn look_at(&mut self, there: &str, here: &ContainerPath, names: BTreeSet<String>) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let found = look(&*self.origin, there, names).await?;
        self.standing.known().counts.lists += found.lists;
        let mut all = Vec::new();
        for (name, there) in found.blobs {
            let Ok(name) = BlobName::new(name) else { continue };
            all.push(seen(&name, there).unwrap_or(Seen::Gone(name)));
        }
        self.reflect(here, all).await
    }

    async fn reflect(&mut self, here: &ContainerPath, seen: Vec<Seen>) -> Result<()> {
        let names = seen.iter().filter_map(|seen| match seen {
            Seen::There(blob) if self.wants.is_pinned(&blob.name) => Some(here.clone().blob(blob.name.clone())),
            Seen::There(_) | Seen::Gone(_) => None,
        });
        let pinned: Vec<BlobPath> = names.collect();
        let done = self.store.reflect(here, &self.name, seen).await?;
        pinned.into_iter().for_each(|path| self.wants.want(path));
        let mut known = self.standing.known();
        known.counts.put += done.put;
        known.counts.gone += done.gone;
        if done.too_large > 0 {
            *known.left_out.entry(LeftOut::TooLarge).or_default() += done.too_large;
        }
        Ok(())
    }

    /// Reads a chunk of the feed, looks at what it tells of, and moves on.
    async fn follow(&mut self) -> Result<Turn> {
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
            Step::Chunk { path, shard, place, bytes, .. } => self.read(&path, shard, place, &bytes).await,
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
        let total = read_chunk(bytes).map_or(0, |events| events.count() as u64);
        for _ in 0..place.events {
            if events.next().is_none() {
                break;
            }
        }
        loop {
            self.standing.known().events_behind = total.saturating_sub(at.events);
            let (mut batch, mut count) = (Batch::default(), 0);
            while count < EVENTS_AT_ONCE {
                match events.next() {
                    None => break,
                    Some(Ok(told)) => batch.add(&self.scope, told),
                    Some(Err(error)) if told::is_lost(&error) => {
                        return self.lost(&error.to_string(), after_segment).await;
                    }
                    Some(Err(_)) => *batch.left_out.entry(LeftOut::Event).or_default() += 1,
                }
                count += 1;
            }
            if count == 0 {
                break;
            }
            self.take(batch, count as u64).await?;
            at.events += count as u64;
            let cursor = told::after(self.cursor.as_ref().unwrap_or(&Cursor::Beginning), path, shard, at);
            self.keep(MirrorPlace { cursor: cursor.to_json(), ..self.place.clone() }).await?;
            self.cursor = Some(cursor);
        }
        let next = ChunkPlace { chunk: place.chunk.saturating_add(1), events: 0 };
        let cursor = told::after(self.cursor.as_ref().unwrap_or(&Cursor::Beginning), path, shard, next);
        self.keep(MirrorPlace { cursor: cursor.to_json(), ..self.place.clone() }).await?;
        self.cursor = Some(cursor);
        self.standing.known().events_behind = 0;
        Ok(Turn::More)
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

    async fn keep(&mut self, place: MirrorPlace) -> Result<()> {
        self.store.place_mirror(&self.scope.account, &self.name, place.clone()).await?;
        self.place = place;
        Ok(())
    }

    fn asked(&self, asked: &Asked) {
        let mut known = self.standing.known();
        known.counts.feed_reads += asked.reads;
        known.counts.lists += asked.lists;
    }

    async fn list(
        &self,
        there: &str,
        prefix: &str,
        rolled_up: bool,
        after: Option<String>,
        max: usize,
    ) -> std::result::Result<Listed, OriginError> {
        self.standing.known().counts.lists += 1;
        self.origin.list(there, prefix, rolled_up, after, max).await
    }

    /// Writes a blob there now and then, and waits for it here.
    async fn watch_canary(&mut self) -> Result<()> {
        let Some(every_us) = self.pace.canary_us else { return Ok(()) };
        let now = self.clock.now();
        if let Some(canary) = self.canary.as_mut().filter(|canary| !canary.is_over) {
            let has_come = self.store.origin_etag_of(&canary.path).as_ref() == Some(&canary.etag);
            if has_come {
                self.standing.known().canary_lag_ms = Some(ms_between(canary.written_us, now));
            }
            canary.is_over = has_come || now.0 - canary.written_us > every_us.saturating_mul(CANARY_PATIENCE);
        }
        let is_due = self.canary.as_ref().is_none_or(|canary| canary.is_over && now.0 - canary.written_us >= every_us);
        if !is_due || self.place.listed_us == 0 {
            return Ok(());
        }
        let mut containers = self.store.containers_of_mirror(&self.scope.account, &self.name).into_iter();
        let Some((_, there)) = containers.next() else { return Ok(()) };
        let name = canary_name(&self.scope, &self.name);
        let Some(path) = self.scope.place(&there, &name) else { return Ok(()) };
        let etag = self.origin.put(&there, &name, Bytes::from(now.0.to_string())).await?;
        self.canary = Some(Canary { path, there, etag, written_us: now.0, is_over: false });
        Ok(())
    }

    /// Takes the canary away, when the mirror ends.
    pub async fn end(self) {
        if let Some(canary) = self.canary {
            // What is left of it there is of no use, and of no harm.
            let _ = self.origin.delete(&canary.there, canary.path.name.as_str()).await;
        }
    }
}

/// Looks at one name at once, for whoever reads it. Nobody else may look at it or list it meanwhile. Err: of the store; then of the origin.
pub async fn look_now(
    store: &Store,
    origin: &dyn Origin,
    shown: &ShownIn,
    path: &BlobPath,
) -> Result<std::result::Result<(), OriginError>, StoreError> {
    let names = BTreeSet::from([path.name.to_string()]);
    let found = match look(origin, &shown.there, names).await {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    let there = found.blobs.into_values().flatten().next();
    let seen = seen(&path.name, there).unwrap_or(Seen::Gone(path.name.clone()));
    store.reflect(&path.container, &shown.mirror, vec![seen]).await?;
    Ok(Ok(()))
}

/// Where a mirror writes its canary.
pub fn canary_name(scope: &Scope, mirror: &str) -> String {
    format!("{}.greenroom-canary-{}-{mirror}", scope.prefix, scope.account)
}

/// What some events come to.
#[derive(Debug, Default)]
struct Batch {
    /// By the origin's container: names, with the ETag where nothing but that version has to be here.
    names: BTreeMap<String, BTreeMap<String, Option<String>>>,
    times_us: Vec<i64>,
    left_out: BTreeMap<LeftOut, u64>,
}

impl Batch {
    fn add(&mut self, scope: &Scope, told: greenroom_feed::Told) {
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
