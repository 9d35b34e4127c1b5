//! Where content lies: runs of frames in extents, in order.

use crate::extent::frame::{FRAME_BYTES, HEADER_BYTES, framed_bytes};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    pub extent: u32,
    /// Where the first frame begins.
    pub offset: u32,
    /// Bytes of content.
    pub length: u32,
}

impl Piece {
    /// Where the last frame ends. An extent is shorter than 4 GiB, and so are offsets in it.
    pub fn end(&self) -> u32 {
        self.offset + framed_bytes(u64::from(self.length)) as u32
    }

    /// The part of the piece from `skip` on, `length` bytes long. It must begin where a frame does, as every block does.
    fn part(&self, skip: u32, length: u32) -> Piece {
        debug_assert_eq!(u64::from(skip) % FRAME_BYTES, 0, "a part begins where a frame does");
        let frames = u64::from(skip) / FRAME_BYTES;
        let offset = self.offset + (frames * (FRAME_BYTES + HEADER_BYTES)) as u32;
        Piece { offset, length, ..*self }
    }
}

/// Appends a piece, or makes the last one longer where the new one goes on right behind it.
pub fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    if let Some(last) = pieces.last_mut()
        && (last.extent, last.end()) == (piece.extent, piece.offset)
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
        Piece { extent: 1, offset, length }
    }

    #[test]
    fn full_frames_that_follow_each_other_become_one_piece() {
        let mut pieces = Vec::new();
        push(&mut pieces, at(0, FRAME));
        push(&mut pieces, at(STEP, FRAME + 5));
        push(&mut pieces, at(STEP * 2 + 21, 9));
        push(&mut pieces, Piece { extent: 2, ..at(STEP * 2 + 46, FRAME) });
        assert_eq!(pieces[..2], [at(0, FRAME * 2 + 5), at(STEP * 2 + 21, 9)]);
        assert_eq!(pieces.len(), 3);
    }

    #[test]
    fn a_merged_piece_parts_again_where_its_blocks_met() {
        let pieces = [at(0, FRAME * 3 + 5), at(STEP * 9, 7)];
        assert_eq!(slice(&pieces, 0, u64::from(FRAME)), [at(0, FRAME)]);
        assert_eq!(slice(&pieces, u64::from(FRAME), u64::from(FRAME * 2 + 5)), [at(STEP, FRAME * 2 + 5)]);
        assert_eq!(slice(&pieces, u64::from(FRAME * 3 + 5), 7), [pieces[1]]);
        assert_eq!(slice(&pieces, 0, 0), []);
    }
}
