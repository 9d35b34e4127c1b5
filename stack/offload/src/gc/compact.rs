//! Moves what is still needed of some segments into new ones. Chunks are taken over as they lie; of a chunk that small blobs share, the
//! blobs that are left are packed again, unless it is sealed: no key is needed for any of this.

use super::plan::Victim;
use crate::error::{Error, Result};
use crate::flash::Flash;
use crate::format::chunk::{self, ChunkEntry, Cipher, Opener};
use crate::format::footer::{Borrowed, Footer, Label, Named, Place, Recipe};
use crate::hash::Hash;
use crate::layout;
use crate::log::{Change, Dead};
use crate::offload::{Offload, check_lenders, read_footer};
use crate::pack::{ChunkAt, SegmentWriter, Small, Subject, Written};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    pub recipes: u64,
    pub segments_written: u64,
    pub bytes_written: u64,
}

struct Move {
    writer: SegmentWriter,
    small: Small,
    victims: BTreeSet<Hash>,
    /// Where chunks of victims lie now.
    moved: BTreeMap<(Hash, u32), ChunkAt>,
    /// The last shared chunk: blobs that share one follow each other.
    shared: Option<(Hash, u64, Vec<u8>)>,
    old: BTreeMap<Hash, Vec<u32>>,
}

impl<F: Flash> Offload<F> {
    /// The victims are needless when this returns; `collect` removes them. Err: `Stale` where something moved died meanwhile.
    pub async fn compact(&self, victims: &[Victim], now: i64) -> Result<Compacted> {
        let state = self.volume.state();
        let mut job = Move {
            writer: SegmentWriter::new(self.volume.clone()),
            small: Small::default(),
            victims: victims.iter().map(|victim| victim.segment).collect(),
            moved: BTreeMap::new(),
            shared: None,
            old: BTreeMap::new(),
        };
        for (hash, segment) in state.segments.iter().filter(|(_, segment)| segment.live_recipes() > 0) {
            if !job.victims.contains(hash) && job.victims.is_disjoint(&segment.info.borrows) {
                continue;
            }
            let footer = read_footer(self.volume.cloud(), &segment.info).await?;
            for number in segment.live() {
                self.recipe(&mut job, Place { segment: *hash, recipe: number }, &footer).await?;
            }
        }
        let Move { mut writer, mut small, old, .. } = job;
        small.flush(&mut writer).await?;
        let Written { segments, placements, .. } = writer.finish().await?;
        let written = Compacted {
            recipes: placements.len() as u64,
            segments_written: segments.len() as u64,
            bytes_written: segments.iter().map(|segment| segment.info.bytes).sum(),
        };
        if segments.is_empty() {
            return Ok(written);
        }
        let moved: Vec<Place> = placements.iter().filter_map(|placed| placed.was).collect();
        let dead = old.into_iter().map(|(segment, recipes)| Dead { segment, recipes: recipes.into_iter().collect() });
        let add = segments.iter().map(|segment| segment.info.clone()).collect();
        let change = Change { add, dead: dead.collect(), ..Change::default() };
        let mut turn = self.turn().await?;
        self.commit(&mut turn, change, placements, now, |state| {
            check_lenders(state, &segments)?;
            // Else a blob that was deleted meanwhile would count again.
            match moved.iter().all(|place| state.counts(place)) {
                true => Ok(()),
                false => Err(Error::Stale("a blob was released while it was moved")),
            }
        })
        .await?;
        Ok(written)
    }

    async fn recipe(&self, job: &mut Move, place: Place, footer: &Footer) -> Result<()> {
        let missing = || Error::damaged("footer", "a recipe or a chunk of it is not there");
        let recipe = footer.recipes.get(place.recipe as usize).ok_or_else(missing)?;
        let mut parts = Vec::with_capacity(recipe.parts.len());
        let mut needs_move = job.victims.contains(&place.segment);
        for part in &recipe.parts {
            let (lender, number, entry) = footer.chunk(part).ok_or_else(missing)?;
            let home = lender.unwrap_or(place.segment);
            needs_move |= job.victims.contains(&home);
            parts.push((Borrowed { segment: home, number, entry: *entry }, part.skip, part.length));
        }
        if !needs_move {
            return Ok(());
        }
        job.old.entry(place.segment).or_default().push(place.recipe);
        match (&recipe.label, &parts[..]) {
            (Label::Named(named), [(chunk, skip, length)])
                if *length < chunk.entry.raw && chunk.entry.cipher == Cipher::None =>
            {
                self.repack(job, place, named, (*chunk, *skip, *length)).await
            }
            _ => self.relocate(job, place, recipe, parts).await,
        }
    }

