//! What was declared, in a file of the data folder.

use super::leaving::Left;
use crate::fault::Fault;
use greenroom_model::TenantName;
use greenroom_model::tenancy::{TenantState, TenantsFile};
use greenroom_store::private;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

pub const FILE: &str = "tenants.json";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Kept {
    pub file: TenantsFile,
    /// Of those that are not simply active.
    pub states: BTreeMap<TenantName, TenantState>,
    /// Counts the tokens that were made for a tenant: the last one is good.
    #[serde(default)]
    pub tokens: BTreeMap<TenantName, u64>,
    #[serde(default)]
    pub left: BTreeMap<TenantName, Left>,
}

impl Kept {
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let fault = |source| Fault::Tenants { file: path.to_owned(), source };
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| fault(io::Error::other(error))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(fault(error)),
        }
    }

    pub fn write(&self, path: &Path) -> Result<(), Fault> {
        let json = serde_json::to_vec_pretty(self).expect("plain values serialise");
        private::replace(path, &json).map_err(|source| Fault::Tenants { file: path.to_owned(), source })
    }
}

pub fn etag(file: &TenantsFile) -> String {
    let json = serde_json::to_vec(file).expect("plain values serialise");
    format!("\"{}\"", &blake3::hash(&json).to_hex()[..16])
}
