//! Fills segments one after the other and uploads each when it is full.

use crate::error::{Error, Result};
use crate::flash::Placement;
use crate::format::chunk::{ChunkEntry, Squeezed};
use crate::format::footer::{Borrowed, Key, Label, Named, Part, Place, Recipe, SealedLabel};
use crate::format::segment::{SegmentBuilder, TARGET_BYTES};
use crate::hash::Hash;
use crate::seal::Seal;
use crate::volume::{InFlight, Volume};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Segments on their way while the next is filled. Memory of a writer: this and one more, each `TARGET_BYTES`.
pub const UPLOADS_MAX: usize = 2;
/// Segments that are read back meanwhile. They are not kept in memory.
const PROOFS_MAX: usize = 2;
/// Of a segment: bounds the footer where blobs are tiny or empty.
pub const RECIPES_MAX: usize = 32 << 10;

/// A chunk that a recipe may use.
#[derive(Debug, Clone, Copy)]
pub enum ChunkAt {
    /// In the `nth` segment of this writer.
    Mine {
        nth: usize,
        number: u32,
        entry: ChunkEntry,
    },
    Elsewhere(Borrowed),
}

impl ChunkAt {
    fn id(&self) -> Hash {
        match self {
            ChunkAt::Mine { entry, .. } => entry.id,
            ChunkAt::Elsewhere(borrowed) => borrowed.entry.id,
        }
    }
}

/// What a recipe is to be about.
#[derive(Debug)]
pub enum Subject {
    /// And what seals that.
    Named(Named, Option<Arc<dyn Seal>>),
    /// As it is said elsewhere: of the same content, so that nobody has to open it.
    Moved(SealedLabel),
}

impl Subject {
    fn label(self, parts: &[(ChunkAt, u32, u32)]) -> Result<(Label, Option<(Key, String)>)> {
        match self {
            Subject::Moved(label) => Ok((Label::Sealed(label), None)),
            Subject::Named(named, seal) => {
                let of = Some((named.key.clone(), named.about.etag.clone()));
                let parts = parts.iter().map(|(chunk, skip, length)| (chunk.id(), *skip, *length));
                let label = match seal {
                    Some(seal) => Label::Sealed(SealedLabel::new(&named, parts, &*seal)?),
                    None => Label::Named(named),
                };
                Ok((label, of))
            }
        }
    }
}

/// What a writer has put into the cloud, for a commit to add.
#[derive(Debug)]
pub struct Written {
    pub segments: Vec<InFlight>,
    pub placements: Vec<Placement>,
    /// Chunks that later blobs may use, once they are committed.
    pub reusable: Vec<Borrowed>,
}

#[derive(Debug)]
pub struct SegmentWriter {
    volume: Arc<Volume>,
    filling: SegmentBuilder,
    recipes: Vec<Placement>,
    parts: usize,
    /// Names of those that are full.
    sealed: Vec<Hash>,
    /// Chunks of this writer that may be used again: the index learns of them only once they are committed.
    mine: BTreeMap<Hash, ChunkAt>,
    placements: Vec<Placement>,
    uploading: Arc<Semaphore>,
    uploads: JoinSet<(usize, Result<InFlight>)>,
    uploaded: BTreeMap<usize, InFlight>,
}

impl SegmentWriter {
    pub fn new(volume: Arc<Volume>) -> Self {
        let filling = SegmentBuilder::new(&volume.origin());
        Self {
            volume,
            filling,
            recipes: Vec::new(),
            parts: 0,
            sealed: Vec::new(),
            mine: BTreeMap::new(),
            placements: Vec::new(),
            uploading: Arc::new(Semaphore::new(UPLOADS_MAX)),
            uploads: JoinSet::new(),
            uploaded: BTreeMap::new(),
        }
    }

    pub fn volume(&self) -> &Volume {
        &self.volume
    }

    pub fn find(&self, id: &Hash) -> Option<ChunkAt> {
        self.mine.get(id).copied()
    }

    pub async fn chunk(&mut self, content: &Squeezed) -> Result<ChunkAt> {
        self.make_room(content.framed()).await?;
        let (number, entry) = self.filling.chunk(content);
        Ok(ChunkAt::Mine { nth: self.sealed.len(), number, entry })
    }

