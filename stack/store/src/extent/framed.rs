//! Content as it becomes frames, on its way into an extent.

use super::buffer::Buffer;
use crate::frame::{FRAME_BYTES, FRAMES_AT_ONCE, HEADER_BYTES, encode_header, framed_bytes};

/// Gathers content into frames, up to `FRAMES_AT_ONCE`.
#[derive(Debug)]
pub struct Framed {
    bytes: Buffer,
    /// Where the header of the unfinished frame lies.
    open: Option<usize>,
    length: u64,
}

impl Framed {
    /// Makes room at once for as much of `length` as a buffer takes, instead of growing towards it.
    pub fn with_room(length: u64) -> Self {
        let bytes = framed_bytes(length.min(FRAME_BYTES * FRAMES_AT_ONCE));
        Self { bytes: Buffer::with_room(bytes as usize), open: None, length: 0 }
    }

    /// Bytes of content held.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn is_full(&self) -> bool {
        self.length == FRAME_BYTES * FRAMES_AT_ONCE
    }

    /// Takes what has room and returns how much that was.
    pub fn push(&mut self, content: &[u8]) -> usize {
        let mut taken = 0;
        while taken < content.len() && !self.is_full() {
            let in_frame = (self.length % FRAME_BYTES) as usize;
            if in_frame == 0 {
                self.open = Some(self.bytes.len());
                self.bytes.extend(&[0; HEADER_BYTES as usize]);
            }
            let part = (content.len() - taken).min(FRAME_BYTES as usize - in_frame);
            self.bytes.extend(&content[taken..taken + part]);
            taken += part;
            self.length += part as u64;
            if in_frame + part == FRAME_BYTES as usize {
                self.close_frame();
            }
        }
        taken
    }

    /// The bytes for the disk.
    pub fn into_frames(mut self) -> Buffer {
        self.close_frame();
        self.bytes
    }

    fn close_frame(&mut self) {
        if let Some(at) = self.open.take() {
            let (header, payload) = self.bytes[at..].split_at_mut(HEADER_BYTES as usize);
            header.copy_from_slice(&encode_header(payload));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(length: usize) -> Vec<u8> {
        let mut framed = Framed::with_room(length as u64);
        assert_eq!(framed.push(&vec![7; length]), length);
        framed.into_frames().to_vec()
    }

    #[test]
    fn content_takes_the_room_that_was_reckoned() {
        for length in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES] {
            assert_eq!(framed(length as usize).len() as u64, framed_bytes(length), "{length}");
        }
    }

    #[test]
    fn a_full_buffer_takes_no_more() {
        let mut framed = Framed::with_room(u64::MAX);
        let content = vec![7; 3 * FRAME_BYTES as usize];
        assert_eq!(framed.push(&content) as u64, 2 * FRAME_BYTES);
        assert!(framed.is_full());
        assert_eq!(framed.push(&content), 0);
    }
}
