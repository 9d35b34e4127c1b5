//! Which bytes of which segments a range of a blob needs, in as few requests as make sense. Pure.

use crate::error::{Error, Result};
use crate::format::chunk::ChunkEntry;
use crate::format::footer::{Footer, Recipe};
use crate::hash::Hash;
use std::ops::Range;

/// Content of one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    pub segment: Hash,
    pub entry: ChunkEntry,
    pub skip: u32,
    pub length: u32,
}

/// One request, and the pieces in its answer. They are in the order of the content; two may use the same chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    pub segment: Hash,
    pub range: Range<u64>,
    pub pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy)]
pub struct Coalesce {
    /// Bytes that nobody needs but that cost less than another request.
    pub gap_bytes_max: u64,
    /// Of one request, unless a single chunk is longer.
    pub fetch_bytes_max: u64,
}

impl Default for Coalesce {
    fn default() -> Self {
        Self { gap_bytes_max: 128 << 10, fetch_bytes_max: 8 << 20 }
    }
}

/// The pieces of a range, which is cut to the blob's length. `segment` holds the recipe.
pub fn pieces(segment: Hash, footer: &Footer, recipe: &Recipe, range: Range<u64>) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for part in &recipe.parts {
        let end = at + u64::from(part.length);
        let (from, to) = (range.start.max(at), range.end.min(end));
        if from < to {
            let (lender, _, entry) =
                footer.chunk(part).ok_or(Error::damaged("footer", "a recipe names a chunk that is not there"))?;
            let segment = lender.unwrap_or(segment);
            // Within a part, which is shorter than 4 GiB.
            let (skip, length) = (part.skip + (from - at) as u32, (to - from) as u32);
            pieces.push(Piece { segment, entry: *entry, skip, length });
        }
        if end >= range.end {
            break;
        }
        at = end;
    }
    Ok(pieces)
}

/// Joins neighbours. Pieces keep their order, since they are streamed in it.
pub fn coalesce(pieces: &[Piece], limits: &Coalesce) -> Vec<Fetch> {
    let mut fetches: Vec<Fetch> = Vec::new();
    for piece in pieces {
        let range = piece.entry.offset..piece.entry.end();
        if let Some(last) = fetches.last_mut()
            && last.segment == piece.segment
            && let Some(joined) = join(&last.range, &range, limits)
        {
            last.range = joined;
            last.pieces.push(*piece);
        } else {
            fetches.push(Fetch { segment: piece.segment, range, pieces: vec![*piece] });
        }
    }
    fetches
}

fn join(before: &Range<u64>, after: &Range<u64>, limits: &Coalesce) -> Option<Range<u64>> {
    let gap = after.start.saturating_sub(before.end).max(before.start.saturating_sub(after.end));
    let joined = before.start.min(after.start)..before.end.max(after.end);
    (gap <= limits.gap_bytes_max && joined.end - joined.start <= limits.fetch_bytes_max).then_some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::chunk::{Cipher, Codec, HEADER_BYTES};
    use crate::format::footer::{About, Borrowed, Key, Label, Named, Part};

    const A: Hash = Hash([1; 32]);
    const B: Hash = Hash([2; 32]);
    const HEADER: u64 = HEADER_BYTES as u64;

    fn entry(offset: u64, raw: u32) -> ChunkEntry {
        ChunkEntry { offset, stored: raw, raw, codec: Codec::Raw, cipher: Cipher::None, id: Hash([0; 32]) }
    }

    fn piece(segment: Hash, offset: u64, raw: u32) -> Piece {
        Piece { segment, entry: entry(offset, raw), skip: 0, length: raw }
    }

    #[test]
    fn a_range_needs_the_chunks_that_it_touches() {
        let footer = Footer {
            chunks: vec![entry(64, 100), entry(64 + HEADER + 100, 100)],
            borrowed: vec![Borrowed { segment: B, number: 0, entry: entry(500, 50) }],
            recipes: vec![],
        };
        let parts = vec![
            Part { chunk: 0, skip: 10, length: 90 },
            Part { chunk: 2, skip: 0, length: 50 },
            Part { chunk: 1, skip: 0, length: 60 },
        ];
        let named = Named { key: Key::default(), about: About { length: 200, ..About::default() } };
        let recipe = Recipe { label: Label::Named(named), was: None, parts };
        // Range of the blob -> (segment, offset of the chunk, skip, length).
        type Found = (Hash, u64, u32, u32);
        let cases: [(Range<u64>, &[Found]); 7] = [
            (0..200, &[(A, 64, 10, 90), (B, 500, 0, 50), (A, 64 + HEADER + 100, 0, 60)]),
            (0..1, &[(A, 64, 10, 1)]),
            (89..91, &[(A, 64, 99, 1), (B, 500, 0, 1)]),
            (90..140, &[(B, 500, 0, 50)]),
            (199..900, &[(A, 64 + HEADER + 100, 59, 1)]),
            (200..900, &[]),
            (50..50, &[]),
        ];
        for (range, expected) in cases {
            let found = pieces(A, &footer, &recipe, range.clone()).expect("plans");
            let found: Vec<_> = found.iter().map(|p| (p.segment, p.entry.offset, p.skip, p.length)).collect();
            assert_eq!(found, expected, "{range:?}");
        }
    }

    #[test]
    fn neighbours_are_asked_for_together() {
        let limits = Coalesce { gap_bytes_max: 10, fetch_bytes_max: 1_000 };
        let next = 64 + HEADER + 100;
        // Pieces -> ranges asked for.
        type Asked = Vec<(u64, u64)>;
        let cases: [(&str, Vec<Piece>, Asked); 7] = [
            ("none", vec![], vec![]),
            ("in a row", vec![piece(A, 64, 100), piece(A, next, 100)], vec![(64, next + HEADER + 100)]),
            ("a small gap", vec![piece(A, 64, 100), piece(A, next + 10, 100)], vec![(64, next + 10 + HEADER + 100)]),
            (
                "a large gap",
                vec![piece(A, 64, 100), piece(A, next + 11, 100)],
                vec![(64, next), (next + 11, next + 11 + HEADER + 100)],
            ),
            (
                "another segment",
                vec![piece(A, 64, 100), piece(B, next, 100)],
                vec![(64, next), (next, next + HEADER + 100)],
            ),
            ("the same twice", vec![piece(A, 64, 100), piece(A, 64, 100)], vec![(64, next)]),
            (
                "too long together",
                vec![piece(A, 64, 500), piece(A, 64 + HEADER + 500, 500)],
                vec![(64, 564 + HEADER), (564 + HEADER, 1_064 + 2 * HEADER)],
            ),
        ];
        for (name, pieces, expected) in cases {
            let fetches = coalesce(&pieces, &limits);
            assert_eq!(
                fetches.iter().map(|fetch| (fetch.range.start, fetch.range.end)).collect::<Vec<_>>(),
                expected,
                "{name}"
            );
            assert_eq!(fetches.iter().flat_map(|fetch| fetch.pieces.clone()).collect::<Vec<_>>(), pieces, "{name}");
        }
    }
}
