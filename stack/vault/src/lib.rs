//! Has keys wrapped and unwrapped by Azure Key Vault, or by what speaks as it does. Knows nothing of what the keys are good for,
//! and tries nothing twice: whoever asks decides when to ask again.
//!
//! The program of the same name is an embedded vault, for places that Azure cannot be reached from.

mod client;
mod names;

pub use client::{API_VERSION, Algorithm, Key, PLAIN_BYTES_MAX, Settings, Vault, VaultError, Wrapped};
pub use names::{KeyName, KeyVersion, Kid, NameError};
