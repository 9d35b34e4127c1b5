//! What goes over the wire, in Azure's shapes: <https://learn.microsoft.com/rest/api/keyvault/keys/get-key/get-key>.

use super::cipher::Padding;
use super::record::{Change, RECOVERABLE_DAYS, Record, Use, Version};
use super::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub struct Create {
    pub kty: String,
    pub key_size: Option<u32>,
    key_ops: Option<Vec<Use>>,
    #[serde(default)]
    attributes: Given,
    tags: Option<BTreeMap<String, String>>,
    release_policy: Option<serde_json::Value>,
}

#[derive(Deserialize)]
pub struct Update {
    key_ops: Option<Vec<Use>>,
    #[serde(default)]
    attributes: Given,
    tags: Option<BTreeMap<String, String>>,
    release_policy: Option<serde_json::Value>,
}

#[derive(Default, Deserialize)]
struct Given {
    enabled: Option<bool>,
    nbf: Option<i64>,
    exp: Option<i64>,
    exportable: Option<bool>,
}

/// Borrowed from the request, which is wiped.
#[derive(Deserialize)]
pub struct Turn<'a> {
    pub alg: Padding,
    #[serde(borrow)]
    pub value: Cow<'a, str>,
}

#[derive(Serialize)]
pub struct Turned<'a> {
    pub kid: String,
    pub value: &'a str,
}

#[derive(Serialize)]
pub struct Bundle<'a> {
    key: JsonWebKey<'a>,
    #[serde(flatten)]
    about: About<'a>,
    #[serde(flatten)]
    deleted: Option<Deleted>,
}

#[derive(Serialize)]
pub struct Item<'a> {
    kid: String,
    #[serde(flatten)]
    about: About<'a>,
    #[serde(flatten)]
    deleted: Option<Deleted>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub value: Vec<T>,
    pub next_link: Option<String>,
}

#[derive(Serialize)]
struct JsonWebKey<'a> {
    kid: String,
    kty: &'static str,
    key_ops: &'a [Use],
    n: &'a str,
    e: &'a str,
}

#[derive(Serialize)]
struct About<'a> {
    attributes: Attributes,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    created: i64,
    updated: i64,
    recovery_level: &'static str,
    recoverable_days: i64,
    exportable: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    recovery_id: String,
    deleted_date: i64,
    scheduled_purge_date: i64,
}

impl Create {
    pub fn change(self) -> Result<Change, Refusal> {
        change(self.key_ops, self.attributes, self.tags, self.release_policy.is_some())
    }
}

impl Update {
    pub fn change(self) -> Result<Change, Refusal> {
        change(self.key_ops, self.attributes, self.tags, self.release_policy.is_some())
    }
}

fn change(
    uses: Option<Vec<Use>>,
    given: Given,
    tags: Option<BTreeMap<String, String>>,
    releases: bool,
) -> Result<Change, Refusal> {
    if releases || given.exportable == Some(true) {
        return Err(Refusal::Bad("No key leaves this vault: it makes none that can be exported.".to_owned()));
    }
    Ok(Change { enabled: given.enabled, not_before_s: given.nbf, expires_s: given.exp, uses, tags })
}

impl<'a> Bundle<'a> {
    /// `base` is where the vault is for whoever asks, as `https://localhost:8443`.
    pub fn new(base: &str, record: &'a Record, version: &'a Version) -> Bundle<'a> {
        let kid = format!("{base}/keys/{}/{}", record.name, version.version);
        let key = JsonWebKey { kid, kty: "RSA", key_ops: &version.uses, n: &version.pair.n, e: &version.pair.e };
        Bundle { key, about: About::new(version), deleted: Deleted::new(base, record) }
    }
}

impl<'a> Item<'a> {
    pub fn of_version(base: &str, record: &Record, version: &'a Version) -> Item<'a> {
        let kid = format!("{base}/keys/{}/{}", record.name, version.version);
        Item { kid, about: About::new(version), deleted: None }
    }

    /// As its current version is.
    pub fn of_key(base: &str, record: &'a Record) -> Result<Item<'a>, Refusal> {
        let kid = format!("{base}/keys/{}", record.name);
        Ok(Item { kid, about: About::new(record.current()?), deleted: Deleted::new(base, record) })
    }
}

impl<'a> About<'a> {
    fn new(version: &'a Version) -> About<'a> {
        let attributes = Attributes {
            enabled: version.enabled,
            nbf: version.not_before_s,
            exp: version.expires_s,
            created: version.created_s,
            updated: version.updated_s,
            recovery_level: "Recoverable+Purgeable",
            recoverable_days: RECOVERABLE_DAYS,
            exportable: false,
        };
        About { attributes, tags: &version.tags }
    }
}

impl Deleted {
    fn new(base: &str, record: &Record) -> Option<Deleted> {
        let (deleted_date, scheduled_purge_date) = (record.deleted_s?, record.purged_s()?);
        let recovery_id = format!("{base}/deletedkeys/{}", record.name);
        Some(Deleted { recovery_id, deleted_date, scheduled_purge_date })
    }
}
