//! A chunk as it lies in a segment: a header that suffices to read it, then its bytes, compressed where that pays.

use super::take;
use crate::error::{Error, Result};
use crate::hash::{Hash, TenantKey};
use crate::seal::{ENVELOPE_BYTES, Seal, What};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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

/// Whether a key is needed to read a chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cipher {
    #[default]
    None,
    /// Compressed as the codec says, and then sealed: the stored bytes are an envelope and what it holds.
    Sealed,
}

impl Cipher {
    fn is_none(&self) -> bool {
        *self == Cipher::None
    }

    /// What it adds to the stored bytes.
    fn overhead(self) -> u32 {
        match self {
            Cipher::None => 0,
            Cipher::Sealed => ENVELOPE_BYTES as u32,
        }
    }
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
    #[serde(default, skip_serializing_if = "Cipher::is_none")]
    pub cipher: Cipher,
    pub id: Hash,
}

impl ChunkEntry {
    /// Whether a chunk may be so long.
    pub fn fits(&self) -> bool {
        self.raw as usize <= RAW_BYTES_MAX
            && u64::from(self.stored) <= u64::from(self.raw) + u64::from(self.cipher.overhead())
    }

    /// What is authenticated with a sealed chunk: wherever it lies, it is this one.
    fn known(codec: Codec, raw: u32, id: &Hash) -> [u8; 37] {
        let mut known = [0; 37];
        known[0] = codec.number();
        known[1..5].copy_from_slice(&raw.to_le_bytes());
        known[5..].copy_from_slice(&id.0);
        known
    }

    /// Bytes in the segment, header and all.
    pub fn framed(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.stored)
    }

    pub fn end(&self) -> u64 {
        self.offset + self.framed()
    }
}

impl Codec {
    fn number(self) -> u8 {
        match self {
            Codec::Raw => 0,
            Codec::Zstd => 1,
        }
    }
}

/// A chunk as it is to be stored: compressed where that is worth it, and sealed where it is a tenant's who has a key. Making one needs no segment:
/// several are made at once.
#[derive(Debug)]
pub struct Squeezed {
    id: Hash,
    raw: u32,
    codec: Codec,
    cipher: Cipher,
    stored: Bytes,
}

impl Squeezed {
    pub fn of(id: Hash, content: Bytes, seal: Option<&Arc<dyn Seal>>) -> Self {
        debug_assert!(content.len() <= RAW_BYTES_MAX, "chunks are cut before");
        let raw = content.len() as u32;
        let (codec, packed) = compress(&content);
        let packed = packed.map_or(content, Bytes::from);
        let (cipher, stored) = match seal {
            None => (Cipher::None, packed),
            Some(seal) => {
                let known = ChunkEntry::known(codec, raw, &id);
                (Cipher::Sealed, seal.seal(What::Chunk, &known, &packed).into())
            }
        };
        Self { id, raw, codec, cipher, stored }
    }

