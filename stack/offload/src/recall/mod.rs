//! Reads offloaded blobs: only the chunks that a range needs, a few requests ahead, each chunk once for all who want it at the moment.

mod known;
mod memory;
pub mod plan;
mod turns;

pub use turns::{InOrder, Turn, Turns};

use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::format::chunk::{self, ChunkEntry, Cipher, Opener};
use crate::format::footer::{Footer, Named, Place, Recipe};
use crate::hash::{Hash, TenantKey};
use crate::layout;
use crate::log::{Format, State};
use crate::offload::read_footer;
use crate::seal::{KeyId, Keys};
use crate::volume::{Volume, lock};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use known::{Coming, Forget, Known};
use plan::{Coalesce, Fetch, Piece, coalesce};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// Requests of one reader that run ahead of what it has consumed.
const READ_AHEAD: usize = 2;
/// What is passed on at a time: whoever sends it lets others go first in between.
const PART_BYTES_MAX: usize = 256 << 10;
/// A body that fails its checks may have been damaged on its way: it is fetched again before it counts as lost.
const DAMAGED_ATTEMPTS_MAX: u32 = 3;

#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub coalesce: Coalesce,
    /// Footers and chunks that are kept: a client's ranges end within chunks, and its next range begins there.
    pub footer_bytes_max: usize,
    pub chunk_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { coalesce: Coalesce::default(), footer_bytes_max: 64 << 20, chunk_bytes_max: 64 << 20 }
    }
}

/// Where the log stands: as of now, or as it was loaded.
#[derive(Debug, Clone)]
pub enum View {
    Volume(Arc<Volume>),
    Loaded(Arc<State>),
}

#[derive(Debug, Clone)]
pub struct Recall {
    cloud: Cloud,
    format: Format,
    view: View,
    settings: Settings,
    keys: Arc<dyn Keys>,
    shared: Arc<Common>,
}

#[derive(Debug)]
struct Common {
    footers: Mutex<Known<Hash, Arc<Footer>, Arc<Footer>>>,
    chunks: Mutex<Known<ChunkKey, Kept, Got>>,
    turns: Arc<dyn Turns>,
}

/// Segment and offset.
type ChunkKey = (Hash, u64);
/// Chunks by their offsets.
type Got = Arc<HashMap<u64, Bytes>>;

/// A chunk that is remembered.
#[derive(Debug, Clone)]
enum Kept {
    Content(Bytes),
    /// As it lies there: whoever wants it needs the key now as well.
    Sealed(Bytes),
}

impl Kept {
    fn bytes(&self) -> usize {
        match self {
            Kept::Content(bytes) | Kept::Sealed(bytes) => bytes.len(),
        }
    }
}

impl Recall {
    /// `turns` says which reader's request goes next.
    pub fn new(
        cloud: Cloud,
        format: Format,
        view: View,
        settings: Settings,
        keys: Arc<dyn Keys>,
        turns: Arc<dyn Turns>,
    ) -> Self {
        let shared = Common {
            footers: Mutex::new(Known::new(settings.footer_bytes_max)),
            chunks: Mutex::new(Known::new(settings.chunk_bytes_max)),
            turns,
        };
        Self { cloud, format, view, settings, keys, shared: Arc::new(shared) }
    }

    /// What is known of the blob. Err: `Stale` where the place is none any more; the catalog knows a newer one.
    pub async fn named(&self, reader: &str, place: Place) -> Result<Named> {
        let (footer, recipe) = self.find(reader, place).await?;
        footer.named(&recipe, &*self.keys, &layout::segment(&place.segment)).await
    }

