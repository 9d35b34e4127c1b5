//! A secret, as rows hold it.

use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeptSecret {
    /// In clear: written where nobody seals.
    Plain(Zeroizing<Vec<u8>>),
    /// By the server's own key, as what the secret is of.
    Sealed(Vec<u8>),
}

impl fmt::Debug for KeptSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeptSecret::Plain(_) => "Plain(redacted)",
            KeptSecret::Sealed(_) => "Sealed(redacted)",
        })
    }
}
