//! The protocol: segments, then the manifest, then the catalog, and only then flash. A crash between two steps leaves a copy too many.

use crate::cloud::{Cloud, Seen};
use crate::error::{Error, Result};
use crate::flash::{Applied, Flash, Placement};
use crate::format::footer::{Footer, Key, Label, Place, Recipe};
use crate::format::segment::{self, SegmentInfo};
use crate::hash::Hash;
use crate::layout;
use crate::log::{self, AuditHead, Change, Dead, Standing, State};
use crate::pack::{self, ChunkIndex, Figures, Leaving, Packed};
use crate::seal::Keys;
use crate::volume::{Claim, Identity, InFlight, Volume, make_or_load};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

/// How often opening looks at the log again after another entry was faster.
const OPEN_ATTEMPTS_MAX: u32 = 8;
/// Places taken from flash's queue for one commit.
const RELEASES_MAX: usize = 10_000;
/// Chunks that may be found again: 50 MB of memory for about 256 GiB of content.
const INDEX_CHUNKS_MAX: usize = 256 << 10;

/// Whether flash keeps its copy of what has been offloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Free,
    /// A copy in the cloud, for safety: what is hot stays hot.
    Keep,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Outcome {
    pub placed: Vec<Placement>,
    pub skipped: Vec<(Key, String)>,
    pub figures: Figures,
    /// On flash.
    pub bytes_freed: u64,
}

/// The one writer of a volume, on behalf of one flash.
#[derive(Debug)]
pub struct Offload<F> {
    pub(crate) flash: Arc<F>,
    pub(crate) volume: Arc<Volume>,
    pub(crate) index: ChunkIndex,
    keys: Arc<dyn Keys>,
    found_audit: Option<AuditHead>,
    /// Held by whoever commits, until the catalog has the commit too.
    turn: Mutex<Recent>,
}

/// What commits of this process mean for the catalog. It saves reading them back.
#[derive(Debug, Default)]
pub(crate) struct Recent(BTreeMap<u64, Applied>);

pub(crate) type Turn<'a> = MutexGuard<'a, Recent>;

impl<F: Flash> Offload<F> {
    /// Makes the volume if there is none, and takes it over: whoever wrote to it before can no longer commit. What this folder wrote last,
    /// and did not hear of, is applied first. Deletes nothing.
    /// Err: `Behind` and `Short` where this folder does not know the log to its end, which is left as it is.
    pub async fn open(flash: Arc<F>, cloud: Cloud, keys: Arc<dyn Keys>, identity: &Identity, now: i64) -> Result<Self> {
        let format = make_or_load(&cloud, identity).await?;
        for _ in 0..OPEN_ATTEMPTS_MAX {
            let state = log::load(&cloud).await?;
            let known = flash.known().await?;
            let (known, found) = match known.standing(&state) {
                Standing::Current => {
                    let found_audit = state.audit.clone();
                    let audit = flash.audit().await?;
                    let claim = Claim::new(cloud.clone(), format.clone(), state, identity, audit, now)?;
                    let hash = claim.hash();
                    flash.mean(hash).await?;
                    // One entry that is there before it may be an earlier one of this folder: the next look tells.
                    let Some(volume) = claim.take().await? else { continue };
                    let number = volume.state().number;
                    flash.apply(Applied { number, hash, placements: Vec::new(), released: Vec::new() }).await?;
                    let index = ChunkIndex::new(INDEX_CHUNKS_MAX);
                    return Ok(Self { flash, volume, index, keys, found_audit, turn: Mutex::default() });
                }
                Standing::Ours => {
                    flash.apply(read_applied(&cloud, &*keys, state.number).await?).await?;
                    continue;
                }
                Standing::Behind | Standing::Short => (known, state.number),
            };
            let known = known.number;
            return Err(if found < known { Error::Short { known, found } } else { Error::Behind { known, found } });
        }
        Err(Error::Stale("others take the volume over all the time"))
    }

    pub fn volume(&self) -> &Arc<Volume> {
        &self.volume
    }

    /// What the log said of the audit log before it was taken over.
    pub fn found_audit(&self) -> Option<&AuditHead> {
        self.found_audit.as_ref()
    }

