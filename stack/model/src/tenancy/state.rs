//! What the control API answers about tenants, and the small documents that it takes.

use super::file::{FieldFault, Quota, Rate, Share, TenantSpec};
use crate::{AccountName, ContainerName, TenantName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a problem document says besides `Problem`, where it is fields that are wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    pub title: String,
    pub status: u16,
    pub detail: String,
    #[serde(default)]
    pub errors: Vec<FieldFault>,
}

/// What applying a file would do, or has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantsPlan {
    /// Of the file that holds now: what `If-Match` is compared with. Of the new one, once it is applied.
    pub etag: String,
    pub changes: Vec<Change>,
}

/// One difference between what is declared and what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    pub action: ChangeAction,
    /// Such as `gold`, `gold/training`, `gold/training/goldtraining/datasets`.
    pub subject: String,
    /// Such as `quota.bytes`; empty where it is about the whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeAction {
    Create,
    Update,
    /// No longer named by the file: it stays, with its data, and is bounded by nothing but what holds it. Off-boarding removes a tenant.
    Keep,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TenantState {
    #[default]
    Active,
    /// Every request is refused; nothing is lost.
    Suspended,
    /// Its data is removed. Its name stays, with its ledger.
    OffBoarded,
}

/// What is stored now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stored {
    /// What a quota counts: content that is committed, uncommitted blocks, and what is kept besides.
    pub bytes: u64,
    pub blobs: u64,
    /// Of `bytes`.
    pub uncommitted_bytes: u64,
    /// Of `bytes`: names, metadata, tags and block lists, after Azure's billing size.
    #[serde(default)]
    pub record_bytes: u64,
}

/// How a tenant is served now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Served {
    /// Requests at work, and such as wait for admission.
    pub in_flight: u64,
    pub queued: u64,
    /// Of the last second's bytes and operations, as a part of everybody's: 0 to 1.
    pub share: f64,
    /// What 99 of 100 requests of the last second waited for admission at most.
    pub queue_ms: f64,
    /// Latency of all requests over the last second; 0 where nothing was answered.
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Refused by `503 ServerBusy` since the server started.
    pub throttled: u64,
}

/// A tenant in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantStatus {
    pub name: TenantName,
    pub state: TenantState,
    pub accounts: Vec<AccountName>,
    pub stored: Stored,
    pub quota: Quota,
    pub share: Share,
    pub served: Served,
    pub projects: Vec<ProjectStatus>,
    /// As declared; absent where no file names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<TenantSpec>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProjectStatus {
    pub name: TenantName,
    pub stored: Stored,
    pub quota: Quota,
    pub containers: Vec<ContainerStatus>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContainerStatus {
    pub account: AccountName,
    pub name: ContainerName,
    pub stored: Stored,
    pub quota: Quota,
}

/// Raises or lowers a quota at once. Lowered below what is stored, it only refuses more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaChange {
    pub quota: Quota,
    /// The tenant's own, where neither is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<TenantName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerPlace>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerPlace {
    pub account: AccountName,
    pub container: ContainerName,
}

/// What was removed, for whoever must prove it. It is complete once `gone_at` is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    pub tenant: TenantName,
    /// UTC.
    pub at: String,
    pub accounts: Vec<AccountName>,
    pub containers: u64,
    pub blobs: u64,
    pub bytes: u64,
    pub uncommitted_bytes: u64,
    /// Of `bytes`, what the cloud holds as well, or alone. It is not gone yet: nothing leads to it any more, and it goes once the volume is
    /// collected, which takes a day at the least.
    #[serde(default)]
    pub bytes_left_in_cloud: u64,
    /// Objects of the volume in which there may be names or content of it, other tenants' among them. Absent until they were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments_left_in_cloud: Option<u64>,
    pub keys_revoked: u64,
    /// What its content was encrypted by: wherever copies of it lie, nobody reads them again.
    #[serde(default)]
    pub data_keys_erased: u64,
    /// The audit log's entry that says the same.
    pub audit_seq: u64,
    pub audit_hash: String,
    /// UTC: when nothing of it was left, in the cloud either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<String>,
    /// The audit log's entry that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_audit_seq: Option<u64>,
}

