//! Content as it becomes frames, on its way into an extent.

use super::buffer::Buffer;
use crate::frame::{FRAME_BYTES, FRAMES_AT_ONCE, FrameKind};
use crate::seal::DataKey;
use std::sync::Arc;

/// Gathers content into frames, up to `FRAMES_AT_ONCE`.
#[derive(Debug)]
pub struct Framed {
    bytes: Buffer,
    /// What the frames are sealed by.
    key: Option<Arc<DataKey>>,
    /// Where the header of the unfinished frame lies.
    open: Option<usize>,
    length: u64,
}

impl Framed {
    /// Makes room at once for as much of `length` as a buffer takes, instead of growing towards it.
    pub fn with_room(length: u64, key: Option<Arc<DataKey>>) -> Self {
        let bytes = kind(key.as_ref()).framed_bytes(length.min(FRAME_BYTES * FRAMES_AT_ONCE));
        let mut bytes = Buffer::with_room(bytes as usize);
        if key.is_some() {
            bytes.keep_secret();
        }
        Self { bytes, key, open: None, length: 0 }
    }

    fn kind(&self) -> FrameKind {
        kind(self.key.as_ref())
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
                self.bytes.extend(&[0; 64][..self.kind().header_bytes() as usize]);
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
            let frame = &mut self.bytes[at..];
            match &self.key {
                None => FrameKind::Plain.close(frame),
                Some(key) => key.seal(frame),
            }
        }
    }
}

pub fn kind(key: Option<&Arc<DataKey>>) -> FrameKind {
    if key.is_some() { FrameKind::Sealed } else { FrameKind::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(length: usize, key: Option<Arc<DataKey>>) -> Vec<u8> {
        let mut framed = Framed::with_room(length as u64, key);
        assert_eq!(framed.push(&vec![7; length]), length);
        framed.into_frames().to_vec()
    }

    #[test]
    fn content_takes_the_room_that_was_reckoned() {
        for length in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES] {
            for key in [None, Some(Arc::new(DataKey::new(7, Box::new([9; 32].into()))))] {
                let reckoned = kind(key.as_ref()).framed_bytes(length);
                assert_eq!(framed(length as usize, key).len() as u64, reckoned, "{length}");
            }
        }
    }

    #[test]
    fn a_full_buffer_takes_no_more() {
        let mut framed = Framed::with_room(u64::MAX, None);
        let content = vec![7; 3 * FRAME_BYTES as usize];
        assert_eq!(framed.push(&content) as u64, 2 * FRAME_BYTES);
        assert!(framed.is_full());
        assert_eq!(framed.push(&content), 0);
    }
}
