//! How a tenant's content is encrypted: by data keys that another key wraps.

use crate::{AccountName, TenantName};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// What wraps a tenant's data keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WrappingKey {
    /// The server's own: `node`.
    Node,
    /// A key in a vault, `https://VAULT/keys/NAME[/VERSION]`; without a version, the newest one when it is set or rotated.
    Vault(String),
}

impl WrappingKey {
    pub const NODE: &str = "node";
}

impl fmt::Display for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node => f.write_str(Self::NODE),
            Self::Vault(url) => f.write_str(url),
        }
    }
}

impl FromStr for WrappingKey {
    type Err = String;

    /// Err: what is wrong with it, as a sentence.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == Self::NODE {
            return Ok(Self::Node);
        }
        let bad = || {
            format!(
                "'{text}' is no wrapping key: give {}, or https://VAULT/keys/NAME with or without /VERSION",
                Self::NODE
            )
        };
        let (vault, path) = text.strip_prefix("https://").and_then(|rest| rest.split_once('/')).ok_or_else(bad)?;
        let parts: Vec<&str> = path.split('/').collect();
        let is_name = |name: &&str| {
            (1..=127).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let is_key =
            matches!(&parts[..], ["keys", rest @ ..] if (1..=2).contains(&rest.len()) && rest.iter().all(is_name));
        let is_host =
            !vault.is_empty() && vault.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte));
        if is_key && is_host { Ok(Self::Vault(text.to_owned())) } else { Err(bad()) }
    }
}

/// Body of `PUT /v1/tenants/{tenant}/encryption`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// What wraps the data keys: `node`, or `https://VAULT/keys/NAME[/VERSION]`; `none`: nothing more is encrypted.
    #[serde(alias = "key_uri")]
    pub key: String,
}

impl Encryption {
    pub const NONE: &str = "none";

    /// `None` where nothing more is to be encrypted. Err: what is wrong with it, as a sentence.
    pub fn wrapping(&self) -> Result<Option<WrappingKey>, String> {
        if self.key == Self::NONE { Ok(None) } else { self.key.parse().map(Some) }
    }
}

/// Of an account: all of them are gone through where one is looked for.
pub const SCOPES_MAX: usize = 256;

/// An encryption scope of an account, as it is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EncryptionScope {
    /// What wraps its data keys, as for a tenant. Absent: what wraps its tenant's, or else the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is in a scope that is not is neither read nor written.
    #[serde(default = "enabled", skip_serializing_if = "is_enabled")]
    pub enabled: bool,
}

fn enabled() -> bool {
    true
}

fn is_enabled(enabled: &bool) -> bool {
    *enabled
}

impl EncryptionScope {
    /// `None` where its tenant's is meant. Err: what is wrong with it, as a sentence.
    pub fn wrapping(&self) -> Result<Option<WrappingKey>, String> {
        self.key.as_deref().map(str::parse).transpose()
    }

    /// Azure's rule. Source: "Encryption Scopes - Put". Err: a sentence.
    pub fn check_name(name: &str) -> Result<(), String> {
        let good = (3..=63).contains(&name.len())
            && name.split('-').all(|part| {
                !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            });
        if good {
            return Ok(());
        }
        Err(format!("'{name}' is no name of a scope: 3 to 63 small letters and digits, and single dashes between them"))
    }
}

/// What `POST /v1/tenants/{tenant}/encryption/rotate` makes new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rotate {
    /// All data keys, of scopes too, are wrapped by the newest version of the key that wraps them. No content is written.
    #[default]
    WrappingKey,
    /// What is written from now on is encrypted by a new data key, and so in each scope.
    DataKey,
}

/// Whether a tenant's content can be read now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// Nothing of the tenant was ever encrypted.
    #[default]
    Off,
    On,
    /// It was on: what was encrypted stays so, what is written is not.
    Stopped,
    /// Whoever holds the wrapping key refuses it: requests are answered 403.
    Denied,
    /// The vault does not answer, and the time of what was unwrapped is over: requests are answered 503.
    Away,
    /// The data keys were erased: what they encrypted can never be read again.
    Erased,
}

