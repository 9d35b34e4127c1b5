//! Data keys, wrapped: what content is sealed by.

use crate::clock::Timestamp;
use greenroom_model::{AccountName, TenantName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// By its number, which is never given to another one: frames name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataKeyRow {
    pub tenant: TenantName,
    /// Counts the keys of the tenant, or of the scope, from 1.
    pub generation: u32,
    pub state: DataKeyState,
    pub wrapped: Wrapped,
    pub created: Timestamp,
    /// What it is called wherever numbers are not those of this store.
    pub id: DataKeyId,
    pub purpose: KeyPurpose,
}

/// What a data key seals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyPurpose {
    /// What its tenant writes that nothing else seals.
    Tenant,
    /// What is written in one of its tenant's encryption scopes.
    Scope(ScopeKey),
}

/// An encryption scope. It is where its keys are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeKey {
    pub account: AccountName,
    pub name: String,
    /// The same in all keys of the scope.
    pub state: ScopeState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScopeState {
    Enabled,
    /// What it sealed is neither read nor written until it is enabled again.
    Disabled,
}

/// Random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DataKeyId(pub [u8; 16]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataKeyState {
    /// What is written is sealed by it. A tenant has one of these, or none while nothing more is sealed; and so has a scope.
    Active,
    /// What was written is sealed by it.
    Old,
    /// It was erased: what it sealed can never be read again.
    Erased,
}

/// A data key as it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapped {
    /// The key that wraps it: `node`, or the URL of a key in a vault with its version.
    pub by: String,
    /// As its vault calls it.
    pub algorithm: String,
    /// Empty of one that was erased.
    pub bytes: Vec<u8>,
}

/// Without the bytes: they are of use to whoever has the wrapping key.
impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, algorithm, bytes: _ } = self;
        f.debug_struct("Wrapped").field("by", by).field("algorithm", algorithm).finish_non_exhaustive()
    }
}
