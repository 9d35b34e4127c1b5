//! `tenants.yaml`: every tenant with what it owns, may store, gets of the machine, and whom to call.
//!
//! ```yaml
//! version: 1
//! tenants:
//!   - name: gold
//!     contacts: [{ name: Ada, email: ada@example.com }]
//!     quota: { bytes: 20 GiB, blobs: 100000 }
//!     share: { weight: 400, reserve: { ops_per_s: 200, bytes_per_s: 50 MiB }, ceiling: { bytes_per_s: 1 GiB }, burst_s: 2 }
//!     projects:
//!       - name: training
//!         quota: { bytes: 10 GiB }
//!         accounts:
//!           - name: goldtraining
//!             change_feed: { segment_seconds: 60, retention_days: 7 }
//!             encryption_scopes: { finance: { key: node }, law: { enabled: false } }
//!             mirrors: [{ name: lake, origin: "https://lake.blob.core.windows.net/raw", container: raw, cache: 10 GiB }]
//!             containers:
//!               - name: datasets
//!                 quota: { bytes: 5 GiB }
//!                 policies: [{ id: readers, permissions: rl }]
//! ```
//!
//! A mirror's credential is not in the file: `greenroom-stack mirror attach` or `PUT …/mirrors/NAME` gives it, and applying the file keeps it.

use super::amount::ByteCount;
use super::mirrors::MirrorSpec;
use crate::control::PublicContainersRule;
use crate::feed::{ChangeFeed, FEED_CONTAINER};
use crate::keys::{Encryption, EncryptionScope, SCOPES_MAX};
use crate::mirror::MIRRORS_MAX;
use crate::offload::Treatment;
use crate::{AccountName, ContainerName, TenantName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// The only version of the file's shape.
pub const TENANTS_FILE_VERSION: u32 = 1;
pub const WEIGHT_DEFAULT: u32 = 100;
/// Wider apart, the lightest tenant would wait for seconds.
pub const WEIGHT_MAX: u32 = 10_000;
/// Longer bursts are no limit any more.
const BURST_S_MAX: f64 = 60.0;
/// Azure's: "Define a stored access policy".
const POLICIES_MAX: usize = 5;
const POLICY_ID_CHARS_MAX: usize = 64;
const POLICY_LETTERS: &str = "racwdxyltmeopi";

/// The file as a whole. What it does not name is left as it is; nothing is ever deleted by leaving it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantsFile {
    pub version: u32,
    pub tenants: Vec<TenantSpec>,
}

