//! RSA: makes keys, and turns bytes with them. What failed is not said: an error that tells why is one that can be asked.

use super::refusal::Refusal;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use getrandom::SysRng;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{Oaep, PrivateKey};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// What Azure makes.
pub const BITS: [u32; 3] = [2048, 3072, 4096];

/// An RSA key, its private part as PKCS#8 in base64.
#[derive(Clone, Serialize, Deserialize)]
pub struct Pair {
    pub bits: u32,
    /// Modulus and exponent, as in a JSON Web Key.
    pub n: String,
    pub e: String,
    pkcs8: Zeroizing<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Padding {
    #[serde(rename = "RSA-OAEP")]
    Oaep,
    #[serde(rename = "RSA-OAEP-256")]
    Oaep256,
}

impl Pair {
    /// Takes a while: a second, or ten.
    pub fn make(bits: u32) -> Result<Pair, Refusal> {
        if !BITS.contains(&bits) {
            return Err(Refusal::Bad(format!("A key has {BITS:?} bits, not {bits}.")));
        }
        let broken = |_| Refusal::Broken("no key could be made".to_owned());
        let key = PrivateKey::new(&mut SysRng, bits as usize).map_err(broken)?;
        let der = key.to_pkcs8_der().map_err(|_| Refusal::Broken("a key could not be written".to_owned()))?;
        Ok(Pair {
            bits,
            n: BASE64_URL_SAFE_NO_PAD.encode(key.n_bytes()),
            e: BASE64_URL_SAFE_NO_PAD.encode(key.e_bytes()),
            pkcs8: Zeroizing::new(BASE64_STANDARD.encode(der.as_bytes())),
        })
    }

    pub fn encrypt(&self, padding: Padding, plain: &[u8]) -> Result<Vec<u8>, Refusal> {
        let key = self.private()?;
        let key = key.as_public_key();
        let done = match padding {
            Padding::Oaep => key.encrypt(&mut SysRng, Oaep::<Sha1>::new(), plain),
            Padding::Oaep256 => key.encrypt(&mut SysRng, Oaep::<Sha256>::new(), plain),
        };
        done.map_err(|_| Refusal::Bad("The value is too long for this key and algorithm.".to_owned()))
    }

    pub fn decrypt(&self, padding: Padding, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let key = self.private()?;
        // Blinded: how long it takes tells nothing of the key.
        let done = match padding {
            Padding::Oaep => key.decrypt_blinded(&mut SysRng, Oaep::<Sha1>::new(), bytes),
            Padding::Oaep256 => key.decrypt_blinded(&mut SysRng, Oaep::<Sha256>::new(), bytes),
        };
        done.map(Zeroizing::new).map_err(|_| Refusal::Bad("The value cannot be decrypted with this key.".to_owned()))
    }

    fn private(&self) -> Result<PrivateKey, Refusal> {
        let broken = || Refusal::Broken("a key in the vault's folder cannot be read".to_owned());
        let der = BASE64_STANDARD.decode(self.pkcs8.as_bytes()).map(Zeroizing::new).map_err(|_| broken())?;
        PrivateKey::from_pkcs8_der(&der).map_err(|_| broken())
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("bits", &self.bits).finish_non_exhaustive()
    }
}
