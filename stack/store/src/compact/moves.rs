//! Where frames have gone: from runs in old extents to places in new ones.

use crate::frame::FRAME_BYTES;
use crate::piece::{self, Piece};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Moves {
    /// By extent and offset of the old place. Each begins and ends where frames do.
    runs: BTreeMap<(u32, u32), To>,
}

#[derive(Debug, Clone, Copy)]
pub struct To {
    pub extent: u32,
    pub offset: u32,
    pub disk_bytes: u32,
}

impl Moves {
    pub fn add(&mut self, extent: u32, offset: u32, to: To) {
        self.runs.insert((extent, offset), to);
    }

    pub fn append(&mut self, mut other: Moves) {
        self.runs.append(&mut other.runs);
    }

    /// The pieces as they lie now; `None` where none of them has moved.
    pub fn apply(&self, pieces: &[Piece]) -> Option<Vec<Piece>> {
        let mut new = Vec::with_capacity(pieces.len());
        let mut any = false;
        for piece in pieces {
            match self.relocated(piece) {
                Some(parts) => {
                    any = true;
                    parts.into_iter().for_each(|part| piece::push(&mut new, part));
                }
                None => piece::push(&mut new, *piece),
            }
        }
        any.then_some(new)
    }

    /// `None` unless all frames of the piece have moved.
    fn relocated(&self, piece: &Piece) -> Option<Vec<Piece>> {
        let (skip, end) = (u64::from(piece.skip), u64::from(piece.skip) + u64::from(piece.length));
        let step = piece.kind().step_bytes() as u32;
        let mut parts = Vec::new();
        let (mut at, mut run_at) = (piece.offset, 0);
        while at < piece.end() {
            let ((extent, from), to) = self.runs.range(..=(piece.extent, at)).next_back()?;
            let here = (*extent == piece.extent).then(|| from + to.disk_bytes).filter(|end| at < *end)?;
            let next = here.min(piece.end());
            let run_next = if next == piece.end() {
                piece.run()
            } else {
                // All frames of a run are full but its last.
                let frames = next - at;
                frames.is_multiple_of(step).then(|| run_at + u64::from(frames / step) * FRAME_BYTES)?
            };
            let (begin, stop) = (skip.max(run_at), end.min(run_next));
            parts.push(Piece {
                extent: to.extent,
                offset: to.offset + (at - from),
                length: u32::try_from(stop.checked_sub(begin)?).ok()?,
                skip: (begin - run_at) as u32,
                spare: (run_next - stop) as u32,
            });
            (at, run_at) = (next, run_next);
        }
        Some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameKind;

    const FRAME: u32 = FRAME_BYTES as u32;
    const STEP: u32 = FrameKind::Plain.step_bytes() as u32;

    #[test]
    fn a_piece_parts_where_its_frames_went_to_different_places() {
        let mut moves = Moves::default();
        moves.add(1, 24, To { extent: 5, offset: 1_000, disk_bytes: 2 * STEP });
        moves.add(1, 24 + 2 * STEP, To { extent: 6, offset: 24, disk_bytes: STEP + 16 + 9 });
        let whole = Piece::new(1, 24, 3 * FRAME + 9);
        let parts = [Piece::new(5, 1_000, 2 * FRAME), Piece::new(6, 24, FRAME + 9)];
        assert_eq!(moves.apply(&[whole]), Some(parts.to_vec()));
        for (start, length) in [(0, 1), (7, 3 * u64::from(FRAME)), (u64::from(FRAME) * 2 - 1, 3), (0, 400_000)] {
            let length = length.min(u64::from(whole.length) - start);
            let before = piece::slice(&[whole], start, length);
            let after = moves.apply(&before).expect("moved");
            assert_eq!(after, piece::slice(&parts, start, length), "{start} {length}");
        }
    }

    #[test]
    fn what_has_not_moved_as_a_whole_stays() {
        let mut moves = Moves::default();
        moves.add(1, 24, To { extent: 5, offset: 24, disk_bytes: STEP });
        let stays = [Piece::new(1, 24, FRAME + 1), Piece::new(2, 24, FRAME), Piece::new(1, 24 + STEP, 5)];
        assert_eq!(moves.apply(&stays), None);
        let goes = Piece::new(1, 24, FRAME);
        assert_eq!(moves.apply(&[stays[1], goes]), Some(vec![stays[1], Piece::new(5, 24, FRAME)]));
        assert_eq!(moves.apply(&[]), None);
    }
}
