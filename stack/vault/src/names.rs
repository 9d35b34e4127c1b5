//! What keys are called: by name and version within a vault, and by a URL of it all. What was parsed can stand in a path.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use url::Url;

const NAME_BYTES_MAX: usize = 127;
const VERSION_BYTES: usize = 32;
/// A host's name has 253 at most.
const KID_BYTES_MAX: usize = 512;

/// Why something is no name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a key's name.
    #[error("a key's name has 1 to {max} letters, digits and hyphens", max = NAME_BYTES_MAX)]
    Name,
    /// Not a version's.
    #[error("a key's version has {long} hexadecimal digits", long = VERSION_BYTES)]
    Version,
    /// Not a key's URL.
    #[error("a key is named as https://VAULT/keys/NAME or https://VAULT/keys/NAME/VERSION")]
    Kid,
}

/// A key's name, as it was first written; vaults take no notice of case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyName(String);

/// One of a key's versions: 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyVersion(String);

/// A key's identifier, `https://VAULT/keys/NAME/VERSION`; without a version it means the current one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kid {
    vault: Url,
    name: KeyName,
    version: Option<KeyVersion>,
}

impl KeyName {
    /// The name as it was first written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl KeyVersion {
    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Kid {
    /// The key of that name in the vault at `vault`, of which scheme, host and port count.
    pub fn new(vault: &Url, name: KeyName, version: Option<KeyVersion>) -> Result<Kid, NameError> {
        let mut kid = format!("{}/keys/{name}", vault.origin().ascii_serialization());
        if let Some(version) = version {
            kid = format!("{kid}/{version}");
        }
        kid.parse()
    }

    /// Where the vault is; its path is `/`.
    pub fn vault(&self) -> &Url {
        &self.vault
    }

    /// What the key is called.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Which of its versions is meant; none is the current one.
    pub fn version(&self) -> Option<&KeyVersion> {
        self.version.as_ref()
    }

    /// Whether both are the same key, of whichever version.
    pub fn same_key(&self, other: &Kid) -> bool {
        self.vault == other.vault && self.name == other.name
    }
}

impl FromStr for KeyName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !plain {
            return Err(NameError::Name);
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for KeyVersion {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() != VERSION_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NameError::Version);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl FromStr for Kid {
    type Err = NameError;

    /// Of the text as it stands: a URL's parser would take `..` and backslashes for something else first.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/[]".contains(&byte);
        let rest = text.strip_prefix("https://").filter(|rest| rest.len() <= KID_BYTES_MAX && rest.bytes().all(plain));
        let mut parts = rest.ok_or(NameError::Kid)?.split('/');
        let (host, keys, name) = (parts.next(), parts.next(), parts.next());
        let (Some(host), Some("keys"), Some(name)) = (host, keys, name) else { return Err(NameError::Kid) };
        let version = parts.next().filter(|version| !version.is_empty());
        if host.is_empty() || parts.next().is_some() {
            return Err(NameError::Kid);
        }
        let vault = Url::parse(&format!("https://{host}/")).map_err(|_| NameError::Kid)?;
        Ok(Self { vault, name: name.parse()?, version: version.map(str::parse).transpose()? })
    }
}

impl PartialEq for KeyName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for KeyName {}

impl Hash for KeyName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}keys/{}", self.vault, self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "/{version}"))
    }
}

impl TryFrom<String> for KeyName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl TryFrom<String> for KeyVersion {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl TryFrom<String> for Kid {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<KeyName> for String {
    fn from(name: KeyName) -> String {
        name.0
    }
}

impl From<KeyVersion> for String {
    fn from(version: KeyVersion) -> String {
        version.0
    }
}

impl From<Kid> for String {
    fn from(kid: Kid) -> String {
        kid.to_string()
    }
}
