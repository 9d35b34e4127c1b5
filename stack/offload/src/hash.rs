//! Names made of content: BLAKE3, plain for objects and keyed by tenant for chunks. They travel as lower-case hex.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Says what the derived key is for; part of the format.
const CHUNK_ID_CONTEXT: &str = "greenroom offload v1 chunk id";

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

impl Hash {
    pub fn of(bytes: &[u8]) -> Self {
        Hash(*blake3::hash(bytes).as_bytes())
    }

    /// The first half: enough to tell damage, where nobody gains by a collision.
    pub(crate) fn half(&self) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0[..16]);
        half
    }
}

/// Names the chunks of one tenant: equal content of two tenants has two names, so that neither learns what the other keeps.
#[derive(Clone, Copy)]
pub struct TenantKey([u8; 32]);

impl TenantKey {
    /// From the volume's key: BLAKE3's key derivation over that key, then the tenant's name.
    pub fn derive(volume_key: &[u8; 32], tenant: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CHUNK_ID_CONTEXT);
        hasher.update(volume_key).update(tenant.as_bytes());
        TenantKey(*hasher.finalize().as_bytes())
    }

    /// That of a tenant whose key seals its chunks is made of that key.
    pub fn of_key(bytes: [u8; 32]) -> Self {
        TenantKey(bytes)
    }

    pub fn id(&self, content: &[u8]) -> Hash {
        Hash(*blake3::keyed_hash(&self.0, content).as_bytes())
    }
}

/// The key itself stays out of logs.
impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKey")
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.to_string()[..8])
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        hash.to_string()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 lower-case hex digits")]
pub struct NotAHash;

impl TryFrom<String> for Hash {
    type Error = NotAHash;
    fn try_from(text: String) -> Result<Self, NotAHash> {
        text.parse()
    }
}

impl std::str::FromStr for Hash {
    type Err = NotAHash;
    fn from_str(text: &str) -> Result<Self, NotAHash> {
        // One hash has one text, since objects are named by it.
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(NotAHash);
        }
        blake3::Hash::from_hex(text).map(|hash| Hash(*hash.as_bytes())).map_err(|_| NotAHash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_printed() {
        let hash = Hash::of(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in ["", "00", &hash.to_string().to_uppercase(), &"g".repeat(64)] {
            assert_eq!(bad.parse::<Hash>(), Err(NotAHash), "{bad}");
        }
    }

    #[test]
    fn tenants_and_volumes_name_equal_content_apart() {
        let ids = [([1; 32], "gold"), ([1; 32], "bronze"), ([2; 32], "gold")]
            .map(|(key, tenant)| TenantKey::derive(&key, tenant).id(b"content"));
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
        assert_eq!(ids[0], TenantKey::derive(&[1; 32], "gold").id(b"content"));
    }
}
