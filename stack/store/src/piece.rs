//! Where content lies: runs of frames in extents, in order.

use crate::frame::{FRAME_BYTES, FrameKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Range;

/// Content in a run of frames. It begins and ends where frames do, unless it was copied out of the middle of others' content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Piece {
    pub extent: u32,
    /// Where the first frame begins.
    pub offset: u32,
    /// Bytes of content.
    pub length: u32,
    /// Bytes of the first frame before the content, and of the last one behind it.
    pub skip: u32,
    pub spare: u32,
}

impl Piece {
    /// A run of frames as a whole.
    pub fn new(extent: u32, offset: u32, length: u32) -> Self {
        Self { extent, offset, length, skip: 0, spare: 0 }
    }

    pub fn kind(&self) -> FrameKind {
        FrameKind::of(self.extent)
    }

    /// Bytes that the frames of the run hold.
    pub fn run(&self) -> u64 {
        u64::from(self.skip) + u64::from(self.length) + u64::from(self.spare)
    }

    /// Bytes on disk of the run. A frame that two pieces reach into counts for each of them.
    pub fn disk_bytes(&self) -> u64 {
        self.kind().framed_bytes(self.run())
    }

    /// Where the last frame ends. An extent is shorter than 4 GiB, and so are offsets in it.
    pub fn end(&self) -> u32 {
        self.offset + self.disk_bytes() as u32
    }

    /// Where a byte of the content lies: its extent, and the byte in that. Two bytes that lie in one place are one.
    pub fn place(&self, at: u64) -> (u32, u64) {
        let from = u64::from(self.skip) + at;
        let frames = from / FRAME_BYTES * self.kind().step_bytes();
        (self.extent, u64::from(self.offset) + frames + self.kind().header_bytes() + from % FRAME_BYTES)
    }

    /// The part of the piece from `start` on, `length` bytes long: the frames that hold it and no others.
    fn part(&self, start: u32, length: u32) -> Piece {
        let from = u64::from(self.skip) + u64::from(start);
        let to = from + u64::from(length);
        let first = from / FRAME_BYTES;
        let end = self.run().min(to.next_multiple_of(FRAME_BYTES));
        Piece {
            extent: self.extent,
            offset: self.offset + (first * self.kind().step_bytes()) as u32,
            length,
            skip: (from % FRAME_BYTES) as u32,
            spare: (end - to) as u32,
        }
    }
}

/// Appends a piece, or makes the last one longer where the new one goes on right behind it.
pub fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    if let Some(last) = pieces.last_mut()
        && (last.extent, last.end()) == (piece.extent, piece.offset)
        // Within a run no byte is left out, and only the last frame may be short.
        && (last.spare, piece.skip) == (0, 0)
        && last.run() % FRAME_BYTES == 0
        && let Some(length) = last.length.checked_add(piece.length)
    {
        last.length = length;
        last.spare = piece.spare;
    } else {
        pieces.push(piece);
    }
}

/// The pieces of `length` bytes of content from `start` on.
pub fn slice(pieces: &[Piece], start: u64, length: u64) -> Vec<Piece> {
    parts(pieces, 0, start..start + length)
}

/// The pieces of a range, where the first of `pieces` begins at `at`. Looks no further than the range does.
fn parts(pieces: &[Piece], mut at: u64, range: Range<u64>) -> Vec<Piece> {
    let mut parts = Vec::new();
    for piece in pieces {
        if at >= range.end {
            break;
        }
        let next = at + u64::from(piece.length);
        let (from, to) = (range.start.max(at), range.end.min(next));
        if from < to {
            parts.push(piece.part((from - at) as u32, (to - from) as u32));
        }
        at = next;
    }
    parts
}

/// Runs of an extent, from and to: those that overlap or touch become one.
pub fn join(runs: &BTreeSet<(u32, u32)>) -> Vec<(u32, u32)> {
    let mut joined: Vec<(u32, u32)> = Vec::new();
    for (from, to) in runs {
        match joined.last_mut() {
            Some(last) if *from <= last.1 => last.1 = last.1.max(*to),
            Some(_) | None => joined.push((*from, *to)),
        }
    }
    joined
}

/// Pieces that are sliced many times, each time in no more steps than the slice has pieces, and some for finding the first.
#[derive(Debug, Default)]
pub struct Slices {
    pieces: Vec<Piece>,
    /// Where each begins.
    begins: Vec<u64>,
}

