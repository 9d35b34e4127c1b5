//! Seals frames and whatever else by a data key, and opens them. Knows nothing of who holds the key, or of where things lie.
//!
//! Each frame, and each thing, has a key of its own: HKDF-SHA-256 (RFC 5869, its second half) of the data key, with the frame's salt as part of what it is for.
//! The payload is encrypted by it with AES-256-GCM, with a nonce of zeros: no key is ever used twice. The length of the payload and the number
//! of the data key are authenticated with it.

use crate::frame::FrameKind;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fmt;
use std::ops::Range;
use zeroize::Zeroizing;

pub const DATA_KEY_BYTES: usize = 32;
/// The number in frames that are sealed by a customer's key, which is kept nowhere: those of kept ones begin at 1.
pub const CUSTOMER: u32 = 0;

const NUMBER: Range<usize> = 16..20;
const SALT: Range<usize> = 24..48;
const TAG: Range<usize> = 48..64;
/// Salt and tag of what is no frame.
pub const SEALED_MORE_BYTES: usize = SALT.end - SALT.start + TAG.end - TAG.start;
/// What a frame's key is for, before the salt.
const PURPOSE: &[u8] = b"greenroom frame 2";
/// What a customer's key is used for here, and what is made of it.
const CUSTOMER_PURPOSE: &[u8] = b"greenroom customer key";
const DATA_KEY_PURPOSE: &[u8] = b"greenroom data key of a customer";

/// A data key as it is used: it is cleared when it is dropped, and never printed.
pub struct DataKey {
    number: u32,
    /// Never moved about in memory: no copy of it is left behind.
    bytes: Box<Zeroizing<[u8; DATA_KEY_BYTES]>>,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({}, redacted)", self.number)
    }
}

impl DataKey {
    pub fn new(number: u32, bytes: Box<Zeroizing<[u8; DATA_KEY_BYTES]>>) -> Self {
        Self { number, bytes }
    }

    /// Fills a frame's header and encrypts what stands behind it.
    pub fn seal(&self, frame: &mut [u8]) {
        let (header, payload) = frame.split_at_mut(FrameKind::Sealed.header_bytes() as usize);
        header[NUMBER].copy_from_slice(&self.number.to_le_bytes());
        header[NUMBER.end..SALT.start].fill(0);
        SystemRandom::new().fill(&mut header[SALT]).expect("the system has random numbers");
        let tag = self
            .frame_key(&header[SALT])
            .seal_in_place_separate_tag(nonce(), self.aad(payload.len()), payload)
            .expect("a frame is shorter than the cipher can take");
        header[TAG].copy_from_slice(tag.as_ref());
        FrameKind::Sealed.close(frame);
    }

    /// Seals something that is no frame, as what `purpose` says: `SEALED_MORE_BYTES` longer than the content. `known` is authenticated with it.
    pub fn seal_as(&self, purpose: &[u8], known: &[&[u8]], content: &[u8]) -> Vec<u8> {
        let mut sealed = vec![0; SEALED_MORE_BYTES + content.len()];
        let (salt, rest) = sealed.split_at_mut(SALT.len());
        let (tag, payload) = rest.split_at_mut(TAG.len());
        SystemRandom::new().fill(salt).expect("the system has random numbers");
        payload.copy_from_slice(content);
        let made = self
            .derived(&[purpose, salt])
            .seal_in_place_separate_tag(nonce(), Aad::from(known.concat()), payload)
            .expect("what is sealed is shorter than the cipher can take");
        tag.copy_from_slice(made.as_ref());
        sealed
    }

    /// `None` where it is not what this key has sealed, as this.
    pub fn open_as(&self, purpose: &[u8], known: &[&[u8]], sealed: &[u8]) -> Option<Vec<u8>> {
        let (salt, rest) = sealed.split_at_checked(SALT.len())?;
        let (tag, payload) = rest.split_first_chunk::<{ TAG.end - TAG.start }>()?;
        let mut content = payload.to_vec();
        let key = self.derived(&[purpose, salt]);
        key.open_in_place_separate_tag(nonce(), Aad::from(known.concat()), (*tag).into(), &mut content, 0..).ok()?;
        Some(content)
    }

