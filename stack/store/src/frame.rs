//! How content lies in an extent: frames of bounded length, each behind a header with its checksum, so that a read of a range checks
//! no more than it needs. All frames of a piece are full but its last.
//!
//! An extent holds frames of one kind, and its number says which.
//! Plain, little end first: magic (4 bytes), payload length (4), CRC-64/NVME of the payload (8).
//! Sealed: the same, with the checksum of all that comes behind it: number of the data key (4), zero (4), salt (24), tag (16), and the
//! payload as it was encrypted. See `seal`.

use crate::crc::crc64;
use std::ops::Range;

/// Payload of a full frame. A read of one byte reads this much; a header for each costs 0.01 %, or 0.05 % of what is sealed.
pub const FRAME_BYTES: u64 = 128 << 10;
/// Frames that go to the disk in one write, and come from it in one read.
pub const FRAMES_AT_ONCE: u64 = 2;

/// In the number of an extent: its frames are sealed.
pub const SEALED_EXTENT: u32 = 1 << 31;

/// Magic, length, checksum.
const BEGIN_BYTES: usize = 16;
const CHECKSUM: Range<usize> = 8..BEGIN_BYTES;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FrameKind {
    Plain,
    Sealed,
}

impl FrameKind {
    pub const ALL: [FrameKind; 2] = [FrameKind::Plain, FrameKind::Sealed];

    /// Of the frames of an extent.
    pub const fn of(extent: u32) -> FrameKind {
        if extent & SEALED_EXTENT == 0 { FrameKind::Plain } else { FrameKind::Sealed }
    }

    /// What says so in the number of an extent.
    pub const fn bit(self) -> u32 {
        match self {
            FrameKind::Plain => 0,
            FrameKind::Sealed => SEALED_EXTENT,
        }
    }

    pub const fn header_bytes(self) -> u64 {
        match self {
            FrameKind::Plain => BEGIN_BYTES as u64,
            FrameKind::Sealed => 64,
        }
    }

    /// From the beginning of a full frame to the next one's.
    pub const fn step_bytes(self) -> u64 {
        self.header_bytes() + FRAME_BYTES
    }

    /// Bytes on disk of a piece with `length` bytes of content.
    pub const fn framed_bytes(self, length: u64) -> u64 {
        length + length.div_ceil(FRAME_BYTES) * self.header_bytes()
    }

    const fn magic(self) -> [u8; 4] {
        match self {
            FrameKind::Plain => *b"GRF1",
            FrameKind::Sealed => *b"GRF2",
        }
    }

    /// What the checksum is of.
    fn checked(self, frame: &[u8]) -> &[u8] {
        match self {
            FrameKind::Plain => &frame[self.header_bytes() as usize..],
            FrameKind::Sealed => &frame[BEGIN_BYTES..],
        }
    }

    /// Puts magic, length and checksum before what else a frame holds already.
    pub fn close(self, frame: &mut [u8]) {
        let (length, crc64) = (self.length(frame), crc64(self.checked(frame)));
        frame[..4].copy_from_slice(&self.magic());
        frame[4..8].copy_from_slice(&length);
        frame[CHECKSUM].copy_from_slice(&crc64.to_le_bytes());
    }

    /// Checks a frame, header first, and says what is wrong with it. What a sealed one holds is checked by whoever opens it.
    pub fn check(self, frame: &[u8]) -> Result<(), &'static str> {
        self.check_begin(frame)?;
        if frame[CHECKSUM] != crc64(self.checked(frame)).to_le_bytes() {
            return Err("frame checksum does not match");
        }
        Ok(())
    }

    /// As `check`, but for the checksum: it is enough for a sealed frame that is opened next, which authenticates all that counts.
    pub fn check_begin(self, frame: &[u8]) -> Result<(), &'static str> {
        if frame.len() < self.header_bytes() as usize {
            return Err("frame header is cut off");
        }
        if frame[..4] != self.magic() {
            return Err("no frame begins here");
        }
        if frame[4..8] != self.length(frame) {
            return Err("frame has another length");
        }
        Ok(())
    }

    /// Of the payload, as a header tells it.
    fn length(self, frame: &[u8]) -> [u8; 4] {
        ((frame.len() as u64 - self.header_bytes()) as u32).to_le_bytes()
    }

    /// The frame that the bytes begin with, as long as its header says; `None` where it is not whole.
    pub fn first(self, bytes: &[u8]) -> Option<&[u8]> {
        let length = bytes.get(4..8)?.try_into().map(u32::from_le_bytes).ok()?;
        bytes.get(..self.header_bytes() as usize + length as usize)
    }
}

/// The checksum that the header of a plain frame claims for a payload of `length` bytes.
pub fn claim(header: &[u8; BEGIN_BYTES], length: u64) -> Result<u64, &'static str> {
    let (start, crc64) = header.split_last_chunk().expect("a header is longer than its checksum");
    if start[..4] != FrameKind::Plain.magic() {
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

    fn frame(kind: FrameKind, payload: &[u8]) -> Vec<u8> {
        let mut frame = [vec![3; kind.header_bytes() as usize].as_slice(), payload].concat();
        kind.close(&mut frame);
        frame
    }

    #[test]
    fn any_flipped_bit_is_found() {
        for kind in FrameKind::ALL {
            let good = frame(kind, &[7; 100]);
            assert_eq!(kind.check(&good), Ok(()));
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(kind.check(&bad).is_err(), "{kind:?} bit {bit}");
            }
        }
    }

    #[test]
    fn a_cut_frame_is_found() {
        for kind in FrameKind::ALL {
            let good = frame(kind, &[7; 100]);
            for length in 0..good.len() {
                assert!(kind.check(&good[..length]).is_err(), "{kind:?} {length}");
            }
        }
    }

    #[test]
    fn a_frame_of_one_kind_is_none_of_the_other() {
        for (kind, other) in [(FrameKind::Plain, FrameKind::Sealed), (FrameKind::Sealed, FrameKind::Plain)] {
            assert!(other.check(&frame(kind, &[7; 100])).is_err());
        }
    }
}
