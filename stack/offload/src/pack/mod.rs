//! Turns blobs into segments and uploads them, in bounded memory: one segment is filled while at most `UPLOADS_MAX` are on their way.

mod cut;
mod index;
mod small;
mod writer;

pub use cut::{CUT_AVERAGE, CUT_MAX, CUT_MIN};
pub use index::ChunkIndex;
pub use small::SMALL_BYTES;
pub(crate) use small::Small;
pub(crate) use writer::{ChunkAt, SegmentWriter, Subject, Written};

use crate::error::{Error, Result};
use crate::flash::{Flash, FlashBlob, Placement};
use crate::format::chunk::Squeezed;
use crate::format::footer::{Borrowed, Key, Named, PARTS_MAX};
use crate::hash::Hash;
use crate::seal::Seal;
use crate::volume::{InFlight, Volume};
use bytes::{Bytes, BytesMut};
use cut::Cutter;
use futures::StreamExt;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Chunks that are compressed while the next ones are read and cut: enough for two cores, and little memory.
const COMPRESSING_MAX: usize = 3;

/// A blob that is to leave, as the planner saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    pub key: Key,
    pub etag: String,
}

/// Segments in the cloud that no commit has added yet.
#[derive(Debug, Default)]
pub struct Packed {
    pub segments: Vec<InFlight>,
    pub placements: Vec<Placement>,
    pub(crate) reusable: Vec<Borrowed>,
    /// Blobs that changed or could not be read meanwhile, with the reason. They stay on flash.
    pub skipped: Vec<(Key, String)>,
    pub figures: Figures,
}

/// For the reduction: what went in, and what came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    pub blobs: u64,
    pub bytes: u64,
    /// Of content that was in the cloud already.
    pub bytes_known: u64,
    /// In segments, all told.
    pub bytes_stored: u64,
    pub segments: u64,
}

/// Packs blobs in the order of their names. Their number and size bound the memory for placements only.
pub async fn pack<F: Flash>(
    flash: &F,
    volume: &Arc<Volume>,
    index: &ChunkIndex,
    mut leaving: Vec<Leaving>,
) -> Result<Packed> {
    leaving.sort_by(|a, b| a.key.cmp(&b.key));
    let mut packer = Packer {
        writer: SegmentWriter::new(volume.clone()),
        index,
        small: Small::default(),
        figures: Figures::default(),
    };
    let mut skipped = Vec::new();
    for Leaving { key, etag } in leaving {
        let read = flash.read(&key, &etag).await;
        let reason = match read {
            Ok(None) => "it has changed or is gone".to_owned(),
            Err(error) => error.to_string(),
            Ok(Some(blob)) if blob.about.etag != etag => "it has changed".to_owned(),
            Ok(Some(blob)) => match packer.blob(key.clone(), blob).await {
                Ok(()) => continue,
                Err(Error::Flash(reason)) => reason.to_string(),
                Err(Error::TooLarge(reason)) => reason.to_owned(),
                Err(error) => return Err(error),
            },
        };
        skipped.push((key, reason));
    }
    packer.small.flush(&mut packer.writer).await?;
    let mut figures = packer.figures;
    let Written { segments, placements, reusable } = packer.writer.finish().await?;
    figures.segments = segments.len() as u64;
    figures.bytes_stored = segments.iter().map(|segment| segment.info.bytes).sum();
    Ok(Packed { segments, placements, reusable, skipped, figures })
}

/// A chunk of a large blob, on its way into the segment.
struct Coming {
    id: Hash,
    length: u32,
    what: What,
}

enum What {
    Known(ChunkAt),
    Squeezing(JoinHandle<Squeezed>),
}

struct Packer<'a> {
    writer: SegmentWriter,
    index: &'a ChunkIndex,
    small: Small,
    figures: Figures,
}

