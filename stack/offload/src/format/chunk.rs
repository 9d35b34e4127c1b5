//! A chunk as it lies in a segment: a header that suffices to read it, then its bytes, compressed where that pays.

use super::take;
use crate::error::{Error, Result};
use crate::hash::{Hash, TenantKey};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Magic, codec, cipher, reserved, two lengths, id, nonce, tag, check.
pub const HEADER_BYTES: usize = 4 + 1 + 1 + 2 + 4 + 4 + 32 + 12 + 16 + CHECK_BYTES;
const CHECK_BYTES: usize = 16;
/// What the check covers of the header; it covers the stored bytes too.
const CHECKED_BYTES: usize = HEADER_BYTES - CHECK_BYTES;
const MAGIC: &[u8; 4] = b"GRCH";
/// Largest content of a chunk.
pub const RAW_BYTES_MAX: usize = 4 << 20;

/// Level 1 keeps two cores from being slower than a fast target.
const ZSTD_LEVEL: i32 = 1;
/// Content is sampled in the middle, where headers of a format do not mislead.
const SAMPLE_BYTES: usize = 16 << 10;
/// Below this saving, in percent, content is kept as it is: reading it then costs nothing.
const SAVING_PERCENT_MIN: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    Raw,
    Zstd,
}

/// Where a chunk lies in its segment and what it is: a line of the chunk table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkEntry {
    /// Of its header.
    pub offset: u64,
    /// Bytes behind the header.
    pub stored: u32,
    /// Bytes of content.
    pub raw: u32,
    pub codec: Codec,
    pub id: Hash,
}

impl ChunkEntry {
    /// Bytes in the segment, header and all.
    pub fn framed(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.stored)
    }

    pub fn end(&self) -> u64 {
        self.offset + self.framed()
    }
}

/// Content of a chunk with its compressed form, where that is worth it. Making one needs no segment: several are made at once.
#[derive(Debug)]
pub struct Squeezed {
    content: Bytes,
    codec: Codec,
    packed: Option<Vec<u8>>,
}

impl Squeezed {
    pub fn of(content: Bytes) -> Self {
        let (codec, packed) = compress(&content);
        Self { content, codec, packed }
    }

    /// Of the content.
    pub fn length(&self) -> usize {
        self.content.len()
    }
}

/// Compressed, or not: the decision is part of what is measured as reduction.
fn compress(content: &[u8]) -> (Codec, Option<Vec<u8>>) {
    if content.len() > 4 * SAMPLE_BYTES {
        let from = (content.len() - SAMPLE_BYTES) / 2;
        if squeeze(&content[from..from + SAMPLE_BYTES]).is_none() {
            return (Codec::Raw, None);
        }
    }
    squeeze(content).map_or((Codec::Raw, None), |packed| (Codec::Zstd, Some(packed)))
}

/// `None` where it saves too little.
fn squeeze(content: &[u8]) -> Option<Vec<u8>> {
    let packed = zstd::bulk::compress(content, ZSTD_LEVEL).ok()?;
    (packed.len() * 100 <= content.len() * (100 - SAVING_PERCENT_MIN)).then_some(packed)
}

/// Appends a chunk with its header to a segment that is being built.
pub fn append(segment: &mut Vec<u8>, id: Hash, squeezed: &Squeezed) -> ChunkEntry {
    let Squeezed { content, codec, packed } = squeezed;
    debug_assert!(content.len() <= RAW_BYTES_MAX, "chunks are cut before");
    let stored = packed.as_deref().unwrap_or(content);
    let (offset, raw) = (segment.len() as u64, content.len() as u32);
    let entry = ChunkEntry { offset, stored: stored.len() as u32, raw, codec: *codec, id };
    let start = segment.len();
    segment.extend_from_slice(MAGIC);
    segment.push(match codec {
        Codec::Raw => 0,
        Codec::Zstd => 1,
    });
    // No cipher, two reserved bytes.
    segment.extend_from_slice(&[0; 3]);
    segment.extend_from_slice(&entry.raw.to_le_bytes());
    segment.extend_from_slice(&entry.stored.to_le_bytes());
    segment.extend_from_slice(&id.0);
    // Nonce and tag of the cipher.
    segment.extend_from_slice(&[0; 28]);
    let check = check(&segment[start..], stored);
    segment.extend_from_slice(&check);
    segment.extend_from_slice(stored);
    entry
}

/// Reads the header at the beginning of `bytes`. Checks its form; the content is checked by `decode`.
pub fn header(bytes: &[u8], offset: u64, object: &str) -> Result<ChunkEntry> {
    let damaged = |what| Error::damaged(object, what);
    if bytes.len() < HEADER_BYTES {
        return Err(damaged("a chunk is cut short"));
    }
    if &bytes[..4] != MAGIC {
        return Err(damaged("a chunk does not begin where it should"));
    }
    let codec = match bytes[4] {
        0 => Codec::Raw,
        1 => Codec::Zstd,
        codec => return Err(Error::Unsupported { object: object.into(), what: format!("codec {codec}").into() }),
    };
    if bytes[5] != 0 {
        let what = format!("decryption by cipher {}", bytes[5]).into();
        return Err(Error::Unsupported { object: object.into(), what });
    }
    let raw = u32::from_le_bytes(take(bytes, 8));
    let stored = u32::from_le_bytes(take(bytes, 12));
    if raw as usize > RAW_BYTES_MAX || stored > raw {
        return Err(damaged("a chunk's lengths are wrong"));
    }
    Ok(ChunkEntry { offset, stored, raw, codec, id: Hash(take(bytes, 16)) })
}