    /// One that `find` is to find.
    pub async fn indexed_chunk(&mut self, content: &Squeezed) -> Result<ChunkAt> {
        let chunk = self.chunk(content).await?;
        self.mine.insert(chunk.id(), chunk);
        Ok(chunk)
    }

    /// A chunk as it lies in another segment, header first. It has been checked.
    pub async fn verbatim(&mut self, framed: &[u8], entry: &ChunkEntry) -> Result<ChunkAt> {
        self.make_room(framed.len()).await?;
        let (number, entry) = self.filling.verbatim(framed, entry);
        Ok(ChunkAt::Mine { nth: self.sealed.len(), number, entry })
    }

    /// `parts` are chunks, bytes to skip in them, and bytes to use.
    pub async fn recipe(
        &mut self,
        subject: Subject,
        was: Option<Place>,
        parts: Vec<(ChunkAt, u32, u32)>,
    ) -> Result<()> {
        let (label, of) = subject.label(&parts)?;
        // A recipe of many parts counts for the room that it takes in the footer.
        if self.recipes.len() >= RECIPES_MAX || (self.parts > 0 && self.parts + parts.len() > 4 * RECIPES_MAX) {
            self.seal().await?;
        }
        self.parts += parts.len();
        let parts = parts.into_iter().map(|(chunk, skip, length)| Part { chunk: self.number(chunk), skip, length });
        let recipe = Recipe { label, was, parts: parts.collect() };
        let place = Place { segment: Hash([0; 32]), recipe: self.recipes.len() as u32 };
        self.recipes.push(Placement { of, place, was });
        self.filling.recipe(recipe);
        Ok(())
    }

    /// Every segment has been seen in the cloud when this returns, in the order in which they are to be added.
    pub async fn finish(mut self) -> Result<Written> {
        if !self.filling.is_empty() {
            self.seal().await?;
        }
        while !self.uploads.is_empty() {
            self.join_upload().await?;
        }
        let sealed = &self.sealed;
        let reusable = self.mine.values().map(|chunk| match *chunk {
            ChunkAt::Mine { nth, number, entry } => Borrowed { segment: sealed[nth], number, entry },
            ChunkAt::Elsewhere(borrowed) => borrowed,
        });
        Ok(Written {
            reusable: reusable.collect(),
            segments: self.uploaded.into_values().collect(),
            placements: self.placements,
        })
    }

    /// A chunk's number in the segment that is being filled.
    fn number(&mut self, chunk: ChunkAt) -> u32 {
        match chunk {
            ChunkAt::Mine { nth, number, .. } if nth == self.sealed.len() => number,
            ChunkAt::Mine { nth, number, entry } => {
                self.filling.borrow(Borrowed { segment: self.sealed[nth], number, entry })
            }
            ChunkAt::Elsewhere(borrowed) => self.filling.borrow(borrowed),
        }
    }

    async fn make_room(&mut self, bytes: usize) -> Result<()> {
        if self.filling.bytes() + bytes > TARGET_BYTES { self.seal().await } else { Ok(()) }
    }

    async fn seal(&mut self) -> Result<()> {
        let next = SegmentBuilder::new(&self.volume.origin());
        let sealed = std::mem::replace(&mut self.filling, next).seal()?;
        let segment = sealed.info.hash;
        let recipes = std::mem::take(&mut self.recipes).into_iter();
        self.placements.extend(recipes.map(|placed| Placement { place: Place { segment, ..placed.place }, ..placed }));
        self.parts = 0;
        let nth = self.sealed.len();
        self.sealed.push(segment);
        while self.uploads.len() >= UPLOADS_MAX + PROOFS_MAX {
            self.join_upload().await?;
        }
        let uploading = self.uploading.clone().acquire_owned().await;
        let uploading = uploading.map_err(|_| Error::Away("uploads have ended".into()))?;
        let volume = self.volume.clone();
        self.uploads.spawn(async move { (nth, volume.upload(sealed, uploading).await) });
        Ok(())
    }

    async fn join_upload(&mut self) -> Result<()> {
        if let Some(joined) = self.uploads.join_next().await {
            // Only lost when the runtime ends, or to a panic that has been reported.
            let (nth, outcome) = joined.map_err(|_| Error::Away("an upload was lost".into()))?;
            self.uploaded.insert(nth, outcome?);
        }
        Ok(())
    }
}
