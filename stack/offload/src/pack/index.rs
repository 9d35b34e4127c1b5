//! Where chunks lie that may be used again: a bounded memory of the newest ones. Forgetting one costs reduction, never data.

use super::small::SMALL_BYTES;
use super::writer::ChunkAt;
use crate::format::footer::{Borrowed, Footer};
use crate::hash::Hash;
use crate::log::State;
use crate::volume::lock;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

#[derive(Debug)]
pub struct ChunkIndex {
    chunks_max: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    chunks: HashMap<Hash, Borrowed>,
    order: VecDeque<Hash>,
}

impl ChunkIndex {
    /// A chunk takes about 200 bytes here, and stands for about 1 MiB of content.
    pub fn new(chunks_max: usize) -> Self {
        Self { chunks_max, known: Mutex::default() }
    }

    pub(crate) fn find(&self, id: &Hash) -> Option<ChunkAt> {
        lock(&self.known).chunks.get(id).copied().map(ChunkAt::Elsewhere)
    }

    /// Remembers chunks that have been committed.
    pub(crate) fn learn(&self, chunks: impl IntoIterator<Item = Borrowed>) {
        let mut known = lock(&self.known);
        for chunk in chunks {
            known.insert(chunk);
        }
        known.shrink(self.chunks_max);
    }

    /// Remembers the chunks of a segment of the volume that whole parts of large blobs use.
    pub(crate) fn learn_footer(&self, segment: Hash, footer: &Footer) {
        let large = footer.recipes.iter().filter(|recipe| recipe.label.length() >= SMALL_BYTES);
        let numbers = large.flat_map(|recipe| &recipe.parts).map(|part| part.chunk);
        self.learn(numbers.filter_map(|number| {
            let entry = footer.chunks.get(number as usize)?;
            Some(Borrowed { segment, number, entry: *entry })
        }));
    }

    /// Forgets what lies in segments that are no longer part of the volume.
    pub fn retain(&self, state: &State) {
        self.keep(|segment| state.segments.contains_key(segment));
    }

    /// Forgets what lies in a segment that is not as it should be.
    pub(crate) fn forget(&self, segment: &Hash) {
        self.keep(|kept| kept != segment);
    }

    fn keep(&self, keeps: impl Fn(&Hash) -> bool) {
        let mut known = lock(&self.known);
        known.chunks.retain(|_, chunk| keeps(&chunk.segment));
        let Known { chunks, order } = &mut *known;
        order.retain(|id| chunks.contains_key(id));
    }
}

impl Known {
    fn insert(&mut self, chunk: Borrowed) {
        if self.chunks.insert(chunk.entry.id, chunk).is_none() {
            self.order.push_back(chunk.entry.id);
        }
    }

    fn shrink(&mut self, chunks_max: usize) {
        while self.order.len() > chunks_max {
            if let Some(oldest) = self.order.pop_front() {
                self.chunks.remove(&oldest);
            }
        }
    }
}