/// What a new user is to get: where both are absent, the first container that is declared, or else that there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOverRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerName>,
    /// Seconds from now until the signature is good no more; an hour where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u64>,
}

/// A line for a user's terminal, which holds a short-lived signature; whoever has it may write to the container.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandOver {
    pub tenant: TenantName,
    pub account: AccountName,
    pub container: ContainerName,
    /// The container's URL, without a signature.
    pub url: String,
    /// Azure's permission letters.
    pub permissions: String,
    /// UTC.
    pub expires_at: String,
    /// The signature: the URL's query, without the question mark.
    pub token: String,
    /// Puts what is in the folder where it is run into the container, by AzCopy; the token is in it.
    pub command: String,
}

impl std::fmt::Debug for HandOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandOver").field("url", &self.url).finish_non_exhaustive()
    }
}

/// An account's two keys. Either is good, so that clients move from one to the other while the first is made anew.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyPair {
    pub account: AccountName,
    pub tenant: TenantName,
    /// Base64, 64 bytes each; the second is absent where an account was made before there were two, until it is rotated.
    pub key1: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key2: Option<String>,
}

/// All that was derived for an account before is good no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revoked {
    pub account: AccountName,
    /// That what is derived from now on belongs to.
    pub generation: u64,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair").field("account", &self.account).finish_non_exhaustive()
    }
}

/// What lets a tenant use the control API for what is its own. It is told once; making another revokes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantToken {
    pub tenant: TenantName,
    pub token: String,
}

impl std::fmt::Debug for TenantToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantToken").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AdmissionSwitch {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdmissionRequest {
    pub state: AdmissionSwitch,
    /// What the machine can do, where the operator knows better than the calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Rate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdmissionStatus {
    pub state: AdmissionSwitch,
    /// What the machine can do: what reservations are weighed against.
    pub capacity: Rate,
    pub calibrated: Calibrated,
    /// What all tenants together have reserved.
    pub reserved: Rate,
    /// Jain's index of what the tenants who want more get, by weight: 1 is fair, 1/n all for one.
    pub jain: f64,
    pub in_flight: u64,
    pub queued: u64,
}

/// How the capacity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Calibrated {
    /// Nothing was measured yet: reservations are not weighed.
    NotYet,
    /// By a short measurement of this disk when the server started, raised by what it was then seen to do.
    Measured,
    ByOperator,
}

/// What a tenant's account used within an hour. Stored figures are those at the hour's end, or now; times bytes are their integral.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageRow {
    /// UTC, such as `2026-11-23T07:00:00Z`.
    pub hour: String,
    pub tenant: TenantName,
    pub account: AccountName,
    /// As the blobs' lengths say.
    pub logical_bytes: u64,
    /// Of blobs whose content is on flash, uncommitted blocks included. Content may be in both places.
    pub flash_bytes: u64,
    /// Of blobs whose content is in the cloud.
    pub cloud_bytes: u64,
    /// In both; what lies in the cloud by the reduction of all that lies there: a segment holds content of several accounts.
    pub reduced_bytes: u64,
    pub blobs: u64,
    /// Logical bytes times hours: what storage is billed by.
    pub byte_hours: f64,
    pub writes: u64,
    pub reads: u64,
    pub lists: u64,
    pub deletes: u64,
    pub others: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// What its requests waited for admission, together.
    pub throttled_ms: u64,
    pub throttled: u64,
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    pub seq: u64,
    /// UTC.
    pub at: String,
    /// `operator`, `tenant gold`, `account goldtraining`.
    pub actor: String,
    /// Such as `tenants.apply`, `keys.rotate`, `blob.refused`.
    pub action: String,
    pub subject: String,
    pub outcome: AuditOutcome,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Of the entry before; hexadecimal BLAKE3.
    pub prev: String,
    /// Of all the above.
    pub hash: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuditOutcome {
    Done,
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerdict {
    pub entries: u64,
    pub whole: bool,
    /// The hash of the last entry: note it elsewhere, and nobody can write the log anew unseen.
    pub head: String,
    /// The first entry that does not follow from the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<u64>,
}
