//! What a demo says of its vault: that it has one, the keys in it, and what becomes of them.

use super::mirror::whole_seconds;
use crate::words::duration;
use clap::Subcommand;
use greenroom_model::TenantName;
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// For the reference of the grammar.
pub const REFERENCE: &str = "
With `vault: { fresh: 5s }` in the head, a vault of the demo's own runs beside its stack, on loopback, and the stack is its client. `fresh` is how
long an unwrapped data key is used without asking the vault again: what is disabled is refused by then (a minute where it is not said). In a file of tenants:
encryption: { key: '{vault:NAME}' }
    The key of that name in this vault; `vault key create NAME` comes before `tenant apply`.
";

/// The head's `vault`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultYaml {
    /// How long a key is used without asking the vault again, in whole seconds: `5s`.
    fresh: Option<String>,
}

/// How long the stack uses keys of the vault without asking again; its own usual times where it is not said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyTimes {
    fresh_s: Option<u32>,
}

/// A key of the demo's vault, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultKey(String);

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum VaultVerb {
    /// A key, as the tenant that holds it turns it.
    Key {
        #[command(subcommand)]
        what: VaultKeyVerb,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum VaultKeyVerb {
    /// Makes it, where it is not there; a file of tenants names it as `{vault:NAME}`.
    Create { name: VaultKey },
    /// It neither wraps nor unwraps from now on; what the stack has unwrapped is good for as long as the head's `vault` says.
    Disable { name: VaultKey },
    /// It wraps and unwraps again.
    Enable { name: VaultKey },
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum EncryptionVerb {
    /// Erases a tenant's data keys, and shows the receipt: what they encrypted is never read again, whoever has the key that wrapped them.
    Erase { tenant: TenantName },
}

impl VaultYaml {
    /// Err: what is wrong with it, as a sentence.
    pub fn times(&self) -> Result<KeyTimes, String> {
        let fresh = self.fresh.as_deref().map(duration).transpose()?;
        Ok(KeyTimes { fresh_s: fresh.map(whole_seconds).transpose()? })
    }
}

impl KeyTimes {
    /// As the stack is told.
    pub fn args(self) -> Vec<String> {
        self.fresh_s.into_iter().flat_map(|seconds| ["--key-fresh-s".to_string(), seconds.to_string()]).collect()
    }
}

impl VaultKey {
    /// The key that a file of tenants names by `{vault:NAME}`; nothing where what it names is no placeholder.
    pub fn of_placeholder(text: &str) -> Option<Result<VaultKey, String>> {
        let rest = text.trim().strip_prefix("{vault:")?;
        let name = rest.strip_suffix('}').ok_or_else(|| format!("'{text}' lacks its '}}'"));
        Some(name.and_then(str::parse))
    }
}

impl fmt::Display for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for VaultKey {
    type Err = String;

    /// As Azure Key Vault has it.
    fn from_str(name: &str) -> Result<VaultKey, String> {
        let fits = (1..=127).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
        match fits {
            true => Ok(VaultKey(name.to_string())),
            false => Err(format!("'{name}' is no name of a key: up to 127 letters, digits and hyphens")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_vault_is_named_by_its_placeholder() {
        let key = |text| VaultKey::of_placeholder(text);
        assert_eq!(key("{vault:gold-1}"), Some(Ok(VaultKey("gold-1".into()))));
        for other in ["node", "none", "https://v.vault.azure.net/keys/gold", "vault:gold"] {
            assert_eq!(key(other), None, "{other}");
        }
        for (bad, wanted) in [
            ("{vault:gold", "lacks its '}'"),
            ("{vault:}", "is no name of a key"),
            ("{vault:gold/1}", "'gold/1' is no name of a key"),
        ] {
            let said = key(bad).expect(bad).expect_err(bad);
            assert!(said.contains(wanted), "{said}");
        }
    }
}