    /// Another key, for what `purpose` says.
    pub fn key_for(&self, purpose: &[u8]) -> [u8; DATA_KEY_BYTES] {
        let mut bytes = [0; DATA_KEY_BYTES];
        let data_key = Prk::new_less_safe(HKDF_SHA256, &self.bytes[..]);
        let derived = data_key.expand(&[purpose], HKDF_SHA256).and_then(|derived| derived.fill(&mut bytes));
        derived.expect("as many bytes as a hash has");
        bytes
    }

    /// Decrypts what stands behind a frame's header, in its place. Err: what is wrong with it; then the payload is nobody's content.
    pub fn open(&self, frame: &mut [u8]) -> Result<(), &'static str> {
        let (header, payload) = frame.split_at_mut(FrameKind::Sealed.header_bytes() as usize);
        if sealed_by(header) != self.number {
            return Err("frame is sealed by another key");
        }
        let tag: [u8; 16] = header[TAG].try_into().expect("a tag's range is as long as a tag");
        let key = self.frame_key(&header[SALT]);
        let opened = key.open_in_place_separate_tag(nonce(), self.aad(payload.len()), tag.into(), payload, 0..);
        opened.map(drop).map_err(|_| "frame is not what was sealed by its key")
    }

    fn frame_key(&self, salt: &[u8]) -> LessSafeKey {
        self.derived(&[PURPOSE, salt])
    }

    fn derived(&self, purpose: &[&[u8]]) -> LessSafeKey {
        let data_key = Prk::new_less_safe(HKDF_SHA256, &self.bytes[..]);
        let derived = data_key.expand(purpose, &AES_256_GCM).expect("as many bytes as the cipher takes");
        LessSafeKey::new(UnboundKey::from(derived))
    }

    fn aad(&self, length: usize) -> Aad<[u8; 8]> {
        let mut known = [0; 8];
        known[..4].copy_from_slice(&(length as u32).to_le_bytes());
        known[4..].copy_from_slice(&self.number.to_le_bytes());
        Aad::from(known)
    }
}

/// The data key that is made of a customer's key: nothing else that the customer uses the key for can open or forge a frame. It is the same for
/// all accounts, so that what is copied between two stays as it lies.
pub fn derived(key: &Zeroizing<[u8; DATA_KEY_BYTES]>) -> Box<Zeroizing<[u8; DATA_KEY_BYTES]>> {
    struct DataKeyBytes;
    impl KeyType for DataKeyBytes {
        fn len(&self) -> usize {
            DATA_KEY_BYTES
        }
    }
    let mut bytes = Box::new(Zeroizing::new([0; DATA_KEY_BYTES]));
    let customers = Salt::new(HKDF_SHA256, CUSTOMER_PURPOSE).extract(&key[..]);
    let expanded = customers.expand(&[DATA_KEY_PURPOSE], DataKeyBytes);
    expanded.and_then(|expanded| expanded.fill(&mut bytes[..])).expect("as many bytes as a data key has");
    bytes
}

