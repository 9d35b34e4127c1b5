//! Who may do what in a container without the account's key: its public level and its stored access policies.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// What anybody may read without a credential, where the account allows that at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PublicAccess {
    #[default]
    Private,
    /// Blobs, by name.
    Blob,
    /// Blobs, and the list of them.
    Container,
}

/// A stored access policy: fields that service SAS which name it take from it. Without it, they are void.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPolicy {
    pub id: String,
    pub start: Option<Timestamp>,
    pub expiry: Option<Timestamp>,
    /// Azure's letters; `None` leaves them to the SAS.
    pub permissions: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerAcl {
    pub public: PublicAccess,
    pub policies: Vec<AccessPolicy>,
}

/// Whether containers of an account may be public.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublicContainers {
    #[default]
    Forbidden,
    Allowed,
}
