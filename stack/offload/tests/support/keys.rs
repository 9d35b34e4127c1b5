//! A tenant's key for tests, and somebody who holds it: he may say no, or nothing.

use blake3::Hasher;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use greenroom_offload::seal::{KeyId, Keys, Seal, What};
use greenroom_offload::{Error, Result, TenantKey};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

/// Whose content is sealed.
pub const SEALED_TENANT: &str = "bronze";

#[derive(Debug, Default)]
pub struct SimKeys(AtomicU8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    SaysYes = 0,
    SaysNo = 1,
    IsAway = 2,
}

impl SimKeys {
    pub fn set(&self, holder: Holder) {
        self.0.store(holder as u8, SeqCst);
    }

    pub fn is_usable(&self) -> bool {
        self.0.load(SeqCst) == Holder::SaysYes as u8
    }

    pub fn seal() -> Arc<dyn Seal> {
        Arc::new(TestKey)
    }
}

/// In the world's words, what a library would take as a part.
#[derive(Debug)]
pub struct Asked(pub Arc<SimKeys>);

impl Keys for Asked {
    fn find(&self, key: KeyId) -> BoxFuture<'_, Result<Arc<dyn Seal>>> {
        let found = match self.0.0.load(SeqCst) {
            _ if key != TestKey.key() => Err(Error::KeyGone(key)),
            0 => Ok(SimKeys::seal()),
            1 => Err(Error::KeyDenied("disabled".into())),
            _ => Err(Error::KeyAway("no route".into())),
        };
        std::future::ready(found).boxed()
    }
}

/// Keeps nothing secret, and tells every change: its salt is made of what it seals, so that a seed decides everything.
#[derive(Debug)]
struct TestKey;

impl TestKey {
    fn hasher(what: What, known: &[u8], salt: &[u8]) -> Hasher {
        let mut hasher = Hasher::new_derive_key("greenroom test key");
        hasher.update(&[what as u8]).update(&(known.len() as u64).to_le_bytes()).update(known).update(salt);
        hasher
    }

    fn veiled(what: What, known: &[u8], salt: &[u8], content: &[u8]) -> Vec<u8> {
        let mut veil = vec![0; content.len()];
        Self::hasher(what, known, salt).finalize_xof().fill(&mut veil);
        veil.iter().zip(content).map(|(veil, byte)| veil ^ byte).collect()
    }

    fn tag(what: What, known: &[u8], salt: &[u8], veiled: &[u8]) -> [u8; 16] {
        let tag = Self::hasher(what, known, salt).update(b"tag").update(veiled).finalize();
        *tag.as_bytes().first_chunk().expect("a hash is longer")
    }
}

impl Seal for TestKey {
    fn key(&self) -> KeyId {
        KeyId([0xB5; 16])
    }

    fn chunk_names(&self) -> TenantKey {
        TenantKey::of_key([0xB6; 32])
    }

    fn seal(&self, what: What, known: &[u8], content: &[u8]) -> Vec<u8> {
        let salt = blake3::hash(content);
        let salt = &salt.as_bytes()[..24];
        let veiled = Self::veiled(what, known, salt, content);
        let tag = Self::tag(what, known, salt, &veiled);
        [&self.key().0, salt, &tag, &veiled].concat()
    }

    fn open(&self, what: What, known: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (id, rest) = sealed.split_first_chunk::<16>()?;
        let (salt, rest) = rest.split_at_checked(24)?;
        let (tag, veiled) = rest.split_first_chunk::<16>()?;
        let is_mine = *id == self.key().0 && *tag == Self::tag(what, known, salt, veiled);
        is_mine.then(|| Self::veiled(what, known, salt, veiled))
    }
}