    /// Moves a batch into the cloud. The caller bounds the batch: about a GiB, or one large blob.
    /// Err: nothing was lost, and what has been committed is in the catalog, or will be when this is called again.
    pub async fn offload(&self, leaving: Vec<Leaving>, then: Then, now: i64) -> Result<Outcome> {
        let Packed { segments, placements, reusable, skipped, figures } =
            pack::pack(&*self.flash, &self.volume, &self.index, leaving).await?;
        let mut turn = self.turn().await?;
        let change = Change {
            add: segments.iter().map(|segment| segment.info.clone()).collect(),
            dead: self.releases().await?,
            ..Change::default()
        };
        if !change.is_empty() {
            let lenders_stay = |state: &State| check_lenders(state, &segments);
            self.commit(&mut turn, change, placements.clone(), now, lenders_stay).await?;
            self.index.learn(reusable);
        }
        drop(turn);
        let bytes_freed = match then {
            Then::Free => {
                let blobs = placements.iter().filter_map(|placed| Some((placed.of.as_ref()?.0.clone(), placed.place)));
                self.free(&blobs.collect::<Vec<_>>()).await?
            }
            Then::Keep => 0,
        };
        Ok(Outcome { placed: placements, skipped, figures, bytes_freed })
    }

    /// Frees flash of blobs that are in the cloud already: of those alone whose segments this process has seen there.
    pub async fn free(&self, blobs: &[(Key, Place)]) -> Result<u64> {
        // What the log does not count must not be relied on.
        let state = self.volume.state();
        let counted: Vec<_> = blobs.iter().filter(|(_, place)| state.counts(place)).cloned().collect();
        let segments: BTreeSet<Hash> = counted.iter().map(|(_, place)| place.segment).collect();
        let mut sound = BTreeSet::new();
        for segment in segments {
            if self.is_sound(&state, &segment).await? {
                sound.insert(segment);
            }
        }
        let seen: Vec<_> = counted.into_iter().filter(|(_, place)| sound.contains(&place.segment)).collect();
        Ok(self.flash.free(&seen).await?)
    }

