//! A key with all its versions, as it lies on disk, and what may be done with each when.

use super::cipher::Pair;
use super::refusal::Refusal;
use greenroom_vault::{KeyName, KeyVersion};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// As long as Azure keeps them at most.
pub const RECOVERABLE_DAYS: i64 = 90;
pub const VERSIONS_MAX: usize = 100;
const TAGS_MAX: usize = 15;
const TAG_CHARS_MAX: usize = 256;

/// The last version is the current one; there is always one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    pub name: KeyName,
    pub versions: Vec<Version>,
    /// When it was deleted, where it was.
    pub deleted_s: Option<i64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Version {
    pub version: KeyVersion,
    pub created_s: i64,
    pub updated_s: i64,
    pub enabled: bool,
    pub not_before_s: Option<i64>,
    pub expires_s: Option<i64>,
    pub uses: Vec<Use>,
    pub tags: BTreeMap<String, String>,
    pub pair: Pair,
}

/// What a key may be good for, in Azure's words. This vault does the first four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Use {
    Encrypt,
    Decrypt,
    WrapKey,
    UnwrapKey,
    Sign,
    Verify,
    Import,
    Export,
}

/// What is to be different; what is not said stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub enabled: Option<bool>,
    pub not_before_s: Option<i64>,
    pub expires_s: Option<i64>,
    pub uses: Option<Vec<Use>>,
    pub tags: Option<BTreeMap<String, String>>,
}

impl Record {
    pub fn current(&self) -> Result<&Version, Refusal> {
        self.versions.last().ok_or_else(|| Refusal::Broken(format!("key {} has no version", self.name)))
    }

    /// That version, or else the current one.
    pub fn at(&self, version: Option<&KeyVersion>) -> Result<&Version, Refusal> {
        let Some(version) = version else { return self.current() };
        let found = self.versions.iter().find(|one| one.version == *version);
        found.ok_or_else(|| Refusal::NoVersion(format!("{}/{version}", self.name)))
    }

    pub fn at_mut(&mut self, version: Option<&KeyVersion>) -> Result<&mut Version, Refusal> {
        let place = self.at(version)?.version.clone();
        let found = self.versions.iter_mut().find(|one| one.version == place);
        found.ok_or_else(|| Refusal::NoVersion(format!("{}/{place}", self.name)))
    }

    pub fn purged_s(&self) -> Option<i64> {
        self.deleted_s.map(|at| at.saturating_add(RECOVERABLE_DAYS * 24 * 60 * 60))
    }

    pub fn push(&mut self, version: Version) -> Result<(), Refusal> {
        if self.versions.len() >= VERSIONS_MAX {
            return Err(Refusal::Bad(format!("A key has {VERSIONS_MAX} versions at most.")));
        }
        self.versions.push(version);
        Ok(())
    }
}

impl Version {
    pub fn new(version: KeyVersion, pair: Pair, now_s: i64) -> Version {
        Version {
            version,
            created_s: now_s,
            updated_s: now_s,
            enabled: true,
            not_before_s: None,
            expires_s: None,
            uses: vec![Use::Encrypt, Use::Decrypt, Use::WrapKey, Use::UnwrapKey],
            tags: BTreeMap::new(),
            pair,
        }
    }

    /// Outside its dates a key still undoes what it did, as Azure's keys do: what is asked for is new work only.
    pub fn allows(&self, what: Use, now_s: i64) -> Result<(), Refusal> {
        if !self.enabled {
            return Err(Refusal::Disabled(what));
        }
        if !self.uses.contains(&what) {
            return Err(Refusal::NotItsUse(what));
        }
        let new_work = matches!(what, Use::Encrypt | Use::WrapKey);
        if new_work && self.not_before_s.is_some_and(|from| now_s < from) {
            return Err(Refusal::NotYet(what));
        }
        if new_work && self.expires_s.is_some_and(|until| now_s >= until) {
            return Err(Refusal::Expired(what));
        }
        Ok(())
    }

    pub fn apply(&mut self, change: Change, now_s: i64) -> Result<(), Refusal> {
        let Change { enabled, not_before_s, expires_s, uses, tags } = change;
        self.enabled = enabled.unwrap_or(self.enabled);
        self.not_before_s = not_before_s.or(self.not_before_s);
        self.expires_s = expires_s.or(self.expires_s);
        if let (Some(from), Some(until)) = (self.not_before_s, self.expires_s)
            && until <= from
        {
            return Err(Refusal::Bad("A key expires after it becomes valid.".to_owned()));
        }
        if let Some(mut uses) = uses {
            let mut seen = Vec::new();
            uses.retain(|one| {
                !seen.contains(one) && {
                    seen.push(*one);
                    true
                }
            });
            self.uses = uses;
        }
        if let Some(tags) = tags {
            let long = |text: &String| text.chars().count() > TAG_CHARS_MAX;
            if tags.len() > TAGS_MAX || tags.iter().any(|(name, value)| long(name) || long(value)) {
                return Err(Refusal::Bad(format!("A key has {TAGS_MAX} tags of {TAG_CHARS_MAX} characters at most.")));
            }
            self.tags = tags;
        }
        self.updated_s = now_s;
        Ok(())
    }
}

impl Use {
    pub fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::WrapKey => "wrapKey",
            Self::UnwrapKey => "unwrapKey",
            Self::Sign => "sign",
            Self::Verify => "verify",
            Self::Import => "import",
            Self::Export => "export",
        }
    }
}
