//! Small blobs that share a chunk: neighbours by name, which are likely to be alike, and to be read together.

use super::writer::{RECIPES_MAX, SegmentWriter, Subject};
use crate::error::Result;
use crate::format::chunk::Squeezed;
use crate::format::footer::{Named, Place};
use crate::seal::{KeyId, Seal};
use std::sync::Arc;

/// Blobs below this are packed whole, together with their neighbours.
pub const SMALL_BYTES: u64 = 256 << 10;

/// What is gathered for the next chunk.
#[derive(Debug, Default)]
pub struct Small {
    content: Vec<u8>,
    blobs: Vec<(Named, Option<Place>)>,
    /// Of all of them.
    seal: Option<Arc<dyn Seal>>,
}

impl Small {
    /// Content of `SMALL_BYTES` at most.
    pub async fn add(
        &mut self,
        to: &mut SegmentWriter,
        named: Named,
        seal: Option<Arc<dyn Seal>>,
        was: Option<Place>,
        content: &[u8],
    ) -> Result<()> {
        let together = (self.content.len() + content.len()) as u64;
        // A chunk's id is made with the key of one tenant, and it is sealed by one.
        let id = |seal: &Option<Arc<dyn Seal>>| -> Option<KeyId> { seal.as_ref().map(|seal| seal.key()) };
        let fits = self.blobs.last().is_none_or(|(last, _)| last.key.tenant == named.key.tenant)
            && (self.blobs.is_empty() || id(&self.seal) == id(&seal));
        if !fits || together > SMALL_BYTES || self.blobs.len() >= RECIPES_MAX {
            self.flush(to).await?;
        }
        self.content.extend_from_slice(content);
        self.blobs.push((named, was));
        self.seal = seal;
        Ok(())
    }

    pub async fn flush(&mut self, to: &mut SegmentWriter) -> Result<()> {
        let Small { content, blobs, seal } = std::mem::take(self);
        let Some((first, _)) = blobs.first() else { return Ok(()) };
        let id = to.volume().chunk_names(&first.key.tenant, seal.as_ref()).id(&content);
        let chunk = if content.is_empty() {
            None
        } else {
            Some(to.chunk(&Squeezed::of(id, content.into(), seal.as_ref())).await?)
        };
        let mut skip = 0;
        for (named, was) in blobs {
            let length = named.about.length as u32;
            let parts = chunk.filter(|_| length > 0).map(|chunk| (chunk, skip, length));
            to.recipe(Subject::Named(named, seal.clone()), was, parts.into_iter().collect()).await?;
            skip += length;
        }
        Ok(())
    }
}
