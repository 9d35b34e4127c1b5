//! Cuts content where the content itself says, so that versions of a file share most of their chunks.

use fastcdc::v2020::{Normalization, cut, select_masks};

pub const CUT_MIN: usize = 256 << 10;
pub const CUT_AVERAGE: usize = 1 << 20;
pub const CUT_MAX: usize = 4 << 20;

#[derive(Debug)]
pub struct Cutter {
    masks: (u64, u64),
}

impl Cutter {
    pub fn new() -> Self {
        Self { masks: select_masks(CUT_AVERAGE, Normalization::Level1) }
    }

    /// Length of the chunk that `content` begins with. `None` where more content decides it, or none is left.
    pub fn cut(&mut self, content: &[u8], last: bool) -> Option<usize> {
        if content.is_empty() || (content.len() < CUT_MAX && !last) {
            return None;
        }
        let (small, large) = self.masks;
        let (_, length) = cut(content, CUT_MIN, CUT_AVERAGE, CUT_MAX, small, large, small << 1, large << 1);
        Some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize, seed: u8) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn cuts(content: &[u8], step: usize) -> Vec<usize> {
        let (mut cutter, mut buffer, mut lengths) = (Cutter::new(), Vec::new(), Vec::new());
        let mut parts = content.chunks(step).peekable();
        while let Some(part) = parts.next() {
            buffer.extend_from_slice(part);
            while let Some(length) = cutter.cut(&buffer, parts.peek().is_none()) {
                buffer.drain(..length);
                lengths.push(length);
            }
        }
        assert_eq!(buffer.len(), 0);
        lengths
    }

    #[test]
    fn cuts_do_not_depend_on_how_the_content_arrives_and_keep_their_bounds() {
        let content = noise(20 << 20, 1);
        let lengths = cuts(&content, 64 << 10);
        assert_eq!(lengths, cuts(&content, 7_000_001));
        assert_eq!(lengths.iter().sum::<usize>(), content.len());
        let (_, inner) = lengths.split_last().expect("has chunks");
        assert!(inner.iter().all(|length| (CUT_MIN..=CUT_MAX).contains(length)), "{lengths:?}");
    }

    #[test]
    fn a_version_shares_its_chunks_with_the_one_before() {
        let content = noise(20 << 20, 2);
        let edited = [&content[..9 << 20], b"inserted", &content[9 << 20..]].concat();
        let before = cuts(&content, 1 << 20);
        let after = cuts(&edited, 1 << 20);
        let same_head = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        let same_tail = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
        assert!(same_head + same_tail + 3 >= before.len(), "{before:?} {after:?}");
    }
}