    /// In a segment, header and all.
    pub fn framed(&self) -> usize {
        HEADER_BYTES + self.stored.len()
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
pub fn append(segment: &mut Vec<u8>, squeezed: &Squeezed) -> ChunkEntry {
    let Squeezed { id, raw, codec, cipher, stored } = squeezed;
    let start = segment.len();
    let entry = ChunkEntry {
        offset: start as u64,
        stored: stored.len() as u32,
        raw: *raw,
        codec: *codec,
        cipher: *cipher,
        id: *id,
    };
    segment.extend_from_slice(MAGIC);
    segment.push(codec.number());
    segment.push(match cipher {
        Cipher::None => 0,
        Cipher::Sealed => 1,
    });
    segment.extend_from_slice(&[0; 2]);
    segment.extend_from_slice(&entry.raw.to_le_bytes());
    segment.extend_from_slice(&entry.stored.to_le_bytes());
    segment.extend_from_slice(&id.0);
    // Reserved.
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
    let cipher = match bytes[5] {
        0 => Cipher::None,
        1 => Cipher::Sealed,
        cipher => {
            let what = format!("decryption by cipher {cipher}").into();
            return Err(Error::Unsupported { object: object.into(), what });
        }
    };
    let raw = u32::from_le_bytes(take(bytes, 8));
    let stored = u32::from_le_bytes(take(bytes, 12));
    let entry = ChunkEntry { offset, stored, raw, codec, cipher, id: Hash(take(bytes, 16)) };
    if entry.fits() { Ok(entry) } else { Err(damaged("a chunk's lengths are wrong")) }
}

/// What a reader knows of a chunk's tenant.
#[derive(Debug, Clone, Copy)]
pub enum Opener<'k> {
    /// Nothing: content that is not sealed is read, and taken for what it is.
    Nobody,
    /// What names the tenant's chunks, where they are not sealed.
    Names(&'k TenantKey),
    /// The key that the chunk is sealed by.
    Key(&'k dyn Seal),
}

/// The stored bytes of the chunk that `framed` holds, header first. They are those that were written, and the chunk is the one that is meant:
/// for that no key is needed.
pub fn stored<'f>(framed: &'f [u8], expected: &ChunkEntry, object: &str) -> Result<&'f [u8]> {
    let damaged = |what| Error::damaged(object, what);
    let stored = framed.get(HEADER_BYTES..).ok_or(damaged("a chunk is cut short"))?;
    if stored.len() != expected.stored as usize {
        return Err(damaged("a chunk is cut short"));
    }
    if check(&framed[..CHECKED_BYTES], stored) != framed[CHECKED_BYTES..HEADER_BYTES] {
        return Err(damaged("a chunk's check differs"));
    }
    match header(framed, expected.offset, object)? == *expected {
        true => Ok(stored),
        false => Err(damaged("a chunk is not the one that the table names")),
    }
}

/// The content of the chunk that `framed` holds, header first. Everything about it is checked: header and stored bytes by their check,
/// entry against header, content against its length.
/// The id is checked where what names the tenant's chunks is known; it proves that the content is what the recipe means. Of a sealed one the key does.
pub fn decode(framed: &[u8], expected: &ChunkEntry, opener: Opener<'_>, object: &str) -> Result<Vec<u8>> {
    unpack(stored(framed, expected, object)?, expected, opener, object)
}

/// As `decode`, of stored bytes that have been checked.
pub fn unpack(stored: &[u8], expected: &ChunkEntry, opener: Opener<'_>, object: &str) -> Result<Vec<u8>> {
    let damaged = |what| Error::damaged(object, what);
    let opened;
    let packed = match (expected.cipher, opener) {
        (Cipher::None, _) => stored,
        (Cipher::Sealed, Opener::Key(key)) => {
            let known = ChunkEntry::known(expected.codec, expected.raw, &expected.id);
            let content = key.open(What::Chunk, &known, stored);
            opened = content.ok_or(damaged("a chunk is not what its key has sealed"))?;
            &opened
        }
        (Cipher::Sealed, Opener::Nobody | Opener::Names(_)) => {
            let what = "the key of a tenant".into();
            return Err(Error::Unsupported { object: object.into(), what });
        }
    };
    let content = match expected.codec {
        Codec::Raw => packed.to_vec(),
        Codec::Zstd => {
            zstd::bulk::decompress(packed, expected.raw as usize).map_err(|_| damaged("a chunk does not decompress"))?
        }
    };
    if content.len() != expected.raw as usize {
        return Err(damaged("a chunk's lengths are wrong"));
    }
    match opener {
        Opener::Names(key) if key.id(&content) != expected.id => {
            Err(damaged("a chunk's content is not what its id says"))
        }
        Opener::Names(_) | Opener::Nobody | Opener::Key(_) => Ok(content),
    }
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
        super::append(segment, &Squeezed::of(id, Bytes::copy_from_slice(content), None))
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
            assert_eq!(decode(&bytes, &entry, Opener::Names(&key()), "x").expect("whole"), content);
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    bytes[at] ^= 1 << bit;
                    assert!(decode(&bytes, &entry, Opener::Nobody, "x").is_err(), "byte {at} bit {bit}");
                    bytes[at] ^= 1 << bit;
                }
                assert!(decode(&bytes[..at], &entry, Opener::Nobody, "x").is_err(), "cut at {at}");
            }
        }
    }

    #[test]
    fn another_tenants_chunk_is_not_taken_for_ours() {
        let mut bytes = Vec::new();
        let entry = append(&mut bytes, TenantKey::derive(&[7; 32], "bronze").id(b"x"), b"x");
        assert!(decode(&bytes, &entry, Opener::Names(&key()), "x").is_err());
    }

    #[test]
    fn an_unknown_cipher_is_refused_as_such() {
        let mut bytes = Vec::new();
        let entry = append(&mut bytes, key().id(b"x"), b"x");
        bytes[5] = 2;
        let check = check(&bytes[..CHECKED_BYTES], &bytes[HEADER_BYTES..]);
        bytes[CHECKED_BYTES..HEADER_BYTES].copy_from_slice(&check);
        let error = decode(&bytes, &entry, Opener::Names(&key()), "x").expect_err("refused");
        assert!(error.to_string().contains("decryption by cipher 2"), "{error}");
    }

    proptest! {
        #[test]
        fn content_comes_back(content in proptest::collection::vec(any::<u8>(), 0..9_000), repeats in 1_usize..20) {
            let content = content.repeat(repeats);
            let mut bytes = vec![1; 17];
            let entry = append(&mut bytes, key().id(&content), &content);
            prop_assert_eq!(entry.offset, 17);
            prop_assert_eq!(entry.end(), bytes.len() as u64);
            prop_assert_eq!(decode(&bytes[17..], &entry, Opener::Names(&key()), "x").expect("whole"), content);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = header(&bytes, 0, "x");
        }
    }
}
