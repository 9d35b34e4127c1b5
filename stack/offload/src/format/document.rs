//! The frame around everything that is not content: a kind, its length, JSON, and a hash over all of it.

use super::{check_features, take};
use crate::error::{Error, Result};
use crate::hash::Hash;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Kind, features, codec, length of the JSON, length as stored.
const HEAD_BYTES: usize = 8 + 4 + 4 + 8 + 8;
const HASH_BYTES: usize = 32;
/// Longest JSON: a checkpoint of some million segments. What claims to be longer is damaged, and is not allocated.
pub const JSON_BYTES_MAX: u64 = 1 << 30;
/// Shorter ones stay readable with a pager.
const PLAIN_BYTES_MAX: usize = 1 << 10;
const ZSTD_LEVEL: i32 = 3;
const PLAIN: u32 = 0;
const ZSTD: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Format,
    Manifest,
    Checkpoint,
    Head,
    Footer,
    Key,
}

impl Kind {
    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Kind::Format => b"GRFORMAT",
            Kind::Manifest => b"GRMANIF\n",
            Kind::Checkpoint => b"GRCHECK\n",
            Kind::Head => b"GRHEAD\n\n",
            Kind::Footer => b"GRFOOT\n\n",
            Kind::Key => b"GRKEY\n\n\n",
        }
    }
}

pub fn encode<T: Serialize>(kind: Kind, value: &T) -> Result<Vec<u8>> {
    encode_with(kind, 0, value)
}

/// With features that a reader must know.
pub fn encode_with<T: Serialize>(kind: Kind, features: u32, value: &T) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(value).map_err(|_| Error::TooLarge("a document that JSON cannot hold"))?;
    if json.len() as u64 > JSON_BYTES_MAX {
        return Err(Error::TooLarge("a document is longer than 1 GiB"));
    }
    let packed = (json.len() > PLAIN_BYTES_MAX).then(|| zstd::bulk::compress(&json, ZSTD_LEVEL).ok()).flatten();
    let (codec, body) = packed.as_ref().map_or((PLAIN, &json), |packed| (ZSTD, packed));
    let mut out = Vec::with_capacity(HEAD_BYTES + body.len() + HASH_BYTES);
    out.extend_from_slice(kind.magic());
    out.extend_from_slice(&features.to_le_bytes());
    out.extend_from_slice(&codec.to_le_bytes());
    out.extend_from_slice(&(json.len() as u64).to_le_bytes());
    out.extend_from_slice(&(body.len() as u64).to_le_bytes());
    out.extend_from_slice(body);
    out.extend_from_slice(blake3::hash(&out).as_bytes());
    Ok(out)
}

/// `object` names it in errors.
pub fn decode<T: DeserializeOwned>(kind: Kind, bytes: &[u8], object: &str) -> Result<T> {
    let damaged = |what| Error::damaged(object, what);
    if bytes.len() < HEAD_BYTES + HASH_BYTES {
        return Err(damaged("it is cut short"));
    }
    if &bytes[..8] != kind.magic() {
        return Err(damaged("it is of another kind"));
    }
    let (framed, hash) = bytes.split_at(bytes.len() - HASH_BYTES);
    if Hash::of(framed).0 != hash {
        return Err(damaged("its hash differs"));
    }
    check_features(object, u32::from_le_bytes(take(bytes, 8)))?;
    let codec = u32::from_le_bytes(take(bytes, 12));
    let length = u64::from_le_bytes(take(bytes, 16));
    let body = &framed[HEAD_BYTES..];
    if u64::from_le_bytes(take(bytes, 24)) != body.len() as u64 || length > JSON_BYTES_MAX {
        return Err(damaged("its lengths are wrong"));
    }
    let unpacked;
    let json = match codec {
        PLAIN => body,
        ZSTD => {
            unpacked = zstd::bulk::decompress(body, length as usize).map_err(|_| damaged("it does not decompress"))?;
            &unpacked
        }
        _ => return Err(Error::Unsupported { object: object.into(), what: format!("codec {codec}").into() }),
    };
    if json.len() as u64 != length {
        return Err(damaged("its lengths are wrong"));
    }
    serde_json::from_slice(json).map_err(|_| damaged("it does not say what it should"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> [Vec<String>; 2] {
        [vec!["short".into()], (0..400).map(|n| format!("entry {n}")).collect()]
    }

    #[test]
    fn what_is_written_is_read() {
        for sample in samples() {
            let bytes = encode(Kind::Manifest, &sample).expect("encodes");
            assert_eq!(decode::<Vec<String>>(Kind::Manifest, &bytes, "x").expect("decodes"), sample);
            assert!(decode::<Vec<String>>(Kind::Head, &bytes, "x").is_err());
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_and_every_cut_is_told() {
        for sample in samples() {
            let bytes = encode(Kind::Checkpoint, &sample).expect("encodes");
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut flipped = bytes.clone();
                    flipped[at] ^= 1 << bit;
                    assert!(decode::<Vec<String>>(Kind::Checkpoint, &flipped, "x").is_err(), "byte {at} bit {bit}");
                }
                assert!(decode::<Vec<String>>(Kind::Checkpoint, &bytes[..at], "x").is_err(), "cut at {at}");
            }
        }
    }

    #[test]
    fn an_unknown_feature_is_refused_by_name() {
        for features in [4, 5] {
            let bytes = encode_with(Kind::Format, features, &"x").expect("encodes");
            let error = decode::<String>(Kind::Format, &bytes, "FORMAT").expect_err("refused");
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
            assert!(error.to_string().contains("unknown features 0x4"), "{error}");
        }
        let known = encode_with(Kind::Format, 1, &"x").expect("encodes");
        assert_eq!(decode::<String>(Kind::Format, &known, "FORMAT").expect("known"), "x");
    }
}
