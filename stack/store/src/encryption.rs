//! What content is sealed by besides its tenant's keys: a key that a customer sends along with each request, or an encryption scope of the
//! account. Knows nothing of how either is asked for.

use crate::seal::{CUSTOMER, DATA_KEY_BYTES, DataKey, derived};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What is said of content that is sealed so: which scope or key it takes. `None` where an option of it is kept: its tenant's, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    /// By its name in the account.
    Scope(String),
    /// By the SHA-256 of the customer's key. The key itself is kept nowhere.
    Customer([u8; 32]),
}

/// A customer's own key, as long as a request needs it. It is cleared when the last of those who need it is done, and never printed.
#[derive(Clone)]
pub struct CustomerKey {
    sha256: [u8; 32],
    /// Derived of it: the frames of all content that is sealed by the key say number 0.
    data_key: Arc<DataKey>,
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerKey(redacted)")
    }
}

/// One key has one digest.
impl PartialEq for CustomerKey {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl Eq for CustomerKey {}

impl CustomerKey {
    pub fn new(bytes: &Zeroizing<[u8; DATA_KEY_BYTES]>) -> Self {
        let sha256 = digest(&SHA256, &bytes[..]).as_ref().try_into().expect("a SHA-256 has 32 bytes");
        Self { sha256, data_key: Arc::new(DataKey::new(CUSTOMER, derived(bytes))) }
    }

    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    pub(crate) fn data_key(&self) -> &Arc<DataKey> {
        &self.data_key
    }
}

/// What a write wants its content sealed by, or a read brings along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Seal {
    /// By its tenant's key, where there is one.
    #[default]
    Tenants,
    /// By the key of an encryption scope of the account.
    Scope(String),
    Customer(CustomerKey),
}

impl Seal {
    /// What is said of content that is sealed so.
    pub fn encryption(&self) -> Option<Encryption> {
        match self {
            Seal::Tenants => None,
            Seal::Scope(name) => Some(Encryption::Scope(name.clone())),
            Seal::Customer(key) => Some(Encryption::Customer(key.sha256)),
        }
    }
}

/// What a request shows for what its blob is sealed by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Shown {
    /// It is asked for nothing: what it does neither reads nor says what is sealed.
    #[default]
    Unasked,
    Asked(Option<Encryption>),
}

/// Why what was shown is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncryptionUnmet {
    /// It is sealed by a customer's key, and none was shown.
    NotShown,
    /// Something was shown, and it is not sealed by any such.
    NotUsed,
    /// Something else was shown.
    Other,
}

/// Whether what is sealed in one way may be used by who shows another. A scope need not be shown: its key is here.
pub fn admit(sealed: Option<&Encryption>, shown: Option<&Encryption>) -> Result<(), EncryptionUnmet> {
    match (sealed, shown) {
        (Some(Encryption::Scope(_)), None) => Ok(()),
        (sealed, shown) => same(sealed, shown),
    }
}

/// Whether two things are sealed by the same. Err: what is wrong with the second.
pub fn same(sealed: Option<&Encryption>, shown: Option<&Encryption>) -> Result<(), EncryptionUnmet> {
    match (sealed, shown) {
        (sealed, shown) if sealed == shown => Ok(()),
        (None, _) => Err(EncryptionUnmet::NotUsed),
        (Some(Encryption::Customer(_)), None) => Err(EncryptionUnmet::NotShown),
        (Some(_), _) => Err(EncryptionUnmet::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use super::{EncryptionUnmet::*, Seal::*};

    fn key(byte: u8) -> CustomerKey {
        CustomerKey::new(&Zeroizing::new([byte; DATA_KEY_BYTES]))
    }

    #[test]
    fn who_shows_the_right_thing_is_let_in() {
        let scope = |name: &str| Scope(name.to_owned());
        for (sealed, shown, admitted, is_same) in [
            (Tenants, Tenants, Ok(()), Ok(())),
            (Tenants, Customer(key(1)), Err(NotUsed), Err(NotUsed)),
            (Tenants, scope("a"), Err(NotUsed), Err(NotUsed)),
            (scope("a"), scope("a"), Ok(()), Ok(())),
            (scope("a"), scope("b"), Err(Other), Err(Other)),
            (scope("a"), Tenants, Ok(()), Err(Other)),
            (scope("a"), Customer(key(1)), Err(Other), Err(Other)),
            (Customer(key(1)), Customer(key(1)), Ok(()), Ok(())),
            (Customer(key(1)), Customer(key(2)), Err(Other), Err(Other)),
            (Customer(key(1)), Tenants, Err(NotShown), Err(NotShown)),
            (Customer(key(1)), scope("a"), Err(Other), Err(Other)),
        ] {
            let (of, by) = (sealed.encryption(), shown.encryption());
            assert_eq!(admit(of.as_ref(), by.as_ref()), admitted, "{sealed:?} {shown:?}");
            assert_eq!(same(of.as_ref(), by.as_ref()), is_same, "{sealed:?} {shown:?}");
        }
    }

    #[test]
    fn a_key_is_known_by_its_digest_and_not_printed() {
        let zeros = key(0);
        assert_eq!(zeros.sha256()[..4], [0x66, 0x68, 0x7a, 0xad]);
        assert_eq!(
            format!("{zeros:?} {:?}", Customer(key(7))),
            "CustomerKey(redacted) Customer(CustomerKey(redacted))"
        );
        assert_eq!(format!("{:?}", zeros.data_key()), "DataKey(0, redacted)");
    }
}
