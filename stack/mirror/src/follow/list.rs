//! Lists everything that is there, page by page, and puts it down.

use super::{Follower, Result};
use crate::look::PAGE_MAX;
use crate::origin::{Listed, OriginError, There};
use crate::seen::{LeftOut, seen};
use crate::told::{self, Asked, Tells};
use futures::future::join_all;
use greenroom_model::{BlobName, ContainerPath};
use greenroom_store::{Entry, ListQuery, MirrorPlace, Seen, StoreError, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Lists under way at once.
const LISTS_AT_ONCE: usize = 8;
/// A root with more folders than these is listed in one go.
const FOLDERS_MAX: usize = 64;
/// How deep the first folders are looked for that are more than one.
const DEPTH_MAX: usize = 8;
/// Containers of an account that are mirrored.
const CONTAINERS_MAX: usize = 10_000;

/// A list of everything, under way.
#[derive(Debug)]
pub(super) struct Round {
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

impl Follower {
    /// Whether an origin without a change feed has one by now.
    pub(super) async fn begins_to_tell(&self) -> Result<bool> {
        let mut asked = Asked::default();
        let tells = told::tells(&*self.origin, &mut asked).await;
        self.asked(&asked);
        Ok(tells? != Tells::Nothing)
    }

    pub(super) async fn begin_round(&mut self, now: Timestamp) -> Result<()> {
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
    pub(super) async fn list_on(&mut self) -> Result<()> {
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
        let mut seen = Vec::new();
        for blob in page.blobs {
            self.see(&mut seen, blob);
        }
        self.reflect(&job.here, seen).await?;
        self.look_for_others(&job, &names, end.as_deref()).await?;
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

    /// Looks at names that are here, and not on the page on which they should be.
    async fn look_for_others(&mut self, job: &Job, names: &BTreeSet<String>, end: Option<&str>) -> Result<()> {
        let mut query = ListQuery {
            prefix: job.prefix.clone(),
            after: job.from.clone(),
            before: end.map(str::to_owned),
            ..ListQuery::default()
        };
        loop {
            let page = self.store.list_blobs(&job.here, &query).await?;
            let others = page.entries.iter().map(Entry::name).filter(|name| !names.contains(*name));
            let others: BTreeSet<String> = others.map(str::to_owned).collect();
            self.look_at(&job.there, &job.here, others).await?;
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
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
}
