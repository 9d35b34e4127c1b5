//! The follower: lists what is there, follows the feed, and puts down what it sees, one thing at a time. See `docs/design/a-mirror.md`.

mod canary;
mod feed;
mod list;

use crate::cache::Wants;
use crate::look::look;
use crate::origin::{Listed, Origin, OriginError};
use crate::scope::Scope;
use crate::seen::seen;
use crate::standing::Standing;
use crate::told::Asked;
use canary::Canary;
use greenroom_feed::{Cursor, FeedError};
use greenroom_model::feed::Cause;
use greenroom_model::mirror::MirrorState;
use greenroom_model::{BlobName, BlobPath, ContainerPath};
use greenroom_store::{Clock, MirrorPlace, MirrorRecord, Seen, ShownIn, Store, StoreError, Timestamp};
use list::Round;
use std::collections::BTreeSet;
use std::sync::Arc;

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
        let no_canary = self.watch_canary().await?;
        let mut known = self.standing.known();
        known.state = match (self.place.listed_us, &self.cursor) {
            (0, _) => MirrorState::Listing,
            (_, Some(_)) => MirrorState::Following,
            (_, None) => MirrorState::ByList,
        };
        let by_list = "the origin has no change feed: it is listed again now and then".to_owned();
        known.why = no_canary.or_else(|| (known.state == MirrorState::ByList).then_some(by_list));
        Ok(turn)
    }

    fn is_list_due(&self, now: Timestamp) -> bool {
        self.relist_now
            || self.place.listed_us == 0
            || now.0.saturating_sub(self.place.listed_us) >= self.pace.relist_us
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
        Ok(put_down(&self.store, (&self.standing, &self.wants), here, &self.name, seen).await?)
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

    /// Takes the canary away, when the mirror ends.
    pub async fn end(self) {
        if let Some(canary) = self.canary.filter(|canary| canary.refused.is_none()) {
            // What is left of it there is of no use, and of no harm.
            let _ = self.origin.delete(&canary.there, canary.path.name.as_str()).await;
        }
    }
}

/// Puts down what was seen: counts it, and asks for the content of what is pinned.
async fn put_down(
    store: &Store,
    (standing, wants): (&Standing, &Wants),
    here: &ContainerPath,
    mirror: &str,
    seen: Vec<Seen>,
) -> Result<(), StoreError> {
    let names = seen.iter().filter_map(|seen| match seen {
        Seen::There(blob) if wants.is_pinned(&blob.name) => Some(here.clone().blob(blob.name.clone())),
        Seen::There(_) | Seen::Gone(_) => None,
    });
    let pinned: Vec<BlobPath> = names.collect();
    let done = store.reflect(here, mirror, seen).await?;
    pinned.into_iter().for_each(|path| wants.want(path));
    standing.known().did(&done);
    Ok(())
}

/// Looks at one name at once, for whoever reads it. Nobody else may look at it or list it meanwhile. Err: of the store; then of the origin.
pub async fn look_now(
    store: &Store,
    origin: &dyn Origin,
    parts: (&Standing, &Wants),
    shown: &ShownIn,
    path: &BlobPath,
) -> Result<std::result::Result<(), OriginError>, StoreError> {
    let names = BTreeSet::from([path.name.to_string()]);
    let found = match look(origin, &shown.there, names).await {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    parts.0.known().counts.lists += found.lists;
    let there = found.blobs.into_values().flatten().next();
    let seen = seen(&path.name, there).unwrap_or(Seen::Gone(path.name.clone()));
    // The event of it finds it here, and asks for nothing more.
    put_down(store, parts, &path.container, &shown.mirror, vec![seen]).await.map(Ok)
}
