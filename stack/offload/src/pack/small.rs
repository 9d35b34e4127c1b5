//! Small blobs that share a chunk: neighbours by name, which are likely to be alike, and to be read together.

use super::writer::{RECIPES_MAX, SegmentWriter};
use crate::error::Result;
use crate::format::chunk::Squeezed;
use crate::format::footer::{About, Key, Place};

/// Blobs below this are packed whole, together with their neighbours.
pub const SMALL_BYTES: u64 = 256 << 10;

/// What is gathered for the next chunk.
#[derive(Debug, Default)]
pub struct Small {
    content: Vec<u8>,
    blobs: Vec<(Key, About, Option<Place>)>,
}

impl Small {
    /// Content of `SMALL_BYTES` at most.
    pub async fn add(
        &mut self,
        to: &mut SegmentWriter,
        key: Key,
        about: About,
        was: Option<Place>,
        content: &[u8],
    ) -> Result<()> {
        let together = (self.content.len() + content.len()) as u64;
        // A chunk's id is made with the key of one tenant.
        let same_tenant = self.blobs.last().is_none_or(|(last, ..)| last.tenant == key.tenant);
        if !same_tenant || together > SMALL_BYTES || self.blobs.len() >= RECIPES_MAX {
            self.flush(to).await?;
        }
        self.content.extend_from_slice(content);
        self.blobs.push((key, about, was));
        Ok(())
    }

    pub async fn flush(&mut self, to: &mut SegmentWriter) -> Result<()> {
        let Small { content, blobs } = std::mem::take(self);
        let Some((first, ..)) = blobs.first() else { return Ok(()) };
        let id = to.volume().tenant_key(&first.tenant).id(&content);
        let chunk = if content.is_empty() { None } else { Some(to.chunk(id, &Squeezed::of(content.into())).await?) };
        let mut skip = 0;
        for (key, about, was) in blobs {
            let length = about.length as u32;
            let parts = chunk.filter(|_| length > 0).map(|chunk| (chunk, skip, length));
            to.recipe(key, about, was, parts.into_iter().collect()).await?;
            skip += length;
        }
        Ok(())
    }
}