/// The number of the data key that a frame is sealed by, from a header that has been checked.
pub fn sealed_by(header: &[u8]) -> u32 {
    u32::from_le_bytes(header[NUMBER].try_into().expect("a number's range is as long as a number"))
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: usize = FrameKind::Sealed.header_bytes() as usize;

    fn key(number: u32, byte: u8) -> DataKey {
        DataKey::new(number, Box::new(Zeroizing::new([byte; DATA_KEY_BYTES])))
    }

    fn sealed(content: &[u8]) -> Vec<u8> {
        let mut frame = [&[0; HEADER], content].concat();
        key(7, 1).seal(&mut frame);
        frame
    }

    #[test]
    fn what_was_sealed_is_opened_by_its_key_and_no_other() {
        for content in [&b"x"[..], &[9; 4096], b"GRF2 looks like a frame"] {
            let frame = sealed(content);
            assert_eq!(FrameKind::Sealed.check(&frame), Ok(()));
            assert_eq!(sealed_by(&frame), 7);
            assert!(content.len() < 9 || !frame.windows(9).any(|part| part == &content[..9]), "it is in clear");
            let mut opened = frame.clone();
            assert_eq!(key(7, 1).open(&mut opened), Ok(()));
            assert_eq!(&opened[HEADER..], content);
            assert!(key(7, 2).open(&mut frame.clone()).is_err());
            assert!(key(8, 1).open(&mut frame.clone()).is_err());
        }
    }

    #[test]
    fn whatever_was_changed_is_refused_also_where_the_checksum_was_made_anew() {
        let good = sealed(&[5; 60]);
        for bit in (NUMBER.start * 8..good.len() * 8).filter(|bit| !(NUMBER.end..SALT.start).contains(&(bit / 8))) {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(FrameKind::Sealed.check(&bad).is_err(), "bit {bit}");
            // Whoever reads looks at no more than the beginning before it is opened.
            assert_eq!(FrameKind::Sealed.check_begin(&bad), Ok(()), "bit {bit}");
            assert!(key(7, 1).open(&mut bad.clone()).is_err(), "bit {bit}");
            FrameKind::Sealed.close(&mut bad);
            assert!(key(7, 1).open(&mut bad).is_err(), "bit {bit}");
        }
        let mut shorter = good[..good.len() - 1].to_vec();
        FrameKind::Sealed.close(&mut shorter);
        assert!(key(7, 1).open(&mut shorter).is_err());
    }

    #[test]
    fn what_is_no_frame_is_opened_as_what_it_is_and_as_nothing_else() {
        let (mine, known) = (key(7, 1), [&b"kn"[..], b"own"]);
        for content in [&b""[..], b"x", &[9; 5_000]] {
            let sealed = mine.seal_as(b"label", &known, content);
            assert_eq!(sealed.len(), content.len() + SEALED_MORE_BYTES);
            assert_eq!(mine.open_as(b"label", &known, &sealed).as_deref(), Some(content));
            assert_ne!(sealed, mine.seal_as(b"label", &known, content), "a salt is used once");
            assert_eq!(mine.open_as(b"chunk", &known, &sealed), None);
            assert_eq!(mine.open_as(b"label", &[b"unknown"], &sealed), None);
            assert_eq!(key(7, 2).open_as(b"label", &known, &sealed), None);
            for at in (0..sealed.len()).step_by(1 + sealed.len() / 500) {
                let mut bent = sealed.clone();
                bent[at] ^= 1;
                assert_eq!(mine.open_as(b"label", &known, &bent), None, "byte {at}");
                assert_eq!(mine.open_as(b"label", &known, &sealed[..at]), None, "cut at {at}");
            }
        }
        assert_ne!(mine.key_for(b"names"), mine.key_for(b"others"));
        assert_ne!(mine.key_for(b"names"), key(7, 2).key_for(b"names"));
    }

    #[test]
    fn the_same_content_is_sealed_otherwise_each_time() {
        let (one, other) = (sealed(b"the same"), sealed(b"the same"));
        assert_ne!(one[SALT], other[SALT]);
        assert_ne!(one[HEADER..], other[HEADER..]);
    }

    #[test]
    fn what_a_customers_key_seals_takes_that_key_and_says_so() {
        let of = |byte| DataKey::new(CUSTOMER, derived(&Zeroizing::new([byte; DATA_KEY_BYTES])));
        let mut frame = [&[0; HEADER][..], b"theirs"].concat();
        of(1).seal(&mut frame);
        assert_eq!((FrameKind::Sealed.check(&frame), sealed_by(&frame)), (Ok(()), CUSTOMER));
        assert!(of(2).open(&mut frame.clone()).is_err());
        assert!(key(CUSTOMER, 1).open(&mut frame.clone()).is_err(), "the key as it came is not what seals");
        assert_eq!(of(1).open(&mut frame), Ok(()));
        assert_eq!(&frame[HEADER..], b"theirs");
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", key(7, 0xAB)), "DataKey(7, redacted)");
    }
}
