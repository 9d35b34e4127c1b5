//! How content lies in an extent: frames of bounded length, each behind a header with its checksum, so that a read of a range checks
//! no more than it needs. All frames of a piece are full but its last.
//!
//! Header, little end first: magic (4 bytes), payload length (4), CRC-64/NVME of the payload (8).

use super::buffer::Buffer;
use crate::crc::crc64;

/// Payload of a full frame. A read of one byte reads this much; a header for each costs 0.01 %.
pub const FRAME_BYTES: u64 = 128 << 10;
pub const HEADER_BYTES: u64 = 16;
/// Frames that go to the disk in one write, and come from it in one read.
pub const FRAMES_AT_ONCE: u64 = 2;

const MAGIC: [u8; 4] = *b"GRF1";

/// Bytes on disk of a piece with `length` bytes of content.
pub const fn framed_bytes(length: u64) -> u64 {
    length + length.div_ceil(FRAME_BYTES) * HEADER_BYTES
}

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

fn encode_header(payload: &[u8]) -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..4].copy_from_slice(&MAGIC);
    header[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[8..].copy_from_slice(&crc64(payload).to_le_bytes());
    header
}

/// Checks a frame, header first, and says what is wrong with it.
pub fn check(frame: &[u8]) -> Result<(), &'static str> {
    let Some((header, payload)) = frame.split_at_checked(HEADER_BYTES as usize) else {
        return Err("frame header is cut off");
    };
    if header[..4] != MAGIC {
        return Err("no frame begins here");
    }
    let expected = encode_header(payload);
    if header[4..8] != expected[4..8] {
        return Err("frame has another length");
    }
    if header[8..] != expected[8..] {
        return Err("frame checksum does not match");
    }
    Ok(())
}

/// The frame that the bytes begin with, as long as its header says; `None` where it is not whole.
pub fn first(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.get(4..8)?.try_into().map(u32::from_le_bytes).ok()?;
    bytes.get(..HEADER_BYTES as usize + length as usize)
}

/// The checksum that a header claims for a payload of `length` bytes.
pub fn claim(header: &[u8; HEADER_BYTES as usize], length: u64) -> Result<u64, &'static str> {
    let (start, crc64) = header.split_last_chunk().expect("a header is longer than its checksum");
    if start[..4] != MAGIC {
        return Err("no frame begins here");
    }
    if start[4..] != (length as u32).to_le_bytes() {
        return Err("frame has another length");
    }
    Ok(u64::from_le_bytes(*crc64))
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

    #[test]
    fn any_flipped_bit_is_found() {
        let good = framed(100);
        assert_eq!(check(&good), Ok(()));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_cut_frame_is_found() {
        let good = framed(100);
        for length in 0..good.len() {
            assert!(check(&good[..length]).is_err(), "{length}");
        }
    }
}
