//! Signatures of strings to sign.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_store::AccountKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// HMAC-SHA256 of a string to sign, in Base64.
pub fn sign(key: &AccountKey, string: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(string.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// Whether two signatures are one, in a time that does not depend on where they differ.
pub fn matches(ours: &str, theirs: &str) -> bool {
    ours.as_bytes().ct_eq(theirs.as_bytes()).into()
}