    async fn repack(
        &self,
        job: &mut Move,
        place: Place,
        named: &Named,
        (at, skip, length): (Borrowed, u32, u32),
    ) -> Result<()> {
        let content = match job.shared.take() {
            Some((segment, offset, content)) if (segment, offset) == (at.segment, at.entry.offset) => content,
            _ => self.content(&at.segment, &at.entry, &named.key.tenant).await?,
        };
        let part = content.get(skip as usize..(skip + length) as usize);
        let part = part.ok_or(Error::damaged("footer", "a recipe reaches out of a chunk"))?;
        job.small.add(&mut job.writer, named.clone(), None, Some(place), part).await?;
        job.shared = Some((at.segment, at.entry.offset, content));
        Ok(())
    }

    async fn relocate(
        &self,
        job: &mut Move,
        place: Place,
        recipe: &Recipe,
        parts: Vec<(Borrowed, u32, u32)>,
    ) -> Result<()> {
        let mut placed = Vec::with_capacity(parts.len());
        for (at, skip, length) in parts {
            let known = job.moved.get(&(at.segment, at.number)).copied();
            let chunk = match known {
                Some(chunk) => chunk,
                None if job.victims.contains(&at.segment) => {
                    let framed = self.framed(&at.segment, &at.entry, recipe.label.tenant()).await?;
                    let chunk = job.writer.verbatim(&framed, &at.entry).await?;
                    job.moved.insert((at.segment, at.number), chunk);
                    chunk
                }
                None => ChunkAt::Elsewhere(at),
            };
            placed.push((chunk, skip, length));
        }
        let subject = match recipe.label.clone() {
            Label::Named(named) => Subject::Named(named, None),
            Label::Sealed(label) => Subject::Moved(label),
        };
        job.writer.recipe(subject, Some(place), placed).await
    }

    /// The content of a chunk that is not sealed, checked.
    async fn content(&self, segment: &Hash, entry: &ChunkEntry, tenant: &str) -> Result<Vec<u8>> {
        let names = self.volume.chunk_names(tenant, None);
        let decode = |framed: &[u8], name: &str| chunk::decode(framed, entry, Opener::Names(&names), name);
        Ok(self.fetched(segment, entry, decode).await?.1)
    }

    /// A chunk as it lies there, checked as far as that takes no key.
    async fn framed(&self, segment: &Hash, entry: &ChunkEntry, tenant: &str) -> Result<bytes::Bytes> {
        let names = self.volume.chunk_names(tenant, None);
        let check = |framed: &[u8], name: &str| match entry.cipher {
            Cipher::None => chunk::decode(framed, entry, Opener::Names(&names), name).map(drop),
            Cipher::Sealed => chunk::stored(framed, entry, name).map(drop),
        };
        Ok(self.fetched(segment, entry, check).await?.0)
    }

    /// A chunk as it lies there, and what `check` makes of it.
    async fn fetched<T>(
        &self,
        segment: &Hash,
        entry: &ChunkEntry,
        check: impl Fn(&[u8], &str) -> Result<T>,
    ) -> Result<(bytes::Bytes, T)> {
        let name = layout::segment(segment);
        let framed = self.volume.cloud().get_range(&name, entry.offset..entry.end()).await?;
        match check(&framed, &name) {
            // Once more: the bytes may have been damaged on their way.
            Err(Error::Damaged { .. }) => {
                let framed = self.volume.cloud().get_range(&name, entry.offset..entry.end()).await?;
                let checked = check(&framed, &name)?;
                Ok((framed, checked))
            }
            checked => checked.map(|checked| (framed, checked)),
        }
    }
}