impl Slices {
    pub fn of(pieces: Vec<Piece>) -> Self {
        let begin = |at: &mut u64, piece: &Piece| {
            let begin = *at;
            *at += u64::from(piece.length);
            Some(begin)
        };
        let begins = pieces.iter().scan(0, begin).collect();
        Self { pieces, begins }
    }

    /// As the function of this name.
    pub fn slice(&self, start: u64, length: u64) -> Vec<Piece> {
        let first = self.begins.partition_point(|begin| *begin <= start).saturating_sub(1);
        let at = self.begins.get(first).copied().unwrap_or_default();
        parts(self.pieces.get(first..).unwrap_or_default(), at, start..start + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::SEALED_EXTENT;

    const FRAME: u32 = FRAME_BYTES as u32;
    const STEP: u32 = FrameKind::Plain.step_bytes() as u32;

    fn at(offset: u32, length: u32) -> Piece {
        Piece::new(1, offset, length)
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

    #[test]
    fn a_part_out_of_the_middle_holds_the_frames_that_it_touches() {
        let piece = at(0, FRAME * 3 + 5);
        let part = slice(&[piece], u64::from(FRAME) + 10, u64::from(FRAME))[0];
        assert_eq!(part, Piece { offset: STEP, length: FRAME, skip: 10, spare: FRAME - 10, ..piece });
        // A part of a part is what it would have been of the whole.
        assert_eq!(slice(&[part], 20, 30), slice(&[piece], u64::from(FRAME) + 30, 30));
        let tail = slice(&[piece], u64::from(FRAME * 3), 4)[0];
        assert_eq!((tail.offset, tail.skip, tail.spare, tail.end()), (STEP * 3, 0, 1, piece.end()));
    }

    #[test]
    fn a_part_lies_where_it_lay_in_the_whole() {
        let piece = Piece { skip: 30, ..at(STEP * 2, FRAME * 3 + 5) };
        for start in [0, 1, u64::from(FRAME) - 31, u64::from(FRAME) - 30, u64::from(FRAME) * 2] {
            let part = slice(&[piece], start, 40)[0];
            for within in [0, 1, 39] {
                assert_eq!(part.place(within), piece.place(start + within), "{start} {within}");
            }
        }
        let sealed = Piece { extent: SEALED_EXTENT | 1, ..piece };
        let part = slice(&[sealed], u64::from(FRAME) * 2, 40)[0];
        assert_eq!((part.place(7), part.offset), (sealed.place(u64::from(FRAME) * 2 + 7), STEP * 2 + (FRAME + 64) * 2));
        assert_eq!(at(STEP, 9).place(3), (1, u64::from(STEP) + FrameKind::Plain.header_bytes() + 3));
    }

    #[test]
    fn slices_are_the_same_however_they_are_found() {
        let pieces: Vec<Piece> = (1..9).map(|number| at(STEP * number, 3 * number + 1)).collect();
        let total: u64 = pieces.iter().map(|piece| u64::from(piece.length)).sum();
        let slices = Slices::of(pieces.clone());
        for start in 0..=total {
            for length in 0..=total - start {
                assert_eq!(slices.slice(start, length), slice(&pieces, start, length), "{start} {length}");
            }
        }
        assert_eq!(Slices::default().slice(0, 0), []);
    }

    #[test]
    fn pieces_that_leave_bytes_out_are_never_joined() {
        let cut_end = slice(&[at(0, FRAME)], 0, 7)[0];
        let cut_begin = slice(&[at(STEP, FRAME)], 7, u64::from(FRAME) - 7)[0];
        for (first, second) in [(cut_end, at(STEP, FRAME)), (at(0, FRAME), cut_begin)] {
            let mut pieces = vec![first];
            push(&mut pieces, second);
            assert_eq!(pieces, [first, second]);
        }
        let mut pieces = vec![slice(&[at(0, FRAME)], 7, u64::from(FRAME) - 7)[0]];
        push(&mut pieces, slice(&[at(STEP, FRAME)], 0, 9)[0]);
        assert_eq!(pieces, [Piece { length: FRAME + 2, skip: 7, spare: FRAME - 9, ..at(0, 0) }]);
    }
}
