//! Where the objects of a volume lie, below its folder.

use crate::hash::Hash;
use crate::seal::KeyId;

pub const FORMAT: &str = "FORMAT";
/// The same bytes again: without them no chunk can be checked against its id.
pub const FORMAT_COPY: &str = "copy/FORMAT";
/// The number of the last manifest, as of some moment: a hint.
pub const HEAD: &str = "HEAD";
pub const SEGMENTS: &str = "seg";
pub const CHECKPOINTS: &str = "ckpt";
pub const LOG: &str = "log";
/// Tenants' data keys, wrapped.
pub const KEYS: &str = "keys";
/// Of manifests, byte by byte.
pub const COPIES: &str = "copy";

pub fn segment(hash: &Hash) -> String {
    let hash = hash.to_string();
    format!("{SEGMENTS}/{}/{hash}.seg", &hash[..2])
}

/// `None` for what is not a segment's name.
pub fn segment_hash(name: &str) -> Option<Hash> {
    let hash: Hash = name.rsplit('/').next()?.strip_suffix(".seg")?.parse().ok()?;
    (segment(&hash) == name).then_some(hash)
}

/// Twenty digits: names sort as numbers do.
pub fn manifest(number: u64) -> String {
    format!("{LOG}/{number:020}.man")
}

pub fn manifest_copy(number: u64) -> String {
    format!("{COPIES}/{number:020}.man")
}

/// Of a manifest or its copy.
pub fn manifest_number(name: &str) -> Option<u64> {
    let number = name.rsplit('/').next()?.strip_suffix(".man")?.parse().ok()?;
    (manifest(number) == name || manifest_copy(number) == name).then_some(number)
}

pub fn checkpoint(number: u64) -> String {
    format!("{CHECKPOINTS}/{number:020}.ckpt")
}

pub fn checkpoint_number(name: &str) -> Option<u64> {
    let number = name.strip_prefix(CHECKPOINTS)?.strip_prefix('/')?.strip_suffix(".ckpt")?.parse().ok()?;
    (checkpoint(number) == name).then_some(number)
}

pub fn key_folder(id: KeyId) -> String {
    format!("{KEYS}/{id}")
}

pub fn key(id: KeyId, number: u64) -> String {
    format!("{}/{number:020}.key", key_folder(id))
}

pub fn key_of(name: &str) -> Option<(KeyId, u64)> {
    let (folder, number) = name.strip_suffix(".key")?.rsplit_once('/')?;
    let id = KeyId::try_from(folder.strip_prefix(KEYS)?.strip_prefix('/')?.to_owned()).ok()?;
    let number = number.parse().ok()?;
    (key(id, number) == name).then_some((id, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_no_others() {
        let hash = Hash::of(b"x");
        assert_eq!(segment_hash(&segment(&hash)), Some(hash));
        assert_eq!(checkpoint_number(&checkpoint(70)), Some(70));
        assert_eq!(manifest_number(&manifest(70)), Some(70));
        assert_eq!(manifest_number(&manifest_copy(70)), Some(70));
        let id = KeyId([0xA7; 16]);
        assert_eq!(key_of(&key(id, 70)), Some((id, 70)));
        for name in [format!("keys/{id}/70.key"), format!("keys/{}", manifest(70)), key(id, 7).to_uppercase()] {
            assert_eq!(key_of(&name), None, "{name}");
        }
        let hex = hash.to_string();
        for name in
            [format!("seg/00/{hex}.seg"), format!("seg/{hex}.seg"), format!("{}.tmp", segment(&hash)), String::new()]
        {
            assert_eq!(segment_hash(&name), None, "{name}");
        }
        for name in ["ckpt/70.ckpt", "ckpt/+0000000000000000070.ckpt", "ckpt/x", ""] {
            assert_eq!(checkpoint_number(name), None, "{name}");
        }
        for name in ["log/70.man", "copy/FORMAT", "ckpt/00000000000000000070.man", ""] {
            assert_eq!(manifest_number(name), None, "{name}");
        }
    }
}
