//! How content lies in an extent: frames of bounded length, each behind a header with its checksum, so that a read of a range checks
//! no more than it needs. All frames of a piece are full but its last.
//!
//! Header, little end first: magic (4 bytes), payload length (4), CRC-64/NVME of the payload (8).

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

/// What stands before a payload.
pub fn encode_header(payload: &[u8]) -> [u8; HEADER_BYTES as usize] {
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

    fn frame(payload: &[u8]) -> Vec<u8> {
        [encode_header(payload).as_slice(), payload].concat()
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let good = frame(&[7; 100]);
        assert_eq!(check(&good), Ok(()));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_cut_frame_is_found() {
        let good = frame(&[7; 100]);
        for length in 0..good.len() {
            assert!(check(&good[..length]).is_err(), "{length}");
        }
    }
}