/// How a tenant's content is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EncryptionStatus {
    pub state: KeyState,
    /// Why it is denied or away, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What wraps the data key that is used now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrapped_by: Option<String>,
    pub data_keys: Vec<DataKeyStatus>,
    /// The encryption scopes of its accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<ScopeStatus>,
    /// What was written before there were keys; absent until it has been looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// Content on flash from before its tenant had keys, which is encrypted in the background.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Before {
    /// Blobs and snapshots that are in clear still.
    pub blobs: u64,
    pub bytes: u64,
    /// Page blobs that are: they stay so until their pages are written.
    pub page_blobs: u64,
    /// Encrypted since the server started.
    pub done_bytes: u64,
    /// Why it does not go on now, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How an encryption scope stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScopeStatus {
    pub account: AccountName,
    pub name: String,
    /// Of a scope that is disabled its key is not asked.
    pub enabled: bool,
    pub state: KeyState,
    /// Why it is denied or away, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    pub data_keys: Vec<DataKeyStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DataKeyStatus {
    /// Unique in the data folder, and never given out twice: what is encrypted names it.
    pub number: u32,
    /// Counts the data keys of the tenant, or of the scope, from 1.
    pub generation: u32,
    pub state: DataKeyUse,
    pub wrapped_by: String,
    /// UTC.
    pub created: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataKeyUse {
    /// What is written is encrypted by it.
    Active,
    /// What was written is encrypted by it.
    Old,
    Erased,
}

/// That a tenant's data keys are gone: what they encrypted can never be read again, wherever copies of it lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Erased {
    pub tenant: TenantName,
    /// UTC.
    pub at: String,
    /// Their numbers.
    pub data_keys: Vec<u32>,
    /// Why the cloud still holds them, wrapped: whoever may use the key that wrapped them could read what a lost machine left there. They go as soon
    /// as that can be; asking again tells. Absent: it holds none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_in_cloud: Option<String>,
    /// The audit log's entry that says the same.
    pub audit_seq: u64,
    pub audit_hash: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapping_key_is_the_nodes_or_a_key_in_a_vault() {
        for good in ["node", "https://v.vault.azure.net/keys/gold", "https://localhost:8443/keys/gold-1/0123abcdef"] {
            assert_eq!(good.parse::<WrappingKey>().map(|key| key.to_string()), Ok(good.to_owned()));
        }
        let long = format!("https://v/keys/{}", "a".repeat(128));
        for bad in [
            "",
            "Node",
            "none",
            "http://v/keys/gold",
            "https://v/k",
            "https://v/keys/",
            "https://v/keys/gold/",
            "https://v/keys/gold/1/2",
            "https://v/keys/../gold",
            "https://me:secret@v/keys/gold",
            "https://v/keys/gold?x=1",
            "https:///keys/gold",
            &long,
        ] {
            let why = bad.parse::<WrappingKey>().expect_err(bad);
            assert!(why.contains("/keys/NAME"), "{why}");
        }
    }

    #[test]
    fn a_scope_has_a_name_as_azures_have() {
        for good in ["abc", "finance-2026", "0a0", &"x".repeat(63)] {
            assert_eq!(EncryptionScope::check_name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "ab",
            "Finance",
            "fin_ance",
            "-finance",
            "finance-",
            "fin--ance",
            "fin.ance",
            "fin ance",
            "$account-encryption-key",
            &"x".repeat(64),
        ] {
            assert!(EncryptionScope::check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn none_is_no_key() {
        let key = |key: &str| Encryption { key: key.to_owned() }.wrapping();
        assert_eq!(key("none"), Ok(None));
        assert_eq!(key("node"), Ok(Some(WrappingKey::Node)));
        assert!(key("nobody").is_err());
    }
}
