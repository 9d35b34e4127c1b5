//! The protocol: segments, then the manifest, then the catalog, and only then flash. A crash between two steps leaves a copy too many.

use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::flash::{Applied, Flash, Place, Placement};
use crate::format::footer::{Footer, Key};
use crate::format::segment::{self, SegmentInfo};
use crate::hash::Hash;
use crate::layout;
use crate::log::{self, Change, Dead, State};
use crate::pack::{self, ChunkIndex, Figures, Leaving, Packed};
use crate::volume::{Identity, InFlight, Volume};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

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
    /// Held by whoever commits, until the catalog has the commit too.
    turn: Mutex<Recent>,
}

/// What commits of this process mean for the catalog. It saves reading them back.
#[derive(Debug, Default)]
pub(crate) struct Recent(BTreeMap<u64, Applied>);

pub(crate) type Turn<'a> = MutexGuard<'a, Recent>;

impl<F: Flash> Offload<F> {
    /// Takes the volume over, and tells the catalog what it has missed. Deletes nothing.
    pub async fn open(flash: Arc<F>, cloud: Cloud, identity: &Identity, now: i64) -> Result<Self> {
        let volume = Volume::open(cloud, identity, now).await?;
        let offload = Self { flash, volume, index: ChunkIndex::new(INDEX_CHUNKS_MAX), turn: Mutex::default() };
        drop(offload.turn().await?);
        Ok(offload)
    }

    pub fn volume(&self) -> &Arc<Volume> {
        &self.volume
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
                self.free(&placements.iter().map(|placed| (placed.key.clone(), placed.place)).collect::<Vec<_>>())
                    .await?
            }
            Then::Keep => 0,
        };
        Ok(Outcome { placed: placements, skipped, figures, bytes_freed })
    }

    /// Frees flash of blobs that are in the cloud already.
    pub async fn free(&self, blobs: &[(Key, Place)]) -> Result<u64> {
        // What the log does not count must not be relied on.
        let state = self.volume.state();
        let counted: Vec<_> = blobs.iter().filter(|(_, place)| counts(&state, place)).cloned().collect();
        Ok(self.flash.free(&counted).await?)
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
        let state = self.volume.commit(change, now, still_valid).await?;
        turn.0.insert(state.number, Applied { number: state.number, placements, released });
        self.index.retain(&state);
        self.catch_up(turn).await
    }

    async fn catch_up(&self, turn: &mut Turn<'_>) -> Result<()> {
        let applied = self.flash.applied().await?;
        for number in applied + 1..=self.volume.state().number {
            let applied = match turn.0.remove(&number) {
                Some(recent) => recent,
                None => read_applied(self.volume.cloud(), number).await?,
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

pub(crate) fn counts(state: &State, place: &Place) -> bool {
    state
        .segments
        .get(&place.segment)
        .is_some_and(|segment| place.recipe < segment.info.recipes && !segment.dead.contains(place.recipe))
}

pub(crate) async fn read_footer(cloud: &Cloud, info: &SegmentInfo) -> Result<Footer> {
    let name = layout::segment(&info.hash);
    let range = info.footer();
    let read = async || {
        let bytes = cloud.get_range(&name, range.clone()).await?;
        if info.footer_hash.is_some_and(|hash| hash != Hash::of(&bytes)) {
            return Err(Error::damaged(&name, "its footer is not the one that was written"));
        }
        segment::footer(&bytes, range.start, &name)
    };
    match read().await {
        // Once more: the bytes may have been damaged on their way.
        Err(Error::Damaged { .. }) => read().await,
        other => other,
    }
}

/// What a manifest means for the catalog, read back from the cloud.
async fn read_applied(cloud: &Cloud, number: u64) -> Result<Applied> {
    let read = log::read_manifest(cloud, number).await?;
    let (manifest, _) = read.ok_or_else(|| Error::log(format!("manifest {number} is missing")))?;
    let mut placements = Vec::new();
    for info in &manifest.change.add {
        let footer = read_footer(cloud, info).await?;
        let places = (0..).map(|recipe| Place { segment: info.hash, recipe });
        placements.extend(footer.recipes.iter().zip(places).map(|(recipe, place)| Placement::of(recipe, place)));
    }
    Ok(Applied { number, placements, released: manifest.change.dead })
}
