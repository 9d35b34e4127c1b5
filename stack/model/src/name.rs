//! Names, checked once where they enter. The rules are Azure's: "Naming and referencing containers, blobs, and metadata".

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Longest blob name, in characters.
pub const BLOB_NAME_CHARS_MAX: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} name '{name}' {rule}")]
pub struct NameError {
    pub kind: &'static str,
    pub name: String,
    pub rule: &'static str,
}

/// A checked name of one kind: it parses, prints and serialises as its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "")]
pub struct Name<R: Rule> {
    text: String,
    rule: PhantomData<R>,
}

/// What tells one kind of name from another.
pub trait Rule: Clone {
    /// What an API description calls such a name.
    const SCHEMA: &'static str;
    fn check(name: &str) -> Result<(), NameError>;
}

/// A storage account: 3 to 24 lower-case letters and digits.
pub type AccountName = Name<AccountRule>;
/// A tenant: 1 to 40 lower-case letters, digits and single hyphens.
pub type TenantName = Name<TenantRule>;
/// A container: 3 to 63 lower-case letters, digits and single hyphens, or Azure's `$root`, `$web`, `$logs`, `$blobchangefeed`.
pub type ContainerName = Name<ContainerRule>;
/// A blob: 1 to 1,024 characters of anything; a slash has no meaning to the store.
pub type BlobName = Name<BlobRule>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountRule;
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantRule;
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerRule;
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobRule;

impl<R: Rule> Name<R> {
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let text = name.into();
        R::check(&text)?;
        Ok(Self { text, rule: PhantomData })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<R: Rule> TryFrom<String> for Name<R> {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl<R: Rule> std::str::FromStr for Name<R> {
    type Err = NameError;
    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl<R: Rule> From<Name<R>> for String {
    fn from(name: Name<R>) -> String {
        name.text
    }
}

impl<R: Rule> PartialSchema for Name<R> {
    fn schema() -> RefOr<Schema> {
        String::schema()
    }
}

impl<R: Rule> ToSchema for Name<R> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed(R::SCHEMA)
    }
}

impl<R: Rule> fmt::Display for Name<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn refuse(kind: &'static str, name: &str, rule: &'static str) -> Result<(), NameError> {
    Err(NameError { kind, name: name.chars().take(80).collect(), rule })
}

impl Rule for AccountRule {
    const SCHEMA: &'static str = "AccountName";

    fn check(name: &str) -> Result<(), NameError> {
        if !(3..=24).contains(&name.len()) {
            return refuse("account", name, "must have 3 to 24 characters");
        }
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            return refuse("account", name, "may hold only lower-case letters and digits");
        }
        Ok(())
    }
}

impl Rule for TenantRule {
    const SCHEMA: &'static str = "TenantName";

    fn check(name: &str) -> Result<(), NameError> {
        if !(1..=40).contains(&name.len()) {
            return refuse("tenant", name, "must have 1 to 40 characters");
        }
        check_hyphenated("tenant", name)
    }
}

impl Rule for ContainerRule {
    const SCHEMA: &'static str = "ContainerName";

    fn check(name: &str) -> Result<(), NameError> {
        if matches!(name, "$root" | "$web" | "$logs" | "$blobchangefeed") {
            return Ok(());
        }
        if !(3..=63).contains(&name.len()) {
            return refuse("container", name, "must have 3 to 63 characters");
        }
        check_hyphenated("container", name)
    }
}

fn check_hyphenated(kind: &'static str, name: &str) -> Result<(), NameError> {
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return refuse(kind, name, "may hold only lower-case letters, digits and hyphens");
    }
    if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        return refuse(kind, name, "needs a letter or digit on both sides of each hyphen");
    }
    Ok(())
}

impl Rule for BlobRule {
    const SCHEMA: &'static str = "BlobName";

    fn check(name: &str) -> Result<(), NameError> {
        if name.is_empty() {
            return refuse("blob", name, "is empty");
        }
        if name.chars().count() > BLOB_NAME_CHARS_MAX {
            return refuse("blob", name, "has more than 1,024 characters");
        }
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerPath {
    pub account: AccountName,
    pub container: ContainerName,
}

impl ContainerPath {
    pub fn blob(&self, name: BlobName) -> BlobPath {
        BlobPath { container: self.clone(), name }
    }
}

impl fmt::Display for ContainerPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.container)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobPath {
    pub container: ContainerPath,
    pub name: BlobName,
}

impl fmt::Display for BlobPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.container, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_follow_azures_rules() {
        for good in ["abc", "a-b", "0-1-2", "$root", "$web", &"x".repeat(63)] {
            assert!(ContainerName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "-abc", "abc-", "a--b", "Abc", "a_b", "a.b", "$other", "a/b", &"x".repeat(64)] {
            assert!(ContainerName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn accounts_follow_azures_rules() {
        for good in ["abc", "devstoreaccount1", "000"] {
            assert!(AccountName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "has-hyphen", "Upper", &"x".repeat(25)] {
            assert!(AccountName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn blob_names_count_characters_and_not_bytes() {
        assert!(BlobName::new("é".repeat(1024)).is_ok());
        assert!(BlobName::new("e".repeat(1025)).is_err());
        assert!(BlobName::new("").is_err());
        assert!(BlobName::new("../%2e+# .").is_ok());
    }

    #[test]
    fn a_bad_name_is_refused_when_read_from_json() {
        assert!(serde_json::from_str::<ContainerName>("\"A\"").is_err());
        let read: ContainerName = serde_json::from_str("\"photos\"").expect("a good name");
        assert_eq!(serde_json::to_string(&read).expect("plain string"), "\"photos\"");
    }
}
