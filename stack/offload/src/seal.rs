//! What seals a tenant's content and names on their way into the cloud. Keys are somebody else's: here they are parts that seal and open.

use crate::error::{Error, Result};
use crate::hash::TenantKey;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What stands before what is sealed: the key's id, a salt, a tag.
pub const ENVELOPE_BYTES: usize = KeyId::BYTES + 24 + 16;

/// Which data key: random, and the same wherever the key is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(pub [u8; 16]);

impl KeyId {
    const BYTES: usize = 16;

    /// Of what is sealed; `None` where it is too short to be anything that is.
    pub fn of(sealed: &[u8]) -> Option<Self> {
        (sealed.len() >= ENVELOPE_BYTES).then(|| sealed.first_chunk().copied().map(Self)).flatten()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.to_string()[..8])
    }
}

impl From<KeyId> for String {
    fn from(key: KeyId) -> String {
        key.to_string()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key's id is 32 lower-case hex digits")]
pub struct NotAKeyId;

impl TryFrom<String> for KeyId {
    type Error = NotAKeyId;
    fn try_from(text: String) -> Result<Self, NotAKeyId> {
        // One id has one text, since objects are named by it.
        let is_one = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = u128::from_str_radix(&text, 16).ok().filter(|_| is_one);
        number.map(|number| KeyId(number.to_be_bytes())).ok_or(NotAKeyId)
    }
}

/// What something is sealed as: nothing that is sealed is ever taken for anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Chunk,
    /// What a recipe is about.
    Label,
}

/// A data key at work.
pub trait Seal: fmt::Debug + Send + Sync {
    fn key(&self) -> KeyId;

    /// Names the chunks that it seals: whoever lacks the key cannot tell what they are from what they are called.
    fn chunk_names(&self) -> TenantKey;

    /// `ENVELOPE_BYTES` longer than the content, beginning with the key's id. `known` is authenticated with it, and not kept.
    fn seal(&self, what: What, known: &[u8], content: &[u8]) -> Vec<u8>;

    /// `None` where it is not what this key has sealed, as this, with `known`.
    fn open(&self, what: What, known: &[u8], sealed: &[u8]) -> Option<Vec<u8>>;
}

/// Finds data keys by what is sealed.
pub trait Keys: fmt::Debug + Send + Sync + 'static {
    /// Err: `KeyDenied`, `KeyAway`, `KeyGone`.
    fn find(&self, key: KeyId) -> BoxFuture<'_, Result<Arc<dyn Seal>>>;
}

/// Where nothing is sealed.
#[derive(Debug, Clone, Copy)]
pub struct NoKeys;

impl Keys for NoKeys {
    fn find(&self, key: KeyId) -> BoxFuture<'_, Result<Arc<dyn Seal>>> {
        Box::pin(std::future::ready(Err(Error::KeyGone(key))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_printed() {
        let id = KeyId([0xAB; 16]);
        assert_eq!(KeyId::try_from(id.to_string()), Ok(id));
        let small = KeyId([0; 16]);
        assert_eq!(small.to_string().len(), 32);
        for bad in ["", "00", &id.to_string().to_uppercase(), &"g".repeat(32), "+0000000000000000000000000000000"] {
            assert_eq!(KeyId::try_from(bad.to_owned()), Err(NotAKeyId), "{bad}");
        }
        assert_eq!(KeyId::of(&[7; ENVELOPE_BYTES]), Some(KeyId([7; 16])));
        assert_eq!(KeyId::of(&[7; ENVELOPE_BYTES - 1]), None);
    }
}