impl Packer<'_> {
    /// Err: `Flash`, `TooLarge` concern this blob alone.
    async fn blob(&mut self, key: Key, blob: FlashBlob) -> Result<()> {
        let length = blob.about.length;
        if length < SMALL_BYTES {
            self.small(key, blob).await?
        } else {
            self.large(key, blob).await?
        }
        self.figures.blobs += 1;
        self.figures.bytes += length;
        Ok(())
    }

    async fn small(&mut self, key: Key, mut blob: FlashBlob) -> Result<()> {
        let mut content = Vec::with_capacity(blob.about.length as usize);
        while let Some(part) = blob.content.next().await {
            let part = part.map_err(Error::from)?;
            if (content.len() + part.len()) as u64 > blob.about.length {
                return Err(Error::Flash("its content is longer than its length says".into()));
            }
            content.extend_from_slice(&part);
        }
        if content.len() as u64 != blob.about.length {
            return Err(Error::Flash("its content is shorter than its length says".into()));
        }
        self.small.add(&mut self.writer, Named { key, about: blob.about }, blob.seal, None, &content).await
    }

    /// Compresses a chunk that is not known, and seals it, on another thread where there is one.
    fn prepare(&self, id: Hash, content: Bytes, seal: Option<Arc<dyn Seal>>) -> Coming {
        let length = content.len() as u32;
        let what = match self.find(&id) {
            Some(known) => What::Known(known),
            None => What::Squeezing(tokio::spawn(async move { Squeezed::of(id, content, seal.as_ref()) })),
        };
        Coming { id, length, what }
    }

    /// A part of the recipe. A chunk that repeats what came just before it is known by now.
    async fn place(&mut self, Coming { id, length, what }: Coming) -> Result<(ChunkAt, u32, u32)> {
        let squeezing = match what {
            What::Known(known) => {
                self.figures.bytes_known += u64::from(length);
                return Ok((known, 0, length));
            }
            What::Squeezing(squeezing) => squeezing,
        };
        // Only lost when the runtime ends, or to a panic that has been reported.
        let squeezed = squeezing.await.map_err(|_| Error::Away("a chunk was lost while it was compressed".into()))?;
        let chunk = match self.find(&id) {
            Some(known) => {
                self.figures.bytes_known += u64::from(length);
                known
            }
            None => self.writer.indexed_chunk(&squeezed).await?,
        };
        Ok((chunk, 0, length))
    }

    fn find(&self, id: &Hash) -> Option<ChunkAt> {
        self.writer.find(id).or_else(|| self.index.find(id))
    }

    async fn large(&mut self, key: Key, mut blob: FlashBlob) -> Result<()> {
        let names = self.writer.volume().chunk_names(&key.tenant, blob.seal.as_ref());
        let (mut cutter, mut buffer, mut parts, mut read) = (Cutter::new(), BytesMut::new(), Vec::new(), 0);
        let mut coming = VecDeque::new();
        loop {
            let next = blob.content.next().await.transpose().map_err(Error::from)?;
            let last = next.is_none();
            read += next.as_ref().map_or(0, |part| part.len() as u64);
            if read > blob.about.length || (last && read < blob.about.length) {
                return Err(Error::Flash("its content is not as long as its length says".into()));
            }
            buffer.extend_from_slice(&next.unwrap_or_default());
            while let Some(length) = cutter.cut(&buffer, last) {
                if parts.len() + coming.len() >= PARTS_MAX {
                    return Err(Error::TooLarge("it has more chunks than a recipe may"));
                }
                let content = buffer.split_to(length).freeze();
                coming.push_back(self.prepare(names.id(&content), content, blob.seal.clone()));
                if coming.len() > COMPRESSING_MAX
                    && let Some(chunk) = coming.pop_front()
                {
                    parts.push(self.place(chunk).await?);
                }
            }
            if last {
                break;
            }
        }
        for chunk in coming {
            parts.push(self.place(chunk).await?);
        }
        self.writer.recipe(Subject::Named(Named { key, about: blob.about }, blob.seal), None, parts).await
    }
}