    /// Streams a range of the content, which is cut to the blob's length, in the turns of a tenant. Every chunk is checked before any of it
    /// is passed on.
    pub async fn read(
        &self,
        reader: &str,
        place: Place,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes>> + Send + use<>> {
        let (footer, recipe) = self.find(reader, place).await?;
        let key = TenantKey::derive(&self.format.id_key.0, recipe.label.tenant());
        let pieces = plan::pieces(place.segment, &footer, &recipe, range)?;
        let fetches = coalesce(&pieces, &self.settings.coalesce);
        let this = self.clone();
        let reader: Arc<str> = reader.into();
        let fetch = move |fetch| this.clone().fetch(fetch, key, reader.clone());
        let answers = stream::iter(fetches).map(fetch).buffered(READ_AHEAD);
        Ok(answers.map_ok(|parts| stream::iter(parts.into_iter().flat_map(in_parts).map(Ok))).try_flatten())
    }

    pub(crate) async fn footer(&self, reader: &str, segment: Hash) -> Result<Arc<Footer>> {
        let coming = {
            let mut footers = lock(&self.shared.footers);
            if let Some(footer) = footers.kept.get(&segment) {
                return Ok(footer);
            }
            match footers.coming(&segment) {
                Some(coming) => coming,
                None => {
                    let coming = known::fetched(self.clone().get_footer(segment, reader.into()));
                    footers.expect(segment, &coming);
                    coming
                }
            }
        };
        coming.await
    }

    async fn get_footer(self, segment: Hash, reader: Arc<str>) -> Result<Arc<Footer>> {
        let mut forget = Forget { known: &self.shared.footers, keys: vec![segment], has_ended: false };
        let _turn = self.shared.turns.turn(&reader).await;
        let state = match &self.view {
            View::Volume(volume) => volume.state(),
            View::Loaded(state) => state.clone(),
        };
        let Some(known) = state.segments.get(&segment) else {
            return Err(Error::Stale("the segment is no longer part of the volume"));
        };
        let footer = Arc::new(read_footer(&self.cloud, &known.info).await?);
        // JSON and its structures differ in size; this is near enough for a bound.
        let bytes = known.info.footer_bytes as usize * 4 + footer.recipes.len() * 400;
        lock(&self.shared.footers).kept.put(segment, footer.clone(), bytes);
        forget.has_ended = true;
        Ok(footer)
    }

    async fn find(&self, reader: &str, place: Place) -> Result<(Arc<Footer>, Recipe)> {
        let footer = self.footer(reader, place.segment).await?;
        let recipe = footer.recipes.get(place.recipe as usize).cloned();
        let recipe = recipe.ok_or(Error::damaged(&layout::segment(&place.segment), "it lacks a recipe"))?;
        Ok((footer, recipe))
    }

    async fn fetch(self, fetch: Fetch, key: TenantKey, reader: Arc<str>) -> Result<Vec<Bytes>> {
        let sources = self.sources(&fetch, key, &reader);
        let mut parts = Vec::with_capacity(sources.len());
        for (piece, source) in fetch.pieces.iter().zip(sources) {
            let content = match source {
                Source::Kept(Kept::Content(content)) => content,
                Source::Kept(Kept::Sealed(framed)) => {
                    self.open(&framed, &piece.entry, &key, &layout::segment(&piece.segment)).await?
                }
                Source::Coming(coming) => {
                    let chunks = coming.await?;
                    let content = chunks.get(&piece.entry.offset).cloned();
                    content.ok_or(Error::damaged(&layout::segment(&piece.segment), "it lacks a chunk"))?
                }
            };
            let (from, to) = (piece.skip as usize, (piece.skip + piece.length) as usize);
            if to > content.len() {
                return Err(Error::damaged(&layout::segment(&piece.segment), "a recipe reaches out of a chunk"));
            }
            parts.push(content.slice(from..to));
        }
        Ok(parts)
    }

    /// For each piece what is there or on its way; asks for the rest.
    fn sources(&self, fetch: &Fetch, key: TenantKey, reader: &Arc<str>) -> Vec<Source> {
        let mut chunks = lock(&self.shared.chunks);
        let known = |chunks: &mut Known<ChunkKey, Kept, Got>, piece: &Piece| {
            let at = (piece.segment, piece.entry.offset);
            let kept = chunks.kept.get(&at).map(Source::Kept);
            kept.or_else(|| chunks.coming(&at).map(Source::Coming))
        };
        let missing: Vec<Piece> =
            fetch.pieces.iter().filter(|piece| known(&mut chunks, piece).is_none()).copied().collect();
        // Held until each piece has its own.
        let mut asked = Vec::new();
        for wanted in coalesce(&missing, &self.settings.coalesce) {
            let offsets: Vec<_> = wanted.pieces.iter().map(|piece| (piece.segment, piece.entry.offset)).collect();
            let coming = known::fetched(self.clone().get(wanted, key, reader.clone()));
            offsets.into_iter().for_each(|at| chunks.expect(at, &coming));
            asked.push(coming);
        }
        let sources = fetch.pieces.iter().map(|piece| known(&mut chunks, piece));
        sources.map(|source| source.expect("it was there or has been asked for, under one lock")).collect()
    }

    async fn get(self, wanted: Fetch, key: TenantKey, reader: Arc<str>) -> Result<Got> {
        let keys = wanted.pieces.iter().map(|piece| (wanted.segment, piece.entry.offset)).collect();
        let mut forget = Forget { known: &self.shared.chunks, keys, has_ended: false };
        let outcome = self.get_checked(&wanted, &key, &reader).await;
        let mut chunks = lock(&self.shared.chunks);
        let got = outcome.map(|checked| {
            let got = checked.into_iter().map(|(offset, Checked { content, kept })| {
                let bytes = kept.bytes();
                chunks.kept.put((wanted.segment, offset), kept, bytes);
                (offset, content)
            });
            Arc::new(got.collect())
        });
        drop(chunks);
        forget.has_ended = true;
        got
    }

    async fn get_checked(&self, wanted: &Fetch, key: &TenantKey, reader: &str) -> Result<HashMap<u64, Checked>> {
        let _turn = self.shared.turns.turn(reader).await;
        let name = layout::segment(&wanted.segment);
        let mut attempt = 1;
        loop {
            let checked = match self.cloud.get_range(&name, wanted.range.clone()).await {
                Ok(bytes) => self.decode(&bytes, wanted, key, &name).await,
                Err(error) => Err(error),
            };
            match checked {
                // What the log counts is not missing because of one answer.
                Err(error @ (Error::Damaged { .. } | Error::Missing(_))) if attempt < DAMAGED_ATTEMPTS_MAX => {
                    tracing::warn!(%error, "an answer failed its checks, and is asked for again");
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn decode(
        &self,
        bytes: &Bytes,
        wanted: &Fetch,
        key: &TenantKey,
        name: &str,
    ) -> Result<HashMap<u64, Checked>> {
        let mut decoded = HashMap::new();
        for Piece { entry, .. } in &wanted.pieces {
            if let Entry::Vacant(free) = decoded.entry(entry.offset) {
                let from = (entry.offset - wanted.range.start) as usize;
                let to = from + entry.framed() as usize;
                if to > bytes.len() {
                    return Err(Error::damaged(name, "a chunk is cut short"));
                }
                let framed = bytes.slice(from..to);
                let content = self.open(&framed, entry, key, name).await?;
                let kept = match entry.cipher {
                    Cipher::None => Kept::Content(content.clone()),
                    Cipher::Sealed => Kept::Sealed(framed),
                };
                free.insert(Checked { content, kept });
            }
        }
        Ok(decoded)
    }

    /// The content of a chunk, checked, by the key that it takes.
    async fn open(&self, framed: &[u8], entry: &ChunkEntry, names: &TenantKey, name: &str) -> Result<Bytes> {
        let stored = chunk::stored(framed, entry, name)?;
        let content = match entry.cipher {
            Cipher::None => chunk::unpack(stored, entry, Opener::Names(names), name)?,
            Cipher::Sealed => {
                let key = KeyId::of(stored).ok_or(Error::damaged(name, "a sealed chunk is cut short"))?;
                let seal = self.keys.find(key).await?;
                chunk::unpack(stored, entry, Opener::Key(&*seal), name)?
            }
        };
        Ok(content.into())
    }
}

/// A chunk that has come.
struct Checked {
    content: Bytes,
    kept: Kept,
}

enum Source {
    Kept(Kept),
    Coming(Coming<Got>),
}

fn in_parts(mut content: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let part = content.split_to(content.len().min(PART_BYTES_MAX));
        (!part.is_empty()).then_some(part)
    })
}