    /// Whether the target holds all that the recipes of a segment may need. Err: nobody can say now.
    async fn is_sound(&self, state: &State, segment: &Hash) -> Result<bool> {
        let Some(own) = state.segments.get(segment) else { return Ok(false) };
        for needed in own.info.borrows.iter().chain([segment]) {
            let Some(needed) = state.segments.get(needed) else { return Ok(false) };
            let seen = self.volume.see(&needed.info).await?;
            if seen != Seen::Whole {
                let name = layout::segment(&needed.info.hash);
                tracing::error!(name, ?seen, "the target does not hold what was written: what needs it stays on flash");
                self.index.forget(&needed.info.hash);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells the cloud what flash needs no more: blobs deleted, overwritten, or never placed after all.
    pub async fn release(&self, now: i64) -> Result<()> {
        let mut turn = self.turn().await?;
        let dead = self.releases().await?;
        if !dead.is_empty() {
            self.commit(&mut turn, Change { dead, ..Change::default() }, Vec::new(), now, |_| Ok(())).await?;
        }
        Ok(())
    }

    /// Lets chunks be found again that earlier processes have written, newest segments first.
    pub async fn warm_up(&self, segments_max: usize) -> Result<()> {
        let state = self.volume.state();
        let mut newest: Vec<_> = state.segments.values().collect();
        newest.sort_by_key(|segment| std::cmp::Reverse(segment.added));
        for segment in newest.into_iter().take(segments_max) {
            let footer = read_footer(self.volume.cloud(), &segment.info).await?;
            self.index.learn_footer(segment.info.hash, &footer);
        }
        Ok(())
    }

    /// The right to commit. The catalog has every commit when this returns.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>> {
        let mut turn = self.turn.lock().await;
        self.catch_up(&mut turn).await?;
        Ok(turn)
    }

    pub(crate) async fn commit(
        &self,
        turn: &mut Turn<'_>,
        change: Change,
        placements: Vec<Placement>,
        now: i64,
        still_valid: impl FnOnce(&State) -> Result<()>,
    ) -> Result<()> {
        let released = change.dead.clone();
        let audit = self.flash.audit().await?;
        let prepared = self.volume.prepare(change, audit, now, still_valid).await?;
        let hash = prepared.hash();
        // First: should the answer be lost, it is known whose it is.
        self.flash.mean(hash).await?;
        let state = prepared.commit().await?;
        turn.0.insert(state.number, Applied { number: state.number, hash, placements, released });
        self.index.retain(&state);
        self.catch_up(turn).await
    }

    async fn catch_up(&self, turn: &mut Turn<'_>) -> Result<()> {
        let applied = self.flash.known().await?.number;
        for number in applied + 1..=self.volume.state().number {
            let applied = match turn.0.remove(&number) {
                Some(recent) => recent,
                None => read_applied(self.volume.cloud(), &*self.keys, number).await?,
            };
            let kept = applied.clone();
            if let Err(error) = self.flash.apply(applied).await {
                turn.0.insert(number, kept);
                return Err(error.into());
            }
        }
        Ok(())
    }

    async fn releases(&self) -> Result<Vec<Dead>> {
        let state = self.volume.state();
        let mut by_segment: BTreeMap<Hash, Vec<u32>> = BTreeMap::new();
        for place in self.flash.releases(RELEASES_MAX).await? {
            if state.segments.contains_key(&place.segment) {
                by_segment.entry(place.segment).or_default().push(place.recipe);
            }
        }
        let dead =
            by_segment.into_iter().map(|(segment, recipes)| Dead { segment, recipes: recipes.into_iter().collect() });
        Ok(dead.collect())
    }
}

/// A segment that others were to borrow from may have been condemned while they were packed.
pub(crate) fn check_lenders(state: &State, segments: &[InFlight]) -> Result<()> {
    let mine = |hash: &Hash| segments.iter().any(|segment| segment.info.hash == *hash);
    let mut lenders = segments.iter().flat_map(|segment| &segment.info.borrows);
    match lenders.all(|lender| mine(lender) || state.segments.contains_key(lender)) {
        true => Ok(()),
        false => Err(Error::Stale("a segment that was to be borrowed from has been condemned")),
    }
}

pub(crate) async fn read_footer(cloud: &Cloud, info: &SegmentInfo) -> Result<Footer> {
    match read_footer_once(cloud, info).await {
        // Once more: the bytes may have been damaged on their way, and what the log counts is not missing because of one answer.
        Err(Error::Damaged { .. } | Error::Missing(_)) => read_footer_once(cloud, info).await,
        other => other,
    }
}

async fn read_footer_once(cloud: &Cloud, info: &SegmentInfo) -> Result<Footer> {
    let name = layout::segment(&info.hash);
    let range = info.footer();
    let bytes = cloud.get_range(&name, range.clone()).await?;
    let other = Error::damaged(&name, "its footer is not the one that the log knows");
    if info.footer_hash.is_some_and(|hash| hash != Hash::of(&bytes)) {
        return Err(other);
    }
    let footer = segment::footer(&bytes, range.start, &name)?;
    // Whole as it may be, it could be that of another segment.
    let raw_bytes: u64 = footer.chunks.iter().map(|entry| u64::from(entry.raw)).sum();
    let borrows: BTreeSet<Hash> = footer.borrowed.iter().map(|borrowed| borrowed.segment).collect();
    let fits = footer.recipes.len() == info.recipes as usize
        && raw_bytes == info.raw_bytes
        // Loans end in the log alone.
        && info.borrows.is_subset(&borrows);
    if fits { Ok(footer) } else { Err(other) }
}

/// What a manifest means for the catalog, read back from the cloud.
pub(crate) async fn read_applied(cloud: &Cloud, keys: &dyn Keys, number: u64) -> Result<Applied> {
    let read = log::read_manifest(cloud, number).await?;
    let (manifest, hash) = read.ok_or_else(|| Error::log(format!("manifest {number} is missing")))?;
    if manifest.number != number {
        return Err(Error::damaged(&layout::manifest(number), "it is another manifest"));
    }
    let mut placements = Vec::new();
    for info in &manifest.change.add {
        let footer = read_footer(cloud, info).await?;
        for (recipe, number) in footer.recipes.iter().zip(0..) {
            let place = Place { segment: info.hash, recipe: number };
            let of = name_of(&footer, recipe, keys, &layout::segment(&info.hash)).await?;
            placements.push(Placement { of, place, was: recipe.was });
        }
    }
    Ok(Applied { number, hash, placements, released: manifest.change.dead })
}

/// `None` where it takes a key: what was moved is found by where it was, and what has only just come there is on flash still, and comes again.
async fn name_of(footer: &Footer, recipe: &Recipe, keys: &dyn Keys, object: &str) -> Result<Option<(Key, String)>> {
    if recipe.was.is_some() && matches!(recipe.label, Label::Sealed(_)) {
        return Ok(None);
    }
    match footer.named(recipe, keys, object).await {
        Ok(named) => Ok(Some((named.key, named.about.etag))),
        Err(Error::KeyDenied(_) | Error::KeyAway(_) | Error::KeyGone(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