impl Default for TenantsFile {
    fn default() -> Self {
        Self { version: TENANTS_FILE_VERSION, tenants: Vec::new() }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantSpec {
    pub name: TenantName,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<Contact>,
    #[serde(default, skip_serializing_if = "Quota::is_unbounded")]
    pub quota: Quota,
    #[serde(default)]
    pub share: Share,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiering: Option<Tiering>,
    /// What wraps the keys that the tenant's content is encrypted by. Absent: as it is.
    #[serde(default, alias = "customer_key", skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<ProjectSpec>,
}

impl TenantSpec {
    /// A tenant of which nothing but the name is said.
    pub fn new(name: TenantName) -> Self {
        Self {
            name,
            description: String::new(),
            contacts: Vec::new(),
            quota: Quota::default(),
            share: Share::default(),
            tiering: None,
            encryption: None,
            projects: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Such as `owner`, `billing`, `on call`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// What may be stored; what is absent is unbounded. Uncommitted blocks count as bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<ByteCount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blobs: Option<u64>,
}

impl Quota {
    pub fn is_unbounded(&self) -> bool {
        *self == Self::default()
    }
}

/// What a tenant gets of the machine when others want it too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Share {
    /// Of what is left after reservations, in proportion to the weights of those who want some.
    pub weight: u32,
    /// Served first, whoever else waits. All reservations together may not be more than the machine can do.
    pub reserve: Rate,
    /// Never more than this, even on an idle machine.
    pub ceiling: Rate,
    /// How many seconds' worth of its ceiling may come at once.
    pub burst_s: f64,
    /// Requests at work at once; absent: as many as there are places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u32>,
}

impl Default for Share {
    fn default() -> Self {
        let (reserve, ceiling) = (Rate::default(), Rate::default());
        Self { weight: WEIGHT_DEFAULT, reserve, ceiling, burst_s: 1.0, in_flight: None }
    }
}

/// What is absent is nothing for a reservation, and no bound for a ceiling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ops_per_s: Option<u64>,
    /// Bodies in and out together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_s: Option<ByteCount>,
}

/// What becomes of a tenant's blobs as they grow cold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tiering {
    pub treat: Treatment,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectSpec {
    /// As a tenant's name: unique within its tenant.
    pub name: TenantName,
    #[serde(default, skip_serializing_if = "Quota::is_unbounded")]
    pub quota: Quota,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountSpec>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountSpec {
    pub name: AccountName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_containers: Option<PublicContainersRule>,
    /// What changes in the account is told in `$blobchangefeed`. Absent: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_feed: Option<ChangeFeed>,
    /// Encryption scopes, by their names. One that is left out is kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub encryption_scopes: BTreeMap<String, EncryptionScope>,
    /// What lies elsewhere and is shown here. One that is left out is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<MirrorSpec>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ContainerSpec>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerSpec {
    pub name: ContainerName,
    #[serde(default, skip_serializing_if = "PublicLevel::is_none")]
    pub public: PublicLevel,
    #[serde(default, skip_serializing_if = "Quota::is_unbounded")]
    pub quota: Quota,
    /// Stored access policies: a SAS that names one ends with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicySpec>,
}

/// What anybody may read without a credential.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PublicLevel {
    #[default]
    None,
    Blob,
    Container,
}

impl PublicLevel {
    pub fn is_none(&self) -> bool {
        *self == PublicLevel::None
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    pub id: String,
    /// Azure's letters, such as `rl`.
    pub permissions: String,
    /// UTC, such as `2026-11-23T08:00:00Z`; a SAS says when itself where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<String>,
}

/// One thing that is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldFault {
    /// Such as `tenants[2].quota.bytes`.
    pub path: String,
    pub message: String,
}

impl TenantsFile {
    /// All that is wrong with the file by itself.
    pub fn faults(&self) -> Vec<FieldFault> {
        let mut faults = Faults::default();
        if self.version != TENANTS_FILE_VERSION {
            faults.add("version", format!("must be {TENANTS_FILE_VERSION}"));
        }
        let (mut tenants, mut accounts) = (BTreeSet::new(), BTreeSet::new());
        for (number, tenant) in self.tenants.iter().enumerate() {
            let at = format!("tenants[{number}]");
            if !tenants.insert(&tenant.name) {
                faults.add(&format!("{at}.name"), format!("{} is there twice", tenant.name));
            }
            share(&tenant.share, &format!("{at}.share"), &mut faults);
            if let Some(Err(why)) = tenant.encryption.as_ref().map(Encryption::wrapping) {
                faults.add(&format!("{at}.encryption.key"), why);
            }
            let mut projects = BTreeSet::new();
            for (number, project) in tenant.projects.iter().enumerate() {
                let at = format!("{at}.projects[{number}]");
                if !projects.insert(&project.name) {
                    faults.add(&format!("{at}.name"), format!("{} is there twice", project.name));
                }
                for (number, account) in project.accounts.iter().enumerate() {
                    let at = format!("{at}.accounts[{number}]");
                    if !accounts.insert(&account.name) {
                        let twice = format!("{} is there twice: an account has one owner", account.name);
                        faults.add(&format!("{at}.name"), twice);
                    }
                    scopes(account, &at, &mut faults);
                    mirrors(account, &at, &mut faults);
                    containers(account, &at, &mut faults);
                }
            }
        }
        faults.0
    }

    /// Every account with its tenant and project.
    pub fn accounts(&self) -> impl Iterator<Item = (&TenantSpec, &ProjectSpec, &AccountSpec)> {
        self.tenants.iter().flat_map(|tenant| {
            let projects = tenant.projects.iter();
            projects.flat_map(move |project| project.accounts.iter().map(move |account| (tenant, project, account)))
        })
    }

    pub fn tenant(&self, name: &TenantName) -> Option<&TenantSpec> {
        self.tenants.iter().find(|tenant| tenant.name == *name)
    }
}

#[derive(Default)]
struct Faults(Vec<FieldFault>);

impl Faults {
    fn add(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(FieldFault { path: path.to_owned(), message: message.into() });
    }
}

fn share(share: &Share, at: &str, faults: &mut Faults) {
    if !(1..=WEIGHT_MAX).contains(&share.weight) {
        faults.add(&format!("{at}.weight"), format!("must be 1 to {WEIGHT_MAX}"));
    }
    if !(share.burst_s > 0.0 && share.burst_s <= BURST_S_MAX) {
        faults.add(&format!("{at}.burst_s"), format!("must be more than 0 and at most {BURST_S_MAX}"));
    }
    if share.in_flight == Some(0) {
        faults.add(&format!("{at}.in_flight"), "must be 1 or more");
    }
    let Share { reserve, ceiling, .. } = share;
    let pairs = [
        ("ops_per_s", reserve.ops_per_s, ceiling.ops_per_s),
        ("bytes_per_s", reserve.bytes_per_s.map(|rate| rate.0), ceiling.bytes_per_s.map(|rate| rate.0)),
    ];
    for (name, reserve, ceiling) in pairs {
        if ceiling == Some(0) {
            faults.add(&format!("{at}.ceiling.{name}"), "must be more than 0; suspend a tenant that is to do nothing");
        }
        if let (Some(reserve), Some(ceiling)) = (reserve, ceiling)
            && reserve > ceiling
        {
            faults.add(&format!("{at}.reserve.{name}"), format!("is more than the ceiling of {ceiling}"));
        }
    }
}

fn scopes(account: &AccountSpec, at: &str, faults: &mut Faults) {
    if account.encryption_scopes.len() > SCOPES_MAX {
        faults.add(&format!("{at}.encryption_scopes"), format!("may be {SCOPES_MAX} at most"));
    }
    for (name, scope) in &account.encryption_scopes {
        let at = format!("{at}.encryption_scopes.{name}");
        if let Err(why) = EncryptionScope::check_name(name) {
            faults.add(&at, why);
        }
        if let Err(why) = scope.wrapping() {
            faults.add(&format!("{at}.key"), why);
        }
    }
}

fn mirrors(account: &AccountSpec, at: &str, faults: &mut Faults) {
    if account.mirrors.len() > MIRRORS_MAX {
        faults.add(&format!("{at}.mirrors"), format!("may be {MIRRORS_MAX} at most"));
    }
    let mut names = BTreeSet::new();
    for (number, mirror) in account.mirrors.iter().enumerate() {
        let at = format!("{at}.mirrors[{number}]");
        if !names.insert(&mirror.name) {
            faults.add(&format!("{at}.name"), format!("{} is there twice", mirror.name));
        }
        if let Err(wrong) = mirror.mirror(None).check() {
            faults.add(&at, wrong);
        }
        let shown = mirror.container.as_ref();
        if shown.is_some_and(|shown| account.containers.iter().any(|container| container.name == *shown)) {
            faults.add(&format!("{at}.container"), "is one of the account's containers: a mirror makes its own");
        }
    }
}

fn containers(account: &AccountSpec, at: &str, faults: &mut Faults) {
    if let Some(Err(wrong)) = account.change_feed.map(|feed| feed.check()) {
        faults.add(&format!("{at}.change_feed"), wrong);
    }
    let mut names = BTreeSet::new();
    for (number, container) in account.containers.iter().enumerate() {
        let at = format!("{at}.containers[{number}]");
        if !names.insert(&container.name) {
            faults.add(&format!("{at}.name"), format!("{} is there twice", container.name));
        }
        if container.name.as_str() == FEED_CONTAINER {
            faults.add(&format!("{at}.name"), "is the feed's own: say 'change_feed: {}' of the account");
        }
        if !container.public.is_none() && account.public_containers != Some(PublicContainersRule::Allowed) {
            faults.add(&format!("{at}.public"), "the account does not allow it: public_containers: allowed");
        }
        if container.policies.len() > POLICIES_MAX {
            faults.add(&format!("{at}.policies"), format!("may be {POLICIES_MAX} at most"));
        }
        let mut ids = BTreeSet::new();
        for (number, policy) in container.policies.iter().enumerate() {
            let at = format!("{at}.policies[{number}]");
            if policy.id.is_empty() || policy.id.chars().count() > POLICY_ID_CHARS_MAX {
                faults.add(&format!("{at}.id"), format!("must have 1 to {POLICY_ID_CHARS_MAX} characters"));
            }
            if !ids.insert(&policy.id) {
                faults.add(&format!("{at}.id"), format!("{} is there twice", policy.id));
            }
            if policy.permissions.is_empty() || policy.permissions.contains(|letter| !POLICY_LETTERS.contains(letter)) {
                faults.add(&format!("{at}.permissions"), format!("must be some of {POLICY_LETTERS}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tenants: &str) -> TenantsFile {
        serde_json::from_str(&format!("{{\"version\": 1, \"tenants\": {tenants}}}")).expect("a good shape")
    }

    fn paths(tenants: &str) -> Vec<String> {
        file(tenants).faults().into_iter().map(|fault| fault.path).collect()
    }

    #[test]
    fn a_name_is_enough() {
        let file = file(r#"[{"name": "gold"}]"#);
        assert_eq!(file.tenants[0], TenantSpec::new("gold".parse().expect("a good name")));
        assert!(file.faults().is_empty());
    }

    #[test]
    fn faults_name_their_field() {
        let twice = r#"[{"name": "gold"}, {"name": "gold"}]"#;
        assert_eq!(paths(twice), ["tenants[1].name"]);
        let share = r#"[{"name": "a", "share": {"weight": 0, "burst_s": 0, "in_flight": 0,
            "reserve": {"ops_per_s": 5}, "ceiling": {"ops_per_s": 4, "bytes_per_s": 0}}}]"#;
        let at = |name: &str| format!("tenants[0].share.{name}");
        assert_eq!(
            paths(share),
            [at("weight"), at("burst_s"), at("in_flight"), at("reserve.ops_per_s"), at("ceiling.bytes_per_s")]
        );
        let inner = r#"[{"name": "a", "projects": [
            {"name": "p", "accounts": [{"name": "acct", "containers": [
                {"name": "photos", "public": "blob", "policies": [{"id": "x", "permissions": "q"}]}]}]},
            {"name": "p", "accounts": [{"name": "acct", "change_feed": {"segment_seconds": 7},
                "containers": [{"name": "$blobchangefeed"}]}]}]}]"#;
        assert_eq!(
            paths(inner),
            [
                "tenants[0].projects[0].accounts[0].containers[0].public",
                "tenants[0].projects[0].accounts[0].containers[0].policies[0].permissions",
                "tenants[0].projects[1].name",
                "tenants[0].projects[1].accounts[0].name",
                "tenants[0].projects[1].accounts[0].change_feed",
                "tenants[0].projects[1].accounts[0].containers[0].name",
            ]
        );
    }

    #[test]
    fn a_mirrors_faults_name_their_field() {
        let mirrors = |list: &str| {
            let account = format!(r#"{{"name": "acct", "containers": [{{"name": "raw"}}], "mirrors": {list}}}"#);
            let all = format!(r#"[{{"name": "a", "projects": [{{"name": "p", "accounts": [{account}]}}]}}]"#);
            paths(&all).into_iter().map(|path| path.replace("tenants[0].projects[0].accounts[0].", ""))
        };
        let lake = r#"{"name": "lake", "origin": "https://lake.blob.core.windows.net"}"#;
        assert_eq!(mirrors(&format!("[{lake}]")).count(), 0);
        assert_eq!(mirrors(&format!("[{lake}, {lake}]")).collect::<Vec<_>>(), ["mirrors[1].name"]);
        let wrong = r#"{"name": "a", "origin": "s3://raw", "poll_ms": 1}, {"name": "b", "origin": "s3://b", "container": "raw"},
            {"name": "c", "origin": "https://c.example/c?sig=x"}"#;
        assert_eq!(
            mirrors(&format!("[{wrong}]")).collect::<Vec<_>>(),
            ["mirrors[0]", "mirrors[1].container", "mirrors[2]"]
        );
        let many: Vec<String> = (0..9).map(|at| lake.replace("\"lake\"", &format!("\"m{at}\""))).collect();
        assert_eq!(mirrors(&format!("[{}]", many.join(","))).collect::<Vec<_>>(), ["mirrors"]);
        let secret = r#"{"name": "lake", "origin": "s3://raw", "secret": "abc"}"#;
        assert!(serde_json::from_str::<MirrorSpec>(secret).is_err(), "a file holds no credential");
    }

    /// Whatever may be set over the control API may be declared, with the same default.
    #[test]
    fn what_is_declared_of_a_mirror_is_what_it_is_attached_by() {
        let spec: MirrorSpec = serde_json::from_str(r#"{"name": "lake", "origin": "s3://raw"}"#).expect("a good shape");
        let unsaid = crate::mirror::Mirror::of("s3://raw");
        assert_eq!(spec.mirror(None), unsaid);
        let paused = crate::mirror::Mirror { paused: true, ..unsaid.clone() };
        assert_eq!(spec.mirror(Some(&paused)), paused, "a file that says nothing of it resumes nothing");
        assert_eq!(MirrorSpec { paused: Some(false), ..spec }.mirror(Some(&paused)), unsaid);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let original = file(
            r#"[{"name": "a", "quota": {"bytes": "1 GiB"}, "customer_key": {"key_uri": "https://v/keys/k"},
                "projects": [{"name": "p", "quota": {"blobs": 3}, "accounts": [{"name": "acct",
                    "mirrors": [{"name": "lake", "origin": "s3://raw", "cache": "10 GiB", "paused": true}]}]}]}]"#,
        );
        let json = serde_json::to_string(&original).expect("plain data");
        assert_eq!(serde_json::from_str::<TenantsFile>(&json).expect("its own words"), original);
    }
}
