//! Where content lies: runs of bytes, in order.

use crate::extent::frame::{FRAME_BYTES, HEADER_BYTES, framed_bytes};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    pub place: Place,
    /// Bytes of content.
    pub length: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Frames in an extent, the first of which begins at `offset`.
    Extent { id: u32, offset: u32 },
    /// A row of the catalog. Each such row belongs to exactly one piece.
    Inline(u64),
}

impl Piece {
    /// Where the piece ends in its extent.
    pub fn end(&self) -> Option<(u32, u32)> {
        match self.place {
            // An extent is shorter than 4 GiB, and so are offsets in it.
            Place::Extent { id, offset } => Some((id, offset + framed_bytes(u64::from(self.length)) as u32)),
            Place::Inline(_) => None,
        }
    }

    /// The part of the piece from `skip` on, `length` bytes long. It must begin where a frame does, as every block does.
    pub fn part(&self, skip: u32, length: u32) -> Piece {
        let place = match self.place {
            Place::Extent { id, offset } => {
                debug_assert_eq!(u64::from(skip) % FRAME_BYTES, 0, "a part begins where a frame does");
                let frames = u64::from(skip) / FRAME_BYTES;
                Place::Extent { id, offset: offset + (frames * (FRAME_BYTES + HEADER_BYTES)) as u32 }
            }
            Place::Inline(row) => {
                debug_assert_eq!((skip, length), (0, self.length), "an inline piece is never parted");
                Place::Inline(row)
            }
        };
        Piece { place, length }
    }
}

/// Appends a piece, or makes the last one longer where the new one goes on right behind it.
pub fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    if let Some(last) = pieces.last_mut()
        && let Place::Extent { id, offset } = piece.place
        && last.end() == Some((id, offset))
        // Only the last frame of a piece may be short.
        && u64::from(last.length) % FRAME_BYTES == 0
        && let Some(length) = last.length.checked_add(piece.length)
    {
        last.length = length;
    } else {
        pieces.push(piece);
    }
}

/// The pieces of `length` bytes of content from `start` on, where a block begins.
pub fn slice(pieces: &[Piece], start: u64, length: u64) -> Vec<Piece> {
    let (mut at, end) = (0, start + length);
    let mut parts = Vec::new();
    for piece in pieces {
        let next = at + u64::from(piece.length);
        let (from, to) = (start.max(at), end.min(next));
        if from < to {
            parts.push(piece.part((from - at) as u32, (to - from) as u32));
        }
        at = next;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u32 = FRAME_BYTES as u32;
    const STEP: u32 = FRAME + HEADER_BYTES as u32;

    fn at(offset: u32, length: u32) -> Piece {
        Piece { place: Place::Extent { id: 1, offset }, length }
    }

    #[test]
    fn full_frames_that_follow_each_other_become_one_piece() {
        let mut pieces = Vec::new();
        push(&mut pieces, at(0, FRAME));
        push(&mut pieces, at(STEP, FRAME + 5));
        push(&mut pieces, at(STEP * 2 + 21, 9));
        assert_eq!(pieces, [at(0, FRAME * 2 + 5), at(STEP * 2 + 21, 9)]);
    }

    #[test]
    fn a_merged_piece_parts_again_where_its_blocks_met() {
        let pieces = [at(0, FRAME * 3 + 5), Piece { place: Place::Inline(4), length: 7 }];
        assert_eq!(slice(&pieces, 0, u64::from(FRAME)), [at(0, FRAME)]);
        assert_eq!(slice(&pieces, u64::from(FRAME), u64::from(FRAME * 2 + 5)), [at(STEP, FRAME * 2 + 5)]);
        assert_eq!(slice(&pieces, u64::from(FRAME * 3 + 5), 7), [pieces[1]]);
        assert_eq!(slice(&pieces, 0, 0), []);
    }
}