/// The content of the chunk that `framed` holds, header first. Everything about it is checked: header and stored bytes by their check,
/// entry against header, content against its length.
/// The id is checked where the key of its tenant is known; it proves that the content is what the recipe means.
pub fn decode(framed: &[u8], expected: &ChunkEntry, key: Option<&TenantKey>, object: &str) -> Result<Vec<u8>> {
    let damaged = |what| Error::damaged(object, what);
    let stored = framed.get(HEADER_BYTES..).ok_or(damaged("a chunk is cut short"))?;
    if stored.len() != expected.stored as usize {
        return Err(damaged("a chunk is cut short"));
    }
    if check(&framed[..CHECKED_BYTES], stored) != framed[CHECKED_BYTES..HEADER_BYTES] {
        return Err(damaged("a chunk's check differs"));
    }
    if header(framed, expected.offset, object)? != *expected {
        return Err(damaged("a chunk is not the one that the table names"));
    }
    let content = match expected.codec {
        Codec::Raw => stored.to_vec(),
        Codec::Zstd => {
            zstd::bulk::decompress(stored, expected.raw as usize).map_err(|_| damaged("a chunk does not decompress"))?
        }
    };
    if content.len() != expected.raw as usize {
        return Err(damaged("a chunk's lengths are wrong"));
    }
    if key.is_some_and(|key| key.id(&content) != expected.id) {
        return Err(damaged("a chunk's content is not what its id says"));
    }
    Ok(content)
}

fn check(header: &[u8], stored: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&header[..CHECKED_BYTES]).update(stored);
    Hash(*hasher.finalize().as_bytes()).half()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> TenantKey {
        TenantKey::derive(&[7; 32], "gold")
    }

    fn append(segment: &mut Vec<u8>, id: Hash, content: &[u8]) -> ChunkEntry {
        super::append(segment, id, &Squeezed::of(Bytes::copy_from_slice(content)))
    }

    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn noise_is_kept_as_it_is_and_text_is_not() {
        assert_eq!(compress(&noise(1 << 20)).0, Codec::Raw);
        assert_eq!(compress(&noise(4 << 10)).0, Codec::Raw);
        assert_eq!(compress(b"a line of a log\n".repeat(9_000).as_slice()).0, Codec::Zstd);
        assert_eq!(compress(b"").0, Codec::Raw);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_told() {
        for content in [noise(300), b"compressible ".repeat(100)] {
            let mut bytes = Vec::new();
            let entry = append(&mut bytes, key().id(&content), &content);
            assert_eq!(decode(&bytes, &entry, Some(&key()), "x").expect("whole"), content);
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    bytes[at] ^= 1 << bit;
                    assert!(decode(&bytes, &entry, None, "x").is_err(), "byte {at} bit {bit}");
                    bytes[at] ^= 1 << bit;
                }
                assert!(decode(&bytes[..at], &entry, None, "x").is_err(), "cut at {at}");
            }
        }
    }

    #[test]
    fn another_tenants_chunk_is_not_taken_for_ours() {
        let mut bytes = Vec::new();
        let entry = append(&mut bytes, TenantKey::derive(&[7; 32], "bronze").id(b"x"), b"x");
        assert!(decode(&bytes, &entry, Some(&key()), "x").is_err());
    }

    #[test]
    fn an_encrypted_chunk_is_refused_as_such() {
        let mut bytes = Vec::new();
        let entry = append(&mut bytes, key().id(b"x"), b"x");
        bytes[5] = 1;
        let check = check(&bytes[..CHECKED_BYTES], &bytes[HEADER_BYTES..]);
        bytes[CHECKED_BYTES..HEADER_BYTES].copy_from_slice(&check);
        let error = decode(&bytes, &entry, Some(&key()), "x").expect_err("refused");
        assert!(error.to_string().contains("decryption by cipher 1"), "{error}");
    }

    proptest! {
        #[test]
        fn content_comes_back(content in proptest::collection::vec(any::<u8>(), 0..9_000), repeats in 1_usize..20) {
            let content = content.repeat(repeats);
            let mut bytes = vec![1; 17];
            let entry = append(&mut bytes, key().id(&content), &content);
            prop_assert_eq!(entry.offset, 17);
            prop_assert_eq!(entry.end(), bytes.len() as u64);
            prop_assert_eq!(decode(&bytes[17..], &entry, Some(&key()), "x").expect("whole"), content);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = header(&bytes, 0, "x");
        }
    }
}
