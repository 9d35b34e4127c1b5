//! Which log of a segment an event is in, and the hash behind it.

use greenroom_model::{BlobName, ContainerName};

/// The shard of a blob's events: always the same while `shards` is, so that one blob's events are in one log, in their order.
/// FNV-1a of 64 bits over `CONTAINER/BLOB`, its halves folded, as FNV's low bits alone spread poorly.
pub fn shard_of(container: &ContainerName, blob: &BlobName, shards: u16) -> u16 {
    let hash = fnv1a([container.as_str().as_bytes(), b"/", blob.as_str().as_bytes()]);
    let folded = (hash >> 32) ^ (hash & 0xFFFF_FFFF);
    u16::try_from(folded % u64::from(shards.max(1))).expect("less than a u16")
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>. Not for secrets.
pub(crate) fn fnv1a<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    const OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    parts.into_iter().flatten().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(name: &str, shards: u16) -> u16 {
        shard_of(&ContainerName::new("photos").unwrap(), &BlobName::new(name).unwrap(), shards)
    }

    #[test]
    fn the_hash_is_that_of_its_authors() {
        assert_eq!(fnv1a([]), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a([b"foo".as_slice(), b"bar"]), 0x8594_4171_F739_67E8);
    }

    #[test]
    fn a_blob_stays_in_its_shard_over_versions_of_the_program() {
        let placed: Vec<u16> = ["a", "b", "a/b", "é", "2026/01/talk.mp4"].map(|name| shard(name, 16)).to_vec();
        assert_eq!(placed, PLACED);
    }

    /// Whoever changes these parts a blob's events between two logs of a segment that is being written.
    const PLACED: [u16; 5] = [13, 4, 0, 6, 12];

    #[test]
    fn blobs_are_spread_over_all_shards() {
        let mut counts = [0_u32; 16];
        for number in 0..16_000 {
            counts[usize::from(shard(&format!("blob-{number}"), 16))] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
        assert_eq!(shard("a", 1), 0);
        assert_eq!(shard("a", 0), 0);
    }
}
